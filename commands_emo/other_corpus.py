"""A corpus that a stored model was not trained on, read and prepared as that model needs it, and scored by name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
from transformers.utils import logging

from configuration_emo import as_mapping
from modeling_emo import EmoBertConfig, Evaluation, evaluate_logits, read_training_record
from preprocess import (
    EmoBertProcessor,
    LabelEncoder,
    PreparedDataset,
    count_left_out,
    keep_labels,
    load_prepared,
    prepare_dataset,
    read_corpus,
)

from .arguments import EvaluationArguments


logger = logging.get_logger(__name__)

# Of labels that are not to choose from: their probability is 0.
IMPOSSIBLE = -1e4


def prepare_for_model(
    arguments: EvaluationArguments, config: EmoBertConfig, processor: EmoBertProcessor
) -> tuple[PreparedDataset, dict[str, Any]]:
    """Reads the corpus of `--corpus`, without the rows whose label the model does not know, and prepares it.

    Args:
        arguments ([`EvaluationArguments`]): the corpus, its folder and options; it goes to `<output_dir>/data`.
        config ([`EmoBertConfig`]): of the model, with its labels.
        processor ([`EmoBertProcessor`]): of the model.

    Returns:
        The prepared corpus, and what `metrics.json` says of it: `left_out`, rows by label.

    Raises:
        ValueError: the model knows none of the labels, or as `read_corpus` and `prepare_dataset`.
    """
    options = as_mapping(arguments.corpus_options)
    if processor.context_turns:
        options.setdefault("context_turns", processor.context_turns)
    reading = read_corpus(str(arguments.corpus), arguments.data_dir, label_map=arguments.label_map, **options)
    names = _names(config)
    left_out: dict[str, int] = {}
    if config.problem.is_exclusive:
        found = sorted({str(row.label) for rows in reading.splits.values() for row in rows})
        reading = keep_labels(reading, names)
        if not any(reading.splits.values()):
            raise ValueError(
                f"The model knows none of the labels of {arguments.corpus} ({', '.join(found)}), but "
                f"{', '.join(names)}.\nMap them with --label_map, for example {found[0]}={names[0]}."
            )
        left_out = dict(sum((Counter(one) for one in count_left_out(reading.problems).values()), Counter()))
        for label, count in sorted(left_out.items()):
            print(f"{label}: {count} utterances left out, the model has no such label")
    trained = read_training_record(arguments.model).get("data") or {}
    if trained.get("corpus") == arguments.corpus:
        logger.warning(
            f"The model was trained on {arguments.corpus}: what it was trained on may be tested. Use --data_dir with "
            "the prepared dataset and its test split."
        )
    corpus = reading.to_dataset_dict()
    encoder = LabelEncoder.from_dataset(
        corpus,
        str(config.problem_type),
        label2id={name: index for index, name in enumerate(names)} if config.problem.has_classes else None,
        label_range=config.label_range,
    )
    folder = f"{arguments.output_dir}/data"
    prepare_dataset(
        corpus,
        processor,
        encoder,
        output_dir=folder,
        problems=reading.problems,
        info={
            "corpus": arguments.corpus,
            "corpus_options": as_mapping(arguments.corpus_options),
            "protocol": "all of a corpus, by a model of another",
        },
    )
    return load_prepared(folder), {"left_out": left_out}


def shared_labels(evaluations: Mapping[str, Evaluation], config: EmoBertConfig) -> list[str] | None:
    """The model's labels that occur in the tested rows; None where all do, or it is no choice of one of several."""
    if config.problem_type != "single_label_classification":
        return None
    occurring = {int(label) for one in evaluations.values() for label in one.labels}
    names = [name for index, name in enumerate(_names(config)) if index in occurring]
    return None if len(names) == config.num_labels else names


def among(
    evaluations: Mapping[str, Evaluation], shared: list[str], config: EmoBertConfig, arguments: EvaluationArguments
) -> dict[str, Evaluation]:
    """The evaluations of a model that chooses between some of its labels only.

    Args:
        evaluations (`dict[str, Evaluation]`): with all labels.
        shared (`list[str]`): those to choose from.
        config ([`EmoBertConfig`]): of the model.
        arguments ([`EvaluationArguments`]): set of metrics and resamples.
    """
    chosen = [index for index, name in enumerate(_names(config)) if name in shared]
    restricted = {}
    for name, one in evaluations.items():
        logits = np.full_like(one.logits, IMPOSSIBLE)
        logits[:, chosen] = one.logits[:, chosen]
        restricted[name] = evaluate_logits(
            one.ids, logits, one.labels, config, task=arguments.task, num_resamples=arguments.num_resamples
        )
    return restricted


def _names(config: EmoBertConfig) -> list[str]:
    """The labels in the order of the logits."""
    return [str(name) for _, name in sorted((config.id2label or {}).items(), key=lambda entry: int(entry[0]))]
