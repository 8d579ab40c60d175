"""Whether explanations are true to the model: deleting what they name must change its prediction.

An explanation that names the words (or moments) that matter passes the deletion test: without the top share of them
the prediction changes more than without as many random ones (Samek et al. 2017, arXiv 1509.06321; DeYoung et al. 2020,
"ERASER", arXiv 1911.03429, section 5.2, calls it comprehensiveness).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch

from ..inference.processor_protocol import UtteranceProcessor
from ..metrics.intervals import bootstrap_intervals
from ..metrics.scores import label_names
from ..modeling_emobert import EmoBertForSequenceClassification
from .explain import Explanation, explain_prediction
from .explained_value import explained_value


# How the units of each modality are deleted.
REMOVALS = {"text": ("drop", "mask"), "speech": ("silence", "cut")}
# Another way to rank the units of an explanation: the explanation and its utterance to one value per word or span.
Ranking = Callable[[Explanation, Mapping[str, Any]], Any]


@dataclass(frozen=True)
class DeletionResult:
    """How far deletion moves the explained value, log-odds or score, over a set of utterances.

    Args:
        modality (`str`): `"text"` or `"speech"`.
        removal (`str`): how units were deleted.
        share (`float`): the share of an utterance's words or spans that was deleted, at least one.
        top (`float`): mean fall of the value without the units that the explanation puts first.
        random (`float`): mean fall without as many units drawn at random.
        difference (`float`): `top - random`.
        interval (`tuple[float, float]`): 95 % bootstrap interval of `difference` over utterances.
        wins (`float`): the share of utterances in which `top` is larger than its own mean over random draws.
        num_utterances (`int`): utterances that have at least two units; the others cannot be tested.
    """

    modality: str
    removal: str
    share: float
    top: float
    random: float
    difference: float
    interval: tuple[float, float]
    wins: float
    num_utterances: int

    def to_dict(self) -> dict[str, Any]:
        """All fields, in plain types that JSON can hold."""
        return {**asdict(self), "interval": list(self.interval)}


def deletion_faithfulness(
    model: EmoBertForSequenceClassification,
    processor: UtteranceProcessor,
    utterances: Sequence[Mapping[str, Any]],
    *,
    modality: str,
    removal: str | None = None,
    share: float = 0.2,
    num_draws: int = 10,
    explanations: Sequence[Explanation] | None = None,
    ranking: Ranking | None = None,
    seed: int = 0,
    n_resamples: int = 1000,
    **options: Any,
) -> DeletionResult:
    """Deletes the top words or time spans of each utterance, and random ones, and compares.

    For classification "top" are the units that speak most for the predicted label; for regression those that pull
    most in the direction of all together.

    Args:
        model ([`EmoBertForSequenceClassification`]): in evaluation mode.
        processor ([`EmoBertProcessor`]): of the model.
        utterances (`list[dict]`): `audio`, `text` or both, as for [`explain_prediction`]. To delete from speech,
            `audio` is a waveform `(samples,)` at the model's rate.
        modality (`str`): `"text"` or `"speech"`, what is deleted from; the other one stays.
        removal (`str`, *optional*): `"drop"` takes words out, `"mask"` puts the tokenizer's mask token in their place;
            `"silence"` sets spans to zero, `"cut"` takes them out, so that the recording gets shorter. By default the
            first of each.
        share (`float`, defaults to 0.2): of the units to delete.
        num_draws (`int`, defaults to 10): random deletions per utterance.
        explanations (`list[Explanation]`, *optional*): of the utterances, if they were made before.
        ranking (`Callable`, *optional*): another method to compare with: takes an explanation and its utterance and
            returns one value per unit, the highest to be deleted first; by default the explanation's own contributions
            in their [`explained_direction`].
        seed (`int`, defaults to 0): of the random deletions and of the bootstrap.
        n_resamples (`int`, defaults to 1000): bootstrap resamples.
        options: of [`explain_prediction`].

    Returns:
        [`DeletionResult`]

    Raises:
        ValueError: an option is unknown or out of range, there are more or fewer explanations than utterances, a
            recording is not a waveform, the tokenizer has no mask token, or no utterance has two units.

    Example:
        >>> deletion_faithfulness(model, processor, [{"text": "how nice"}], modality="text")  # doctest: +SKIP
    """
    if modality not in REMOVALS:
        raise ValueError(f"modality={modality!r} must be one of {', '.join(REMOVALS)}.")
    deletion = _Deletion(modality, removal or REMOVALS[modality][0], share, num_draws)
    if explanations is not None and len(explanations) != len(utterances):
        raise ValueError(f"There are {len(explanations)} explanations of {len(utterances)} utterances: one of each.")
    generator = np.random.default_rng(seed)
    top_falls, random_falls = [], []
    for index, utterance in enumerate(utterances):
        if modality == "speech":
            _check_waveform(utterance, index)
        explanation = (
            explain_prediction(model, processor, utterance, **options) if explanations is None else explanations[index]
        )
        falls = deletion.falls(model, processor, utterance, explanation, ranking, generator)
        if falls is None:
            continue
        top_falls.append(falls[0])
        random_falls.append(falls[1:].mean())
    if not top_falls:
        raise ValueError(f"None of the {len(utterances)} utterances has two units of {modality} to choose from.")
    top, random = np.array(top_falls), np.array(random_falls)
    interval = bootstrap_intervals(_difference, top, random, n_resamples=n_resamples, seed=seed)["difference"]
    return DeletionResult(
        modality=modality,
        removal=deletion.removal,
        share=share,
        top=float(top.mean()),
        random=float(random.mean()),
        difference=float((top - random).mean()),
        interval=interval,
        wins=float((top > random).mean()),
        num_utterances=len(top),
    )


def explained_direction(explanation: Explanation, units: Sequence[Any]) -> float:
    """Where an explanation's words or spans pull the explained value all together.

    Args:
        explanation ([`Explanation`]): of a prediction.
        units (`list`): its `words` or its `spans`.

    Returns:
        `float`: for regression the sign of the sum of their contributions; 1 for classification, where the question
        is always what speaks for the label.
    """
    if explanation.unit != "score":
        return 1.0
    return -1.0 if sum(unit.attribution for unit in units) < 0 else 1.0


def explained_values(
    model: EmoBertForSequenceClassification,
    processor: UtteranceProcessor,
    utterances: Sequence[Mapping[str, Any]],
    *,
    label: int,
) -> np.ndarray:
    """The explained value of each utterance, in one batch.

    Args:
        model ([`EmoBertForSequenceClassification`]): in evaluation mode.
        processor ([`EmoBertProcessor`]): of the model.
        utterances (`list[dict]`): `audio`, `text` or both, all of one kind.
        label (`int`): whose value.

    Returns:
        `array` of shape `(utterances,)`: see [`explained_value`].
    """
    columns = {name: [row.get(name) for row in utterances] for name in ("audio", "text")}
    batch = processor(
        **{name: rows for name, rows in columns.items() if any(row is not None for row in rows)},
        sampling_rate=processor.feature_extractor.sampling_rate,
        return_tensors="pt",
    )
    with torch.no_grad():
        logits = model(**{name: tensor.to(model.device) for name, tensor in batch.items()}).logits
    return explained_value(logits, label, model.config).cpu().double().numpy()


@dataclass(frozen=True)
class _Deletion:
    """What is deleted of an utterance, and how: arguments of [`deletion_faithfulness`]."""

    modality: str
    removal: str
    share: float
    num_draws: int

    def __post_init__(self):
        known = REMOVALS[self.modality]
        if self.removal not in known:
            raise ValueError(f"removal={self.removal!r} of {self.modality} must be one of {', '.join(known)}.")
        if not 0 < self.share < 1 or self.num_draws < 1:
            raise ValueError(
                f"share={self.share} must lie between 0 and 1, and num_draws={self.num_draws} be at least 1."
            )

    def falls(
        self,
        model: EmoBertForSequenceClassification,
        processor: UtteranceProcessor,
        utterance: Mapping[str, Any],
        explanation: Explanation,
        ranking: Ranking | None,
        generator: np.random.Generator,
    ) -> np.ndarray | None:
        """How far the value falls `(1 + num_draws,)`, without the top units first; None of fewer than two units."""
        units: Sequence[Any] = explanation.words if self.modality == "text" else explanation.spans
        count = len(units)
        if count < 2:
            return None
        sign = explained_direction(explanation, units)
        values = np.array([sign * unit.attribution for unit in units])
        if ranking is not None:
            values = np.asarray(ranking(explanation, utterance), dtype=np.float64)
        num_deleted = min(max(1, round(self.share * count)), count - 1)
        choices = [np.argsort(-values, kind="stable")[:num_deleted]]
        choices += [generator.choice(count, num_deleted, replace=False) for _ in range(self.num_draws)]
        rows = [_without(utterance, [units[place] for place in choice], self.removal, processor) for choice in choices]
        label = label_names(model.config).index(explanation.label)
        return sign * (explanation.value - explained_values(model, processor, rows, label=label))


def _difference(top: np.ndarray, random: np.ndarray) -> dict[str, float]:
    return {"difference": float((top - random).mean())}


def _check_waveform(utterance: Mapping[str, Any], index: int) -> None:
    audio = utterance.get("audio")
    if not isinstance(audio, np.ndarray) or audio.ndim != 1:
        raise ValueError(
            f"The audio of utterance {index} is {type(audio).__name__}: to delete from it, pass a waveform (samples,) "
            "at the model's rate, such as load_audio(path) returns."
        )


def _without(
    utterance: Mapping[str, Any], units: list[Any], removal: str, processor: UtteranceProcessor
) -> dict[str, Any]:
    """The utterance without some of its words or spans."""
    if removal in REMOVALS["text"]:
        return {**utterance, "text": _text_without(utterance["text"], units, removal, processor)}
    rate = processor.feature_extractor.sampling_rate
    waveform = utterance["audio"].copy()
    keep = np.ones(len(waveform), dtype=bool)
    for span in units:
        keep[round(span.start_s * rate) : round(span.end_s * rate)] = False
    return {**utterance, "audio": waveform[keep] if removal == "cut" else np.where(keep, waveform, 0)}


def _text_without(text: str, words: list[Any], removal: str, processor: UtteranceProcessor) -> str:
    mask = processor.tokenizer.mask_token if removal == "mask" else ""
    if mask is None:
        raise ValueError(f"{type(processor.tokenizer).__name__} has no mask token: use removal='drop'.")
    for word in sorted(words, key=lambda word: -word.start):
        text = text[: word.start] + mask + text[word.end :]
    return " ".join(text.split())
