"""Sounds that libsndfile reads: wav, flac, mp3, ogg, aiff, au, caf, sph and many others."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import soundfile as sf

from .samples import check_format
from .sound_bytes import SoundBytes
from .stated_size import SampleBytes, is_raw_gsm, trailing_tag_bytes


# Encoders pad and trim by some frames of up to 2048 samples; a shorter gap than this is theirs, not damage.
TRUNCATION_TOLERANCE_SECONDS = 0.2

# What a writer may have counted with the samples.
_HEADER_BYTES = 128

# What libsndfile gives as the number of frames where a streaming writer left it open (flac), and cannot read then.
_UNKNOWN_FRAMES = 0x7FFFFFFFFFFFFFFF

# A header may state any number of samples. What it states is only taken at its word where it is little, or where so
# few bytes may hold so much (8 kbit of mp3 make 384 kB of stereo).
_BELIEVED_BYTES = 64 * 1024**2
_MOST_BYTES_FROM_ONE = 512
_BLOCK_FRAMES = 1 << 20
# Silence in flac: 65,535 samples in 14 bytes.
_MOST_FRAMES_FROM_ONE_BYTE = 8192


def open_with_libsndfile(data: SoundBytes) -> sf.SoundFile:
    """The sound, recognised by its content.

    Raises:
        soundfile.LibsndfileError: libsndfile does not read it.
    """
    if is_raw_gsm(data):
        return sf.SoundFile(
            data.for_libsndfile, samplerate=8_000, channels=1, format="RAW", subtype="GSM610", closefd=False
        )
    return sf.SoundFile(data.for_libsndfile, closefd=False)


def states_length(file: sf.SoundFile, size: int) -> bool:
    """Whether the number of samples is known, and possible for a file of `size` bytes."""
    return 0 <= file.frames != _UNKNOWN_FRAMES and file.frames <= _MOST_FRAMES_FROM_ONE_BYTE * size


def libsndfile_blocks(
    file: sf.SoundFile, data: SoundBytes, stated: SampleBytes | None, name: str, block_seconds: float | None
) -> Iterator[np.ndarray]:
    """The samples of an open file.

    Args:
        file (`soundfile.SoundFile`): at its start.
        data ([`SoundBytes`]): what it was opened from.
        stated ([`SampleBytes`], *optional*): what its header says of its size.
        name (`str`): what error messages call it.
        block_seconds (`float`, *optional*): about how long a piece is; as long as it comes if left out.

    Yields:
        `np.ndarray`: one piece or more, each float32 of shape `(samples,)` or `(samples, channels)`.

    Raises:
        ValueError: it is damaged or cut short, or holds more than it states.
    """
    rate, log = file.samplerate, file.extra_info if file.format == "OGG" else ""
    check_format(rate, file.channels, name)
    check_stated_size(stated, file.frames / rate, name)
    block_frames = _frames_at_a_time(file, data.size) if block_seconds is None else round(block_seconds * rate)
    block_frames = max(1, block_frames)
    count = 0
    whole = _sixteen_bits(file, data, stated) if block_seconds is None else None
    while True:
        try:
            samples = file.read(block_frames, dtype="float32") if whole is None else whole
        except sf.LibsndfileError as error:
            raise ValueError(
                f"{name}: the sound is damaged or cut short ({error.error_string}). Get the file again."
            ) from error
        if len(samples) or count == 0:
            count += len(samples)
            yield samples
        if len(samples) < block_frames or count == file.frames:
            break
    if file.frames - count > TRUNCATION_TOLERANCE_SECONDS * rate:
        raise truncated(name, file.frames / rate, count / rate)
    if "Junk after the last page" in log and "lacks an end-of-stream bit" in log:
        raise ValueError(f"{name}: the Ogg file breaks off in the middle of a page: it was cut short. Get it again.")
    if stated is None and count:
        read = data.position
        left = data.size - read
        if left > 2048 and (left - trailing_tag_bytes(data)) * count > TRUNCATION_TOLERANCE_SECONDS * rate * read:
            raise _holds_more(name, count / rate, left - trailing_tag_bytes(data))


def check_stated_size(stated: SampleBytes | None, seconds: float, name: str) -> None:
    """Compares what a header states with what there is.

    Up to 0.2 s, or a tenth of a shorter sound, are a writer's inaccuracy, as where the header was counted as well.

    Args:
        stated ([`SampleBytes`], *optional*): what the header says.
        seconds (`float`): how long the samples are that there are.
        name (`str`): what error messages call the sound.

    Raises:
        ValueError: the file was cut short, or goes on after what its header states.
    """
    if stated is None or not (stated.stated and stated.present and seconds):
        return
    seconds_per_byte = seconds / stated.present
    tolerance = min(TRUNCATION_TOLERANCE_SECONDS / seconds_per_byte, max(stated.stated / 10, _HEADER_BYTES))
    missing = stated.stated - stated.present
    if missing > tolerance:
        raise truncated(name, stated.stated * seconds_per_byte, seconds)
    if stated.following > tolerance:
        raise _holds_more(name, seconds, stated.following)


def truncated(name: str, stated: float, found: float) -> ValueError:
    """The error of a file that holds less than it states, both in seconds."""
    return ValueError(
        f"{name}: the file was cut short: its header states {stated:.3f} s, it holds {found:.3f} s. "
        "Get the file again or leave it out."
    )


def _holds_more(name: str, seconds: float, following: int) -> ValueError:
    return ValueError(
        f"{name}: its header states {seconds:.3f} s, and {following:,} bytes follow that it does not speak of: the "
        "rest of the sound, or another file that was joined to it. Write it again, with ffmpeg or sox."
    )


def _sixteen_bits(file: sf.SoundFile, data: SoundBytes, stated: SampleBytes | None) -> np.ndarray | None:
    """All samples of a wav file of 16 bits, which takes NumPy a fraction of libsndfile's time; the same values.

    None of all other files, and where the header does not state as many bytes as there are.
    """
    if stated is None or stated.start is None or file.subtype != "PCM_16" or not file.frames:
        return None
    count = file.frames * file.channels * 2
    if not stated.stated == stated.present == count:
        return None
    found = data.beside_decoder(stated.start, count)
    if found is None:
        return None
    samples = np.frombuffer(found, dtype="<i2").astype(np.float32)
    samples *= np.float32(1 / 32768)
    return samples if file.channels == 1 else samples.reshape(-1, file.channels)


def _frames_at_a_time(file: sf.SoundFile, size: int) -> int:
    """All of them where their number is believable; less where the header may have made it up."""
    stated = file.frames * file.channels * 4
    return file.frames if stated <= max(_BELIEVED_BYTES, _MOST_BYTES_FROM_ONE * size) else _BLOCK_FRAMES
