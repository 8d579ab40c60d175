"""Tables that stand beside a corpus's recordings and say more of them than their names do."""

from __future__ import annotations

import re
from pathlib import Path

from configuration_emo.corpora import SideTable

from ...recordings.text_files import files_with_suffix, read_table
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
    suffix = Path(table.file).suffix
    path = next(
        (found for found in files_with_suffix(folder, suffix) if found.name.lower() == table.file.lower()), None
    )
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
        missing = [column for column in (table.key, *table.columns.values()) if column not in row.cells]
        if missing:
            raise ValueError(
                f"{path} has no column {', '.join(missing)}; its columns are {', '.join(row.cells)} (in lower case)."
            )
        key = re.sub(r"\.\w{2,4}$", "", row.cells[table.key].strip())
        collector.note_encoding(key, place, row.line)
        if key in found:
            collector.problem(key, place, "duplicated row: the first one is read", kept=True)
            continue
        found[key] = {name: row.cells[column].strip() or None for name, column in table.columns.items()}
    return found
