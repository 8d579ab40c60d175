"""Pickled checkpoints of strangers, read without running any code that they may carry."""

from __future__ import annotations

import pickle
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch


def load_pickle(path: Path, *, remedy: str, allowed: Sequence[type] = ()) -> Any:
    """
    What a `.pt` file holds: tensors, plain containers and instances of the allowed classes, on the CPU.

    Args:
        path (`Path`): the file.
        remedy (`str`): what to do with a file that holds more, for the message.
        allowed (sequence of `type`): classes that may be in it as well.

    Raises:
        ValueError: the file is no PyTorch checkpoint, or holds other Python objects; the first of them is named.
    """
    try:
        with torch.serialization.safe_globals(list(allowed)):
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        expected = " and ".join(
            ["tensors, plain containers", *(f"{kind.__module__}.{kind.__name__}" for kind in allowed)]
        )
        raise ValueError(
            f"{path} was not read, because its pickle holds more than {expected}: {_blocked_global(error)}. {remedy}"
        ) from error
    except (RuntimeError, EOFError, LookupError, TypeError, ValueError) as error:  # what bytes of another kind end in
        raise ValueError(f"{path} is not a PyTorch checkpoint: {type(error).__name__}: {error}") from error


def _blocked_global(error: pickle.UnpicklingError) -> str:
    """The object that the safe loader refused, from its message."""
    match = re.search(r"(?:GLOBAL|global:?)\s+(\S+\.\S+)", str(error))
    return match.group(1) if match else str(error).splitlines()[0]
