"""Multinomial logistic regression of several kinds of features, its penalty chosen on held-out groups.

Features are standardised and scaled as in ridge.py, each kind with the same share. The loss is convex: the weights are
found by L-BFGS in float32, from a strong penalty to a weak one, each from the weights of the one before.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import cross_entropy, linear

from .ridge import Ridge, held_out_parts, scaled_features


# Of squared weights, beside the mean cross-entropy of the rows; features of a row have a mean squared length of 1.
LOGISTIC_PENALTIES = tuple(float(penalty) for penalty in np.geomspace(1e-4, 1e-5, 3))
NUM_PARTS = 3
MAX_ITERATIONS = 30


@dataclass(frozen=True)
class LogisticChoice:
    """What held-out groups chose.

    Args:
        penalty (`float`): of the squared weights, see `LOGISTIC_PENALTIES`.
        loss (`float`): weighted mean cross-entropy of the held-out rows.
        predictions (`np.ndarray` of shape `(rows, classes)`): each row's logits, by a fit without its group.
    """

    penalty: float
    loss: float
    predictions: NDArray[np.float64]


def choose_logistic(
    features: Mapping[str, NDArray],
    present: Mapping[str, NDArray],
    targets: NDArray,
    row_weights: NDArray,
    groups: Sequence[object] | None = None,
) -> LogisticChoice:
    """The penalty by the cross-entropy on held-out groups.

    Args:
        features (`dict[str, np.ndarray]`): `(rows, features)` by kind.
        present (`dict[str, np.ndarray]`): boolean `(rows,)` by kind: which rows have it.
        targets (`np.ndarray` of shape `(rows, classes)`): probabilities, 1 for the class of a row.
        row_weights (`np.ndarray` of shape `(rows,)`): how much each row counts.
        groups (sequence, *optional*): the group (speaker) of each row; whole groups are held out.

    Raises:
        ValueError: there are fewer than two rows.
    """
    parts = held_out_parts(len(targets), groups, NUM_PARTS)
    # Scaled by all rows: nothing of the held-out labels is in that.
    blocks, _, _ = scaled_features(features, present, row_weights)
    rows, goal, weights = _as_tensors(blocks, targets, row_weights)
    logits = [torch.zeros(goal.shape) for _ in LOGISTIC_PENALTIES]
    for part in parts:
        known = weights.clone()
        known[part] = 0
        for index, (weight, bias) in enumerate(_path(rows, goal, known, LOGISTIC_PENALTIES)):
            logits[index][part] = linear(rows[part], weight, bias)
    losses = [float(weights @ _losses(one, goal) / weights.sum()) for one in logits]
    best = int(np.argmin(losses))
    return LogisticChoice(LOGISTIC_PENALTIES[best], losses[best], logits[best].double().numpy())


def fit_logistic(
    features: Mapping[str, NDArray],
    present: Mapping[str, NDArray],
    targets: NDArray,
    row_weights: NDArray,
    penalty: float,
) -> Ridge:
    """The regression, in the form of a ridge regression whose predictions are logits; arguments as above."""
    blocks, means, scales = scaled_features(features, present, row_weights)
    rows, goal, weights = _as_tensors(blocks, targets, row_weights)
    stronger = [one for one in LOGISTIC_PENALTIES if one > penalty]
    weight, bias = list(_path(rows, goal, weights, [*stronger, penalty]))[-1]
    widths = np.cumsum([values.shape[1] for values in features.values()])[:-1]
    parts = np.split(weight.T.double().numpy() / np.sqrt(len(features)), widths)
    return Ridge(
        {name: part * scales[name][:, None] for name, part in zip(features, parts, strict=True)},
        bias.double().numpy(),
        means,
    )


def _as_tensors(
    blocks: Sequence[NDArray], targets: NDArray, row_weights: NDArray
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Features of all kinds side by side, each kind with the same share, targets and weights."""
    rows = np.concatenate([block.astype(np.float32) for block in blocks], axis=1) / np.sqrt(np.float32(len(blocks)))
    return torch.from_numpy(rows), torch.from_numpy(targets).float(), torch.from_numpy(row_weights).float()


def _path(
    rows: torch.Tensor, goal: torch.Tensor, weights: torch.Tensor, penalties: Sequence[float]
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Weights `(classes, features)` and bias `(classes,)` for each penalty."""
    share = weights / weights.sum()
    weight, bias = torch.zeros(goal.shape[1], rows.shape[1]), torch.zeros(goal.shape[1])
    for penalty in penalties:
        weight, bias = _minimum(rows, goal, share, penalty, weight, bias)
        yield weight, bias


def _minimum(
    rows: torch.Tensor,
    goal: torch.Tensor,
    share: torch.Tensor,
    penalty: float,
    weight: torch.Tensor,
    bias: torch.Tensor,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Where the loss is smallest, found from some weights and bias, which stay as they are."""
    weight, bias = (start.clone().requires_grad_(True) for start in (weight, bias))
    optimizer = torch.optim.LBFGS([weight, bias], max_iter=MAX_ITERATIONS, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimizer.zero_grad()
        total = share @ _losses(linear(rows, weight, bias), goal) + penalty * weight.square().sum()
        total.backward()
        return total

    with torch.enable_grad():
        optimizer.step(loss)
    return weight.detach(), bias.detach()


def _losses(logits: torch.Tensor, goal: torch.Tensor) -> torch.Tensor:
    """Cross-entropy of each row."""
    return cross_entropy(logits, goal, reduction="none")
