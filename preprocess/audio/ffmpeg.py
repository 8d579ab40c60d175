"""Sounds and videos that FFmpeg reads, through PyAV: mp4, m4a, webm, mkv, aac, amr and many others."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from .libsndfile import TRUNCATION_TOLERANCE_SECONDS, truncated
from .samples import check_format
from .sound_bytes import SoundBytes


# FFmpeg also opens playlists and text, which would make it read other files: only containers of sound are allowed.
_FORMATS = (
    "3gp,3g2,aac,ac3,aiff,amr,asf,au,avi,caf,eac3,flac,flv,m4a,matroska,mj2,mov,mp3,mp4,mpeg,mpegts,ogg,w64,wav,webm"
)
_FORMATS_WITH_STATED_END = ("mov", "matroska", "mp3")


def ffmpeg_blocks(
    data: SoundBytes, name: str, libsndfile_error: str, block_seconds: float | None
) -> Iterator[tuple[np.ndarray, int]]:
    """The samples of the first audio stream.

    Args:
        data ([`SoundBytes`]): what is read.
        name (`str`): what error messages call it.
        libsndfile_error (`str`): why libsndfile does not read it.
        block_seconds (`float`, *optional*): about how long a piece is; as long as it comes if left out.

    Yields:
        `tuple[np.ndarray, int]`: one piece or more, each float32 of shape `(samples,)` or `(samples, channels)`, and
        the rate in Hz.

    Raises:
        ValueError: it is not a sound, damaged or cut short, or has no audio stream, or PyAV is missing.
    """
    pieces: list[np.ndarray] = []
    gathered, end, is_first = 0, 0.0, True
    with _opened(data, name, libsndfile_error) as (av, container, stream):
        rate, layout = stream.rate, stream.codec_context.layout
        block_frames = float("inf") if block_seconds is None else block_seconds * rate
        stated_end = _stated_span(container.format.name, stream)[1]
        to_float: Any = None
        resampled = None
        for frame in container.decode(stream):
            if frame.pts is not None:
                end = float(frame.pts * frame.time_base) + frame.samples / frame.sample_rate
            kind = (frame.format.name, frame.layout.name, frame.sample_rate)
            if kind != resampled:  # the first, or where files of several kinds were joined
                pieces.extend(_flushed(to_float))
                to_float, resampled = av.AudioResampler(format="fltp", layout=layout, rate=rate), kind
            pieces.extend(piece.to_ndarray() for piece in to_float.resample(frame))
            gathered += frame.samples
            if gathered >= block_frames:
                yield _joined(pieces), rate
                pieces, gathered, is_first = [], 0, False
        pieces.extend(_flushed(to_float))
    if pieces or is_first:
        yield _joined(pieces), rate
    if stated_end is not None and end < stated_end - TRUNCATION_TOLERANCE_SECONDS:
        raise truncated(name, stated_end, end)


def ffmpeg_duration(data: SoundBytes, name: str, libsndfile_error: str) -> float | None:
    """Length in seconds as the container states it, None where it does not; arguments as for `ffmpeg_blocks`."""
    with _opened(data, name, libsndfile_error) as (_, container, stream):
        start, end = _stated_span(container.format.name, stream)
        return end - start if end is not None and end > start else None


@contextmanager
def _opened(data: SoundBytes, name: str, libsndfile_error: str) -> Iterator[tuple[Any, Any, Any]]:
    """PyAV, the opened container and its first audio stream; FFmpeg's errors, in here, become ValueErrors."""
    try:
        import av
    except ImportError as error:
        raise ValueError(
            f"{name}: libsndfile cannot read it ({libsndfile_error}). If it is mp4, m4a, webm or aac, install PyAV: "
            "pip install 'av>=14.0'."
        ) from error
    try:
        with av.open(data.for_ffmpeg, options={"format_whitelist": _FORMATS}, metadata_errors="replace") as container:
            if not container.streams.audio:
                raise ValueError(f"{name}: the file has no audio stream. Give a file with sound, or leave audio out.")
            stream = container.streams.audio[0]
            if stream.codec_context is None:
                raise ValueError(
                    f"{name}: the codec of its sound is not known to FFmpeg. Convert it, or leave it out."
                )
            check_format(stream.rate or 0, stream.codec_context.layout.nb_channels, name)
            yield av, container, stream
    except av.FFmpegError as error:
        raise ValueError(
            f"{name}: not a sound or video file that can be read, or it is damaged or cut short "
            f"(libsndfile: {libsndfile_error} FFmpeg: {error.strerror}). Get the file again or leave it out."
        ) from error


def _flushed(resampler: Any) -> list[np.ndarray]:
    """What a resampler still holds."""
    return [] if resampler is None else [piece.to_ndarray() for piece in resampler.resample(None)]


def _joined(pieces: list[np.ndarray]) -> np.ndarray:
    """Decoded pieces `(channels, samples)` as samples `(samples,)`, or `(samples, channels)` of several channels."""
    samples = np.concatenate(pieces, axis=1) if pieces else np.zeros((1, 0), dtype=np.float32)
    return samples[0] if len(samples) == 1 else samples.T


def _stated_span(format_name: str, stream: Any) -> tuple[float, float | None]:
    """When the audio stream starts and should end, in seconds; the end is None where its container does not say."""
    start = float((stream.start_time or 0) * stream.time_base)
    if not any(known in format_name for known in _FORMATS_WITH_STATED_END):
        return start, None
    if stream.duration is not None:
        return start, start + float(stream.duration * stream.time_base)
    clock = re.fullmatch(r"(\d+):(\d+):(\d+(?:\.\d+)?)", stream.metadata.get("DURATION", ""))
    return start, None if clock is None else int(clock[1]) * 3600 + int(clock[2]) * 60 + float(clock[3])
