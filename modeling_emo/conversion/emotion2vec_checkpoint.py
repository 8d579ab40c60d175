"""The tensors of an emotion2vec checkpoint: read safely, and by which names the model here knows them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch

from configuration_emo.configuration_emotion2vec import Emotion2VecConfig

from .safe_pickle import load_pickle


PREFIX = "d2v_model."
AUDIO = "modality_encoders.AUDIO."
IGNORED = {
    re.escape(f"{AUDIO}decoder.") + ".*": "the decoder of pre-training",
    r"_ema(\..*)?": "a moving average that pre-training kept of the weights",
}
# Of a layer, the checkpoint's names and ours.
LAYER_MODULES = {
    "attn.proj": "attention.out_proj",
    "norm1": "layer_norm",
    "mlp.fc1": "feed_forward.intermediate_dense",
    "mlp.fc2": "feed_forward.output_dense",
    "norm2": "final_layer_norm",
}


@dataclass
class Emotion2VecCheckpoint:
    """
    The tensors of a checkpoint.

    Args:
        path (`Path`): the file.
        state_dict (`dict[str, torch.Tensor]`): tensors in float32 under their names without `d2v_model.`, those
            that inference needs and those that it may not know.
        ignored (`dict[str, str]`): name and reason of what is left out.
    """

    path: Path
    state_dict: dict[str, torch.Tensor]
    ignored: dict[str, str]


def load_checkpoint(path: str | Path) -> Emotion2VecCheckpoint:
    """
    Reads a checkpoint without running any code that it may carry.

    Args:
        path (`str` or `Path`): a `.pt` file of FunASR or of the authors, `{"model": tensors, ...}` or the tensors
            alone; or the tensors as `.safetensors`.

    Returns:
        [`Emotion2VecCheckpoint`]

    Raises:
        ValueError: the file is no such checkpoint, holds other Python objects, or two tensors have one name.
    """
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"There is no checkpoint at {path}.")
    content = _read_safetensors(path) if path.suffix == ".safetensors" else _read_pickle(path)
    ignored = {}
    if "model" in content and isinstance(content["model"], Mapping):
        ignored = {name: "not weights" for name in content if name != "model"}
        content = content["model"]
    state_dict: dict[str, torch.Tensor] = {}
    for name, value in _flatten(content):
        reason = next((reason for pattern, reason in IGNORED.items() if re.fullmatch(pattern, _bare(name))), None)
        if reason is not None:
            ignored[name] = reason
            continue
        if not isinstance(value, torch.Tensor):
            kind = type(value).__name__
            raise ValueError(f"{path} is not an emotion2vec checkpoint: {name!r} is {kind}, not a tensor.")
        if _bare(name) in state_dict:
            raise ValueError(f"{path} has {_bare(name)!r} twice, with and without {PREFIX!r}.")
        state_dict[_bare(name)] = value.float()
    return Emotion2VecCheckpoint(path, state_dict, ignored)


def _bare(name: str) -> str:
    """A name without the prefix that the classifiers' checkpoints have."""
    return name.removeprefix(PREFIX)


def _flatten(content: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted names and values of nested dicts."""
    for name, value in content.items():
        if isinstance(value, Mapping):
            yield from _flatten(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _read_safetensors(path: Path) -> dict[str, Any]:
    try:
        return dict(safetensors.torch.load_file(path))
    except (safetensors.SafetensorError, OSError) as error:
        raise ValueError(f"{path} is not a safetensors file: {error}") from error


def _read_pickle(path: Path) -> Mapping[str, Any]:
    remedy = (
        "If you trust the file, load it where FunASR is installed and save "
        "{'model': checkpoint['model']} to a new one."
    )
    content = load_pickle(path, remedy=remedy)
    if not isinstance(content, Mapping):
        raise ValueError(f"{path} is not an emotion2vec checkpoint: it holds {type(content).__name__}, no tensors.")
    return content


def key_table(config: Emotion2VecConfig, num_prenet_layers: int) -> dict[str, list[str]]:
    """
    Which tensors of [`Emotion2VecModel`] a checkpoint's tensor becomes; three where it holds query, key and value.

    Args:
        config ([`Emotion2VecConfig`]): the architecture.
        num_prenet_layers (`int`): how many of the layers have the names of the prenet.

    Returns:
        `dict[str, list[str]]`: all names that a checkpoint of this architecture has, without `d2v_model.`.
    """
    table: dict[str, list[str]] = {}

    def module(theirs: str, ours: str, names: tuple[str, ...] = ("weight", "bias")) -> None:
        table.update({f"{theirs}.{name}": [f"{ours}.{name}"] for name in names})

    for index in range(config.num_feat_extract_layers):
        theirs, ours = f"{AUDIO}local_encoder.conv_layers.{index}", f"feature_extractor.conv_layers.{index}"
        module(f"{theirs}.0", f"{ours}.conv", ("weight",))
        if config.feat_extract_norm == "layer":
            module(f"{theirs}.2.1", f"{ours}.layer_norm")
        elif index == 0:
            module(f"{theirs}.2", f"{ours}.layer_norm")
    module(f"{AUDIO}project_features.1", "feature_projection.layer_norm")
    module(f"{AUDIO}project_features.2", "feature_projection.projection")
    positions = f"{AUDIO}relative_positional_encoder"
    if config.conv_pos_pre_norm:
        module(f"{positions}.0", "encoder.pos_conv_embed.layer_norm")
        positions += ".1"
    for index in range(config.num_conv_pos_embeddings):
        module(f"{positions}.{index + 1}.0", f"encoder.pos_conv_embed.layers.{index}.conv")
    if config.num_extra_tokens:
        table[f"{AUDIO}extra_tokens"] = ["encoder.extra_tokens"]
    if config.num_alibi_heads:
        table[f"{AUDIO}alibi_scale"] = ["encoder.alibi.scale"]
    norm_names = ("weight", "bias") if config.layer_norm_affine else ()
    module("norm" if config.layer_norm_first else f"{AUDIO}context_encoder.norm", "encoder.layer_norm", norm_names)
    for index in range(config.num_hidden_layers):
        theirs, ours = f"blocks.{index - num_prenet_layers}", f"encoder.layers.{index}"
        if index < num_prenet_layers:
            theirs = f"{AUDIO}context_encoder.blocks.{index}"
        for name in ("weight", "bias"):
            table[f"{theirs}.attn.qkv.{name}"] = [f"{ours}.attention.{part}_proj.{name}" for part in "qkv"]
        for their_module, our_module in LAYER_MODULES.items():
            names = norm_names if their_module.startswith("norm") else ("weight", "bias")
            module(f"{theirs}.{their_module}", f"{ours}.{our_module}", names)
    return table


__all__ = ["Emotion2VecCheckpoint", "key_table", "load_checkpoint"]
