"""Whether a prepared dataset and a model belong together: labels by name, tokenizer, feature extractor."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from datasets import Dataset, DatasetDict
from transformers import AutoFeatureExtractor, AutoTokenizer, PreTrainedTokenizerBase
from transformers.utils import cached_file

from configuration_emo.configuration_emobert import EmoBertConfig
from configuration_emo.loaded_parts import named_place
from configuration_emo.problem_types import get_problem_type

from ..features.speech_features import FeatureExtractor
from ..labels.label_encoder import LabelEncoder
from ..processing_emobert import EmoBertProcessor
from .prepared import PreparedDataset


# What a fast tokenizer makes token ids with; how it pads and cuts is the processor's to say.
_TOKENIZER_PARTS = ("normalizer", "pre_tokenizer", "post_processor", "added_tokens")
# Fields of a feature extractor that change no value of a sound.
_WITHOUT_EFFECT = ("processor_class", "auto_map", "name_or_path", "return_attention_mask", "padding_side")


def match_labels(prepared: PreparedDataset, config: EmoBertConfig) -> PreparedDataset:
    """The prepared dataset with its labels numbered as a model numbers them, matched by their names.

    Args:
        prepared ([`PreparedDataset`]): of [`load_prepared`].
        config ([`EmoBertConfig`]): of the model; its `id2label` may know more labels. Of those no row has one: they
            are 0 in rows of 0 and 1.

    Returns:
        [`PreparedDataset`]: the same one where the numbers are the same already.

    Raises:
        ValueError: the problem types or the scales of the scores differ, the model does not know a label, or predicts
            scores that the data lack.

    Example:
        >>> prepared = match_labels(load_prepared("outputs/emodb/data"), model.config)  # doctest: +SKIP
    """
    encoder = prepared.label_encoder
    if encoder.problem_type != config.problem_type:
        raise ValueError(
            f"The data were prepared for {encoder.problem_type}, the model is for {config.problem_type}.\n"
            "Prepare them again with the model's problem_type."
        )
    ours, theirs = encoder.label_range, config.label_range
    if ours is not None and theirs is not None and list(map(float, ours)) != list(map(float, theirs)):
        raise ValueError(
            f"The scores of the data lie on a scale of {_scale(ours)}, those of the model of {_scale(theirs)}.\n"
            "Bring the labels of the corpus to the model's scale and prepare them again."
        )
    names = [str(name) for _, name in sorted((config.id2label or {}).items(), key=lambda entry: int(entry[0]))]
    given = encoder.names or (names if len(names) == 1 else ["score"])  # a single score may have no name
    is_lacking = not config.problem.has_classes and set(names) - set(given)
    if set(given) - set(names) or is_lacking:
        raise ValueError(
            f"The data have the labels {', '.join(given)}, the model {', '.join(names)}.\n"
            "Prepare them again with the model's names (a label_map renames them), without rows of other labels."
        )
    if given == names:
        return prepared
    label2id = {name: index for index, name in enumerate(names)}
    matched = LabelEncoder(encoder.problem_type, label2id, encoder.label_range)
    columns = np.array([names.index(name) for name in given])
    splits = {name: _renumbered(split, columns, matched) for name, split in prepared.datasets.items()}
    return replace(prepared, datasets=DatasetDict(splits), label_encoder=matched)


def check_processor(prepared: PreparedDataset, processor: EmoBertProcessor, model: str) -> None:
    """Refuses a dataset that was prepared with another tokenizer or feature extractor than a trained model's.

    Args:
        prepared ([`PreparedDataset`]): of [`load_prepared`].
        processor ([`EmoBertProcessor`]): of the model.
        model (`str`): what the error calls the model.

    Raises:
        ValueError: they give other token ids or other values.
    """
    ours = EmoBertProcessor.from_pretrained(prepared.processor_dir)
    _compare("tokenizer", tokenizer_facts(ours.tokenizer), tokenizer_facts(processor.tokenizer), prepared, model)
    turns = {"context_turns": ours.context_turns}, {"context_turns": processor.context_turns}
    _compare("dialogue context", *turns, prepared, model)
    facts = extractor_facts(ours.feature_extractor), extractor_facts(processor.feature_extractor)
    _compare("feature extractor", *facts, prepared, model)


def check_encoders(prepared: PreparedDataset, text_model: str, speech_model: str) -> None:
    """Refuses a dataset that was prepared for other encoders than a new model is built over.

    Args:
        prepared ([`PreparedDataset`]): of [`load_prepared`].
        text_model, speech_model (`str`): folders or Hub ids. One without a tokenizer or feature extractor of its own
            cannot be compared and is let through.

    Raises:
        ValueError: the tokenizer or the feature extractor beside an encoder gives other token ids or other values.
    """
    ours = EmoBertProcessor.from_pretrained(prepared.processor_dir)
    if _has_file(text_model, "tokenizer_config.json"):
        with named_place("tokenizer", text_model):
            theirs = tokenizer_facts(AutoTokenizer.from_pretrained(text_model))
        _compare("tokenizer", tokenizer_facts(ours.tokenizer), theirs, prepared, text_model)
    if _has_file(speech_model, "preprocessor_config.json", "processor_config.json"):
        with named_place("feature extractor", speech_model):
            extractor = extractor_facts(AutoFeatureExtractor.from_pretrained(speech_model))
        _compare("feature extractor", extractor_facts(ours.feature_extractor), extractor, prepared, speech_model)


def tokenizer_facts(tokenizer: PreTrainedTokenizerBase) -> dict[str, Any]:
    """All that decides which ids a text becomes, but for its length: of a slow tokenizer vocabulary and options."""
    special = {name: str(token) for name, token in tokenizer.special_tokens_map.items()}
    if tokenizer.is_fast:
        parts = json.loads(tokenizer.backend_tokenizer.to_str())
        return {
            "special tokens": special,
            "vocabulary": parts["model"],
            **{name: parts.get(name) for name in _TOKENIZER_PARTS},
        }
    return {"class": type(tokenizer).__name__, "special tokens": special, "vocabulary": tokenizer.get_vocab()}


def extractor_facts(extractor: FeatureExtractor) -> dict[str, Any]:
    """All that decides which values a sound becomes."""
    facts = {name: value for name, value in extractor.to_dict().items() if name not in _WITHOUT_EFFECT}
    return json.loads(json.dumps(facts, default=str))


def _renumbered(split: Dataset, columns: np.ndarray, encoder: LabelEncoder) -> Dataset:
    """The split with labels in the model's order; `columns` has the new number of each old one."""
    labels = np.asarray(split.with_format("numpy")["labels"][:])
    if get_problem_type(encoder.problem_type).is_exclusive:
        labels = columns[labels.astype(np.int64)]
    else:
        rows = np.zeros((len(labels), encoder.num_labels), dtype=labels.dtype)
        rows[:, columns] = labels.reshape(len(labels), len(columns))
        labels = rows
    with_labels = split.remove_columns("labels").add_column("labels", labels.tolist(), feature=encoder.feature)
    if "votes" in split.column_names:
        votes = [_renumbered_votes(row, columns, encoder.num_labels) for row in split.with_format(None)["votes"]]
        feature = split.features["votes"]
        with_labels = with_labels.remove_columns("votes").add_column("votes", votes, feature=feature)
    return with_labels.with_format(**split.format)


