"""A folder of recordings of your own, in the layouts of `datasets`' audiofolder.

- A folder for each label: `train/angry/x.wav`, or `angry/x.wav` without a split.
- A table: `metadata.csv`, `metadata.tsv` or `metadata.jsonl`, in the folder or in each split's, with a column
  `file_name` (relative to the table) and those of the labels and transcripts.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from ..audio.check import AUDIO_CHECKS, audio_files
from ..recordings.text_files import files_with_suffix, read_lines
from ..schema import CorpusReading, Utterance
from . import csv
from .reading.collector import UtteranceCollector, check_option, corpus_folder
from .reading.table_columns import SPLIT_NAMES


LAYOUT = "recordings in a folder for each label (train/angry/x.wav or angry/x.wav), or with metadata.csv"

_SPLIT_OF = {alias: split for split, aliases in SPLIT_NAMES.items() for alias in aliases}


def read(
    data_dir: str | Path,
    *,
    speaker_pattern: str | None = None,
    text_column: str = "text",
    label_column: str | Sequence[str] = "label",
    speaker_column: str = "speaker",
    session_column: str = "session",
    numeric_labels: bool = False,
    check_audio: str = "header",
    keep_without_audio: bool = False,
) -> CorpusReading:
    """Reads a folder of recordings.

    Args:
        data_dir (`str` or `Path`): the folder. Folders in it that are named `train`, `validation` (`valid`, `val`,
            `dev`) and `test` (`eval`) are splits; without such ones all is in `train`.
        speaker_pattern (`str`, *optional*): regular expression with the group `speaker`, searched for in a recording's
            path below the folder, such as `"(?P<speaker>spk[0-9]+)_"`. Without it, and without a table that tells,
            speakers are unknown, and no fold can keep them apart.
        text_column, label_column, speaker_column, session_column, numeric_labels: of a table, as for the corpus `csv`.
        check_audio (`str`, defaults to `"header"`): `"exists"`, `"header"` or `"decode"`, see `check_audio_file`.
        keep_without_audio (`bool`, defaults to `False`): True keeps an utterance with a broken recording as text only.

    Returns:
        `CorpusReading`: `id` is the path below the folder, without suffix. With folders of labels the text is in a
        `.txt` file of the recording's name, if there is one. Recordings without a label, and those that a table does
        not list, are among the problems.

    Raises:
        ValueError: `data_dir` is not a folder, holds no recording, or mixes folders of splits with others; or a table
            lacks a column, or an option is unknown.

    Example:
        >>> reading = read("my_recordings", speaker_pattern="(?P<speaker>spk[0-9]+)_")  # doctest: +SKIP
        >>> reading.splits["train"][0].label  # doctest: +SKIP
        'angry'
    """
    check_option("check_audio", check_audio, AUDIO_CHECKS)
    speaker_of = _speaker_pattern(speaker_pattern)
    folder = corpus_folder(data_dir, LAYOUT)
    paths = list(audio_files(folder))
    if not paths:
        raise ValueError(f"{folder} holds no recording. Expected: {LAYOUT}.")
    tables = [path for path in files_with_suffix(folder, ".csv", ".tsv", ".jsonl") if path.stem.lower() == "metadata"]
    collector = UtteranceCollector(check_audio, keep_without_audio=keep_without_audio, expects_text=False)
    if not tables:
        splits = _has_splits(paths, folder)
        for path in paths:
            _add_from_folders(path, folder, splits, speaker_of, collector)
        return collector.reading()
    listed = set()
    for table in tables:
        found = csv.read(
            table,
            audio_column="file_name",
            id_column="file_name",
            text_column=text_column,
            label_column=label_column,
            speaker_column=speaker_column,
            session_column=session_column,
            split_column=None,  # the folders say it
            numeric_labels=numeric_labels,
        )
        collector.problems += found.problems
        for row in found.splits["train"]:
            path = Path(str(row.audio))
            listed.add(path.absolute())
            _add_from_table(row, path, folder, table, speaker_of, collector)
    for path in paths:
        if path.absolute() not in listed:
            names = " or ".join(str(table.relative_to(folder)) for table in tables)
            collector.problem(
                _id(path, folder), str(path), f"no label: {names} does not list it", _split(path, folder)
            )
    return collector.reading()


def _speaker_pattern(pattern: str | None) -> re.Pattern[str] | None:
    if pattern is None:
        return None
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise ValueError(f"speaker_pattern={pattern!r} is no regular expression: {error}.") from error
    if "speaker" not in compiled.groupindex:
        raise ValueError(f"speaker_pattern={pattern!r} has no group speaker. Write it as '(?P<speaker>...)'.")
    return compiled


def _has_splits(paths: list[Path], folder: Path) -> bool:
    """Whether the folders right below are splits.

    Raises:
        ValueError: some are and some are not.
    """
    names = {path.relative_to(folder).parts[0] for path in paths if len(path.relative_to(folder).parts) > 1}
    splits = {name for name in names if name.lower() in _SPLIT_OF}
    if splits and names - splits:
        others = ", ".join(sorted(names - splits)[:5])
        raise ValueError(
            f"{folder} has the splits {', '.join(sorted(splits))} beside {others}. Move these into a split, or away."
        )
    return bool(splits)


def _add_from_folders(
    path: Path, folder: Path, has_splits: bool, speaker_of: re.Pattern[str] | None, collector: UtteranceCollector
) -> None:
    parts = path.relative_to(folder).parts
    split = _split(path, folder) if has_splits else "train"
    labels = parts[1:-1] if has_splits else parts[:-1]
    if not labels:
        collector.problem(_id(path, folder), str(path), "no label: it is in no folder of a label", split)
        return
    transcript = path.with_suffix(".txt")
    collector.add(
        Utterance(
            id=_id(path, folder),
            audio=str(path),
            text=" ".join(line.text for line in read_lines(transcript)) if transcript.is_file() else None,
            label=labels[0],
            speaker=_speaker(path, folder, speaker_of, collector, split),
        ),
        str(path),
        split,
    )


def _add_from_table(
    row: Utterance,
    path: Path,
    folder: Path,
    table: Path,
    speaker_of: re.Pattern[str] | None,
    collector: UtteranceCollector,
) -> None:
    if row.audio is None:
        collector.problem(row.id, str(table), "no recording: the row has no file_name")
        return
    split = _split(path, folder)
    speaker = row.speaker
    if speaker is None and speaker_of is not None:
        speaker = _speaker(path, folder, speaker_of, collector, split)
    collector.add(row.replace(id=_id(path, folder), speaker=speaker), str(table), split)


def _speaker(
    path: Path, folder: Path, speaker_of: re.Pattern[str] | None, collector: UtteranceCollector, split: str
) -> str | None:
    if speaker_of is None:
        return None
    found = speaker_of.search(path.relative_to(folder).as_posix())
    if found is None:
        reason = f"unknown speaker: speaker_pattern={speaker_of.pattern!r} is not in its path"
        collector.problem(_id(path, folder), str(path), reason, split, kept=True)
    return None if found is None else found["speaker"]


def _split(path: Path, folder: Path) -> str:
    return _SPLIT_OF.get(path.relative_to(folder).parts[0].lower(), "train")


def _id(path: Path, folder: Path) -> str:
    return path.relative_to(folder).with_suffix("").as_posix()
