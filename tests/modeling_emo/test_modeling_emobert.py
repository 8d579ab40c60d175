"""EmoBERT's models: batches, absent modalities, layers, freezing, checkpointing, saving and loading."""

import re

import pytest
import torch
from transformers import AutoConfig, AutoModel, AutoModelForSequenceClassification, RobertaModel, WhisperModel

from configuration_emo import EmoBertConfig
from modeling_emo import EmoBertForSequenceClassification, EmoBertModel
from modeling_emo.encoders.families import family_of
from modeling_emo.encoders.loading import build_encoder
from modeling_emo.encoders.speech import encode_speech, min_samples
from tests.tiny_models import (
    CORE_FAMILIES,
    emobert,
    emobert_config,
    ragged_batch,
    single_row,
    speech_config,
    text_config,
    text_family_config,
)


VARIANTS = [
    {"text_pooling": "cls", "speech_pooling": "cls"},
    {"speech_pooling": "mean_std", "speech_layer": 1, "fusion": "shallow"},
    {
        "speech_pooling": "attention",
        "text_pooling": "mean",
        "use_weighted_layer_sum": True,
        "num_co_attention_layers": 2,
        "co_attention_feed_forward": True,
    },
]


@pytest.mark.parametrize("family", CORE_FAMILIES)
@pytest.mark.parametrize("variant", VARIANTS, ids=["paper", "statistics", "learned"])
@torch.no_grad()
def test_an_utterance_scores_the_same_alone_and_in_any_batch(family, variant):
    model = emobert(family, **variant)
    batch = ragged_batch(family)
    together = model(**batch).logits
    for row in range(5):
        alone = model(**single_row(batch, row)).logits
        torch.testing.assert_close(alone[0], together[row], atol=1e-5, rtol=0)
    assert together.std(0).min() > 1e-2, "the rows must differ, or the comparison shows nothing"


@pytest.mark.parametrize("family", ["moonshine", "wav2vec2-group-norm"])
@torch.no_grad()
def test_a_plain_group_norm_would_see_the_padding(family):
    """The reason for the length-aware norm: without the clips' lengths the same batch gives other numbers."""
    model = emobert(family)
    encoder = model.emobert.speech_encoder
    batch = ragged_batch(family)
    padded = encoder(batch["input_values"], attention_mask=batch["speech_attention_mask"]).last_hidden_state
    length = int(batch["speech_attention_mask"][2].sum())
    alone = encoder(batch["input_values"][2:3, :length]).last_hidden_state
    assert (padded[2, 0] - alone[0, 0]).abs().max() > 1e-3


@torch.no_grad()
def test_a_clip_shorter_than_one_frame_counts_as_one_frame():
    model = emobert("moonshine")
    assert min_samples(model.emobert.speech_encoder) == 895  # 127 + 64 * (7 + 3 * 2 - 1)
    clip = torch.randn(1, 300)
    output = model(input_values=clip)
    assert output.speech_last_hidden_state.shape[1] == 1
    padded = model(input_values=torch.nn.functional.pad(clip, (0, 595)))
    torch.testing.assert_close(output.logits, padded.logits)


@torch.no_grad()
def test_absent_modalities_are_replaced_by_their_learned_stand_in():
    model = emobert(fusion="shallow", text_pooling="mean", speech_pooling="mean_std")
    batch = ragged_batch()
    text_only = model(input_ids=batch["input_ids"][:3], attention_mask=batch["attention_mask"][:3])
    speech_half = text_only.pooler_output[:, 32:]
    stand_in = model.emobert.speech_stand_in.embedding
    torch.testing.assert_close(speech_half[:, :32], stand_in.expand(3, -1))
    torch.testing.assert_close(speech_half[:, 32:], torch.full((3, 32), 1e-5**0.5))
    assert text_only.speech_last_hidden_state is None
    speech_only = model(speech_input_ids=batch["speech_input_ids"][:3])
    torch.testing.assert_close(speech_only.pooler_output[:, :32], model.emobert.text_stand_in.embedding.expand(3, -1))


@torch.no_grad()
def test_modality_dropout_is_for_training_only():
    """Without it a row's vector is that of both modalities, with a probability of 1 that of one of them alone."""
    model, batch = emobert(modality_dropout=1.0, co_attention_dropout=0.0).emobert, ragged_batch()
    for encoder in (model.text_encoder, model.speech_encoder):
        encoder.requires_grad_(False)  # and so in evaluation mode, without dropout
    batch = {name: tensor[:3] for name, tensor in batch.items()}
    whole = model(**batch, output_unimodal=True)
    dropped = model.train()(**batch).pooler_output
    alone = torch.stack([whole.text_only_pooler_output, whole.speech_only_pooler_output])
    assert (alone - dropped).abs().amax(-1).amin(0).max() < 1e-5
    assert (whole.pooler_output - dropped).abs().amax(-1).min() > 1e-2


