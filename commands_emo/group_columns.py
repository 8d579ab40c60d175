"""What is known of each utterance by kind of group, for `--groups` of `emobert evaluate` and `emobert score`."""

import math
from collections.abc import Callable, Sequence
from typing import Any


# Columns that may tell each kind of group, in the order in which they are looked for.
GROUPS = {
    "speaker": ("speaker",),
    "sex": ("sex", "gender"),
    "length": ("length", "seconds", "duration"),
    "snr": ("snr",),
}
NUMBERS = ("length", "snr")


def group_columns(
    kinds: Sequence[str],
    names: Sequence[str],
    read: Callable[[str], Sequence[Any]],
    ids: Sequence[str],
    source: str,
    remedy: str = "",
) -> dict[str, list]:
    """The columns that tell the kinds of groups; a kind that every row leaves empty is told and left out.

    Args:
        kinds (sequence of `str`): those of `GROUPS`, or names of columns.
        names (sequence of `str`): the columns that there are.
        read (callable): gives a column's values, None where a row does not say.
        ids (sequence of `str`): of the rows, for messages.
        source (`str`): where the columns stand, for messages.
        remedy (`str`): what to do where one is missing.

    Returns:
        `dict[str, list]`: by kind; lengths and ratios as floats.

    Raises:
        ValueError: no column tells a kind, or a length or ratio is no number.
    """
    columns: dict[str, list] = {}
    for kind in kinds:
        column = next((name for name in GROUPS.get(kind, (kind,)) if name in names), None)
        if column is None:
            raise ValueError(f"{source} does not tell {kind}; its columns are {', '.join(names)}.{remedy}")
        values = list(read(column))
        if all(value is None for value in values):
            print(f"{kind}: {source[0].lower()}{source[1:]} does not tell it, no groups are compared")
            continue
        if kind in NUMBERS:
            values = [_number(value, column, one) for value, one in zip(values, ids, strict=True)]
        columns[kind] = values
    return columns


def _number(value: Any, column: str, name: str) -> float | None:
    if value is None:
        return None
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ValueError(
            f"{name!r}: the column {column} must hold numbers, got {value!r}. Correct it or leave it empty."
        )
    return number
