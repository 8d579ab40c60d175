"""Speech standardisation: the fitted statistics and what they do; encoded inputs in the place of raw ones."""

import pytest
import torch
from torch.testing import assert_close

from modeling_emo import EmoBertForSequenceClassification, fit_speech_standardization
from tests.tiny_models import emobert, ragged_batch


def frames_of(model, batches):
    """All valid frames of the encoder's states `(frames, states, hidden)`, collected row by row."""
    frames = []
    for values, mask in batches:
        for row, row_mask in zip(values, mask, strict=True):
            if row_mask.sum():
                encoded = model.emobert.encode_speech(row[None, : row_mask.sum()])
                frames.append(encoded.hidden_states[0])
    frames = torch.cat(frames).double()
    return frames if frames.dim() == 3 else frames[:, None]


def ragged_batches():
    generator = torch.Generator().manual_seed(0)
    batches = []
    for lengths in ((4000, 2600), (3000, 0, 3500)):
        values = torch.zeros(len(lengths), max(lengths))
        mask = torch.zeros(len(lengths), max(lengths), dtype=torch.long)
        for row, length in enumerate(lengths):
            values[row, :length] = torch.randn(length, generator=generator)
            mask[row, :length] = 1
        batches.append((values, mask))
    return batches


@pytest.mark.parametrize("layers", [{"speech_layer": 1}, {"use_weighted_layer_sum": True}])
@torch.no_grad()
def test_fitted_statistics_are_those_of_all_valid_frames(layers):
    model = emobert("moonshine", standardize_speech=True, **layers)
    batches = ragged_batches()
    frames = frames_of(model, batches)
    collated = [{"input_values": values, "speech_attention_mask": mask} for values, mask in batches]
    assert fit_speech_standardization(model, collated) == len(frames)
    standardization = model.emobert.speech_standardization
    assert_close(standardization.mean.double(), frames.mean(0), atol=1e-6, rtol=1e-5)
    assert_close(standardization.std.double(), frames.std(0, correction=0), atol=1e-6, rtol=1e-5)


@torch.no_grad()
def test_the_speech_that_is_fused_has_mean_0_and_deviation_1():
    model = emobert("moonshine", standardize_speech=True, speech_layer=1)
    values, mask = ragged_batches()[0]
    batch = {"input_values": values, "speech_attention_mask": mask}
    fit_speech_standardization(model, [batch])
    fused = model.emobert(**batch).speech_last_hidden_state
    valid = fused[model.emobert.encode_speech(values, mask).mask]
    assert_close(valid.mean(0), torch.zeros(32), atol=1e-5, rtol=0)
    assert_close(valid.std(0, correction=0), torch.ones(32), atol=1e-4, rtol=0)


@torch.no_grad()
def test_a_constant_channel_is_not_blown_up():
    model = emobert("moonshine", standardize_speech=True)
    states = torch.randn(2, 9, 32, generator=torch.Generator().manual_seed(1))
    states[..., 3] = 2.5
    fit_speech_standardization(model, [{"encoded_speech": states}])
    standardised = model.emobert.speech_standardization(states)
    assert_close(standardised[..., 3], torch.zeros(2, 9))


@torch.no_grad()
def test_statistics_are_saved_with_the_model(tmp_path):
    model = emobert("moonshine", standardize_speech=True)
    batch = ragged_batch("moonshine")
    before = model(**batch).logits
    fit_speech_standardization(model, [batch])
    after = model(**batch).logits
    assert (before - after).abs().max() > 1e-3
    model.save_pretrained(tmp_path)
    assert_close(EmoBertForSequenceClassification.from_pretrained(tmp_path)(**batch).logits, after)


def test_fitting_without_standardisation_or_without_speech_is_refused():
    with pytest.raises(ValueError, match="standardize_speech=True"):
        fit_speech_standardization(emobert("moonshine"), [])
    model = emobert("moonshine", standardize_speech=True)
    with pytest.raises(ValueError, match="No row of the training data has speech"):
        fit_speech_standardization(model, [{"input_ids": torch.ones(2, 3, dtype=torch.long)}])


@pytest.mark.parametrize("layers", [{}, {"speech_layer": 1}, {"use_weighted_layer_sum": True}])
@torch.no_grad()
def test_encoded_inputs_give_the_logits_of_raw_inputs(layers):
    model = emobert("moonshine", standardize_speech=True, **layers)
    values, speech_mask = ragged_batches()[1]
    ids = torch.tensor([[5, 6, 7], [8, 9, 0], [0, 0, 0]])
    mask = torch.tensor([[1, 1, 1], [1, 1, 0], [0, 0, 0]])
    fit_speech_standardization(model, [{"input_values": values, "speech_attention_mask": speech_mask}])
    raw = model(input_ids=ids, attention_mask=mask, input_values=values, speech_attention_mask=speech_mask)

    filled = mask.clone()
    filled[2] = 1
    text = model.emobert.encode_text(ids, filled)
    filled = speech_mask.clone()
    filled[1] = 1
    speech = model.emobert.encode_speech(values, filled)
    present = torch.tensor([True, False, True])
    encoded = model(
        encoded_text=text.hidden_states,
        attention_mask=mask,
        encoded_speech=speech.hidden_states,
        speech_attention_mask=speech.mask & present[:, None],
    )
    assert_close(encoded.logits, raw.logits, atol=1e-6, rtol=1e-5)


def test_text_in_two_forms_is_refused():
    ids = torch.ones(1, 3, dtype=torch.long)
    with pytest.raises(ValueError, match="given twice"):
        emobert()(input_ids=ids, encoded_text=torch.zeros(1, 3, 32))


def test_a_frozen_encoder_stays_in_evaluation_mode():
    model = emobert("moonshine")
    model.freeze_speech_encoder()
    model.train()
    assert not model.emobert.speech_encoder.training
    assert model.emobert.text_encoder.training and model.dropout.training
    model.unfreeze_speech_encoder()
    assert model.emobert.speech_encoder.training
