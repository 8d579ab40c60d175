"""The files that a cross-validation leaves: `results.json`, tables as Markdown, LaTeX and CSV, and plots."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from configuration_emo.configuration_emobert import EmoBertConfig

from ..metrics.scores import chance_of, label_names, predictions_to_scores
from ..plots.evaluation import plot_confusion_matrix
from ..plots.folds import plot_metric_per_fold
from .cross_validation import ConditionResult, Statistic, metrics_by_label, overall_metrics
from .metrics_file import write_metrics
from .setting import EvaluationSetting
from .tables import METRIC_TITLES, Cell, Table, to_csv, to_latex, to_markdown


def write_cross_validation(
    output_dir: str | Path,
    results: Mapping[str, ConditionResult],
    config: EmoBertConfig,
    setting: EvaluationSetting,
    *,
    protocol_options: Mapping[str, Any] | None = None,
    num_folds: int | None = None,
    extra: Mapping[str, Any] | None = None,
    warnings: Mapping[str, int] | None = None,
) -> dict[str, Path]:
    """Writes `results.json`, `results.md`, `results.tex`, one CSV per table and the plots.

    Args:
        output_dir (`str` or `Path`): the folder.
        results (`dict[str, ConditionResult]`): of `summarize_runs`; the first condition is the main one.
        config ([`EmoBertConfig`]): problem type and labels.
        setting ([`EvaluationSetting`]): what was evaluated, without a fold and a seed of its own.
        protocol_options (`dict`, *optional*): as given to the protocol.
        num_folds (`int`, *optional*): how many folds the protocol has, where only some were run.
        extra (`dict`, *optional*): more to record.
        warnings (`dict[str, int]`, *optional*): what runs warned of, and how many did.

    Returns:
        `dict[str, Path]`: the written files by name.
    """
    output_dir = Path(output_dir)
    main = next(iter(results.values()))
    folds, seeds = list(main.per_fold), list(main.pooled_predictions)
    n = sum(main.fold_sizes.values())
    files = {
        "results.json": write_metrics(
            output_dir / "results.json",
            setting,
            n=n,
            label_order=label_names(config),
            metrics={name: _numbers(result) for name, result in results.items()},
            extra={
                "protocol_options": dict(protocol_options or {}),
                "folds": folds,
                "folds_of_protocol": len(folds) if num_folds is None else num_folds,
                "seeds": seeds,
                "warnings": dict(warnings or {}),
                **(extra or {}),
            },
        )
    }
    num_runs = len(folds) * len(seeds)
    warned = [f"- {count} of {num_runs} runs: {message}" for message, count in (warnings or {}).items()]
    of_folds = f"{len(folds)} folds" if num_folds in (None, len(folds)) else f"{len(folds)} of {num_folds} folds"
    described = f"{setting.corpus}, {setting.protocol}, {of_folds}, seeds {', '.join(map(str, seeds))}, n = {n}"
    labels = ", ".join(label_names(config))
    tables = result_tables(results, config, described)
    plots = _plot(output_dir, results, config)
    texts = {
        "results.md": "\n".join(
            [
                f"# {setting.corpus}, {setting.protocol}\n",
                f"{described}. Checkpoint: {setting.checkpoint_selection}. Labels: {labels}.\n",
                *(to_markdown(table) for table in tables),
                *(f"![{name}]({path.name})\n" for name, path in plots.items()),
                *(["## Warnings\n", *warned, ""] if warned else []),
            ]
        ),
        "results.tex": "\n".join(to_latex(table) for table in tables),
        **{f"{table.name}.csv": to_csv(table) for table in tables},
    }
    for name, text in texts.items():
        files[name] = output_dir / name
        files[name].write_text(text, encoding="utf-8")
    return {**files, **plots}


def result_tables(results: Mapping[str, ConditionResult], config: EmoBertConfig, described: str) -> list[Table]:
    """The tables `summary`, `per_label`, `per_speaker` and `per_fold`; those without rows are left out.

    Args:
        results (`dict[str, ConditionResult]`): of `summarize_runs`.
        config ([`EmoBertConfig`]): the labels.
        described (`str`): corpus, protocol, seeds, for the first caption.
    """
    names = label_names(config)
    main = next(iter(results.values()))
    overall = overall_metrics(main.pooled, names)
    by_label = {condition: metrics_by_label(result.pooled, names) for condition, result in results.items()}
    summary: list[list[str | int | Cell]] = []
    for condition, result in results.items():
        n = sum(result.fold_sizes.values())
        for kind, statistics in (("averaged", result.averaged), ("pooled", result.pooled)):
            summary.append([condition, kind, n, *(_cell(statistics[metric]) for metric in overall)])
    tables = [
        Table(
            "summary",
            f"{described}. Averaged: mean of the folds' metrics ± standard deviation over folds ± over seeds. "
            "Pooled: metrics of all folds' predictions together ± standard deviation over seeds.",
            ["input", "predictions", "n", *overall],
            summary,
        )
    ]
    if any(by_label.values()):
        of_label = list(next(iter(next(iter(by_label.values())).values())))
        tables.append(
            Table(
                "per_label",
                "By label, pooled predictions ± standard deviation over seeds.",
                ["input", "label", "n", *of_label],
                [
                    [condition, name, results[condition].label_sizes[name], *map(_cell, metrics.values())]
                    for condition, labels in by_label.items()
                    for name, metrics in labels.items()
                ],
            )
        )
    if main.per_speaker:
        tables.append(
            Table(
                "per_speaker",
                "By speaker ± standard deviation over seeds.",
                ["input", "speaker", "n", *overall],
                [
                    [condition, speaker, result.speaker_sizes[speaker], *(_cell(metrics[name]) for name in overall)]
                    for condition, result in results.items()
                    for speaker, metrics in result.per_speaker.items()
                ],
            )
        )
    tables.append(
        Table(
            "per_fold",
            "By fold and seed.",
            ["input", "fold", "seed", "n", *overall],
            [
                [condition, fold, str(seed), result.fold_sizes[fold], *(Cell(metrics[name]) for name in overall)]
                for condition, result in results.items()
                for fold, seeds in result.per_fold.items()
                for seed, metrics in seeds.items()
            ],
        )
    )
    return tables


def headline_of(results: Mapping[str, ConditionResult], config: EmoBertConfig) -> str:
    """The metric that is plotted and named first: of the problem type, or the first of the task's."""
    main = next(iter(results.values()))
    metric = config.problem.headline
    return metric if metric in main.pooled else next(iter(main.pooled))


