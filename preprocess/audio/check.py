"""Whether a recording can be used, found out as cheaply as asked for."""

from __future__ import annotations

import wave
from collections.abc import Iterator
from pathlib import Path

from .load_audio import audio_duration, load_audio


AUDIO_CHECKS = ("exists", "header", "decode")
AUDIO_SUFFIXES = (".wav", ".mp4", ".flac", ".mp3", ".m4a", ".ogg", ".webm", ".avi", ".mkv")

# Sizes from here on are placeholders of writers that could not seek back to the header.
_STREAMED_WAV_BYTES = 0x7FFF0000


def check_audio_file(path: str | Path, level: str = "header") -> tuple[float | None, str | None]:
    """Length of a recording in seconds, and what is wrong with it.

    Args:
        path (`str` or `Path`): the sound or video file.
        level (`str`, defaults to `"header"`): `"exists"` (there is a file with bytes in it), `"header"` (and it opens,
            has an audio stream and, for wav, as many bytes as its header states) or `"decode"` (and all of it decodes,
            which takes as long as loading the corpus).

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
    """Length of a recording by its header; nothing is decoded where the header states it.

    Raises:
        ValueError: the header cannot be read, shows that a wav was cut short, there is no audio stream, or no sample.
    """
    seconds = audio_duration(path)
    stated = _stated_wav_seconds(Path(path))
    if stated is not None and stated > seconds:
        raise ValueError(f"{path}: cut short: its header states {stated:.2f} s, it holds {seconds:.2f} s.")
    if seconds == 0:
        raise ValueError(f"{path}: the sound has 0 samples.")
    return seconds


def audio_files(folder: str | Path) -> Iterator[Path]:
    """The recordings below a folder in the order of their names, without hidden files and macOS's `._` companions."""
    for path in sorted(Path(folder).rglob("*")):
        if path.suffix.lower() in AUDIO_SUFFIXES and not path.name.startswith("."):
            yield path


def recordings_by_name(folder: str | Path) -> dict[str, Path]:
    """The recordings below a folder by their path in it without suffix (`video/1`); wav wins over what it came from.

    Suffixes count in any case: a release that went through Windows may hold `1.WAV` or `1.MP4`.
    """
    found: dict[str, Path] = {}
    for path in audio_files(folder):
        name = path.relative_to(folder).with_suffix("").as_posix()
        if name not in found or path.suffix.lower() == ".wav":
            found[name] = path
    return found


def _stated_wav_seconds(path: Path) -> float | None:
    """The length that a PCM wav's header announces, or None where the file is of another kind or does not state it."""
    try:
        with wave.open(str(path)) as file:
            frames, frame_bytes = file.getnframes(), file.getnchannels() * file.getsampwidth()
            return frames / file.getframerate() if frames * frame_bytes < _STREAMED_WAV_BYTES else None
    except (wave.Error, EOFError):
        return None
