"""From the bytes of a sound or video file to float32 samples: libsndfile where it can, FFmpeg (PyAV) for the rest.

The format is what the content says, whatever the suffix. A file that was cut short is an error, not a shorter
recording, and so is one that goes on after what its header states. What this is recognised by:

| format | evidence |
|---|---|
| mp3 | the frame count of its Xing/Info header against the samples decoded; joined files are read as a whole |
| wav, RF64, AIFF, CAF, AU | the stated size of its samples against the bytes there are, and what follows them |
| flac | the decoder's own error, or bytes left after the stated number of samples |
| ogg (Vorbis, Opus) | a page broken off at the end of the file; chained streams are read as a whole |
| mp4, m4a, webm, mkv | the index is missing, a packet is broken, or the stream's stated end is not reached |

Streaming writers state a size of 0, a placeholder or nothing: such files are read to their end. An mp3 without such a
header, a raw AAC, AMR or GSM stream and an Ogg file that ends exactly between two pages do not state how long they
should be: no reader can tell that those were cut.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np
import soundfile as sf

from .ffmpeg import ffmpeg_blocks, ffmpeg_duration
from .libsndfile import (
    TRUNCATION_TOLERANCE_SECONDS,
    check_stated_size,
    libsndfile_blocks,
    open_with_libsndfile,
    states_length,
)
from .mpeg_frames import holds_more_mp3
from .samples import check_format
from .sound_bytes import SoundBytes
from .stated_size import SampleBytes, is_chained_ogg, sample_bytes


def decode_blocks(
    source: Path | BinaryIO, name: str, block_seconds: float | None = None
) -> Iterator[tuple[np.ndarray, int]]:
    """The samples of a sound or video file piece by piece, so that memory does not grow with its length.

    Args:
        source (`Path` or binary file object): a file that exists, or a seekable stream, which is read from its start.
        name (`str`): what error messages call it.
        block_seconds (`float`, *optional*): about how long a piece is; as long as it comes if left out.

    Yields:
        `tuple[np.ndarray, int]`: one piece or more, each float32 of shape `(samples,)` or `(samples, channels)`, and
        the rate in Hz. An empty file is one piece of 0 samples.

    Raises:
        ValueError: not a sound file, damaged, cut short or longer than it states, without an audio stream, a rate or a
            number of channels that no sound has, or PyAV is needed and missing; of damage that shows only at the end,
            after the pieces before it.
    """
    with SoundBytes(source) as data:
        stated = sample_bytes(data)
        reason = _unread_by_libsndfile(data, stated)
        if reason is None:
            try:
                file = open_with_libsndfile(data)
            except sf.LibsndfileError as error:
                reason = str(error)
            else:
                with file:
                    if states_length(file, data.size):
                        for samples in libsndfile_blocks(file, data, stated, name, block_seconds):
                            yield samples, file.samplerate
                        return
                reason = "it does not state its length."
        seconds = 0.0
        for samples, rate in ffmpeg_blocks(data, name, reason, block_seconds):
            seconds += len(samples) / rate
            yield samples, rate
        check_stated_size(stated, seconds, name)


def header_duration(source: Path | BinaryIO, name: str) -> float | None:
    """Length in seconds by the file's own header, None where it does not state it; nothing is decoded.

    Args:
        source (`Path` or binary file object): as for `decode_blocks`; a stream is rewound.
        name (`str`): what error messages call it.

    Raises:
        ValueError: as for `decode_blocks`, as far as the header shows it.
    """
    with SoundBytes(source) as data:
        stated = sample_bytes(data)
        reason = _unread_by_libsndfile(data, stated)
        try:
            if reason is not None:
                return None
            try:
                with open_with_libsndfile(data) as file:
                    check_format(file.samplerate, file.channels, name)
                    if not states_length(file, data.size):
                        return None
                    check_stated_size(stated, file.frames / file.samplerate, name)
                    return file.frames / file.samplerate
            except sf.LibsndfileError as error:
                return ffmpeg_duration(data, name, str(error))
        finally:
            data.rewind()


def stated_duration(source: Path | BinaryIO, name: str) -> float:
    """Length in seconds by the file's own header; a file that does not state it is decoded.

    Args:
        source (`Path` or binary file object): as for `decode_blocks`.
        name (`str`): what error messages call it.

    Raises:
        ValueError: as for `decode_blocks`, as far as the header shows it.
    """
    seconds = header_duration(source, name)
    if seconds is not None:
        return seconds
    return sum(len(block) / rate for block, rate in decode_blocks(source, name, 10.0))


def _unread_by_libsndfile(data: SoundBytes, stated: SampleBytes | None) -> str | None:
    """Why libsndfile would read nothing, or only the first part, of a file that FFmpeg reads to its end."""
    if stated is not None:
        return "its header states 0 bytes." if stated.stated == 0 and stated.following else None
    if holds_more_mp3(data, TRUNCATION_TOLERANCE_SECONDS):
        return "it holds more than its header states."
    return "it holds several streams." if is_chained_ogg(data) else None
