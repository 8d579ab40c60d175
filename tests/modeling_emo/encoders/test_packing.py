"""Packed encoders compute nothing for padding, and what they compute is what they compute of padded batches."""

import threading

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import nn
from transformers import AttentionInterface
from transformers.modeling_outputs import BaseModelOutput
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

from configuration_emo import EmoBertConfig
from modeling_emo import EmoBertForSequenceClassification, add_lora
from modeling_emo.encoders.families import FAMILIES
from modeling_emo.encoders.ids import encode_ids
from modeling_emo.encoders.layers import encoder_layers
from modeling_emo.encoders.packing import Packing, packing_for
from modeling_emo.encoders.segment_attention import attend_within_segments, teach_segments
from tests.tiny_models import (
    SPEECH_FAMILIES,
    TEXT_FAMILIES,
    emobert,
    ragged_batch,
    speech_config,
    text_family_config,
    without_dropout,
)


# Of the largest value, in float32.
TOLERANCE = 1e-5
TEXT = [name for name in TEXT_FAMILIES if FAMILIES[name].packing == "ids"]
STATES = [name for name in SPEECH_FAMILIES if FAMILIES[speech_config(name).model_type].packing == "states"]
LABELS = torch.tensor([0, 1, 2, 0, 1])


def text_model(family, **kwargs):
    torch.manual_seed(0)
    config = EmoBertConfig.from_text_speech_configs(
        text_family_config(family, **kwargs), speech_config(), num_labels=3, initializer_range=0.3, text_pooling="mean"
    )
    return EmoBertForSequenceClassification(config).eval()


def any_model(family):
    """A model with this family on the side that is packed in its own way, and a batch with padding."""
    if family in STATES:
        return emobert(family, speech_pooling="mean_std"), ragged_batch(family)
    return text_model(family), ragged_batch()


def shapes_of_layers(encoder):
    """A list that will hold the shape of whatever enters a layer of this encoder."""
    shapes = []
    layers = encoder_layers(encoder) or [encoder.encoder.albert_layer_groups[0].albert_layers[0]]
    for layer in layers:
        layer.register_forward_pre_hook(lambda module, args: shapes.append(tuple(args[0].shape[:2])))
    return shapes


def packed_encoder(model, family):
    return model.emobert.speech_encoder if family in STATES else model.emobert.text_encoder


def assert_close(actual, expected, what=""):
    atol = TOLERANCE * max(expected.abs().max().item(), 1e-3)
    torch.testing.assert_close(actual, expected, atol=atol, rtol=0, msg=lambda text: f"{what}: {text}")


def loss_and_gradients(model, batch):
    model.zero_grad()
    output = model(**batch, labels=LABELS)
    output.loss.backward()
    gradients = {name: weight.grad.clone() for name, weight in model.named_parameters() if weight.grad is not None}
    return output.logits.detach(), gradients


def assert_same_training_step(model, batch, atol=TOLERANCE):
    model.config.packing = True
    logits, gradients = loss_and_gradients(model, batch)
    model.config.packing = False
    expected_logits, expected = loss_and_gradients(model, batch)
    assert_close(logits, expected_logits)
    assert gradients.keys() == expected.keys()
    largest = max(gradient.abs().max().item() for gradient in expected.values())
    for name, gradient in expected.items():
        torch.testing.assert_close(gradients[name], gradient, atol=atol * largest, rtol=1e-4, msg=name)


@pytest.mark.parametrize("family", TEXT + STATES)
def test_logits_and_gradients_are_those_of_the_padded_batch(family):
    model, batch = any_model(family)
    shapes = shapes_of_layers(packed_encoder(model, family))
    assert_same_training_step(without_dropout(model), batch)
    half = len(shapes) // 2
    assert {rows for rows, _ in shapes[:half]} == {1}, "packed"
    assert {rows for rows, _ in shapes[half:]} != {1}, "padded"


@pytest.mark.parametrize("family", ["bert", "modernbert", "wav2vec2-group-norm", "moonshine"])
@pytest.mark.parametrize("reentrant", [False, True])
def test_gradient_checkpointing_runs_the_layers_again_on_the_same_rows(family, reentrant):
    model, batch = any_model(family)
    model = without_dropout(model)
    expected_logits, expected = loss_and_gradients(model, batch)
    model.gradient_checkpointing_enable({"use_reentrant": reentrant})
    shapes = shapes_of_layers(packed_encoder(model, family))
    logits, gradients = loss_and_gradients(model, batch)
    assert {rows for rows, _ in shapes} == {1}
    assert_close(logits, expected_logits)
    assert gradients.keys() == expected.keys()
    for name, gradient in expected.items():
        assert_close(gradients[name], gradient, name)


