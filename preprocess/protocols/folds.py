"""Evaluation protocols: which utterances a model is trained, validated and tested on, and a check that nothing leaks.

| protocol | test | validation |
|---|---|---|
| `official-split` | the corpus's own | its own, or speakers of its training data |
| `paper-session-split` | session 5 (IEMOCAP, as in arXiv 2008.06682) | session 4 |
| `leave-one-session-out` | each session once | speakers of the other sessions |
| `leave-one-speaker-out` | each speaker once | some of the other speakers |
| `speaker-k-fold` | each of k groups of speakers once | some of the other speakers |

Fold indices are rows of `pooled(dataset)`: a `Dataset` as it is, or the splits of a `DatasetDict` one after the other.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from types import MappingProxyType
from typing import Any

import numpy as np
from datasets import Dataset, DatasetDict, concatenate_datasets
from sklearn.model_selection import KFold

from configuration_emo.corpora import CORPORA

from ..schema import SPLITS
from .validation_split import choose_validation_groups


OVERLAP_COLUMNS = ("speaker", "id", "text")
# Of arXiv 2008.06682.
PAPER_SPLIT = CORPORA["iemocap"].protocols["paper-session-split"]
_SHOWN = 10


@dataclass(frozen=True)
class Fold:
    """One division of a corpus.

    Args:
        name (`str`): what is tested, for example `speaker=03`.
        train, validation, test (`tuple[int, ...]`): row numbers of `pooled(dataset)`, ascending.
    """

    name: str
    train: tuple[int, ...]
    validation: tuple[int, ...]
    test: tuple[int, ...]

    def select(self, dataset: Dataset | DatasetDict) -> DatasetDict:
        """The rows of this fold as a `DatasetDict`; a part without rows is left out.

        Args:
            dataset (`Dataset` or `DatasetDict`): the one that the fold was made from.
        """
        rows = pooled(dataset)
        return DatasetDict({name: rows.select(indices) for name, indices in self.parts().items() if indices})

    def parts(self) -> dict[str, tuple[int, ...]]:
        """Row numbers by `train`, `validation`, `test`."""
        return {name: getattr(self, name) for name in SPLITS}


def make_folds(
    dataset: Dataset | DatasetDict,
    protocol: str,
    *,
    by: Sequence[str] = OVERLAP_COLUMNS,
    allow: Sequence[str] = (),
    **options: Any,
) -> list[Fold]:
    """The folds of a protocol, each checked for leaks.

    Args:
        dataset (`Dataset` or `DatasetDict`): with the columns `id`, `speaker`, `session`, `text` of the schema, as far
            as protocol and check need them.
        protocol (`str`): one of `PROTOCOLS`.
        by, allow: see `check_no_overlap`.
        **options: of the protocol's function, for example `seed`.

    Raises:
        ValueError: the protocol is unknown, the dataset does not fit it, or a fold leaks.

    Example:
        >>> rows = Dataset.from_dict({"id": ["1", "2", "3"], "speaker": ["a", "b", "c"], "text": ["x", "y", "z"]})
        >>> [fold.name for fold in make_folds(rows, "leave-one-speaker-out")]
        ['speaker=a', 'speaker=b', 'speaker=c']
    """
    if protocol not in PROTOCOLS:
        raise ValueError(f"Unknown protocol {protocol!r}. Choose one of: {', '.join(PROTOCOLS)}.")
    folds = PROTOCOLS[protocol](dataset, **options)
    for fold in folds:
        check_no_overlap(fold, dataset, by=by, allow=allow)
    return folds


def official_split(dataset: DatasetDict, *, validation_fraction: float = 0.1, seed: int = 0) -> list[Fold]:
    """The corpus's own split, as one fold. A missing validation part is taken by speaker from the training part.

    Args:
        dataset (`DatasetDict`): with `train` and `test`.
        validation_fraction, seed: see `carve_validation`; used only where the corpus has no validation part.

    Raises:
        ValueError: there is no `train` or no `test`, or the validation part cannot be taken.
    """
    missing = [name for name in ("train", "test") if not isinstance(dataset, DatasetDict) or name not in dataset]
    if missing:
        raise ValueError(f"The official split needs the splits train and test, {' and '.join(missing)} is not there.")
    starts = np.cumsum([0] + [len(dataset[name]) for name in _ordered_splits(dataset)])
    parts = {
        name: list(range(starts[number], starts[number + 1])) for number, name in enumerate(_ordered_splits(dataset))
    }
    if "validation" not in parts:
        train, validation = carve_validation(
            pooled(dataset), parts["train"], validation_fraction=validation_fraction, seed=seed
        )
        parts |= {"train": train, "validation": validation}
    return [_fold("official", parts["train"], parts["validation"], parts["test"])]


def paper_session_split(
    dataset: Dataset | DatasetDict,
    *,
    train_sessions: Sequence[str] = PAPER_SPLIT["train_sessions"],
    validation_sessions: Sequence[str] = PAPER_SPLIT["validation_sessions"],
    test_sessions: Sequence[str] = PAPER_SPLIT["test_sessions"],
) -> list[Fold]:
    """One split by session; by default the one of arXiv 2008.06682 for IEMOCAP.

    Args:
        dataset (`Dataset` or `DatasetDict`): with a `session` column.
        train_sessions, validation_sessions, test_sessions (`Sequence[str]`): sessions of each part; rows of other
            sessions are in none.

    Raises:
        ValueError: a session is named twice or has no rows.
    """
    sessions = _column(dataset, "session")
    named = [*train_sessions, *validation_sessions, *test_sessions]
    repeated = sorted({session for session in named if named.count(session) > 1})
    if repeated:
        raise ValueError(f"Session {', '.join(repeated)} is named for more than one part.")
    absent = sorted(set(named) - set(sessions))
    if absent:
        there = ", ".join(sorted(map(str, set(sessions))))
        raise ValueError(f"No row is of session {', '.join(absent)}; there are {there}.")
    parts = [
        [row for row, session in enumerate(sessions) if session in wanted]
        for wanted in (train_sessions, validation_sessions, test_sessions)
    ]
    return [_fold("session split", *parts)]


def leave_one_session_out(
    dataset: Dataset | DatasetDict, *, validation_fraction: float = 0.1, seed: int = 0
) -> list[Fold]:
    """One fold per session, in the order of their names; see `leave_one_group_out`."""
    return leave_one_group_out(dataset, "session", validation_fraction=validation_fraction, seed=seed)


def leave_one_speaker_out(
    dataset: Dataset | DatasetDict, *, validation_fraction: float = 0.1, seed: int = 0
) -> list[Fold]:
    """One fold per speaker, in the order of their names; see `leave_one_group_out`."""
    return leave_one_group_out(dataset, "speaker", validation_fraction=validation_fraction, seed=seed)


def leave_one_group_out(
    dataset: Dataset | DatasetDict, column: str, *, validation_fraction: float = 0.1, seed: int = 0
) -> list[Fold]:
    """One fold per value of a column: that value is tested, the others train, some of their speakers validate.

    Args:
        dataset (`Dataset` or `DatasetDict`): its splits are pooled.
        column (`str`): for example `session` or `speaker`.
        validation_fraction, seed: see `carve_validation`.

    Raises:
        ValueError: the column is absent, has empty cells or fewer than two values, or validation cannot be taken.
    """
    groups = _complete_column(dataset, column)
    names = sorted(set(groups))
    if len(names) < 2:
        raise ValueError(f"To leave one {column} out, at least 2 are needed, there is {', '.join(names)}.")
    tests = {f"{column}={name}": {name} for name in names}
    return _folds_of_groups(dataset, groups, tests, validation_fraction, seed)


def speaker_k_fold(
    dataset: Dataset | DatasetDict, *, num_folds: int = 5, validation_fraction: float = 0.1, seed: int = 0
) -> list[Fold]:
    """k folds; the speakers are shuffled and dealt into k groups of equal size, each of which is tested once.

    Args:
        dataset (`Dataset` or `DatasetDict`): its splits are pooled.
        num_folds (`int`, defaults to 5): k, at most the number of speakers.
        validation_fraction, seed: see `carve_validation`; the seed also decides the groups.

    Raises:
        ValueError: there are fewer speakers than folds, a row has none, or validation cannot be taken.
    """
    speakers = _complete_column(dataset, "speaker")
    names = np.array(sorted(set(speakers)), dtype=object)
    if not 2 <= num_folds <= len(names):
        raise ValueError(f"num_folds must be from 2 to the number of speakers ({len(names)}), got {num_folds}.")
    groups = KFold(num_folds, shuffle=True, random_state=seed).split(names)
    tests = {f"fold={number}": set(names[test]) for number, (_, test) in enumerate(groups, start=1)}
    return _folds_of_groups(dataset, speakers, tests, validation_fraction, seed)


def carve_validation(
    dataset: Dataset, train: Sequence[int], *, validation_fraction: float = 0.1, seed: int | Sequence[int] = 0
) -> tuple[list[int], list[int]]:
    """Takes whole speakers out of the training rows for validation.

    Args:
        dataset (`Dataset`): with a `speaker` column.
        train (`Sequence[int]`): rows to divide; no other row is looked at.
        validation_fraction (`float`, defaults to 0.1): share of the training speakers, rounded, at least one speaker.
            0 takes none.
        seed (`int` or `Sequence[int]`, defaults to 0): decides which speakers.

    Returns:
        `tuple[list[int], list[int]]`: training and validation rows.

    Raises:
        ValueError: the fraction is not in [0, 1), a row has no speaker, or no speaker would be left to train on.
    """
    if validation_fraction == 0:
        return list(train), []
    speakers = _complete_column(dataset.select(train), "speaker")
    chosen = choose_validation_groups(speakers, validation_fraction, seed)
    validation = [row for row, speaker in zip(train, speakers, strict=True) if speaker in chosen]
    return [row for row, speaker in zip(train, speakers, strict=True) if speaker not in chosen], validation


def check_no_overlap(
    fold: Fold, dataset: Dataset | DatasetDict, *, by: Sequence[str] = OVERLAP_COLUMNS, allow: Sequence[str] = ()
) -> None:
    """Refuses a fold whose parts share speakers, utterances or texts.

    Texts are compared without regard to case and white space. Empty cells are not compared.

    Args:
        fold (`Fold`): train, validation and test are compared pairwise, by row number too.
        dataset (`Dataset` or `DatasetDict`): the one that the fold was made from.
        by (`Sequence[str]`, defaults to speaker, id and text): the columns to compare.
        allow (`Sequence[str]`): columns that may overlap, where a corpus is made so: `("text",)` for EmoDB, whose
            actors all speak the same ten sentences.

    Raises:
        ValueError: something is shared (the message says what, between which parts), or a column is absent.

    Example:
        >>> rows = Dataset.from_dict({"id": ["1", "2"], "speaker": ["anna", "anna"]})
        >>> check_no_overlap(Fold("leaky", (0,), (), (1,)), rows, by=("speaker", "id"))
        Traceback (most recent call last):
        ...
        ValueError: Fold 'leaky' leaks: train and test share 1 speaker (anna). Divide the corpus otherwise, or say ...
    """
    leaks = []
    for column in ("row", *by):
        if column in allow:
            continue
        values = range(len(pooled(dataset))) if column == "row" else _column(dataset, column)
        for (first, first_rows), (second, second_rows) in combinations(fold.parts().items(), 2):
            shared = _values(values, first_rows, column) & _values(values, second_rows, column)
            if shared:
                shown = ", ".join(sorted(map(str, shared))[:_SHOWN]) + (", ..." if len(shared) > _SHOWN else "")
                leaks.append((column, f"{first} and {second} share {len(shared)} {column} ({shown})"))
    if leaks:
        columns = tuple(dict.fromkeys(column for column, _ in leaks))
        raise ValueError(
            f"Fold {fold.name!r} leaks: {'; '.join(leak for _, leak in leaks)}. Divide the corpus otherwise, or say "
            f"allow={columns!r} if the corpus is made so."
        )


def pooled(dataset: Dataset | DatasetDict) -> Dataset:
    """The rows that fold indices number: the dataset, or its splits in the order train, validation, test, others."""
    if isinstance(dataset, Dataset):
        return dataset
    return concatenate_datasets([dataset[name] for name in _ordered_splits(dataset)])


PROTOCOLS: Mapping[str, Callable[..., list[Fold]]] = MappingProxyType(
    {
        "official-split": official_split,
        "paper-session-split": paper_session_split,
        "leave-one-session-out": leave_one_session_out,
        "leave-one-speaker-out": leave_one_speaker_out,
        "speaker-k-fold": speaker_k_fold,
    }
)


def _folds_of_groups(
    dataset: Dataset | DatasetDict,
    groups: Sequence[str],
    tests: Mapping[str, set[str]],
    validation_fraction: float,
    seed: int,
) -> list[Fold]:
    """One fold per set of tested groups; each fold draws its validation speakers with a seed of its own."""
    rows = pooled(dataset)
    folds = []
    for number, (name, tested) in enumerate(tests.items()):
        rest = [row for row, group in enumerate(groups) if group not in tested]
        train, validation = carve_validation(rows, rest, validation_fraction=validation_fraction, seed=(seed, number))
        folds.append(_fold(name, train, validation, [row for row, group in enumerate(groups) if group in tested]))
    return folds


def _fold(name: str, train: Iterable[int], validation: Iterable[int], test: Iterable[int]) -> Fold:
    return Fold(name, tuple(train), tuple(validation), tuple(test))


def _ordered_splits(dataset: DatasetDict) -> list[str]:
    return [name for name in SPLITS if name in dataset] + [name for name in dataset if name not in SPLITS]


def _column(dataset: Dataset | DatasetDict, column: str) -> list[Any]:
    rows = pooled(dataset)
    if column not in rows.column_names:
        raise ValueError(f"The dataset has no column {column!r}; its columns are {', '.join(rows.column_names)}.")
    return rows.with_format(None)[column][:]


def _complete_column(dataset: Dataset | DatasetDict, column: str) -> list[str]:
    values = _column(dataset, column)
    empty = [row for row, value in enumerate(values) if value is None]
    if empty:
        raise ValueError(
            f"{len(empty)} rows have no {column} (the first is row {empty[0]}): this protocol cannot place them. Give "
            "them one, or leave them out."
        )
    return [str(value) for value in values]


def _values(values: Sequence[Any], rows: Iterable[int], column: str) -> set[Hashable]:
    found = (values[row] for row in rows)
    return {_comparable(value, column) for value in found if value is not None}


def _comparable(value: Any, column: str) -> Hashable:
    if isinstance(value, list):
        return tuple(value)
    return " ".join(value.casefold().split()) if column == "text" else value
