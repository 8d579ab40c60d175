"""The kinds of problem that a model can be trained for: the one table of what follows from `config.problem_type`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class ProblemType:
    """What follows from a problem type. What is computed by it is keyed by these words where it is computed.

    Args:
        name (`str`): as in `config.problem_type`.
        labels (`str`): what an utterance's label becomes: `index` (of its class), `row` (a 0 or 1 for each label) or
            `scores` (a number for each label).
        label_dtype (`str`): of the encoded labels: `int64` or `float32`.
        logits_per_label (`int`): 1, or 2 (absent, present): then logits have the shape `(rows, num_labels, 2)`.
        activation (`str`): from logits to scores: `softmax` over the labels, `sigmoid`, `softmax_of_two` (over absent
            and present) or `identity`.
        predicts (`str`): what a prediction is: `most_probable` (one label), `probable` (all labels above one half) or
            `scores`.
        metrics (`tuple[str]`): the sets of metrics that can be computed; the first that fits is the default.
        headline (`str`): the metric that speaks for the others in plots and tables.
        chance (`float`, *optional*): what guessing reaches in it, where that does not depend on the data.
        described (`str`): what a model predicts, in words.

    Example:
        >>> from configuration_emo import PROBLEM_TYPES
        >>> PROBLEM_TYPES["one_vs_rest_classification"].logits_per_label, PROBLEM_TYPES["regression"].has_classes
        (2, False)
    """

    name: str
    labels: str
    label_dtype: str
    logits_per_label: int
    activation: str
    predicts: str
    metrics: tuple[str, ...]
    headline: str
    chance: float | None
    described: str

    @property
    def has_classes(self) -> bool:
        """Whether labels are classes with probabilities; then class weights and label smoothing apply, and otherwise
        a range of scores."""
        return self.labels != "scores"

    @property
    def is_exclusive(self) -> bool:
        """Whether an utterance has exactly one of the labels, so that their probabilities sum to 1."""
        return self.labels == "index"


PROBLEM_TYPES: Mapping[str, ProblemType] = MappingProxyType(
    {
        problem.name: problem
        for problem in (
            ProblemType(
                name="single_label_classification",
                labels="index",
                label_dtype="int64",
                logits_per_label=1,
                activation="softmax",
                predicts="most_probable",
                metrics=("emotion",),
                headline="ua",
                chance=None,
                described="one of the labels",
            ),
            ProblemType(
                name="multi_label_classification",
                labels="row",
                label_dtype="float32",
                logits_per_label=1,
                activation="sigmoid",
                predicts="probable",
                metrics=("multi_label",),
                headline="macro_f1",
                chance=None,
                described="any number of the labels",
            ),
            ProblemType(
                name="regression",
                labels="scores",
                label_dtype="float32",
                logits_per_label=1,
                activation="identity",
                predicts="scores",
                metrics=("sentiment", "dimensional"),
                headline="corr",
                chance=0.0,
                described="a score for each label",
            ),
            ProblemType(
                name="one_vs_rest_classification",
                labels="row",
                label_dtype="int64",
                logits_per_label=2,
                activation="softmax_of_two",
                predicts="most_probable",
                metrics=("one_vs_rest", "emotion"),
                headline="mean_wf1",
                chance=None,
                described="for each label, whether it is present",
            ),
        )
    }
)


def get_problem_type(name: str | None) -> ProblemType:
    """The row of a problem type.

    Args:
        name (`str`): as in `config.problem_type`.

    Raises:
        ValueError: there is no such type; the message lists those there are.
    """
    if name is None or name not in PROBLEM_TYPES:
        raise ValueError(f"problem_type must be one of {', '.join(PROBLEM_TYPES)}, got {name!r}.")
    return PROBLEM_TYPES[name]
