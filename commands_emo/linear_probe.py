"""The linear probe of a cross-validation: the speech encoder's layers once, then a regression per fold."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import DataLoader

from modeling_emo import (
    ConditionResult,
    EmoBertConfig,
    EmoBertForSequenceClassification,
    FoldPredictions,
    Predictions,
    fit_linear_probe,
    layer_statistics,
    summarize_runs,
)
from preprocess import EmoBertDataCollator, EmoBertProcessor, Fold, PreparedDataset, pooled, rows_with

from .fold_runs import folder_fingerprint


PROBE = "linear probe"
BATCH_SIZE = 16


def probe_folds(
    prepared: PreparedDataset,
    folds: Sequence[Fold],
    config: EmoBertConfig,
    train: Mapping[str, Any],
    output_dir: str | Path,
    *,
    task: str | None = None,
    speakers: Mapping[str, str] | None = None,
) -> tuple[dict[str, ConditionResult], dict[str, Any]]:
    """A row of the report for the probe, and what it chose in each fold.

    Args:
        prepared (`PreparedDataset`): the corpus; rows without speech are left out.
        folds (`list[Fold]`): of `prepared_folds`. Validation rows of a fold train the probe, too.
        config ([`EmoBertConfig`]): of the models that it stands beside: one label of several.
        train (`dict`): the section `train`: the encoders and `speech_own_length`.
        output_dir (`str` or `Path`): gets the statistics of the layers, which are computed once.
        task (`str`, *optional*): set of metrics.
        speakers (`dict[str, str]`, *optional*): speaker by utterance id.

    Raises:
        ValueError: another kind of problem than one label of several, or no row has speech.
    """
    check_probe(config.problem_type)
    every = pooled(prepared.datasets)
    ids, labels = every["id"][:], np.asarray(every["labels"][:])
    groups = None if speakers is None else [str(speakers.get(one)) for one in ids]
    with_speech = set(rows_with(every, ("speech",))["id"][:])
    features = _statistics(prepared, train, Path(output_dir))
    predictions, chosen = [], {}
    for fold in folds:
        rows, tested = (
            [row for row in part if ids[row] in with_speech] for part in ([*fold.train, *fold.validation], fold.test)
        )
        probe = fit_linear_probe(features, labels, rows, tested, config.num_logits, groups)
        chosen[fold.name] = {"layer": probe.layer, "C": probe.inverse_penalty}
        one = Predictions([ids[row] for row in tested], probe.logits, labels[tested])
        predictions.append(FoldPredictions(fold.name, 0, {PROBE: one}, "none"))
    return summarize_runs(predictions, config, task=task, speakers=speakers), chosen


def check_probe(problem_type: str | None) -> None:
    """ValueError where there is no probe for the kind of problem."""
    if problem_type != "single_label_classification":
        raise ValueError(f"--probe is for one label of several, not for {problem_type!r}: leave it out.")


def _statistics(prepared: PreparedDataset, train: Mapping[str, Any], output_dir: Path) -> NDArray[np.float32]:
    """`(rows, states, 2 * hidden)`, from the output folder where they are there already."""
    own_length = bool(train.get("speech_own_length", False))
    content = [prepared.info["fingerprint"], folder_fingerprint(train["speech_model"]), own_length]
    path = output_dir / f"probe_{hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]}.npz"
    if path.is_file():
        return np.load(path)["statistics"]
    model = EmoBertForSequenceClassification.from_text_speech_pretrained(
        train["text_model"],
        train["speech_model"],
        train.get("speech_tokenizer"),
        use_weighted_layer_sum=True,
        speech_own_length=own_length,
        fusion="shallow",
    )
    collator = EmoBertDataCollator(EmoBertProcessor.from_pretrained(prepared.processor_dir), modalities=("speech",))
    every = pooled(prepared.datasets)
    # A row without speech cannot be collated alone; it stays zeros.
    rows = rows_with(every, ("speech",))
    found = layer_statistics(model, DataLoader(rows, BATCH_SIZE, collate_fn=collator))  # type: ignore[arg-type]
    place = {one: row for row, one in enumerate(every["id"][:])}
    statistics = np.zeros((len(every), *found.shape[1:]), dtype=np.float32)
    statistics[[place[one] for one in rows["id"][:]]] = found
    partial = path.with_suffix(".part.npz")
    np.savez_compressed(partial, statistics=statistics)
    partial.rename(path)
    return statistics
