"""The table of encoder families: an utterance scores the same alone and in any batch, or the encoder is refused."""

import re
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from transformers import (
    ASTConfig,
    AutoConfig,
    CLIPConfig,
    EncodecConfig,
    ReformerConfig,
    SpeechT5Config,
    ViTConfig,
    Wav2Vec2Config,
)

from configuration_emo import EmoBertConfig
from configuration_emo.summary_position import default_pooling
from modeling_emo import EmoBertForSequenceClassification, EmoBertModel
from modeling_emo.encoders.families import FAMILIES
from modeling_emo.encoders.length_aware import SilentPadding
from modeling_emo.encoders.speech import min_samples
from tests.tiny_models import (
    CONVOLUTIONS,
    SPEECH_FAMILIES,
    TEXT_FAMILIES,
    TRANSFORMER,
    emobert,
    emobert_config,
    ragged_batch,
    single_row,
    speech_config,
    text_config,
    text_family_config,
    without_dropout,
)


# Of the largest logit, in float32.
TOLERANCE = 1e-5
ADAPTERS = [family for family in SPEECH_FAMILIES if family.endswith("adapter")]
SPEECH_VARIANTS = {
    "statistics": {"text_pooling": "cls", "speech_pooling": "mean_std"},
    "layer": {"speech_layer": 1, "speech_pooling": "mean_std", "fusion": "shallow"},
    "mix": {"use_weighted_layer_sum": True, "speech_pooling": "attention", "text_pooling": "mean"},
}
DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "encoders.md"


def text_model(family, **kwargs):
    """A classifier over a text encoder of this family and token ids of speech."""
    torch.manual_seed(0)
    options = {"num_labels": 3, "initializer_range": 0.3, "text_pooling": "mean_std", **kwargs}
    config = EmoBertConfig.from_text_speech_configs(text_family_config(family), speech_config(), **options)
    return EmoBertForSequenceClassification(config).eval()


def with_noise(batch, family):
    """The same utterances with something loud, or any token id, where there is padding."""
    noisy = dict(batch)
    generator = torch.Generator().manual_seed(7)
    for name, mask in (("input_ids", "attention_mask"), ("speech_input_ids", "speech_attention_mask")):
        if name in batch:
            ids = torch.randint(3, 60, batch[name].shape, generator=generator)
            noisy[name] = torch.where(batch[mask].bool(), batch[name], ids)
    for name in ("input_values", "input_features"):
        if name in batch and family != "whisper":  # which hears the silence behind a clip, and so what lies there
            mask = batch["speech_attention_mask"].bool()
            noise = 50 * torch.randn(batch[name].shape, generator=generator)
            noisy[name] = torch.where(mask if noise.dim() == 2 else mask[..., None], batch[name], noise)
    return noisy


def assert_rows_score_the_same(model, batch, family="roberta"):
    together = model(**batch).logits
    alone = torch.cat([model(**single_row(batch, row)).logits for row in range(len(together))])
    atol = TOLERANCE * together.abs().max().item()
    torch.testing.assert_close(alone, together, atol=atol, rtol=0)
    torch.testing.assert_close(model(**with_noise(batch, family)).logits, together, atol=atol, rtol=0)
    return together


@pytest.mark.parametrize("variant", SPEECH_VARIANTS)
@pytest.mark.parametrize("family", SPEECH_FAMILIES)
@torch.no_grad()
def test_speech_scores_the_same_alone_and_in_any_batch(family, variant):
    if variant != "statistics" and family in ADAPTERS:
        with pytest.raises(ValueError, match="set add_adapter=False"):
            emobert(family, **SPEECH_VARIANTS[variant])
        return
    together = assert_rows_score_the_same(emobert(family, **SPEECH_VARIANTS[variant]), ragged_batch(family), family)
    assert together.std(0).min() > 0.05, "the rows must differ, or the comparison shows nothing"


@pytest.mark.parametrize("family", TEXT_FAMILIES)
@torch.no_grad()
def test_text_scores_the_same_alone_and_in_any_batch(family):
    together = assert_rows_score_the_same(text_model(family), ragged_batch())
    assert together.std(0).min() > 0.5, "the rows must differ, or the comparison shows nothing"


