"""Reading fairseq's checkpoints safely, and accounting for every tensor in them."""

from __future__ import annotations

import argparse
import ast
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from .safe_pickle import load_pickle


@dataclass
class FairseqCheckpoint:
    """
    What a conversion needs of a fairseq checkpoint.

    Args:
        path (`Path`): the file.
        args (`dict[str, Any]`): the command-line arguments of its training; empty where the file holds none.
        state_dict (`dict[str, torch.Tensor]`): its tensors, in float32, under fairseq's names.
    """

    path: Path
    args: dict[str, Any]
    state_dict: dict[str, torch.Tensor]


@dataclass
class KeyTable:
    """
    How the keys of a checkpoint become those of a model.

    Args:
        renames (`list[tuple[str, str]]`): regular expression that a whole key matches, and its replacement.
        ignored (`list[tuple[str, str]]`): regular expression of keys that the model has no use for, and the reason.
    """

    renames: list[tuple[str, str]]
    ignored: list[tuple[str, str]]


@dataclass
class RenamedState:
    """
    A state dict under new names.

    Args:
        state_dict (`dict[str, torch.Tensor]`): the tensors that the model takes.
        ignored (`dict[str, str]`): fairseq's name of each tensor left out, and the reason.
    """

    state_dict: dict[str, torch.Tensor]
    ignored: dict[str, str]


def load_fairseq_checkpoint(path: str | Path) -> FairseqCheckpoint:
    """
    Reads a checkpoint without running any code that it may carry: tensors, plain containers and `argparse.Namespace`
    are all that its pickle may hold.

    Args:
        path (`str` or `Path`): a `.pt` file of fairseq, with `args` (or `cfg`) and `model`.

    Returns:
        [`FairseqCheckpoint`]

    Raises:
        ValueError: the file is no such checkpoint, or holds other Python objects; the first of them is named.
    """
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"There is no checkpoint at {path}.")
    remedy = (
        "If you trust the file, load it where fairseq is installed and save "
        "{'args': checkpoint['args'], 'model': checkpoint['model']} to a new one."
    )
    content = load_pickle(path, remedy=remedy, allowed=[argparse.Namespace])
    if not isinstance(content, dict) or not isinstance(content.get("model"), dict):
        raise ValueError(f"{path} is not a fairseq checkpoint: it has no `model` with a state dict.")
    state_dict = {name: tensor.float() for name, tensor in content["model"].items()}
    return FairseqCheckpoint(path, _training_args(content), state_dict)


