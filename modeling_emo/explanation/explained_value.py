"""The one number of a prediction that an explanation takes apart: a label's log-odds, or a predicted score."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch.nn.functional import logsigmoid

from configuration_emo.configuration_emobert import EmoBertConfig

from ..metrics.scores import label_names, predictions_to_scores
from ..modeling_emobert import EmoBertForSequenceClassification
from ..modeling_outputs import EncodedSequence


def resolve_label(label: str | int | None, logits: torch.Tensor, config: EmoBertConfig) -> int:
    """The index of the label to explain.

    Args:
        label (`str` or `int`, *optional*): a name of `config.id2label`, or an index; by default the most probable
            label, for regression the only score.
        logits (`torch.Tensor` of shape `(1, num_labels[, 2])`): of the prediction.
        config ([`EmoBertConfig`]): its `problem_type` and labels.

    Raises:
        ValueError: there is no such label, or a regression has several scores and none is named.
    """
    names = label_names(config)
    if isinstance(label, str) and label in names:
        return names.index(label)
    if isinstance(label, int) and 0 <= label < len(names):
        return label
    if label is not None:
        raise ValueError(f"There is no label {label!r} to explain; the model has {', '.join(names)}.")
    if not config.problem.has_classes:
        if len(names) > 1:
            raise ValueError(f"The model predicts {len(names)} scores: pass label= one of {', '.join(names)}.")
        return 0
    return int(predictions_to_scores(logits.float().cpu().numpy(), config)[0].argmax())


def explained_value(logits: torch.Tensor, label: int, config: EmoBertConfig) -> torch.Tensor:
    """What is explained, in a unit in which contributions can be added.

    Args:
        logits (`torch.Tensor` of shape `(batch, num_labels)`, or `(batch, num_labels, 2)` for one-vs-rest).
        label (`int`): index of the label.
        config ([`EmoBertConfig`]): its `problem_type`.

    Returns:
        `torch.Tensor` of shape `(batch,)`, float32: the log-odds `ln(p / (1 - p))` of the label's probability p, for
        every kind of classification; for `regression` the score itself.

    Example:
        >>> import torch
        >>> from configuration_emo import EmoBertConfig
        >>> config = EmoBertConfig(problem_type="single_label_classification", num_labels=2)
        >>> explained_value(torch.tensor([[3.0, 1.0]]), 0, config)
        tensor([2.])
    """
    logits = logits.float()
    if config.problem.logits_per_label > 1:
        return logits[:, label, 1] - logits[:, label, 0]
    if not config.problem.is_exclusive:
        return logits[:, label]
    if logits.shape[1] == 1:  # nothing to compare with
        return logsigmoid(logits[:, label])
    others = torch.cat([logits[:, :label], logits[:, label + 1 :]], dim=1)
    return logits[:, label] - others.logsumexp(dim=1)


@dataclass(frozen=True)
class ExplainedPrediction:
    """One prediction and the number of it that is taken apart.

    Args:
        model ([`EmoBertForSequenceClassification`]): in evaluation mode.
        text, speech ([`EncodedSequence`] of one row, *optional*): what the encoders made of the utterance, without
            gradient; None where absent.
        label (`int`): whose value is explained.
        value (`float`): the explained value of the whole utterance.
    """

    model: EmoBertForSequenceClassification
    text: EncodedSequence | None
    speech: EncodedSequence | None
    label: int
    value: float

    def value_with_text(self, text: EncodedSequence) -> torch.Tensor:
        """The explained value `(rows,)` with other texts in the place of this one; the voice stays as it is."""
        return explained_value(fused_logits(self.model, text, self.speech), self.label, self.model.config)

    def value_with_speech(self, speech: EncodedSequence) -> torch.Tensor:
        """The explained value `(rows,)` with other voices in the place of this one; the text stays as it is."""
        return explained_value(fused_logits(self.model, self.text, speech), self.label, self.model.config)


def fused_logits(
    model: EmoBertForSequenceClassification, text: EncodedSequence | None, speech: EncodedSequence | None
) -> torch.Tensor:
    """Logits of encoded rows.

    Args:
        model ([`EmoBertForSequenceClassification`]): the classifier.
        text, speech ([`EncodedSequence`] of `rows` rows, or of one row for all, *optional*): None where absent.

    Returns:
        `torch.Tensor` of shape `(rows, num_labels[, 2])`.
    """
    rows = max(len(sequence.mask) for sequence in (text, speech) if sequence is not None)
    present = torch.ones(rows, dtype=torch.bool, device=model.device)
    outputs = model.emobert.fuse(
        _repeated(text, rows),
        _repeated(speech, rows),
        present if text is not None else ~present,
        present if speech is not None else ~present,
    )
    return model._logits(outputs["pooler_output"])


def _repeated(sequence: EncodedSequence | None, rows: int) -> EncodedSequence | None:
    if sequence is None or len(sequence.mask) == rows:
        return sequence
    states = sequence.hidden_states
    return EncodedSequence(states.expand(rows, *states.shape[1:]), sequence.mask.expand(rows, -1))
