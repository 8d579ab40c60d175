"""Prepared rows as one padded batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from configuration_emo.configuration_emobert import MODALITIES
from configuration_emo.problem_types import get_problem_type

from .features.augmentation import SpectrogramAugmentation, WaveformAugmentation, row_generator
from .features.padding import Layout, pad_sequences
from .features.speech_features import (
    SPEECH_INPUT_NAMES,
    SpeechFeatures,
    has_fixed_length,
    normalize_waveform,
)
from .processing_emobert import EmoBertProcessor, UtteranceFeatures


TEXT_COLUMNS = ("input_ids",)
SPEECH_COLUMNS = ("speech_input_ids", *SPEECH_INPUT_NAMES)
# What frozen encoders made of a modality (see `cache_encoder_states`); read in the place of the columns above.
ENCODED_COLUMNS = {"text": "encoded_text", "speech": "encoded_speech"}


@dataclass
class EmoBertDataCollator:
    """Pads each modality to the longest row of the batch and makes tensors.

    Args:
        processor (`EmoBertProcessor`): whose pad token id and padding value are used.
        pad_to_multiple_of (`int`, *optional*): rounds both lengths up (8 for tensor cores).
        speech_pad_token_id (`int`, defaults to 1): pad id of `speech_input_ids`; 1 in fairseq's dictionaries.
        modalities (sequence of `str`, defaults to both): `("text",)` or `("speech",)` leaves the other modality out,
            to evaluate without it. A row that then has nothing left is an error.
        problem_type (`str`, *optional*): sets the type of `labels`: int64 for classes and one-vs-rest rows, float32
            for multi-label rows and scores. Without it whole numbers give int64 and others float32.
        augmentation ([`WaveformAugmentation`] or [`SpectrogramAugmentation`], *optional*): changes the speech of each
            row at random, for training. What it draws follows from `seed`, the epoch told by `set_epoch` and the
            row's `id`: not from other rows, the process, or where a run was resumed.
        seed (`int`): of the augmentation.

    Returns, when called with rows of a prepared dataset:
        `dict[str, torch.Tensor]`: `input_ids` and `attention_mask` `(rows, tokens)`; one of `speech_input_ids`
        `(rows, ids)`, `input_values` `(rows, samples)` and `input_features` `(rows, frames, bins)` (Whisper:
        `(rows, bins, frames)`), with `speech_attention_mask`; rows with cached states give `encoded_text`
        `(rows, tokens, hidden)` or `encoded_speech` `(rows, frames[, states], hidden)` instead; `labels` `(rows,)` or
        `(rows, num_labels)` where the rows have them, and `votes` `(rows, num_labels)` where some have votes,
        with NaN for the others. A row without a modality has an all-zero mask; a modality that
        no row has is left out.

    Raises:
        ValueError: a row has neither modality (it is named), only some rows have labels, or augmentation is asked for
            speech that is not there as sound.

    Example:
        >>> collator = EmoBertDataCollator(processor)  # doctest: +SKIP
        >>> batch = collator([prepared["train"][0], prepared["train"][1]])  # doctest: +SKIP
    """

    processor: EmoBertProcessor
    pad_to_multiple_of: int | None = None
    speech_pad_token_id: int = 1
    modalities: Sequence[str] = MODALITIES
    problem_type: str | None = None
    augmentation: WaveformAugmentation | SpectrogramAugmentation | None = None
    seed: int = 0
    # In shared memory, so that data workers that are already running see it change.
    _epoch: torch.Tensor | None = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        unknown = set(self.modalities) - set(MODALITIES)
        if unknown or not self.modalities:
            raise ValueError(f"modalities must be some of {', '.join(MODALITIES)}, got {list(self.modalities)}.")
        if self.problem_type is not None:
            get_problem_type(self.problem_type)
        augments = self.augmentation is not None
        self._epoch = torch.zeros((), dtype=torch.int64).share_memory_() if augments else None

    def set_epoch(self, epoch: int) -> None:
        """Tells the epoch, counted from 0, on which augmentation depends, also to data workers."""
        if self._epoch is not None:
            self._epoch.fill_(epoch)

    def __call__(self, rows: Sequence[Mapping[str, Any]]) -> dict[str, torch.Tensor]:
        text_column, text = self._column_of(rows, "text", TEXT_COLUMNS)
        speech_column, speech = self._column_of(rows, "speech", SPEECH_COLUMNS)
        self._check_rows(rows, text, speech)

        if self.augmentation is not None and speech_column is not None and speech_column not in SPEECH_INPUT_NAMES:
            raise ValueError(
                f"Augmentation changes sounds and log-mel features, and the rows have {speech_column!r}: leave "
                "augmentation out, or train on the speech itself (cache_encoder_states: false)."
            )
        batch: dict[str, torch.Tensor] = {}
        if text_column == ENCODED_COLUMNS["text"]:
            batch |= self._pad_arrays(text_column, text, "attention_mask", 0.0)
            text = [None] * len(rows)
        if speech_column is not None and speech_column not in SPEECH_INPUT_NAMES:
            value = self.speech_pad_token_id if speech_column == "speech_input_ids" else 0.0
            batch |= self._pad_arrays(speech_column, speech, "speech_attention_mask", value)
            speech = [None] * len(rows)
        batch |= self._pad_utterances(
            [
                UtteranceFeatures(ids, None if values is None else self._speech_of(row, values))
                for row, ids, values in zip(rows, text, speech, strict=True)
            ]
        )
        labels = self._collate_labels(rows)
        if labels is not None:
            batch["labels"] = labels
        votes = _collate_votes(rows)
        if votes is not None:
            batch["votes"] = votes
        return batch

    def _check_rows(self, rows: Sequence[Mapping[str, Any]], text: list[Any], speech: list[Any]) -> None:
        for index, row in enumerate(rows):
            if text[index] is None and speech[index] is None:
                raise ValueError(
                    f"Row {row.get('id', index)!r} has neither of the modalities {', '.join(self.modalities)}. "
                    "Leave such rows out of the dataset, or evaluate with the modality that it has."
                )

    def _column_of(
        self, rows: Sequence[Mapping[str, Any]], modality: str, columns: Sequence[str]
    ) -> tuple[str | None, list[Any]]:
        """The column that holds a modality, None where no row has it, and each row's values."""
        if modality not in self.modalities:
            return None, [None] * len(rows)
        candidates = (ENCODED_COLUMNS[modality], *columns)
        column = next((name for name in candidates if any(_present(row, name) is not None for row in rows)), None)
        return column, [None if column is None else _present(row, column) for row in rows]

    def _pad_arrays(self, column: str, rows: list[Any], mask_name: str, value: float) -> dict[str, torch.Tensor]:
        """Ids `(length,)` or states `(length, ...)`, which the processor does not know, and their mask."""
        arrays = [None if row is None else np.asarray(row) for row in rows]
        values, mask = pad_sequences(arrays, value, Layout(pad_to_multiple_of=self.pad_to_multiple_of))
        return {column: torch.from_numpy(values), mask_name: torch.from_numpy(mask)}

    def _pad_utterances(self, utterances: list[UtteranceFeatures]) -> dict[str, torch.Tensor]:
        extractor = self.processor.feature_extractor
        layout = Layout(pad_to_multiple_of=self.pad_to_multiple_of)
        # Their constant tail was not stored.
        whole = Layout("max_length", extractor.nb_max_frames) if has_fixed_length(extractor) else layout
        return dict(self.processor.pad(utterances, text_layout=layout, speech_layout=whole))

    def _speech_of(self, row: Mapping[str, Any], values: Any) -> SpeechFeatures:
        """A row's sound or features, as this epoch has them."""
        array = np.asarray(values, dtype=np.float32)
        length = row.get("speech_length")
        speech = SpeechFeatures(array, len(array) if length is None else int(length))
        return speech if self.augmentation is None else self._augmented(row, speech)

    def _augmented(self, row: Mapping[str, Any], utterance: SpeechFeatures) -> SpeechFeatures:
        """The utterance as this epoch has it; its length may be another one."""
        if row.get("id") is None:
            raise ValueError("Augmentation needs the column `id`, from which its random numbers follow.")
        assert self.augmentation is not None and self._epoch is not None
        generator = row_generator(self.seed, int(self._epoch), str(row["id"]))
        if isinstance(self.augmentation, SpectrogramAugmentation):
            return utterance._replace(values=self.augmentation(*utterance, generator))
        waveform = self.augmentation(utterance.values[: utterance.length], generator)
        waveform = normalize_waveform(self.processor.feature_extractor, waveform)
        return SpeechFeatures(waveform, len(waveform))

    def _collate_labels(self, rows: Sequence[Mapping[str, Any]]) -> torch.Tensor | None:
        labels = [row.get("labels") for row in rows]
        if all(label is None for label in labels):
            return None
        if any(label is None for label in labels):
            missing = [row.get("id", index) for index, row in enumerate(rows) if row.get("labels") is None]
            raise ValueError(f"Some rows have labels and these have none: {missing}.")
        array = np.asarray(labels)
        if self.problem_type is not None:
            return torch.as_tensor(array).to(getattr(torch, get_problem_type(self.problem_type).label_dtype))
        return torch.as_tensor(array).to(torch.int64 if np.issubdtype(array.dtype, np.integer) else torch.float32)


def _collate_votes(rows: Sequence[Mapping[str, Any]]) -> torch.Tensor | None:
    """The votes of the rows `(rows, num_labels)`, NaN for rows without; None where no row has any."""
    votes = [_present(row, "votes") for row in rows]
    num_labels = next((len(row) for row in votes if row is not None), None)
    if num_labels is None:
        return None
    nothing = np.full(num_labels, np.nan)
    return torch.as_tensor(np.stack([nothing if row is None else np.asarray(row) for row in votes])).float()


def _present(row: Mapping[str, Any], column: str) -> Any:
    """A row's sequence in a column; None where it has none, or one of length 0."""
    values = row.get(column)
    return None if values is None or len(values) == 0 else values
