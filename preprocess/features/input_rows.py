"""What a processor is called with, as one text and one sound for each row of a batch."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .text_features import is_text


def rows_of_text(text: Any) -> list[str | None] | None:
    """One entry per row: a text, or None where there is none.

    Raises:
        ValueError: it is neither a string nor a list of strings.
    """
    if text is None:
        return None
    rows = [text] if isinstance(text, str) else text
    if (
        not isinstance(rows, Sequence)
        or len(rows) == 0
        or not all(row is None or isinstance(row, str) for row in rows)
    ):
        raise ValueError(f"`text` must be a string or a list of strings (None for a row without text), got {text!r}.")
    return [row if is_text(row) else None for row in rows]


def rows_of_audio(audio: Any) -> list[Any] | None:
    """One entry per row: a waveform `(samples,)` as an array, a source for `load_audio`, or None."""
    if audio is None:
        return None
    if hasattr(audio, "detach"):  # a torch tensor
        audio = audio.detach().cpu().numpy()
    if isinstance(audio, np.ndarray):
        return list(audio) if audio.ndim == 2 else [audio]
    if isinstance(audio, (str, bytes, os.PathLike, Mapping)) or hasattr(audio, "read") or _is_array_with_rate(audio):
        return [audio]
    if not isinstance(audio, Sequence):
        raise ValueError(f"`audio` must be a sound or a list of sounds, got {type(audio).__name__}.")
    if len(audio) == 0:
        raise ValueError("`audio` is an empty list. Give one sound (or None) per row, or audio=None.")
    if isinstance(audio[0], (int, float, np.number)):
        return [np.asarray(audio, dtype=np.float32)]
    return [_waveform_or_source(sound) for sound in audio]


def _waveform_or_source(sound: Any) -> Any:
    if hasattr(sound, "detach"):
        return sound.detach().cpu().numpy()
    if isinstance(sound, list):
        return np.asarray(sound, dtype=np.float32)
    return sound


def _is_array_with_rate(audio: Any) -> bool:
    """True for `(array, rate)`, and for `(rate, array)` as scipy and Gradio have it."""
    if not isinstance(audio, tuple) or len(audio) != 2:
        return False
    return any(
        isinstance(rate, (int, np.integer)) and not isinstance(array, str) and np.ndim(array) >= 1
        for array, rate in (audio, audio[::-1])
    )


def match_rows(texts: list[str | None] | None, sounds: list[Any] | None) -> tuple[list[str | None], list[Any]]:
    """The two lists at equal length, None for what is absent.

    Raises:
        ValueError: they have different lengths, or a row has neither; the row is named.
    """
    if texts is not None and sounds is not None and len(texts) != len(sounds):
        raise ValueError(
            f"There are {len(texts)} texts and {len(sounds)} sounds. Give one of each per row, or None for it."
        )
    count = len(texts) if texts is not None else len(sounds or [])
    texts = [None] * count if texts is None else texts
    sounds = [None] * count if sounds is None else sounds
    for index, (text, sound) in enumerate(zip(texts, sounds, strict=True)):
        if text is None and sound is None:
            raise ValueError(
                f"Row {index} has neither text nor audio. Give at least one of them, or leave the row out."
            )
    return texts, sounds


def rows_of_context(
    context: Sequence[str] | Sequence[Sequence[str] | None] | None, num_rows: int
) -> list[Sequence[str] | None]:
    """What was said before each row.

    Args:
        context (*optional*): of one row a list of turns, of several one such list, or None, for each.
        num_rows (`int`): how many rows there are.

    Raises:
        ValueError: there is another number of lists than of rows.
    """
    if context is None:
        return [None] * num_rows
    if num_rows == 1 and all(isinstance(turn, str) for turn in context):
        return [list(context)]  # type: ignore[arg-type]
    if len(context) != num_rows or any(isinstance(turns, str) for turns in context):
        raise ValueError(f"There are {num_rows} rows: give `context` as a list with one list of turns for each.")
    return list(context)  # type: ignore[arg-type]
