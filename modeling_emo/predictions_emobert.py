"""The predictions file: one row per utterance with its id, its label and every score."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from numpy.typing import ArrayLike

from configuration_emo.configuration_emobert import EmoBertConfig

from .scores_emobert import label_names, predictions_to_scores, scores_to_labels


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


def _named(label: Any, names: list[str], config: EmoBertConfig) -> Any:
    """A label as a person reads it: class indices and 0/1 rows become names."""
    if label is None or config.problem_type == "regression":
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
