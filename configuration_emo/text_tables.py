"""Tables as text: the one writer of reports, model cards, results and benchmarks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any


def markdown_table(header: Sequence[Any], rows: Iterable[Sequence[Any]]) -> str:
    """A table in Markdown.

    Args:
        header (`list`): names of the columns.
        rows (iterable of `list`): as many cells as columns; written with `str`, line breaks as blanks, `|` escaped.

    Returns:
        `str`: its lines, without a line end after the last one.

    Raises:
        ValueError: a row has another number of cells.

    Example:
        >>> print(markdown_table(["split", "n"], [["train", 12]]))
        | split | n |
        | --- | --- |
        | train | 12 |
    """
    first, *others = _cells(header, rows)
    lines = [first, ["---"] * len(first), *others]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def plain_table(header: Sequence[Any], rows: Iterable[Sequence[Any]]) -> str:
    """A table for a terminal: columns padded to one width, numbers to the right.

    Takes, returns and raises the same as [`markdown_table`].

    Example:
        >>> print(plain_table(["split", "n"], [["train", 12], ["dev", 3]]))
        split   n
        ---------
        train  12
        dev     3
    """
    lines = _cells(header, rows)
    columns = list(zip(*lines, strict=True))
    widths = [max(map(len, column)) for column in columns]
    sides = [">" if len(lines) > 1 and all(map(_is_number, column[1:])) else "<" for column in columns]
    first, *others = (
        "  ".join(f"{cell:{side}{width}}" for cell, side, width in zip(line, sides, widths, strict=True)).rstrip()
        for line in lines
    )
    return "\n".join([first, "-" * len(first), *others])


def _cells(header: Sequence[Any], rows: Iterable[Sequence[Any]]) -> list[list[str]]:
    """All lines as texts, each of one line."""
    lines = [[" ".join(str(value).splitlines()) for value in line] for line in (header, *rows)]
    wrong = next((line for line in lines if len(line) != len(header)), None)
    if wrong is not None:
        raise ValueError(f"A row has {len(wrong)} cells for {len(header)} columns: {', '.join(wrong)}.")
    return lines


def _is_number(cell: str) -> bool:
    """Whether a cell holds numbers only; an empty one does not decide."""
    return cell.strip("-0123456789., ") == ""
