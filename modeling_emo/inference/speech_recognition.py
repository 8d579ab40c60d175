"""What a speech recogniser of any make returned, as text."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from configuration_emo.shown_values import shown


def transcribe(asr: Callable[[dict[str, Any]], Any], waveform: np.ndarray, sampling_rate: int) -> str | None:
    """What is said in a sound, None where nothing was recognised.

    Args:
        asr (callable): takes `{"raw": waveform, "sampling_rate": rate}`; returns a text, a dict with `text`, or an
            object with `text` or `lines`.
        waveform (`np.ndarray` of shape `(samples,)`): the sound.
        sampling_rate (`int`): its rate in Hz.

    Raises:
        ValueError: it returned something else.

    Example:
        >>> transcribe(lambda sound: {"text": " how nice "}, np.zeros(5), 16_000)
        'how nice'
    """
    result = asr({"raw": waveform, "sampling_rate": sampling_rate})
    text = text_of(result)
    if text is None:
        lines = result.get("lines") if isinstance(result, Mapping) else getattr(result, "lines", None)
        texts = [text_of(line) for line in lines] if isinstance(lines, (list, tuple)) else [None]
        if None in texts:
            raise ValueError(
                f"asr must return a text, or a dict with `text`, got {shown(result)}. Wrap it in a function."
            )
        text = " ".join(str(line).strip() for line in texts)
    return text.strip() or None


def text_of(value: Any) -> str | None:
    """The text itself, or that of a dict or object with `text`; None without one."""
    text = value.get("text") if isinstance(value, Mapping) else getattr(value, "text", value)
    return text if isinstance(text, str) else None
