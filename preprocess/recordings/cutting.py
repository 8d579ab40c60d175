"""A sound and where to cut it -> segments, read so that memory does not grow with the length of the sound."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol

import numpy as np
from transformers.utils import logging

from ..audio.samples import is_silent
from .forward_reader import ForwardReader


logger = logging.get_logger(__name__)

# What is heard of a shorter stretch is widened to this, so that every encoder gets a frame.
MIN_WINDOW_SECONDS = 0.25


@dataclass(frozen=True)
class Segment:
    """A stretch of a recording that gets a prediction of its own.

    Args:
        waveform (`np.ndarray`, *optional*): float32 `(samples,)`, what the model hears: the stretch with its context.
        start, end (`float`, *optional*): the stretch in seconds, without its context; None for text without times.
        text (`str`, *optional*): what is said.
        is_last (`bool`): no segment follows.
        is_silent (`bool`): nothing can be heard between `start` and `end`, see `is_silent`; whatever lies around it.
        speaker (`str`, *optional*): who speaks, where that is known.
    """

    waveform: np.ndarray | None
    start: float | None
    end: float | None
    text: str | None
    is_last: bool
    is_silent: bool = False
    speaker: str | None = None


class Stretch(NamedTuple):
    """A sentence or a turn.

    Args:
        start, end (`float`): in seconds.
        text (`str`, *optional*): what is said.
        speaker (`str`, *optional*): by whom.
    """

    start: float
    end: float
    text: str | None = None
    speaker: str | None = None


def window_segments(
    pieces: Iterator[np.ndarray], text: str | None, rate: int, chunk_length_s: float, left_s: float, right_s: float
) -> Iterator[Segment]:
    """Windows that overlap by their context.

    Args:
        pieces (iterator of `np.ndarray`): the sound, consecutive samples.
        text (`str`, *optional*): the transcript, where there is one window.
        rate (`int`): in Hz.
        chunk_length_s, left_s, right_s (`float`): of a window and the context in it, in seconds.

    Raises:
        ValueError: there is a text and more than one window.
    """
    length, left, right = (round(seconds * rate) for seconds in (chunk_length_s, left_s, right_s))
    step = length - left - right
    sound = ForwardReader(pieces)
    begin, is_last = 0, False
    while not is_last:
        window = sound.read(begin, begin + length + 1)  # one sample more shows whether the sound goes on
        is_last = len(window) <= length
        if text is not None and not is_last:
            raise ValueError(
                "A text without times cannot be divided, and the recording is longer than one window of "
                f"{chunk_length_s:g} s. Give `words` with their times, or leave the text or chunk_length_s out."
            )
        start = begin + left if begin else 0
        end = begin + (len(window) if is_last else length - right)
        if is_last and begin:
            window = sound.read(max(0, end - length), end)
        silent = is_silent(sound.read(start, end))
        yield Segment(window[:length], start / rate, end / rate, text, is_last, silent)
        sound.forget_before(begin)
        begin += step


class ReadableSound(Protocol):
    """A sound of which the last part is at hand: [`ForwardReader`] or [`SampleBuffer`]."""

    @property
    def end(self) -> int:
        """How many samples have been read from the sound."""

    def read(self, begin: int, end: int) -> np.ndarray:
        """The samples from `begin` to `end`, fewer where the sound ends before."""


class StretchCutter:
    """What is heard of stretches, one after the other by their starts.

    Args:
        rate (`int`): of the sound in Hz.
        left_s, right_s (`float`): context on either side in seconds.
    """

    def __init__(self, rate: int, left_s: float, right_s: float):
        self.rate, self.left_s, self.right_s = rate, left_s, right_s
        self.shortest = round(MIN_WINDOW_SECONDS * rate)  # samples of what is heard, at least
        self._begin = 0

    def span(self, stretch: Stretch) -> tuple[int, int]:
        """The samples, from where to where, that are heard of the next stretch."""
        widening = max(0.0, MIN_WINDOW_SECONDS - (stretch.end - stretch.start)) / 2
        self._begin = max(self._begin, round((stretch.start - max(self.left_s, widening)) * self.rate))
        end = max(self._begin + self.shortest, round((stretch.end + max(self.right_s, widening)) * self.rate))
        return self._begin, end

    def cut(self, sound: ReadableSound, stretch: Stretch, begin: int, end: int) -> Segment:
        """The segment of a stretch and its span, once the sound has been read up to there or has ended."""
        waveform = sound.read(begin, end)
        if len(waveform) < self.shortest:  # the sound ends here: what is heard reaches back instead
            waveform = sound.read(max(0, sound.end - self.shortest), sound.end)
        own_end = min(stretch.end, sound.end / self.rate)
        own = sound.read(round(stretch.start * self.rate), round(own_end * self.rate))
        silent = is_silent(own if len(own) >= self.shortest else waveform)
        return Segment(waveform, stretch.start, own_end, stretch.text, False, silent, stretch.speaker)


def timed_segments(
    pieces: Iterator[np.ndarray] | None,
    stretches: Sequence[Stretch],
    rate: int,
    left_s: float,
    right_s: float,
    *,
    kind: str = "sentence",
) -> Iterator[Segment]:
    """One segment for each stretch, with context around it; stretches may overlap.

    Args:
        pieces (iterator of `np.ndarray`, *optional*): the sound, consecutive samples; None of text alone.
        stretches (sequence of [`Stretch`]): one or more, by their starts.
        rate (`int`): in Hz.
        left_s, right_s (`float`): context on either side in seconds.
        kind (`str`): what errors call a stretch.

    Raises:
        ValueError: most stretches start after the end of the sound. A few are left out with a warning.
    """
    if pieces is None:
        for index, stretch in enumerate(stretches):
            is_last = index == len(stretches) - 1
            yield Segment(None, stretch.start, stretch.end, stretch.text, is_last, speaker=stretch.speaker)
        return
    sound, cutter = ForwardReader(pieces), StretchCutter(rate, left_s, right_s)
    waiting: Segment | None = None  # whether it is the last shows only when the next has been looked for
    for index, stretch in enumerate(stretches):
        begin, end = cutter.span(stretch)
        sound.forget_before(max(0, begin - cutter.shortest))
        sound.read(begin, end)
        if stretch.start * rate >= sound.end:
            _check_rest(stretches, index, sound.end / rate, kind)
            break
        if waiting is not None:
            yield waiting
        waiting = cutter.cut(sound, stretch, begin, end)
    assert waiting is not None
    sound.read_to_the_end()  # damage that shows only there is an error too
    yield replace(waiting, is_last=True)


def _check_rest(stretches: Sequence[Stretch], first: int, seconds: float, kind: str) -> None:
    """Passes over the last stretches where they begin after the end of the sound: recognisers invent words there.

    Raises:
        ValueError: these are too many to be that.
    """
    rest = stretches[first:]
    if len(rest) >= max(2, first) or first == 0:
        called = kind if rest[0].text is None else f"{kind} {rest[0].text!r}"
        given = "words" if kind == "sentence" else f"{kind}s"
        raise ValueError(
            f"The {called} starts at {rest[0].start:g} s, after the end of the sound at {seconds:g} s, and so do "
            f"{len(rest)} of {len(stretches)} {kind}s: sound and {given} do not belong together."
        )
    said = " ".join(stretch.text for stretch in rest if stretch.text)
    logger.warning(
        f"{len(rest)} of {len(stretches)} {kind}s begin after the end of the sound at {seconds:g} s and are left "
        f"out{f': {said!r}' if said else ''}."
    )
