"""What predictions were made with and of: fingerprints of a model's weights, states of recordings."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch


_READ_BYTES = 1 << 20
# Where a configuration came from, who wrote it, what training showed it and whether padding is computed has no effect
# on what the model says; its weights have a type.
_WITHOUT_EFFECT = (
    *("_name_or_path", "transformers_version", "auto_map", "custom_pipelines", "architectures"),
    *("dtype", "packing", "trained_inputs"),
)


def model_fingerprint(model: Any) -> str:
    """Hash of a model's weights and configuration, wherever it was loaded from and is.

    Args:
        model (`PreTrainedModel` or [`EmoBertOnnxModel`]): of an ONNX model the files of its graph are read.

    Returns:
        `str`: 32 hexadecimal digits.

    Example:
        >>> from transformers import BertConfig, BertModel
        >>> config = BertConfig(vocab_size=5, hidden_size=4, num_hidden_layers=1, num_attention_heads=2)
        >>> model = BertModel(config)
        >>> before = model_fingerprint(model)
        >>> before == model_fingerprint(model), before == model_fingerprint(BertModel(config))
        (True, False)
    """
    digest = hashlib.sha256()
    digest.update(json.dumps(_with_effect(model.config.to_dict()), sort_keys=True, default=str).encode())
    if isinstance(model, torch.nn.Module):
        for name, tensor in model.state_dict().items():
            digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
            digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data)
    else:
        graph = Path(model.session._model_path)
        for path in (graph, graph.with_name(f"{graph.name}.data")):
            if path.is_file():
                _add_file(digest, path)
    return digest.hexdigest()[:32]


def recording_state(audio: Any) -> list[int] | None:
    """Size in bytes and time of change in ns of a recording's file; None for an address, and where there is none."""
    if not isinstance(audio, (str, os.PathLike)):
        return None
    try:
        state = os.stat(audio)
    except (OSError, ValueError):
        return None
    return [state.st_size, state.st_mtime_ns]


def _with_effect(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _with_effect(one) for key, one in value.items() if key not in _WITHOUT_EFFECT}
    return [_with_effect(one) for one in value] if isinstance(value, (list, tuple)) else value


def _add_file(digest: Any, path: Path) -> None:
    with path.open("rb") as file:
        while part := file.read(_READ_BYTES):
            digest.update(part)
