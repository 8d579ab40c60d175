"""Random inputs: the shapes that each family of encoders takes, and that models run on them."""

import pytest
import torch

from modeling_emo.export.example_inputs import check_modalities, example_inputs
from tests.tiny_models import CORE_FAMILIES, emobert


SPEECH_SHAPES = {
    "roberta": ("speech_input_ids", (4, 9)),
    "whisper": ("input_features", (4, 8, 100)),
    "wav2vec2-bert": ("input_features", (4, 9, 8)),
}


@pytest.mark.parametrize("family", CORE_FAMILIES)
@torch.no_grad()
def test_inputs_have_the_shapes_that_the_model_takes(family):
    model = emobert(family)
    inputs = example_inputs(model, batch_size=4, text_length=6, speech_length=9, ragged=True)
    name, shape = SPEECH_SHAPES.get(family, ("input_values", (4, 9)))
    assert set(inputs) == {"input_ids", "attention_mask", name, "speech_attention_mask"}
    assert inputs["input_ids"].shape == inputs["attention_mask"].shape == (4, 6)
    assert inputs[name].shape == shape
    assert inputs["speech_attention_mask"].shape == (4, 100 if family == "whisper" else 9)
    assert model(**inputs).logits.shape == (4, 3)


def test_ragged_rows_are_padded_on_the_right_and_the_last_two_lack_a_modality():
    inputs = example_inputs(emobert(), batch_size=5, text_length=30, speech_length=40, ragged=True)
    lengths = {}
    for name in ("attention_mask", "speech_attention_mask"):
        mask = inputs[name]
        lengths[name] = mask.sum(-1).tolist()
        assert (mask[:, 1:] <= mask[:, :-1]).all(), "a 1 must not follow a 0"
    text, speech = lengths.values()
    assert text[0] == 30 and speech[0] == 40
    assert text[3] == 0 and speech[4] == 0 and all(text[:3]) and all(speech[:4])
    assert len(set(text)) > 3 and len(set(speech)) > 3


def test_waveforms_are_padded_with_silence():
    inputs = example_inputs(emobert("moonshine"), batch_size=5, speech_length=40, ragged=True)
    values, mask = inputs["input_values"][:4], inputs["speech_attention_mask"][:4].bool()
    assert (~mask).any() and (values[~mask] == 0).all() and (values[mask] != 0).all()


def test_one_modality_of_full_rows_and_a_seed():
    model = emobert()
    inputs = example_inputs(model, ("text",), batch_size=2)
    assert set(inputs) == {"input_ids", "attention_mask"} and inputs["attention_mask"].all()
    assert torch.equal(inputs["input_ids"], example_inputs(model, ("text",), batch_size=2)["input_ids"])
    assert not torch.equal(inputs["input_ids"], example_inputs(model, ("text",), batch_size=2, seed=1)["input_ids"])


def test_modalities_come_in_one_order_and_others_are_refused():
    assert check_modalities(["speech", "text"]) == ("text", "speech")
    for wrong in (("text", "video"), (), "text"):
        with pytest.raises(ValueError, match="must be some of text, speech"):
            check_modalities(wrong)