@settings(max_examples=60, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
@given(
    family=st.sampled_from(sorted(set(SPEECH_FAMILIES) - {"whisper"})),
    lengths=st.lists(st.integers(0, 100), min_size=1, max_size=4),
    text_lengths=st.lists(st.integers(0, 9), min_size=4, max_size=4),
    seed=st.integers(0, 3),
)
@torch.no_grad()
def test_lengths_do_not_matter(family, lengths, text_lengths, seed):
    """Any lengths, also shorter than one frame; `lengths` are hundredths of the longest clip."""
    batch = {name: tensor[: len(lengths)] for name, tensor in ragged_batch(family, seed).items()}
    longest = batch["speech_attention_mask"].shape[1]
    text_lengths = [max(text, speech == 0) for text, speech in zip(text_lengths, lengths, strict=False)]
    clips = torch.tensor(lengths) * longest // 100
    batch["speech_attention_mask"] = (torch.arange(longest) < clips[:, None]).long()
    batch["attention_mask"] = (torch.arange(9) < torch.tensor(text_lengths)[:, None]).long()
    if not (batch["speech_attention_mask"].any(1) | batch["attention_mask"].any(1)).all():
        return
    assert_rows_score_the_same(emobert(family, text_pooling="mean", speech_pooling="mean_std"), batch, family)


@pytest.mark.parametrize("family", [family for family in SPEECH_FAMILIES if family not in ("roberta", "whisper")])
@torch.no_grad()
def test_what_lies_behind_a_clip_shorter_than_a_frame_does_not_matter(family):
    model, batch = emobert(family), ragged_batch(family)
    name, length = model.emobert.speech_input_name, max(1, min_samples(model.emobert.speech_encoder) // 3)
    mask = torch.zeros_like(batch["speech_attention_mask"][:1])
    mask[:, :length] = 1
    alone = model(**{name: batch[name][:1, :length]}).logits
    padded = model(**{name: batch[name][:1]}, speech_attention_mask=mask).logits  # with sound behind the clip
    torch.testing.assert_close(padded, alone, atol=TOLERANCE * alone.abs().max().item(), rtol=0)


@pytest.mark.parametrize("family", ["conformer-relative", "data2vec-audio", "wav2vec2-adapter", "speech_to_text"])
@torch.no_grad()
def test_a_plain_convolution_would_see_the_padding(family):
    """The reason for the masks before convolutions: without them the same batch gives other numbers. What was packed
    has zeros in its padding, of which an adapter without biases makes zeros."""
    model, batch = emobert(family, packing=False), ragged_batch(family)
    before = model(**batch).logits
    for module in model.modules():
        for key, hook in list(module._forward_pre_hooks.items()):
            if isinstance(hook, SilentPadding):
                del module._forward_pre_hooks[key]
    assert (model(**batch).logits - before)[1:3].abs().max() > 1e-3


@pytest.mark.parametrize("family", ["conformer-relative", "speech_to_text", "wav2vec2-bert-adapter", "sew"])
def test_gradient_checkpointing_gives_the_same_gradients(family):
    """A length-aware layer does not know the lengths when it is run a second time."""
    gradients = []
    for checkpointing in (False, True):
        model = without_dropout(emobert(family))
        if checkpointing:
            model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
        model(**ragged_batch(family), labels=torch.tensor([0, 1, 2, 0, 1])).loss.backward()
        gradients.append({name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None})
    assert gradients[0].keys() == gradients[1].keys()
    for name, gradient in gradients[0].items():
        torch.testing.assert_close(gradients[1][name], gradient, atol=1e-5, rtol=1e-4, msg=name)


def test_every_row_of_the_table_has_a_tiny_model():
    tested = {*TEXT_FAMILIES, *(speech_config(family).model_type for family in SPEECH_FAMILIES)}
    assert tested == set(FAMILIES)


@torch.no_grad()
def test_an_unknown_text_encoder_runs_row_by_row():
    torch.manual_seed(0)
    unknown = AutoConfig.for_model("splinter", vocab_size=60, **TRANSFORMER)
    config = EmoBertConfig.from_text_speech_configs(unknown, speech_config(), num_labels=3, initializer_range=0.3)
    state = torch.get_rng_state()
    model = EmoBertModel(config).text_encoder
    torch.set_rng_state(state)
    known = EmoBertModel(emobert_config()).text_encoder
    assert type(model).__name__ == "SplinterModel" and type(known).__name__ == "BertModel"
    assert_rows_score_the_same(EmoBertForSequenceClassification(config).eval(), ragged_batch())


def test_the_trial_of_an_unknown_encoder_leaves_the_random_state(monkeypatch):
    from modeling_emo.encoders import suitability

    encoder = text_model("albert").emobert.text_encoder.train()
    monkeypatch.setattr(suitability, "family_of", lambda config: suitability.UNKNOWN)
    state = torch.get_rng_state()
    suitability.check_encoder(encoder, "text")
    assert torch.equal(torch.get_rng_state(), state) and encoder.training


@torch.no_grad()
def test_hidden_states_and_attentions_of_rows_run_alone_are_put_together():
    model = text_model("convbert").emobert
    model.text_encoder.set_attn_implementation("eager")
    batch = ragged_batch()
    ids, mask = batch["input_ids"][:3], batch["attention_mask"][:3]
    output = model.encode_text(ids, mask, output_hidden_states=True, output_attentions=True)
    assert [tuple(state.shape) for state in output.get("hidden_states")] == [(3, 9, 32)] * 3
    torch.testing.assert_close(output.get("hidden_states")[-1], output.hidden_states)
    attentions = output.get("attentions")
    assert attentions[0].shape[-2:] == (9, 9)
    torch.testing.assert_close(attentions[0][1].sum(-1)[:, :4], torch.ones(attentions[0].shape[1], 4))
    assert not attentions[0][1][:, 4:].any()


SPEECH_T5 = SpeechT5Config(
    hidden_size=32,
    encoder_layers=2,
    decoder_layers=1,
    encoder_attention_heads=4,
    decoder_attention_heads=4,
    encoder_ffn_dim=37,
    decoder_ffn_dim=37,
    **{name: CONVOLUTIONS[name] for name in ("conv_dim", "conv_kernel", "conv_stride", "num_feat_extract_layers")},
)


@pytest.mark.parametrize(
    ("side", "config", "reason"),
    [
        ("speech", ASTConfig(**TRANSFORMER), "'audio-spectrogram-transformer' is not known as a speech encoder"),
        ("speech", SPEECH_T5, "'speecht5' is not known as a speech encoder"),
        ("speech", EncodecConfig(), "'encodec' is not known as a speech encoder"),
        ("speech", text_config(), "'bert' is a text encoder and was given as the speech encoder"),
        ("text", Wav2Vec2Config(**TRANSFORMER, **CONVOLUTIONS), "'wav2vec2' is a speech encoder and was given as"),
        ("text", ViTConfig(**TRANSFORMER, image_size=8, patch_size=4), "'vit' cannot be the text encoder"),
        ("text", CLIPConfig(), "does not say how wide"),
        ("text", ReformerConfig(vocab_size=60, axial_pos_embds=False), "'reformer' cannot be the text"),
        ("text", text_family_config("yoso", use_expectation=False), "set use_expectation=True"),
        ("text", text_family_config("big_bird", attention_type="block_sparse"), "set attention_type='original_full'"),
        (
            "speech",
            speech_config("wav2vec2-bert-adapter", adapter_kernel_size=5),
            "pads in one way and counts frames in another",
        ),
    ],
)
def test_what_cannot_serve_is_refused_when_the_model_is_built(side, config, reason):
    configs = {"text_config": text_config(), "speech_config": speech_config(), f"{side}_config": config}
    with pytest.raises(ValueError, match=re.escape(reason)):
        EmoBertForSequenceClassification(EmoBertConfig(**configs, fusion="shallow", **{f"{side}_pooling": "mean"}))


WITH_SPEC_AUGMENT = [
    family
    for family in SPEECH_FAMILIES
    if family not in ("roberta", "emotion2vec", "moonshine", "whisper", "speech_to_text")
]


@pytest.mark.parametrize("family", WITH_SPEC_AUGMENT)
def test_clips_shorter_than_a_mask_of_spec_augment_can_be_trained_on(family):
    speech = speech_config(family, mask_time_prob=0.5, mask_time_length=10)
    config = EmoBertConfig.from_text_speech_configs(text_config(), speech, num_labels=3)
    model = EmoBertForSequenceClassification(config).train()
    batch = ragged_batch(family)
    name = model.emobert.speech_input_name
    for length in (3, 9) if name == "input_features" else (60, 90):
        model(**{name: batch[name][:1, :length]}, labels=torch.tensor([0])).loss.backward()
    masked = model.emobert.speech_encoder.masked_spec_embed.grad
    assert masked is None or not masked.any(), "a clip shorter than the mask is left as it is"


def lines_of_the_table():
    """The tables of docs/encoders.md."""
    ways = {True: "row by row", False: "exactly, padded"}
    packing = {None: "", "ids": "token ids", "states": "states"}
    names = {family: speech_config(family).model_type for family in SPEECH_FAMILIES}
    for name, family in FAMILIES.items():
        tiny = next((speech_config(key) for key, value in names.items() if value == name), None) or text_family_config(
            name
        )
        pooling = default_pooling(tiny)
        lora = ", ".join(f"`{layer}`" for layer in family.lora)
        sides = " and ".join(family.sides)
        how = "exactly; hears the silence up to 30 s" if family.fixed_length else ways[family.row_by_row]
        cells = (f"`{name}`", sides, f"`{family.input_name}`", how, f"`{pooling}`", packing[family.packing], lora)
        yield f"| {' | '.join(cells)} |"


def test_the_document_lists_what_the_table_says():
    listed = [line for line in DOCUMENT.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    assert listed == list(lines_of_the_table())
