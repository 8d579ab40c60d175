"""How deep in its encoder a weight lies, for recipes that treat layers differently."""

from __future__ import annotations

from collections.abc import Iterator

from torch import nn
from transformers import PreTrainedModel

from .layers import transformer_layers


ENCODERS = ("text_encoder", "speech_encoder")
# What follows the last layer: final norms and adapters that shorten the sequence. All else comes before the first one
# or is shared by all layers.
AFTER_LAYERS: tuple[str, ...] = ("layer_norm.", "final_norm.", "adapter.")


def find_encoders(model: nn.Module) -> Iterator[tuple[str, str, PreTrainedModel]]:
    """The text and the speech encoder of a model, however it is wrapped.

    Args:
        model (`nn.Module`): an EmoBERT model, plain, with adapters (PEFT) or wrapped for distributed training.

    Returns:
        Iterator over `(full name, "text_encoder" or "speech_encoder", encoder)`.
    """
    for name, module in model.named_modules():
        side = name.rpartition(".")[2]
        if side in ENCODERS and isinstance(module, PreTrainedModel):
            yield name, side, module


def encoder_of(parameter_name: str) -> str | None:
    """`"text_encoder"` or `"speech_encoder"` for a weight in one of them, by its full name; else None."""
    return next((part for part in parameter_name.split(".") if part in ENCODERS), None)


def weight_depths(encoder: PreTrainedModel) -> tuple[dict[str, int], int]:
    """Depth of each weight of an encoder.

    Args:
        encoder (`PreTrainedModel`): any text or speech encoder.

    Returns:
        `tuple[dict[str, int], int]`: by name, 0 for embeddings and convolutions, 1 for the weights of the first layer,
        up to n for those of the last layer and what follows it; and n. Layers at the end without any weight to train
        (above `speech_layer`) do not count.

    Raises:
        ValueError: the encoder's layers are not found, see [`transformer_layers`].
    """
    prefix, layers = transformer_layers(encoder)
    trainable = [any(weight.requires_grad for weight in layer.parameters()) for layer in layers]
    count = max((index for index, trained in enumerate(trainable, 1) if trained), default=len(layers))
    after: tuple[str, ...] = AFTER_LAYERS
    if getattr(encoder.config, "do_stable_layer_norm", False):  # wav2vec2 and its relatives, norm last
        after = (*after, "encoder.layer_norm.")
    depths = {}
    for name, _ in encoder.named_parameters():
        if name.startswith(f"{prefix}."):
            depth = int(name.removeprefix(f"{prefix}.").split(".")[0]) + 1
        else:
            depth = count if name.startswith(after) else 0
        depths[name] = min(depth, count)
    return depths, count
