"""File names, which on Linux need not be text: bytes that are not UTF-8 are surrogates in Python."""

from __future__ import annotations

import os


def is_utf8(path: str | os.PathLike) -> bool:
    """Whether a file name is text, which messages, tables and JSON can hold as it is."""
    try:
        str(path).encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def printable(path: str | os.PathLike) -> str:
    """A file name for people, its bytes that are not UTF-8 written as `\\udcff`.

    Example:
        >>> printable(b"a\\xff.wav".decode("utf-8", "surrogateescape")) == r"a\\udcff.wav"
        True
    """
    return str(path).encode("utf-8", "backslashreplace").decode("utf-8")
