"""Modalities: which are present, what is refused, and modality dropout."""

import pytest
import torch

from modeling_emo.modalities import (
    check_mask,
    has_values,
    hide_modalities,
    present_rows,
    refuse_unknown,
    select_input,
)
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


def test_without_modality_dropout_no_number_is_drawn_and_with_all_of_it_each_row_loses_one():
    torch.manual_seed(0)
    both, state = torch.ones(1000, dtype=torch.bool), torch.get_rng_state()
    assert all(has.all() for has in hide_modalities(both, both, 0.0))
    assert torch.equal(torch.get_rng_state(), state)
    text, speech = hide_modalities(both, both, 1.0)
    assert torch.equal(text, ~speech)


def test_one_input_of_a_modality_is_taken():
    ids, values = torch.ones(2, 3), torch.zeros(2, 3)
    given = {"speech_input_ids": None, "input_values": values, "encoded_speech": None}
    assert select_input(given, {"input_values"}, "speech") is values
    assert select_input({"input_ids": None, "encoded_text": ids}, {"input_ids"}, "text") is ids
    assert select_input({"input_ids": None, "encoded_text": None}, {"input_ids"}, "text") is None
    with pytest.raises(ValueError, match="^Speech is given twice, as `input_values` and `encoded_speech`: pass one"):
        select_input({**given, "encoded_speech": ids}, {"input_values"}, "speech")
    with pytest.raises(ValueError, match="takes speech as `input_features` or `speech_input_ids`, got `input_values`"):
        select_input(given, {"speech_input_ids", "input_features"}, "speech")
    refuse_unknown({"num_items_in_batch": 3, "return_dict": True, "anything": None})


def test_a_gap_in_a_mask_is_named_by_its_row():
    mask = torch.ones(3, 6)
    mask[2, 4:] = 0
    check_mask("mask", mask, torch.ones(3, 6))
    check_mask("mask", mask, None)
    check_mask("mask", None, torch.ones(3, 6))
    mask[2, 5] = 1
    with pytest.raises(ValueError, match="zeros before ones in row 2"):
        check_mask("mask", mask, torch.ones(3, 6))
    check_mask("mask", mask, torch.ones(3, 6), encoded=True)
    check_mask("mask", mask.to("meta"), torch.ones(3, 6))  # has a shape, and no values to look at
    check_mask("mask", mask, torch.ones(3, 2, 6), 2, encoded=True)
    assert has_values(mask) and not has_values(mask.to("meta"))
    with pytest.raises(ValueError, match=r"\(3, 6\), which must be \(3, 2\)"):
        check_mask("mask", mask, torch.ones(3, 2, 6), encoded=True)


def test_rows_that_lack_a_modality_get_a_full_mask():
    reference = torch.ones(3, 7)
    mask = torch.tensor([[1, 1, 0], [0, 0, 0], [1, 0, 0]])
    present, full = present_rows(torch.ones(3, 3), mask, reference)
    assert present.tolist() == [True, False, True] and full.tolist() == [[1, 1, 0], [1, 1, 1], [1, 0, 0]]
    for inputs, expected in ((None, False), (torch.ones(3, 3), True)):
        present, full = present_rows(inputs, None, reference)
        assert present.tolist() == [expected] * 3 and present.dtype == torch.bool and full is None


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
