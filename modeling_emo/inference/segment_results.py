"""Scores of the segments of one input, as what the pipeline returns for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from configuration_emo.configuration_emobert import EmoBertConfig

from ..metrics.scores import predictions_to_scores
from .embeddings import as_arrays, mean_vectors
from .label_choice import LabelChoice


def assemble(
    segments: Sequence[dict[str, Any]],
    config: EmoBertConfig,
    choice: LabelChoice,
    *,
    top_k: int | None = None,
    return_text: bool = False,
) -> list[dict[str, Any]] | dict[str, Any]:
    """The predictions of one input.

    Args:
        segments (sequence of `dict`): in order, each with `logits` `(1, num_labels[, 2])`, `vectors`, `timestamp`,
            `text`, `is_timeline` and `error`.
        config ([`EmoBertConfig`] or [`Emotion2VecConfig`]): of the model.
        choice ([`LabelChoice`]): which labels are reported.
        top_k (`int`, *optional*): how many of them.
        return_text (`bool`, defaults to `False`): whether the text is returned.

    Returns:
        As [`EmotionRecognitionPipeline`] says.
    """
    error = next((segment["error"] for segment in segments if segment["error"] is not None), None)
    if error is not None:
        return {"error": error}
    logits = torch.cat([segment["logits"] for segment in segments]).numpy()
    scores = choice.apply(predictions_to_scores(logits, config))
    spans = [segment["timestamp"] for segment in segments]
    durations = [1.0 if start is None else max(end - start, 1e-3) for start, end in spans]
    whole = _ranked(np.average(scores, axis=0, weights=durations), choice, top_k)
    texts = [segment["text"] for segment in segments]
    is_timeline = segments[0]["is_timeline"]
    embeddings = [as_arrays(segment["vectors"]) for segment in segments if segment["vectors"] is not None]
    if not is_timeline and not return_text and not embeddings:
        return whole
    result: dict[str, Any] = {"predictions": whole}
    if return_text:
        result["text"] = " ".join(text for text in texts if text) or None
    if embeddings:
        result["embeddings"] = mean_vectors(embeddings, durations)
    if is_timeline:
        result["chunks"] = [
            {"timestamp": span, "text": text, "predictions": _ranked(row, choice, top_k)}
            for span, text, row in zip(spans, texts, scores, strict=True)
        ]
        for chunk, vectors in zip(result["chunks"], embeddings, strict=False):  # none where none are asked for
            chunk["embeddings"] = vectors
    return result


def _ranked(scores: np.ndarray, choice: LabelChoice, top_k: int | None) -> list[dict[str, Any]]:
    ranked = [(name, float(score)) for name, score in zip(choice.names, scores, strict=True)]
    if choice.problem.has_classes:
        ranked = sorted(ranked, key=lambda entry: -entry[1])[:top_k]
    return [{"label": name, "score": score} for name, score in ranked]