def test_neither_modality_is_refused():
    with pytest.raises(ValueError, match="no text and no speech"):
        emobert()()


def test_speech_in_the_wrong_form_is_refused_by_name():
    with pytest.raises(ValueError, match="takes speech as `speech_input_ids`, got `input_values`"):
        emobert()(input_values=torch.zeros(1, 4000))


@torch.no_grad()
def test_speech_layer_takes_that_hidden_state():
    model = emobert("moonshine", speech_layer=1)
    values = torch.randn(2, 4000)
    states = model.emobert.speech_encoder(values, output_hidden_states=True).hidden_states
    torch.testing.assert_close(model(input_values=values).speech_last_hidden_state, states[1])


@torch.no_grad()
def test_several_speech_layers_lie_side_by_side(tmp_path):
    model = emobert("moonshine", speech_layer=[2, 0], speech_pooling="mean_std")
    assert model.config.speech_hidden_size == 64 and model.config.speech_pooled_size == 128
    values = torch.randn(2, 4000)
    states = model.emobert.speech_encoder(values, output_hidden_states=True).hidden_states
    output = model(input_values=values)
    torch.testing.assert_close(output.speech_last_hidden_state, torch.cat([states[2], states[0]], dim=-1))
    model.save_pretrained(tmp_path)
    torch.testing.assert_close(type(model).from_pretrained(tmp_path)(input_values=values).logits, output.logits)


@torch.no_grad()
def test_several_text_layers_lie_side_by_side(tmp_path):
    model, whole = (
        emobert("wavlm", text_layer=layers, fusion="shallow", text_pooling="mean") for layers in ([1, 0], 2)
    )
    assert model.config.text_hidden_size == 64 and model.config.text_pooled_size == 64
    whole.emobert.text_encoder.load_state_dict(model.emobert.text_encoder.state_dict())
    ids = torch.tensor([[5, 6, 7], [8, 9, 1]])
    mask = torch.tensor([[1, 1, 1], [1, 1, 0]])
    states = whole.emobert.text_encoder(ids, attention_mask=mask, output_hidden_states=True).hidden_states
    output = model(input_ids=ids, attention_mask=mask)
    expected = torch.cat([states[1], states[0]], dim=-1)
    torch.testing.assert_close(output.text_last_hidden_state[mask.bool()], expected[mask.bool()])
    model.save_pretrained(tmp_path)
    loaded = type(model).from_pretrained(tmp_path)
    torch.testing.assert_close(loaded(input_ids=ids, attention_mask=mask).logits, output.logits)


@pytest.mark.parametrize("family", CORE_FAMILIES)
@torch.no_grad()
def test_layers_above_the_chosen_one_are_dropped_and_change_nothing(family, tmp_path):
    layers = {"num_hidden_layers": 4, "encoder_num_hidden_layers": 4, "encoder_layers": 4}
    name = {"moonshine": "encoder_num_hidden_layers", "whisper": "encoder_layers"}.get(family, "num_hidden_layers")
    torch.manual_seed(0)
    whole = build_encoder(speech_config(family, **{name: layers[name]})).eval()
    family_of(whole.config).prepare(whole)
    text = build_encoder(text_config())
    model = EmoBertForSequenceClassification.from_text_speech_pretrained(text, whole, speech_layer=1, num_labels=3)
    batch = {key: value[:1] for key, value in ragged_batch(family).items() if "ids" not in key or "speech" in key}
    speech = batch[model.emobert.speech_input_name]
    _, _, output = encode_speech(whole, speech, batch["speech_attention_mask"], output_hidden_states=True)
    used = model(**{key: value for key, value in batch.items() if key != "attention_mask"})
    torch.testing.assert_close(used.speech_last_hidden_state, output.hidden_states[1])
    assert len(output.hidden_states) == 5
    kept = [name for name, _ in model.emobert.speech_encoder.named_parameters() if re.search(r"layers?\.[23]\.", name)]
    assert [name for name in kept if "conv_layers" not in name] == []
    model.save_pretrained(tmp_path)
    loaded = EmoBertForSequenceClassification.from_pretrained(tmp_path)
    torch.testing.assert_close(
        loaded(input_ids=torch.ones(1, 3).long()).logits, model(input_ids=torch.ones(1, 3).long()).logits
    )


