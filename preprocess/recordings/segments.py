"""One recording -> the segments that are predicted one by one: whole, windows, sentences, voice or turns."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from numbers import Real
from pathlib import Path
from typing import Any

from transformers.utils import logging

from configuration_emo.shown_values import shown

from ..audio.load_audio import AudioSource, channel_count, load_audio, stream_audio
from ..audio.samples import is_silent
from ..audio.url import local_copy
from ..features.text_features import is_text
from .cutting import MIN_WINDOW_SECONDS, Segment, Stretch, timed_segments, window_segments
from .rttm import check_rttm
from .sentences import checked_words, split_sentences
from .turns import divide_long, read_turns, with_words
from .voice_activity import VOICE_DETECTORS, find_voice


logger = logging.get_logger(__name__)

SEGMENTATIONS = ("windows", "sentences", "voice", "turns")
MAX_SENTENCE_SECONDS = 30.0
DEFAULT_WINDOW_SECONDS = 10.0
EACH_IS_ALONE = (
    "channels='each' hears each channel for itself: a transcript or turns are of the whole. Leave them out, or give "
    "the number of one channel."
)


def read_segments(
    audio: AudioSource | str | None,
    text: str | None = None,
    words: Sequence[Mapping[str, Any]] | None = None,
    *,
    sampling_rate: int = 16_000,
    chunk_length_s: float | None = None,
    stride_length_s: float | tuple[float, float] | None = None,
    segmentation: str | None = None,
    turns: Any = None,
    voice_detector: str | None = None,
    channels: str | int | None = None,
    allow_addresses: bool = True,
) -> Iterator[Segment]:
    """Divides a recording.

    Without anything that divides it the whole of it is one segment. With `words` each sentence is one, with `turns`
    each turn. Otherwise windows of `chunk_length_s` are laid over it as in Transformers' speech recognition: each
    overlaps its neighbours by the strides, which are heard but belong to the neighbour's segment, so that the segments
    follow each other without a gap. The last window reaches back until it is as long as the others.

    Memory does not grow with the length, but for a diarizer, which is given the whole sound. The file is read once for
    the segments, and once before that for `"voice"`; with `channels="each"` this is done channel by channel.

    Args:
        audio (*optional*): anything that `load_audio` reads, or an address (http, https).
        text (`str`, *optional*): the transcript of the whole.
        words (sequence of `dict`, *optional*): the transcript with times, see `split_sentences`. With turns or voice
            each word belongs to the nearest stretch (of its `speaker`, where it names one).
        sampling_rate (`int`, defaults to 16,000): of the waveforms, in Hz.
        chunk_length_s (`float`, *optional*): length of a window in seconds (10 if left out with `"windows"`); the
            longest sentence, turn or stretch of voice (30 s if left out).
        stride_length_s (`float` or `(left, right)`, *optional*): context on either side in seconds; a sixth of a
            window if left out, none around what is no window.
        segmentation (`str`, *optional*): `"windows"`, `"sentences"`, `"voice"` or `"turns"`; what the other arguments
            call for if left out.
        turns (sequence of `dict`, path or callable, *optional*): who speaks when, see `read_turns`.
        voice_detector (`str`, *optional*): for `"voice"`: `"energy"`, a gate, if left out; `"causal"`, the same gate
            set by what was heard so far; or `"silero"`. See [`find_voice`], also for how long stretches are divided.
        channels (`str` or `int`, *optional*): `"mix"` if left out, the number of one, from 0, or `"each"`: every
            channel for itself, one after the other. The speaker of a channel is `channel 0`, where no turn or word
            names one.
        allow_addresses (`bool`, defaults to True): False refuses addresses, see `local_copy`.

    Yields:
        [`Segment`]: one or more, the last of them marked.

    Raises:
        ValueError: nothing is given, `text` together with `words`, a text without times for a recording of several
            segments, options that contradict each other, strides that leave nothing of a window, most words or turns
            after the end of the sound, no voice is found, or the sound cannot be read, or nothing can be heard in it.
            (A few sentences that begin after the end of the sound, as recognisers invent them, are left out with a
            warning.)
    """
    if text is not None and not isinstance(text, str):
        raise ValueError(f"The text must be a string, got {shown(text)} ({type(text).__name__}).")
    text = text if is_text(text) else None
    if words is not None and text is not None:
        raise ValueError("Give `text`, or `words` with their times, not both.")
    if audio is None and text is None and words is None:
        raise ValueError("There is neither audio nor text. Give at least one of them.")
    division = _division(segmentation, words is not None, turns is not None, chunk_length_s)
    if division == "windows" and chunk_length_s is None:
        chunk_length_s = DEFAULT_WINDOW_SECONDS
    left, right = _strides(chunk_length_s, stride_length_s, has_windows=division in ("whole", "windows"))
    _check_sound_options(audio, text, words, division, voice_detector, channels)
    longest = chunk_length_s or MAX_SENTENCE_SECONDS

    def of_channel(source: Any, channel: int | None, allow_silence: bool) -> Iterator[Segment]:
        def pieces(rate: int = sampling_rate) -> Any:
            return stream_audio(source, rate, channel=channel, allow_silence=allow_silence)

        if division == "whole":
            waveform = load_audio(source, sampling_rate, channel=channel, allow_silence=allow_silence)
            silent = is_silent(waveform)
            yield Segment(waveform, 0.0, len(waveform) / sampling_rate, text, is_last=True, is_silent=silent)
        elif division == "windows":
            assert chunk_length_s is not None
            yield from window_segments(pieces(), text, sampling_rate, chunk_length_s, left, right)
        else:
            stretches = _stretches(source, channel, pieces)
            if stretches:
                sound = None if source is None else pieces()
                kind = "sentence" if division == "sentences" else "turn"
                yield from timed_segments(sound, stretches, sampling_rate, left, right, kind=kind)

    def _stretches(source: Any, channel: int | None, pieces: Callable[..., Any]) -> list[Stretch]:
        if division == "sentences":
            assert words is not None
            sentences = split_sentences(words, max_seconds=longest)
            return [Stretch(one.start, one.end, one.text, one.speaker) for one in sentences]
        if division == "voice":
            detector = voice_detector or "energy"
            rate = VOICE_DETECTORS[detector] or sampling_rate
            found = find_voice(pieces(rate), rate, detector, longest)
        else:

            def load() -> dict[str, Any]:
                return {"raw": load_audio(source, sampling_rate, channel=channel), "sampling_rate": sampling_rate}

            name = Path(audio).stem if isinstance(audio, (str, Path)) else None
            found = divide_long(read_turns(turns, name, load), longest)
        if words is not None and found:
            return with_words(found, checked_words(words))
        if text is None or not found:
            return found
        if len(found) > 1:
            raise ValueError(
                f"A text without times cannot be divided among {len(found)} stretches. Give `words` with their times, "
                "or leave the text out."
            )
        return [found[0]._replace(text=text)]

    with local_copy(audio, allow_addresses=allow_addresses) as source:
        if source is None and words is None:
            yield Segment(None, None, None, text, is_last=True)
            return
        if division == "voice" or channels == "each" or callable(turns):
            source = _readable_again(source)
        if channels != "each":
            number = None if channels in (None, "mix") else int(channels)  # type: ignore[arg-type]
            found = _named(of_channel(source, number, allow_silence=False), number)
        else:
            count = channel_count(source)
            found = (
                one for index in range(count) for one in _named(of_channel(source, index, allow_silence=True), index)
            )
        yield from _marked(found, is_each=channels == "each")


def check_division(
    *,
    chunk_length_s: float | None = None,
    stride_length_s: float | tuple[float, float] | None = None,
    segmentation: str | None = None,
    turns: Any = None,
    voice_detector: str | None = None,
    channels: str | int | None = None,
    **others: Any,
) -> None:
    """Refuses options of [`read_segments`] that are wrong for every recording, before there is one.

    Args:
        chunk_length_s, stride_length_s, segmentation, turns, voice_detector, channels (*optional*): its options.
        others: further options, which are not looked at.

    Raises:
        ValueError: an unknown name, a wrong number, or options that contradict each other whatever the recording has.

    Example:
        >>> check_division(segmentation="voice", voice_detector="energy")
        >>> check_division(segmentation="sentence")
        Traceback (most recent call last):
        ValueError: segmentation must be one of windows, sentences, voice, turns, got 'sentence'.
    """
    # A recording may bring words and turns of its own: what calls for them is not refused here.
    needs = {"sentences": (True, False), "turns": (False, True)}.get(str(segmentation), (False, False))
    division = _division(segmentation, needs[0], needs[1] or turns is not None, chunk_length_s)
    if isinstance(turns, (str, os.PathLike)):
        check_rttm(turns)
    has_windows = segmentation == "windows"
    _strides(chunk_length_s, stride_length_s if chunk_length_s is not None else None, has_windows=has_windows)
    _check_voice_detector(division, voice_detector)
    _check_channels(channels)
    if channels == "each" and division == "turns":
        raise ValueError(EACH_IS_ALONE)


def _named(segments: Iterator[Segment], channel: int | None) -> Iterator[Segment]:
    """The segments of one channel, which is their speaker unless one is known."""
    for segment in segments:
        if channel is not None and segment.speaker is None:
            segment = replace(segment, speaker=f"channel {channel}")
        yield segment


def _marked(segments: Iterator[Segment], *, is_each: bool) -> Iterator[Segment]:
    """The same, of which only the very last is marked as the last.

    Raises:
        ValueError: there are none, or each channel for itself is silent.
    """
    waiting, heard = None, False
    for segment in segments:
        if waiting is not None:
            yield replace(waiting, is_last=False)
        waiting, heard = segment, heard or not segment.is_silent
    if waiting is None:
        raise ValueError("No voice was found in the recording. Try segmentation='windows', or leave it out.")
    if is_each and not heard:
        raise ValueError("The sound is silent throughout, in each of its channels. Leave it out or replace it.")
    yield replace(waiting, is_last=True)


def _readable_again(source: Any) -> Any:
    """The source, or its bytes where it can be read only once."""
    is_stream = hasattr(source, "read") and not (hasattr(source, "seekable") and source.seekable())
    return source.read() if is_stream else source


def _division(segmentation: str | None, has_words: bool, has_turns: bool, chunk_length_s: float | None) -> str:
    """`"whole"`, or one of `SEGMENTATIONS`."""
    if segmentation is None:
        if has_turns:
            return "turns"
        return "sentences" if has_words else "whole" if chunk_length_s is None else "windows"
    if segmentation not in SEGMENTATIONS:
        raise ValueError(f"segmentation must be one of {', '.join(SEGMENTATIONS)}, got {shown(segmentation)}.")
    if has_turns and segmentation != "turns":
        raise ValueError(f"There are turns, and segmentation is {segmentation!r}: leave one of them out.")
    if segmentation == "turns" and not has_turns:
        raise ValueError("segmentation='turns' needs `turns`: a list, an RTTM file or a diarizer.")
    if segmentation == "sentences" and not has_words:
        raise ValueError("segmentation='sentences' needs `words` with their times.")
    if segmentation == "windows" and has_words:
        raise ValueError("`words` divide a recording into sentences: leave segmentation='windows' or the words out.")
    return segmentation


def _check_sound_options(
    audio: Any, text: str | None, words: Any, division: str, voice_detector: Any, channels: Any
) -> None:
    if division == "voice" and audio is None:
        raise ValueError("segmentation='voice' needs a recording.")
    if division == "turns" and audio is None and words is None:
        raise ValueError("`turns` need a recording, or `words` with their times.")
    _check_voice_detector(division, voice_detector)
    _check_channels(channels)
    if channels == "each" and (audio is None or text is not None or words is not None or division == "turns"):
        raise ValueError(EACH_IS_ALONE)


def _check_voice_detector(division: str, voice_detector: Any) -> None:
    if voice_detector is not None and (division != "voice" or voice_detector not in VOICE_DETECTORS):
        raise ValueError(
            f"voice_detector is for segmentation='voice', one of {', '.join(VOICE_DETECTORS)}, got "
            f"{shown(voice_detector)}."
        )


def _check_channels(channels: Any) -> None:
    is_number = isinstance(channels, int) and not isinstance(channels, bool) and channels >= 0
    if channels not in (None, "mix", "each") and not is_number:
        raise ValueError(f"channels must be 'mix', 'each', or the number of one from 0 on, got {shown(channels)}.")


def _strides(
    chunk_length_s: float | None, stride_length_s: float | tuple[float, float] | None, has_windows: bool
) -> tuple[float, float]:
    """Context before and after a segment in seconds."""
    if chunk_length_s is not None and not (_is_time(chunk_length_s) and chunk_length_s >= MIN_WINDOW_SECONDS):
        raise ValueError(
            f"chunk_length_s must be a number of seconds, {MIN_WINDOW_SECONDS:g} or more, got {shown(chunk_length_s)}."
        )
    if stride_length_s is not None and chunk_length_s is None and has_windows:
        raise ValueError(f"stride_length_s ({stride_length_s}) needs chunk_length_s, or words with their times.")
    if stride_length_s is None:
        stride_length_s = 0.0 if not has_windows or chunk_length_s is None else chunk_length_s / 6
    both: Any = (stride_length_s,) * 2 if _is_time(stride_length_s) else stride_length_s
    if not isinstance(both, (tuple, list)) or len(both) != 2 or not all(map(_is_time, both)):
        raise ValueError(
            f"stride_length_s must be a number of seconds, or one for each side, got {shown(stride_length_s)}."
        )
    left, right = both
    room = float("inf") if chunk_length_s is None or not has_windows else chunk_length_s
    if min(left, right) < 0 or left + right >= room:
        raise ValueError(
            f"stride_length_s must not be negative, and both sides together shorter than chunk_length_s "
            f"({chunk_length_s}), got {stride_length_s}."
        )
    return float(left), float(right)


def segment_context(
    chunk_length_s: float | None, stride_length_s: float | tuple[float, float] | None
) -> tuple[float, float]:
    """Context before and after a stretch of voice in seconds.

    Args:
        chunk_length_s, stride_length_s (*optional*): as of [`read_segments`].

    Raises:
        ValueError: one of them is wrong.
    """
    return _strides(chunk_length_s, stride_length_s, has_windows=False)


def _is_time(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)
