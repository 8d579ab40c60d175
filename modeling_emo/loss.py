"""EmoBERT's losses: one per `problem_type`, with class weights, and the three regression losses."""

from __future__ import annotations

import torch
from numpy.typing import ArrayLike
from torch import nn

from configuration_emo.configuration_emobert import EmoBertConfig


# A label entry with this value has no loss; Trainer does not count it either.
IGNORED_LABEL = -100


def emotion_loss(
    labels: torch.Tensor,
    pooled_logits: torch.Tensor,
    config: EmoBertConfig,
    num_items_in_batch: torch.Tensor | int | None = None,
    **kwargs,
) -> torch.Tensor:
    """The loss that `config.problem_type` names.

    Args:
        labels (`torch.Tensor`): see [`EmoBertForSequenceClassification`] for the shape per problem type. Entries of
            -100 (`IGNORED_LABEL`) have no loss and are not counted.
        pooled_logits (`torch.Tensor` of shape `(batch, num_labels)` or `(batch, num_labels, 2)`): scores before
            softmax or sigmoid; for regression the predictions.
        config ([`EmoBertConfig`]): problem type, regression loss, class weights and label smoothing.
        num_items_in_batch (`int`, *optional*): number of label entries over all accumulated micro-batches and
            processes. When given, the sum of the losses is divided by it instead of by this batch's own count, so that
            accumulation and several processes weigh each utterance alike. The CCC is no mean over utterances: each
            process and micro-batch has its own, weighted with its share of the entries.

    Returns:
        `torch.Tensor`: a scalar.

    Raises:
        ValueError: the labels' shape does not fit the logits.

    Example:

    ```python
    >>> import torch
    >>> from configuration_emo import EmoBertConfig
    >>> from modeling_emo import emotion_loss

    >>> config = EmoBertConfig(num_labels=1, problem_type="regression", regression_loss="l1")
    >>> emotion_loss(torch.tensor([1.0, -1.0]), torch.tensor([[0.5], [0.0]]), config).item()
    0.75

    ```
    """
    return LOSSES[str(config.problem_type)](labels.to(pooled_logits.device), pooled_logits, config, num_items_in_batch)


def single_label_loss(labels, logits, config, num_items_in_batch=None):
    """Cross-entropy over `(batch, num_labels)` logits and class indices `(batch,)`; weights, smoothing as in torch."""
    options = {
        "weight": _class_weights(logits, config),
        "label_smoothing": config.label_smoothing,
        "ignore_index": IGNORED_LABEL,
    }
    if num_items_in_batch is None:
        return nn.functional.cross_entropy(logits, labels.view(-1).long(), **options)
    loss = nn.functional.cross_entropy(logits, labels.view(-1).long(), reduction="sum", **options)
    return loss / num_items_in_batch


def multi_label_loss(labels, logits, config, num_items_in_batch=None):
    """Binary cross-entropy of each label, mean over batch and labels; labels are a 0/1 row `(batch, num_labels)`."""
    _check_same_shape(labels, logits)
    targets = labels.to(logits.dtype) * (1 - config.label_smoothing) + config.label_smoothing / 2
    losses = nn.functional.binary_cross_entropy_with_logits(
        logits, targets, pos_weight=_class_weights(logits, config), reduction="none"
    )
    return _reduce(losses, labels, num_items_in_batch)


def one_vs_rest_loss(labels, logits, config, num_items_in_batch=None):
    """A two-way softmax per emotion, absent against present (the paper's IEMOCAP target).

    Args:
        labels: class indices `(batch,)` or 0/1 rows `(batch, num_labels)`.
        logits: `(batch, num_labels, 2)`, `[..., 1]` for present.

    Returns:
        The negative log-likelihood, mean over batch and emotions.
    """
    classes = labels.long().masked_fill(labels == IGNORED_LABEL, 0)
    if labels.dim() == 1 or labels.shape != logits.shape[:2]:
        present = nn.functional.one_hot(classes.view(-1), logits.shape[1])
        labels = labels.view(-1, 1)
    else:
        present = classes
    if present.shape != logits.shape[:2]:
        raise ValueError(f"Labels of shape {tuple(labels.shape)} do not fit logits of shape {tuple(logits.shape)}.")
    losses = nn.functional.cross_entropy(
        logits.flatten(0, 1), present.flatten(), reduction="none", label_smoothing=config.label_smoothing
    ).view_as(present)
    weight = _class_weights(logits, config)
    if weight is not None:
        losses = torch.where(present.bool(), losses * weight, losses)
    return _reduce(losses, labels, num_items_in_batch)


