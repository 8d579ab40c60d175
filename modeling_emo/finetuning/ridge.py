"""Ridge regression of several kinds of features at once, its penalty and their shares chosen on held-out groups.

Each kind of features is standardised and scaled so that all together have unit length on average: a share says how
much of that belongs to a kind, 0 leaves it out ("banded" ridge, Nunez-Elizalde et al., NeuroImage 2019). All solutions
are in closed form, in float64.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


# Of one decomposition, so that many cost no more than one.
PENALTIES = tuple(float(penalty) for penalty in np.geomspace(0.03, 10, 11))
# How much of two kinds belongs to the first, where both are used.
MIXED_SHARES = (0.2, 0.5, 0.8)
NUM_FOLDS = 10
_TINY = 1e-8

Shares = tuple[float, ...]


@dataclass(frozen=True)
class Ridge:
    """A fitted regression.

    Args:
        weights (`dict[str, np.ndarray]`): `(features, targets)` of each kind of features, in their own units.
        bias (`np.ndarray` of shape `(targets,)`): what is predicted where all features are at their means.
        means (`dict[str, np.ndarray]`): `(features,)` of each kind, over the rows that have it.
    """

    weights: dict[str, NDArray[np.float64]]
    bias: NDArray[np.float64]
    means: dict[str, NDArray[np.float64]]

    def predict(self, features: Mapping[str, NDArray], present: Mapping[str, NDArray]) -> NDArray[np.float64]:
        """`(rows, targets)`; a row that lacks a kind gets nothing from it."""
        return self.bias + sum(
            ((features[name] - self.means[name]) @ weight) * present[name][:, None]
            for name, weight in self.weights.items()
        )


@dataclass(frozen=True)
class RidgeChoice:
    """What held-out groups chose.

    Args:
        penalty (`float`): relative to the mean squared length of a row, which is 1.
        shares (`dict[str, float]`): of each kind of features; they add up to 1.
        error (`float`): weighted mean squared error of the held-out predictions.
        errors (`dict[str, float]`): the same of each kind alone, each with its best penalty.
        predictions (`np.ndarray` of shape `(rows, targets)`): each row's, by a fit without its group.
    """

    penalty: float
    shares: dict[str, float]
    error: float
    errors: dict[str, float]
    predictions: NDArray[np.float64]


def fit_ridge(
    features: Mapping[str, NDArray],
    present: Mapping[str, NDArray],
    targets: NDArray,
    row_weights: NDArray,
    shares: Mapping[str, float],
    penalties: Sequence[float],
) -> list[Ridge]:
    """One regression per penalty.

    Args:
        features (`dict[str, np.ndarray]`): `(rows, features)` by kind.
        present (`dict[str, np.ndarray]`): boolean `(rows,)` by kind: which rows have it.
        targets (`np.ndarray` of shape `(rows, targets)`): what is predicted.
        row_weights (`np.ndarray` of shape `(rows,)`): how much each row counts, 1 on average.
        shares (`dict[str, float]`): of each kind, see [`RidgeChoice`].
        penalties (sequence of `float`): relative to the mean squared length of a row.

    Returns:
        `list[Ridge]`: in the order of the penalties.
    """
    means, scales = _standardization(features, present, row_weights)
    scales = {name: np.sqrt(shares[name]) * scale for name, scale in scales.items()}
    blocks = _blocks(features, present, means, scales)
    root = np.sqrt(row_weights)[:, None]
    bias = (row_weights @ targets) / row_weights.sum()
    solved = _solve(root * np.concatenate(blocks, axis=1), root * (targets - bias), penalties)
    widths = np.cumsum([values.shape[1] for values in features.values()])[:-1]
    return [
        Ridge(
            {name: part * scales[name][:, None] for name, part in zip(features, np.split(one, widths), strict=True)},
            bias,
            means,
        )
        for one in solved
    ]


def choose_ridge(
    features: Mapping[str, NDArray],
    present: Mapping[str, NDArray],
    targets: NDArray,
    row_weights: NDArray,
    groups: Sequence[object] | None = None,
    penalties: Sequence[float] = PENALTIES,
) -> RidgeChoice:
    """Penalty and shares by the squared error on held-out groups.

    Kinds are mixed only where that is better than the best kind alone by more than the standard error of the
    difference over the held-out parts: what says nothing is left out, and cannot hurt.

    Args:
        features, present, targets, row_weights: as in [`fit_ridge`]; one kind or two.
        groups (sequence, *optional*): the group (speaker) of each row. Whole groups are held out, in at most
            `NUM_FOLDS` parts. Left out, or of one group only: rows are dealt into as many parts.
        penalties (sequence of `float`): those that are tried.

    Raises:
        ValueError: there are fewer than two rows.
    """
    parts = held_out_parts(len(targets), groups)
    names = list(features)
    found = {
        shares: [np.zeros((len(targets), targets.shape[1])) for _ in penalties]
        for shares in _candidate_shares(len(names))
    }
    for part in parts:
        rest = np.ones(len(targets), dtype=bool)
        rest[part] = False
        for shares, predictions in _predict_part(
            features, present, targets, row_weights, part, np.flatnonzero(rest), list(found), penalties
        ):
            for whole, one in zip(found[shares], predictions, strict=True):
                whole[part] = one
    candidates: dict[Shares, tuple[float, NDArray, NDArray]] = {}
    for shares, of_penalties in found.items():
        row_errors = [row_weights * np.square(one - targets).sum(1) for one in of_penalties]
        best = int(np.argmin([errors.mean() for errors in row_errors]))
        part_errors = np.array([row_errors[best][part].mean() for part in parts])
        candidates[shares] = penalties[best], part_errors, of_penalties[best]

    def error(shares: Shares) -> float:
        predictions = candidates[shares][2]
        return float((row_weights * np.square(predictions - targets).sum(1)).mean())

    alone = {name: tuple(float(name == other) for other in names) for name in names}
    chosen = min(alone.values(), key=error)
    mixed = min(candidates, key=error)
    gains = candidates[chosen][1] - candidates[mixed][1]
    if len(gains) > 1 and gains.mean() > gains.std(ddof=1) / np.sqrt(len(gains)):
        chosen = mixed
    return RidgeChoice(
        candidates[chosen][0],
        dict(zip(names, chosen, strict=True)),
        error(chosen),
        {name: error(shares) for name, shares in alone.items()},
        candidates[chosen][2],
    )


def _predict_part(
    features: Mapping[str, NDArray],
    present: Mapping[str, NDArray],
    targets: NDArray,
    row_weights: NDArray,
    part: NDArray,
    rest: NDArray,
    all_shares: Sequence[Shares],
    penalties: Sequence[float],
) -> Iterator[tuple[Shares, list[NDArray[np.float64]]]]:
    """What fits on the rows `rest` say of the rows `part`, for all shares: their products are computed once."""
    known, here, weights = _of_rows(features, rest), _of_rows(present, rest), row_weights[rest]
    means, scales = _standardization(known, here, weights)
    blocks = _blocks(known, here, means, scales)
    others = _blocks(_of_rows(features, part), _of_rows(present, part), means, scales)
    root = np.sqrt(weights)[:, None]
    bias = (weights @ targets[rest]) / weights.sum()
    goal = root * (targets[rest] - bias)
    if len(rest) > sum(block.shape[1] for block in blocks):
        for shares in all_shares:
            lengths = np.repeat(np.sqrt(shares), [block.shape[1] for block in blocks])
            rows, tested = root * np.concatenate(blocks, axis=1) * lengths, np.concatenate(others, axis=1) * lengths
            yield shares, [bias + tested @ one for one in _solve(rows, goal, penalties)]
        return
    products = [root * (block @ block.T) * root.T for block in blocks]
    crosses = [(other @ block.T) * root.T for other, block in zip(others, blocks, strict=True)]
    for shares in all_shares:
        values, vectors = np.linalg.eigh(sum(share * one for share, one in zip(shares, products, strict=True)))
        tested = sum(share * one for share, one in zip(shares, crosses, strict=True)) @ vectors
        rotated = vectors.T @ goal
        yield shares, [bias + tested @ (rotated / (values + penalty)[:, None]) for penalty in penalties]


def _of_rows(values: Mapping[str, NDArray], rows: NDArray) -> dict[str, NDArray]:
    return {name: one[rows] for name, one in values.items()}


def _standardization(
    features: Mapping[str, NDArray], present: Mapping[str, NDArray], row_weights: NDArray
) -> tuple[dict[str, NDArray[np.float64]], dict[str, NDArray[np.float64]]]:
    """Means, and factors that give each kind a mean squared length of 1, over the rows that have it."""
    means, scales = {}, {}
    for name, values in features.items():
        weight = row_weights * present[name]
        share = weight / max(weight.sum(), _TINY)
        means[name] = share @ values
        deviation = np.sqrt(share @ np.square(values - means[name]))
        deviation[deviation < _TINY] = np.inf  # a constant says nothing
        scales[name] = np.sqrt(1 / values.shape[1]) / deviation
    return means, scales


def _blocks(
    features: Mapping[str, NDArray],
    present: Mapping[str, NDArray],
    means: Mapping[str, NDArray],
    scales: Mapping[str, NDArray],
) -> list[NDArray[np.float64]]:
    """Standardised features of each kind, zeros where a row lacks it."""
    return [(values - means[name]) * scales[name] * present[name][:, None] for name, values in features.items()]


def _solve(rows: NDArray, targets: NDArray, penalties: Sequence[float]) -> list[NDArray[np.float64]]:
    """`(rows' rows + penalty)^-1 rows' targets` for each penalty, over rows or features, whatever is fewer."""
    if len(rows) <= rows.shape[1]:
        values, vectors = np.linalg.eigh(rows @ rows.T)
        rotated = vectors.T @ targets
        return [rows.T @ (vectors @ (rotated / (values + penalty)[:, None])) for penalty in penalties]
    values, vectors = np.linalg.eigh(rows.T @ rows)
    rotated = vectors.T @ (rows.T @ targets)
    return [vectors @ (rotated / (values + penalty)[:, None]) for penalty in penalties]


def _candidate_shares(num_kinds: int) -> list[Shares]:
    if num_kinds == 1:
        return [(1.0,)]
    return [(1.0, 0.0), (0.0, 1.0), *((share, 1.0 - share) for share in MIXED_SHARES)]


def scaled_features(
    features: Mapping[str, NDArray], present: Mapping[str, NDArray], row_weights: NDArray
) -> tuple[list[NDArray[np.float64]], dict[str, NDArray[np.float64]], dict[str, NDArray[np.float64]]]:
    """Standardised features, rows of a mean squared length of 1 by kind; the means and factors of each kind."""
    means, scales = _standardization(features, present, row_weights)
    return _blocks(features, present, means, scales), means, scales


def held_out_parts(
    num_rows: int, groups: Sequence[object] | None, num_parts: int = NUM_FOLDS
) -> list[NDArray[np.int64]]:
    """Rows of each part that is held out: whole groups, or rows in turn where there are not two groups.

    Raises:
        ValueError: there are fewer than two rows.
    """
    if num_rows < 2:
        raise ValueError(f"A penalty is chosen on held-out rows: at least 2 are needed, there are {num_rows}.")
    group_of = [] if groups is None else [str(group) for group in groups]
    names = sorted(set(group_of))
    if len(names) < 2:
        return [np.arange(num_rows)[start::num_parts] for start in range(min(num_parts, num_rows))]
    number = {name: index % num_parts for index, name in enumerate(names)}
    part = np.array([number[group] for group in group_of])
    return [np.flatnonzero(part == one) for one in range(min(num_parts, len(names)))]
