"""Training on some corpora and testing on others: every pair's numbers, and the files that tell of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from configuration_emo.configuration_emobert import EmoBertConfig
from configuration_emo.option_kinds import check_whole

from ..metrics.scores import label_names
from ..plots.cross_corpus import plot_cross_corpus
from .cross_validation import ConditionResult, FoldPredictions, Statistic, overall_metrics, summarize_runs
from .metrics_file import write_metrics
from .predictions_csv import Predictions
from .setting import EvaluationSetting
from .tables import METRIC_TITLES, UNDEFINED, Cell, Table, to_csv, to_latex, to_markdown


# What was trained on, and what was tested.
Pair = tuple[str, str]


@dataclass
class CorpusRun:
    """One training run and what it predicted, possibly of several corpora.

    Args:
        trained_on (`str`): the corpora that it was trained on, joined by `+`.
        predictions ([`FoldPredictions`]): of its test rows.
    """

    trained_on: str
    predictions: FoldPredictions


def summarize_corpora(
    runs: Sequence[CorpusRun],
    config: EmoBertConfig,
    corpora: Mapping[str, str],
    *,
    task: str | None = None,
    speakers: Mapping[str, str] | None = None,
    num_resamples: int = 1000,
) -> dict[Pair, dict[str, ConditionResult]]:
    """The numbers of each pair of what was trained on and what was tested, by condition.

    Args:
        runs (`list[CorpusRun]`): all folds and seeds.
        config ([`EmoBertConfig`]): problem type and labels.
        corpora (`dict[str, str]`): corpus by utterance id.
        task, speakers, num_resamples: as of [`summarize_runs`].

    Returns:
        `dict[(str, str), dict[str, ConditionResult]]`: of a pair whose folds are several, the pooled predictions.

    Raises:
        ValueError: as [`summarize_runs`], for the runs of a pair.
    """
    check_whole("num_resamples", num_resamples)
    parts: dict[Pair, list[FoldPredictions]] = {}
    for run in runs:
        of_main = next(iter(run.predictions.predictions.values()))
        for tested in dict.fromkeys(corpora[one] for one in of_main.ids):
            chosen = {
                name: _of_corpus(predictions, corpora, tested)
                for name, predictions in run.predictions.predictions.items()
            }
            parts.setdefault((run.trained_on, tested), []).append(replace(run.predictions, predictions=chosen))
    return {
        pair: summarize_runs(found, config, task=task, speakers=speakers, num_resamples=num_resamples)
        for pair, found in parts.items()
    }


def write_cross_corpus(
    output_dir: str | Path,
    results: Mapping[Pair, Mapping[str, ConditionResult]],
    config: EmoBertConfig,
    setting: EvaluationSetting,
    *,
    left_out: Mapping[str, Mapping[str, int]],
    protocol_options: Mapping[str, Any] | None = None,
) -> dict[str, Path]:
    """Writes `results.json`, `results.md`, `results.tex`, `cells.csv` and a picture of the main metric.

    Args:
        output_dir (`str` or `Path`): the folder.
        results: of [`summarize_corpora`].
        config ([`EmoBertConfig`]): problem type and labels.
        setting ([`EvaluationSetting`]): what was evaluated, without a fold and a seed of its own.
        left_out (`dict[str, dict[str, int]]`): rows without a counterpart for their label, by corpus and label.
        protocol_options (`dict`, *optional*): as given to the protocol.

    Returns:
        `dict[str, Path]`: the written files by name.
    """
    output_dir, names = Path(output_dir), label_names(config)
    first = next(iter(next(iter(results.values())).values()))
    seeds, overall = list(first.pooled_predictions), overall_metrics(first.pooled, names)
    shown = [name for name in ("ua", "wa") if name in overall] or overall[:2]
    sizes = {tested: _size(next(iter(cell.values()))) for (_, tested), cell in results.items()}
    lacking = _labels_lacking(results)
    numbers = [
        {
            "trained_on": trained,
            "tested_on": tested,
            "within": tested in trained.split("+"),
            "metrics": {
                condition: {"n": _size(result), **{name: asdict(result.pooled[name]) for name in result.pooled}}
                for condition, result in cell.items()
            },
        }
        for (trained, tested), cell in results.items()
    ]
    files = {
        "results.json": write_metrics(
            output_dir / "results.json",
            setting,
            n=sum(sizes.values()),
            label_order=names,
            metrics={"cells": numbers},
            extra={
                "seeds": seeds,
                "left_out": left_out,
                "labels_lacking": lacking,
                "protocol_options": dict(protocol_options or {}),
            },
        )
    }
    tables = cross_corpus_tables(results, shown)
    metric = shown[0]
    title = METRIC_TITLES.get(metric, metric)
    plot = plot_cross_corpus(
        {pair: next(iter(cell.values())).pooled[metric].mean for pair, cell in results.items()},
        output_dir / f"{metric}.png",
        metric=title,
        sizes=sizes,
        chance=1 / len(names) if metric == "ua" else None,
    )
    told = [
        f"- {corpus}: {', '.join(f'{label} ({count})' for label, count in counts.items())} left out, no counterpart"
        for corpus, counts in left_out.items()
    ]
    told += [f"- {corpus} has no row of: {', '.join(labels)}" for corpus, labels in lacking.items()]
    texts = {
        "results.md": "\n".join(
            [
                f"# Across corpora: {', '.join(sizes)}\n",
                f"Labels: {', '.join(names)}. Seeds {', '.join(map(str, seeds))}. Checkpoint: "
                f"{setting.checkpoint_selection}. Rows: what was trained on; columns: what was tested. Brackets: 95 % "
                "intervals over speakers. *Slanted*: within a corpus, by speakers that were not trained on.\n",
                *([*told, ""] if told else []),
                *(to_markdown(table) for table in tables),
                f"![{title}]({plot.name})\n",
            ]
        ),
        "results.tex": "\n".join(to_latex(table) for table in tables),
        "cells.csv": to_csv(_long_table(results, overall)),
    }
    for name, text in texts.items():
        files[name] = output_dir / name
        files[name].write_text(text, encoding="utf-8")
    return {**files, plot.name: plot}


def cross_corpus_tables(results: Mapping[Pair, Mapping[str, ConditionResult]], metrics: Sequence[str]) -> list[Table]:
    """A table for each condition and metric: a row for what was trained on, a column for what was tested.

    Args:
        results: of [`summarize_corpora`].
        metrics (`list[str]`): those that are shown.
    """
    trained, tested = ([*dict.fromkeys(names)] for names in zip(*results, strict=True))
    sizes = {name: _size(next(iter(cell.values()))) for (_, name), cell in results.items()}
    conditions = dict.fromkeys(condition for cell in results.values() for condition in cell)
    tables = []
    for condition in conditions:
        for metric in metrics:
            rows: list[list[str | int | Cell]] = []
            for name in trained:
                cells = [
                    _shown(results.get((name, other)), condition, metric, other in name.split("+")) for other in tested
                ]
                rows.append([name, *cells])
            title = METRIC_TITLES.get(metric, metric)
            columns = ["trained on", *(f"{name} (n = {sizes[name]})" for name in tested)]
            tables.append(Table(f"{metric}_{condition}", f"{title}, {condition}.", columns, rows))
    return tables


def _shown(cell: Mapping[str, ConditionResult] | None, condition: str, metric: str, within: bool) -> str:
    if cell is None or condition not in cell:
        return UNDEFINED
    text = _written(cell[condition].pooled[metric])
    return f"*{text}*" if within else text


def _written(statistic: Statistic) -> str:
    mean = Cell(statistic.mean).numbers()[0]
    if np.isnan(statistic.interval).any() or mean == UNDEFINED:
        return mean
    return f"{mean} [{statistic.interval[0]:.3f}, {statistic.interval[1]:.3f}]"


def _long_table(results: Mapping[Pair, Mapping[str, ConditionResult]], metrics: Sequence[str]) -> Table:
    """A row for each pair, condition and metric."""
    rows: list[list[str | int | Cell]] = [
        [trained, tested, condition, _size(result), metric, *_numbers(result.pooled[metric])]
        for (trained, tested), cell in results.items()
        for condition, result in cell.items()
        for metric in metrics
    ]
    return Table("cells", "", ["trained_on", "tested_on", "input", "n", "metric", "mean", "low", "high"], rows)


def _numbers(statistic: Statistic) -> list[Cell]:
    return [Cell(value) for value in (statistic.mean, *statistic.interval)]


def _labels_lacking(results: Mapping[Pair, Mapping[str, ConditionResult]]) -> dict[str, list[str]]:
    """The labels that a tested corpus has no row of: its mean over the classes is over fewer."""
    lacking = {}
    for (_, tested), cell in results.items():
        absent = [name for name, count in next(iter(cell.values())).label_sizes.items() if not count]
        if absent:
            lacking[tested] = absent
    return lacking


def _size(result: ConditionResult) -> int:
    return sum(result.fold_sizes.values())


def _of_corpus(predictions: Predictions, corpora: Mapping[str, str], corpus: str) -> Predictions:
    rows = [row for row, one in enumerate(predictions.ids) if corpora[one] == corpus]
    return Predictions([predictions.ids[row] for row in rows], predictions.logits[rows], predictions.labels[rows])
