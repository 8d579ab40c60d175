"""Score predictions of any system: the metrics, intervals and plots of `emobert evaluate`.

    emobert score --predictions p.csv --labels l.csv --task iemocap-4-class --output_dir outputs/score

Both tables have a column `id` (or `audio`, of which the file's name counts). The labels' table has `label`, or a
column for each score (`valence`, ...); the predictions' table has `prediction`, or a probability or score for each
label (`score_happy`, `happy`). Labels may be the corpus's own codes. An id that is there twice, or in one table only,
is an error; `--allow_missing` scores the others and tells how many are missing. `--groups speaker sex` compares groups
by these columns of the labels' table.
"""

from modeling_emo import (
    EmoBertConfig,
    EvaluationSetting,
    evaluate_groups,
    evaluate_logits,
    format_evaluations,
    format_groups,
    scores_to_logits,
    write_evaluations,
)
from preprocess import ScoredTables, read_scored_tables, scored_task

from .group_columns import group_columns
from .score_arguments import ScoreArguments


def describe(tables: ScoredTables) -> dict[str, int]:
    """How many utterances the tables have, and how many are not scored."""
    return {
        "scored": len(tables.ids),
        "not_of_the_task": tables.left_out,
        "without_prediction": len(tables.without_prediction),
        "without_label": len(tables.without_label),
    }


def run(arguments: ScoreArguments) -> None:
    """Scores, and writes tables, predictions and plots."""
    # 1. The tables, joined by id, with labels as the task has them.
    task = scored_task(arguments.task)
    tables = read_scored_tables(arguments.predictions, arguments.labels, task, allow_missing=arguments.allow_missing)
    counts = describe(tables)
    columns = tables.columns
    groups_by = group_columns(  # refused before anything is computed
        arguments.groups, list(columns), columns.__getitem__, tables.ids, "The labels' table"
    )
    print(", ".join(f"{count} {name.replace('_', ' ')}" for name, count in counts.items()))

    # 2. As a model with these labels would be evaluated.
    config = EmoBertConfig(**tables.encoder.config_kwargs())
    evaluation = evaluate_logits(
        tables.ids,
        scores_to_logits(tables.scores, config),
        tables.labels,
        config,
        task=task.metrics,
        num_resamples=arguments.num_resamples,
        has_probabilities=tables.has_probabilities,
    )

    groups = evaluate_groups(
        evaluation,
        groups_by,
        config,
        speakers=tables.columns.get("speaker"),
        task=task.metrics,
        num_resamples=arguments.num_resamples,
    )

    # 3. The table, metrics.json, predictions and plots.
    evaluations = {"predictions": evaluation}
    print(format_evaluations(evaluations))
    if groups:
        print(format_groups(groups))
    setting = EvaluationSetting(
        corpus=task.corpus or task.name,
        protocol=arguments.protocol,
        split=arguments.split,
        checkpoint_selection="predictions from a table",
    )
    record = {"predictions": arguments.predictions, "labels": arguments.labels, "task": task.name, **counts}
    write_evaluations(arguments.output_dir, evaluations, config, setting, training=record, groups=groups)
