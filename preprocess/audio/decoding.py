"""From the bytes of a sound or video file to float32 samples: libsndfile where it can, FFmpeg (PyAV) for the rest.

A file that was cut short is an error, not a shorter recording. What a cut is recognised by:

| format | evidence |
|---|---|
| mp3 | the frame count of its Xing/Info header against the samples decoded |
| wav | the size of its `data` chunk against the bytes there are (streamed files, which do not state it, pass) |
| flac | the decoder's own error |
| ogg (Vorbis, Opus) | a page broken off at the end of the file |
| mp4, m4a, webm, mkv | the index is missing, a packet is broken, or the stream's stated end is not reached |

An mp3 without such a header, a raw AAC stream and an Ogg file that ends exactly between two pages do not state how
long they should be: no reader can tell that those were cut.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import soundfile as sf


# Encoders pad and trim by some frames of up to 2048 samples; a shorter gap than this is theirs, not damage.
TRUNCATION_TOLERANCE_SECONDS = 0.2

# Sizes from here on are the placeholders that streaming writers leave in a wav header.
_STREAMED_WAV_SIZE = 0x7FFF0000

# What libsndfile gives as the number of frames where a streaming writer left it open (flac), and cannot read then.
_UNKNOWN_FRAMES = 0x7FFFFFFFFFFFFFFF

# FFmpeg also opens playlists and text, which would make it read other files: only containers of sound are allowed.
_FFMPEG_FORMATS = (
    "3gp,3g2,aac,ac3,aiff,amr,asf,avi,caf,flac,flv,m4a,matroska,mj2,mov,mp3,mp4,mpeg,mpegts,ogg,w64,wav,webm"
)
_FORMATS_WITH_STATED_END = ("mov", "matroska", "mp3")


def decode_audio(source: str | Path | BinaryIO, name: str) -> tuple[np.ndarray, int]:
    """All samples of a sound or video file.

    Args:
        source (`str`, `Path` or binary file object): a file that exists, or a seekable stream at its start.
        name (`str`): what error messages call it.

    Returns:
        `tuple[np.ndarray, int]`: float32 samples of shape `(samples,)` or `(samples, channels)`, and the rate in Hz.

    Raises:
        ValueError: not a sound file, damaged or cut short, without an audio stream, or PyAV is needed and missing.
    """
    blocks, rates = zip(*decode_blocks(source, name), strict=True)
    return (blocks[0] if len(blocks) == 1 else np.concatenate(blocks)), rates[0]


def decode_blocks(
    source: str | Path | BinaryIO, name: str, block_seconds: float | None = None
) -> Iterator[tuple[np.ndarray, int]]:
    """The samples of a sound or video file piece by piece, so that memory does not grow with its length.

    Args:
        source (`str`, `Path` or binary file object): as for `decode_audio`.
        name (`str`): what error messages call it.
        block_seconds (`float`, *optional*): about how long a piece is; as long as it comes if left out.

    Yields:
        `tuple[np.ndarray, int]`: one piece or more, each float32 of shape `(samples,)` or `(samples, channels)`, and
        the rate in Hz. An empty file is one piece of 0 samples.

    Raises:
        ValueError: as for `decode_audio`; of damage that shows only at the end, after the pieces before it.
    """
    try:
        file = sf.SoundFile(source)
    except (sf.LibsndfileError, TypeError) as error:  # TypeError: a suffix that soundfile takes for headerless samples
        _rewind(source)
        yield from _blocks_with_pyav(source, name, str(error), block_seconds)
        return
    with file:
        if file.frames != _UNKNOWN_FRAMES:
            yield from _blocks_with_soundfile(file, name, block_seconds)
            return
    _rewind(source)
    yield from _blocks_with_pyav(source, name, "it does not state its length.", block_seconds)


def header_duration(source: str | Path | BinaryIO, name: str) -> float | None:
    """Length in seconds by the file's own header, None where it does not state it; nothing is decoded.

    Args:
        source (`str`, `Path` or binary file object): as for `decode_audio`; a stream is rewound.
        name (`str`): what error messages call it.

    Raises:
        ValueError: as for `decode_audio`, as far as the header shows it.
    """
    try:
        with sf.SoundFile(source) as file:
            seconds = None if file.frames == _UNKNOWN_FRAMES else file.frames / file.samplerate
    except (sf.LibsndfileError, TypeError) as error:
        _rewind(source)
        with _open_with_pyav(source, name, str(error)) as (_, container, stream):
            start, end = _stated_span(container.format.name, stream)
            seconds = None if end is None else end - start
    _rewind(source)
    return seconds


def stated_duration(source: str | Path | BinaryIO, name: str) -> float:
    """Length in seconds by the file's own header; a file that does not state it is decoded.

    Args:
        source (`str`, `Path` or binary file object): as for `decode_audio`.
        name (`str`): what error messages call it.

    Raises:
        ValueError: as for `decode_audio`, as far as the header shows it.
    """
    seconds = header_duration(source, name)
    if seconds is not None:
        return seconds
    return sum(len(block) / rate for block, rate in decode_blocks(source, name, 10.0))


def _blocks_with_soundfile(
    file: sf.SoundFile, name: str, block_seconds: float | None
) -> Iterator[tuple[np.ndarray, int]]:
    rate, log = file.samplerate, file.extra_info
    missing_from_wav = _frames_missing_from_wav(log, file.frames)
    block_frames = -1 if block_seconds is None else max(1, round(block_seconds * rate))
    count, is_last = 0, False
    while not is_last:
        try:
            samples = file.read(block_frames, dtype="float32")
        except sf.LibsndfileError as error:
            raise ValueError(f"{name}: the sound is damaged or cut short ({error}). Get the file again.") from error
        is_last = len(samples) < block_frames or block_frames == -1
        if len(samples) or count == 0:
            count += len(samples)
            yield samples, rate
    missing = file.frames - count + missing_from_wav
    if missing > TRUNCATION_TOLERANCE_SECONDS * rate:
        raise _truncated(name, (count + missing) / rate, count / rate)
    if "Junk after the last page" in log and "lacks an end-of-stream bit" in log:
        raise ValueError(f"{name}: the Ogg file breaks off in the middle of a page: it was cut short. Get it again.")


def _frames_missing_from_wav(log: str, frames: int) -> float:
    """Frames that a wav's header announces and the file does not have, from libsndfile's log of the header."""
    sizes = re.search(r"^data\s*: (\d+) \(should be (\d+)\)", log, flags=re.MULTILINE)
    if sizes is None:
        return 0.0
    stated, present = int(sizes[1]), int(sizes[2])
    if stated >= _STREAMED_WAV_SIZE or present == 0:
        return 0.0
    return frames * (stated - present) / present


@contextmanager
def _open_with_pyav(source: str | Path | BinaryIO, name: str, soundfile_error: str) -> Iterator[tuple[Any, Any, Any]]:
    """PyAV, the opened container and its first audio stream; FFmpeg's errors, in here, become ValueErrors."""
    try:
        import av
    except ImportError as error:
        raise ValueError(
            f"{name}: libsndfile cannot read it ({soundfile_error}). If it is mp4, m4a, webm or aac, install PyAV: "
            "pip install 'av>=14.0'."
        ) from error
    source = str(source) if isinstance(source, Path) else source
    try:
        with av.open(source, options={"format_whitelist": _FFMPEG_FORMATS}) as container:
            if not container.streams.audio:
                raise ValueError(f"{name}: the file has no audio stream. Give a file with sound, or leave audio out.")
            yield av, container, container.streams.audio[0]
    except av.FFmpegError as error:
        raise ValueError(
            f"{name}: not a sound or video file that can be read, or it is damaged or cut short "
            f"(libsndfile: {soundfile_error} FFmpeg: {error.strerror}). Get the file again or leave it out."
        ) from error


