"""Options of the right kind: whole numbers, numbers, yes or no. What is not is refused by name, with what is right."""

from __future__ import annotations

import math
from collections.abc import Iterable
from numbers import Integral, Real
from typing import Any

from .shown_values import shown


def check_whole(name: str, value: Any, least: int = 1) -> None:
    """Refuses what is no whole number, or too small; `True` and 2.0 are none.

    Args:
        name (`str`): of the option.
        value: what was given.
        least (`int`, defaults to 1): the smallest that is right.

    Raises:
        ValueError: it is another kind, or smaller.

    Example:
        >>> check_whole("batch_size", 8)
        >>> check_whole("batch_size", True)
        Traceback (most recent call last):
        ValueError: batch_size must be a whole number of at least 1, got True.
    """
    if is_yes_or_no(value) or not isinstance(value, Integral) or int(value) < least:
        raise ValueError(f"{name} must be a whole number of at least {least}, got {shown(value)}.")


def check_number(name: str, value: Any, least: float = 0.0, most: float = math.inf, *, is_open: bool = False) -> None:
    """Refuses what is no finite number within its limits.

    Args:
        name (`str`): of the option, with its unit where it has one.
        value: what was given.
        least (`float`, defaults to 0): the smallest that is right.
        most (`float`, *optional*): the largest that is right.
        is_open (`bool`, defaults to `False`): whether the limits themselves are wrong.

    Raises:
        ValueError: it is another kind, not finite or outside.

    Example:
        >>> check_number("abstain_below", 0.5, most=1)
        >>> check_number("abstain_below", float("nan"), most=1)
        Traceback (most recent call last):
        ValueError: abstain_below must be a number from 0 to 1, got nan.
    """
    is_number = isinstance(value, Real) and not is_yes_or_no(value) and math.isfinite(value)
    if is_number and (least < value < most if is_open else least <= value <= most):
        return
    if math.isinf(most):
        limits = f"above {least:g}" if is_open else f"of at least {least:g}"
    else:
        limits = f"between {least:g} and {most:g}" if is_open else f"from {least:g} to {most:g}"
    raise ValueError(f"{name} must be a number {limits}, got {shown(value)}.")


def check_yes_or_no(name: str, value: Any) -> None:
    """Refuses what is neither `True` nor `False`.

    Args:
        name (`str`): of the option.
        value: what was given; `"yes"` and 1 are no answers.

    Raises:
        ValueError: it is another kind.

    Example:
        >>> check_yes_or_no("return_text", "no")
        Traceback (most recent call last):
        ValueError: return_text must be True or False, got 'no'.
    """
    if not is_yes_or_no(value):
        raise ValueError(f"{name} must be True or False, got {shown(value)}.")


def as_numbers(name: str, values: Iterable[Any]) -> list[float]:
    """Numbers of what may be written as texts, as flags are.

    Args:
        name (`str`): of the option.
        values (iterable): numbers, or texts that say one.

    Raises:
        ValueError: one of them is none.

    Example:
        >>> as_numbers("class_weights", ["1", 2.5])
        [1.0, 2.5]
        >>> as_numbers("class_weights", ["1,5"])
        Traceback (most recent call last):
        ValueError: class_weights must be numbers, with a point for decimals, got '1,5'.
    """
    numbers = []
    for value in values:
        try:
            numbers.append(float(value))
        except (TypeError, ValueError) as error:
            raise ValueError(f"{name} must be numbers, with a point for decimals, got {shown(value)}.") from error
    return numbers


def is_yes_or_no(value: Any) -> bool:
    """Whether it is `True` or `False`, of Python or NumPy."""
    return isinstance(value, bool) or (type(value).__module__ == "numpy" and type(value).__name__ in ("bool", "bool_"))
