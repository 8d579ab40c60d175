"""The one schema that every corpus reader fills: utterances, and the items that could not be used."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from datasets import Dataset, DatasetDict, Features, List, Value


SPLITS = ("train", "validation", "test")
COLUMNS = ("id", "audio", "text", "label", "speaker", "session")
# Of datasets with annotators' votes: rows of label and votes.
SOFT_LABEL = "soft_label"

# How the reason of the warning begins that a corpus differs from its published size.
COUNTS_DIFFER = "counts differ from the published ones"

# How the reason begins that an option names a folder which is not there.
MISSING_FOLDER = "missing folder"

_SHOWN_PROBLEMS = 3

Label = str | float | list[str] | list[float] | None


def is_absent(value: Any) -> bool:
    """Whether a cell says nothing: None, NaN (as pandas and JSON write it) or blank text.

    Example:
        >>> [is_absent(value) for value in (None, float("nan"), "  ", 0, "nan", [])]
        [True, True, True, False, False, False]
    """
    if isinstance(value, str):
        return not value.strip()
    return value is None or (isinstance(value, (float, np.floating)) and bool(np.isnan(value)))


@dataclass(frozen=True)
class Utterance:
    """One utterance of a corpus; what the corpus does not know is None.

    Args:
        id (`str`): unique within the corpus.
        audio (`str`, *optional*): path of the sound or video file, in any format that `load_audio` reads.
        text (`str`, *optional*): the transcript.
        label (`str`, `float` or `list`, *optional*): the corpus's own label: an emotion's name, a score, several
            names (multi-label) or several scores (valence, arousal, dominance).
        speaker (`str`, *optional*): who speaks, unique within the corpus.
        session (`str`, *optional*): recording session, dialogue or video that utterances share.
        extra (`dict`, *optional*): further columns that a reader knows (for example token ids read from files).
        soft_label (`dict[str, float]`, *optional*): annotators' votes for each label, in numbers or shares; `label` is
            then what most of them chose.
    """

    id: str
    audio: str | None = None
    text: str | None = None
    label: Label = None
    speaker: str | None = None
    session: str | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)
    soft_label: Mapping[str, float] | None = None

    def replace(self, **fields: Any) -> Utterance:
        """A copy with other values in some fields."""
        return dataclasses.replace(self, **fields)

    def to_row(self, *, with_votes: bool | None = None) -> dict[str, Any]:
        """This utterance as one row of a `datasets.Dataset`.

        Args:
            with_votes (`bool`, *optional*): whether it has the column `soft_label`, a list of label and votes; by
                default where there are votes.
        """
        votes = None if self.soft_label is None else votes_as_rows(self.soft_label)
        with_votes = votes is not None if with_votes is None else with_votes
        told = {SOFT_LABEL: votes} if with_votes else {}
        return {**{name: getattr(self, name) for name in COLUMNS}, **told, **self.extra}


@dataclass(frozen=True)
class Problem:
    """One item of a corpus that cannot be used, or only in part.

    Args:
        id (`str`): the utterance, or the file where no utterance is known.
        place (`str`): where it was found: a file, with line or row where there is one.
        reason (`str`): what is wrong, in plain words.
        split (`str`, *optional*): the split it would have been in.
        kept (`bool`): True where the utterance stays in the corpus without the broken part (for example text only).
    """

    id: str
    place: str
    reason: str
    split: str | None = None
    kept: bool = False

    def to_row(self) -> dict[str, Any]:
        """This problem as one line of `skipped.jsonl`."""
        return asdict(self)


@dataclass(frozen=True)
class Turn:
    """One turn of a dialogue, whether it has a label and is an utterance of the corpus or not.

    Args:
        id (`str`): of the utterance.
        text (`str`, *optional*): the transcript.
        speaker (`str`, *optional*): who speaks.
        position (`float`): its place in the dialogue: a number or a time.
        split (`str`, *optional*): of the corpus, where that divides dialogues.
    """

    id: str
    text: str | None
    speaker: str | None
    position: float
    split: str | None = None


@dataclass
class CorpusReading:
    """What a corpus reader found: utterances by split, and every item with a problem.

    Args:
        splits (`dict[str, list[Utterance]]`): keys from `train`, `validation`, `test`; a corpus without an official
            split has only `train`.
        problems (`list[Problem]`): everything broken, missing or unlabelled.
        source (`str`): the corpus and where it was read from, for messages.
        without_audio (`bool`): whether it was asked for even if not one recording can be used.
        dialogues (`dict[str, list[Turn]]`): of a corpus of dialogues, all turns of each.
    """

    splits: dict[str, list[Utterance]]
    problems: list[Problem] = field(default_factory=list)
    source: str = "The corpus"
    without_audio: bool = False
    dialogues: dict[str, list[Turn]] = field(default_factory=dict)

    def replace(self, **fields: Any) -> CorpusReading:
        """A copy with other values in some fields."""
        return dataclasses.replace(self, **fields)

    def check(self) -> None:
        """Refuses a corpus of which nothing is left, or of which no recording is.

        Raises:
            ValueError: an option names a folder that is none, there is no utterance in all or in one of the splits, or
                every recording is missing or broken (see `without_audio`). Says how many items had to be left out and
                names the first of them.
        """
        folders = [problem.reason for problem in self.problems if problem.reason.startswith(MISSING_FOLDER)]
        if folders:
            raise ValueError(f"{self.source}: {'; '.join(folders)}.")
        empty = [name for name, utterances in self.splits.items() if not utterances]
        if empty or not self.splits:
            split = empty[0] if len(empty) < len(self.splits) else None
            where = "no utterance" if split is None else f"no utterance in the split {split}"
            left_out = [problem for problem in self.problems if not problem.kept and split in (None, problem.split)]
            told = f"{len(left_out)} items were left out. {_first(left_out)}"
            if not left_out:
                told = "and none was found: there is nothing but names of columns, or other files are needed."
            raise ValueError(f"{self.source}: {where} can be used, {told}")
        lost = [problem for problem in self.problems if problem.kept and _is_about_a_recording(problem)]
        rows = [utterance for utterances in self.splits.values() for utterance in utterances]
        if lost and not self.without_audio and all(utterance.audio is None for utterance in rows):
            raise ValueError(
                f"{self.source}: not one recording can be used, {len(lost)} are missing or broken. {_first(lost)} "
                "Give the folder that holds them, or keep_without_audio=True to go on with the texts alone."
            )

    def to_dataset_dict(self) -> DatasetDict:
        """The utterances as a `DatasetDict` with the columns of `COLUMNS` (and the readers' extra ones).

        Raises:
            ValueError: as `check` and `rows_to_dataset`.
        """
        self.check()
        with_votes = any(row.soft_label is not None for rows in self.splits.values() for row in rows)
        return DatasetDict(
            {name: rows_to_dataset(utterances, with_votes=with_votes) for name, utterances in self.splits.items()}
        )


def votes_as_rows(votes: Mapping[str, float]) -> list[dict[str, Any]]:
    """Votes as a dataset's column holds them, which has the same type whatever the labels are called.

    Example:
        >>> votes_as_rows({"sad": 3, "angry": 1})
        [{'label': 'sad', 'votes': 3.0}, {'label': 'angry', 'votes': 1.0}]
    """
    return [{"label": name, "votes": float(count)} for name, count in votes.items()]


def rows_to_dataset(utterances: Iterable[Utterance], *, with_votes: bool | None = None) -> Dataset:
    """Utterances as a `Dataset`, one column per schema field; `soft_label` where there are votes, or asked for.

    Raises:
        ValueError: the label column would mix types (for example names and scores), or there is no utterance.
    """
    utterances = list(utterances)
    if not utterances:
        raise ValueError("There is no utterance to make a dataset of: check the folder and the filters.")
    kinds = {_kind(utterance.label): utterance.id for utterance in utterances if utterance.label is not None}
    for whole, other in (("int", "float"), ("list of int", "list of float")):
        if whole in kinds and other in kinds:
            kinds.pop(whole)
    if len(kinds) > 1:
        kinds.pop("list", None)  # an empty one is of any kind
    if len(kinds) > 1:
        examples = ", ".join(f"{kind} (utterance {example!r})" for kind, example in sorted(kinds.items()))
        raise ValueError(f"The labels of one corpus must be of one type, found {examples}.")
    if with_votes is None:
        with_votes = any(utterance.soft_label is not None for utterance in utterances)
    dataset = Dataset.from_list([utterance.to_row(with_votes=with_votes) for utterance in utterances])
    # A column without any value would else be of no type, and differ from the same column of another split.
    types: dict[str, Any] = {name: Value("string") for name in COLUMNS if name != "label"}
    if with_votes:
        types[SOFT_LABEL] = List({"label": Value("string"), "votes": Value("float64")})
    return dataset.cast(Features({**dataset.features, **types}))


def _kind(label: Any) -> str:
    """A label's type, for comparisons: lists by what they hold."""
    if not isinstance(label, (list, tuple)):
        return type(label).__name__
    inner = sorted({_kind(value) for value in label if value is not None})
    inner = ["float"] if inner == ["float", "int"] else inner
    return f"list of {' and '.join(inner)}" if inner else "list"


def _is_about_a_recording(problem: Problem) -> bool:
    return problem.reason.startswith(("no recording", "empty recording", "broken recording"))


def _first(problems: list[Problem]) -> str:
    """The first problems, one of each kind."""
    kinds: dict[str, Problem] = {}
    for problem in problems:
        kinds.setdefault(problem.reason.partition(":")[0], problem)
    first = [f"{problem.place}: {problem.reason.rstrip('.')}" for problem in list(kinds.values())[:_SHOWN_PROBLEMS]]
    return f"The first: {'; '.join(first)}." if first else ""
