"""One recording -> the segments that are predicted one by one, read so that memory does not grow with its length."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from numbers import Real
from typing import Any

import numpy as np
from transformers.utils import logging

from configuration_emo.shown_values import shown

from ..audio.load_audio import AudioSource, load_audio, stream_audio
from ..audio.samples import is_silent
from ..audio.url import local_copy
from ..features.text_features import is_text
from .sentences import TimedText, split_sentences


logger = logging.get_logger(__name__)

# What is heard of a shorter sentence is widened to this, so that every encoder gets a frame.
MIN_WINDOW_SECONDS = 0.25
MAX_SENTENCE_SECONDS = 30.0


@dataclass(frozen=True)
class Segment:
    """A stretch of a recording that gets a prediction of its own.

    Args:
        waveform (`np.ndarray`, *optional*): float32 `(samples,)`, what the model hears: the stretch with its context.
        start, end (`float`, *optional*): the stretch in seconds, without its context; None for text without times.
        text (`str`, *optional*): what is said.
        is_last (`bool`): no segment follows.
        is_silent (`bool`): nothing can be heard between `start` and `end`, see `is_silent`; whatever lies around it.
    """

    waveform: np.ndarray | None
    start: float | None
    end: float | None
    text: str | None
    is_last: bool
    is_silent: bool = False


def read_segments(
    audio: AudioSource | str | None,
    text: str | None = None,
    words: Sequence[Mapping[str, Any]] | None = None,
    *,
    sampling_rate: int = 16_000,
    chunk_length_s: float | None = None,
    stride_length_s: float | tuple[float, float] | None = None,
    allow_addresses: bool = True,
) -> Iterator[Segment]:
    """Divides a recording.

    Without `words` and `chunk_length_s` the whole of it is one segment. With `words` each sentence is one. Otherwise
    windows of `chunk_length_s` are laid over it as in Transformers' speech recognition: each overlaps its neighbours
    by the strides, which are heard but belong to the neighbour's segment, so that the segments follow each other
    without a gap. The last window reaches back until it is as long as the others.

    Args:
        audio (*optional*): anything that `load_audio` reads, or an address (http, https).
        text (`str`, *optional*): the transcript of the whole.
        words (sequence of `dict`, *optional*): the transcript with times, see `split_sentences`.
        sampling_rate (`int`, defaults to 16,000): of the waveforms, in Hz.
        chunk_length_s (`float`, *optional*): length of a window in seconds; with `words` the longest sentence (30 s
            if left out).
        stride_length_s (`float` or `(left, right)`, *optional*): context on either side in seconds; a sixth of a
            window if left out, none around sentences.
        allow_addresses (`bool`, defaults to True): False refuses addresses, see `local_copy`.

    Yields:
        [`Segment`]: one or more, the last of them marked.

    Raises:
        ValueError: nothing is given, `text` together with `words`, a text without times for a recording of several
            windows, strides that leave nothing of a window, most words after the end of the sound, or the sound cannot
            be read, or nothing can be heard in it. (A few sentences that begin after the end of the sound, as
            recognisers invent them, are left out with a warning.)
    """
    if text is not None and not isinstance(text, str):
        raise ValueError(f"The text must be a string, got {shown(text)} ({type(text).__name__}).")
    text = text if is_text(text) else None
    if words is not None and text is not None:
        raise ValueError("Give `text`, or `words` with their times, not both.")
    if audio is None and text is None and words is None:
        raise ValueError("There is neither audio nor text. Give at least one of them.")
    left, right = _strides(chunk_length_s, stride_length_s, has_words=words is not None)
    with local_copy(audio, allow_addresses=allow_addresses) as source:
        if words is not None:
            sentences = split_sentences(words, max_seconds=chunk_length_s or MAX_SENTENCE_SECONDS)
            yield from _sentence_segments(source, sentences, sampling_rate, left, right)
        elif source is None:
            yield Segment(None, None, None, text, is_last=True)
        elif chunk_length_s is None:
            waveform = load_audio(source, sampling_rate, allow_silence=False)
            yield Segment(waveform, 0.0, len(waveform) / sampling_rate, text, is_last=True)
        else:
            yield from _window_segments(source, text, sampling_rate, chunk_length_s, left, right)


def _strides(
    chunk_length_s: float | None, stride_length_s: float | tuple[float, float] | None, has_words: bool
) -> tuple[float, float]:
    """Context before and after a segment in seconds."""
    if chunk_length_s is not None and not (_is_time(chunk_length_s) and chunk_length_s >= MIN_WINDOW_SECONDS):
        raise ValueError(
            f"chunk_length_s must be a number of seconds, {MIN_WINDOW_SECONDS:g} or more, got {shown(chunk_length_s)}."
        )
    if stride_length_s is not None and chunk_length_s is None and not has_words:
        raise ValueError(f"stride_length_s ({stride_length_s}) needs chunk_length_s, or words with their times.")
    if stride_length_s is None:
        stride_length_s = 0.0 if has_words or chunk_length_s is None else chunk_length_s / 6
    both: Any = (stride_length_s,) * 2 if _is_time(stride_length_s) else stride_length_s
    if not isinstance(both, (tuple, list)) or len(both) != 2 or not all(map(_is_time, both)):
        raise ValueError(
            f"stride_length_s must be a number of seconds, or one for each side, got {shown(stride_length_s)}."
        )
    left, right = both
    room = float("inf") if chunk_length_s is None or has_words else chunk_length_s
    if min(left, right) < 0 or left + right >= room:
        raise ValueError(
            f"stride_length_s must not be negative, and both sides together shorter than chunk_length_s "
            f"({chunk_length_s}), got {stride_length_s}."
        )
    return float(left), float(right)


def _is_time(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)


def _window_segments(
    source: Any, text: str | None, rate: int, chunk_length_s: float, left_s: float, right_s: float
) -> Iterator[Segment]:
    length, left, right = (round(seconds * rate) for seconds in (chunk_length_s, left_s, right_s))
    step = length - left - right
    sound = _ForwardReader(stream_audio(source, rate, allow_silence=False))
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


def _sentence_segments(
    source: Any, sentences: list[TimedText], rate: int, left_s: float, right_s: float
) -> Iterator[Segment]:
    if source is None:
        for index, sentence in enumerate(sentences):
            yield Segment(None, sentence.start, sentence.end, sentence.text, index == len(sentences) - 1)
        return
    sound = _ForwardReader(stream_audio(source, rate, allow_silence=False))
    begin, shortest = 0, round(MIN_WINDOW_SECONDS * rate)
    waiting: Segment | None = None  # whether it is the last shows only when the next has been looked for
    for index, sentence in enumerate(sentences):
        widening = max(0.0, MIN_WINDOW_SECONDS - (sentence.end - sentence.start)) / 2
        begin = max(begin, round((sentence.start - max(left_s, widening)) * rate))
        end = max(begin + shortest, round((sentence.end + max(right_s, widening)) * rate))
        sound.forget_before(max(0, begin - shortest))
        waveform = sound.read(begin, end)
        if sentence.start * rate >= sound.end:
            _check_rest(sentences, index, sound.end / rate)
            break
        if waiting is not None:
            yield waiting
        if len(waveform) < shortest:  # the sound ends here: what is heard reaches back instead
            waveform = sound.read(max(0, sound.end - shortest), sound.end)
        own_end = min(sentence.end, sound.end / rate)
        own = sound.read(round(sentence.start * rate), round(own_end * rate))
        silent = is_silent(own if len(own) >= shortest else waveform)
        waiting = Segment(waveform, sentence.start, own_end, sentence.text, False, silent)
    assert waiting is not None
    sound.read_to_the_end()  # damage that shows only there is an error too
    yield replace(waiting, is_last=True)


def _check_rest(sentences: list[TimedText], first: int, seconds: float) -> None:
    """Passes over the last sentences where they begin after the end of the sound: recognisers invent words there.

    Raises:
        ValueError: these are too many to be that.
    """
    rest = sentences[first:]
    if len(rest) >= max(2, first) or first == 0:
        raise ValueError(
            f"The sentence {rest[0].text!r} starts at {rest[0].start:g} s, after the end of the sound at {seconds:g} "
            f"s, and so do {len(rest)} of {len(sentences)} sentences: sound and words do not belong together."
        )
    logger.warning(
        f"{len(rest)} of {len(sentences)} sentences begin after the end of the sound at {seconds:g} s and are left "
        f"out: {' '.join(sentence.text for sentence in rest)!r}."
    )


class _ForwardReader:
    """A sound read from front to back that keeps only what may still be asked for.

    Args:
        pieces (iterator of `np.ndarray`): consecutive samples, each `(samples,)`.
    """

    def __init__(self, pieces: Iterator[np.ndarray]):
        self._pieces = pieces
        self._kept = np.zeros(0, dtype=np.float32)
        self._begin = self._needed_from = 0  # where `_kept` begins in the sound, and from where on it is of use

    @property
    def end(self) -> int:
        """How many samples have been read from the sound."""
        return self._begin + len(self._kept)

    def read(self, begin: int, end: int) -> np.ndarray:
        """The samples from `begin` to `end`, fewer where the sound ends before."""
        while self.end < end:
            piece = next(self._pieces, None)
            if piece is None:
                break
            self._kept = np.concatenate([self._kept, piece])
            self._drop_what_is_not_needed()
        return self._kept[max(0, begin - self._begin) : max(0, end - self._begin)]

    def read_to_the_end(self) -> None:
        """Reads what is left without keeping it."""
        for piece in self._pieces:
            self._begin = self.end + len(piece)
            self._kept = self._kept[:0]

    def forget_before(self, begin: int) -> None:
        """Says that nothing before `begin` is asked for again, be it read or still to come."""
        self._needed_from = begin
        self._drop_what_is_not_needed()

    def _drop_what_is_not_needed(self) -> None:
        count = min(self._needed_from - self._begin, len(self._kept))
        self._kept = self._kept[count:]
        self._begin += count
