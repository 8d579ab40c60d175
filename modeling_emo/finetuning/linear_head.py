"""The classifier as a linear probe of the pooled vectors, in closed form: for frozen encoders and small corpora."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from configuration_emo.configuration_emobert import MODALITIES

from ..loss import IGNORED_LABEL
from ..modeling_emobert import EmoBertForSequenceClassification
from ..speaker_adaptation import fit_speaker_statistics
from .fitted_settings import drop_fitted_settings
from .logistic import choose_logistic, fit_logistic
from .ridge import Ridge, choose_ridge, fit_ridge


KINDS = ("ridge", "logistic")
PROBLEMS = ("single_label_classification", "regression")
# How sharp the scores of classes, which lie between 0 and 1, are made: the best of these on the held-out rows.
SHARPNESS = np.geomspace(1, 100, 41)


@dataclass(frozen=True)
class LinearHead:
    """What [`fit_linear_head`] found.

    Args:
        penalty (`float`): of the ridge regression, relative to the mean squared length of a row.
        shares (`dict[str, float]`): how much of a row's length is `text` and how much `speech`.
        sharpness (`float`): factor on the scores, 1 for regression.
        error (`float`): mean squared error on held-out groups, for a logistic regression the cross-entropy;
            `errors` are those of each modality alone.
        errors (`dict[str, float]`): see `error`.
        speaker_statistics (`str`): `"fitted"`, or why the model has none.
    """

    penalty: float
    shares: dict[str, float]
    sharpness: float
    error: float
    errors: dict[str, float]
    speaker_statistics: str


@torch.no_grad()
def fit_linear_head(
    model: EmoBertForSequenceClassification,
    batches: Iterable[Mapping[str, torch.Tensor]],
    groups: Sequence[object] | None = None,
    *,
    kind: str = "ridge",
) -> LinearHead:
    """Sets the last layer of a model, in place, to a ridge regression of the training data's pooled vectors.

    Penalty and the shares of text and speech are chosen on held-out groups of the training data. A modality is used
    beside the other only where that helps there by more than chance (one standard error), so fusion with a text that
    says nothing is the speech alone. Scores of classes are sharpened so that their softmax fits the held-out rows. The
    stand-ins of missing modalities are set so that they say nothing. Training can go on from there, or stop there. A
    `temperature` of the last layer before is dropped.

    What held-out speakers tell of how speakers differ is kept in the configuration, for [`adapt_to_speakers`].

    Args:
        model ([`EmoBertForSequenceClassification`]): with `fusion="shallow"`, for one label of several or regression.
        batches (iterable of `dict[str, torch.Tensor]`): collated training rows with their labels.
        groups (sequence, *optional*): the speaker of each row, in the order of the batches.
        kind (`str`, defaults to `"ridge"`): or `"logistic"`, a multinomial logistic regression, found by iteration.
            Where there are text and speech it uses both alike, whatever they say.

    Returns:
        [`LinearHead`]: what was chosen.

    Raises:
        ValueError: another fusion or kind of problem, or groups that do not fit the rows.

    Example:

    ```python
    >>> import torch
    >>> from transformers import RobertaConfig
    >>> from configuration_emo import EmoBertConfig
    >>> from modeling_emo import EmoBertForSequenceClassification, fit_linear_head

    >>> encoder = RobertaConfig(vocab_size=50, hidden_size=16, num_hidden_layers=1, num_attention_heads=2)
    >>> config = EmoBertConfig.from_text_speech_configs(encoder, encoder, fusion="shallow", num_labels=2)
    >>> model = EmoBertForSequenceClassification(config)
    >>> ids = torch.tensor([[5, 6], [7, 8], [5, 9], [7, 9]])
    >>> head = fit_linear_head(model, [{"speech_input_ids": ids, "labels": torch.tensor([0, 1, 0, 1])}])
    >>> model.eval()(speech_input_ids=ids).logits.argmax(-1).tolist()
    [0, 1, 0, 1]

    ```
    """
    config = model.config
    if config.fusion != "shallow":
        raise ValueError(f"A linear head reads the pooled vectors: set fusion='shallow', not {config.fusion!r}.")
    if config.problem_type not in PROBLEMS:
        raise ValueError(f"A linear head is for {' or '.join(PROBLEMS)}, not for {config.problem_type!r}.")
    if kind not in KINDS or (kind == "logistic" and config.problem_type != "single_label_classification"):
        choices = f"{' or '.join(KINDS)}, which is for classes"
        raise ValueError(f"A linear head for {config.problem_type!r} cannot be of the kind {kind!r}: take {choices}.")
    features, present, labels = _pooled_rows(model, batches)
    if groups is not None and len(groups) != len(labels):
        raise ValueError(f"There are {len(groups)} groups for {len(labels)} rows of training data.")
    targets, row_weights = _targets(labels, model)
    drop_fitted_settings(config)
    counted = row_weights > 0
    features = {name: values[counted] for name, values in features.items() if present[name][counted].any()}
    present = {name: present[name][counted] for name in features}
    targets, row_weights = targets[counted], row_weights[counted] / row_weights[counted].mean()
    if groups is not None:
        groups = [group for group, counts in zip(groups, counted, strict=True) if counts]
    if kind == "logistic":
        logistic = choose_logistic(features, present, targets, row_weights, groups)
        _write(model, fit_logistic(features, present, targets, row_weights, logistic.penalty), 1.0)
        told = _fit_speakers(logistic.predictions, targets, groups, model)
        return LinearHead(logistic.penalty, dict.fromkeys(features, 1 / len(features)), 1.0, logistic.loss, {}, told)
    choice = choose_ridge(features, present, targets, row_weights, groups)
    ridge = fit_ridge(features, present, targets, row_weights, choice.shares, [choice.penalty])[0]
    sharpness = 1.0
    if config.problem.has_classes:
        sharpness = _best_sharpness(choice.predictions, targets.argmax(1), row_weights)
    _write(model, ridge, sharpness)
    told = _fit_speakers(sharpness * choice.predictions, targets, groups, model)
    return LinearHead(choice.penalty, choice.shares, sharpness, choice.error, choice.errors, told)


def _fit_speakers(
    logits: NDArray, targets: NDArray, groups: Sequence[object] | None, model: EmoBertForSequenceClassification
) -> str:
    """Writes speaker statistics of held-out logits into the configuration where there are enough speakers."""
    if groups is None or not model.config.problem.has_classes:
        return "none: speakers are not known" if groups is None else "none: scores are predicted, not classes"
    try:
        statistics = fit_speaker_statistics(logits, targets.argmax(1), groups, model.config)
    except ValueError as error:  # few speakers are no reason not to train
        return f"none: {error}"
    model.config.speaker_statistics = statistics.to_dict()
    return "fitted"


def _pooled_rows(
    model: EmoBertForSequenceClassification, batches: Iterable[Mapping[str, torch.Tensor]]
) -> tuple[dict[str, NDArray], dict[str, NDArray], NDArray]:
    """Pooled vectors and which rows have them, by modality, and the labels."""
    base, was_training = model.emobert, model.training
    vectors: list[torch.Tensor] = []
    has: dict[str, list[torch.Tensor]] = {name: [] for name in MODALITIES}
    labels = []
    model.eval()
    for batch in batches:
        inputs: Any = {name: tensor.to(model.device) for name, tensor in batch.items() if name != "labels"}
        output = base(**inputs, output_unimodal=True, return_dict=True)
        vectors.append(output.pooler_output.double().cpu())
        for name in MODALITIES:
            has[name].append(output[f"has_{name}"].cpu())
        labels.append(batch["labels"].cpu())
    model.train(was_training)
    if not vectors:
        raise ValueError("There are no rows of training data to fit a linear head to.")
    size = model.config.text_pooled_size
    rows = torch.cat(vectors).numpy()
    features = {"text": rows[:, :size], "speech": rows[:, size:]}
    return features, {name: torch.cat(has[name]).numpy() for name in MODALITIES}, torch.cat(labels).numpy()


def _targets(labels: NDArray, model: EmoBertForSequenceClassification) -> tuple[NDArray, NDArray]:
    """Targets `(rows, labels)` and how much each row counts; rows without a label count nothing."""
    config = model.config
    if not config.problem.has_classes:
        targets = labels.reshape(len(labels), -1).astype(np.float64)
        return targets, (targets != IGNORED_LABEL).all(1).astype(np.float64)
    known = labels != IGNORED_LABEL
    classes = np.where(known, labels, 0).astype(int)
    weights = np.ones(config.num_logits) if config.class_weights is None else np.array(config.class_weights, float)
    return np.eye(config.num_logits)[classes], weights[classes] * known


def _best_sharpness(scores: NDArray, classes: NDArray, row_weights: NDArray) -> float:
    """The factor on the scores whose softmax has the least cross-entropy."""

    def cross_entropy(factor: float) -> float:
        logits = factor * scores
        logits = logits - logits.max(1, keepdims=True)
        losses = np.log(np.exp(logits).sum(1)) - logits[np.arange(len(classes)), classes]
        return float(row_weights @ losses)

    return float(min(SHARPNESS, key=cross_entropy))


def _write(model: EmoBertForSequenceClassification, ridge: Ridge, sharpness: float) -> None:
    """Writes weights, bias and stand-ins into the model."""
    config, base = model.config, model.emobert
    sizes = {"text": config.text_pooled_size, "speech": config.speech_pooled_size}
    bias, blocks = sharpness * ridge.bias, []
    for name, size in sizes.items():
        if name not in ridge.weights:
            blocks.append(np.zeros((size, len(bias))))
            continue
        weight, mean = sharpness * ridge.weights[name], ridge.means[name]
        blocks.append(weight)
        bias = bias - mean @ weight
        stand_in: Any = base.get_submodule(f"{name}_stand_in")
        pooling: Any = base.get_submodule(f"{name}_pooling")
        width = len(stand_in.embedding)
        # Of one position all quantiles are alike, and its deviation is none.
        parts = len(mean) // width if pooling.kind == "quantiles" else 1
        moved = weight[: parts * width].reshape(parts, width, -1).sum(0)
        stand_in.embedding.copy_(torch.from_numpy(mean[: parts * width].reshape(parts, width).mean(0)))
        # That would say something: the position takes it back.
        pooled = pooling(*stand_in.sequence(1))[0].double().cpu().numpy()
        said = (pooled - mean) @ weight
        stand_in.embedding.sub_(torch.from_numpy(np.linalg.pinv(moved.T) @ said).to(stand_in.embedding))
    model.classifier.weight.copy_(torch.from_numpy(np.concatenate(blocks).T))
    model.classifier.bias.copy_(torch.from_numpy(bias))
