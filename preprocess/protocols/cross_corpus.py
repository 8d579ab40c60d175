"""Training on some corpora and testing on others: folds over the rows of several corpora."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from datasets import Dataset, DatasetDict
from sklearn.model_selection import KFold

from .fold import Fold, complete_column, fold_of, pooled
from .group_folds import carve_validation


# Between the corpus and the id, in the ids of the corpus `several`.
CORPUS_SIGN = "/"


def corpus_of(utterance_id: str) -> str:
    """The corpus of an utterance of the corpus `several`.

    Raises:
        ValueError: the id does not name one.

    Example:
        >>> corpus_of("emodb/03a01Fa")
        'emodb'
    """
    name, sign, _ = utterance_id.partition(CORPUS_SIGN)
    if not sign:
        raise ValueError(f"The id {utterance_id!r} names no corpus: prepare the data with the corpus `several`.")
    return name


def cross_corpus(
    dataset: Dataset | DatasetDict,
    *,
    train_on: Sequence[Sequence[str] | str] | None = None,
    within: bool = True,
    num_folds: int = 5,
    validation_fraction: float = 0.1,
    seed: int = 0,
) -> list[Fold]:
    """Each choice of training corpora, tested on all others, and by speakers on its own.

    The fold `emodb to others` trains on all of emodb and tests all rows of the other corpora at once. Those of
    `emodb within emodb, 1` to k hold a k-th of its speakers out, and train on the others, and on all of the further
    corpora where there are several to train on. Splits of the corpora are pooled.

    Args:
        dataset (`Dataset` or `DatasetDict`): of the corpus `several`, with the columns `id` and `speaker`.
        train_on (list of lists of `str`, *optional*): the corpora of each training; each alone if left out.
        within (`bool`, defaults to `True`): also test within the corpora that are trained on, which needs speakers.
        num_folds (`int`, defaults to 5): k, or the number of the corpus's speakers if that is less.
        validation_fraction, seed: see `carve_validation`; the seed also decides the groups of speakers.

    Raises:
        ValueError: a corpus is unknown, twice in a list or of one speaker only, there is nothing to test, or
            validation cannot be taken.
    """
    rows = pooled(dataset)
    corpus = [corpus_of(one) for one in complete_column(rows, "id")]
    names = list(dict.fromkeys(corpus))
    trained = [[one] if isinstance(one, str) else list(one) for one in train_on or names]
    for chosen in trained:
        if not chosen or len(set(chosen)) < len(chosen) or set(chosen) - set(names):
            raise ValueError(f"train_on: {chosen} must be one or more of {', '.join(names)}, each once.")
    if num_folds < 2:
        raise ValueError(f"num_folds must be at least 2, got {num_folds}.")
    folds: list[Fold] = []
    for chosen in trained:
        title = "+".join(chosen)
        own = [row for row, name in enumerate(corpus) if name in chosen]
        parts = {f"{title} to others": [row for row, name in enumerate(corpus) if name not in chosen]}
        for name in chosen if within else []:
            parts |= _within(rows, title, name, [row for row in own if corpus[row] == name], num_folds, seed)
        for fold, test in parts.items():
            if not test:
                continue
            held_out = set(test)
            train, validation = carve_validation(
                rows,
                [row for row in own if row not in held_out],
                validation_fraction=validation_fraction,
                seed=(seed, len(folds)),
            )
            folds.append(fold_of(fold, train, validation, test))
    if not folds:
        raise ValueError("All corpora are trained on and none is left to test: set within to true, or train on fewer.")
    return folds


def _within(rows: Dataset, title: str, name: str, own: list[int], num_folds: int, seed: int) -> dict[str, list[int]]:
    """The tested rows of each fold within a corpus."""
    speakers = complete_column(rows.select(own), "speaker")
    known = np.array(sorted(set(speakers)), dtype=object)
    if len(known) < 2:
        raise ValueError(f"{name} has one speaker, who cannot be held out. Set within to false in protocol_options.")
    groups = KFold(min(num_folds, len(known)), shuffle=True, random_state=seed).split(known)
    parts = {}
    for number, (_, test) in enumerate(groups, start=1):
        tested = set(known[test])
        parts[f"{title} within {name}, {number}"] = [
            row for row, speaker in zip(own, speakers, strict=True) if speaker in tested
        ]
    return parts
