"""Tables that stand beside a corpus's recordings and say more of them than their names do."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from pathlib import Path

from configuration_emo.corpora import SideTable, VoteTable

from ...recordings.text_files import TableRow, files_with_suffix, read_table
from .collector import UtteranceCollector


def read_side_table(folder: Path, table: SideTable, collector: UtteranceCollector) -> dict[str, dict[str, str | None]]:
    """What a table says, by what its key column holds.

    Args:
        folder (`Path`): the corpus's, in any folder of which the table may be.
        table (`SideTable`): its name and columns.
        collector (`UtteranceCollector`): notes a missing table, rows that cannot be read and repeated keys.

    Returns:
        `dict`: by key (file names without suffix, blanks around removed), the cells by the names of `table.columns`;
        None for an empty cell. Of repeated keys the first row counts.

    Raises:
        ValueError: the table lacks a column, or it is missing and the label set needs it.
    """
    path = find_table(folder, table.file)
    if path is None:
        if table.label_set is not None:
            raise ValueError(f"{folder} has no {table.file}, which the label set {table.label_set} comes from.")
        told = ", ".join(table.columns)
        collector.problem(table.file, str(folder), f"no table {table.file}: {told} stay unknown", kept=True)
        return {}
    found: dict[str, dict[str, str | None]] = {}
    for row in read_table(path):
        place = f"{path}, line {row.line.number}"
        if row.error is not None:
            collector.problem(table.file, place, f"malformed line: {row.error}", kept=True)
            continue
        _check_columns(path, row, (table.key, *table.columns.values()))
        key = _key(row.cells[table.key])
        collector.note_encoding(key, place, row.line)
        if key in found:
            collector.problem(key, place, "duplicated row: the first one is read", kept=True)
            continue
        found[key] = {name: row.cells[column].strip() or None for name, column in table.columns.items()}
    return found


def read_vote_table(folder: Path, table: VoteTable, collector: UtteranceCollector) -> dict[str, dict[str, float]]:
    """The annotators' votes for each label, by the recording's id.

    Args:
        folder (`Path`): the corpus's.
        table (`VoteTable`): its name and columns.
        collector (`UtteranceCollector`): notes rows that cannot be read.

    Raises:
        ValueError: the table is missing or lacks a column.
    """
    path = find_table(folder, table.file)
    if path is None:
        raise ValueError(f"{folder} has no {table.file}, in which the votes are. Get it, or leave votes out.")
    found: dict[str, dict[str, float]] = {}
    for row in read_table(path):
        place = f"{path}, line {row.line.number}"
        if row.error is not None:
            collector.problem(table.file, place, f"malformed line: {row.error}", kept=True)
            continue
        _check_columns(path, row, (table.key, *table.columns.values()))
        if table.only is not None and re.fullmatch(table.only[1], row.cells[table.only[0]].strip()) is None:
            continue
        key = _key(row.cells[table.key])
        try:
            votes = {label: float(row.cells[column]) for label, column in table.columns.items()}
        except ValueError:
            votes = {"": -1.0}
        if not all(0 <= count < math.inf for count in votes.values()):
            collector.problem(key, place, "malformed votes: they must be numbers from 0", kept=True)
        elif key in found:
            collector.problem(key, place, "duplicated row: the first one is read", kept=True)
        else:
            found[key] = votes
    return found


def find_table(folder: Path, name: str) -> Path | None:
    """A table by its name, in whatever folder and case."""
    paths = files_with_suffix(folder, Path(name).suffix)
    return next((path for path in paths if path.name.lower() == name.lower()), None)


def _check_columns(path: Path, row: TableRow, columns: Iterable[str]) -> None:
    missing = [column for column in columns if column not in row.cells]
    if missing:
        raise ValueError(
            f"{path} has no column {', '.join(missing)}; its columns are {', '.join(row.cells)} (in lower case)."
        )


def _key(cell: str) -> str:
    """A file's name without suffix."""
    return re.sub(r"\.\w{2,4}$", "", cell.strip())
