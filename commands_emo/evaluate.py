"""Evaluate a trained model on a split: metrics over all of it, predictions with scores, plots, a model card.

    emobert evaluate examples/configs/demo.yaml
    emobert evaluate --model my_model --data_dir my_data --output_dir my_results

One fold of a protocol: `--protocol leave-one-speaker-out --fold speaker=03`, as the model was trained.
`--split validation --calibrate` fits a temperature on the first of `modalities` and writes it into the model's
`config.json`, so that its probabilities are as often right as they say.
`--groups speaker sex length snr` compares groups of utterances, and the worst of each kind with the rest.
With several `modalities` the same model is evaluated once with each: both inputs, text only, speech only.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from datasets import Dataset
from transformers import Trainer, TrainingArguments

from modeling_emo import (
    CONDITIONS,
    EmoBertForSequenceClassification,
    EvaluationSetting,
    ModelDescription,
    check_evaluated_data,
    evaluate_groups,
    evaluate_logits,
    evaluation_result,
    fit_temperature,
    format_evaluations,
    format_groups,
    metric_function_for,
    predict_by_length,
    read_training_record,
    save_temperature,
    training_run,
    write_evaluations,
    write_model_card,
)
from preprocess import (
    EmoBertDataCollator,
    EmoBertProcessor,
    check_processor,
    load_prepared,
    match_labels,
    rows_with,
)

from .arguments import EvaluationArguments
from .training_setup import select_splits


def hub_ids(values: Mapping[str, Any], *names: str) -> list[str]:
    """Those of these values that are ids of the Hub, and no folders here."""
    given = [str(values.get(name) or "") for name in names]
    return [value for value in given if re.fullmatch(r"[\w-][\w.-]*/[\w-][\w.-]*", value) and not Path(value).exists()]


# Kinds of groups, with the column of a prepared dataset that tells them.
GROUPS = {"speaker": "speaker", "sex": "gender", "length": "seconds", "snr": "snr"}


def group_columns(rows: Dataset, kinds: list[str]) -> dict[str, list]:
    """What is known of each row, by kind of group."""
    columns = {}
    for kind in kinds:
        if kind not in GROUPS:
            raise ValueError(f"Unknown groups {kind}; valid are {', '.join(GROUPS)}.")
        if GROUPS[kind] not in rows.column_names:
            raise ValueError(f"The data has no column {GROUPS[kind]}, as of an earlier version: prepare it again.")
        values = rows.with_format(None)[GROUPS[kind]]
        if all(value is None for value in values):
            print(f"{kind}: the corpus does not tell it, no groups are compared")
            continue
        columns[kind] = list(values)
    return columns


def run(arguments: EvaluationArguments) -> None:
    """Evaluates, and writes tables, predictions and plots."""
    unknown = sorted(set(arguments.modalities) - set(CONDITIONS))
    if unknown:
        raise ValueError(f"Unknown modalities {', '.join(unknown)}; valid are {', '.join(CONDITIONS)}.")

    if arguments.calibrate and arguments.split != "validation":
        raise ValueError(
            f"--calibrate is for data that was not trained on and is not tested on, got {arguments.split}: give "
            "--split validation."
        )

    own = load_prepared(arguments.data_dir).datasets
    if arguments.protocol is None and arguments.split not in own:
        raise ValueError(f"There is no split {arguments.split!r} in {arguments.data_dir}: it has {', '.join(own)}.")

    # 1. The model with its own processor, and the split with the labels as the model numbers them.
    model = EmoBertForSequenceClassification.from_pretrained(arguments.model)
    metric_function_for(model.config, arguments.task)  # refuses a task that is not this model's
    processor = EmoBertProcessor.from_pretrained(arguments.model)
    prepared = match_labels(load_prepared(arguments.data_dir), model.config)
    check_processor(prepared, processor, arguments.model)
    splits, data = select_splits(prepared, arguments)
    if arguments.split not in splits:
        raise ValueError(f"There is no split {arguments.split!r} in {arguments.data_dir}: it has {', '.join(splits)}.")
    dataset = splits[arguments.split]
    if arguments.max_eval_samples is not None:
        dataset = dataset.select(range(min(arguments.max_eval_samples, len(dataset))))
    record = read_training_record(arguments.model)
    check_evaluated_data(record, data)

    # 2. One evaluation per input. Rows without that input are left out, and n says so.
    evaluations, groups = {}, {}
    columns: dict[str, list] = {}
    for name in arguments.modalities:
        rows = rows_with(dataset, CONDITIONS[name])
        if not len(rows):
            raise ValueError(f"No row of {arguments.split} has {name}: leave it out of modalities.")
        trainer = Trainer(
            model=model,
            args=TrainingArguments(
                output_dir=arguments.output_dir,
                per_device_eval_batch_size=arguments.batch_size,
                remove_unused_columns=False,
                report_to="none",
            ),
            data_collator=EmoBertDataCollator(
                processor, modalities=CONDITIONS[name], problem_type=model.config.problem_type
            ),
        )
        output = predict_by_length(trainer, rows)
        evaluations[name] = evaluate_logits(
            rows["id"],
            np.asarray(output.predictions),
            np.asarray(output.label_ids),
            model.config,
            task=arguments.task,
            num_resamples=arguments.num_resamples,
        )
        if name == arguments.modalities[0]:
            columns = group_columns(rows, arguments.groups)
            groups = evaluate_groups(
                evaluations[name],
                columns,
                model.config,
                speakers=list(rows["speaker"]),
                task=arguments.task,
                num_resamples=arguments.num_resamples,
            )

    if arguments.calibrate:
        main = evaluations[arguments.modalities[0]]
        fit = fit_temperature(main.logits, main.labels, model.config)
        save_temperature(arguments.model, fit)
        model.config.temperature, record = fit.temperature, read_training_record(arguments.model)
        print(
            f"temperature {fit.temperature:.3f}, expected calibration error {fit.ece_before:.3f} before and "
            f"{fit.ece_after:.3f} with it"
        )

    # 3. The table, metrics.json, predictions, plots and, if asked for, the model card.
    print(format_evaluations(evaluations))
    for kind in arguments.groups:
        if kind in columns and kind not in groups:
            print(f"{kind}: fewer than two groups, none are compared")
    if groups:
        print(format_groups(groups))
    protocol = prepared.info["protocol"] if arguments.protocol is None else arguments.protocol
    setting = EvaluationSetting(
        corpus=data["corpus"],
        protocol=protocol,
        split=arguments.split,
        fold=arguments.fold,
        seed=record.get("seed"),
        checkpoint_selection=record["checkpoint_selection"],
    )
    plots = write_evaluations(arguments.output_dir, evaluations, model.config, setting, training=record, groups=groups)
    if arguments.model_card:
        write_model_card(
            arguments.output_dir,
            model.config,
            ModelDescription(
                name=arguments.model_name,
                data=arguments.data_description or f"The corpus `{data['corpus']}`.",
                synthetic=arguments.synthetic_data,
                license=arguments.model_license,
                languages=arguments.languages or (),
                base_models=hub_ids(record.get("train") or {}, "text_model", "speech_model"),
                datasets=hub_ids(prepared.info, "dataset"),
            ),
            training=training_run(record),
            result=evaluation_result(evaluations, setting),
            plots=plots,
        )