def _training_args(content: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments as a dict: `args` of fairseq before 0.11, `cfg["model"]` after."""
    args = content.get("args")
    if args is None and isinstance(content.get("cfg"), Mapping):
        args = content["cfg"].get("model")
    if args is None:
        return {}
    return dict(args) if isinstance(args, Mapping) else dict(vars(args))


def parse_layers(expression: str) -> list[tuple[int, ...]]:
    """
    Reads a list of layers as fairseq's arguments spell it, without evaluating it as Python.

    Args:
        expression (`str`): for example `"[(512, 10, 5)] + [(512, 4, 2)] * 3"`.

    Returns:
        `list[tuple[int, ...]]`: channels, kernel size and stride of each layer.

    Raises:
        ValueError: the expression has other parts than numbers, tuples, lists, `+` and `*`.
    """
    try:
        layers = _evaluate(ast.parse(expression, mode="eval").body)
    except (SyntaxError, TypeError, ValueError) as error:
        raise ValueError(f"{expression!r} is not a list of (channels, kernel size, stride): {error}.") from error
    if not isinstance(layers, list) or not all(isinstance(layer, tuple) and len(layer) == 3 for layer in layers):
        raise ValueError(f"{expression!r} is not a list of (channels, kernel size, stride).")
    return layers


def _evaluate(node: ast.expr) -> Any:
    """The value of a syntax tree of numbers, tuples, lists, `+` and `*`."""
    if isinstance(node, ast.Constant) and type(node.value) is int:
        return node.value
    if isinstance(node, ast.Tuple):
        return tuple(_evaluate(element) for element in node.elts)
    if isinstance(node, ast.List):
        return [_evaluate(element) for element in node.elts]
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return _evaluate(node.left) + _evaluate(node.right)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
        return _evaluate(node.left) * _evaluate(node.right)
    raise ValueError(f"{ast.unparse(node)!r} is not allowed")


def split_fused_projections(state_dict: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """
    Splits `in_proj_weight` and `in_proj_bias`, which older fairseq versions wrote, into query, key and value.

    Args:
        state_dict (`Mapping[str, torch.Tensor]`): fairseq's tensors.

    Returns:
        `dict[str, torch.Tensor]`: the same with `q_proj`, `k_proj` and `v_proj` only.
    """
    split = {}
    for name, tensor in state_dict.items():
        match = re.fullmatch(r"(.*\.)in_proj_(weight|bias)", name)
        if not match:
            split[name] = tensor
            continue
        for projection, part in zip("qkv", tensor.chunk(3), strict=True):
            split[f"{match.group(1)}{projection}_proj.{match.group(2)}"] = part.clone()
    return split


def rename_keys(checkpoint: FairseqCheckpoint, table: KeyTable) -> RenamedState:
    """
    Gives every tensor its new name, or the reason why it is left out.

    Args:
        checkpoint ([`FairseqCheckpoint`]): the source.
        table ([`KeyTable`]): the names.

    Returns:
        [`RenamedState`]

    Raises:
        ValueError: tensors that the table does not know; all are named.
    """
    renamed: dict[str, torch.Tensor] = {}
    ignored: dict[str, str] = {}
    unknown: list[str] = []
    for name, tensor in checkpoint.state_dict.items():
        new_name = next((re.sub(old, new, name) for old, new in table.renames if re.fullmatch(old, name)), None)
        reason = next((reason for pattern, reason in table.ignored if re.fullmatch(pattern, name)), None)
        if new_name is not None:
            renamed[new_name] = tensor
        elif reason is not None:
            ignored[name] = reason
        else:
            unknown.append(name)
    if unknown:
        raise ValueError(f"{checkpoint.path} has tensors that this conversion does not know: {', '.join(unknown)}.")
    return RenamedState(renamed, ignored)


def load_strictly(model: nn.Module, state_dict: Mapping[str, torch.Tensor], path: Path, optional: Iterable[str] = ()):
    """
    Copies tensors into a model; each must have its place and each place its tensor.

    Args:
        model (`nn.Module`): the target.
        state_dict (`Mapping[str, torch.Tensor]`): tensors under the model's names.
        path (`Path`): the checkpoint, for the message.
        optional (`Iterable[str]`): prefixes of the model's own tensors that no checkpoint holds.

    Raises:
        ValueError: missing, unexpected or misshapen tensors; all are named.
    """
    own = model.state_dict()
    optional = tuple(optional)
    missing = [name for name in own if name not in state_dict and not (optional and name.startswith(optional))]
    unexpected = [name for name in state_dict if name not in own]
    misshapen = [
        f"{name} {tuple(tensor.shape)} for {tuple(own[name].shape)}"
        for name, tensor in state_dict.items()
        if name in own and tensor.shape != own[name].shape
    ]
    problems = {"missing": missing, "unexpected": unexpected, "of the wrong shape": misshapen}
    found = [f"{kind}: {', '.join(names)}" for kind, names in problems.items() if names]
    if found:
        raise ValueError(
            f"The tensors of {path} do not fit the model that its arguments describe; {'; '.join(found)}."
        )
    model.load_state_dict(dict(state_dict), strict=not optional)


def describe_ignored(ignored: Mapping[str, str]) -> list[str]:
    """
    Lines that name what a conversion left out, grouped by reason.

    Args:
        ignored (`Mapping[str, str]`): name and reason of each tensor.

    Returns:
        `list[str]`: one line for each reason.
    """
    by_reason: dict[str, list[str]] = {}
    for name, reason in ignored.items():
        by_reason.setdefault(reason, []).append(name)
    return [f"left out ({reason}): {', '.join(names)}" for reason, names in by_reason.items()]
