"""Your own data: a table (CSV, TSV, JSON Lines, Parquet), a folder of tables, or a dataset of the Hugging Face Hub.

A table has one utterance a row, in columns `audio` (path, relative to the table's folder), `text` and `label`, and if
you have them `id`, `speaker` and `session`; other names are given as options. A folder has one table per split, named
`train`, `validation` (or `valid`, `val`, `dev`) and `test` (or `eval`), such as `train.csv`; a table alone may have a
column `split` with these names.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
from datasets import Dataset
from datasets.exceptions import DatasetGenerationError

from configuration_emo.structured_text import parse_json

from ..audio.check import AUDIO_CHECKS, check_audio_file
from ..recordings.text_files import DELIMITERS, Line, header_names, read_lines, stated_delimiter
from ..schema import CorpusReading, Problem, Utterance
from .dialogue_context import dialogues_of_tables
from .reading.collector import check_option, missing_folders
from .reading.delimited_rows import read_rows
from .reading.hub_dataset import dataset_utterances, load_hub_splits
from .reading.table_columns import OWN_SPLIT, SPLIT_NAMES, TableColumns, votes_of


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
    split_column: str | None = "split",
    numeric_labels: bool = False,
    soft_label_columns: Sequence[str] = (),
    audio_dir: str | Path | None = None,
    encoding: str | None = None,
    check_audio: str | None = None,
    config: str | None = None,
    revision: str | None = None,
    splits: Mapping[str, str] | None = None,
) -> CorpusReading:
    """Reads tables of utterances.

    Args:
        data_dir (`str` or `Path`): a table (the split `train`, or those that its split column names), a folder of
            tables, or, where there is no such path, `owner/dataset` on the Hub.
        audio_column, text_column, label_column, id_column, speaker_column, session_column (`str`): names of columns.
            `label_column` may be a list of names. Without an id column a row is called after its table and number.
        split_column (`str`, *optional*): of a table alone: which split a row belongs to, by the names that tables of
            a folder have. A row that names none is a problem. None leaves such a column alone.
        numeric_labels (`bool`): labels are scores: text is read as a number, and a row where that fails is a problem.
        soft_label_columns (`list[str]`): columns that are called after labels and hold annotators' votes for them, in
            numbers or shares. They become the utterance's `soft_label`, a target of training beside the label.
        audio_dir (`str` or `Path`, *optional*): what relative audio paths start from; the table's folder if not given.
        encoding (`str`, *optional*): of CSV, TSV and JSON Lines. Without it a line is UTF-8 where its bytes are, and
            Windows-1252 (noted among the problems) where they are not; a file with UTF-16's mark is that.
        check_audio (`str`, *optional*): looks at the recordings while reading (`"exists"`, `"header"` or `"decode"`,
            see `check_audio_file`): a row with a broken one stays as text only, or is left out where it has no text.
            Without it `prepare_dataset` finds them, and leaves such rows out.
        config, revision, splits: of a Hub dataset only, see `load_hub_splits`.

    Returns:
        `CorpusReading`: texts are as they stand in the table. Labels of CSV and TSV stay text without
        `numeric_labels`, those of JSON Lines and Parquet keep their types; a text like `["sad", "angry"]` or
        `['sad', 'angry']` is read as a list. NaN, null and blank cells say nothing, in any column. Rows that cannot be
        read, that have neither audio nor text, or whose label is a word for nothing (`nan`, `None`, `N/A`), are among
        the problems.

    Raises:
        ValueError: there is no table, or it lacks a column (the ones present are listed).

    Example:
        >>> reading = read("my_recordings/", text_column="transcript")  # doctest: +SKIP
    """
    columns = TableColumns(
        audio_column,
        text_column,
        label_column,
        id_column,
        speaker_column,
        session_column,
        numeric_labels,
        votes_of(soft_label_columns),
        split_column if Path(data_dir).is_file() else None,
    )
    problems = missing_folders(audio_dir=audio_dir)
    found: dict[str, Iterable[Utterance]] = {}
    if _is_hub_name(data_dir):
        for split, dataset in load_hub_splits(str(data_dir), config=config, revision=revision, splits=splits).items():
            name, base = f"{data_dir}-{split}", Path(audio_dir or "")
            found[split] = dataset_utterances(
                dataset, columns, name=name, split=split, problems=problems, audio_dir=base
            )
    else:
        for split, path in _tables(Path(data_dir)).items():
            base = path.parent if audio_dir is None else Path(audio_dir)
            found[split] = _utterances(path, columns, encoding, split=split, audio_dir=base, problems=problems)
    if check_audio is not None:
        check_option("check_audio", check_audio, AUDIO_CHECKS)
        found = {split: _with_checked_audio(rows, check_audio, split, problems) for split, rows in found.items()}
    utterances = _by_own_split({split: list(rows) for split, rows in found.items()})
    return CorpusReading(utterances, problems, dialogues=dialogues_of_tables(utterances))


def _by_own_split(utterances: dict[str, list[Utterance]]) -> dict[str, list[Utterance]]:
    """The same, divided as the rows say."""
    rows = [row for of_split in utterances.values() for row in of_split]
    if not any(OWN_SPLIT in row.extra for row in rows):
        return utterances
    divided: dict[str, list[Utterance]] = {split: [] for split in SPLIT_NAMES}
    for row in rows:
        extra = {name: value for name, value in row.extra.items() if name != OWN_SPLIT}
        divided[row.extra[OWN_SPLIT]].append(row.replace(extra=extra))
    return {split: of_split for split, of_split in divided.items() if of_split}


def _with_checked_audio(
    utterances: Iterable[Utterance], level: str, split: str, problems: list[Problem]
) -> Iterator[Utterance]:
    for utterance in utterances:
        if utterance.audio is None:
            yield utterance.replace(extra={**utterance.extra, "duration": None})
            continue
        seconds, reason = check_audio_file(utterance.audio, level)
        audio = utterance.audio if reason is None else None
        if reason is not None:
            kept = utterance.text is not None
            problems.append(Problem(utterance.id, utterance.audio, reason, split, kept=kept))
        if audio is not None or utterance.text is not None:
            yield utterance.replace(audio=audio, extra={**utterance.extra, "duration": seconds})


def _is_hub_name(data_dir: str | Path) -> bool:
    """Whether this can only be `owner/dataset`: no such path is here, and it does not end like a table."""
    name = str(data_dir)
    return (
        re.fullmatch(r"[\w-][\w.-]*/[\w-][\w.-]*", name) is not None
        and not name.lower().endswith(SUFFIXES)
        and not Path(name).exists()
    )


def _tables(data_dir: Path) -> dict[str, Path]:
    """The table of each split."""
    if data_dir.is_file():
        if data_dir.suffix.lower() not in SUFFIXES:
            raise ValueError(f"{data_dir}: a table must end with one of {', '.join(SUFFIXES)}.")
        return {"train": data_dir}
    if not data_dir.is_dir():
        raise ValueError(f"{data_dir}: there is no such table or folder.")
    tables: dict[str, Path] = {}
    present = [path for path in sorted(data_dir.iterdir()) if path.suffix.lower() in SUFFIXES]
    for split, names in SPLIT_NAMES.items():
        found = [path for path in present if path.stem.lower() in names]
        if len(found) > 1:
            raise ValueError(f"{data_dir} has several tables for {split}: {', '.join(path.name for path in found)}.")
        if found:
            tables[split] = found[0]
    if not tables:
        names_there = ", ".join(sorted(path.name for path in data_dir.iterdir())[:10]) or "nothing"
        raise ValueError(
            f"{data_dir} has no table named train, validation or test ({', '.join(SUFFIXES)}); it has {names_there}."
        )
    return tables


def _utterances(
    path: Path,
    columns: TableColumns,
    encoding: str | None,
    *,
    split: str,
    audio_dir: Path,
    problems: list[Problem],
) -> Iterator[Utterance]:
    suffix = path.suffix.lower()
    if suffix == ".parquet":
        dataset = _parquet(path)
        yield from dataset_utterances(
            dataset, columns, name=str(path), split=split, problems=problems, audio_dir=audio_dir
        )
        return
    lines = read_lines(path) if encoding is None else _lines_of_encoding(path, encoding)
    rows = _json_rows(path, lines) if suffix == ".jsonl" else _delimited_rows(path, lines, columns)
    good = _good_rows(rows, columns.id, split, problems)
    yield from columns.utterances(good, table=path.stem, audio_dir=audio_dir, split=split, problems=problems)


def _parquet(path: Path) -> Dataset:
    try:
        return Dataset.from_parquet(str(path))
    except (DatasetGenerationError, pa.ArrowException, OSError) as error:
        raise ValueError(f"{path} cannot be read as Parquet: {error.__cause__ or error}") from error


def _lines_of_encoding(path: Path, encoding: str) -> list[Line]:
    try:
        text = path.read_text(encoding=encoding).removeprefix("\ufeff")
    except (UnicodeError, LookupError) as error:
        raise ValueError(f"{path} is not {encoding} ({error}). Give its encoding, such as 'latin-1'.") from error
    return [Line(number, line, is_utf8=True) for number, line in enumerate(text.split("\n"), start=1)]


def _good_rows(
    rows: Iterator[tuple[str, dict[str, Any] | str, bool]], id_column: str, split: str, problems: list[Problem]
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Rows that can be read, as (place, cells); the others (a reason instead of cells) become problems."""
    for place, cells, is_utf8 in rows:
        if isinstance(cells, str):
            problems.append(Problem(place, place, f"malformed line: {cells}", split))
            continue
        if not is_utf8:
            reason = "undecodable bytes: not UTF-8, read as Windows-1252; if that is wrong, give the encoding"
            problems.append(Problem(str(cells.get(id_column) or place), place, reason, split, kept=True))
        yield place, cells


