"""Your own data: a table (CSV, TSV, JSON Lines, Parquet), a folder of tables, or a dataset of the Hugging Face Hub.

A table has one utterance a row, in columns `audio` (path, relative to the table's folder), `text` and `label`, and if you
have them `id`, `speaker` and `session`; other names are given as options. A folder has one table per split, named
`train`, `validation` (or `valid`, `val`, `dev`) and `test` (or `eval`), such as `train.csv`.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from ..schema import CorpusReading, Problem, Utterance


SPLIT_NAMES = {
    "train": ("train", "training"),
    "validation": ("validation", "valid", "val", "dev"),
    "test": ("test", "eval"),
}
SUFFIXES = (".csv", ".tsv", ".jsonl", ".parquet")


@dataclass(frozen=True)
class TableColumns:
    """Which column holds what. `label` may be several columns (valence, arousal, dominance): their values are a list."""

    audio: str = "audio"
    text: str = "text"
    label: str | Sequence[str] = "label"
    id: str = "id"
    speaker: str = "speaker"
    session: str = "session"

    def labels(self) -> list[str]:
        """The label columns, as a list."""
        return [self.label] if isinstance(self.label, str) else list(self.label)


def read(
    data_dir: str | Path,
    *,
    audio_column: str = "audio",
    text_column: str = "text",
    label_column: str | Sequence[str] = "label",
    id_column: str = "id",
    speaker_column: str = "speaker",
    session_column: str = "session",
    audio_dir: str | Path | None = None,
    encoding: str = "utf-8-sig",
) -> CorpusReading:
    """Reads tables of utterances.

    Args:
        data_dir (`str` or `Path`): a table (it becomes the split `train`) or a folder of tables.
        audio_column, text_column, label_column, id_column, speaker_column, session_column (`str`): names of columns.
            `label_column` may be a list of names. Without an id column a row is called after its table and number.
        audio_dir (`str` or `Path`, *optional*): what relative audio paths start from; the table's folder if not given.
        encoding (`str`): of CSV, TSV and JSON Lines.

    Returns:
        `CorpusReading`: labels of CSV and TSV stay text (a cell like `["sad", "angry"]` is read as a JSON list), those
        of JSON Lines and Parquet keep their types. Rows that cannot be read, or that have neither audio nor text, are
        among the problems.

    Raises:
        ValueError: there is no table, or it lacks a column (the ones present are listed).

    Example:
        >>> reading = read("my_recordings/", text_column="transcript")  # doctest: +SKIP
    """
    columns = TableColumns(audio_column, text_column, label_column, id_column, speaker_column, session_column)
    reading = CorpusReading({})
    for split, path in _tables(Path(data_dir)).items():
        base = path.parent if audio_dir is None else Path(audio_dir)
        rows = _rows(path, encoding, reading.problems, split)
        reading.splits[split] = list(_utterances(rows, columns, path, base, split, reading.problems))
    return reading


def _tables(data_dir: Path) -> dict[str, Path]:
    """The table of each split."""
    if data_dir.is_file():
        if data_dir.suffix not in SUFFIXES:
            raise ValueError(f"{data_dir}: a table must end with one of {', '.join(SUFFIXES)}.")
        return {"train": data_dir}
    if not data_dir.is_dir():
        raise ValueError(f"{data_dir}: there is no such table or folder.")
    tables: dict[str, Path] = {}
    for split, names in SPLIT_NAMES.items():
        found = [path for path in sorted(data_dir.iterdir()) if path.suffix in SUFFIXES and path.stem.lower() in names]
        if len(found) > 1:
            raise ValueError(f"{data_dir} has several tables for {split}: {', '.join(path.name for path in found)}.")
        if found:
            tables[split] = found[0]
    if not tables:
        present = ", ".join(sorted(path.name for path in data_dir.iterdir())[:10]) or "nothing"
        raise ValueError(
            f"{data_dir} has no table named train, validation or test ({', '.join(SUFFIXES)}); it has {present}."
        )
    return tables


def _rows(path: Path, encoding: str, problems: list[Problem], split: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Place and cells of each row; rows that cannot be read become problems."""
    if path.suffix == ".parquet":
        yield from _parquet_rows(path)
        return
    try:
        with path.open(encoding=encoding, newline="") as file:
            yield from _text_rows(path, file, problems, split)
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{path} is not {encoding} ({error.reason}). Give its encoding, such as 'latin-1'."
        ) from error


