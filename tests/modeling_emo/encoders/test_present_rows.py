"""Rows that lack a modality are not run through its encoder, and score what they scored with it."""

import pytest
import torch
from torch import distributed
from transformers.integrations.deepspeed import set_hf_deepspeed_config, unset_hf_deepspeed_config

from modeling_emo.encoders import present_rows
from tests.tiny_models import CORE_FAMILIES, emobert, ragged_batch, without_dropout


def rows_seen(encoder):
    """A list that will hold the numbers of rows that an encoder is called with; packed rows are one."""
    rows = []

    def count(module, args, kwargs):
        rows.append(len(next(value for name, value in kwargs.items() if name.startswith("input"))))

    encoder.register_forward_pre_hook(count, with_kwargs=True)
    return rows


def encode_all_rows(monkeypatch):
    monkeypatch.setattr(present_rows, "_in_step_with_others", lambda encoder: True)


@pytest.mark.parametrize("family", CORE_FAMILIES)
def test_only_rows_with_a_modality_are_encoded(family, monkeypatch):
    model, batch = without_dropout(emobert(family, packing=False)), ragged_batch(family)
    seen = rows_seen(model.emobert.text_encoder), rows_seen(model.emobert.speech_encoder)
    results = []
    for _ in range(2):
        model.zero_grad()
        output = model(**batch, labels=torch.tensor([0, 1, 2, 0, 1]), output_hidden_states=True)
        output.loss.backward()
        gradients = {name: weight.grad.clone() for name, weight in model.named_parameters() if weight.grad is not None}
        results.append((output, gradients))
        encode_all_rows(monkeypatch)
    assert seen == ([4, 5], [4, 5])
    (output, gradients), (expected, expected_gradients) = results
    torch.testing.assert_close(output.logits, expected.logits, atol=1e-5, rtol=1e-5)
    assert output.text_last_hidden_state.shape == expected.text_last_hidden_state.shape
    assert output.speech_last_hidden_state.shape == expected.speech_last_hidden_state.shape
    for name in ("hidden_states", "speech_hidden_states"):
        assert [state.shape for state in output[name]] == [state.shape for state in expected[name]]
    torch.testing.assert_close(output.hidden_states[-1][4, :2], expected.hidden_states[-1][4, :2])
    assert not output.hidden_states[-1][3].any(), "row 3 has no text"
    assert gradients.keys() == expected_gradients.keys()
    largest = max(gradient.abs().max() for gradient in expected_gradients.values())
    for name, gradient in expected_gradients.items():
        torch.testing.assert_close(gradients[name], gradient, atol=1e-5 * largest, rtol=1e-4, msg=name)


@pytest.mark.parametrize("options", [{"speech_layer": 1}, {"use_weighted_layer_sum": True}])
@torch.no_grad()
def test_layers_and_their_mix_are_put_back_into_their_rows(options, monkeypatch):
    model, batch = emobert("hubert", speech_pooling="mean_std", **options), ragged_batch("hubert")
    logits = model(**batch).logits
    encode_all_rows(monkeypatch)
    torch.testing.assert_close(logits, model(**batch).logits, atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_attention_weights_are_put_back_into_their_rows(monkeypatch):
    model, batch = emobert(), ragged_batch()
    model.set_attn_implementation("eager")
    output = model(**batch, output_attentions=True)
    encode_all_rows(monkeypatch)
    expected = model(**batch, output_attentions=True)
    assert output.attentions[0].shape == expected.attentions[0].shape
    torch.testing.assert_close(output.attentions[1][4], expected.attentions[1][4])
    assert not output.attentions[1][3].any(), "row 3 has no text"


@torch.no_grad()
def test_a_modality_that_no_row_has_is_not_encoded():
    model, batch = emobert(), ragged_batch()
    seen = rows_seen(model.emobert.speech_encoder)
    text = {name: batch[name][:3] for name in ("input_ids", "attention_mask")}
    speech = {"speech_input_ids": batch["speech_input_ids"][:3]}
    speech["speech_attention_mask"] = torch.zeros_like(speech["speech_input_ids"])
    output = model(**text, **speech)
    assert seen == [] and output.speech_last_hidden_state is None
    torch.testing.assert_close(output.logits, model(**text).logits)


def test_a_modality_that_no_row_has_leaves_gradients_of_zero():
    """Processes that train together wait for a gradient of every weight."""
    model, batch = emobert().train(), ragged_batch()
    seen = rows_seen(model.emobert.speech_encoder)
    batch["speech_attention_mask"] = torch.zeros_like(batch["speech_attention_mask"])
    rows = {name: value[[0, 1, 2, 4]] for name, value in batch.items()}
    model(**rows, labels=torch.tensor([0, 1, 2, 0])).loss.backward()
    assert seen == [1]
    gradients = [weight.grad for weight in model.emobert.speech_encoder.parameters()]
    assert all(gradient is not None and not gradient.any() for gradient in gradients)


@torch.no_grad()
def test_a_single_row_that_has_a_modality_is_encoded_alone():
    model, batch = emobert(packing=False), ragged_batch()
    batch["speech_attention_mask"][1:] = 0
    rows = {name: value[[0, 1, 4]] for name, value in batch.items()}
    seen = rows_seen(model.emobert.speech_encoder)
    model(**rows)
    assert seen == [1]


def test_all_rows_are_encoded_where_other_processes_run_the_same_layers(tmp_path):
    """ZeRO-3 hands each layer's weights to all processes at once, and so does FSDP."""

    class Zero3:
        def is_zero3(self):
            return True

    encoder = emobert().emobert.speech_encoder
    assert not present_rows._in_step_with_others(encoder)
    settings = Zero3()  # Transformers keeps a weak reference
    set_hf_deepspeed_config(settings)
    try:
        assert present_rows._in_step_with_others(encoder)
    finally:
        unset_hf_deepspeed_config()
    distributed.init_process_group("gloo", init_method=f"file://{tmp_path}/store", rank=0, world_size=1)
    try:
        assert not present_rows._in_step_with_others(encoder)
        encoder.encoder.layer[1]._is_fsdp_managed_module = True  # as FSDP leaves it
        assert present_rows._in_step_with_others(encoder)
    finally:
        distributed.destroy_process_group()
    assert not present_rows._in_step_with_others(encoder)