def _blocks_with_pyav(
    source: str | Path | BinaryIO, name: str, soundfile_error: str, block_seconds: float | None
) -> Iterator[tuple[np.ndarray, int]]:
    pieces: list[np.ndarray] = []
    end, is_first = 0.0, True
    with _open_with_pyav(source, name, soundfile_error) as (av, container, stream):
        rate = stream.rate
        block_frames = float("inf") if block_seconds is None else block_seconds * rate
        stated_end = _stated_span(container.format.name, stream)[1]
        to_float = av.AudioResampler(format="fltp", rate=rate)
        for frame in container.decode(stream):
            if frame.pts is not None:
                end = float(frame.pts * frame.time_base) + frame.samples / frame.sample_rate
            pieces.extend(piece.to_ndarray() for piece in to_float.resample(frame))
            if len(pieces) * frame.samples >= block_frames:
                yield _joined(pieces), rate
                pieces, is_first = [], False
        pieces.extend(piece.to_ndarray() for piece in to_float.resample(None))
    if pieces or is_first:
        yield _joined(pieces), rate
    if stated_end is not None and end < stated_end - TRUNCATION_TOLERANCE_SECONDS:
        raise _truncated(name, stated_end, end)


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


def _rewind(source: str | Path | BinaryIO) -> None:
    if not isinstance(source, (str, Path)):
        source.seek(0)


def _truncated(name: str, stated: float, found: float) -> ValueError:
    return ValueError(
        f"{name}: the file was cut short: it should hold {stated:.2f} s of sound and holds {found:.2f} s. "
        "Get the file again or leave it out."
    )