def _parquet_rows(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    number = 0
    for batch in pq.ParquetFile(path).iter_batches():
        for cells in batch.to_pylist():
            number += 1
            yield f"{path}, row {number}", cells


def _text_rows(path: Path, file: Any, problems: list[Problem], split: str) -> Iterator[tuple[str, dict[str, Any]]]:
    if path.suffix == ".jsonl":
        for number, line in enumerate(file, start=1):
            place = f"{path}, line {number}"
            if not line.strip():
                continue
            try:
                cells = json.loads(line)
            except json.JSONDecodeError as error:
                problems.append(Problem(place, place, f"The line is not JSON: {error}.", split))
                continue
            if isinstance(cells, dict):
                yield place, cells
            else:
                problems.append(Problem(place, place, "The line is not a JSON object.", split))
        return
    reader = csv.DictReader(file, delimiter="\t" if path.suffix == ".tsv" else ",", strict=True)
    names = reader.fieldnames
    if names is None:
        raise ValueError(f"{path} is empty: a table needs a first line with the names of its columns.")
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            place = f"{path}, line {reader.line_num}"
            problems.append(Problem(place, place, f"The line is not a row of a table: {error}.", split))
            continue
        place = f"{path}, line {reader.line_num}"
        if None in cells or None in cells.values():
            reason = f"The row does not have the {len(names)} cells of the header. Quote cells that hold commas."
            problems.append(Problem(place, place, reason, split))
            continue
        yield place, {name: _cell(value) for name, value in cells.items()}


def _cell(value: str) -> Any:
    """A cell of a text table: None where it is empty, a list where it is one in JSON."""
    value = value.strip()
    if re.fullmatch(r"\[.*\]", value, flags=re.DOTALL):
        try:
            return json.loads(value)
        except json.JSONDecodeError:
            return value
    return value or None


def _utterances(
    rows: Iterator[tuple[str, dict[str, Any]]],
    columns: TableColumns,
    path: Path,
    base: Path,
    split: str,
    problems: list[Problem],
) -> Iterator[Utterance]:
    for index, (place, cells) in enumerate(rows):
        if index == 0:
            _check_columns(cells, columns, path)
        name = str(cells[columns.id]) if cells.get(columns.id) is not None else f"{path.stem}-{index:06d}"
        audio, text = cells.get(columns.audio), cells.get(columns.text)
        if audio is None and (text is None or not str(text).strip()):
            problems.append(Problem(name, place, "The row has neither audio nor text.", split))
            continue
        labels = [cells.get(column) for column in columns.labels()]
        yield Utterance(
            id=name,
            audio=None if audio is None else str(base / str(audio)),
            text=None if text is None else str(text),
            label=labels[0] if isinstance(columns.label, str) else labels,  # type: ignore[arg-type]
            speaker=_text(cells.get(columns.speaker)),
            session=_text(cells.get(columns.session)),
        )


def _check_columns(cells: Mapping[str, Any], columns: TableColumns, path: Path) -> None:
    missing = [column for column in columns.labels() if column not in cells]
    if columns.audio not in cells and columns.text not in cells:
        missing.append(f"{columns.audio} or {columns.text}")
    if missing:
        raise ValueError(
            f"{path} has no column {', '.join(missing)}; its columns are {', '.join(map(str, cells))}. Name yours with "
            "audio_column, text_column and label_column."
        )


def _text(value: Any) -> str | None:
    return None if value is None else str(value)
