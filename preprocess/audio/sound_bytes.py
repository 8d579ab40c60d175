"""The bytes of a sound, read from their start by libsndfile, by FFmpeg and by our own look at headers."""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO


class NamelessFile:
    """A seekable binary file without its name: decoders guess formats by suffixes, and a suffix may be wrong.

    Args:
        file (binary file object): what is read.
    """

    def __init__(self, file: BinaryIO):
        self._file = file
        self.read, self.tell = file.read, file.tell

    def seek(self, offset: int, whence: int = 0) -> int:
        """Goes to a position; a damaged header may name one that no file has, which then stays as it is."""
        try:
            return self._file.seek(offset, whence)
        except (OSError, ValueError, OverflowError):
            return self._file.tell()


class SoundBytes:
    """An open file or stream; as a context manager it closes what it opened itself.

    Args:
        source (`Path` or binary file object): a file that exists, or a seekable stream.
    """

    def __init__(self, source: Path | BinaryIO):
        self._path_file = source.open("rb", buffering=0) if isinstance(source, Path) else None
        self._file: BinaryIO = self._path_file or source  # type: ignore[assignment]
        self.size = self._file.seek(0, 2)
        self.rewind()
        if not isinstance(self._file.read(0), bytes):
            raise ValueError("it was opened as text: open it with mode 'rb'")

    def __enter__(self) -> SoundBytes:
        return self

    def __exit__(self, *_) -> None:
        if self._path_file is not None:
            self._path_file.close()

    @property
    def for_libsndfile(self) -> int | NamelessFile:
        """What soundfile opens: a file's descriptor, which is read without a detour through Python, or a stream."""
        self.rewind()
        return self._path_file.fileno() if self._path_file is not None else NamelessFile(self._file)

    @property
    def for_ffmpeg(self) -> NamelessFile:
        """What PyAV opens."""
        self.rewind()
        return NamelessFile(self._file)

    @property
    def position(self) -> int:
        """Up to which byte a decoder has read."""
        return self._file.tell()

    def read_at(self, offset: int, count: int) -> bytes:
        """Up to `count` bytes from `offset` on; to be called before a decoder has opened the bytes."""
        self._file.seek(offset)
        return self._file.read(count)

    def beside_decoder(self, offset: int, count: int) -> bytes | None:
        """`count` bytes of a file from `offset` on, whoever else reads it; None of streams and of less bytes."""
        if self._path_file is None or not hasattr(os, "pread"):
            return None
        found = os.pread(self._path_file.fileno(), count, offset)
        return found if len(found) == count else None

    def rewind(self) -> None:
        """Goes back to the first byte."""
        self._file.seek(0)
