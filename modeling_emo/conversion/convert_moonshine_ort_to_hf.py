"""Convert the Moonshine speech encoder of the `moonshine-voice` package into an ordinary Transformers folder.

`moonshine-voice==0.0.49` (PyPI, MIT licence) carries `assets/tiny-en/encoder_model.ort`: the encoder of Moonshine tiny
(Jeffries et al. 2024, arXiv 2410.15608) as an ONNX Runtime flatbuffer whose linear layers are quantised to int8. Its
weights are dequantised, `(q - zero_point) * scale`, and loaded strictly into `MoonshineEncoder`: 7.7 million
parameters, 6 layers of width 288, about 41 frames per second of 16 kHz sound.

The folder holds the encoder alone. Load it with the encoder's class, since `AutoModel` would add a decoder with random
weights:

```bash
python -m modeling_emo.conversion.convert_moonshine_ort_to_hf --output_dir outputs/encoders/moonshine-tiny-encoder
```

```python
>>> from transformers.models.moonshine.modeling_moonshine import MoonshineEncoder
>>> encoder = MoonshineEncoder.from_pretrained("outputs/encoders/moonshine-tiny-encoder")  # doctest: +SKIP

```

Only the conversion needs `onnxruntime` and `moonshine-voice` (installed with `--no-deps`).
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import importlib.util
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from transformers import MoonshineConfig, Wav2Vec2FeatureExtractor
from transformers.models.moonshine.modeling_moonshine import MoonshineEncoder


ORT_SHA256 = "94e90a4654fc45cdfedb77c4c08e1739f48862998e58fada384b25118134f221"
MOONSHINE_SAMPLING_RATE = 16_000

# onnx.TensorProto.DataType -> numpy
ONNX_DTYPES = {1: np.float32, 2: np.uint8, 3: np.int8, 6: np.int32, 7: np.int64}
INTEGER_DTYPES = (np.dtype(np.int32), np.dtype(np.int64))


@dataclass(frozen=True)
class OrtNode:
    """One operator of the graph: `name` is the path of its module, `inputs` the names of its tensors, in order."""

    op_type: str
    name: str
    inputs: tuple[str, ...]


@dataclass(frozen=True)
class OrtGraph:
    """The part of an ORT model that weights are read from.

    Args:
        nodes (`list[OrtNode]`): the operators, in any order.
        initializers (`dict[str, np.ndarray]`): constants by name: weights, quantised weights, scales, shapes.
    """

    nodes: list[OrtNode]
    initializers: dict[str, np.ndarray]


@dataclass(frozen=True)
class ParameterSlots:
    """Which inputs of an operator carry the parameters of its module.

    Args:
        weight (`int`): the weight, or the int8 weight where `scale` is given.
        bias (`int`, *optional*): the bias; an operator may leave the input out.
        scale, zero_point (`int`, *optional*): the quantisation of the weight.
        transposed (`bool`): the weight is stored as (in, out), while `torch.nn.Linear` has (out, in).
        zero_bias (`int`, *optional*): a bias that the module does not have, so that it must be all zeros.
    """

    weight: int
    bias: int | None = None
    scale: int | None = None
    zero_point: int | None = None
    transposed: bool = False
    zero_bias: int | None = None


# The operators with parameters. Everything else in the graph computes shapes, masks, rotations or attention.
OPERATORS = {
    "Conv": ParameterSlots(weight=1, bias=2),
    "FusedConv": ParameterSlots(weight=1, bias=2),  # conv1 with its tanh
    "LayerNormalization": ParameterSlots(weight=1, zero_bias=2),
    "SkipLayerNormalization": ParameterSlots(weight=2, zero_bias=3),
    "DynamicQuantizeMatMul": ParameterSlots(weight=1, scale=2, zero_point=3, bias=4, transposed=True),
    "MatMulIntegerToFloat": ParameterSlots(weight=1, scale=3, zero_point=5, bias=6, transposed=True),
}
# Node name -> module, where the name is not the module's path.
MODULE_OF_NODE = {"SkipLayerNormalization": "layer_norm"}
# The group norm is spelt out as InstanceNormalization (without scale) * weight + bias.
GROUP_NORM_NODES = {"/groupnorm/Mul": "groupnorm.weight", "/groupnorm/Add": "groupnorm.bias"}


def read_ort_graph(path: str | Path) -> OrtGraph:
    """Nodes and initialisers of an ONNX Runtime `.ort` file.

    Args:
        path (`str` or `Path`): the flatbuffer.

    Raises:
        ValueError: the file is not an ORT model or uses a data type that no weight here has.
    """
    # onnxruntime puts its generated flatbuffer classes on the import path when this package is imported.
    importlib.import_module("onnxruntime.tools.ort_format_model")
    session_class = importlib.import_module("ort_flatbuffers_py.fbs.InferenceSession").InferenceSession

    buffer = Path(path).read_bytes()
    if len(buffer) < 8 or not session_class.InferenceSessionBufferHasIdentifier(buffer, 0):
        raise ValueError(f"{path} is not an ONNX Runtime model: it lacks the identifier of the .ort format.")
    graph = session_class.GetRootAs(buffer, 0).Model().Graph()

    initializers = {}
    for index in range(graph.InitializersLength()):
        tensor = graph.Initializers(index)
        name = tensor.Name().decode()
        if tensor.DataType() not in ONNX_DTYPES:
            raise ValueError(f"Initializer {name!r} of {path} has the unknown ONNX data type {tensor.DataType()}.")
        shape = tuple(tensor.Dims(axis) for axis in range(tensor.DimsLength()))
        initializers[name] = tensor.RawDataAsNumpy().view(ONNX_DTYPES[tensor.DataType()]).reshape(shape)

    nodes = []
    for index in range(graph.NodesLength()):
        node = graph.Nodes(index)
        inputs = tuple(node.Inputs(slot).decode() for slot in range(node.InputsLength()))
        nodes.append(OrtNode(node.OpType().decode(), node.Name().decode(), inputs))
    return OrtGraph(nodes, initializers)


def dequantize(quantized: np.ndarray, scale: np.ndarray, zero_point: np.ndarray) -> np.ndarray:
    """`(quantized - zero_point) * scale` as float32, for a weight (in, out) with one scale, or one per output.

    Example:
        >>> dequantize(np.array([[130, 126]], np.uint8), np.float32(0.5), np.uint8(128)).tolist()
        [[1.0, -1.0]]
    """
    return (quantized.astype(np.float32) - zero_point.astype(np.float32)) * scale.astype(np.float32)


def encoder_state_dict(graph: OrtGraph, rotary_inverse_frequencies: np.ndarray) -> dict[str, torch.Tensor]:
    """The parameters of `MoonshineEncoder`, by their Transformers names.

    Args:
        graph (`OrtGraph`): what `read_ort_graph` returns.
        rotary_inverse_frequencies (`np.ndarray` of shape `(rotary_dim / 2,)`): those of the model that will be
            loaded. The graph carries its own as a constant, and both must agree.

    Raises:
        ValueError: a tensor of the graph is left over, or a constant is not what the Transformers encoder computes.
    """
    state: dict[str, np.ndarray] = {}
    used: set[str] = set()

    def take(node: OrtNode, slot: int | None) -> np.ndarray | None:
        name = node.inputs[slot] if slot is not None and slot < len(node.inputs) else ""
        if name not in graph.initializers:
            return None
        used.add(name)
        return graph.initializers[name]

    for node in graph.nodes:
        if node.name in GROUP_NORM_NODES:
            value = take(node, 1)
            if value is not None:
                state[GROUP_NORM_NODES[node.name]] = value.reshape(-1)
        elif node.op_type in OPERATORS:
            module = MODULE_OF_NODE.get(node.name) or ".".join(node.name.strip("/").split("/")[:-1])
            state.update(_module_parameters(node, OPERATORS[node.op_type], module, take))

    _check_leftovers(graph, used, rotary_inverse_frequencies)
    return {name: torch.from_numpy(np.array(value, dtype=np.float32)) for name, value in state.items()}


def _module_parameters(
    node: OrtNode,
    slots: ParameterSlots,
    module: str,
    take: Callable[[OrtNode, int | None], np.ndarray | None],
) -> dict[str, np.ndarray]:
    weight, bias = take(node, slots.weight), take(node, slots.bias)
    if weight is None:
        raise ValueError(f"Node {node.name!r} ({node.op_type}) has no constant weight at input {slots.weight}.")
    if slots.scale is not None:
        scale, zero_point = take(node, slots.scale), take(node, slots.zero_point)
        if scale is None or zero_point is None:
            raise ValueError(f"Node {node.name!r} ({node.op_type}) has a quantised weight without scale or zero.")
        weight = dequantize(weight, scale, zero_point)
    zero_bias = take(node, slots.zero_bias)
    if zero_bias is not None and np.any(zero_bias):
        raise ValueError(f"Node {node.name!r} has a bias, while {module} of the Transformers encoder has none.")

    parameters = {f"{module}.weight": weight.T if slots.transposed else weight}
    if bias is not None:
        parameters[f"{module}.bias"] = bias
    return parameters


def _check_leftovers(graph: OrtGraph, used: set[str], rotary_inverse_frequencies: np.ndarray) -> None:
    """Integers are shapes and indices, single numbers are masks and norms; any other tensor must have been used."""
    for name, value in graph.initializers.items():
        if name in used or value.dtype in INTEGER_DTYPES or value.size == 1:
            continue
        if value.size != rotary_inverse_frequencies.size:
            raise ValueError(f"The tensor {name!r} of shape {value.shape} is no parameter of MoonshineEncoder.")
        if not np.allclose(value.reshape(-1), rotary_inverse_frequencies, rtol=1e-5, atol=0.0):
            raise ValueError(f"The rotary frequencies {name!r} differ from those that MoonshineConfig gives.")


def load_moonshine_encoder(path: str | Path, *, allow_other: bool = False) -> MoonshineEncoder:
    """The Moonshine tiny encoder of an `.ort` file, in evaluation mode.

    Args:
        path (`str` or `Path`): `encoder_model.ort`.
        allow_other (`bool`): convert a file whose sha256 is not the known one.

    Raises:
        ValueError: another file than the one of `moonshine-voice==0.0.49`, or names that do not match one to one.
    """
    digest = hashlib.sha256(Path(path).read_bytes()).hexdigest()
    if digest != ORT_SHA256 and not allow_other:
        raise ValueError(
            f"{path} has sha256 {digest}, expected {ORT_SHA256}, that of tiny-en/encoder_model.ort in "
            "moonshine-voice==0.0.49. Install that version, or pass --allow_other to convert another file."
        )
    encoder = MoonshineEncoder(MoonshineConfig()).eval()
    state = encoder_state_dict(read_ort_graph(path), encoder.rotary_emb.inv_freq.numpy())
    _check_names(state, encoder.state_dict(), path)
    encoder.load_state_dict(state, strict=True)
    return encoder


def _check_names(state: Mapping[str, torch.Tensor], expected: Mapping[str, torch.Tensor], path: str | Path) -> None:
    missing, unexpected = sorted(expected.keys() - state.keys()), sorted(state.keys() - expected.keys())
    shapes = [name for name in sorted(expected.keys() & state.keys()) if state[name].shape != expected[name].shape]
    if missing or unexpected or shapes:
        raise ValueError(
            f"{path} does not match MoonshineEncoder one to one: missing {missing}, unexpected {unexpected}, "
            f"of another shape {shapes}."
        )


def moonshine_feature_extractor() -> Wav2Vec2FeatureExtractor:
    """The feature extractor of Moonshine: 16 kHz waveforms, not normalised, padded with zeros, with a mask."""
    return Wav2Vec2FeatureExtractor(
        feature_size=1,
        sampling_rate=MOONSHINE_SAMPLING_RATE,
        padding_value=0.0,
        do_normalize=False,
        return_attention_mask=True,
    )


def find_moonshine_ort() -> Path:
    """`encoder_model.ort` inside the installed `moonshine-voice` package, found without importing the package.

    Raises:
        ValueError: the package is not installed, or its version has no such file.
    """
    remedy = "Install it with `pip install --no-deps moonshine-voice==0.0.49`, or pass --ort FILE."
    spec = importlib.util.find_spec("moonshine_voice")
    if spec is None or not spec.submodule_search_locations:
        raise ValueError(f"The package moonshine-voice is not installed. {remedy}")
    path = Path(spec.submodule_search_locations[0]) / "assets" / "tiny-en" / "encoder_model.ort"
    if not path.is_file():
        raise ValueError(f"The installed moonshine-voice has no {path}. {remedy}")
    return path


def convert_moonshine_ort_to_hf(
    output_dir: str | Path, ort: str | Path | None = None, *, allow_other: bool = False
) -> Path:
    """Write the encoder and its feature extractor as a Transformers folder.

    Args:
        output_dir (`str` or `Path`): receives `config.json`, `model.safetensors` and `preprocessor_config.json`.
        ort (`str` or `Path`, *optional*): the `.ort` file; by default that of the installed `moonshine-voice`.
        allow_other (`bool`): convert a file whose sha256 is not the known one.

    Returns:
        `Path`: `output_dir`.

    Raises:
        ValueError: see `load_moonshine_encoder` and `find_moonshine_ort`.
    """
    encoder = load_moonshine_encoder(find_moonshine_ort() if ort is None else ort, allow_other=allow_other)
    encoder.save_pretrained(output_dir)
    moonshine_feature_extractor().save_pretrained(output_dir)
    return Path(output_dir)


def main() -> None:
    parser = argparse.ArgumentParser(description="Convert the Moonshine tiny encoder to a Transformers folder.")
    parser.add_argument("--output_dir", required=True, help="folder to write")
    parser.add_argument("--ort", default=None, help="encoder_model.ort (default: the installed package's)")
    parser.add_argument("--allow_other", action="store_true", help="convert a file with another sha256")
    arguments = parser.parse_args()
    folder = convert_moonshine_ort_to_hf(arguments.output_dir, arguments.ort, allow_other=arguments.allow_other)
    print(f"Moonshine tiny encoder written to {folder}")


if __name__ == "__main__":
    main()
