"""The predictions file: one row per utterance with its id, its label and every score; written, and read back."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from configuration_emo.configuration_emobert import EmoBertConfig

from ..metrics.scores import label_names, predictions_to_scores, scores_to_labels, scores_to_logits


@dataclass
class Predictions:
    """Predictions over some utterances, with their labels.

    Args:
        ids (`list[str]`): of the utterances.
        logits (`array` of shape `(utterances, num_labels[, 2])`): see `scores_to_logits`.
        labels (`array` of shape `(utterances,)` or `(utterances, num_labels)`): class indices, 0/1 rows or scores.
    """

    ids: list[str]
    logits: NDArray
    labels: NDArray


def prediction_rows(
    ids: Sequence[str], logits: ArrayLike, config: EmoBertConfig, labels: ArrayLike | None = None
) -> list[dict[str, Any]]:
    """One dict per utterance.

    Args:
        ids (`list[str]`): of the utterances.
        logits (`array` of shape `(utterances, num_labels[, 2])`): the model's.
        config ([`EmoBertConfig`]): problem type and label names.
        labels (`array`, *optional*): class indices, 0/1 rows or scores.

    Returns:
        `list[dict]`: `id`, `label` (names, or the true score), `prediction` and one `score_<label>` per label, not
        rounded; several labels are joined by `|`.

    Raises:
        ValueError: the numbers of ids, logits and labels differ.
    """
    scores = predictions_to_scores(logits, config)
    predicted = scores_to_labels(scores, config)
    truth: Sequence[Any] = [None] * len(ids) if labels is None else list(labels)  # type: ignore[arg-type]
    if not len(ids) == len(scores) == len(truth):
        raise ValueError(f"{len(ids)} ids, {len(scores)} predictions and {len(truth)} labels do not belong together.")
    names = label_names(config)
    return [
        {
            "id": utterance,
            "label": _written(_named(label, names, config)),
            "prediction": _written(prediction),
            **{f"score_{name}": float(score) for name, score in zip(names, row, strict=True)},
        }
        for utterance, label, prediction, row in zip(ids, truth, predicted, scores, strict=True)
    ]


def write_predictions(path: str | Path, rows: Sequence[dict[str, Any]]) -> Path:
    """Writes the rows of [`prediction_rows`] as CSV and returns the path."""
    path = Path(path)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def read_predictions(path: str | Path, config: EmoBertConfig) -> Predictions:
    """What [`write_predictions`] wrote, with logits that give the same scores.

    Args:
        path (`str` or `Path`): a predictions file with labels.
        config ([`EmoBertConfig`]): problem type and label names.

    Raises:
        ValueError: the file is not there, has other labels, or a row has no label.
    """
    path, names = Path(path), label_names(config)
    if not path.is_file():
        raise ValueError(f"There is no predictions file {path}.")
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        columns = ["id", "label", "prediction", *(f"score_{name}" for name in names)]
        if list(reader.fieldnames or []) != columns:
            raise ValueError(f"{path} has the columns {reader.fieldnames}, expected {columns}: is it of these labels?")
        rows = list(reader)
    scores = np.array([[float(row[f"score_{name}"]) for name in names] for row in rows]).reshape(-1, len(names))
    labels = [_read_label(row, names, config, path) for row in rows]
    return Predictions([row["id"] for row in rows], scores_to_logits(scores, config), np.array(labels))


def _read_label(row: dict[str, str], names: list[str], config: EmoBertConfig, path: Path) -> Any:
    """The inverse of `_written(_named(label))`."""
    text = row["label"]
    if not text and config.problem.has_classes and not config.problem.is_exclusive:
        return [0] * len(names)  # none of them
    place = f"{path}, utterance {row['id']!r}"
    if not text:
        raise ValueError(f"{place}: there is no label, so nothing to compare the prediction with.")
    if not config.problem.has_classes:
        values = [float(value) for value in text.split("|")]
        return values[0] if len(values) == 1 else values
    present = [text] if text in names else text.split("|")
    unknown = sorted(set(present) - set(names))
    if unknown:
        raise ValueError(f"{place}: unknown label {', '.join(unknown)}; the known ones are {', '.join(names)}.")
    if config.problem.is_exclusive:
        return names.index(text)
    return [int(name in present) for name in names]


def _named(label: Any, names: list[str], config: EmoBertConfig) -> Any:
    """A label as a person reads it: class indices and 0/1 rows become names."""
    if label is None or not config.problem.has_classes:
        return label
    if hasattr(label, "__len__"):
        return [name for name, present in zip(names, label, strict=True) if present]
    return names[int(label)]


def _written(value: Any) -> Any:
    if value is None or isinstance(value, str):
        return value
    if hasattr(value, "__len__"):
        return "|".join(str(entry) for entry in value)
    return value