def regression_loss(labels, logits, config, num_items_in_batch=None):
    """Mean squared error, mean absolute error or one minus the mean concordance correlation, of each score."""
    if labels.dim() == 1 and logits.shape[-1] == 1:
        logits = logits.squeeze(-1)
    _check_same_shape(labels, logits)
    labels = labels.to(logits.dtype)
    if config.regression_loss == "ccc":
        return _concordance_loss(labels, logits, num_items_in_batch)
    criterion = nn.functional.mse_loss if config.regression_loss == "mse" else nn.functional.l1_loss
    return _reduce(criterion(logits, labels, reduction="none"), labels, num_items_in_batch)


def split_loss(logits: ArrayLike, labels: ArrayLike, config: EmoBertConfig) -> float:
    """The loss over a whole split at once, whatever the batches and processes that computed the logits.

    Args:
        logits (`array` of shape `(utterances, num_labels[, 2])`): the model's.
        labels (`array`): as [`emotion_loss`] takes them.
        config ([`EmoBertConfig`]): names the loss.
    """
    return emotion_loss(torch.as_tensor(labels), torch.as_tensor(logits), config).item()


def batch_concordance(predictions: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Lin's concordance correlation coefficient over the batch (Lin 1989), per score.

    Args:
        predictions (`torch.Tensor` of shape `(batch,)` or `(batch, scores)`): predicted scores.
        labels (`torch.Tensor` of the same shape): true scores.

    Returns:
        `torch.Tensor` of shape `()` or `(scores,)`: `2 cov / (var_p + var_y + (mean_p - mean_y)^2)`, population
        moments; 0 where both are constant and equal.
    """
    # The moments cancel badly in half precision.
    predictions, labels = predictions.float(), labels.float()
    mean_difference = predictions.mean(0) - labels.mean(0)
    covariance = ((predictions - predictions.mean(0)) * (labels - labels.mean(0))).mean(0)
    spread = predictions.var(0, correction=0) + labels.var(0, correction=0) + mean_difference.square()
    return 2 * covariance / spread.clamp(min=torch.finfo(spread.dtype).tiny)


def _class_weights(logits, config):
    return None if config.class_weights is None else logits.new_tensor(config.class_weights)


def _check_same_shape(labels, logits):
    if labels.shape != logits.shape:
        raise ValueError(f"Labels of shape {tuple(labels.shape)} do not fit logits of shape {tuple(logits.shape)}.")


def _concordance_loss(labels, predictions, num_items_in_batch):
    """One minus the mean CCC over the utterances whose scores are all known, as this batch's share of all."""
    known = labels != IGNORED_LABEL
    complete = known if known.dim() == 1 else known.all(-1)
    if not complete.any():
        return predictions.sum() * 0.0
    loss = 1 - batch_concordance(predictions[complete], labels[complete]).mean()
    return loss if num_items_in_batch is None else loss * known.sum() / num_items_in_batch


def _reduce(losses, labels, num_items_in_batch):
    """Mean of the element-wise losses; each label entry counts as many losses as it stands for."""
    known = labels != IGNORED_LABEL
    num_items = known.sum() if num_items_in_batch is None else num_items_in_batch
    losses_per_item = losses.numel() // labels.numel()
    return torch.where(known, losses, 0.0).sum() / (num_items * losses_per_item)


LOSSES = {
    "single_label_classification": single_label_loss,
    "multi_label_classification": multi_label_loss,
    "one_vs_rest_classification": one_vs_rest_loss,
    "regression": regression_loss,
}
