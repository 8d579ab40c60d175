"""ONNX: the graph and its files, its logits at other shapes, and the command as a person runs it."""

import os
import subprocess
import sys
from pathlib import Path

import onnx
import pytest
import torch
from transformers.utils import ModelOutput

from modeling_emo import EmoBertForSequenceClassification
from modeling_emo.export.onnx_model import EmoBertOnnxModel
from modeling_emo.export.to_onnx import export_onnx, largest_difference
from preprocess import EmoBertProcessor
from tests.modeling_emo.export.test_program import CASES, assert_same_logits, randomly_standardized
from tests.tiny import tiny_processor
from tests.tiny_models import emobert


ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A trained model as it lies on disk: classifier and processor."""
    folder = tmp_path_factory.mktemp("classifier")
    emobert("moonshine", speech_layer=1).save_pretrained(folder)
    tiny_processor().save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def token_model():
    """Text and speech tokens, as in the paper."""
    return emobert("roberta", **CASES["roberta"])


@pytest.fixture(scope="module")
def token_graph(token_model, tmp_path_factory):
    return export_onnx(token_model, tmp_path_factory.mktemp("tokens"), processor=tiny_processor())


def test_a_graph_names_its_inputs_axes_and_output_and_keeps_weights_apart(token_graph):
    path = token_graph
    assert path.name == "model.onnx"
    graph = onnx.load(path, load_external_data=False).graph
    shapes = {
        value.name: [axis.dim_param or axis.dim_value for axis in value.type.tensor_type.shape.dim]
        for value in (*graph.input, *graph.output)
    }
    text, speech = ["batch", "text_length"], ["batch", "speech_length"]
    assert shapes == {
        "input_ids": text,
        "attention_mask": text,
        "speech_input_ids": speech,
        "speech_attention_mask": speech,
        "logits": ["batch", 3, 2],
    }
    # Weights in the graph's own file would end at 2 GB.
    external = [tensor for tensor in graph.initializer if tensor.data_location == onnx.TensorProto.EXTERNAL]
    assert sum(torch.Size(tensor.dims).numel() for tensor in external) > 0.9 * 30_000
    assert {entry.value for tensor in external for entry in tensor.external_data if entry.key == "location"} == {
        "model.onnx.data"
    }
    onnx.checker.check_model(path)
    assert EmoBertProcessor.from_pretrained(path.parent).tokenizer.vocab_size == 22


def test_onnx_runtime_gives_the_logits_of_a_model_of_tokens(token_model, token_graph):
    exported = EmoBertOnnxModel.from_pretrained(token_graph.parent, num_threads=1)
    assert_same_logits(lambda **inputs: exported(**inputs).logits, token_model, atol=1e-4)


@pytest.mark.parametrize(
    "family",
    [
        "moonshine",
        *(pytest.param(name, marks=pytest.mark.slow) for name in CASES if name not in ("roberta", "moonshine")),
    ],
)
def test_onnx_runtime_gives_the_model_s_logits_at_other_shapes(family, tmp_path):
    model = randomly_standardized(emobert(family, **CASES[family]))
    export_onnx(model, tmp_path)
    exported = EmoBertOnnxModel.from_pretrained(tmp_path, num_threads=1)
    assert_same_logits(lambda **inputs: exported(**inputs).logits, model, atol=1e-4)


def test_the_difference_counts_in_proportion_to_logits_above_one():
    model = emobert()
    largest = []

    def shifted(**inputs):
        logits = model(**inputs).logits
        largest.append(logits.abs().max().item())
        return ModelOutput(logits=logits * 1.01)

    with torch.no_grad():
        assert largest_difference(model, shifted) == pytest.approx(0.01, abs=1e-5)
        assert max(largest) > 1
        assert largest_difference(model, model) == 0


def test_the_command_exports_checks_and_completes_the_folder(folder, tmp_path):
    command = [sys.executable, "-m", "modeling_emo.export.to_onnx", "--model", folder, "--output_dir", tmp_path]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    result = subprocess.run([*command, "--int8"], cwd=ROOT, capture_output=True, text=True, env=environment)
    assert result.returncode == 0, result.stderr[-3000:]
    float_line, int8_line = result.stdout.splitlines()
    assert float_line.startswith(f"{tmp_path}/model.onnx: largest difference to PyTorch ")
    assert float(float_line.split()[5]) < 1e-4
    assert int8_line.startswith(f"{tmp_path}/model_int8.onnx: largest difference to PyTorch ")
    assert float(float_line.split()[5]) < float(int8_line.split()[5]) < 0.5
    files = {"model.onnx", "model.onnx.data", "model_int8.onnx", "model_int8.onnx.data", "config.json"}
    # The code beside a saved model is for machines without EmoBERT, which have no EmoBertOnnxModel either.
    written, given = ({path.name for path in place.iterdir() if path.suffix != ".py"} for place in (tmp_path, folder))
    assert written == files | given - {"model.safetensors"}

    processor = EmoBertProcessor.from_pretrained(tmp_path)
    batch = processor(text=["how nice", "so sad"], audio=[torch.randn(3000).numpy(), None], return_tensors="pt")
    model = EmoBertForSequenceClassification.from_pretrained(folder)
    with torch.no_grad():
        expected = model(**batch).logits
    logits = EmoBertOnnxModel.from_pretrained(tmp_path)(**batch).logits
    torch.testing.assert_close(logits, expected, atol=1e-4, rtol=0)