@pytest.mark.parametrize("family", ["wav2vec2-group-norm", "hubert", "wavlm", "whisper", "wav2vec2-bert"])
@pytest.mark.parametrize("layers", [{"use_weighted_layer_sum": True}, {"speech_layer": 1}])
def test_no_layer_is_skipped_in_training_where_layers_are_chosen(family, layers):
    """With LayerDrop a hidden state would be missing, and the next one would be taken for it."""
    layer_drop = {"encoder_layerdrop" if family == "whisper" else "layerdrop": 1.0}
    config = EmoBertConfig.from_text_speech_configs(text_config(), speech_config(family, **layer_drop), **layers)
    model = EmoBertForSequenceClassification(config).train()
    batch = ragged_batch(family)
    speech = model.emobert.encode_speech(batch.get("input_values", batch.get("input_features"))[:1])
    assert len(speech.get("hidden_states")) == 3


@torch.no_grad()
def test_weighted_layer_sum_is_the_softmax_mix_of_all_hidden_states():
    model = emobert("moonshine", use_weighted_layer_sum=True)
    model.emobert.layer_sum.weights.copy_(torch.tensor([0.0, 1.0, -1.0]))
    values = torch.randn(2, 4000)
    states = model.emobert.speech_encoder(values, output_hidden_states=True).hidden_states
    shares = torch.tensor([1.0, torch.e, 1 / torch.e])
    expected = sum(share * state for share, state in zip(shares / shares.sum(), states, strict=True))
    torch.testing.assert_close(model(input_values=values).speech_last_hidden_state, expected)


@pytest.mark.parametrize("family", ["roberta", "moonshine", "wav2vec2-group-norm"])
def test_gradient_checkpointing_gives_the_same_gradients(family):
    gradients = []
    for checkpointing in (False, True):
        model = emobert(family, classifier_dropout=0.0, co_attention_dropout=0.0).train()
        for module in model.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = 0.0
        for config in (model.config.text_config, model.config.speech_config):
            config.attention_probs_dropout_prob = config.attention_dropout = config.layerdrop = 0.0
        if checkpointing:
            model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
        model(**ragged_batch(family), labels=torch.tensor([0, 1, 2, 0, 1])).loss.backward()
        gradients.append({name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None})
    assert gradients[0].keys() == gradients[1].keys()
    for name, gradient in gradients[0].items():
        torch.testing.assert_close(gradients[1][name], gradient, atol=1e-6, rtol=1e-4, msg=name)


def test_freezing_leaves_the_encoder_as_it_is():
    model = emobert().train()
    model.freeze_text_encoder()
    model.freeze_speech_encoder()
    before = {name: p.clone() for name, p in model.named_parameters()}
    model(**ragged_batch(), labels=torch.tensor([0, 1, 2, 0, 1])).loss.backward()
    torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.5).step()
    changed = {name.split(".")[1] for name, p in model.named_parameters() if not torch.equal(p, before[name])}
    assert not {"text_encoder", "speech_encoder"} & changed
    assert {"text_to_speech", "speech_to_text", "text_stand_in", "speech_stand_in"} <= changed
    model.unfreeze_text_encoder()
    model.unfreeze_speech_encoder()
    assert all(p.requires_grad for p in model.parameters())


@torch.no_grad()
def test_eager_and_sdpa_agree_and_are_set_per_encoder(tmp_path):
    model = emobert()
    model.save_pretrained(tmp_path)
    mixed = EmoBertForSequenceClassification.from_pretrained(
        tmp_path, attn_implementation={"text_config": "eager", "speech_config": "sdpa"}
    )
    assert mixed.emobert.text_encoder.config._attn_implementation == "eager"
    assert mixed.emobert.speech_encoder.config._attn_implementation == "sdpa"
    torch.testing.assert_close(mixed(**ragged_batch()).logits, model(**ragged_batch()).logits, atol=1e-5, rtol=0)


@torch.no_grad()
def test_attention_and_hidden_state_outputs():
    model = emobert(num_co_attention_layers=2)
    model.set_attn_implementation("eager")
    batch = ragged_batch()
    output = model(**batch, output_attentions=True, output_hidden_states=True)
    assert [tuple(w.shape) for w in output.co_attentions] == [(5, 4, 40)] * 2 + [(5, 4, 9)] * 2
    for weights in output.co_attentions:
        torch.testing.assert_close(weights.sum(-1), torch.ones(5, 4))
    padded = output.co_attentions[0][1, :, 24:]
    assert torch.equal(padded, torch.zeros_like(padded))
    assert len(output.hidden_states) == len(output.speech_hidden_states) == 3
    assert len(output.attentions) == len(output.speech_attentions) == 2