def _renumbered_votes(votes: Sequence[float] | None, columns: np.ndarray, num_labels: int) -> list[float]:
    """The shares in the model's order; empty without votes."""
    if not votes:
        return []
    row = np.zeros(num_labels)
    row[columns] = votes
    return row.tolist()


def _scale(label_range: Sequence[float]) -> str:
    return f"{label_range[0]:g} to {label_range[1]:g}"


def _compare(
    part: str, ours: Mapping[str, Any], theirs: Mapping[str, Any], prepared: PreparedDataset, model: str
) -> None:
    differing = [name for name in dict.fromkeys([*ours, *theirs]) if ours.get(name) != theirs.get(name)]
    if differing:
        folder, described = Path(prepared.processor_dir).parent, _described(differing, ours, theirs)
        raise ValueError(
            f"{folder} was prepared with another {part} than that of {model} ({described}).\n"
            "Prepare the corpus again for this model, or take the model that it was prepared for."
        )


def _described(names: Sequence[str], ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> str:
    said = []
    for name in names:
        pair = [json.dumps(facts.get(name), ensure_ascii=False) for facts in (ours, theirs)]
        is_short = all(len(value) <= 40 for value in pair)
        said.append(f"{name}: {pair[0]}, the model's {pair[1]}" if is_short else f"another {name}")
    return "; ".join(said[:3])


def _has_file(model: str, *names: str) -> bool:
    with named_place("pretrained encoder", model):
        return any(
            cached_file(
                model,
                name,
                _raise_exceptions_for_gated_repo=False,
                _raise_exceptions_for_missing_entries=False,
                _raise_exceptions_for_connection_errors=False,
            )
            is not None
            for name in names
        )
