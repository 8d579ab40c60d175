"""Your own data: a table (CSV, TSV, JSON Lines, Parquet), a folder of tables, or a dataset of the Hugging Face Hub.

A table has one utterance a row, in columns `audio` (path, relative to the table's folder), `text` and `label`, and if
you have them `id`, `speaker` and `session`; other names are given as options. A folder has one table per split, named
`train`, `validation` (or `valid`, `val`, `dev`) and `test` (or `eval`), such as `train.csv`.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

from datasets import Dataset

from ..schema import CorpusReading, Problem, Utterance
from .hub_dataset import dataset_utterances, load_hub_splits
from .table_columns import SPLIT_NAMES, TableColumns


SUFFIXES = (".csv", ".tsv", ".jsonl", ".parquet")


def read(
    data_dir: str | Path,
    *,
    audio_column: str = "audio",
    text_column: str = "text",
    label_column: str | Sequence[str] = "label",
    id_column: str = "id",
    speaker_column: str = "speaker",
    session_column: str = "session",
    numeric_labels: bool = False,
    audio_dir: str | Path | None = None,
    encoding: str = "utf-8-sig",
    config: str | None = None,
    revision: str | None = None,
    splits: Mapping[str, str] | None = None,
) -> CorpusReading:
    """Reads tables of utterances.

    Args:
        data_dir (`str` or `Path`): a table (it becomes the split `train`), a folder of tables, or, where there is no
            such path, `owner/dataset` on the Hub.
        audio_column, text_column, label_column, id_column, speaker_column, session_column (`str`): names of columns.
            `label_column` may be a list of names. Without an id column a row is called after its table and number.
        numeric_labels (`bool`): labels are scores: text is read as a number, and a row where that fails is a problem.
        audio_dir (`str` or `Path`, *optional*): what relative audio paths start from; the table's folder if not given.
        encoding (`str`): of CSV, TSV and JSON Lines.
        config, revision, splits: of a Hub dataset only, see `load_hub_splits`.

    Returns:
        `CorpusReading`: labels of CSV and TSV stay text without `numeric_labels` (a cell like `["sad", "angry"]` is
        read as a JSON list), those of JSON Lines and Parquet keep their types. Rows that cannot be read, or that have
        neither audio nor text, are among the problems.

    Raises:
        ValueError: there is no table, or it lacks a column (the ones present are listed).

    Example:
        >>> reading = read("my_recordings/", text_column="transcript")  # doctest: +SKIP
    """
    columns = TableColumns(
        audio_column, text_column, label_column, id_column, speaker_column, session_column, numeric_labels
    )
    reading = CorpusReading({})
    if _is_hub_name(data_dir):
        for split, dataset in load_hub_splits(str(data_dir), config=config, revision=revision, splits=splits).items():
            reading.splits[split] = list(
                dataset_utterances(
                    dataset,
                    columns,
                    name=f"{data_dir}-{split}",
                    split=split,
                    problems=reading.problems,
                    audio_dir=Path(audio_dir or ""),
                )
            )
        return reading
    for split, path in _tables(Path(data_dir)).items():
        base = path.parent if audio_dir is None else Path(audio_dir)
        reading.splits[split] = list(_utterances(path, columns, encoding, split, base, reading.problems))
    return reading


def _is_hub_name(data_dir: str | Path) -> bool:
    """Whether this can only be `owner/dataset`: no such path is here, and it does not end like a table."""
    name = str(data_dir)
    return (
        re.fullmatch(r"[\w-][\w.-]*/[\w-][\w.-]*", name) is not None
        and not name.endswith(SUFFIXES)
        and not Path(name).exists()
    )


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


def _utterances(
    path: Path, columns: TableColumns, encoding: str, split: str, audio_dir: Path, problems: list[Problem]
) -> Iterator[Utterance]:
    if path.suffix == ".parquet":
        dataset = Dataset.from_parquet(str(path))
        yield from dataset_utterances(
            dataset, columns, name=str(path), split=split, problems=problems, audio_dir=audio_dir
        )
        return
    read_rows = _json_rows if path.suffix == ".jsonl" else _delimited_rows
    try:
        with path.open(encoding=encoding, newline="") as file:
            rows = read_rows(path, file, problems, split)
            yield from columns.utterances(rows, table=path.stem, audio_dir=audio_dir, split=split, problems=problems)
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{path} is not {encoding} ({error.reason}). Give its encoding, such as 'latin-1'."
        ) from error


def _json_rows(path: Path, file: TextIO, problems: list[Problem], split: str) -> Iterator[tuple[str, dict[str, Any]]]:
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


def _delimited_rows(
    path: Path, file: TextIO, problems: list[Problem], split: str
) -> Iterator[tuple[str, dict[str, Any]]]:
    reader = csv.DictReader(file, delimiter="\t" if path.suffix == ".tsv" else ",")
    names = reader.fieldnames
    if names is None:
        raise ValueError(f"{path} is empty: a table needs a first line with the names of its columns.")
    for cells in reader:
        place = f"{path}, line {reader.line_num}"
        if None in cells or None in cells.values():
            reason = f"The row does not have the {len(names)} cells of the header. Quote cells that hold commas."
            problems.append(Problem(place, place, reason, split))
        else:
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
