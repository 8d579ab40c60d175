"""One row of a corpus -> one prepared row. Nothing here sees another row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import multiprocess
import numpy as np
import torch
from datasets import Array2D, Features, List, Value

from ..audio.load_audio import load_audio
from ..audio.signal_to_noise import signal_to_noise
from ..features.speech_features import has_fixed_length, max_samples, trim_constant_tail
from ..features.text_features import is_text, tokenize_with_context
from ..labels.label_encoder import LabelEncoder
from ..processing_emobert import EmoBertProcessor
from ..schema import is_absent


@dataclass(frozen=True)
class PreparationOptions:
    """What is done with long utterances.

    Args:
        max_audio_seconds (`float`, *optional*): longest sound that is kept whole; an extractor of fixed length
            (Whisper, 30 s) has such a limit of its own.
        min_audio_seconds (`float`, defaults to 0.1): shorter sounds cannot be used; they are less than the receptive
            field of some encoders (Moonshine 56 ms, vq-wav2vec 29 ms, wav2vec2 25 ms).
        max_text_length (`int`, *optional*): most token ids of a text, where this is less than the processor's limit.
        max_speech_ids (`int`, *optional*): most ids of a row that comes with `speech_input_ids` (2048 in Speech-BERT).
        too_long (`"truncate"` or `"skip"`): whether a sound or id sequence over its limit is cut (and noted among the
            problems, as kept) or left out of the corpus. Texts are always cut.
    """

    max_audio_seconds: float | None = None
    min_audio_seconds: float = 0.1
    max_text_length: int | None = None
    max_speech_ids: int | None = None
    too_long: Literal["truncate", "skip"] = "truncate"

    def __post_init__(self) -> None:
        if self.too_long not in ("truncate", "skip"):
            raise ValueError(f"too_long must be 'truncate' or 'skip', got {self.too_long!r}.")
        for name in ("max_audio_seconds", "max_text_length", "max_speech_ids"):
            value = getattr(self, name)
            if value is not None and value <= 0:
                raise ValueError(f"{name} must be positive, got {value}.")
        if self.min_audio_seconds < 0:
            raise ValueError(f"min_audio_seconds must not be negative, got {self.min_audio_seconds}.")


class UtterancePreparer:
    """Turns a row of the schema into a row that the collator takes.

    Args:
        processor (`EmoBertProcessor`): text and sound.
        label_encoder (`LabelEncoder`): labels.
        options (`PreparationOptions`): limits.
        speech_column (`str`): `speech_input_ids`, `input_values` or `input_features`, the column of the result.
        with_votes (`bool`, defaults to `False`): makes the column `votes` of the rows' `soft_label`: the share of each
            class, empty for a row without votes.
        with_context (`bool`, defaults to `False`): puts the turns in the rows' `context` before the text, as its first
            segment, cut from the left; and keeps the column `dialogue`, by which folds are checked.

    A row that already has `input_ids` or `speech_input_ids` (token files, or a speech tokenizer that ran before) keeps
    them; its text or audio is not read then. A row that already has a `problem` stays a problem.
    """

    def __init__(
        self,
        processor: EmoBertProcessor,
        label_encoder: LabelEncoder,
        options: PreparationOptions,
        speech_column: str,
        *,
        with_votes: bool = False,
        with_context: bool = False,
    ) -> None:
        limit = options.max_text_length
        self.processor = processor if limit is None else processor.limit_text(limit)
        self.label_encoder = label_encoder
        self.options = options
        self.speech_column = speech_column
        self.with_votes = with_votes
        self.with_context = with_context
        self.rate = processor.feature_extractor.sampling_rate
        own_limit = max_samples(processor.feature_extractor)
        asked = None if options.max_audio_seconds is None else round(options.max_audio_seconds * self.rate)
        self.max_samples = min((limit for limit in (own_limit, asked) if limit is not None), default=None)

        self.nothing = self._nothing()
        self.features = self._features()

    def _nothing(self) -> dict[str, np.ndarray]:
        """What stands for an absent modality, or for all of a row that cannot be used: sequences of length 0."""
        ids, mask = np.zeros(0, dtype=np.int32), np.zeros(0, dtype=np.int8)
        speech = ids
        if self.speech_column != "speech_input_ids":
            silence = np.zeros(self.rate, dtype=np.float32)
            speech = self.processor.extract_features(silence).values[:0]
        votes = {"votes": np.zeros(0, dtype=np.float32)} if self.with_votes else {}
        return {"input_ids": ids, "attention_mask": mask, self.speech_column: speech, **votes}

    def _features(self) -> Features:
        """Column types of the result, the same whatever the first rows hold."""
        speech = self.nothing[self.speech_column]
        column = List(Value(str(speech.dtype)))
        if speech.ndim == 2:  # read several times faster than a list of lists
            column = Array2D((None, speech.shape[1]), str(speech.dtype))
        votes = {"votes": List(Value("float32"))} if self.with_votes else {}
        return Features(
            {
                **votes,
                **({"dialogue": Value("string")} if self.with_context else {}),
                "id": Value("string"),
                "input_ids": List(Value("int32")),
                "attention_mask": List(Value("int8")),
                self.speech_column: column,
                "labels": self.label_encoder.feature,
                "text_length": Value("int32"),
                "speech_length": Value("int32"),
                "speaker": Value("string"),
                "session": Value("string"),
                "gender": Value("string"),
                "seconds": Value("float32"),
                "snr": Value("float32"),
                "problem": Value("string"),
                "note": Value("string"),
            }
        )

    def __call__(self, row: Mapping[str, Any], index: int) -> dict[str, Any]:
        """A prepared row; with `problem` set and all else empty where it cannot be used."""
        _use_one_thread_in_workers()
        place = f"row {index}"
        empty: dict[str, Any] = {**dict.fromkeys(self.features), **self.nothing, "text_length": 0, "speech_length": 0}
        empty["id"] = str(row["id"]) if row.get("id") is not None else place
        if row.get("problem") is not None:
            return {**empty, "problem": row["problem"]}
        try:
            return {**empty, **self._prepare(row)}
        except Exception as error:  # of whatever class: one row must not end the preparation
            reason = str(error) if isinstance(error, ValueError) else f"{type(error).__name__}: {error}"
            return {**empty, "problem": reason}

    def _prepare(self, row: Mapping[str, Any]) -> dict[str, Any]:
        notes: list[str] = []
        labels = self.label_encoder.encode(row.get("label"))
        votes: dict[str, Any] = {}
        if self.with_votes:
            counted = {vote["label"]: vote["votes"] for vote in row.get("soft_label") or []}
            votes["votes"] = self.label_encoder.encode_votes(counted) or []
        input_ids = self._text(row, notes)
        speech, speech_length, heard = self._speech(row, notes)
        if not len(input_ids) and not speech_length:
            raise ValueError("The utterance has neither text nor audio. Give at least one of them.")
        return {
            **votes,
            **({"dialogue": row.get("dialogue")} if self.with_context else {}),
            "input_ids": input_ids,
            "attention_mask": np.ones(len(input_ids), dtype=np.int8),
            self.speech_column: speech,
            "labels": labels,
            "text_length": len(input_ids),
            "speech_length": speech_length,
            "speaker": row.get("speaker"),
            "session": row.get("session"),
            "gender": gender_name(row.get("gender") or row.get("sex")),
            **heard,
            "note": " ".join(notes) or None,
        }

    def _text(self, row: Mapping[str, Any], notes: list[str]) -> np.ndarray:
        given = row.get("input_ids")
        if given is not None and len(given):
            return self._cut_ids(np.asarray(given, dtype=np.int32), self.options.max_text_length, "text", notes)
        text = row.get("text")
        if text is not None and not isinstance(text, str):
            raise ValueError(f"The text must be a string, got {text!r} ({type(text).__name__}).")
        if not is_text(text):
            return self.nothing["input_ids"]
        context = row.get("context") or [] if self.with_context else []
        if context:
            limit = self.processor.max_text_length
            pair = tokenize_with_context(self.processor.tokenizer, context, str(text), limit)
            if pair is not None:
                return np.asarray(pair, dtype=np.int32)
        ids, length = self.processor.encode_text(str(text))
        if length > len(ids):
            notes.append(f"The text of {length} token ids was cut to {len(ids)}.")
        return np.asarray(ids, dtype=np.int32)

    def _speech(self, row: Mapping[str, Any], notes: list[str]) -> tuple[np.ndarray, int, dict[str, float | None]]:
        """The row of the speech column, how many of its positions are sound, and what was heard of the sound."""
        unheard: dict[str, float | None] = {"seconds": None, "snr": None}
        if self.speech_column == "speech_input_ids":
            given = row.get("speech_input_ids")
            if given is None or not len(given):
                return self.nothing[self.speech_column], 0, unheard
            ids = self._cut_ids(np.asarray(given, dtype=np.int32), self.options.max_speech_ids, "speech", notes)
            return ids, len(ids), unheard
        if not _has_audio(row.get("audio")):
            return self.nothing[self.speech_column], 0, unheard
        waveform = load_audio(row["audio"], self.rate, allow_silence=False)
        if len(waveform) < self.options.min_audio_seconds * self.rate:
            raise ValueError(
                f"The sound of {len(waveform) / self.rate:.3f} s is shorter than {self.options.min_audio_seconds:g} s."
            )
        snr = signal_to_noise(waveform, self.rate)
        heard = {"seconds": len(waveform) / self.rate, "snr": None if np.isnan(snr) else snr}
        if self.max_samples is not None and len(waveform) > self.max_samples:
            seconds, limit = len(waveform) / self.rate, self.max_samples / self.rate
            if self.options.too_long == "skip":
                raise ValueError(f"The sound of {seconds:.2f} s is longer than {limit:g} s.")
            notes.append(f"The sound of {seconds:.2f} s was cut to {limit:g} s.")
            waveform = waveform[: self.max_samples]
        values, length = self.processor.extract_features(waveform)
        if has_fixed_length(self.processor.feature_extractor):
            values = trim_constant_tail(values, length)
        return values, length, heard

    def _cut_ids(self, ids: np.ndarray, limit: int | None, kind: str, notes: list[str]) -> np.ndarray:
        """The first ids and the row's own last one, which closes the sequence (`</s>`)."""
        if limit is None or len(ids) <= limit:
            return ids
        if self.options.too_long == "skip":
            raise ValueError(f"The {len(ids)} {kind} ids are more than {limit}.")
        notes.append(f"The {len(ids)} {kind} ids were cut to {limit}.")
        return np.append(ids[: limit - 1], ids[-1])


def _use_one_thread_in_workers() -> None:
    """Keeps torch, which some extractors use, from starting threads in a process of `map(num_proc=...)`.

    Such a process is a fork: it would wait for ever for the threads that OpenMP had started in its parent.
    """
    if multiprocess.parent_process() is not None and torch.get_num_threads() > 1:
        torch.set_num_threads(1)


def gender_name(written: Any) -> str | None:
    """`female`, `male`, or what else a table says in lower case; None where it says nothing.

    Example:
        >>> gender_name("F"), gender_name(" Male"), gender_name("Other"), gender_name(None)
        ('female', 'male', 'other', None)
    """
    name = "" if is_absent(written) else str(written).strip().lower()
    return {"f": "female", "w": "female", "woman": "female", "m": "male", "man": "male"}.get(name, name) or None


def _has_audio(audio: Any) -> bool:
    if isinstance(audio, Mapping):
        return any(audio.get(key) is not None for key in ("array", "bytes", "path"))
    return audio is not None and not (isinstance(audio, str) and not audio.strip())