def _json_rows(path: Path, lines: list[Line]) -> Iterator[tuple[str, dict[str, Any] | str, bool]]:
    for line in lines:
        if not line.text.strip():
            continue
        place = f"{path}, line {line.number}"
        try:
            found = parse_json(line.text, place)
        except ValueError as error:
            yield place, str(error).removeprefix(f"{place} cannot be read: "), line.is_utf8
            continue
        if isinstance(found, list):
            found = "a JSON array where one object is expected: write one object a line"
        elif not isinstance(found, dict):
            found = f"not a JSON object: {line.text.strip()[:60]!r}"
        yield place, found, line.is_utf8


def _delimited_rows(
    path: Path, lines: list[Line], columns: TableColumns
) -> Iterator[tuple[str, dict[str, Any] | str, bool]]:
    stated, lines = stated_delimiter(lines)
    while lines and not lines[0].text.strip():
        lines = lines[1:]
    while len(lines) > 1 and lines[0].text.startswith("#") and _fitting_delimiters(path, lines[0], columns) == []:
        lines = lines[1:]  # a comment above the names of the columns
    if not lines:
        raise ValueError(f"{path} is empty: a table needs a first line with the names of its columns.")
    rows = read_rows(lines, stated or _delimiter(path, lines[0], columns))
    names = [name.strip() for name in next(rows).cells]
    columns.check(names, str(path))
    for row in rows:
        place = f"{path}, line {row.number}"
        if row.error is not None:
            yield place, f"{row.error}. Quote cells that hold delimiters or line breaks.", row.is_utf8
        else:
            yield place, dict(zip(names, (cell.strip() or None for cell in row.cells), strict=True)), row.is_utf8


def _delimiter(path: Path, header: Line, columns: TableColumns) -> str:
    """What the table's ending says, where the header then has the columns; else another one with which it has."""
    fitting = _fitting_delimiters(path, header, columns)
    return fitting[0] if fitting else max(DELIMITERS, key=lambda delimiter: len(header_names(header, delimiter)))


def _fitting_delimiters(path: Path, header: Line, columns: TableColumns) -> list[str]:
    usual = "\t" if path.suffix.lower() == ".tsv" else ","
    delimiters = dict.fromkeys((usual, *DELIMITERS))
    return [delimiter for delimiter in delimiters if not columns.missing(header_names(header, delimiter))]
