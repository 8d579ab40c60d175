"""Files, folders and addresses as a person names them -> the recordings to predict, with their transcripts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from ..audio.check import AUDIO_SUFFIXES
from ..audio.file_names import printable
from ..audio.url import is_url
from .text_files import clean_text, read_lines


# What lies beside a recording of the same name and belongs to it: transcripts, times of words, annotations.
COMPANION_SUFFIXES = (
    *(".txt", ".lab", ".textgrid", ".srt", ".vtt", ".eaf", ".ctm", ".trs", ".cha", ".phn", ".wrd", ".words"),
    *(".json", ".csv", ".tsv", ".xml"),
)
_OF_THE_SYSTEM = frozenset({"thumbs.db", "desktop.ini"})


def find_recordings(paths: Sequence[str | Path], *, text_files: bool = False) -> list[dict[str, str | None]]:
    """All recordings that are meant, folder by folder, in the order of their names.

    In a folder a recording is what ends like one (see `AUDIO_SUFFIXES`); a file that is named itself may have any
    suffix. What a folder holds besides is told by `left_out_files`.

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
    transcripts = _Transcripts()
    return [{"audio": name, "text": transcripts.beside(name) if text_files else None} for name in recordings]


def left_out_files(paths: Sequence[str | Path]) -> list[str]:
    """The files of these folders that `find_recordings` passes over and that belong to no recording of its.

    Args:
        paths (sequence of paths or addresses): as for `find_recordings`.

    Returns:
        `list[str]`: paths, folder by folder, in the order of their names. Hidden files, and what has the name of a
        recording beside it and the suffix of a transcript or an annotation, are not among them.
    """
    left_out = []
    for path in paths:
        if is_url(path) or not Path(path).is_dir():
            continue
        files = list(_visible_files(path))
        recorded = {file.with_suffix("") for file in files if _is_recording(file)}
        for file in files:
            belongs = file.suffix.lower() in COMPANION_SUFFIXES and file.with_suffix("") in recorded
            if not (_is_recording(file) or belongs or file.name.lower() in _OF_THE_SYSTEM):
                left_out.append(str(file))
    return left_out


def _recordings_of(path: str | Path) -> Iterator[str]:
    if is_url(path):
        yield str(path)
        return
    try:
        is_there, is_folder = Path(path).exists(), Path(path).is_dir()
    except OSError as error:
        raise ValueError(f"{printable(path)}: it cannot be opened ({error.strerror}).") from error
    if not is_there:
        raise ValueError(f"{printable(path)}: there is no such file or folder.")
    if not is_folder:
        yield str(path)
        return
    found = list(filter(_is_recording, _visible_files(path)))
    if not found:
        raise ValueError(f"{printable(path)}: the folder holds no recording ({', '.join(AUDIO_SUFFIXES)}).")
    yield from map(str, found)


def _visible_files(folder: str | Path) -> Iterable[Path]:
    return sorted(path for path in Path(folder).rglob("*") if not path.name.startswith(".") and path.is_file())


def _is_recording(path: Path) -> bool:
    return path.suffix.lower() in AUDIO_SUFFIXES


class _Transcripts:
    """The `.txt` files beside recordings, their suffixes in any case; each folder is listed once."""

    def __init__(self) -> None:
        self._of_folder: dict[Path, dict[str, Path]] = {}

    def beside(self, recording: str) -> str | None:
        if is_url(recording):
            return None
        folder, name = Path(recording).parent, Path(recording).stem
        if folder not in self._of_folder:
            texts = sorted(path for path in folder.iterdir() if path.suffix.lower() == ".txt" and path.is_file())
            self._of_folder[folder] = {path.stem: path for path in texts}
        path = self._of_folder[folder].get(name)
        return None if path is None else clean_text(" ".join(line.text for line in read_lines(path))) or None
