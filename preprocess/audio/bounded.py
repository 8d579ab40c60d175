"""Sounds from people who are not known: refused when they are too long, before and while they are decoded."""

from __future__ import annotations

import numpy as np

from .load_audio import AudioSource, header_seconds, stream_audio


def load_bounded_audio(source: AudioSource, sampling_rate: int = 16_000, *, max_seconds: float) -> np.ndarray:
    """`load_audio` with a limit that holds whatever the file says of itself.

    A file that states a greater length is refused before anything is decoded. One that states less than it holds, or
    nothing, is decoded up to the limit and then refused: neither memory nor time grow beyond it.

    Args:
        source: as for `load_audio`.
        sampling_rate (`int`, defaults to 16,000): the rate of the result in Hz.
        max_seconds (`float`): the longest sound, in seconds.

    Returns:
        `np.ndarray`: float32, shape `(samples,)`, what `load_audio` returns.

    Raises:
        ValueError: the sound is longer than `max_seconds`, or as for `load_audio`.

    Example:
        >>> import numpy as np
        >>> load_bounded_audio((np.zeros(8000, dtype=np.float32), 8000), max_seconds=2).shape
        (16000,)
    """
    if not max_seconds > 0:
        raise ValueError(f"max_seconds must be positive, got {max_seconds}.")
    stated = header_seconds(source)
    if stated is not None and stated > max_seconds:
        raise ValueError(f"The recording is {stated:.1f} s long, the limit is {max_seconds:g} s. Give a shorter one.")
    pieces: list[np.ndarray] = []
    samples = 0
    for piece in stream_audio(source, sampling_rate):
        pieces.append(piece)
        samples += len(piece)
        if samples > max_seconds * sampling_rate:
            raise ValueError(f"The recording is longer than the limit of {max_seconds:g} s. Give a shorter one.")
    return np.concatenate(pieces)
