"""8-bit linear layers for inference on a CPU."""

from __future__ import annotations

import copy
import warnings

import torch
from torch import nn
from transformers import PreTrainedModel

from ..encoders.families import family_of
from ..modeling_emobert import EmoBertForSequenceClassification


# The parts of [`EmoBertModel`] that are quantised. They take nearly all the time; fusion and head multiply a few
# vectors per utterance, right before the prediction.
QUANTIZED_PARTS = ("text_encoder", "speech_encoder")
# How Transformers names the attention inside a layer.
ATTENTION_NAMES = ("attention", "attn")


def quantize_int8(
    model: EmoBertForSequenceClassification, *, text_feed_forward: bool = False
) -> EmoBertForSequenceClassification:
    """A copy of a classifier whose encoders multiply in 8 bits, for a CPU.

    The weights of the encoders' linear layers are stored as int8, one scale per output channel; their inputs are
    brought to 7 or 8 bits (by the CPU) batch by batch (dynamic quantisation, no calibration data). Embeddings,
    convolutions, norms, the fusion and the head stay in float32, and by default so do the feed-forward layers of the
    text encoder: a few of their inputs are far larger than the others, and the one scale that all of them share then
    is too coarse for most of them (docs/export.md has the numbers).

    A quantised model is for inference only and is not saved: keep the float model's folder, and quantise after
    loading, which takes about a second. For a file with 8-bit weights use [`quantize_onnx_int8`].

    Args:
        model ([`EmoBertForSequenceClassification`]): in float32 on the CPU; it stays as it is.
        text_feed_forward (`bool`, defaults to `False`): quantise those layers too: faster, and less exact.

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
    >>> from modeling_emo import quantize_int8

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
            "quantize_onnx_int8."
        ) from error

    quantized = copy.deepcopy(model).eval()
    for part in QUANTIZED_PARTS:
        encoder = getattr(quantized.emobert, part)
        only_attention = part == "text_encoder" and not text_feed_forward
        layers = dict.fromkeys(_quantizable_layers(encoder, only_attention), per_channel_dynamic_qconfig)
        with warnings.catch_warnings():
            # It is to give way to torchao, whose int8 layers are hardly faster than float32 here: benchmarks/int8.py.
            warnings.filterwarnings("ignore", message="(?s).*deprecated")
            quantize_dynamic(encoder, layers, inplace=True)
    return quantized


def _quantizable_layers(encoder: PreTrainedModel, only_attention: bool) -> list[str]:
    """Names of the linear layers that may be quantised, of all parts of the encoder's layers or of the attention."""
    read_not_called = family_of(encoder.config).read_not_called
    return [
        name
        for name, module in encoder.named_modules()
        if type(module) is nn.Linear
        and name.rpartition(".")[2] not in read_not_called
        and (not only_attention or any(attention in name for attention in ATTENTION_NAMES))
    ]
