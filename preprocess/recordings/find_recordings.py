"""Files, folders and addresses as a person names them -> the recordings to predict, with their transcripts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from ..audio.url import is_url
from .text_files import clean_text, files_with_suffix, read_lines


# What is taken for a recording in a folder; a file that is named itself may have any suffix.
RECORDING_SUFFIXES = (
    *(".wav", ".flac", ".mp3", ".ogg", ".oga", ".opus", ".aiff", ".aif", ".au", ".w64", ".m4a", ".mp4", ".aac"),
    *(".webm", ".mkv", ".mov", ".avi", ".3gp", ".wma"),
)


def find_recordings(paths: Sequence[str | Path], *, text_files: bool = False) -> list[dict[str, str | None]]:
    """All recordings that are meant, folder by folder, in the order of their names.

    Args:
        paths (sequence of paths or addresses): files, folders (searched with all folders in them; hidden files are
            left out), or addresses (http, https).
        text_files (`bool`, defaults to `False`): take the transcript from the `.txt` file of the same name beside a
            recording, where there is one.

    Returns:
        `list[dict]`: `audio`, the path or address as text, and `text`, the transcript or None.

    Raises:
        ValueError: a path does not exist, or a folder holds no recording.

    Example:
        >>> find_recordings(["https://example.org/call.wav"])
        [{'audio': 'https://example.org/call.wav', 'text': None}]
    """
    recordings = [name for path in paths for name in _recordings_of(path)]
    return [{"audio": name, "text": _text_beside(name) if text_files else None} for name in recordings]


def _recordings_of(path: str | Path) -> Iterator[str]:
    if is_url(path):
        yield str(path)
        return
    if not Path(path).exists():
        raise ValueError(f"{path}: there is no such file or folder.")
    if not Path(path).is_dir():
        yield str(path)
        return
    found = files_with_suffix(path, *RECORDING_SUFFIXES)
    if not found:
        raise ValueError(f"{path}: the folder holds no recording ({', '.join(RECORDING_SUFFIXES)}).")
    yield from map(str, found)


def _text_beside(recording: str) -> str | None:
    if is_url(recording):
        return None
    path = Path(recording).with_suffix(".txt")
    return clean_text(" ".join(line.text for line in read_lines(path))) or None if path.is_file() else None