@pytest.mark.parametrize("family", ["roberta", "moonshine", "whisper"])
@torch.no_grad()
def test_save_and_load_round_trip(family, tmp_path):
    model = emobert(family, use_weighted_layer_sum=True, class_weights=[1.0, 2.0, 0.5])
    model.save_pretrained(tmp_path)
    assert {path.name for path in tmp_path.iterdir() if path.suffix != ".py"} == {"config.json", "model.safetensors"}
    batch = ragged_batch(family)
    expected = model(**batch)
    loaded, info = EmoBertForSequenceClassification.from_pretrained(tmp_path, output_loading_info=True)
    assert not info["missing_keys"] and not info["unexpected_keys"] and not info["mismatched_keys"]
    assert torch.equal(loaded(**batch).logits, expected.logits)
    automatic = AutoModelForSequenceClassification.from_pretrained(tmp_path)
    assert torch.equal(automatic(**batch).logits, expected.logits)
    base = AutoModel.from_pretrained(tmp_path)
    assert isinstance(base, EmoBertModel)
    assert torch.equal(base(**batch).pooler_output, expected.pooler_output)
    config = AutoConfig.from_pretrained(tmp_path)
    assert isinstance(config, EmoBertConfig)
    assert config.to_json_string() == model.config.to_json_string()
    assert config.speech_config.model_type == model.config.speech_config.model_type


@torch.no_grad()
def test_two_encoders_of_one_class_keep_their_own_sizes(tmp_path):
    small, large = speech_config(hidden_size=16), speech_config(hidden_size=48)
    model = EmoBertForSequenceClassification(EmoBertConfig.from_text_speech_configs(small, large))
    model.save_pretrained(tmp_path)
    loaded = EmoBertForSequenceClassification.from_pretrained(tmp_path)
    assert (loaded.config.text_config.hidden_size, loaded.config.speech_config.hidden_size) == (16, 48)


@torch.no_grad()
def test_from_text_speech_pretrained_carries_the_encoders_over(tmp_path):
    torch.manual_seed(1)
    text, whole = RobertaModel(speech_config()), WhisperModel(speech_config("whisper"))
    text.save_pretrained(tmp_path / "text")
    whole.save_pretrained(tmp_path / "whole")
    whole.get_encoder().save_pretrained(tmp_path / "encoder")
    for folder in ("whole", "encoder"):
        model = EmoBertForSequenceClassification.from_text_speech_pretrained(
            str(tmp_path / "text"), str(tmp_path / folder), speech_pooling="mean_std", num_labels=7
        )
        assert not model.training and model.classifier.out_features == 7
        for name, weight in model.emobert.text_encoder.state_dict().items():
            assert torch.equal(weight, text.state_dict()[name]), name
        for name, weight in model.emobert.speech_encoder.state_dict().items():
            assert torch.equal(weight, whole.get_encoder().state_dict()[name]), name


def test_from_text_speech_pretrained_refuses_a_checkpoint_that_lacks_weights(tmp_path):
    from safetensors.torch import load_file, save_file

    model = RobertaModel(speech_config())
    model.save_pretrained(tmp_path)
    weights = load_file(tmp_path / "model.safetensors")
    weights.pop("encoder.layer.1.output.dense.weight")
    save_file(weights, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ValueError, match="lacks 1 weights .*encoder.layer.1.output.dense.weight"):
        EmoBertForSequenceClassification.from_text_speech_pretrained(str(tmp_path), str(tmp_path))


def test_only_the_encoder_of_an_encoder_decoder_is_built():
    assert type(build_encoder(speech_config("moonshine"))).__name__ == "MoonshineEncoder"
    assert type(build_encoder(speech_config("whisper"))).__name__ == "WhisperEncoder"
    assert build_encoder(text_config()).pooler is None


def test_every_weight_is_trained_with_both_modalities():
    model = emobert("moonshine", use_weighted_layer_sum=True, speech_pooling="attention").train()
    model(**ragged_batch("moonshine"), labels=torch.tensor([0, 1, 2, 0, 1])).loss.backward()
    assert [name for name, p in model.named_parameters() if p.grad is None] == []


