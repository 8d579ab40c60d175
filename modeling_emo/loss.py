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
    weight_in_batch: torch.Tensor | float | None = None,
    rows: torch.Tensor | None = None,
    votes: torch.Tensor | None = None,
    **kwargs,
) -> torch.Tensor:
    """The loss that `config.problem_type` names: a sum over the labels, divided by what they weigh ([`label_weight`]).

    Over one batch that is the mean, with class weights torch's weighted one. Over several micro-batches or processes
    it is the mean of them all where the caller says what all of them weigh; their losses then add up.

    Args:
        labels (`torch.Tensor`): see [`EmoBertForSequenceClassification`] for the shape per problem type. Entries of
            -100 (`IGNORED_LABEL`) have no loss and are not counted.
        pooled_logits (`torch.Tensor` of shape `(batch, num_labels)` or `(batch, num_labels, 2)`): scores before
            softmax or sigmoid; for regression the predictions.
        config ([`EmoBertConfig`]): problem type, loss, class weights and label smoothing.
        num_items_in_batch (`int`, *optional*): number of label entries over all accumulated micro-batches and
            processes, which Trainer passes. What they weigh is estimated from it, with the mean class weight of this
            batch; without class weights, and for a single batch, it is exact.
        weight_in_batch (`float`, *optional*): what they weigh, exactly: [`EmoBertTrainer`] passes it.
        rows (`torch.Tensor` of shape `(batch,)`, *optional*): True for the rows that have a loss. The others have
            none, but weigh as much as before.
        votes (`torch.Tensor` of shape `(batch, num_labels)`, *optional*): single-label only, the share of each
            class among the annotators' votes, in the place of 1 for the class of `labels`. Rows of NaN have no votes.
            Which rows have a loss, and what they weigh, still follows from `labels`.

    The CCC and the soft F1 are no means over utterances: each process and micro-batch has its own, weighted with its
    share of labels.

    Returns:
        `torch.Tensor`: a scalar; 0 where there is no label.

    Raises:
        ValueError: the labels' shape does not fit the logits, or soft labels are given for another problem type.

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
    labels = labels.to(pooled_logits.device)
    total = weight_in_batch
    if total is None and num_items_in_batch is not None:
        total = num_items_in_batch * _mean_label_weight(labels, config)
    if total is None:
        total = label_weight(labels, config)
    if rows is not None:
        labels = _labels_of(rows, labels)
    if votes is None:
        return LOSSES[str(config.problem_type)](labels, pooled_logits, config, total)
    if not config.problem.is_exclusive:
        raise ValueError(f"Soft labels are for single-label classification, problem_type is {config.problem_type!r}.")
    _check_same_shape(votes, pooled_logits)
    return single_label_loss(labels, pooled_logits, config, total, votes.to(pooled_logits))


def label_weight(labels: torch.Tensor, config: EmoBertConfig) -> torch.Tensor:
    """What the loss of a batch is divided by: its label entries, of a single label with class weights their weights.

    Args:
        labels (`torch.Tensor`): as [`emotion_loss`] takes them; entries of -100 weigh nothing.
        config ([`EmoBertConfig`]): problem type and class weights.

    Returns:
        `torch.Tensor`: a scalar. Those of micro-batches and processes add up to the `weight_in_batch` of all.

    Example:

    ```python
    >>> import torch
    >>> from configuration_emo import EmoBertConfig
    >>> from modeling_emo import label_weight

    >>> config = EmoBertConfig(num_labels=3, class_weights=[0.5, 2.0, 1.0])
    >>> label_weight(torch.tensor([0, 1, 1, -100]), config).item()
    4.5

    ```
    """
    known = labels != IGNORED_LABEL
    if not has_weighted_mean(config):
        return known.sum()
    weights = torch.tensor(config.class_weights, device=labels.device)
    return torch.where(known, weights[labels.long().clamp(min=0)], 0.0).sum()


def has_weighted_mean(config: EmoBertConfig) -> bool:
    """Whether labels weigh differently, as in torch's weighted cross-entropy."""
    return config.class_weights is not None and config.problem.is_exclusive


def single_label_loss(labels, logits, config, total, votes=None):
    """Cross-entropy, focal loss or soft F1 over `(batch, num_labels)` logits and class indices `(batch,)`.

    With targets t (1 for the class, or the votes' shares; label smoothing spreads a part of them), probabilities p and
    class weights w the cross-entropy of a row is - sum_c w_c t_c log p_c, torch's own, and the focal loss (Lin et al.,
    arXiv 1708.02002) - sum_c w_c t_c (1 - p_c)^gamma log p_c.
    """
    labels = labels.view(-1).long()
    if votes is None and config.classification_loss == "cross_entropy":
        loss = nn.functional.cross_entropy(
            logits,
            labels,
            weight=_class_weights(logits, config),
            label_smoothing=config.label_smoothing,
            ignore_index=IGNORED_LABEL,
            reduction="sum",
        )
        return _divide(loss, total)
    known = labels != IGNORED_LABEL
    targets = nn.functional.one_hot(labels.clamp(min=0), logits.shape[-1]).to(logits.dtype)
    if votes is not None:
        targets = torch.where(votes.isnan().any(-1, keepdim=True), targets, votes)
    present = (targets[known] > 0).any(0)
    targets = targets * (1 - config.label_smoothing) + config.label_smoothing / logits.shape[-1]
    if config.classification_loss == "soft_f1":
        return _soft_f1_loss(targets[known], logits[known], present, total)
    log_probabilities = nn.functional.log_softmax(logits, dim=-1)
    losses = -targets * log_probabilities
    if config.classification_loss == "focal":
        # Of a certain prediction the power has no finite gradient for exponents below 1.
        missing = (1 - log_probabilities.exp()).clamp(min=torch.finfo(logits.dtype).eps)
        losses = losses * missing**config.focal_gamma
    weights = _class_weights(logits, config)
    losses = losses if weights is None else losses * weights
    return _divide(losses[known].sum(), total)


