"""Metrics in two steps: what is decided about each utterance alone, and what follows from all decisions.

Probabilities, most probable classes and checked labels are of one utterance each. A bootstrap computes them once and
draws from them; only the second step is taken for every resample.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from numpy.typing import NDArray


@dataclass(frozen=True)
class TwoStepMetrics:
    """A function of logits and labels to metrics, which can also be called step by step.

    Args:
        decide (`Callable`): logits and labels, both `(utterances, ...)`, to predictions and truth of the same length.
            None where the metrics of some utterances cannot follow from decisions about all of them.
        score (`Callable`): predictions and truth, of any utterances, to a flat dict of floats.
        whole (`Callable`): logits and labels to metrics where `decide` gives None.
    """

    decide: Callable[[NDArray, NDArray], tuple[NDArray, NDArray] | None]
    score: Callable[[NDArray, NDArray], dict[str, float]]
    whole: Callable[[NDArray, NDArray], dict[str, float]]

    def __call__(self, logits: NDArray, labels: NDArray) -> dict[str, float]:
        decided = self.decide(logits, labels)
        return self.whole(logits, labels) if decided is None else self.score(*decided)
