"""Scores of the segments of one input, as what the pipeline returns for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from configuration_emo.configuration_emobert import EmoBertConfig

from ..metrics.scores import predictions_to_scores
from ..speaker_adaptation import adapt_to_speakers as adapt
from .embeddings import as_arrays, mean_vectors
from .label_choice import LabelChoice


def assemble(
    segments: Sequence[dict[str, Any]],
    config: EmoBertConfig,
    choice: LabelChoice,
    *,
    top_k: int | None = None,
    return_text: bool = False,
    abstain_below: float | None = None,
    adapt_to_speakers: str | None = None,
) -> list[dict[str, Any]] | dict[str, Any]:
    """The predictions of one input.

    Args:
        segments (sequence of `dict`): in order, each with `logits` `(1, num_labels[, 2])`, `vectors` (both None
            of silence), `timestamp`, `text`, `is_timeline`, `speaker`, `untrained_input` and `error`.
        config ([`EmoBertConfig`] or [`Emotion2VecConfig`]): of the model.
        choice ([`LabelChoice`]): which labels are reported.
        top_k (`int`, *optional*): how many of them.
        return_text (`bool`, defaults to `False`): whether the text is returned.
        abstain_below (`float`, *optional*): the best score from which on there is a label.
        adapt_to_speakers (`str`, *optional*): the `shares` by which segments are adapted to who speaks; where nobody
            is named they are of one person.

    Returns:
        As [`EmotionRecognitionPipeline`] says.
    """
    error = next((segment["error"] for segment in segments if segment["error"] is not None), None)
    if error is not None:
        return {"error": error}
    segments = sorted(segments, key=lambda segment: segment["timestamp"][0] or 0.0)  # channels come one by one
    scored = [segment for segment in segments if segment["logits"] is not None]
    scores = _scores(scored, config, choice, adapt_to_speakers)
    durations = [_seconds(segment) for segment in scored]
    whole = _ranked(np.average(scores, axis=0, weights=durations), choice, top_k) if scored else None
    texts = [segment["text"] for segment in segments]
    is_timeline = segments[0]["is_timeline"]
    embeddings = [as_arrays(segment["vectors"]) for segment in scored if segment["vectors"] is not None]
    if not is_timeline and not return_text and not embeddings and whole is not None and abstain_below is None:
        return whole
    result: dict[str, Any] = {**_decision(whole, abstain_below), "predictions": whole}
    untrained = next((segment["untrained_input"] for segment in segments if segment["untrained_input"]), None)
    if untrained is not None:
        result["untrained_input"] = untrained
    if return_text:
        result["text"] = " ".join(text for text in texts if text) or None
    if embeddings:
        result["embeddings"] = mean_vectors(embeddings, durations)
    if is_timeline:
        rows, vectors = iter(scores), iter(embeddings)
        has_speakers = any(segment["speaker"] is not None for segment in segments)
        if has_speakers:
            result["speakers"] = _of_speakers(segments, scored, scores, choice, top_k)
        result["chunks"] = []
        for segment in segments:
            is_scored = segment["logits"] is not None
            chunk = {"timestamp": segment["timestamp"], "text": segment["text"]}
            chunk["predictions"] = _ranked(next(rows), choice, top_k) if is_scored else None
            chunk |= _decision(chunk["predictions"], abstain_below)
            if segment["untrained_input"] is not None:
                chunk["untrained_input"] = segment["untrained_input"]
            if has_speakers:
                chunk["speaker"] = segment["speaker"]
            if embeddings:
                chunk["embeddings"] = next(vectors) if is_scored else None
            result["chunks"].append(chunk)
    return result


def _decision(predictions: list[dict[str, Any]] | None, abstain_below: float | None) -> dict[str, Any]:
    """The label that is given, if any, where the user asked for one."""
    if abstain_below is None:
        return {}
    if predictions is None:  # silence
        return {"label": None, "abstained": False}
    best = predictions[0]
    abstained = best["score"] < abstain_below
    return {"label": None if abstained else best["label"], "abstained": abstained}


def _of_speakers(
    segments: Sequence[dict[str, Any]],
    scored: Sequence[dict[str, Any]],
    scores: np.ndarray,
    choice: LabelChoice,
    top_k: int | None,
) -> dict[str, list[dict[str, Any]] | None]:
    """The mean of each speaker by duration, in the order of their first words; None of one who is silent."""
    names = dict.fromkeys(segment["speaker"] for segment in segments if segment["speaker"] is not None)
    means: dict[str, list[dict[str, Any]] | None] = {}
    for name in names:
        rows = [index for index, segment in enumerate(scored) if segment["speaker"] == name]
        durations = [_seconds(scored[index]) for index in rows]
        means[name] = _ranked(np.average(scores[rows], axis=0, weights=durations), choice, top_k) if rows else None
    return means


def _scores(
    scored: Sequence[dict[str, Any]], config: EmoBertConfig, choice: LabelChoice, shares: str | None
) -> np.ndarray:
    """A row of scores for each of these segments, all of which have logits."""
    if not scored:
        return np.zeros((0, len(choice.names)))
    logits = torch.cat([segment["logits"] for segment in scored]).numpy()
    if shares is not None:
        speakers = [segment["speaker"] for segment in scored]
        nobody = all(speaker is None for speaker in speakers)
        logits = adapt(logits, [""] * len(speakers) if nobody else speakers, config, shares=shares)
    return choice.apply(predictions_to_scores(logits, config))


def _seconds(segment: dict[str, Any]) -> float:
    """How much a segment counts: its length, 1 where there are no times."""
    start, end = segment["timestamp"]
    return 1.0 if start is None else max(end - start, 1e-3)


def _ranked(scores: np.ndarray, choice: LabelChoice, top_k: int | None) -> list[dict[str, Any]]:
    ranked = [(name, float(score)) for name, score in zip(choice.names, scores, strict=True)]
    if choice.problem.has_classes:
        ranked = sorted(ranked, key=lambda entry: -entry[1])[:top_k]
    return [{"label": name, "score": score} for name, score in ranked]