@pytest.mark.parametrize("family", ["roberta", "wav2vec2-layer-norm", "sew", "moonshine"])
@torch.no_grad()
def test_hidden_states_are_those_of_the_padded_batch(family):
    model, batch = emobert(family).emobert, ragged_batch(family)
    packed = model(**batch, output_hidden_states=True)
    model.config.packing = False
    padded = model(**batch, output_hidden_states=True)
    mask = batch["attention_mask"].bool()
    for name in ("hidden_states", "speech_hidden_states"):
        assert [state.shape for state in packed[name]] == [state.shape for state in padded[name]]
    for one, other in zip(packed.hidden_states, padded.hidden_states, strict=True):
        assert_close(one[mask], other[mask])
    assert_close(packed.speech_hidden_states[1][0], padded.speech_hidden_states[1][0])
    assert_close(packed.speech_last_hidden_state[0], padded.speech_last_hidden_state[0])


@pytest.mark.parametrize("options", [{"speech_layer": 1}, {"use_weighted_layer_sum": True}])
@pytest.mark.parametrize("family", ["hubert", "sew"])
def test_middle_layers_and_their_mix_are_those_of_the_padded_batch(family, options):
    model = emobert(family, speech_pooling="mean_std", **options)
    assert_same_training_step(without_dropout(model), ragged_batch(family))


@torch.no_grad()
def test_a_window_of_attention_is_that_of_each_text():
    model, batch = text_model("modernbert", local_attention=4, global_attn_every_n_layers=2), ragged_batch()
    packed = model(**batch).logits
    model.config.packing = False
    assert_close(packed, model(**batch).logits)
    model.emobert.text_encoder.config.sliding_window = 64
    assert (model(**batch).logits - packed).abs().max() > 0.01, "the window must matter"


