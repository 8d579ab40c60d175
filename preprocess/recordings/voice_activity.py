"""When somebody speaks: frames with voice, by an energy gate or by Silero's model, joined to stretches."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from configuration_emo.shown_values import shown

from .cutting import Stretch
from .silero import SILERO_FRAME, SILERO_RATE, silero_probabilities


# Frames of the energy gate.
GATE_SECONDS = 0.02
# dB re full scale: the quietest level that is told apart.
_LOWEST = -120
# The gate opens so many dB over the background, and at most so many below the loudest fiftieth of the frames.
_OVER_BACKGROUND, _BELOW_LOUD, _NEAR_LOUD = 10, 40, 6
# Silero's own default.
_VOICE_PROBABILITY = 0.5

# A shorter pause is part of the stretch, a shorter sound is none; what is heard begins before and ends after it.
MIN_PAUSE_SECONDS, MIN_VOICE_SECONDS, MARGIN_SECONDS = 0.5, 0.1, 0.1

VOICE_DETECTORS = {"energy": None, "silero": SILERO_RATE}


def find_voice(pieces: Iterator[np.ndarray], rate: int, detector: str = "energy") -> list[Stretch]:
    """Stretches with voice, in order.

    The energy gate takes for voice what is clearly louder than the recording's own background (the quietest tenth of
    its frames of 20 ms): it knows nothing of voices, and noise that comes and goes is voice to it. A byte for each
    frame is kept in memory, 180 kB an hour, four times as much of Silero's frames of 32 ms.

    Args:
        pieces (iterator of `np.ndarray`): the sound, consecutive samples.
        rate (`int`): in Hz.
        detector (`str`, defaults to `"energy"`): one of `VOICE_DETECTORS`; `"silero"` hears 16,000 Hz.

    Returns:
        `list` of named tuples with `start` and `end` in seconds: none where nobody speaks.

    Raises:
        ValueError: there is no such detector, it hears another rate, or its package is not installed.

    Example:
        >>> tone = np.sin(np.arange(16_000) / 5)
        >>> sound = np.concatenate([np.zeros(16_000), tone, np.zeros(16_000)])
        >>> [(stretch.start, stretch.end) for stretch in find_voice(iter([sound]), 16_000)]
        [(0.9, 2.1)]
    """
    if detector not in VOICE_DETECTORS:
        raise ValueError(f"detector must be one of {', '.join(VOICE_DETECTORS)}, got {shown(detector)}.")
    heard_rate = VOICE_DETECTORS[detector] or rate
    if rate != heard_rate:
        raise ValueError(f"The detector {detector} hears {heard_rate} Hz, got {rate} Hz: resample the sound.")
    if detector == "silero":
        probabilities = np.fromiter(silero_probabilities(pieces), dtype=np.float32)
        return _stretches(probabilities >= _VOICE_PROBABILITY, SILERO_FRAME / SILERO_RATE)
    levels = np.fromiter(_levels(pieces, round(GATE_SECONDS * rate)), dtype=np.int8)
    return _stretches(_over_background(levels), round(GATE_SECONDS * rate) / rate)


def _levels(pieces: Iterator[np.ndarray], length: int) -> Iterator[int]:
    """The level of each frame in dB, without a constant offset; a last frame that is not whole is padded."""
    kept = np.zeros(0, dtype=np.float32)
    for piece in pieces:
        kept = np.concatenate([kept, piece])
        whole = len(kept) // length * length
        yield from _decibels(kept[:whole].reshape(-1, length))
        kept = kept[whole:]
    if len(kept):
        yield from _decibels(np.pad(kept, (0, length - len(kept)), mode="edge").reshape(1, length))


def _decibels(frames: np.ndarray) -> list[int]:
    powers = frames.astype(np.float64).var(axis=1)
    return np.clip(np.round(10 * np.log10(np.maximum(powers, 1e-12))), _LOWEST, 0).astype(int).tolist()


def _over_background(levels: np.ndarray) -> np.ndarray:
    """Which frames the gate lets through."""
    audible = levels[levels > _LOWEST]
    if not len(audible):
        return np.zeros(len(levels), dtype=bool)
    background, loud = np.percentile(levels, 10), np.percentile(audible, 98)
    # Where there is no pause, or no difference, the background is the voice itself.
    gate = max(loud - _BELOW_LOUD, min(background + _OVER_BACKGROUND, loud - _NEAR_LOUD))
    return levels >= gate


def _stretches(is_voice: np.ndarray, frame_seconds: float) -> list[Stretch]:
    """Runs of frames with voice, joined over short pauses, without short ones, with a margin."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], is_voice.astype(np.int8), [0]])))
    runs = [(begin * frame_seconds, end * frame_seconds) for begin, end in edges.reshape(-1, 2).tolist()]
    joined: list[tuple[float, float]] = []
    for start, end in runs:
        if joined and start - joined[-1][1] < MIN_PAUSE_SECONDS:
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    last = len(is_voice) * frame_seconds
    return [
        Stretch(round(max(0.0, start - MARGIN_SECONDS), 3), round(min(last, end + MARGIN_SECONDS), 3))
        for start, end in joined
        if end - start >= MIN_VOICE_SECONDS
    ]
