"""What the name of a label is, however a table writes it: numbers by value, lists of names, words for nothing."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import numpy as np

from configuration_emo.structured_text import parse_json


# What programs and people write where there is no label.
ABSENT_WORDS = frozenset({"nan", "NaN", "NAN", "None", "N/A", "n/a", "#N/A", "NA", "<NA>", "NaT", "NULL"})

_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
# Beyond that a text of digits is a code of some kind, which stays as it is.
_MAX_NUMBER_LENGTH = 40
_BRACKETS = {"[": "]", "(": ")", "{": "}"}
_SEPARATORS = re.compile(r"[|;,]")
# NumPy's way to print a list: ['sad' 'angry'], which Python would join to one word.
_WITHOUT_COMMA = re.compile(r"""(['"])\s+(['"])""")


def label_name(label: Any) -> str | None:
    """A class's name as text, None for what cannot be one.

    Numbers are named by their value, in whatever way they are written.

    Example:
        >>> [label_name(label) for label in (" sad ", "0.0", "1e0", 1.0, -0.0, "0.50", "1.2.3", 0.5, True)]
        ['sad', '0', '1', '1', '0', '0.5', '1.2.3', None, None]
    """
    if isinstance(label, str):
        name = label.strip()
        number = _number(name)
        return name if number is None else number
    if isinstance(label, (int, float, np.number)) and not isinstance(label, bool) and float(label).is_integer():
        return str(int(label))
    return None


def sorted_names(names: Iterable[str]) -> list[str]:
    """Names in their order: numbers by value, then the others by the alphabet.

    Example:
        >>> sorted_names(["10", "sad", "2", "-1.5", "angry"])
        ['-1.5', '2', '10', 'angry', 'sad']
    """
    return sorted(names, key=lambda name: (0, Decimal(name), "") if _number(name) else (1, Decimal(0), name))


def split_names(label: str) -> list[str]:
    """The names that one text holds, separated by `|`, `;` or commas.

    Example:
        >>> split_names("sad| angry"), split_names("sad"), split_names("sad, ")
        (['sad', 'angry'], ['sad'], ['sad'])
    """
    return [name.strip() for name in _SEPARATORS.split(label) if name.strip()]


def holds_several_names(label: str) -> bool:
    """Whether [`split_names`] would divide a text."""
    return _SEPARATORS.search(label) is not None


def listed_label(text: str, place: str) -> Any:
    """A label that is written as a list is that list, any other stays the text it is.

    Lists are read as JSON or Python writes them (`["sad"]`, `['sad', 'angry']`, `(1, 0)`); of a set, whose order means
    nothing, in order.

    Args:
        text (`str`): a cell of a table.
        place (`str`): where it stands, for messages.

    Raises:
        ValueError: it begins and ends like a list of several things and is none.

    Example:
        >>> [listed_label(text, "line 2") for text in ("['sad', 'angry']", "sad", "[laughs]")]
        [['sad', 'angry'], 'sad', '[laughs]']
    """
    text = text.strip()
    if not looks_like_a_list(text):
        return text
    try:
        value = parse_json(text, place)
    except ValueError:
        value = None if _WITHOUT_COMMA.search(text) else _literal(text)
    if isinstance(value, (set, frozenset)):
        value = sorted(value, key=repr)
    if isinstance(value, (list, tuple)) and not any(isinstance(inner, (list, tuple, dict, set)) for inner in value):
        return list(value)
    if isinstance(value, (str, int, float)) and text[0] == "(":  # ("sad") is sad in brackets
        return value
    if value is None and re.fullmatch(r"\W[^\W\d_][\w -]*\W", text):
        return text
    raise ValueError(
        f"{place}: the label {text!r:.60} looks like a list and is none that can be read. Write it as "
        '["sad", "angry"], as sad|angry, or without brackets.'
    )


def looks_like_a_list(text: str) -> bool:
    """Whether a text begins and ends with brackets."""
    text = text.strip()
    return len(text) > 1 and _BRACKETS.get(text[0]) == text[-1]


def _literal(text: str) -> Any:
    """What Python reads; None for what it cannot, and for half a character."""
    try:
        value = ast.literal_eval(text)
        "".join(map(str, value if isinstance(value, (list, tuple, set)) else [value])).encode()
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
        return None
    return value


def _number(text: str) -> str | None:
    """A number's shortest writing, None for what is none."""
    if len(text) > _MAX_NUMBER_LENGTH or not _NUMBER.fullmatch(text):
        return None
    number = Decimal(text)
    if abs(number.adjusted()) > _MAX_NUMBER_LENGTH:
        return None
    shortest = f"{number.normalize():f}"
    return "0" if shortest == "-0" else shortest
