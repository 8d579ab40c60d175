"""From a corpus's own labels to what the model's loss takes, checked."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from datasets import Dataset, DatasetDict, List, Value

from configuration_emo.problem_types import get_problem_type

from ..schema import is_absent
from .label_names import label_name, listed_label, sorted_names, split_names


class LabelEncoder:
    """Encodes labels for one kind of problem.

    | `problem_type` | takes | gives |
    |---|---|---|
    | `single_label_classification` | a name | its index (int) |
    | `one_vs_rest_classification` | a name, a list of names or a 0/1 row | a 0/1 row (ints) |
    | `multi_label_classification` | a list of names, a name or a 0/1 row | a 0/1 row (floats) |
    | `regression` | a number, or a list of numbers for several scores | a float, or a list of floats |

    Numbers may be written as text, as tables hold them; whole numbers may be names of classes, and one number is one
    name however it is written (`0`, `0.0`, `"0.0"`). Where a row is given several names may stand in one text, as
    `sad|angry`, `sad, angry` or `['sad', 'angry']`.

    Args:
        problem_type (`str`): one of `configuration_emo.PROBLEM_TYPES`.
        label2id (`dict[str, int]`, *optional*): index of each name, 0 to n-1. Needed but for regression, where it
            names the scores when there are several.
        label_range (pair of `float`, *optional*): regression only, the smallest and largest score.

    Raises:
        ValueError: the arguments do not fit together.

    Example:
        >>> LabelEncoder("one_vs_rest_classification", {"neutral": 0, "sad": 1, "angry": 2}).encode("sad")
        [0, 1, 0]
        >>> LabelEncoder("regression", label_range=(-3, 3)).encode(1.5)
        1.5
    """

    def __init__(
        self,
        problem_type: str,
        label2id: Mapping[str, int] | None = None,
        label_range: Sequence[float] | None = None,
    ) -> None:
        problem = get_problem_type(problem_type)
        if label2id is None and problem.has_classes:
            raise ValueError(f"{problem_type} needs label2id; LabelEncoder.from_dataset collects it from the data.")
        if label2id is not None and sorted(label2id.values()) != list(range(len(label2id))):
            raise ValueError(
                f"label2id must number its {len(label2id)} names from 0 without gaps, got {dict(label2id)}."
            )
        if label2id is not None and len({label_name(str(name)) for name in label2id}) < len(label2id):
            raise ValueError(f"label2id names one label twice (numbers go by their value): {', '.join(label2id)}.")
        if label_range is not None:
            if problem.has_classes:
                raise ValueError(f"label_range is for regression, the problem_type is {problem_type!r}.")
            if len(label_range) != 2 or not label_range[0] < label_range[1]:
                raise ValueError(f"label_range must be [smallest, largest], got {list(label_range)}.")
        self.problem_type = problem_type
        self.problem = problem
        self.label2id = None if label2id is None else {str(name): int(index) for name, index in label2id.items()}
        # By the name as `label_name` gives it, whichever way `label2id` writes it.
        self._indices = {label_name(name): index for name, index in (self.label2id or {}).items()}
        self.label_range = None if label_range is None else (float(label_range[0]), float(label_range[1]))

    @property
    def num_labels(self) -> int:
        """Classes, emotions or scores."""
        return 1 if self.label2id is None else len(self.label2id)

    @property
    def names(self) -> list[str] | None:
        """Names of the labels by index, None for one unnamed score."""
        return None if self.label2id is None else sorted(self.label2id, key=self.label2id.__getitem__)

    @property
    def feature(self) -> Value | List:
        """The type of an encoded label in a `datasets.Dataset`."""
        value = Value(self.problem.label_dtype)
        is_list = self.problem.labels == "row" or (self.problem.labels == "scores" and self.num_labels > 1)
        return List(value) if is_list else value

    def encode(self, label: Any, place: str = "label") -> int | float | list[int] | list[float]:
        """The label as the model's loss takes it (see the table above).

        Args:
            label: the corpus's own label.
            place (`str`): where it stands, for error messages.

        Raises:
            ValueError: it is absent, unknown, of the wrong type or out of range.
        """
        if is_absent(label) and (self.problem.has_classes or not isinstance(label, float)):
            raise ValueError(f"{place}: there is no label. Give one or leave the row out.")
        if self.problem.labels == "scores":
            return self._encode_scores(label, place)
        if self.problem.labels == "index":
            return self._index_of(label, place)
        row = self._encode_row(label, place)
        return [float(value) for value in row] if self.problem.label_dtype == "float32" else row

    def encode_votes(self, votes: Mapping[str, float] | None, place: str = "soft_label") -> list[float] | None:
        """Annotators' votes as the share of each class.

        Args:
            votes (`dict[str, float]`, *optional*): how many, or which share of them, chose each label. Votes for
                labels that are none of the classes are not counted.
            place (`str`): where they stand, for error messages.

        Returns:
            `list[float]`: the shares in the order of the classes, which sum to 1; None without any vote for them.

        Raises:
            ValueError: the problem type has no such classes, or votes are negative or no numbers.

        Example:
            >>> encoder = LabelEncoder("single_label_classification", {"angry": 0, "neutral": 1, "sad": 2})
            >>> encoder.encode_votes({"sad": 3, "angry": 1, "bored": 1})
            [0.25, 0.0, 0.75]
        """
        if not self.problem.is_exclusive:
            raise ValueError(
                f"{place}: votes are for single-label classification, the problem is {self.problem_type}."
            )
        shares = [0.0] * self.num_labels
        for name, count in (votes or {}).items():
            if not isinstance(count, (int, float)) or not 0 <= count < math.inf:
                raise ValueError(f"{place}: votes must be numbers from 0, {name!r} has {count!r}.")
            index = self._indices.get(label_name(name))
            if index is not None:
                shares[index] += count
        total = sum(shares)
        return [share / total for share in shares] if total else None

    def to_dict(self) -> dict[str, Any]:
        """What `from_dict` takes; plain types, fit for JSON."""
        return {
            "problem_type": self.problem_type,
            "label2id": self.label2id,
            "label_range": None if self.label_range is None else list(self.label_range),
        }

    def config_kwargs(self) -> dict[str, Any]:
        """The fields of `EmoBertConfig` that these labels decide."""
        names = self.names or ["score"]
        return {
            "problem_type": self.problem_type,
            "id2label": dict(enumerate(names)),
            "label2id": {name: index for index, name in enumerate(names)},
            "label_range": None if self.label_range is None else list(self.label_range),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> LabelEncoder:
        """The encoder that gave `values` by `to_dict`; other keys are not looked at."""
        return cls(values["problem_type"], values.get("label2id"), values.get("label_range"))

    @classmethod
    def from_dataset(
        cls,
        dataset: Dataset | DatasetDict,
        problem_type: str,
        *,
        label2id: Mapping[str, int] | None = None,
        label_range: Sequence[float] | None = None,
        column: str = "label",
    ) -> LabelEncoder:
        """An encoder with the names found in a dataset when `label2id` is not given: numbers in their order, then the
        others in the alphabet's.

        Args:
            dataset: every split is looked at.
            problem_type (`str`): as above.
            label2id (`dict[str, int]`, *optional*): used as it is when given.
            label_range (pair of `float`, *optional*): as above.
            column (`str`): where the labels are.

        Raises:
            ValueError: the column is missing, or holds 0/1 rows (which carry no names).
        """
        problem = get_problem_type(problem_type)
        if label2id is None and problem.has_classes:
            names = sorted_names(_names_in(dataset, column, several=not problem.is_exclusive))
            label2id = {name: index for index, name in enumerate(names)}
        elif label2id is None:
            count = _number_of_scores(dataset, column)
            label2id = None if count == 1 else {f"LABEL_{index}": index for index in range(count)}
        return cls(problem_type, label2id, label_range)

    def _index_of(self, label: Any, place: str) -> int:
        name, known = label_name(label), self._indices
        if name is None:
            raise ValueError(f"{place}: a class must be given by its name, got {label!r} ({type(label).__name__}).")
        if name not in known:
            raise ValueError(
                f"{place}: unknown label {name!r}; the known ones are {', '.join(self.names or [])}. Map it with "
                "label_map, add it to label2id, or leave the row out."
            )
        return known[name]

    def _encode_row(self, label: Any, place: str) -> list[int]:
        if isinstance(label, str) and label_name(label) not in self._indices:
            label = _several_names(label, place)
        elif label_name(label) is not None:
            label = [label_name(label)]
        if not isinstance(label, (list, tuple, np.ndarray)):
            raise ValueError(f"{place}: labels must be names or a 0/1 row, got {label!r} ({type(label).__name__}).")
        values = list(label)
        if values and not any(isinstance(value, str) for value in values):
            if len(values) != self.num_labels or any(value not in (0, 1) for value in values):
                raise ValueError(
                    f"{place}: a row of labels must have {self.num_labels} values of 0 or 1, got {values!r}. "
                    f"Its order is {', '.join(self.names or [])}."
                )
            return [int(value) for value in values]
        chosen = {self._index_of(value, place) for value in values}
        if not chosen and self.problem.predicts == "most_probable":
            raise ValueError(f"{place}: the list of labels is empty. Give at least one name, or a 0/1 row.")
        return [int(index in chosen) for index in range(self.num_labels)]

    def _encode_scores(self, label: Any, place: str) -> float | list[float]:
        if not isinstance(label, (list, tuple, np.ndarray)):
            if self.num_labels != 1:
                raise ValueError(f"{place}: {self.num_labels} scores are expected ({self.names}), got {label!r}.")
            return self._score(label, place)
        if len(label) != self.num_labels:
            raise ValueError(f"{place}: {self.num_labels} scores are expected, got {len(label)}: {list(label)!r}.")
        scores = [self._score(value, place) for value in label]
        return scores[0] if self.num_labels == 1 else scores

    def _score(self, value: Any, place: str) -> float:
        try:
            if isinstance(value, (bool, np.bool_)):
                raise TypeError
            score = float(value)
        except (TypeError, ValueError) as error:
            raise ValueError(f"{place}: a score must be a number, got {value!r} ({type(value).__name__}).") from error
        if not math.isfinite(score):
            raise ValueError(f"{place}: a score must be finite, got {value!r}. Correct it or leave the row out.")
        if self.label_range is not None and not self.label_range[0] <= score <= self.label_range[1]:
            raise ValueError(
                f"{place}: the score {score:g} is out of the range [{self.label_range[0]:g}, {self.label_range[1]:g}]."
                " Correct it, leave the row out, or give another label_range."
            )
        return score


def _splits_of(dataset: Dataset | DatasetDict) -> Iterable[Dataset]:
    return dataset.values() if isinstance(dataset, DatasetDict) else [dataset]


def _labels_in(dataset: Dataset | DatasetDict, column: str) -> Iterable[Any]:
    for split in _splits_of(dataset):
        if column not in split.column_names:
            raise ValueError(f"There is no column {column!r}; the columns are {', '.join(split.column_names)}.")
        for batch in split.select_columns([column]).iter(batch_size=1000):
            yield from batch[column]


def _several_names(label: str, place: str) -> list[Any]:
    """The names in one text, which may be written as a list."""
    listed = listed_label(label, place)
    if isinstance(listed, list):
        return listed
    return split_names(str(listed)) or [label]


def _names_in(dataset: Dataset | DatasetDict, column: str, *, several: bool) -> set[str]:
    names = set()
    for label in _labels_in(dataset, column):
        if is_absent(label):
            continue
        if several and isinstance(label, str):
            label = _several_names(label, f"column {column!r}")
        for value in label if isinstance(label, (list, tuple)) else [label]:
            name = label_name(value)
            if name is None or (isinstance(label, (list, tuple)) and not isinstance(value, str)):
                raise ValueError(f"Names of labels cannot be collected from {label!r}: give label2id.")
            if name:
                names.add(name)
    return names


def _number_of_scores(dataset: Dataset | DatasetDict, column: str) -> int:
    label = next((label for label in _labels_in(dataset, column) if label is not None), None)
    return len(label) if isinstance(label, (list, tuple)) else 1
