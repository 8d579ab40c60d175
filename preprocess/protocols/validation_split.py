"""Validation and test data taken out of training data, by whole groups (speakers, dialogues, videos)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..schema import CorpusReading, Problem, Utterance


GROUPS = ("speaker", "session", "row")
DEV_SPLIT = "dev"


def choose_validation_groups(groups: Sequence[str], validation_fraction: float, seed: int | Sequence[int]) -> set[str]:
    """Which groups validate.

    Args:
        groups (`Sequence[str]`): the group of every training row.
        validation_fraction (`float`): share of the groups, rounded, at least one group. 0 takes none.
        seed (`int` or `Sequence[int]`): decides which.

    Raises:
        ValueError: the fraction is not in [0, 1), or no group would be left to train on.

    Example:
        >>> len(choose_validation_groups(["anna", "anna", "bo", "carl"], 0.3, seed=0))
        1
    """
    if not 0 <= validation_fraction < 1:
        raise ValueError(f"validation_fraction must be in [0, 1), got {validation_fraction}.")
    if validation_fraction == 0:
        return set()
    names = sorted(set(groups))
    count = max(1, round(validation_fraction * len(names)))
    if count >= len(names):
        raise ValueError(
            f"{count} of the {len(names)} training groups would validate and none be left to train on. Lower "
            "validation_fraction, or set it to 0 and train without validation."
        )
    return set(np.random.default_rng(seed).permutation(np.array(names, dtype=object))[:count])


def validation_from_train(
    reading: CorpusReading, *, by: str = "speaker", fraction: float = 0.1, seed: int = 0
) -> CorpusReading:
    """A corpus whose `validation` comes out of its `train`; what the corpus calls validation becomes the split `dev`.

    For a corpus whose own validation part is to be reported on (MELD without its test file), and so must not choose a
    checkpoint; and for one that comes without any.

    Args:
        reading (`CorpusReading`): left as it is.
        by (`str`, defaults to `"speaker"`): `"speaker"`, or `"session"` (dialogue, video, recording session) where
            speakers cannot be kept apart, as in MELD, whose six leads speak in every dialogue; or `"row"`, by which
            the same voice may be on both sides.
        fraction (`float`, defaults to 0.1): share of the groups.
        seed (`int`, defaults to 0): decides which groups.

    Raises:
        ValueError: `by` is unknown, there is no `train`, one of its rows has no group, or `fraction` does not fit.

    Example:
        >>> from preprocess import CorpusReading, Utterance
        >>> rows = [Utterance(str(number), text="Hi.", session=f"dialogue {number // 2}") for number in range(8)]
        >>> reading = validation_from_train(CorpusReading({"train": rows}), by="session", fraction=0.25)
        >>> {split: len(utterances) for split, utterances in reading.splits.items()}
        {'train': 6, 'validation': 2}
    """
    train, validation = _divided(reading, "validation", by, fraction, seed)
    splits = {"train": train, "validation": validation}
    splits |= {_renamed(name): rows for name, rows in reading.splits.items() if name != "train"}
    problems = [_moved(problem) for problem in reading.problems]
    return reading.replace(splits={name: rows for name, rows in splits.items() if rows}, problems=problems)


def held_out_test(
    reading: CorpusReading, *, by: str = "speaker", fraction: float = 0.1, seed: int = 0
) -> CorpusReading:
    """A corpus whose `test` comes out of its `train`, for one that comes without any.

    Args:
        reading, by, fraction, seed: as of [`validation_from_train`].

    Raises:
        ValueError: the corpus has a test part, or as [`validation_from_train`].
    """
    if "test" in reading.splits:
        raise ValueError(f"{reading.source} has a test split already: leave test_fraction out.")
    train, test = _divided(reading, "test", by, fraction, seed)
    splits = {**reading.splits, "train": train, "test": test}
    return reading.replace(splits={name: rows for name, rows in splits.items() if rows})


def _divided(
    reading: CorpusReading, part: str, by: str, fraction: float, seed: int
) -> tuple[list[Utterance], list[Utterance]]:
    """The training rows without a part, and the part."""
    if by not in GROUPS:
        raise ValueError(f"A {part} part by {by!r} is unknown. Choose one of: {', '.join(GROUPS)}.")
    train = reading.splits.get("train")
    if not train:
        raise ValueError(f"There is no train split, so no {part} part can be taken by {by}.")
    lacking = [utterance.id for utterance in train if by != "row" and getattr(utterance, by) is None]
    if lacking:
        raise ValueError(
            f"{len(lacking)} training rows have no {by} (the first is {lacking[0]}), so no {part} part can be taken "
            f"by {by}. Fill the column, or take it by another of {', '.join(GROUPS)}."
        )
    groups = [utterance.id if by == "row" else str(getattr(utterance, by)) for utterance in train]
    chosen = choose_validation_groups(groups, fraction, seed)
    rest = [utterance for utterance, group in zip(train, groups, strict=True) if group not in chosen]
    return rest, [utterance for utterance, group in zip(train, groups, strict=True) if group in chosen]


def _renamed(split: str) -> str:
    return DEV_SPLIT if split == "validation" else split


def _moved(problem: Problem) -> Problem:
    if problem.split != "validation":
        return problem
    return Problem(problem.id, problem.place, problem.reason, DEV_SPLIT, problem.kept)