def multi_label_loss(labels, logits, config, total):
    """Binary cross-entropy of each label, mean over batch and labels; labels are a 0/1 row `(batch, num_labels)`."""
    _check_same_shape(labels, logits)
    targets = labels.to(logits.dtype) * (1 - config.label_smoothing) + config.label_smoothing / 2
    losses = nn.functional.binary_cross_entropy_with_logits(
        logits, targets, pos_weight=_class_weights(logits, config), reduction="none"
    )
    return _mean(losses, labels, total)


def one_vs_rest_loss(labels, logits, config, total):
    """A two-way softmax per emotion, absent against present (the paper's IEMOCAP target).

    Args:
        labels: class indices `(batch,)` or 0/1 rows `(batch, num_labels)`.
        logits: `(batch, num_labels, 2)`, `[..., 1]` for present.

    Returns:
        The negative log-likelihood, mean over batch and emotions.
    """
    classes = labels.long().masked_fill(labels == IGNORED_LABEL, 0)
    if labels.shape != logits.shape[:2]:
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
    return _mean(losses, labels, total)


def regression_loss(labels, logits, config, total):
    """Mean squared error, mean absolute error or one minus the mean concordance correlation, of each score."""
    if labels.dim() == 1 and logits.shape[-1] == 1:
        logits = logits.squeeze(-1)
    _check_same_shape(labels, logits)
    labels = labels.to(logits.dtype)
    if config.regression_loss == "ccc":
        return _concordance_loss(labels, logits, total)
    criterion = nn.functional.mse_loss if config.regression_loss == "mse" else nn.functional.l1_loss
    return _mean(criterion(logits, labels, reduction="none"), labels, total)


def split_loss(logits: ArrayLike, labels: ArrayLike, config: EmoBertConfig) -> float:
    """The loss over a whole split at once, whatever the batches and processes that computed the logits.

    Args:
        logits (`array` of shape `(utterances, num_labels[, 2])`): the model's.
        labels (`array`): as [`emotion_loss`] takes them.
        config ([`EmoBertConfig`]): names the loss.

    Returns:
        `float`: NaN if no utterance has a label.
    """
    known = torch.as_tensor(labels) != IGNORED_LABEL
    if not known.any():
        return float("nan")
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


def _mean_label_weight(labels, config):
    """Mean weight of a label of the batch; 1 where all weigh alike, 0 without any."""
    if not has_weighted_mean(config):
        return 1
    return label_weight(labels, config) / (labels != IGNORED_LABEL).sum().clamp(min=1)


def _labels_of(rows, labels):
    """The labels without those of other rows."""
    if not labels.dtype.is_signed:
        labels = labels.long()
    return labels.masked_fill(~rows.to(labels.device).view(-1, *[1] * (labels.dim() - 1)), IGNORED_LABEL)


def _class_weights(logits, config):
    return None if config.class_weights is None else logits.new_tensor(config.class_weights)


def _check_same_shape(labels, logits):
    if labels.shape != logits.shape:
        raise ValueError(f"Labels of shape {tuple(labels.shape)} do not fit logits of shape {tuple(logits.shape)}.")


def _concordance_loss(labels, predictions, total):
    """One minus the mean CCC over the utterances whose scores are all known, as this batch's share of all."""
    known = labels != IGNORED_LABEL
    complete = known if known.dim() == 1 else known.all(-1)
    if not complete.any():
        return predictions.sum() * 0.0
    loss = 1 - batch_concordance(predictions[complete], labels[complete]).mean()
    return _divide(loss * known.sum(), total)


def _soft_f1_loss(targets, logits, present, total):
    """One minus the mean F1 of the classes that are present in the batch, with probabilities in the place of
    predictions, as this batch's share of all: for each class 2 sum(p t) / (sum(p) + sum(t))."""
    probabilities = nn.functional.softmax(logits, dim=-1)
    if not present.any():
        return logits.sum() * 0.0
    overlap = 2 * (probabilities * targets).sum(0) / (probabilities + targets).sum(0)
    return _divide((1 - overlap[present].mean()) * len(targets), total)


def _mean(losses, labels, total):
    """Mean of the element-wise losses; each label entry counts as many losses as it stands for."""
    known = labels != IGNORED_LABEL
    losses_per_item = losses.numel() // labels.numel()
    return _divide(torch.where(known, losses, 0.0).sum(), total * losses_per_item)


def _divide(loss, total):
    """0 rather than NaN where nothing has a label."""
    total = torch.as_tensor(total, device=loss.device)
    return loss / torch.where(total > 0, total, 1)


LOSSES = {
    "single_label_classification": single_label_loss,
    "multi_label_classification": multi_label_loss,
    "one_vs_rest_classification": one_vs_rest_loss,
    "regression": regression_loss,
}
