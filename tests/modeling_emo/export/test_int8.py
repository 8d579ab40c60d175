"""int8: what is quantised, how close it stays, what is refused; by PyTorch and by ONNX Runtime."""

import onnx
import pytest
import torch
from torch import nn

from modeling_emo.export.example_inputs import example_inputs
from modeling_emo.export.int8 import quantize_int8
from modeling_emo.export.onnx_int8 import encoder_products, quantize_onnx_int8
from modeling_emo.export.onnx_model import EmoBertOnnxModel
from modeling_emo.export.to_onnx import export_onnx
from tests.tiny_models import CORE_FAMILIES, emobert


def quantized_names(model):
    return {name for name, module in model.named_modules() if type(module) is torch.ao.nn.quantized.dynamic.Linear}


@pytest.mark.parametrize("family", CORE_FAMILIES)
@torch.no_grad()
def test_int8_predictions_are_close_to_float_s(family):
    model = emobert(family, speech_pooling="mean_std")
    before = {name: value.clone() for name, value in model.state_dict().items()}
    quantized = quantize_int8(model, text_feed_forward=True)
    inputs = example_inputs(model, batch_size=6, text_length=12, ragged=True)
    expected, logits = model(**inputs).logits, quantized(**inputs).logits
    difference = (logits - expected).abs().max()
    assert 0 < difference < 0.05 * expected.std(), "int8 must change something, and little"
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


@pytest.mark.parametrize("text_feed_forward", [False, True])
@pytest.mark.parametrize("family", ["moonshine", "wavlm"])
def test_the_linear_layers_of_the_encoders_are_quantised_and_nothing_else(family, text_feed_forward):
    model = emobert(family)
    layers = range(2)
    attention = ("self.query", "self.key", "self.value", "output.dense")
    expected = {f"text_encoder.encoder.layer.{i}.attention.{name}" for i in layers for name in attention}
    if text_feed_forward:
        expected |= {
            f"text_encoder.encoder.layer.{i}.{name}.dense" for i in layers for name in ("intermediate", "output")
        }
    if family == "moonshine":
        speech = [f"self_attn.{name}_proj" for name in "qkvo"] + ["mlp.fc1", "mlp.fc2"]
        expected |= {f"speech_encoder.layers.{i}.{name}" for i in layers for name in speech}
    else:  # its attention reads the weights of its projections, which has to find floats
        speech = ["attention.gru_rel_pos_linear", "feed_forward.intermediate_dense", "feed_forward.output_dense"]
        expected |= {f"speech_encoder.encoder.layers.{i}.{name}" for i in layers for name in speech}
        expected.add("speech_encoder.feature_projection.projection")
    quantized = quantize_int8(model, text_feed_forward=text_feed_forward)
    assert quantized_names(quantized.emobert) == expected
    assert type(quantized.classifier) is nn.Linear and not quantized.training
    weight = quantized.emobert.text_encoder.encoder.layer[0].attention.output.dense.weight()
    assert weight.dtype == torch.qint8 and weight.qscheme() == torch.per_channel_affine
    scale = model.emobert.text_encoder.encoder.layer[0].attention.output.dense.weight.abs().amax(1) / 127
    torch.testing.assert_close(weight.q_per_channel_scales().float(), scale, atol=0, rtol=0.01)


def test_other_precisions_are_refused():
    with pytest.raises(ValueError, match="float32 model on the CPU, got torch.bfloat16 on cpu"):
        quantize_int8(emobert().to(torch.bfloat16))


@pytest.fixture(scope="module")
def model():
    return emobert()


@pytest.fixture(scope="module")
def exported(model, tmp_path_factory):
    return export_onnx(model, tmp_path_factory.mktemp("onnx"))


@torch.no_grad()
def test_onnx_int8_quantises_the_encoders_and_stays_close(model, exported):
    path = quantize_onnx_int8(exported)
    path = quantize_onnx_int8(exported)  # again, over the files that are there
    assert path == exported.with_name("model_int8.onnx")
    names = {"model.onnx", "model.onnx.data", "model_int8.onnx", "model_int8.onnx.data", "config.json"}
    assert {file.name for file in path.parent.iterdir()} == names
    linear = [name for name, module in model.named_modules() if type(module) is nn.Linear and "_encoder." in name]
    graph = onnx.load(path).graph
    products = [node for node in graph.node if node.op_type == "MatMulInteger"]
    assert len(products) == len(linear) == 24
    weights = {tensor.name: tensor for tensor in graph.initializer}
    assert {weights[node.input[1]].data_type for node in products} == {onnx.TensorProto.INT8}
    for node in products:  # one scale per output channel
        scale = weights[node.input[1].replace("_quantized", "_scale")]
        assert list(scale.dims) == [weights[node.input[1]].dims[1]]
    int8_bytes, float_bytes = (file.with_name(f"{file.name}.data").stat().st_size for file in (path, exported))
    quantised = sum(module.weight.numel() for name, module in model.named_modules() if name in linear)
    assert float_bytes - int8_bytes > 2 * quantised, (
        "each quantised weight saves three of its four bytes, less padding"
    )

    inputs = example_inputs(model, batch_size=6, text_length=12, ragged=True)
    expected = model(**inputs).logits
    onnx_model = EmoBertOnnxModel.from_pretrained(path.parent, file_name=path.name, num_threads=1)
    difference = (onnx_model(**inputs).logits - expected).abs().max()
    assert 0 < difference < 0.05 * expected.std()


def test_a_graph_of_another_origin_is_refused(exported, tmp_path):
    with pytest.raises(ValueError, match="There is no ONNX model .*absent.onnx"):
        quantize_onnx_int8(tmp_path / "absent.onnx")
    stranger = onnx.load(exported, load_external_data=False)
    assert len(encoder_products(stranger)) == 24
    for node in stranger.graph.node:
        del node.metadata_props[:]
    onnx.save(stranger, tmp_path / "stranger.onnx")
    with pytest.raises(ValueError, match="stranger.onnx has no weights of an encoder"):
        quantize_onnx_int8(tmp_path / "stranger.onnx")
