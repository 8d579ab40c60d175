"""Evaluation protocols: which utterances a model is trained, validated and tested on, and a check that nothing leaks.

| protocol | test | validation |
|---|---|---|
| `official-split` | the corpus's own | its own, or speakers of its training data |
| `paper-session-split` | session 5 (IEMOCAP, as in arXiv 2008.06682) | session 4 |
| `leave-one-session-out` | each session once | speakers of the other sessions |
| `leave-one-speaker-out` | each speaker once | some of the other speakers |
| `speaker-k-fold` | each of k groups of speakers once | some of the other speakers |
| `stratified-speaker-k-fold` | the same, with the classes spread evenly over the groups | some of the other speakers |
| `cross-corpus` | corpora not trained on, and held-out speakers of those that are | some of the other speakers |
| of one corpus (`ravdess-emobox-6`) | as published | as published, or some of the other speakers |

Fold indices are rows of `pooled(dataset)`: a `Dataset` as it is, or the splits of a `DatasetDict` one after the other.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from types import MappingProxyType
from typing import Any

import numpy as np
from datasets import Dataset, DatasetDict

from configuration_emo.corpora import CORPORA, PublishedFolds

from .cross_corpus import cross_corpus
from .fold import OVERLAP_COLUMNS, Fold, check_no_overlap, column_of, fold_of, ordered_splits, pooled
from .group_folds import (
    carve_validation,
    leave_one_session_out,
    leave_one_speaker_out,
    published_folds,
    speaker_k_fold,
    stratified_speaker_k_fold,
)


# Of arXiv 2008.06682.
PAPER_SPLIT = CORPORA["iemocap"].protocols["paper-session-split"]


def make_folds(
    dataset: Dataset | DatasetDict,
    protocol: str,
    *,
    by: Sequence[str] = OVERLAP_COLUMNS,
    allow: Sequence[str] = (),
    fold: str | None = None,
    **options: Any,
) -> list[Fold]:
    """The folds of a protocol, each checked for leaks.

    Args:
        dataset (`Dataset` or `DatasetDict`): with the columns `id`, `speaker`, `session`, `text` of the schema, as far
            as protocol and check need them.
        protocol (`str`): one of `PROTOCOLS`.
        by, allow: see `check_no_overlap`.
        fold (`str`, *optional*): the name of one that is asked for: refused, with those that there are, before leaks
            are looked for.
        **options: of the protocol's function, for example `seed`.

    Raises:
        ValueError: as `check_protocol`, the dataset does not fit the protocol, or a fold leaks.

    Example:
        >>> rows = Dataset.from_dict({"id": ["1", "2", "3"], "speaker": ["a", "b", "c"], "text": ["x", "y", "z"]})
        >>> [fold.name for fold in make_folds(rows, "leave-one-speaker-out")]
        ['speaker=a', 'speaker=b', 'speaker=c']
    """
    check_protocol(protocol, options)
    folds = PROTOCOLS[protocol](dataset, **options)
    if fold is not None and fold not in (names := [made.name for made in folds]):
        near = [name for name in names if name.endswith(f"={fold}")] or get_close_matches(fold, names, n=1)
        hint = f" Did you mean {near[0]}?" if near else " Choose one of them."
        raise ValueError(f"There is no fold {fold!r}: {protocol} has the folds {', '.join(names)} here.{hint}")
    for made in folds:
        check_no_overlap(made, dataset, by=by, allow=allow)
    return folds


def check_protocol(protocol: str, options: Mapping[str, Any] | None = None) -> None:
    """Refuses a protocol that there is not, and options that it does not take, before anything is read.

    Args:
        protocol (`str`): one of `PROTOCOLS`.
        options (`Mapping[str, Any]`, *optional*): as for `make_folds`, by name.

    Raises:
        ValueError: the protocol is unknown (the right names are listed), stands for published folds whose parts share
            speakers, or does not take an option (those that it takes are listed).

    Example:
        >>> check_protocol("emodb-emobox")
        Traceback (most recent call last):
        ...
        ValueError: emodb-emobox: these folds have all 10 speakers of emodb in training and test, so that results ...
    """
    for corpus in CORPORA.values():
        if protocol in corpus.leaking_folds:
            clean = ", ".join(name for name in corpus.protocols if name != "official-split")
            raise ValueError(
                f"{protocol}: these folds have {corpus.leaking_folds[protocol]} of {corpus.name} in training and "
                f"test, so that results on them are those of known speakers. Choose one of: {clean}."
            )
    if protocol not in PROTOCOLS:
        near = get_close_matches(str(protocol), PROTOCOLS, n=1)
        hint = f" Did you mean {near[0]}?" if near else ""
        raise ValueError(f"Unknown protocol {protocol!r}. Choose one of: {', '.join(PROTOCOLS)}.{hint}")
    takes = [*list(inspect.signature(PROTOCOLS[protocol]).parameters)[1:], "by", "allow"]
    unknown = [name for name in options or {} if name not in takes]
    if unknown:
        raise ValueError(f"{protocol} has no option {', '.join(unknown)}; it takes {', '.join(takes)}.")


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
    starts = np.cumsum([0] + [len(dataset[name]) for name in ordered_splits(dataset)])
    parts = {
        name: list(range(starts[number], starts[number + 1])) for number, name in enumerate(ordered_splits(dataset))
    }
    if "validation" not in parts:
        train, validation = carve_validation(
            pooled(dataset), parts["train"], validation_fraction=validation_fraction, seed=seed
        )
        parts |= {"train": train, "validation": validation}
    return [fold_of("official", parts["train"], parts["validation"], parts["test"])]


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
    sessions = column_of(dataset, "session")
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
    return [fold_of("session split", *parts)]


def _published(name: str, folds: PublishedFolds) -> Callable[..., list[Fold]]:
    """The protocol of published folds."""

    def protocol(dataset: Dataset | DatasetDict, *, validation_fraction: float = 0.1, seed: int = 0) -> list[Fold]:
        return published_folds(dataset, folds, name, validation_fraction=validation_fraction, seed=seed)

    return protocol


PROTOCOLS: Mapping[str, Callable[..., list[Fold]]] = MappingProxyType(
    {
        "official-split": official_split,
        "paper-session-split": paper_session_split,
        "leave-one-session-out": leave_one_session_out,
        "leave-one-speaker-out": leave_one_speaker_out,
        "speaker-k-fold": speaker_k_fold,
        "stratified-speaker-k-fold": stratified_speaker_k_fold,
        "cross-corpus": cross_corpus,
        **{name: _published(name, folds) for corpus in CORPORA.values() for name, folds in corpus.folds.items()},
    }
)
