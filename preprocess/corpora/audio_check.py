"""Whether a recording can be used, found out as cheaply as asked for."""

from __future__ import annotations

import wave
from collections.abc import Iterator
from pathlib import Path

import soundfile as sf

from ..audio import load_audio


AUDIO_CHECKS = ("exists", "header", "decode")
AUDIO_SUFFIXES = (".wav", ".mp4", ".flac", ".mp3", ".m4a", ".ogg", ".webm", ".avi", ".mkv")

# FFmpeg also opens playlists, which would make it read other files.
_VIDEO_FORMATS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,aac,mp3,ogg"

# Sizes from here on are placeholders of writers that could not seek back to the header.
_STREAMED_WAV_BYTES = 0x7FFF0000


def check_audio_file(path: str | Path, level: str = "header") -> tuple[float | None, str | None]:
    """Length of a recording in seconds, and what is wrong with it.

    Args:
        path (`str` or `Path`): the sound or video file.
        level (`str`, defaults to `"header"`): `"exists"` (there is a file with bytes in it), `"header"` (and it opens,
            has an audio stream and, for wav, as many bytes as its header states) or `"decode"` (and all of it decodes,
            which takes minutes for an hour-long corpus).

    Returns:
        `tuple[float | None, str | None]`: seconds (None where unknown, as always with `"exists"`), and the reason why
        it cannot be used (None where it can).

    Example:
        >>> check_audio_file("no_such.wav")
        (None, 'no recording: there is no file no_such.wav')
    """
    path = Path(path)
    if not path.is_file():
        return None, f"no recording: there is no file {path}"
    if path.stat().st_size == 0:
        return None, f"empty recording: {path} has 0 bytes"
    if level == "exists":
        return None, None
    try:
        seconds = audio_seconds(path)
        if level == "decode":
            load_audio(path)
    except ValueError as error:
        return None, f"broken recording: {error}"
    return seconds, None


def audio_seconds(path: str | Path) -> float:
    """Length of a recording by its header; nothing is decoded.

    Raises:
        ValueError: the header cannot be read, states no length, shows that a wav was cut short, or there is no audio
            stream.
    """
    path = Path(path)
    try:
        with sf.SoundFile(path) as file:
            frames, rate = file.frames, file.samplerate
    except (sf.LibsndfileError, TypeError) as error:  # TypeError: a suffix that soundfile takes for headerless samples
        return _video_seconds(path, str(error))
    stated = _stated_wav_frames(path)
    if stated is not None and stated > frames:
        raise ValueError(
            f"{path}: cut short: its header states {stated / rate:.2f} s, it holds {frames / rate:.2f} s."
        )
    if frames == 0:
        raise ValueError(f"{path}: the sound has 0 samples.")
    return frames / rate


def audio_files(folder: str | Path) -> Iterator[Path]:
    """The recordings below a folder in the order of their names, without hidden files and macOS's `._` companions."""
    for path in sorted(Path(folder).rglob("*")):
        if path.suffix.lower() in AUDIO_SUFFIXES and not path.name.startswith("."):
            yield path


def _stated_wav_frames(path: Path) -> int | None:
    """Frames that a PCM wav's header announces, or None where the file is of another kind or does not state it."""
    try:
        with wave.open(str(path)) as file:
            frames, frame_bytes = file.getnframes(), file.getnchannels() * file.getsampwidth()
    except (wave.Error, EOFError):
        return None
    return frames if frames * frame_bytes < _STREAMED_WAV_BYTES else None


def _video_seconds(path: Path, soundfile_error: str) -> float:
    try:
        import av
    except ImportError as error:
        raise ValueError(f"{path}: to read video files, install PyAV: pip install 'av>=14.0'.") from error
    try:
        with av.open(str(path), options={"format_whitelist": _VIDEO_FORMATS}) as container:
            if not container.streams.audio:
                raise ValueError(f"{path}: the file has no audio stream.")
            stream = container.streams.audio[0]
            if stream.duration is not None and stream.time_base is not None:
                return float(stream.duration * stream.time_base)
            if container.duration is not None:
                return container.duration / av.time_base
    except av.FFmpegError as error:
        raise ValueError(
            f"{path}: not a sound or video file that can be read, or it is cut short "
            f"(libsndfile: {soundfile_error} FFmpeg: {error.strerror})."
        ) from error
    raise ValueError(f"{path}: its header states no length.")
