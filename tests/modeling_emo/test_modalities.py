"""Modalities: which are present, what is refused, and modality dropout."""

import pytest
import torch

from modeling_emo.modalities import hide_modalities
from tests.tiny_models import emobert, ragged_batch


def test_modality_dropout_hides_each_modality_equally_often_and_never_both():
    torch.manual_seed(0)
    both = torch.ones(40_000, dtype=torch.bool)
    text, speech = hide_modalities(both, both, 0.5)
    assert (text | speech).all()
    assert (~text).float().mean().item() == pytest.approx(0.25, abs=0.01)
    assert (~speech).float().mean().item() == pytest.approx(0.25, abs=0.01)
    alone, _ = hide_modalities(both, ~both, 0.5)
    assert alone.all(), "a row must not lose its only modality"


@pytest.mark.parametrize(
    ("family", "name", "change", "message"),
    [
        ("moonshine", "speech_attention_mask", lambda mask: mask[:, ::384], r"\(5, 11\), which must be \(5, 4000\)"),
        ("moonshine", "speech_attention_mask", lambda mask: mask[:, :-1], r"\(5, 3999\), which must be \(5, 4000\)"),
        ("moonshine", "attention_mask", lambda mask: mask[:3], r"\(3, 9\), which must be \(5, 9\)"),
        ("roberta", "attention_mask", lambda mask: mask[:, None], r"\(5, 1, 9\), which must be \(5, 9\)"),
        ("whisper", "speech_attention_mask", lambda mask: mask[:, :50], r"\(5, 50\), which must be \(5, 100\)"),
        ("wav2vec2-bert", "speech_attention_mask", lambda mask: mask[:, :8], r"\(5, 8\), which must be \(5, 60\)"),
        ("roberta", "attention_mask", lambda mask: mask.flip(1), "`attention_mask` has zeros before ones in row 1"),
        ("moonshine", "speech_attention_mask", lambda mask: mask.flip(1), "zeros before ones in row 1"),
        ("roberta", "input_ids", lambda ids: ids[:, :5], r"\(5, 9\), which must be \(5, 5\)"),
    ],
)
def test_a_mask_that_does_not_fit_its_input_is_refused_with_both_shapes(family, name, change, message):
    batch = ragged_batch(family)
    batch[name] = change(batch[name])
    with pytest.raises(ValueError, match=message):
        emobert(family)(**batch)


def test_different_numbers_of_rows_are_refused_with_both_shapes():
    batch = ragged_batch()
    with pytest.raises(ValueError, match=r"`text` \(3, 9\), `speech` \(5, 40\)"):
        emobert()(input_ids=batch["input_ids"][:3], speech_input_ids=batch["speech_input_ids"])
    with pytest.raises(ValueError, match=r"`labels` \(2,\), `logits` \(5, 3\)"):
        emobert()(**batch, labels=torch.tensor([0, 1]))
    with pytest.raises(ValueError, match=r"`labels` \(1,\), `logits` \(5, 1\)"):
        emobert(num_labels=1)(**batch, labels=torch.tensor([0.5]))


@pytest.mark.parametrize("argument", ["speech_mask", "label", "inputs_embeds", "token_type_ids"])
def test_an_argument_that_nobody_reads_is_refused(argument):
    model = emobert()
    for part in (model, model.emobert):
        with pytest.raises(ValueError, match=f"no argument `{argument}`"):
            part(**ragged_batch(), **{argument: torch.ones(5, 9)})


def test_the_arguments_of_trainer_and_accelerate_pass():
    model, batch = emobert(), ragged_batch()
    labels = torch.tensor([0, 1, 2, 0, 1])
    mean = model(**batch, labels=labels).loss
    shared = model(**batch, labels=labels, num_items_in_batch=torch.tensor(10), return_dict=True).loss
    torch.testing.assert_close(shared, mean / 2)
    assert isinstance(model.emobert(**batch, num_items_in_batch=5, return_dict=False), tuple)


@torch.no_grad()
def test_nan_behind_a_clip_does_not_reach_it():
    model, batch = emobert("wav2vec2-layer-norm"), ragged_batch("wav2vec2-layer-norm")
    expected = model(**batch).logits
    batch["input_values"] = batch["input_values"].masked_fill(batch["speech_attention_mask"] == 0, float("nan"))
    assert torch.equal(model(**batch).logits, expected)
