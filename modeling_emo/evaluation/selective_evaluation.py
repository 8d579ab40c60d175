"""What abstaining below a confidence would cost and buy, as numbers and as a table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from configuration_emo.configuration_emobert import EmoBertConfig
from configuration_emo.text_tables import markdown_table

from ..metrics.confusion import presence_rows
from ..metrics.scores import predictions_to_scores
from ..metrics.selective import area_under_risk_coverage, coverage_points


def selective_record(evaluation: Any, config: EmoBertConfig) -> dict[str, Any] | None:
    """Coverage and accuracy by threshold, and the area under the risk-coverage curve.

    Args:
        evaluation ([`Evaluation`]): of the predictions.
        config ([`EmoBertConfig`]): problem type and labels.

    Returns:
        `dict`: None where utterances have no single label, or where it is not known how sure the predictions are.
    """
    if config.problem.predicts != "most_probable" or not evaluation.has_probabilities:
        return None
    scores = predictions_to_scores(evaluation.logits, config)
    best = scores.argmax(-1)
    right = presence_rows(evaluation.labels, scores.shape[1])[range(len(best)), best]
    confidences = scores.max(-1)
    return {
        "aurc": area_under_risk_coverage(confidences, right),
        "points": [point._asdict() for point in coverage_points(confidences, right)],
    }


def format_selective(record: Mapping[str, Any] | None) -> str:
    """The points as a Markdown table, with the area below it."""
    if record is None:
        return ""
    rows = [
        [f"{point['threshold']:.1f}", f"{point['coverage']:.3f}", f"{point['accuracy']:.3f}"]
        for point in record["points"]
    ]
    table = markdown_table(["abstain below", "coverage", "accuracy of the rest"], rows)
    return f"{table}\n\nArea under the risk-coverage curve: {record['aurc']:.4f} (lower is better)."
