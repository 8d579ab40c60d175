"""8-bit linear layers for inference on a CPU."""

from __future__ import annotations

import copy
import warnings

import torch
from torch import nn

from .modeling_emobert import EmoBertForSequenceClassification


# The parts of [`EmoBertModel`] that are quantised. They take nearly all the time; fusion and head multiply a few
# vectors per utterance, right before the prediction.
QUANTIZED_PARTS = ("text_encoder", "speech_encoder")
# Encoders whose attention reads these layers' weights instead of calling them.
READ_NOT_CALLED = {"wavlm": ("q_proj", "k_proj", "v_proj", "out_proj")}


def quantize_int8(model: EmoBertForSequenceClassification) -> EmoBertForSequenceClassification:
    """A copy of a classifier whose encoders multiply in 8 bits, for a CPU.

    The weights of the encoders' linear layers are stored as int8, one scale per output channel; their inputs are
    brought to 8 bits batch by batch (dynamic quantisation, no calibration data). Embeddings, convolutions, norms, the
    fusion and the head stay in float32.

    A quantised model is for inference only and is not saved: keep the float model's folder, and quantise after
    loading, which takes about a second. For a file with 8-bit weights use [`quantize_onnx_int8`].

    Args:
        model ([`EmoBertForSequenceClassification`]): in float32 on the CPU; it stays as it is.

    Returns:
        [`EmoBertForSequenceClassification`]: in evaluation mode. Its predictions are close to the model's. Unlike them
        they depend a little on the batch, whose largest values set the scale of the rounding: where an utterance has
        to score the same in any company, predict one at a time.

    Raises:
        ValueError: the model is not in float32 or not on the CPU.
        ImportError: this PyTorch has no dynamic quantisation any more.

    Example:

    ```python
    >>> from modeling_emo import EmoBertForSequenceClassification
    >>> from modeling_emo.quantization_emobert import quantize_int8

    >>> model = quantize_int8(EmoBertForSequenceClassification.from_pretrained("outputs/demo"))  # doctest: +SKIP
    ```
    """
    if model.dtype != torch.float32 or model.device.type != "cpu":
        raise ValueError(
            f"int8 quantisation takes a float32 model on the CPU, got {model.dtype} on {model.device}: load it with "
            "from_pretrained(..., dtype=torch.float32)."
        )
    try:
        from torch.ao.quantization import per_channel_dynamic_qconfig, quantize_dynamic
    except ImportError as error:
        raise ImportError(
            f"torch {torch.__version__} has no torch.ao.quantization any more: export the model and use "
            "modeling_emo.quantization_onnx_emobert.quantize_onnx_int8."
        ) from error

    quantized = copy.deepcopy(model).eval()
    for part in QUANTIZED_PARTS:
        encoder = getattr(quantized.emobert, part)
        skipped = READ_NOT_CALLED.get(encoder.config.model_type, ())
        layers = {
            name: per_channel_dynamic_qconfig
            for name, module in encoder.named_modules()
            if type(module) is nn.Linear and name.rpartition(".")[2] not in skipped
        }
        with warnings.catch_warnings():
            # It is to give way to torchao, whose int8 layers are hardly faster than float32 here: benchmarks/int8.py.
            warnings.filterwarnings("ignore", message="(?s).*deprecated")
            quantize_dynamic(encoder, layers, inplace=True)
    return quantized
