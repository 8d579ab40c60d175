"""The vectors behind predictions: of each utterance, and their means over a recording."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch


Vectors = dict[str, np.ndarray | None]


def row_vectors(output: Mapping[str, Any], model_inputs: Mapping[str, Any], config: Any) -> list[dict[str, Any]]:
    """The vectors of each row of a batch, by name.

    Args:
        output (`ModelOutput`): of the model.
        model_inputs (`dict`): what it was given; the masks say which rows have text and speech.
        config ([`EmoBertConfig`] or [`Emotion2VecConfig`]): of the model.

    Returns:
        A `dict` per row. Of EmoBERT `fused`, what the classifier sees, and its halves `text` and `speech`, None where
        the row has no such modality; with co-attention each half has looked at the other. Of emotion2vec `pooled`, the
        mean of the frames. float32 tensors `(size,)`.

    Raises:
        ValueError: the model returns logits only, as an exported one does.
    """
    pooled = output.get("pooler_output")
    if pooled is None:
        raise ValueError("This model returns no embeddings, as exported ones do. Load the PyTorch model for them.")
    rows = pooled.float()
    if not hasattr(config, "text_config"):
        return [{"pooled": row} for row in rows]
    nothing = torch.zeros(len(rows), 1, dtype=torch.bool)
    has_text, has_speech = (
        model_inputs.get(name, nothing).bool().any(-1).tolist() for name in ("attention_mask", "speech_attention_mask")
    )
    size = config.text_pooled_size
    return [
        {"fused": row, "text": row[:size] if text else None, "speech": row[size:] if speech else None}
        for row, text, speech in zip(rows, has_text, has_speech, strict=True)
    ]


def as_arrays(vectors: Mapping[str, torch.Tensor | None]) -> Vectors:
    """The vectors of one row as arrays that share no memory with others."""
    return {name: None if vector is None else vector.numpy().copy() for name, vector in vectors.items()}


def mean_vectors(segments: Sequence[Vectors], weights: Sequence[float]) -> Vectors:
    """The mean of each vector over those segments that have it.

    Args:
        segments (sequence of `dict`): of [`as_arrays`], with the same names.
        weights (sequence of `float`): of the segments.

    Example:
        >>> import numpy as np
        >>> parts = [{"text": np.array([1.0, 2.0])}, {"text": None}, {"text": np.array([4.0, 5.0])}]
        >>> mean_vectors(parts, [2.0, 5.0, 1.0])["text"].tolist()
        [2.0, 3.0]
    """
    means: Vectors = {}
    for name in segments[0]:
        there = [
            (part[name], weight) for part, weight in zip(segments, weights, strict=True) if part[name] is not None
        ]
        means[name] = None
        if there:
            vectors, of_these = zip(*there, strict=True)
            means[name] = np.average(np.stack(vectors), axis=0, weights=of_these).astype(np.float32)
    return means