@torch.no_grad()
def test_the_classifier_hears_a_thinned_vector_in_training_only():
    model = emobert(classifier_dropout=0.5)
    heard = []
    model.classifier.register_forward_hook(lambda module, inputs, output: heard.append(inputs[0]))
    fused = model(**ragged_batch()).pooler_output
    torch.testing.assert_close(heard.pop(), fused, rtol=0, atol=0)
    model.dropout.train()
    model(**ragged_batch())
    share = heard.pop() / fused
    assert set(share.round(decimals=5).flatten().tolist()) == {0.0, 2.0}


def test_new_weights_follow_the_paper():
    """N(0, 0.02) weights, zero bias."""
    model = EmoBertForSequenceClassification(emobert_config(num_labels=8))
    attention = model.emobert.text_to_speech.layers[0].attention
    for linear in (attention.q_proj, attention.k_proj, attention.v_proj, attention.out_proj, model.classifier):
        assert linear.weight.std().item() == pytest.approx(0.02, rel=0.15)
        assert not linear.bias.any()


def test_the_unimodal_losses_are_those_of_the_batch_with_one_modality_only():
    options = {"classifier_dropout": 0.0, "co_attention_dropout": 0.0, "unimodal_loss_weight": 0.4}
    model = emobert("moonshine", **options)
    for encoder in (model.emobert.text_encoder, model.emobert.speech_encoder):
        encoder.requires_grad_(False)  # and so in evaluation mode, without dropout
    model.train()
    batch = {name: tensor[:3] for name, tensor in ragged_batch("moonshine").items()}
    labels = torch.tensor([0, 2, 1])
    total = model(**batch, labels=labels).loss

    model.eval()
    text = {name: batch[name] for name in ("input_ids", "attention_mask")}
    speech = {name: batch[name] for name in ("input_values", "speech_attention_mask")}
    fused, text_only, speech_only = (model(**inputs, labels=labels).loss for inputs in (batch, text, speech))
    torch.testing.assert_close(total, fused + 0.4 * (text_only + speech_only))
    assert len({round(loss.item(), 4) for loss in (fused, text_only, speech_only)}) == 3


def test_a_negative_unimodal_weight_is_refused():
    with pytest.raises(ValueError, match="unimodal_loss_weight"):
        emobert(unimodal_loss_weight=-1.0)


@torch.no_grad()
def test_loss_and_logits_come_first():
    model, batch, labels = emobert(), ragged_batch(), torch.tensor([0, 1, 2, 0, 1])
    output = model(**batch, labels=labels)
    assert list(output)[:3] == ["loss", "logits", "pooler_output"]
    assert output[0] is output.loss and output[1] is output.logits
    for values in (model(**batch, labels=labels, return_dict=False), output.to_tuple()):
        assert torch.equal(values[0], output.loss) and torch.equal(values[1], output.logits)
    assert torch.equal(model(**batch)[0], output.logits)
    model.config.return_dict = model.config.text_config.return_dict = model.config.speech_config.return_dict = False
    assert torch.equal(model(**batch, labels=labels)[0], output.loss)
    assert torch.equal(model.emobert(**batch)[0], output.pooler_output)


@torch.no_grad()
def test_causal_text_is_pooled_where_it_has_been_read():
    """The first position of a causal encoder sees nothing else: by default two texts must not give one answer."""
    torch.manual_seed(0)
    config = EmoBertConfig.from_text_speech_configs(text_family_config("gpt2"), speech_config(), fusion="shallow")
    model = EmoBertForSequenceClassification(config).eval()
    assert model.config.text_pooling == "last"
    one, other = torch.tensor([[2, 10, 11, 3]]), torch.tensor([[2, 40, 41, 3]])
    assert (model(input_ids=one).logits - model(input_ids=other).logits).abs().max() > 1e-3


def test_hidden_modalities_are_heard_alone_all_the_same():
    """Modality dropout hides a modality from the fusion; text alone and speech alone are of what the rows have."""
    model = emobert("moonshine", modality_dropout=1.0, co_attention_dropout=0.0)
    for encoder in (model.emobert.text_encoder, model.emobert.speech_encoder):
        encoder.requires_grad_(False)  # and so in evaluation mode, without dropout
    batch = ragged_batch("moonshine")
    heard = model.emobert.eval()(**batch, output_unimodal=True)
    hidden = model.emobert.train()(**batch, output_unimodal=True)
    assert (heard.pooler_output - hidden.pooler_output).abs().amax(-1)[:3].min() > 1e-3
    for name in ("text_only_pooler_output", "speech_only_pooler_output"):
        torch.testing.assert_close(heard[name], hidden[name])
    assert hidden.has_text.tolist() == [True, True, True, False, True]
    assert hidden.has_speech.tolist() == [True, True, True, True, False]
