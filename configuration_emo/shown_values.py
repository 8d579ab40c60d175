"""Values as error messages show them: short, whatever they are."""

from __future__ import annotations

import reprlib
from typing import Any


MAX_CHARACTERS = 120

_short = reprlib.Repr()
_short.maxstring = _short.maxother = _short.maxlong = MAX_CHARACTERS
_short.maxlist = _short.maxtuple = _short.maxdict = 6


def shown(value: Any) -> str:
    """What a message says of a value: of an array its shape and type and no numbers, of the rest the beginning.

    Args:
        value: anything.

    Returns:
        `str`: one line of about 120 characters at most.

    Example:
        >>> shown([0.5, "a"])
        "[0.5, 'a']"
        >>> import numpy as np
        >>> shown(np.zeros((2, 3)))
        'an array of shape (2, 3) and type float64'
    """
    shape, dtype = getattr(value, "shape", None), getattr(value, "dtype", None)
    if shape is not None and dtype is not None:
        return f"an array of shape {tuple(shape)} and type {str(dtype).removeprefix('torch.')}"
    try:
        line = " ".join(_short.repr(value).split())
    except Exception:  # numbers of thousands of digits, or an object that fails to show itself
        return f"a value of type {type(value).__name__}"
    return line if len(line) <= MAX_CHARACTERS else line[: MAX_CHARACTERS - 1] + "…"
