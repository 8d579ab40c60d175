"""An evaluation over a whole split, under one or several input conditions, and the files it leaves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from configuration_emo.configuration_emobert import EmoBertConfig
from configuration_emo.option_kinds import check_whole
from configuration_emo.text_tables import markdown_table

from ..metrics.compute_metrics import metric_function_for
from ..metrics.group_metrics import GroupMetrics, group_metrics, terciles
from ..metrics.intervals import bootstrap_intervals
from ..metrics.scores import chance_of, confidences_and_outcomes, label_names, predictions_to_scores
from ..plots.evaluation import (
    plot_confusion_matrix,
    plot_modality_comparison,
    plot_predicted_against_rated,
    plot_reliability,
)
from ..plots.groups import plot_groups
from .metrics_file import write_metrics
from .model_card import EvaluationResult
from .predictions_csv import prediction_rows, write_predictions
from .selective_evaluation import format_selective, selective_record
from .setting import EvaluationSetting
from .tables import METRIC_TITLES


# Kinds of groups that are numbers, with their units.
NUMBERED_GROUPS = {"length": "s", "snr": "dB"}
# What a model may be given of an utterance, by the name of the condition.
CONDITIONS = {"both": ("text", "speech"), "text": ("text",), "speech": ("speech",)}
# Beside them: the first condition adapted to each speaker, see `adapt_to_speakers`.
ADAPTED = "adapted"


@dataclass
class Evaluation:
    """Predictions and metrics over one split under one condition.

    Args:
        ids (`list[str]`): utterances, in the order of the rows.
        logits (`array` of shape `(utterances, num_labels[, 2])`).
        labels (`array`): as the model's loss takes them.
        metrics (`dict[str, float]`): over the whole split.
        intervals (`dict[str, tuple[float, float]]`): 95 % bootstrap intervals over utterances.
        has_probabilities (`bool`, defaults to `True`): False where only the predicted labels are known.
    """

    ids: list[str]
    logits: NDArray
    labels: NDArray
    metrics: dict[str, float]
    intervals: dict[str, tuple[float, float]]
    has_probabilities: bool = True


def evaluate_logits(
    ids: Sequence[str],
    logits: ArrayLike,
    labels: ArrayLike,
    config: EmoBertConfig,
    *,
    task: str | None = None,
    num_resamples: int = 1000,
    has_probabilities: bool = True,
) -> Evaluation:
    """Metrics with intervals of predictions over a whole split.

    Args:
        ids (`list[str]`): of the utterances.
        logits (`array` of shape `(utterances, num_labels[, 2])`): the model's.
        labels (`array`): class indices, 0/1 rows or scores.
        config ([`EmoBertConfig`]): problem type and labels.
        task (`str`, *optional*): set of metrics, see [`compute_metrics_for`].
        num_resamples (`int`): bootstrap resamples.
        has_probabilities (`bool`, defaults to `True`): False where logits say which labels are predicted, and not how
            surely: there is no calibration then.
    """
    check_whole("num_resamples", num_resamples)
    metric_function = metric_function_for(config, task)
    logits, labels = np.asarray(logits), np.asarray(labels)
    return Evaluation(
        ids=list(ids),
        logits=logits,
        labels=labels,
        metrics=metric_function(logits, labels),
        intervals=bootstrap_intervals(metric_function, logits, labels, n_resamples=num_resamples),
        has_probabilities=has_probabilities,
    )


def format_evaluations(evaluations: Mapping[str, Evaluation]) -> str:
    """A Markdown table: one row per condition, one column per metric, intervals in brackets."""
    columns = list(next(iter(evaluations.values())).metrics)
    rows = [
        [
            name,
            len(evaluation.ids),
            *(
                f"{evaluation.metrics[column]:.3f} [{evaluation.intervals[column][0]:.3f}, "
                f"{evaluation.intervals[column][1]:.3f}]"
                for column in columns
            ),
        ]
        for name, evaluation in evaluations.items()
    ]
    return markdown_table(["input", "n", *columns], rows)


def write_evaluations(
    output_dir: str | Path,
    evaluations: Mapping[str, Evaluation],
    config: EmoBertConfig,
    setting: EvaluationSetting,
    *,
    training: Mapping[str, Any],
    extra: Mapping[str, Any] | None = None,
    groups: Mapping[str, GroupMetrics] | None = None,
) -> dict[str, Path]:
    """Writes `metrics.json`, `results.md`, `predictions.csv` (of the first condition), `predictions_<condition>.csv`
    and the plots.

    Args:
        output_dir (`str` or `Path`): the folder.
        evaluations (`dict[str, Evaluation]`): by condition (`both`, `text`, `speech`); the first is the main one.
        config ([`EmoBertConfig`]): of the evaluated model.
        setting ([`EvaluationSetting`]): what was evaluated, for the record.
        training (`dict`): of [`read_training_record`].
        extra (`dict`, *optional*): more to record in `metrics.json`.
        groups (`dict[str, GroupMetrics]`, *optional*): of the first condition, see [`evaluate_groups`].

    Returns:
        `dict[str, Path]`: the plots by caption.
    """
    output_dir = Path(output_dir)
    output_dir.mkdir(parents=True, exist_ok=True)
    main = next(iter(evaluations.values()))
    selective = selective_record(main, config)
    write_metrics(
        output_dir / "metrics.json",
        setting,
        n=len(main.ids),
        label_order=label_names(config),
        metrics={name: evaluation.metrics for name, evaluation in evaluations.items()},
        intervals={name: evaluation.intervals for name, evaluation in evaluations.items()},
        extra={
            "n_by_input": {name: len(evaluation.ids) for name, evaluation in evaluations.items()},
            "training": dict(training),
            **(extra or {}),
            **({"selective": selective} if selective else {}),
            **({"groups": {name: found._asdict() for name, found in groups.items()}} if groups else {}),
        },
    )
    for index, (name, evaluation) in enumerate(evaluations.items()):
        rows = prediction_rows(evaluation.ids, evaluation.logits, config, evaluation.labels)
        write_predictions(output_dir / (f"predictions_{name}.csv" if index else "predictions.csv"), rows)
    sections = [format_evaluations(evaluations), format_selective(selective), format_groups(groups or {})]
    (output_dir / "results.md").write_text("\n\n".join(filter(None, sections)) + "\n", encoding="utf-8")
    name = next(iter(evaluations))
    described = "text and speech" if name == "both" else f"{name} only"
    plots = _plot_main(output_dir, main, config, described) | _plot_conditions(output_dir, evaluations, config)
    if groups:
        plots["Groups of utterances"] = plot_groups(groups, output_dir / "groups.png")
    return plots


def evaluate_groups(
    evaluation: Evaluation,
    columns: Mapping[str, Sequence[Any]],
    config: EmoBertConfig,
    *,
    speakers: Sequence[str | None] | None = None,
    task: str | None = None,
    num_resamples: int = 1000,
) -> dict[str, GroupMetrics]:
    """Metrics of groups of the evaluated utterances, and the worst group against the rest; see [`group_metrics`].

    Args:
        evaluation ([`Evaluation`]): of all of them.
        columns (`dict[str, list]`): of each utterance, by the kind of group. `length` (in seconds) and `snr` (in dB)
            are numbers, of which three groups of about equal size are made; others are names. None is not known.
        config ([`EmoBertConfig`]): problem type and labels.
        speakers (sequence of `str`, *optional*): by whom resamples are drawn.
        task (`str`, *optional*): set of metrics.
        num_resamples (`int`): bootstrap resamples.

    Returns:
        `dict[str, GroupMetrics]`: without kinds of which fewer than two groups are known.
    """
    check_whole("num_resamples", num_resamples)
    metric_function = metric_function_for(config, task)
    found = {}
    for name, values in columns.items():
        of_each: Sequence[str | None] = (
            terciles(values, NUMBERED_GROUPS[name])
            if name in NUMBERED_GROUPS
            else [None if one is None else str(one) for one in values]
        )
        of_kind = group_metrics(
            metric_function,
            evaluation.logits,
            evaluation.labels,
            of_each,
            speakers=speakers,
            num_resamples=num_resamples,
        )
        if of_kind is not None:
            found[name] = of_kind
    return found


def format_groups(groups: Mapping[str, GroupMetrics]) -> str:
    """A Markdown table: a row for each kind of groups, the worst of them against the rest, then one for each group."""
    if not groups:
        return ""
    rows = [
        [
            name,
            found.metric,
            len(found.sizes),
            f"{found.worst} ({found.sizes[found.worst]})",
            f"{found.metrics[found.worst][found.metric]:.3f}",
            f"{found.rest:.3f}",
            f"{found.difference:+.3f} [{found.interval[0]:+.3f}, {found.interval[1]:+.3f}]",
            found.unknown,
        ]
        for name, found in groups.items()
    ]
    header = ["groups", "metric", "of them", "worst (n)", "worst group", "rest", "difference [95 %]", "n unknown"]
    of_each = [
        [name, group, size, f"{found.metrics[group][found.metric]:.3f}", "worst" * (group == found.worst)]
        for name, found in groups.items()
        for group, size in found.sizes.items()
    ]
    each = markdown_table(["groups", "group", "n", "metric", ""], of_each)
    return f"{markdown_table(header, rows)}\n\n{each}"


def evaluation_result(evaluations: Mapping[str, Evaluation], setting: EvaluationSetting) -> EvaluationResult:
    """The evaluations as a model card tells them; arguments as in [`write_evaluations`]."""
    (_, main), *others = evaluations.items()
    return EvaluationResult(
        setting=setting,
        n=len(main.ids),
        metrics=main.metrics,
        intervals=main.intervals,
        by_modality={
            "adapted to speakers" if name == ADAPTED else f"{name} only": evaluation.metrics
            for name, evaluation in others
        },
    )


def _plot_main(
    output_dir: Path, evaluation: Evaluation, config: EmoBertConfig, described_input: str
) -> dict[str, Path]:
    scores = predictions_to_scores(evaluation.logits, config)
    names = label_names(config)
    if not config.problem.has_classes:
        labels = evaluation.labels.reshape(len(scores), -1)
        return {
            f"Predicted against rated: {name}": plot_predicted_against_rated(
                scores[:, index],
                labels[:, index],
                output_dir / ("predicted_against_rated.png" if len(names) == 1 else f"rated_{name}.png"),
                score_range=config.label_range,
                score_name=name,
            )
            for index, name in enumerate(names)
        }
    plots = {}
    if evaluation.has_probabilities:
        confidences, outcomes = confidences_and_outcomes(scores, evaluation.labels, config)
        plots["Reliability"] = plot_reliability(confidences, outcomes, output_dir / "reliability.png")
    if config.problem.is_exclusive:
        confusion = output_dir / "confusion_matrix.png"
        title = f"Confusion matrix, {described_input}"
        plots["Confusion"] = plot_confusion_matrix(scores.argmax(-1), evaluation.labels, names, confusion, title=title)
    return plots


def _plot_conditions(
    output_dir: Path, evaluations: Mapping[str, Evaluation], config: EmoBertConfig
) -> dict[str, Path]:
    metric = config.problem.headline
    main = next(iter(evaluations.values()))
    if len(evaluations) < 2 or metric not in main.metrics:
        return {}
    plot = plot_modality_comparison(
        {name: evaluation.metrics[metric] for name, evaluation in evaluations.items()},
        output_dir / "modalities.png",
        metric=METRIC_TITLES.get(metric, metric),
        intervals={name: evaluation.intervals[metric] for name, evaluation in evaluations.items()},
        chance=chance_of(config, metric),
    )
    is_adapted = ADAPTED in evaluations
    return {f"The same model with both inputs and with one{', and adapted to speakers' * is_adapted}": plot}