@settings(max_examples=25, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
@given(
    family=st.sampled_from(["roberta", *STATES]),
    lengths=st.lists(st.integers(0, 100), min_size=1, max_size=5),
    seed=st.integers(0, 3),
)
@torch.no_grad()
def test_lengths_do_not_matter(family, lengths, seed):
    """Any lengths, also shorter than one frame; `lengths` are hundredths of the longest clip."""
    batch = {name: tensor[: len(lengths)] for name, tensor in ragged_batch(family, seed).items()}
    longest = batch["speech_attention_mask"].shape[1]
    clips = torch.tensor(lengths) * longest // 100
    batch["speech_attention_mask"] = (torch.arange(longest) < clips[:, None]).long()
    batch["attention_mask"][:, 0] = 1  # the row without text has some
    model = emobert(family, text_pooling="mean", speech_pooling="mean_std")
    packed = model(**batch).logits
    model.config.packing = False
    assert_close(packed, model(**batch).logits)


@torch.no_grad()
def test_an_id_of_padding_inside_a_text_has_the_position_that_roberta_gives_it():
    model, batch = text_model("roberta"), ragged_batch()
    batch["input_ids"][0, 3] = model.config.text_config.pad_token_id
    packed = model(**batch).logits
    model.config.packing = False
    assert_close(packed, model(**batch).logits)


@torch.no_grad()
def test_eager_attention_and_its_weights_take_the_padded_way():
    model, batch = text_model("bert"), ragged_batch()
    expected = model(**batch).logits
    shapes = shapes_of_layers(model.emobert.text_encoder)
    model.set_attn_implementation("eager")
    output = model(**batch, output_attentions=True)
    assert set(shapes) == {(4, 9)} and output.attentions[0].shape[-2:] == (9, 9)
    assert_close(output.logits, expected)
    model.set_attn_implementation("sdpa")
    model(**batch)
    assert shapes[-1][0] == 1


@torch.no_grad()
def test_rows_without_padding_are_left_as_they_are():
    model = text_model("bert")
    shapes = shapes_of_layers(model.emobert.text_encoder)
    ids = torch.randint(5, 60, (3, 7))
    model(input_ids=ids)
    model(input_ids=ids[:1], attention_mask=(torch.arange(7) < 4).long()[None])
    assert shapes == [(3, 7)] * 2 + [(1, 4)] * 2
    with_gap = torch.tensor([[0, 1, 1, 1], [1, 1, 1, 1]])
    model.emobert.encode_text(ids[:2, :4], with_gap)
    assert shapes[-1] == (2, 4), "only padding on the right is left out"


@pytest.mark.parametrize("family", ["bert", "hubert"])
def test_adapters_are_trained_alike(family):
    model, batch = any_model(family)
    model = without_dropout(add_lora(model, r=2, dropout=0.0))
    generator = torch.Generator().manual_seed(3)
    for name, weight in model.named_parameters():
        if "lora_B" in name:
            nn.init.normal_(weight, std=0.3, generator=generator)
    assert_same_training_step(model, batch)


@pytest.mark.parametrize("dropped", [0, 1, 2])
def test_layers_may_be_dropped(dropped):
    """LayerDrop draws one number for each layer: the states are packed before the first that runs, if any does."""
    model, batch = emobert("hubert", speech_pooling="mean_std"), ragged_batch("hubert")
    model = without_dropout(model)
    model.emobert.speech_encoder.config.layerdrop = 0.5
    runs = {0: (True, True), 1: (False, True), 2: (False, False)}[dropped]
    seed = next(seed for seed in range(100) if draws(seed) == runs)
    shapes = shapes_of_layers(model.emobert.speech_encoder)
    logits = []
    for packing in (True, False):
        model.config.packing = packing
        torch.manual_seed(seed)
        logits.append(model(**batch).logits.detach())
    assert_close(*logits)
    assert len(shapes) == 2 * (2 - dropped) and {rows for rows, _ in shapes[: len(shapes) // 2]} <= {1}


def draws(seed):
    """Which of two layers LayerDrop lets run after this seed."""
    torch.manual_seed(seed)
    return tuple(bool(torch.rand([]) >= 0.5) for _ in range(2))


def test_threads_do_not_meet():
    models = [emobert("hubert"), text_model("bert")]
    batches = [ragged_batch("hubert"), ragged_batch()]
    expected = []
    for model, batch in zip(models, batches, strict=True):
        model.config.packing = False
        expected.append(model(**batch).logits.detach())
        model.config.packing = True
    failures = []

    def run(which, packing):
        for _ in range(8):
            encoders = models[which].emobert
            ids, mask = batches[which]["input_ids"], batches[which]["attention_mask"]
            with torch.no_grad():
                logits = models[which](**batches[which]).logits
                encoders.text_encoder(input_ids=ids, attention_mask=mask)  # padded, at the same time
            if (logits - expected[which]).abs().max() > TOLERANCE * expected[which].abs().max():
                failures.append(which)

    threads = [threading.Thread(target=run, args=(number % 2, number < 2)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


def test_nothing_is_switched_and_the_choice_is_saved(tmp_path):
    model, batch = emobert("hubert"), ragged_batch("hubert")
    encoders = model.emobert.text_encoder, model.emobert.speech_encoder
    before = [encoder.config.to_dict() for encoder in encoders]
    model(**batch)
    assert [encoder.config.to_dict() for encoder in encoders] == before
    assert [encoder.config._attn_implementation for encoder in encoders] == ["sdpa", "sdpa"]
    model.config.packing = False
    model.save_pretrained(tmp_path)
    loaded = EmoBertForSequenceClassification.from_pretrained(tmp_path)
    assert loaded.config.packing is False
    shapes = shapes_of_layers(loaded.emobert.speech_encoder)
    loaded.eval()(**batch)
    assert shapes[0][0] > 1


def test_a_choice_that_is_none_is_refused():
    with pytest.raises(ValueError, match="packing"):
        EmoBertConfig(packing="sometimes")


def test_segments_attend_to_themselves_only():
    """The attention function against each sequence alone, with a mask over the whole row, and without lengths."""
    teach_segments()
    attend = ALL_ATTENTION_FUNCTIONS["sdpa"]
    module = nn.Module()
    module.is_causal = False
    generator = torch.Generator().manual_seed(0)
    query, key, value = (torch.randn(1, 2, 7, 4, generator=generator) for _ in range(3))
    mask = torch.rand(1, 1, 7, 7, generator=generator) > 0.3
    mask |= torch.eye(7, dtype=torch.bool)
    for given_mask in (None, mask):
        attended, _ = attend(module, query, key, value, given_mask, segment_lengths=[3, 4])
        for start, end in ((0, 3), (3, 7)):
            part = slice(start, end)
            alone = nn.functional.scaled_dot_product_attention(
                *(states[:, :, part] for states in (query, key, value)),
                attn_mask=None if given_mask is None else mask[..., part, part],
            )
            torch.testing.assert_close(attended[:, part], alone.transpose(1, 2))
    whole, _ = attend(module, query, key, value, None)
    expected = nn.functional.scaled_dot_product_attention(query, key, value).transpose(1, 2)
    torch.testing.assert_close(whole, expected, atol=0, rtol=0)


def test_what_else_a_layer_gives_reaches_every_segment():
    calls = []

    def attend(module, query, key, value, mask, *args, **kwargs):
        calls.append((query.shape[2], key.shape[2], value.shape[2], args, kwargs))
        return query.transpose(1, 2), "weights"

    attention = attend_within_segments(attend)
    assert attention.takes_segments is True  # or it would be taught again and again
    states = torch.arange(10.0).view(1, 1, 5, 2)
    row, weights = attention(None, states, states, states, None, "further", segment_lengths=[2, 3], scaling=0.5)
    assert torch.equal(row, states.transpose(1, 2)) and weights is None
    assert calls == [(2, 2, 2, ("further",), {"scaling": 0.5}), (3, 3, 3, ("further",), {"scaling": 0.5})]
    assert attention(None, states, states, states, None, "further", scaling=0.5)[1] == "weights"
    assert calls[2] == (5, 5, 5, ("further",), {"scaling": 0.5})


def test_segments_are_taught_once():
    teach_segments()
    taught = ALL_ATTENTION_FUNCTIONS["sdpa"]
    teach_segments()
    assert ALL_ATTENTION_FUNCTIONS["sdpa"] is taught


def test_who_registered_sdpa_before_is_asked():
    before = ALL_ATTENTION_FUNCTIONS["sdpa"]
    calls = []

    def counted(*args, **kwargs):
        calls.append(kwargs)
        return before(*args, **kwargs)

    try:
        AttentionInterface.register("sdpa", counted)
        with torch.no_grad():
            text_model("bert")(**ragged_batch())
        assert len(calls) > 5 and not any("segment_lengths" in kwargs for kwargs in calls)
    finally:
        AttentionInterface.register("sdpa", before)


def test_a_batch_goes_into_one_row_and_back():
    packing = Packing([2, 3], torch.device("cpu"))
    batch = torch.tensor([[1, 2, 0, 0], [3, 4, 5, 0]])
    row = packing.pack(batch)
    assert row.tolist() == [[1, 2, 3, 4, 5]]
    assert packing.unpack(row[..., None], 4)[..., 0].tolist() == batch.tolist()
    assert packing.pack(torch.tensor([[7, 8, 9, 0]])).tolist() == [[7, 8, 7, 8, 9]], "one row for all"
    twice = torch.arange(10)[None, :, None]
    assert packing.unpack(twice, 3, 2)[..., 0].tolist() == [[0, 1, 2, 3, 0, 0], [4, 5, 6, 7, 8, 9]]
    arguments = packing.attention_arguments
    assert arguments["cu_seq_lens_q"].tolist() == [0, 2, 5] and arguments["cu_seq_lens_q"].dtype == torch.int32
    assert arguments["max_length_k"] == 3


def test_what_an_encoder_returned_for_a_row_becomes_a_batch():
    packing = Packing([2, 3], torch.device("cpu"))
    packing.pack(torch.zeros(2, 4))
    states = torch.arange(10.0).view(1, 5, 2)
    padded = packing.unpack(states, 4)
    output = packing.unpack_output(BaseModelOutput(last_hidden_state=states, hidden_states=(states, states + 1)))
    assert torch.equal(output.last_hidden_state, padded)
    assert torch.equal(output.hidden_states[0], padded) and output.hidden_states[1].shape == padded.shape
    assert torch.equal(output.hidden_states[1][0, :2], padded[0, :2] + 1) and not output.hidden_states[1][0, 2:].any()
    alone = packing.unpack_output(BaseModelOutput(last_hidden_state=padded))
    assert alone.last_hidden_state is padded and alone.hidden_states is None  # is a batch already
    assert packing.is_packed(states) and not packing.is_packed(padded) and not packing.is_packed(states[:, :4])


@pytest.mark.parametrize(
    ("lengths", "longest", "options", "packs"),
    [
        ([2, 3], 4, {}, True),
        ([2, 4], 4, {}, True),
        ([4, 4], 4, {}, False),
        ([0, 3], 4, {}, False),
        ([2, 3], 4, {"output_attentions": True}, False),
        ([2, 3], 4, {"output_attentions": None}, True),
    ],
)
def test_when_a_batch_is_packed(lengths, longest, options, packs):
    encoder = emobert().emobert.text_encoder
    packing = packing_for(encoder, torch.tensor(lengths), longest, **options)
    assert (packing is not None) == packs
    assert packing is None or (packing.lengths, packing.total) == (lengths, sum(lengths))
    assert packing_for(encoder, torch.tensor(lengths, device="meta"), longest) is None


@torch.no_grad()
@pytest.mark.parametrize("packing", [True, False])
def test_an_encoder_that_returns_tuples_is_asked_for_more(packing):
    encoder, batch = emobert().emobert.text_encoder, ragged_batch()
    encoder.config.return_dict = False
    mask = batch["attention_mask"].clone()
    mask[:, 0] = 1
    assert encode_ids(encoder, batch["input_ids"], mask, packing=packing).last_hidden_state.shape[:2] == mask.shape
