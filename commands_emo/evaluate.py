"""Evaluate a trained model on a split: metrics over all of it, predictions with scores, plots, a model card.

    emobert evaluate examples/configs/demo.yaml
    emobert evaluate --model my_model --data_dir my_data --output_dir my_results

    emobert evaluate --model my_model --corpus ravdess --data_dir ravdess --output_dir my_results

With `--corpus` a corpus that the model was not trained on is read as the model needs it. Labels go by name; rows whose
label the model does not know are left out and counted. Where the corpus lacks labels of the model, the table has a
second line, `shared labels`: the model chooses between those only that both have.
One fold of a protocol: `--protocol leave-one-speaker-out --fold speaker=03`, as the model was trained.
`--split validation --calibrate` fits a temperature on the first of `modalities` and writes it into the model's
`config.json`, so that its probabilities are as often right as they say.
`--adapt_to_speakers unknown` adds a line: the first of `modalities`, adapted to each speaker by all of its rows in the
split, without their labels. `--split validation --calibrate_speakers` fits what that needs on speakers that were not
trained on; a last layer in closed form has it already.
`--ensemble other_seed third_seed`: the mean of the probabilities of several models.
`--groups speaker sex length snr` compares groups of utterances, and the worst of each kind with the rest.
With several `modalities` the same model is evaluated once with each: both inputs, text only, speech only.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from datasets import Dataset, DatasetDict
from transformers import Trainer, TrainingArguments
from transformers.trainer_utils import PredictionOutput

from configuration_emo import check_whole
from modeling_emo import (
    ADAPTED,
    CONDITIONS,
    EmoBertForSequenceClassification,
    Evaluation,
    EvaluationSetting,
    ModelDescription,
    adapt_to_speakers,
    average_predictions,
    check_evaluated_data,
    evaluate_groups,
    evaluate_logits,
    evaluation_result,
    fit_speaker_statistics,
    fit_temperature,
    format_evaluations,
    format_groups,
    metric_function_for,
    predict_by_length,
    read_training_record,
    save_speaker_statistics,
    save_temperature,
    training_run,
    write_evaluations,
    write_model_card,
)
from preprocess import (
    EmoBertDataCollator,
    EmoBertProcessor,
    PreparedDataset,
    cache_encoder_states,
    check_processor,
    load_prepared,
    match_labels,
    pooled,
    rows_with,
)

from .arguments import EvaluationArguments
from .group_columns import GROUPS, group_columns
from .other_corpus import among, prepare_for_model, shared_labels
from .training_setup import select_splits


def hub_ids(values: Mapping[str, Any], *names: str) -> list[str]:
    """Those of these values that are ids of the Hub, and no folders here."""
    given = [str(values.get(name) or "") for name in names]
    return [value for value in given if re.fullmatch(r"[\w-][\w.-]*/[\w-][\w.-]*", value) and not Path(value).exists()]


def _groups_of(rows: Dataset, kinds: list[str]) -> dict[str, list]:
    """What is known of each row, by kind of group."""
    known = [name for name in rows.column_names if any(name in names for names in GROUPS.values())]
    read = rows.with_format(None)
    return group_columns(
        kinds, known, lambda name: read[name][:], rows["id"], "The corpus", " Data of an earlier version: prepare it."
    )


def run(arguments: EvaluationArguments) -> None:
    """Evaluates, and writes tables, predictions and plots."""
    unknown = sorted(set(arguments.modalities) - set(CONDITIONS))
    if unknown:
        raise ValueError(f"Unknown modalities {', '.join(unknown)}; valid are {', '.join(CONDITIONS)}.")
    unknown = [kind for kind in arguments.groups if kind not in GROUPS]
    if unknown:
        raise ValueError(f"Unknown groups {', '.join(unknown)}; valid are {', '.join(GROUPS)}.")

    check_whole("batch_size", arguments.batch_size)
    if arguments.max_eval_samples is not None:
        check_whole("max_eval_samples", arguments.max_eval_samples)

    for name in ("calibrate", "calibrate_speakers"):
        if getattr(arguments, name) and arguments.split != "validation":
            raise ValueError(
                f"--{name} is for data that was not trained on and is not tested on, got {arguments.split}: give "
                "--split validation."
            )

    own = {} if arguments.corpus is not None else load_prepared(arguments.data_dir).datasets
    if arguments.corpus is None and arguments.protocol is None and arguments.split not in own:
        raise ValueError(f"There is no split {arguments.split!r} in {arguments.data_dir}: it has {', '.join(own)}.")

    # 1. The model with its own processor, and the split with the labels as the model numbers them.
    model = EmoBertForSequenceClassification.from_pretrained(arguments.model)
    metric_function_for(model.config, arguments.task)  # refuses a task that is not this model's
    processor = EmoBertProcessor.from_pretrained(arguments.model)
    places = [arguments.model, *(arguments.ensemble or [])]
    models = [model, *(EmoBertForSequenceClassification.from_pretrained(place) for place in places[1:])]
    told: dict[str, Any] = {"ensemble": places} if len(places) > 1 else {}
    if arguments.corpus is None:
        prepared = match_labels(load_prepared(arguments.data_dir), model.config)
    else:
        prepared, found = prepare_for_model(arguments, model.config, processor)
        told |= found
    encoded = _encoded(model, prepared, processor, arguments) if arguments.cache_encoder_states else None
    splits, data = select_splits(prepared, arguments, encoded)
    if arguments.corpus is not None and arguments.split == "all":
        splits = DatasetDict({"all": pooled(splits)})
    if arguments.split not in splits:
        raise ValueError(f"There is no split {arguments.split!r} in {arguments.data_dir}: it has {', '.join(splits)}.")
    dataset = splits[arguments.split]
    if arguments.max_eval_samples is not None:
        dataset = dataset.select(range(min(arguments.max_eval_samples, len(dataset))))
    record = read_training_record(arguments.model)
    for place in places:
        check_processor(prepared, EmoBertProcessor.from_pretrained(place), place)
        check_evaluated_data(read_training_record(place), data)

    # 2. One evaluation per input. Rows without that input are left out, and n says so.
    evaluations, groups, speakers = {}, {}, []
    columns: dict[str, list] = {}
    for name in arguments.modalities:
        rows = rows_with(dataset, CONDITIONS[name])
        if not len(rows):
            raise ValueError(f"No row of {arguments.split} has {name}: leave it out of modalities.")
        outputs = [_predict(one, rows, processor, name, arguments) for one in models]
        logits = np.asarray(outputs[0].predictions)
        if len(models) > 1:
            configs = [one.config for one in models]
            logits = average_predictions([output.predictions for output in outputs], configs)
        evaluations[name] = evaluate_logits(
            rows["id"],
            logits,
            np.asarray(outputs[0].label_ids),
            model.config,
            task=arguments.task,
            num_resamples=arguments.num_resamples,
        )
        if name == arguments.modalities[0]:
            speakers = list(rows["speaker"])
            columns = _groups_of(rows, arguments.groups)
            groups = evaluate_groups(
                evaluations[name],
                columns,
                model.config,
                speakers=speakers,
                task=arguments.task,
                num_resamples=arguments.num_resamples,
            )

    main = evaluations[arguments.modalities[0]]
    if arguments.calibrate_speakers:
        statistics = fit_speaker_statistics(main.logits, main.labels, speakers, model.config)
        told_of = f"{len(main.ids)} rows of {len(set(speakers) - {None})} speakers, {arguments.split}"
        save_speaker_statistics(arguments.model, statistics, fitted_on=told_of)
        model.config.speaker_statistics, record = statistics.to_dict(), read_training_record(arguments.model)
        print(f"speaker statistics of {told_of}")
    if arguments.calibrate:
        fit = fit_temperature(main.logits, main.labels, model.config)
        save_temperature(arguments.model, fit)
        model.config.temperature, record = fit.temperature, read_training_record(arguments.model)
        print(
            f"temperature {fit.temperature:.3f}, expected calibration error {fit.ece_before:.3f} before and "
            f"{fit.ece_after:.3f} with it"
        )

    if arguments.adapt_to_speakers is not None:
        if arguments.corpus is not None:
            print(
                "adapt_to_speakers: speakers of another corpus differ in other ways, it may cost (docs/inference.md)"
            )
        evaluations[ADAPTED] = evaluate_logits(
            main.ids,
            adapt_to_speakers(main.logits, speakers, model.config, shares=arguments.adapt_to_speakers),
            main.labels,
            model.config,
            task=arguments.task,
            num_resamples=arguments.num_resamples,
        )
        told["adapt_to_speakers"] = arguments.adapt_to_speakers

    shared = shared_labels(evaluations, model.config)
    restricted: dict[str, Evaluation] = {}
    if arguments.corpus is not None and shared is not None:
        restricted = among(evaluations, shared, model.config, arguments)
        told |= {
            "shared_labels": shared,
            "metrics_of_shared_labels": {name: one.metrics for name, one in restricted.items()},
            "intervals_of_shared_labels": {name: one.intervals for name, one in restricted.items()},
        }

    # 3. The table, metrics.json, predictions, plots and, if asked for, the model card.
    print(format_evaluations({**evaluations, **{f"{name}, shared labels": one for name, one in restricted.items()}}))
    if restricted:
        print(f"\nShared labels: {', '.join(shared or [])}. The other lines choose between all of the model's labels.")
    for kind in arguments.groups:
        if kind in columns and kind not in groups:
            print(f"{kind}: fewer than two groups, none are compared")
    if groups:
        print(format_groups(groups))
    protocol = prepared.info["protocol"] if arguments.protocol is None else arguments.protocol
    setting = EvaluationSetting(
        corpus=data["corpus"],
        protocol=protocol,
        split=str(arguments.split),
        fold=arguments.fold,
        seed=record.get("seed"),
        checkpoint_selection=record["checkpoint_selection"],
    )
    plots = write_evaluations(
        arguments.output_dir, evaluations, model.config, setting, training=record, groups=groups, extra=told
    )
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


def _encoded(
    model: EmoBertForSequenceClassification,
    prepared: PreparedDataset,
    processor: EmoBertProcessor,
    arguments: EvaluationArguments,
) -> DatasetDict | None:
    """All rows as the encoders that training froze make them, from where training kept them; None if it froze none."""
    options = read_training_record(arguments.model).get("hyper_parameters") or {}
    # In the order of training: what is cached of the second modality is found by the first.
    frozen = [name for name in options.get("modalities") or () if options.get(f"freeze_{name}_encoder")]
    if not frozen:
        return None
    collator = EmoBertDataCollator(processor, problem_type=model.config.problem_type)
    return DatasetDict(
        {
            name: cache_encoder_states(
                rows,
                model,
                collator,
                modalities=frozen,
                cache_dir=f"{arguments.data_dir}/encoder_states",
            )
            for name, rows in prepared.datasets.items()
        }
    )


def _predict(
    model: EmoBertForSequenceClassification,
    rows: Dataset,
    processor: EmoBertProcessor,
    name: str,
    arguments: EvaluationArguments,
) -> PredictionOutput:
    """What one model makes of the rows under one condition."""
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
    return predict_by_length(trainer, rows)