def _cell(statistic: Statistic) -> Cell:
    return Cell(statistic.mean, {"folds": statistic.std_folds, "seeds": statistic.std_seeds})


def _numbers(result: ConditionResult) -> dict[str, Any]:
    def plain(statistics: Mapping[str, Statistic]) -> dict[str, Any]:
        return {name: asdict(statistic) for name, statistic in statistics.items()}

    return {
        "n": sum(result.fold_sizes.values()),
        "averaged": plain(result.averaged),
        "pooled": plain(result.pooled),
        "per_speaker": {
            speaker: {"n": result.speaker_sizes[speaker], **plain(statistics)}
            for speaker, statistics in result.per_speaker.items()
        },
        "per_fold": {
            fold: {"n": result.fold_sizes[fold], "by_seed": seeds} for fold, seeds in result.per_fold.items()
        },
        "label_counts": result.label_sizes,
    }


def _plot(output_dir: Path, results: Mapping[str, ConditionResult], config: EmoBertConfig) -> dict[str, Path]:
    metric = headline_of(results, config)
    main = next(iter(results.values()))
    title = METRIC_TITLES.get(metric, metric)
    plots = {
        f"{title} by fold": plot_metric_per_fold(
            {
                condition: {fold: _values(seeds, metric) for fold, seeds in result.per_fold.items()}
                for condition, result in results.items()
            },
            output_dir / f"{metric}_per_fold.png",
            metric=title,
            fold_sizes=main.fold_sizes,
            chance=chance_of(config, metric),
        )
    }
    if config.problem.is_exclusive:
        pooled = main.pooled_predictions.values()
        seeds = f"{len(pooled)} seeds" if len(pooled) > 1 else "one seed"
        plots["Confusion matrix"] = plot_confusion_matrix(
            np.concatenate([predictions_to_scores(one.logits, config).argmax(-1) for one in pooled]),
            np.concatenate([one.labels for one in pooled]),
            label_names(config),
            output_dir / "confusion_matrix.png",
            title=f"Pooled predictions of {seeds}, input: {next(iter(results))}",
        )
    return plots


def _values(seeds: Mapping[int, Mapping[str, float]], metric: str) -> Sequence[float]:
    return [metrics[metric] for metrics in seeds.values()]
