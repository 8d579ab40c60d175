"""Whether a recording can be used, found out as cheaply as asked for."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from .file_names import is_utf8, printable
from .load_audio import audio_duration, load_audio


# How the small text file begins that git-lfs leaves in a file's place until it is fetched.
_LFS_POINTER = b"version https://git-lfs.github.com/spec/"

AUDIO_CHECKS = ("exists", "header", "decode")
# What is taken for a recording in a folder: what `load_audio` reads under its usual names.
AUDIO_SUFFIXES = (
    *(".wav", ".wave", ".bwf", ".rf64", ".w64", ".aiff", ".aif", ".aifc", ".au", ".snd", ".caf", ".sph", ".nist"),
    *(".flac", ".mp3", ".mp2", ".mpga", ".ogg", ".oga", ".opus", ".spx", ".gsm", ".amr", ".aac", ".ac3", ".eac3"),
    *(".m4a", ".m4b", ".mp4", ".m4v", ".mov", ".3gp", ".3g2", ".webm", ".weba", ".mka", ".mkv", ".avi", ".flv"),
    *(".wma", ".wmv", ".asf", ".mpg", ".mpeg", ".mts", ".voc"),
)


def check_audio_file(path: str | Path, level: str = "header") -> tuple[float | None, str | None]:
    """Length of a recording in seconds, and what is wrong with it.

    Args:
        path (`str` or `Path`): the sound or video file.
        level (`str`, defaults to `"header"`): `"exists"` (there is a file with bytes in it, and no Git LFS
            pointer), `"header"` (and it opens, has an audio stream and as many bytes as its header states) or
            `"decode"` (and all of it decodes and is not silent, which takes as long as loading the corpus).

    Returns:
        `tuple[float | None, str | None]`: seconds (None where unknown, as always with `"exists"`), and the reason why
        it cannot be used (None where it can).

    Example:
        >>> check_audio_file("no_such.wav")
        (None, 'no recording: there is no file no_such.wav')
    """
    path = Path(path)
    try:
        if not path.is_file():
            return None, f"no recording: there is no file {path}"
        if path.stat().st_size == 0:
            return None, f"empty recording: {path} has 0 bytes"
        if _is_lfs_pointer(path):
            return (
                None,
                f"broken recording: {path} is a Git LFS pointer, not the sound. Run git lfs pull in its folder",
            )
    except OSError as error:  # a name that no file can have, or a folder that may not be read
        return None, f"no recording: {path} cannot be opened ({error.strerror})"
    if not is_utf8(path):
        return None, f"broken recording: the name of {printable(path)} is not UTF-8, which tables hold. Rename it."
    if level == "exists":
        return None, None
    try:
        seconds = audio_seconds(path)
        if level == "decode":
            load_audio(path, allow_silence=False)
    except ValueError as error:
        return None, f"broken recording: {error}"
    return seconds, None


def _is_lfs_pointer(path: Path) -> bool:
    if path.stat().st_size > 1024:
        return False
    with path.open("rb") as file:
        return file.read(len(_LFS_POINTER)) == _LFS_POINTER


def audio_seconds(path: str | Path) -> float:
    """Length of a recording by its header; nothing is decoded where the header states it.

    Raises:
        ValueError: the header cannot be read or shows that the file was cut short, there is no audio stream or sample.
    """
    seconds = audio_duration(path)
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


def file_state(audio: Any) -> list[int] | None:
    """Size in bytes and time of change in ns of a sound file; None where there is none."""
    path = audio.get("path") if isinstance(audio, Mapping) else audio
    if not isinstance(path, (str, os.PathLike)) or not os.path.exists(path):
        return None
    state = os.stat(path)
    return [state.st_size, state.st_mtime_ns]
