"""Rows of a CSV or TSV table whose cells may hold line breaks, without one bad row taking others with it."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ...recordings.text_files import Line


@dataclass(frozen=True)
class DelimitedRow:
    """One row of a table.

    Args:
        number (`int`): the line on which it begins, from 1.
        cells (`list[str]`): empty where the row is malformed.
        is_utf8 (`bool`): False where bytes of it were read as Windows-1252.
        error (`str`, *optional*): why the row is malformed.
    """

    number: int
    cells: list[str]
    is_utf8: bool
    error: str | None = None


def read_rows(lines: Sequence[Line], delimiter: str = ",") -> Iterator[DelimitedRow]:
    """The rows of a table, its header first; empty lines are passed over.

    A quotation mark that is never closed would, in an ordinary CSV reader, swallow every row after it. Here a row that
    is not well-formed, or has not as many cells as the header, counts as one line: it is read without regard to
    quotation marks if that gives the right number of cells, and is malformed otherwise; the next line is a new row.

    Args:
        lines (`Sequence[Line]`): of `read_lines`.
        delimiter (`str`, defaults to `","`): one character, see `text_files.DELIMITERS`.

    Example:
        >>> lines = [Line(n, text, True) for n, text in enumerate(['a,b', '1,"two', 'lines"', '3,"open', '5,6'], 1)]
        >>> [(row.number, row.cells, row.error) for row in read_rows(lines)][1:]
        [(2, ['1', 'two\\nlines'], None), (4, ['3', 'open'], None), (5, ['5', '6'], None)]
    """
    width = None
    index = 0
    while index < len(lines):
        line = lines[index]
        if not line.text.strip():
            index += 1
            continue
        cells, used, error = _parse(lines, index, delimiter)
        if error is None and len(cells) != (width or len(cells)):
            error = f"{len(cells)} cells where the header has {width}"
        if error is not None:
            cells, used = _parse_alone(line, delimiter, width), 1
            error = None if cells else error
        width = width or len(cells)
        yield DelimitedRow(line.number, cells, all(part.is_utf8 for part in lines[index : index + used]), error)
        index += used


def _parse(lines: Sequence[Line], start: int, delimiter: str) -> tuple[list[str], int, str | None]:
    """One row by the rules of CSV, how many lines it takes, and how it breaks them."""
    texts = (lines[index].text.replace("\0", "") + "\n" for index in range(start, len(lines)))
    reader = csv.reader(texts, delimiter=delimiter, strict=True)
    try:
        return next(reader), reader.line_num, None
    except csv.Error as error:
        if "field limit" in str(error) and len(lines[start].text) > csv.field_size_limit():
            return [], 1, f"a cell has more than {csv.field_size_limit()} characters"
        return [], 1, "a quotation mark is not closed, or stands inside a cell"


def _parse_alone(line: Line, delimiter: str, width: int | None) -> list[str]:
    """The cells of one line with stray quotation marks; empty where their number is wrong."""
    for quoting in (csv.QUOTE_MINIMAL, csv.QUOTE_NONE):
        try:
            cells = next(csv.reader([line.text.replace("\0", "")], delimiter=delimiter, quoting=quoting))
        except csv.Error:
            continue
        if width is None or len(cells) == width:
            return cells
    return []
