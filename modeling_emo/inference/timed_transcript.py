"""What a recogniser of any make returned of a whole recording, as words with times."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from configuration_emo.shown_values import shown

from .speech_recognition import text_of


# Where makes of recognisers keep the parts of a transcript: words, or lines that are divided no further.
_PARTS = ("chunks", "words", "lines", "segments")


def transcribe_with_times(
    asr: Callable[..., Any], waveform: np.ndarray, sampling_rate: int
) -> list[dict[str, Any]] | None:
    """What is said in a whole recording, None where nothing was recognised.

    Args:
        asr (callable): as of [`transcribe`]. A Transformers pipeline is asked for times of words; others return their
            parts as `chunks`, `words`, `lines` or `segments`, each with `text` (or `word`) and `timestamp`, `start`
            and `end`, or `start_time` and `duration`, in seconds.
        waveform (`np.ndarray` of shape `(samples,)`): the sound.
        sampling_rate (`int`): its rate in Hz.

    Returns:
        `list[dict]`: `text` and `timestamp`, as `words` of [`EmotionRecognitionPipeline`]. A line is one entry.

    Raises:
        ValueError: there are no parts, or one has no times.

    Example:
        >>> line = {"text": "how nice", "start": 0.5, "end": 1.25}
        >>> transcribe_with_times(lambda sound: {"text": "how nice", "segments": [line]}, np.zeros(5), 16_000)
        [{'text': 'how nice', 'timestamp': (0.5, 1.25)}]
    """
    options = {"return_timestamps": "word"} if hasattr(asr, "feature_extractor") and hasattr(asr, "model") else {}
    result = asr({"raw": waveform, "sampling_rate": sampling_rate}, **options)
    parts = next((part for name in _PARTS if (part := _field(result, name)) is not None), None)
    if parts is None:
        raise ValueError(
            f"transcription='recording' needs times: asr must return {', '.join(_PARTS[:-1])} or {_PARTS[-1]}, got "
            f"{shown(result)}."
        )
    words = [{"text": text, "timestamp": _times(part)} for part in parts if (text := _text(part)) and text.strip()]
    return words or None


def _text(part: Any) -> str | None:
    word = _field(part, "word")
    return word if isinstance(word, str) else text_of(part)


def _times(part: Any) -> tuple[float, float | None]:
    if (both := _field(part, "timestamp")) is not None:
        return tuple(both)
    start, end, duration = (_field(part, name) for name in ("start", "end", "duration"))
    if start is None:
        start, end = _field(part, "start_time"), _field(part, "end_time")
    if start is None:
        raise ValueError(f"transcription='recording' needs times, and a part has none: {shown(part)}.")
    if end is None and duration is not None:
        end = float(start) + float(duration)
    return float(start), None if end is None else float(end)


def _field(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, Mapping) else getattr(value, name, None)
