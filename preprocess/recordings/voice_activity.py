"""When somebody speaks: frames with voice, by an energy gate or by Silero's model, joined to stretches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from configuration_emo.shown_values import shown

from .cutting import Stretch
from .running_levels import LOWEST_LEVEL, RunningLevels, frame_levels
from .silero import SILERO_FRAME, SILERO_RATE, SileroVoice
from .turns import divide_long
from .whole_frames import WholeFrames


# Frames of the energy gate.
GATE_SECONDS = 0.02
# The gate opens so many dB over the background, and at most so many below the loudest fiftieth of the frames.
_OVER_BACKGROUND, _BELOW_LOUD, _NEAR_LOUD = 10, 40, 6
# What the causal gate remembers of the sound so far, in seconds, and the level in dB that it takes for the loudest
# before anything louder came: noise below it is not voice from the start.
_BACKGROUND_SECONDS, _LOUD_SECONDS, _LOUD_AT_FIRST = 10.0, 60.0, -40
# Silero's own default.
_VOICE_PROBABILITY = 0.5

# A shorter pause is part of the stretch, a shorter sound is none; what is heard begins before and ends after it.
MIN_PAUSE_SECONDS, MIN_VOICE_SECONDS, MARGIN_SECONDS = 0.5, 0.1, 0.1
# Times are rounded to this, and no part of a stretch is shorter.
_TIME_STEP = 0.001

VOICE_DETECTORS = {"energy": None, "causal": None, "silero": SILERO_RATE}
# Those that need to hear nothing of what comes later.
CAUSAL_DETECTORS = ("causal", "silero")


def find_voice(
    pieces: Iterator[np.ndarray], rate: int, detector: str = "energy", max_seconds: float | None = None
) -> list[Stretch]:
    """Stretches with voice, in order.

    The energy gate takes for voice what is clearly louder than the recording's own background (the quietest tenth of
    its frames of 20 ms): it knows nothing of voices, and noise that comes and goes is voice to it. A byte for each
    frame is kept in memory, 180 kB an hour. `"causal"` is the same gate set by what was heard so far, see
    [`VoiceWatch`].

    Args:
        pieces (iterator of `np.ndarray`): the sound, consecutive samples.
        rate (`int`): in Hz.
        detector (`str`, defaults to `"energy"`): one of `VOICE_DETECTORS`; `"silero"` hears 16,000 Hz.
        max_seconds (`float`, *optional*): longer stretches are divided: evenly by `"energy"`, which knows where they
            end; by the others after every `max_seconds`.

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
    if detector in CAUSAL_DETECTORS:
        watch = VoiceWatch(rate, detector, max_seconds)
        return [stretch for piece in pieces for stretch in watch.feed(piece)] + watch.close()
    frames = WholeFrames(round(GATE_SECONDS * rate))
    levels = np.fromiter(_levels(pieces, frames), dtype=np.int8)
    runs = _VoiceRuns(frames.length / rate)
    found = runs.feed(_over_background(levels).tolist()) + runs.close(frames.num_samples / rate)
    return found if max_seconds is None else divide_long(found, max_seconds)


class VoiceWatch:
    """Finds stretches with voice in a sound that comes piece by piece, whatever the lengths of the pieces.

    `"causal"` is the energy gate, set for each frame of 20 ms by the sound up to it: the background is the quietest
    tenth of the last 10 s, the loudest the loudest fiftieth of the last minute. Before anything louder came the latter
    is taken to be -40 dB re full scale. `"silero"` is causal itself.

    Args:
        rate (`int`): of the sound in Hz.
        detector (`str`): one of `CAUSAL_DETECTORS`.
        max_seconds (`float`, *optional*): a stretch ends after so long, and the next one begins there.

    Raises:
        ValueError: the detector has to hear the whole sound first, hears another rate, or is not installed.

    Example:
        >>> watch = VoiceWatch(16_000, "causal")
        >>> tone = np.sin(np.arange(16_000) / 5)
        >>> watch.feed(np.zeros(16_000)), watch.feed(tone), [one[:2] for one in watch.feed(np.zeros(16_000))]
        ([], [], [(0.9, 2.1)])
    """

    def __init__(self, rate: int, detector: str = "causal", max_seconds: float | None = None):
        if detector not in CAUSAL_DETECTORS:
            raise ValueError(
                f"voice_detector of sound that is still coming must be one of {', '.join(CAUSAL_DETECTORS)}, got "
                f"{shown(detector)}{', which needs all of it' if detector in VOICE_DETECTORS else ''}."
            )
        heard_rate = VOICE_DETECTORS[detector] or rate
        if rate != heard_rate:
            raise ValueError(f"The detector {detector} hears {heard_rate} Hz, got {rate} Hz: resample the sound.")
        length = SILERO_FRAME if detector == "silero" else round(GATE_SECONDS * rate)
        self._rate, self._frames = rate, WholeFrames(length)
        self._silero = SileroVoice() if detector == "silero" else None
        self._recent = RunningLevels(round(_BACKGROUND_SECONDS * rate / length))
        self._long = RunningLevels(round(_LOUD_SECONDS * rate / length))
        self._runs = _VoiceRuns(length / rate, max_seconds)

    @property
    def needed_from(self) -> float:
        """Nothing that begins before this time, in seconds, will still be found."""
        return self._runs.needed_from

    def feed(self, samples: np.ndarray) -> list[Stretch]:
        """Takes the next samples `(samples,)`; gives the stretches that end with them."""
        return self._runs.feed(self._with_voice(self._frames.feed(samples)))

    def close(self) -> list[Stretch]:
        """The stretches that the end of the sound ends."""
        rest = self._frames.rest("edge" if self._silero is None else "constant")
        return self._runs.feed(self._with_voice(rest)) + self._runs.close(self._frames.num_samples / self._rate)

    def _with_voice(self, frames: np.ndarray) -> list[bool]:
        if self._silero is not None:
            return [one >= _VOICE_PROBABILITY for one in self._silero.probabilities(frames)]
        return [self._passes(level) for level in frame_levels(frames)]

    def _passes(self, level: int) -> bool:
        self._recent.add(level)
        self._long.add(level)
        loud = max(self._long.percentile(98, audible=True), _LOUD_AT_FIRST)
        return level > LOWEST_LEVEL and level >= _gate(self._recent.percentile(10), loud)


