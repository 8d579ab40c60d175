"""8-bit weights for an exported classifier, computed with by ONNX Runtime."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

from .int8 import QUANTIZED_PARTS
from .onnx_model import INT8_FILE


# Where `torch.onnx` notes which module a node came from.
SCOPES = "pkg.torch.onnx.name_scopes"


def quantize_onnx_int8(path: str | Path) -> Path:
    """Writes a copy of an exported classifier whose encoders multiply in 8 bits.

    The weights of all linear layers of both encoders are stored as int8, one scale per output channel; their inputs
    are brought to 8 bits when the model runs (dynamic quantisation, no calibration data). The fusion and the head stay
    as they are.

    Args:
        path (`str` or `Path`): the graph that [`export_onnx`] wrote.

    Returns:
        `Path`: `model_int8.onnx` beside it, with its weights in `model_int8.onnx.data`.

    Raises:
        ImportError: onnx or onnxruntime is not installed.
        ValueError: there is no such file, or it has no encoder that [`export_onnx`] would have written.
    """
    try:
        import onnx
        from onnxruntime.quantization import QuantType, quantize_dynamic
    except ImportError as error:
        raise ImportError("Quantising an ONNX model needs onnxruntime: pip install 'emobert[onnx]'.") from error
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"There is no ONNX model {path}: write it with export_onnx.")
    onnx_model = onnx.load(path, load_external_data=False)
    nodes = encoder_products(onnx_model)
    if not nodes:
        raise ValueError(f"{path} has no weights of an encoder: was it written by export_onnx?")
    target = path.with_name(INT8_FILE)
    # The writer appends to weights that are there already.
    target.with_name(f"{INT8_FILE}.data").unlink(missing_ok=True)
    with _without_noted_shapes(onnx_model, path) as source:
        quantize_dynamic(
            source,
            target,
            nodes_to_quantize=nodes,
            weight_type=QuantType.QInt8,
            per_channel=True,
            use_external_data_format=True,
            extra_options={"MatMulConstBOnly": True},
        )
    shutil.copymode(path, target.with_name(f"{INT8_FILE}.data"))  # else only its owner could read it
    return target


def encoder_products(onnx_model) -> list[str]:
    """Names of the nodes that multiply with a weight of an encoder.

    Args:
        onnx_model (`onnx.ModelProto`): of [`export_onnx`]; its weights need not be loaded.
    """
    weights = {tensor.name for tensor in onnx_model.graph.initializer}
    names = []
    for node in onnx_model.graph.node:
        scopes = next((entry.value for entry in node.metadata_props if entry.key == SCOPES), "")
        in_encoder = any(f"emobert.{part}" in scopes for part in QUANTIZED_PARTS)
        if in_encoder and node.op_type == "MatMul" and node.input[1] in weights:
            names.append(node.name)
    return names


@contextlib.contextmanager
def _without_noted_shapes(onnx_model, path: Path) -> Iterator[Path]:
    """A graph beside the original, over the same weights, without the shapes that the export noted of them.

    The quantiser transposes weights and older versions of it (1.23) stumble over the notes.
    """
    import onnx

    del onnx_model.graph.value_info[:]
    source = path.with_name(f".{path.name}.quantising")
    try:
        onnx.save(onnx_model, source)
        yield source
    finally:
        source.unlink(missing_ok=True)
