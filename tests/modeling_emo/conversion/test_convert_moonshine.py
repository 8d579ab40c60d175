"""The Moonshine conversion against ONNX Runtime on real speech, and its strictness."""

import dataclasses

import numpy as np
import onnxruntime
import pytest
import soundfile
import torch
from transformers import AutoFeatureExtractor
from transformers.models.moonshine.modeling_moonshine import MoonshineEncoder

from modeling_emo.conversion.convert_moonshine_ort_to_hf import (
    OrtGraph,
    convert_moonshine_ort_to_hf,
    dequantize,
    encoder_state_dict,
    find_moonshine_ort,
    load_moonshine_encoder,
    read_ort_graph,
)


@pytest.fixture(scope="module")
def ort_path():
    return find_moonshine_ort()


@pytest.fixture(scope="module")
def graph(ort_path):
    return read_ort_graph(ort_path)


@pytest.fixture(scope="module")
def inverse_frequencies():
    # 36 channels per head, 0.9 of them rotated: 32 channels, 16 frequencies
    return 10_000.0 ** -(np.arange(0, 32, 2) / 32)


@pytest.fixture(scope="module")
def folder(ort_path, tmp_path_factory):
    return convert_moonshine_ort_to_hf(tmp_path_factory.mktemp("encoders") / "moonshine", ort_path)


@pytest.fixture(scope="module")
def speech(ort_path):
    """Three seconds of the recording that moonshine-voice carries."""
    samples, sampling_rate = soundfile.read(ort_path.parent.parent / "beckett.wav", dtype="float32")
    assert sampling_rate == 16_000
    return samples[: 3 * sampling_rate]


def test_folder_loads_strictly(folder):
    encoder, info = MoonshineEncoder.from_pretrained(folder, output_loading_info=True)
    assert not any(info.values())
    assert sum(parameter.numel() for parameter in encoder.parameters()) == 7_681_248
    assert encoder.config.model_type == "moonshine"
    assert encoder.config.architectures == ["MoonshineEncoder"]


def test_agrees_with_onnx_runtime_on_real_speech(folder, ort_path, speech):
    encoder = MoonshineEncoder.from_pretrained(folder)
    session = onnxruntime.InferenceSession(ort_path)
    inputs = {"input_values": speech[None], "attention_mask": np.ones((1, len(speech)), np.int64)}
    expected = session.run(None, inputs)[0][0]
    with torch.no_grad():
        found = encoder(torch.from_numpy(speech)[None]).last_hidden_state[0].numpy()
    assert found.shape == expected.shape == (123, 288)
    # ORT also quantises the activations, so the two are close but not equal.
    cosine = (found * expected).sum() / np.linalg.norm(found) / np.linalg.norm(expected)
    assert cosine >= 0.999


def test_weights_against_their_quantised_source(folder, graph):
    """One layer's weight taken from the graph by its names, computed in integers."""
    encoder = MoonshineEncoder.from_pretrained(folder)
    node = next(node for node in graph.nodes if node.name == "/layers.3/mlp/fc1/MatMul_quant")
    quantized, scale, zero_point = (graph.initializers[node.inputs[slot]] for slot in (1, 2, 3))
    integers = quantized.astype(np.int64) - int(zero_point)
    weight = encoder.layers[3].mlp.fc1.weight.detach().double().numpy()
    np.testing.assert_allclose(weight.T / float(scale), integers, atol=1e-4)
    np.testing.assert_array_equal(encoder.layers[3].mlp.fc1.bias.detach(), graph.initializers["layers.3.mlp.fc1.bias"])


def test_dequantize():
    quantized = np.array([[0, 128, 255]], np.uint8)
    expected = [[-64.0, 0.0, 63.5]]
    np.testing.assert_array_equal(dequantize(quantized, np.float32(0.5), np.uint8(128)), expected)


def test_feature_extractor(folder):
    extractor = AutoFeatureExtractor.from_pretrained(folder)
    batch = extractor([np.full(4, 3.0), np.full(2, 5.0)], sampling_rate=16_000, padding=True)
    np.testing.assert_array_equal(batch["input_values"], [[3, 3, 3, 3], [5, 5, 0, 0]])
    np.testing.assert_array_equal(batch["attention_mask"], [[1, 1, 1, 1], [1, 1, 0, 0]])


def test_left_over_tensor_is_refused(graph, inverse_frequencies):
    initializers = {**graph.initializers, "layers.9.adapter": np.ones((288, 4), np.float32)}
    with pytest.raises(ValueError, match="layers.9.adapter"):
        encoder_state_dict(OrtGraph(graph.nodes, initializers), inverse_frequencies)


def test_other_rotary_frequencies_are_refused(graph, inverse_frequencies):
    with pytest.raises(ValueError, match="rotary"):
        encoder_state_dict(graph, inverse_frequencies * 1.01)


def test_bias_without_a_place_is_refused(graph, inverse_frequencies):
    name = "/layers.0/input_layernorm/Constant_output_0"
    initializers = {**graph.initializers, name: np.full(288, 0.1, np.float32)}
    with pytest.raises(ValueError, match="input_layernorm"):
        encoder_state_dict(OrtGraph(graph.nodes, initializers), inverse_frequencies)


def test_missing_weight_is_refused(graph, inverse_frequencies):
    nodes = [
        dataclasses.replace(node, inputs=(node.inputs[0], "computed", *node.inputs[2:]))
        if node.name == "/conv2/Conv"
        else node
        for node in graph.nodes
    ]
    with pytest.raises(ValueError, match="/conv2/Conv"):
        encoder_state_dict(OrtGraph(nodes, graph.initializers), inverse_frequencies)


def test_another_encoder_is_refused_by_its_hash(ort_path):
    with pytest.raises(ValueError, match="sha256.*--allow_other"):
        load_moonshine_encoder(ort_path.with_name("decoder_model_merged.ort"))


def test_decoder_does_not_pass_as_an_encoder(ort_path):
    with pytest.raises(ValueError):
        load_moonshine_encoder(ort_path.with_name("decoder_model_merged.ort"), allow_other=True)


def test_file_of_another_format_is_refused(tmp_path):
    path = tmp_path / "encoder.ort"
    path.write_bytes(b"not a flatbuffer")
    with pytest.raises(ValueError, match="not an ONNX Runtime model"):
        load_moonshine_encoder(path, allow_other=True)
