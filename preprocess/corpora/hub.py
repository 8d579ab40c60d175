"""A dataset of the Hugging Face Hub, a copy of its repository, or a folder that `save_to_disk` wrote.

Columns of sounds are read without being decoded. Datasets whose splits are not train, validation and test but the
corpora that they gather (as CAMEO's) are divided by speaker.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from datasets import Dataset

from ..audio.check import AUDIO_CHECKS, check_audio_file
from ..protocols.validation_split import choose_validation_groups
from ..schema import CorpusReading, Problem, Utterance
from .dialogue_context import dialogues_of_tables
from .reading.collector import check_option
from .reading.hub_dataset import dataset_utterances, load_all_splits, load_hub_splits
from .reading.table_columns import TableColumns, votes_of


SPLIT_BY = ("speaker",)
# Names that datasets of emotions give their columns, the most telling first.
USUAL_COLUMNS = {
    "audio": ("audio", "speech", "wav", "path", "file", "file_name"),
    "text": ("text", "transcription", "transcript", "sentence", "raw_text", "utterance"),
    "label": ("label", "emotion", "major_emotion", "labels"),
    "id": ("id", "file_id", "utterance_id", "file"),
    "speaker": ("speaker", "speaker_id", "spk_id", "speaker_name"),
    "session": ("session", "dialogue", "dialogue_id", "video_id"),
}


def read(
    data_dir: str | Path,
    *,
    audio_column: str | None = None,
    text_column: str | None = None,
    label_column: str | Sequence[str] | None = None,
    id_column: str | None = None,
    speaker_column: str | None = None,
    session_column: str | None = None,
    numeric_labels: bool = False,
    soft_label_columns: Sequence[str] = (),
    config: str | None = None,
    revision: str | None = None,
    splits: Mapping[str, str] | None = None,
    split_by: str | None = None,
    validation_fraction: float = 0.1,
    test_fraction: float = 0.2,
    seed: int = 0,
    check_audio: str | None = None,
) -> CorpusReading:
    """Reads a dataset.

    Args:
        data_dir (`str` or `Path`): `owner/dataset` of the Hub, a folder with its files (Parquet, audiofolder, ...), or
            one that `save_to_disk` wrote.
        audio_column, text_column, label_column, id_column, speaker_column, session_column (`str`, *optional*): names
            of columns. Where one is not given, the first of the usual names (`USUAL_COLUMNS`) that the dataset has.
        numeric_labels (`bool`): labels are scores.
        soft_label_columns (`list[str]`): columns with annotators' votes, called after labels, as for the corpus `csv`.
        config, revision, splits: see `load_hub_splits`; `splits` says what train, validation and test are made of.
        split_by (`str`, *optional*): `"speaker"` takes all splits together, puts their names in front of ids and
            speakers (and into the column `corpus`), and divides the whole by speaker.
        validation_fraction, test_fraction (`float`): with `split_by`, share of the speakers, of all for the test part
            and of the others for the validation part.
        seed (`int`): with `split_by`, decides which speakers.
        check_audio (`str`, *optional*): looks at the recordings while reading, see `check_audio_file`: a row with a
            broken one stays as text only, or is left out where it has no text. Without it `prepare_dataset` finds
            them.

    Returns:
        `CorpusReading`: as the corpus `csv`. Numbers of a `ClassLabel` become its names, sounds inside the dataset
        become files in the datasets cache.

    Raises:
        ValueError: there is no such dataset, a column is missing, no split has a usual name (give `splits` or
            `split_by`), or with `split_by` a row has no speaker.

    Example:
        >>> reading = read("amu-cai/CAMEO", split_by="speaker")  # doctest: +SKIP
        >>> sorted(reading.splits)  # doctest: +SKIP
        ['test', 'train', 'validation']
    """
    if split_by is not None:
        check_option("split_by", split_by, SPLIT_BY)
        if splits is not None:
            raise ValueError("Give splits or split_by, not both: the one names the parts, the other makes them.")
    if check_audio is not None:
        check_option("check_audio", check_audio, AUDIO_CHECKS)
    name = str(data_dir)
    if split_by is None:
        loaded = load_hub_splits(name, config=config, revision=revision, splits=splits)
    else:
        loaded = load_all_splits(name, config=config, revision=revision)
    given = {
        "audio": audio_column,
        "text": text_column,
        "label": label_column,
        "id": id_column,
        "speaker": speaker_column,
        "session": session_column,
    }
    problems: list[Problem] = []
    found: dict[str, list[Utterance]] = {}
    for split, dataset in loaded.items():
        rows = dataset_utterances(
            dataset,
            _columns(dataset, given, numeric_labels, soft_label_columns),
            name=f"{name}-{split}",
            split=split,
            problems=problems,
        )
        found[split] = [
            checked for row in rows if (checked := _checked(row, check_audio, split, problems)) is not None
        ]
    if split_by is None:
        return CorpusReading(found, problems, dialogues=dialogues_of_tables(found))
    return CorpusReading(_divided(found, name, validation_fraction, test_fraction, seed), problems)


def _columns(
    dataset: Dataset,
    given: Mapping[str, str | Sequence[str] | None],
    numeric_labels: bool,
    soft_label_columns: Sequence[str],
) -> TableColumns:
    """The columns that were given, and for the others the usual ones that are there."""
    names = {}
    for what, usual in USUAL_COLUMNS.items():
        present = (name for name in usual if name in dataset.column_names)
        names[what] = given[what] if given[what] is not None else next(present, what)
    votes = votes_of(soft_label_columns)
    return TableColumns(**names, numeric_labels=numeric_labels, votes=votes)  # type: ignore[arg-type]


def _checked(row: Utterance, level: str | None, split: str, problems: list[Problem]) -> Utterance | None:
    """A row after its recording was looked at; None where nothing is left of it."""
    if level is None:
        return row
    if row.audio is None:
        return row.replace(extra={**row.extra, "duration": None})
    seconds, reason = check_audio_file(row.audio, level)
    if reason is not None:
        problems.append(Problem(row.id, row.audio, reason, split, kept=row.text is not None))
        if row.text is None:
            return None
    return row.replace(audio=row.audio if reason is None else None, extra={**row.extra, "duration": seconds})


def _divided(
    found: Mapping[str, list[Utterance]], name: str, validation_fraction: float, test_fraction: float, seed: int
) -> dict[str, list[Utterance]]:
    """All rows, divided by speaker."""
    lacking = [row.id for rows in found.values() for row in rows if row.speaker is None]
    if lacking:
        raise ValueError(
            f"{name}: {len(lacking)} rows have no speaker (the first is {lacking[0]}), so they cannot be divided by "
            "speaker. Name the column with speaker_column."
        )
    rows = [
        row.replace(id=f"{corpus}-{row.id}", speaker=f"{corpus}-{row.speaker}", extra={**row.extra, "corpus": corpus})
        for corpus, members in found.items()
        for row in members
    ]
    tested = choose_validation_groups([str(row.speaker) for row in rows], test_fraction, (seed, 0))
    rest = [row for row in rows if row.speaker not in tested]
    validating = choose_validation_groups([str(row.speaker) for row in rest], validation_fraction, (seed, 1))
    parts = {
        "train": [row for row in rest if row.speaker not in validating],
        "validation": [row for row in rest if row.speaker in validating],
        "test": [row for row in rows if row.speaker in tested],
    }
    return {split: members for split, members in parts.items() if members}
