"""Emotion diarization: which emotion appears when, against a reference."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from configuration_emo.shown_values import shown

from .undefined import warn_undefined
from .values import ratio


Spans = list[tuple[float, float, str]]


def emotion_diarization_error(
    reference: Sequence[Mapping[str, Any]],
    predicted: Sequence[Mapping[str, Any]] | Mapping[str, Any],
    *,
    neutral: Collection[str] = ("neu", "neutral", "n"),
) -> dict[str, float]:
    """Emotion diarization error rate (EDER) of one recording, and what it is made of.

    Time counts, not segments. A neutral label, and what no segment covers, have no emotion. Of the time of the
    reference's segments (neutral ones included)

    - `missed`: there is an emotion, and none was predicted;
    - `false_alarm`: one was predicted where there is none;
    - `confusion`: others were predicted, and the right one was not;
    - `overlap`: the right one was predicted, and others at the same time.

    Where the reference names speakers each is scored for themselves, against the predictions of the same name; time
    and errors are added. Names are taken as they are: they must be the same on both sides.

    Args:
        reference (sequence of `dict`): `start` and `end` in seconds, `emotion`, and `speaker`, which all of them or
            none has. Segments of one speaker do not overlap, as a person has one emotion at a time here.
        predicted (sequence of `dict`, or a result of [`EmotionRecognitionPipeline`] with `chunks`): the same, which
            may overlap. Of a chunk the first label counts; silence has none, nor
            what the pipeline abstained from.
        neutral (collection of `str`): the labels that stand for no emotion.

    Returns:
        `dict[str, float]`: `eder`, which is the sum of the next four; these as shares of the reference's time; and
        `seconds`, that time. A recording whose predictions go on beyond the reference may have an `eder` over 1.

    Raises:
        ValueError: a segment lacks something, has no length or overlaps another of its speaker in the reference; or
            speakers are named by some only, or in the reference and by nobody in the predictions.

    Source: Wang et al. 2023 (arXiv 2306.12991), equation 1, where the reference covers the whole utterance.

    Example:
        >>> reference = [{"start": 0, "end": 6, "emotion": "neutral"}, {"start": 6, "end": 10, "emotion": "sad"}]
        >>> predicted = [{"start": 0, "end": 5, "emotion": "neutral"}, {"start": 5, "end": 10, "emotion": "sad"}]
        >>> emotion_diarization_error(reference, predicted)["eder"]
        0.1
    """
    if isinstance(neutral, str) or not isinstance(neutral, Collection):
        raise ValueError(f"neutral must be a list of labels, such as ['neutral'], got {shown(neutral)}.")
    truth = _by_speaker(reference, "reference")
    guesses = _by_speaker(_segments(predicted), "predicted")
    has_speakers = list(truth) != [None]
    if has_speakers and None in guesses:
        raise ValueError("The reference names speakers, and the predictions do not. Leave speakers out of both.")
    if not has_speakers:
        guesses = {None: [span for spans in guesses.values() for span in spans]}
    names = dict.fromkeys([*truth, *guesses])
    errors = np.zeros(4)
    seconds = 0.0
    for speaker in names:
        spans = sorted(truth.get(speaker, []))
        for (_, end, _), (start, _, _) in zip(spans, spans[1:], strict=False):
            if start < end - 1e-9:
                raise ValueError(
                    f"Two segments of the reference overlap at {start:g} s. Name their speakers, or cut them."
                )
        seconds += sum(end - start for start, end, _ in spans)
        errors += _errors(spans, guesses.get(speaker, []), set(neutral))
    shares = dict(zip(("missed", "false_alarm", "confusion", "overlap"), ratio(errors, seconds).tolist(), strict=True))
    metrics = {"eder": float(ratio(errors.sum(), seconds)), **shares}
    return {**warn_undefined(metrics, 1), "seconds": seconds}


def _errors(truth: Spans, guesses: Spans, neutral: set[str]) -> np.ndarray:
    """Seconds that are missed, falsely alarmed, confused and overlapped."""
    edges = np.unique([edge for start, end, _ in [*truth, *guesses] for edge in (start, end)])
    true, guessed = _present(truth, edges, neutral), _present(guesses, edges, neutral)
    errors = np.zeros(4)
    for seconds, right, said in zip(np.diff(edges), true, guessed, strict=True):
        if right and not said:
            errors[0] += seconds
        elif said and not right:
            errors[1] += seconds
        elif right and not right & said:
            errors[2] += seconds
        elif said - right:
            errors[3] += seconds
    return errors


def _present(spans: Spans, edges: np.ndarray, neutral: set[str]) -> list[set[str]]:
    """The emotions between each two edges."""
    present: list[set[str]] = [set() for _ in edges[1:]]
    for start, end, emotion in spans:
        if emotion not in neutral:
            for index in range(int(np.searchsorted(edges, start)), int(np.searchsorted(edges, end))):
                present[index].add(emotion)
    return present


def _segments(predicted: Any) -> Sequence[Mapping[str, Any]]:
    """The predictions as segments, of a pipeline's result its chunks."""
    if not isinstance(predicted, Mapping):
        return predicted
    if "chunks" not in predicted:
        raise ValueError("The result has no `chunks`: call the pipeline with chunk_length_s, segmentation or turns.")
    return [
        {
            **dict(zip(("start", "end"), chunk["timestamp"], strict=True)),
            "emotion": chunk["predictions"][0]["label"],
            "speaker": chunk.get("speaker"),
        }
        for chunk in predicted["chunks"]
        if chunk["predictions"] is not None and not chunk.get("abstained")
    ]


def _by_speaker(segments: Sequence[Mapping[str, Any]], kind: str) -> dict[str | int | None, Spans]:
    if isinstance(segments, (str, bytes, Mapping)) or not isinstance(segments, Iterable):
        raise ValueError(f"The {kind} must be a list of segments with start, end and emotion, got {shown(segments)}.")
    spans: dict[str | int | None, Spans] = {}
    for index, segment in enumerate(segments):
        try:
            start, end, emotion = float(segment["start"]), float(segment["end"]), segment["emotion"]
            speaker = segment.get("speaker")
            if not isinstance(emotion, str) or not isinstance(speaker, str | int | None):
                raise TypeError("Labels and speakers are names.")
        except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
            raise ValueError(
                f"Segment {index} of the {kind} must be like {{'start': 0.5, 'end': 2.0, 'emotion': 'sad'}}, got "
                f"{shown(segment)}."
            ) from error
        if not -np.inf < start < end < np.inf:
            raise ValueError(f"Segment {index} of the {kind} must end after its start, got {start:g} to {end:g} s.")
        spans.setdefault(speaker, []).append((start, end, emotion))
    if len(spans) > 1 and None in spans and kind == "reference":
        raise ValueError("Some segments of the reference name a speaker and others do not. Name all of them, or none.")
    if not spans and kind == "reference":
        raise ValueError("The reference has no segments: there is nothing to score against.")
    return spans
