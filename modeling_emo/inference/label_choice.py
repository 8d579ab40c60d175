"""Some of a model's labels, under other names: what a user of a trained model restricts and renames."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from configuration_emo.configuration_emobert import EmoBertConfig
from configuration_emo.configuration_emotion2vec import Emotion2VecConfig
from configuration_emo.shown_values import shown

from ..metrics.scores import label_names
from ..metrics.values import Floats


class LabelChoice:
    """Which labels are reported, and how they are called.

    Args:
        config ([`EmoBertConfig`] or [`Emotion2VecConfig`]): the model's labels and `problem_type`; disallowed labels
            are none of them.
        labels (sequence of `str` or mapping of `str` to `str`, *optional*): the labels to keep, or the labels to keep
            with their new names; all of them if left out. Several labels may get one name: of classes that exclude
            each other the probabilities are added, of independent ones the largest is taken.

    Raises:
        ValueError: there is no such label, none is kept, or predicted values (`regression`) would be merged.

    Example:
        >>> from configuration_emo import EmoBertConfig
        >>> config = EmoBertConfig(id2label={0: "ang", 1: "exc", 2: "hap", 3: "xxx"})
        >>> choice = LabelChoice(config, {"ang": "anger", "exc": "joy", "hap": "joy"})
        >>> choice.names, choice.apply([0.2, 0.1, 0.1, 0.6]).tolist()
        (['anger', 'joy'], [0.5, 0.5])
    """

    def __init__(
        self,
        config: EmoBertConfig | Emotion2VecConfig,
        labels: Sequence[str] | Mapping[str, str] | None = None,
    ):
        every = label_names(config)
        disallowed = getattr(config, "disallowed_labels", None) or []
        known = [label for label in every if label not in disallowed]
        if labels is None:
            labels = known
        renamed: dict[str, str] = {}  # of labels that are none, such as a number or one string
        if isinstance(labels, Collection) and not isinstance(labels, str) and _are_names(labels):
            renamed = dict(labels) if isinstance(labels, Mapping) else {label: label for label in labels}
        unknown = [label for label in renamed if label not in known]
        if unknown or not renamed:
            never = f" ({', '.join(disallowed)} are disallowed)" if set(unknown) & set(disallowed) else ""
            said = f"labels must be some of {', '.join(known)}, or a mapping from them, got {shown(labels)}{never}."
            if not config.problem.has_classes:
                names = ", ".join(known)
                said = (
                    f"This model predicts scores and no classes: labels are {names}, or left out, got {shown(labels)}."
                )
            raise ValueError(said)
        self.problem = config.problem
        self.names = list(dict.fromkeys(renamed.values()))
        if not self.problem.has_classes and len(self.names) < len(renamed):
            raise ValueError(f"Predicted values cannot be merged: give each a name of its own, got {labels!r}.")
        # The indices of the labels behind each name.
        self.members = [[every.index(label) for label in renamed if renamed[label] == name] for name in self.names]

    def apply(self, scores: Sequence[float] | Floats) -> Floats:
        """The scores of the kept labels.

        Args:
            scores (`array` of shape `(..., num_labels)`): of [`predictions_to_scores`].

        Returns:
            `array` of shape `(..., names)`: of classes that exclude each other probabilities that sum to 1 again, as
            if the others were known to be impossible.
        """
        values = np.asarray(scores, dtype=np.float64)
        if not self.problem.is_exclusive:
            return np.stack([values[..., members].max(-1) for members in self.members], axis=-1)
        kept = np.stack([values[..., members].sum(-1) for members in self.members], axis=-1)
        return kept / np.maximum(kept.sum(-1, keepdims=True), np.finfo(np.float64).tiny)


def _are_names(labels: Collection[object]) -> bool:
    names = [*labels, *labels.values()] if isinstance(labels, Mapping) else labels
    return all(isinstance(name, str) for name in names)
