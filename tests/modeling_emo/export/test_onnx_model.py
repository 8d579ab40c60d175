"""The ONNX Runtime model: same call and pipeline as PyTorch's, absent inputs, errors."""

import os
import shutil

import numpy as np
import pytest
import torch

from modeling_emo import EmotionRecognitionPipeline
from modeling_emo.export.onnx_model import EmoBertOnnxModel
from modeling_emo.export.to_onnx import export_onnx
from modeling_emo.inference.fingerprints import model_fingerprint
from tests.tiny import tiny_processor, tone
from tests.tiny_models import emobert, ragged_batch, single_row


@pytest.fixture(scope="module")
def model():
    return emobert("moonshine", speech_pooling="mean_std", id2label={0: "angry", 1: "happy", 2: "sad"})


@pytest.fixture(scope="module")
def folder(model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("onnx")
    export_onnx(model, folder)
    return folder


@pytest.fixture(scope="module")
def onnx_model(folder):
    return EmoBertOnnxModel.from_pretrained(folder, num_threads=1)


@pytest.fixture(scope="module")
def text_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("text")
    export_onnx(emobert("whisper"), folder, modalities=("text",))
    return folder


@torch.no_grad()
def test_an_utterance_scores_the_same_alone_and_in_a_batch(model, onnx_model):
    batch = ragged_batch("moonshine")
    together = onnx_model(**batch).logits
    torch.testing.assert_close(together, model(**batch).logits, atol=1e-4, rtol=0)
    for row in range(5):  # row 3 alone has no text, row 4 no speech, and none has masks
        alone = onnx_model(**single_row(batch, row)).logits
        torch.testing.assert_close(alone[0], together[row], atol=1e-5, rtol=0)
    assert together.std(0).min() > 1e-2


def test_arrays_and_other_integer_types_are_taken(onnx_model):
    batch = ragged_batch("moonshine")
    expected = onnx_model(**batch).logits
    arrays = {name: value.numpy() for name, value in batch.items()}
    arrays["attention_mask"] = arrays["attention_mask"].astype(bool)
    arrays["input_ids"] = arrays["input_ids"].astype(np.int32)
    arrays["input_values"] = arrays["input_values"].astype(np.float64)
    assert torch.equal(onnx_model(**arrays).logits, expected)


@pytest.mark.parametrize(
    "utterance",
    [
        {"audio": (tone(0.4), 16_000), "text": "how nice"},
        {"text": "what a bad day"},
        {"audio": (tone(0.03), 16_000)},
    ],
    ids=["both", "text", "half a frame of speech"],
)
def test_the_pipeline_gives_the_same_scores(model, onnx_model, utterance):
    processor = tiny_processor()
    expected = EmotionRecognitionPipeline(model=model, processor=processor)(utterance)
    scores = EmotionRecognitionPipeline(model=onnx_model, processor=processor)(utterance)
    assert [entry["label"] for entry in scores] == [entry["label"] for entry in expected]
    for entry, other in zip(scores, expected, strict=True):
        assert entry["score"] == pytest.approx(other["score"], abs=1e-5)


def test_a_model_of_text_takes_text_only(text_folder):
    onnx_model = EmoBertOnnxModel.from_pretrained(text_folder)
    assert onnx_model.modalities == ("text",)
    model = emobert("whisper")
    ids = torch.tensor([[5, 9, 12]])
    with torch.no_grad():
        expected = model(input_ids=ids).logits
    torch.testing.assert_close(onnx_model(input_ids=ids).logits, expected, atol=1e-4, rtol=0)
    # The weights of the other encoder are left out.
    text_weights = sum(p.numel() for p in model.emobert.text_encoder.parameters())
    all_weights = sum(p.numel() for p in model.parameters())
    stored = (text_folder / "model.onnx.data").stat().st_size / 4
    assert stored < text_weights + 0.5 * (all_weights - text_weights)
    with pytest.raises(ValueError, match="takes input_ids, attention_mask, got input_features: leave them out"):
        onnx_model(input_ids=ids, input_features=torch.zeros(1, 8, 100))


def test_it_stands_on_the_cpu(onnx_model):
    assert onnx_model.to("cpu") is onnx_model
    assert onnx_model.device.type == "cpu" and onnx_model.modalities == ("text", "speech")
    with pytest.raises(ValueError, match="cannot be moved to cuda:0.*providers"):
        onnx_model.to("cuda:0")


def test_wrong_inputs_and_folders_are_refused(onnx_model, folder, tmp_path):
    with pytest.raises(ValueError, match="neither text nor speech among attention_mask"):
        onnx_model(attention_mask=torch.ones(1, 3))
    with pytest.raises(ValueError, match="neither text nor speech among the inputs"):
        onnx_model()
    with pytest.raises(ValueError, match="got speech_input_ids.*emobert.speech_tokenizer"):
        onnx_model(speech_input_ids=torch.ones(1, 3))
    with pytest.raises(ValueError, match="no model.onnx in .*to_onnx"):
        EmoBertOnnxModel.from_pretrained(tmp_path)
    with pytest.raises(ValueError, match="no model_int8.onnx in .*--int8"):
        EmoBertOnnxModel.from_pretrained(folder, file_name="model_int8.onnx")
    with pytest.raises(ValueError, match="There is no ../"):
        EmoBertOnnxModel.from_pretrained(tmp_path, file_name=f"../{folder.name}/model.onnx")


def test_has_a_fingerprint_of_its_graph_and_weights(folder, tmp_path):
    fingerprint = model_fingerprint(EmoBertOnnxModel.from_pretrained(folder))
    assert fingerprint == model_fingerprint(EmoBertOnnxModel.from_pretrained(folder))
    shutil.copytree(folder, tmp_path / "changed")
    with (tmp_path / "changed" / "model.onnx.data").open("r+b") as weights:
        weights.seek(-1, os.SEEK_END)
        last = weights.read(1)[0]
        weights.seek(-1, os.SEEK_END)
        weights.write(bytes([last ^ 1]))
    assert model_fingerprint(EmoBertOnnxModel.from_pretrained(tmp_path / "changed")) != fingerprint
