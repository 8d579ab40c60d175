"""What frozen encoders make of a prepared dataset, computed once: training then touches only fusion and head."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from datasets import Array2D, Array3D, Dataset, Features
from transformers import PreTrainedModel

from ..collator import ENCODED_COLUMNS, SPEECH_COLUMNS, TEXT_COLUMNS, EmoBertDataCollator
from .sealed_cache import sealed_cache


# To be raised whenever the same rows would be encoded differently.
_VERSION = 1
_RAW_COLUMNS = {"text": ("input_ids", "attention_mask"), "speech": SPEECH_COLUMNS}
# Rows times values of a position that are held in memory: of a 1024-wide encoder 64 rows, 2 MB for ten seconds each.
_VALUES_HELD = 64 * 1024
# So many batches at most are read at once, to be made of rows of similar lengths.
BATCHES_AHEAD = 8


def cache_encoder_states(
    dataset: Dataset,
    model: PreTrainedModel,
    collator: EmoBertDataCollator,
    *,
    modalities: Sequence[str],
    cache_dir: str | Path,
    batch_size: int = 16,
) -> Dataset:
    """Runs encoders over a prepared split and keeps what they return, in float32, on disk.

    A row's states do not depend on its batch. The cache is found again by rows, weights and the configured layers, and
    made again where it is damaged; of several processes the first computes and the others wait. The model's evaluation
    mode is used, as it is for frozen encoders in training too, so training on cached states is training on the raw
    rows, but faster.

    Args:
        dataset (`Dataset`): a split of a prepared dataset.
        model (`PreTrainedModel`): an `EmoBertModel`, or a model with one as `base_model`; it runs where it is.
        collator ([`EmoBertDataCollator`]): makes its inputs.
        modalities (sequence of `str`): whose encoder is run, `"text"`, `"speech"` or both.
        cache_dir (`str` or `Path`): where the states are kept.
        batch_size (`int`, defaults to 16): rows per batch.

    Returns:
        `Dataset`: the rows in their order, with `encoded_text` `(tokens, hidden)` in the place of `input_ids` and
        `attention_mask`, and `encoded_speech` `(frames, hidden)`, or `(frames, states, hidden)` for a layer mix, in
        the place of the speech column. A modality that a row lacks has length 0.

    Raises:
        ValueError: an unknown modality, or no row has it.

    Example:
        >>> model.freeze_speech_encoder()  # doctest: +SKIP
        >>> train = cache_encoder_states(  # doctest: +SKIP
        ...     prepared["train"], model, collator, modalities=("speech",), cache_dir="outputs/states"
        ... )
    """
    cache_dir = Path(cache_dir)
    cache_dir.mkdir(parents=True, exist_ok=True)
    for modality in modalities:
        if modality not in ENCODED_COLUMNS:
            raise ValueError(f"modalities must be some of {', '.join(ENCODED_COLUMNS)}, got {modality!r}.")
        only = dataclasses.replace(collator, modalities=(modality,))
        encoder = _RowEncoder(model.base_model, only, modality, batch_size)
        fingerprint = encoder.fingerprint(dataset)
        rows_held = max(1, _VALUES_HELD // encoder.num_values)
        raw = [column for column in _RAW_COLUMNS[modality] if column in dataset.column_names]
        with sealed_cache(cache_dir / fingerprint):
            dataset = dataset.map(
                encoder,
                batched=True,
                batch_size=batch_size * max(1, min(BATCHES_AHEAD, rows_held // batch_size)),
                features=encoder.features(dataset, raw),
                remove_columns=raw,
                cache_file_name=str(cache_dir / fingerprint / "states.arrow"),
                writer_batch_size=rows_held,
                new_fingerprint=fingerprint,
                desc=f"Encoding {modality}",
            )
    return dataset.with_format("numpy")


class _RowEncoder:
    """Encodes one modality of a batch of prepared rows."""

    def __init__(self, base: Any, collator: EmoBertDataCollator, modality: str, batch_size: int) -> None:
        self.batch_size = batch_size
        self.base = base
        self.collator = collator
        self.modality = modality
        self.column = ENCODED_COLUMNS[modality]

    def __call__(self, batch: Mapping[str, Sequence[Any]]) -> dict[str, list[np.ndarray]]:
        rows = [dict(zip(batch, values, strict=True)) for values in zip(*batch.values(), strict=True)]
        present = [index for index, row in enumerate(rows) if self._has_modality(row)]
        states = [self._nothing()] * len(rows)
        # Neighbours in length make a batch with little padding.
        present.sort(key=lambda index: self._length(rows[index]))
        for start in range(0, len(present), self.batch_size):
            some = present[start : start + self.batch_size]
            inputs = self.collator([{**rows[index], "labels": None, "votes": None} for index in some])
            for index, encoded in zip(some, self._encode(inputs), strict=True):
                states[index] = encoded
        return {self.column: states}

    def fingerprint(self, dataset: Dataset) -> str:
        """Hash of the rows, of the encoder's weights and of which of its layers are used."""
        digest = hashlib.sha256()
        config = self.base.config.to_dict()
        speech = ("speech_layer", "use_weighted_layer_sum", "speech_own_length")
        names = speech if self.modality == "speech" else ("text_layer", "context_separator_id")
        options = [config[name] for name in names]
        digest.update(json.dumps([_VERSION, dataset._fingerprint, self.modality, options]).encode())
        for prefix in self._modules():
            for name, tensor in getattr(self.base, prefix).state_dict().items():
                digest.update(name.encode())
                digest.update(tensor.detach().cpu().flatten().view(torch.uint8).numpy().tobytes())
        return digest.hexdigest()[:32]

    def features(self, dataset: Dataset, raw: Sequence[str]) -> Features:
        """The dataset's columns without the raw ones, and that of the states."""
        kept = {name: feature for name, feature in dataset.features.items() if name not in raw}
        shape = self._nothing().shape[1:]
        array = Array2D((None, *shape), "float32") if len(shape) == 1 else Array3D((None, *shape), "float32")
        return Features({**kept, self.column: array})

    @property
    def num_values(self) -> int:
        """Of a position: the width, times the number of hidden states side by side."""
        return int(np.prod(self._nothing().shape[1:]))

    def _modules(self) -> list[str]:
        names = ["text_encoder"] if self.modality == "text" else ["speech_encoder", "speech_tokenizer"]
        return [name for name in names if getattr(self.base, name) is not None]

    def _length(self, row: Mapping[str, Any]) -> int:
        columns = TEXT_COLUMNS if self.modality == "text" else SPEECH_COLUMNS
        return next(len(row[column]) for column in columns if row.get(column) is not None)

    def _has_modality(self, row: Mapping[str, Any]) -> bool:
        columns = TEXT_COLUMNS if self.modality == "text" else SPEECH_COLUMNS
        return any(row.get(column) is not None and len(row[column]) for column in columns)

    def _nothing(self) -> np.ndarray:
        config = self.base.config
        if self.modality == "text":
            return np.zeros((0, config.text_hidden_size), dtype=np.float32)
        states = (config.num_speech_layers + 1,) if config.use_weighted_layer_sum else ()
        return np.zeros((0, *states, config.speech_hidden_size), dtype=np.float32)

    @torch.inference_mode()
    def _encode(self, inputs: Mapping[str, torch.Tensor]) -> list[np.ndarray]:
        """Each row's valid states, in float32."""
        was_training = self.base.training
        self.base.eval()
        inputs = {name: tensor.to(self.base.device) for name, tensor in inputs.items()}
        if self.modality == "text":
            encoded = self.base.encode_text(inputs["input_ids"], inputs["attention_mask"])
        else:
            name = next(name for name in SPEECH_COLUMNS if name in inputs)
            encoded = self.base.encode_speech(inputs[name], inputs["speech_attention_mask"])
        self.base.train(was_training)
        states, masks = encoded.hidden_states.float().cpu(), encoded.mask.cpu()
        return [row[mask].numpy() for row, mask in zip(states, masks, strict=True)]
