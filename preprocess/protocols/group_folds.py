"""Folds that keep groups together: each group of speakers or sessions is tested once."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from datasets import Dataset, DatasetDict
from sklearn.model_selection import KFold, StratifiedGroupKFold

from configuration_emo.corpora import PublishedFolds

from .fold import Fold, column_of, complete_column, fold_of, pooled
from .validation_split import choose_validation_groups


_SHOWN = 10


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
    groups = complete_column(dataset, column)
    names = sorted(set(groups))
    if len(names) < 2:
        raise ValueError(f"To leave one {column} out, at least 2 are needed, there is {', '.join(names)}.")
    tests = {f"{column}={name}": {name} for name in names}
    return folds_of_groups(dataset, groups, tests, validation_fraction, seed)


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
    speakers = complete_column(dataset, "speaker")
    names = np.array(sorted(set(speakers)), dtype=object)
    _check_num_folds(num_folds, len(names))
    groups = KFold(num_folds, shuffle=True, random_state=seed).split(names)
    tests = {f"fold={number}": set(names[test]) for number, (_, test) in enumerate(groups, start=1)}
    return folds_of_groups(dataset, speakers, tests, validation_fraction, seed)


def stratified_speaker_k_fold(
    dataset: Dataset | DatasetDict, *, num_folds: int = 5, validation_fraction: float = 0.1, seed: int = 0
) -> list[Fold]:
    """k folds by speaker, dealt so that the classes are spread over them as evenly as whole speakers allow.

    scikit-learn's `StratifiedGroupKFold`. Where speakers do not show all classes equally often, the folds of
    [`speaker_k_fold`] can lack one; here that happens only where it cannot be avoided.

    Args:
        dataset (`Dataset` or `DatasetDict`): with the columns `speaker` and `label` (one class a row).
        num_folds (`int`, defaults to 5): k, at most the number of speakers.
        validation_fraction, seed: see `carve_validation`; the seed also decides the groups.

    Raises:
        ValueError: there are fewer speakers than folds, a row has none or no label, labels are scores or lists, or
            validation cannot be taken.
    """
    speakers = complete_column(dataset, "speaker")
    _check_num_folds(num_folds, len(set(speakers)))
    if any(isinstance(label, (float, list)) for label in column_of(dataset, "label")):
        raise ValueError("stratified-speaker-k-fold needs one class a row, the labels are scores or lists.")
    labels = complete_column(dataset, "label")
    splitter = StratifiedGroupKFold(num_folds, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        # A class of fewer rows than folds cannot be in all of them.
        warnings.filterwarnings("ignore", message="The least populated class", category=UserWarning)
        parts = [{speakers[row] for row in test} for _, test in splitter.split(speakers, labels, speakers)]
    tests = {f"fold={number}": test for number, test in enumerate(parts, start=1)}
    return folds_of_groups(dataset, speakers, tests, validation_fraction, seed)


def published_folds(
    dataset: Dataset | DatasetDict,
    published: PublishedFolds,
    name: str,
    *,
    validation_fraction: float = 0.1,
    seed: int = 0,
) -> list[Fold]:
    """The folds that were published for a corpus, by who is tested.

    A part of the corpus can be used, too: who is not there is warned about, and folds of which nobody is there are
    left out.

    Args:
        dataset (`Dataset` or `DatasetDict`): its splits are pooled.
        published (`PublishedFolds`): who is tested in each fold, and validates where that was published.
        name (`str`): of the protocol, for messages.
        validation_fraction, seed: see `carve_validation`; used only where no validation part was published.

    Raises:
        ValueError: none of the groups is there, or some are there that the folds do not place.
    """
    groups = complete_column(dataset, published.column)
    there = set(groups)
    placed = {group for test in published.tests for group in test}
    if not published.validation and there - placed:
        raise ValueError(
            f"{name} does not say where the {published.column} {_first(there - placed)} belongs; it knows "
            f"{_first(placed)}. Is it the corpus that the protocol is for?"
        )
    tests = {_name_of(number, test, published): set(test) & there for number, test in enumerate(published.tests, 1)}
    missing = (placed | set(published.validation)) - there
    left_out = [fold for fold, test in tests.items() if not test]
    if len(left_out) == len(tests):
        raise ValueError(f"{name}: none of {_first(placed)} is there, the {published.column}s are {_first(there)}.")
    if missing:
        without = f"; without {', '.join(left_out)}" if left_out else ""
        warnings.warn(f"{name}: {published.column} {_first(missing)} not there{without}.", stacklevel=2)
    tests = {fold: test for fold, test in tests.items() if test}
    if not published.validation:
        return folds_of_groups(dataset, groups, tests, validation_fraction, seed)
    validating = set(published.validation)
    return [
        fold_of(
            fold,
            [row for row, group in enumerate(groups) if group not in test | validating],
            [row for row, group in enumerate(groups) if group in validating],
            [row for row, group in enumerate(groups) if group in test],
        )
        for fold, test in tests.items()
    ]


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
    speakers = complete_column(dataset.select(train), "speaker")
    chosen = choose_validation_groups(speakers, validation_fraction, seed)
    validation = [row for row, speaker in zip(train, speakers, strict=True) if speaker in chosen]
    return [row for row, speaker in zip(train, speakers, strict=True) if speaker not in chosen], validation


def folds_of_groups(
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
        folds.append(fold_of(name, train, validation, [row for row, group in enumerate(groups) if group in tested]))
    return folds


def _check_num_folds(num_folds: int, speakers: int) -> None:
    if not 2 <= num_folds <= speakers:
        raise ValueError(f"num_folds must be from 2 to the number of speakers ({speakers}), got {num_folds}.")


def _name_of(number: int, test: tuple[str, ...], published: PublishedFolds) -> str:
    return f"{published.column}={test[0]}" if len(test) == 1 else f"fold={number}"


def _first(names: Iterable[str]) -> str:
    """Some of the names, for messages."""
    names = sorted(names)
    return ", ".join(names[:_SHOWN]) + (f", ... ({len(names)})" if len(names) > _SHOWN else "")
