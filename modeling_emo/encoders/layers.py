"""The transformer layers of an encoder: where they are, which of them are needed, which may be skipped."""

from __future__ import annotations

from typing import cast

from torch import nn
from transformers import PreTrainedModel

from configuration_emo.encoder_layers import chosen_layers

from .families import FAMILIES, family_of


def drop_layers_above(encoder: PreTrainedModel, layer: int) -> None:
    """Removes, in place, the transformer layers that nobody reads when a middle hidden state is used.

    One layer above it is kept (frozen): the last hidden state that an encoder reports has passed its final norm, the
    one before has not, and so the chosen state stays what it is in the whole encoder.

    Args:
        encoder (`PreTrainedModel`): any encoder.
        layer (`int`): index of the highest hidden state in use.
    """
    name = _layers_name(encoder)
    if name is None:
        return
    layers = cast(nn.ModuleList, encoder.get_submodule(name))
    if len(layers) > layer:
        parent, _, attribute = name.rpartition(".")
        setattr(encoder.get_submodule(parent), attribute, layers[: layer + 1])
        layers[layer].requires_grad_(False)


def use_layers(encoder: PreTrainedModel, layers: int | list[int] | None) -> None:
    """Prepares an encoder, in place, of which only these hidden states are read: none is skipped, and what lies above
    them is dropped ([`drop_layers_above`]). None, for the last one, changes nothing."""
    if layers is not None:
        drop_layers_above(encoder, max(chosen_layers(layers)))
        switch_off_layer_drop(encoder)


def switch_off_layer_drop(encoder: PreTrainedModel) -> None:
    """Stops, in place, an encoder from skipping whole layers at random in training (LayerDrop, arXiv 1909.11556).

    A skipped layer leaves no hidden state behind: those above it would be taken for others.

    Args:
        encoder (`PreTrainedModel`): any speech encoder.
    """
    for name in ("layerdrop", "encoder_layerdrop"):
        if hasattr(encoder.config, name):
            setattr(encoder.config, name, 0.0)
    for module in encoder.modules():
        if hasattr(module, "layerdrop"):
            module.layerdrop = 0.0  # type: ignore[assignment]  # a number, not a part


def transformer_layers(encoder: PreTrainedModel) -> tuple[str, nn.ModuleList]:
    """The transformer layers of a text or speech encoder, first to last, and their name in it.

    Raises:
        ValueError: they are not where Transformers' encoders keep them, or all layers share their weights.
    """
    name = _layers_name(encoder)
    if name is None:
        places = sorted({family.layers for family in FAMILIES.values() if family.layers is not None})
        raise ValueError(
            f"The layers of {type(encoder).__name__} are under none of {', '.join(places)}: options that go "
            "layer by layer cannot be used with it."
        )
    return name, cast(nn.ModuleList, encoder.get_submodule(name))


def encoder_layers(encoder: PreTrainedModel) -> list[nn.Module]:
    """The transformer layers of an encoder, an empty list where they are not found."""
    name = _layers_name(encoder)
    return [] if name is None else list(cast(nn.ModuleList, encoder.get_submodule(name)))


def _layers_name(encoder: PreTrainedModel) -> str | None:
    known = family_of(encoder.config).layers
    places = [family.layers for family in FAMILIES.values()] if known is None else [known]
    modules = dict(encoder.named_modules())
    return next((name for name in places if name and isinstance(modules.get(name), nn.ModuleList)), None)
