"""Whisper at each clip's own length: what it equals, and that no neighbour and no padding changes it."""

import copy

import pytest
import torch

from modeling_emo.encoders.own_length import hears_padding, set_own_length
from modeling_emo.encoders.speech import encode_speech
from tests.tiny_models import emobert, ragged_batch


OPTIONS = {"speech_own_length": True, "text_pooling": "mean", "speech_pooling": "mean_std"}
# Transformers' encoder attends without a mask; a mask that is not needed is left out.
EXACT = {"atol": 0, "rtol": 0}


def features(frames, rows=2, seed=0):
    return torch.randn(rows, 8, frames, generator=torch.Generator().manual_seed(seed))


def by_hand(encoder, clip):
    """The same layers over one clip `(1, bins, frames)` without anything behind it."""
    states = torch.nn.functional.gelu(encoder.conv1(clip))
    states = torch.nn.functional.gelu(encoder.conv2(states)).transpose(1, 2)
    states = states + encoder.embed_positions.weight[: states.shape[1]]
    for layer in encoder.layers:
        states = layer(states, None)
    return encoder.layer_norm(states)


@torch.no_grad()
def test_clips_of_the_whole_length_give_what_transformers_gives():
    model = emobert("whisper", **OPTIONS)
    encoder = model.emobert.speech_encoder
    plain = copy.deepcopy(encoder)
    set_own_length(plain, False)
    assert hears_padding(plain) and not hears_padding(encoder)
    clips = features(100)
    states, mask, _ = encode_speech(encoder, clips, None)
    assert mask.shape == (2, 50) and mask.all()
    torch.testing.assert_close(states, plain(clips).last_hidden_state, **EXACT)


@pytest.mark.parametrize("frames", [1, 2, 37, 38, 99])
@torch.no_grad()
def test_a_shorter_clip_gives_what_its_own_frames_give(frames):
    encoder = emobert("whisper", **OPTIONS).emobert.speech_encoder
    plain = copy.deepcopy(encoder)
    set_own_length(plain, False)
    clip = features(frames, rows=1)
    expected = by_hand(plain, clip)
    assert expected.shape[1] == (frames + 1) // 2
    # As it is, and as the feature extractor hands it on: of the whole length, with something behind it.
    loud = torch.cat([clip, 50 * features(100 - frames, rows=1, seed=1)], dim=-1)
    valid = (torch.arange(100) < frames)[None].long()
    for inputs, given in ((clip, None), (loud, valid)):
        states, mask, _ = encode_speech(encoder, inputs, given)
        assert mask.sum() == expected.shape[1]
        torch.testing.assert_close(states[mask], expected[0], atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("attention", ["eager", "sdpa"])
@pytest.mark.parametrize(
    "options", [{}, {"speech_layer": 1}, {"use_weighted_layer_sum": True, "speech_pooling": "attention"}]
)
@torch.no_grad()
def test_an_utterance_scores_the_same_alone_and_in_a_batch(options, attention):
    model = emobert("whisper", **{**OPTIONS, **options})
    model.set_attn_implementation(attention)
    batch = ragged_batch("whisper")
    lengths = [100, 61, 12, 1, 0]
    batch["speech_attention_mask"] = (torch.arange(100) < torch.tensor(lengths)[:, None]).long()
    batch["attention_mask"][-1] = 1  # the row without speech has text
    together = model(**batch).logits
    scale = together.abs().max().item()
    for row, length in enumerate(lengths):
        alone = {"input_ids": batch["input_ids"][row : row + 1], "attention_mask": batch["attention_mask"][row][None]}
        if not alone["attention_mask"].any():
            alone = {}
        if length:
            alone["input_features"] = batch["input_features"][row : row + 1, :, :length]
        torch.testing.assert_close(model(**alone).logits[0], together[row], atol=1e-5 * scale, rtol=0)
    noisy = torch.where(batch["speech_attention_mask"].bool()[:, None], batch["input_features"], torch.tensor(50.0))
    again = model(**{**batch, "input_features": noisy}).logits
    torch.testing.assert_close(again, together, atol=1e-5 * scale, rtol=0)


@torch.no_grad()
def test_it_is_an_option_that_is_saved(tmp_path):
    model, batch = emobert("whisper", **OPTIONS), ragged_batch("whisper")
    batch["speech_attention_mask"] = (torch.arange(100) < torch.tensor([100, 61, 12, 2, 9])[:, None]).long()
    expected = model(**batch).logits
    model.save_pretrained(tmp_path)
    reloaded = type(model).from_pretrained(tmp_path)
    torch.testing.assert_close(reloaded(**batch).logits, expected, **EXACT)
    default = type(model).from_pretrained(tmp_path, speech_own_length=False)
    assert hears_padding(default.emobert.speech_encoder)
    assert (default(**batch).logits - expected)[1:].abs().max() > 1e-3


def test_gradients_do_not_reach_what_lies_behind_a_clip():
    encoder = emobert("whisper", **OPTIONS).emobert.speech_encoder
    clips = features(100).requires_grad_()
    valid = (torch.arange(100) < torch.tensor([[60], [31]])).long()
    states, mask, _ = encode_speech(encoder, clips, valid)
    states[mask].square().sum().backward()
    behind = ~valid.bool()[:, None].expand_as(clips)
    assert clips.grad[behind].abs().max() == 0
    assert clips.grad[~behind].abs().min() > 0


def test_other_encoders_stay_as_they_are():
    model = emobert("wavlm", speech_own_length=True)
    assert not hears_padding(model.emobert.speech_encoder)