class _VoiceRuns:
    """Frames with voice, joined over short pauses, without short ones, with a margin, and of a limited length."""

    def __init__(self, frame_seconds: float, max_seconds: float | None = None):
        self._frame_seconds, self._max_seconds = frame_seconds, max_seconds
        self._count = 0  # of frames
        self._run: tuple[float, float] | None = None  # begin and end of what may still go on
        self._begin = 0.0  # of the part of it that is still to be given, with its margin

    @property
    def needed_from(self) -> float:
        return self._begin if self._run is not None else max(0.0, self._count * self._frame_seconds - MARGIN_SECONDS)

    def feed(self, is_voice: Iterable[bool]) -> list[Stretch]:
        found: list[Stretch] = []
        for voice in is_voice:
            start, end = self._count * self._frame_seconds, (self._count + 1) * self._frame_seconds
            self._count += 1
            if not voice:
                if self._run is not None and end - self._run[1] >= MIN_PAUSE_SECONDS:
                    found += self._parts(self._run[1] + MARGIN_SECONDS, is_over=True)
                continue
            if self._run is None:
                self._run, self._begin = (start, end), round(max(0.0, start - MARGIN_SECONDS), 3)
            else:
                self._run = (self._run[0], end)
            found += self._parts(end, is_over=False)
        return found

    def close(self, seconds: float) -> list[Stretch]:
        """What the end of the sound, which has so many seconds, ends."""
        return [] if self._run is None else self._parts(min(self._run[1] + MARGIN_SECONDS, seconds), is_over=True)

    def _parts(self, end: float, *, is_over: bool) -> list[Stretch]:
        """Parts of the current run up to `end`: those that are full, and the rest where the run is over."""
        assert self._run is not None
        parts: list[Stretch] = []
        if self._run[1] - self._run[0] >= MIN_VOICE_SECONDS:
            end = round(end, 3)
            while self._max_seconds is not None and end - self._begin > self._max_seconds + _TIME_STEP:
                parts.append(Stretch(self._begin, self._begin + self._max_seconds))
                self._begin += self._max_seconds
            if is_over:
                parts.append(Stretch(self._begin, end))
        if is_over:
            self._run = None
        return parts


def _levels(pieces: Iterator[np.ndarray], frames: WholeFrames) -> Iterator[int]:
    """The level of each frame; a last frame that is not whole is padded."""
    for piece in pieces:
        yield from frame_levels(frames.feed(piece))
    yield from frame_levels(frames.rest("edge"))


def _over_background(levels: np.ndarray) -> np.ndarray:
    """Which frames the gate lets through, set by all of them."""
    audible = levels[levels > LOWEST_LEVEL]
    if not len(audible):
        return np.zeros(len(levels), dtype=bool)
    return levels >= _gate(float(np.percentile(levels, 10)), float(np.percentile(audible, 98)))


def _gate(background: float, loud: float) -> float:
    """The level in dB from which on a frame is voice."""
    # Where there is no pause, or no difference, the background is the voice itself.
    return max(loud - _BELOW_LOUD, min(background + _OVER_BACKGROUND, loud - _NEAR_LOUD))
