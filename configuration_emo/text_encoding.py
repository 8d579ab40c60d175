"""Text files from anywhere: their encoding, and what is wrong with one as a ValueError with its place."""

from __future__ import annotations

import codecs
from pathlib import Path


_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),  # begins like UTF-16's
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def wide_encoding(content: bytes) -> str | None:
    """`utf-16`, `utf-32`, `utf-16-le` or `utf-16-be` where bytes are that, by their mark or every other byte being 0.

    Example:
        >>> wide_encoding("id,text".encode("utf-16")), wide_encoding("id".encode("utf-16-le")), wide_encoding(b"id")
        ('utf-16', 'utf-16-le', None)
    """
    for mark, encoding in _BYTE_ORDER_MARKS:
        if content.startswith(mark):
            return encoding
    begin = content[:200]
    zeros = [begin[side::2].count(0) / max(len(begin[side::2]), 1) for side in (0, 1)]
    if min(zeros) < 0.1 and max(zeros) > 0.7:
        return "utf-16-le" if zeros[1] > zeros[0] else "utf-16-be"
    return None


def read_text(path: str | Path) -> str:
    """The text of a file: UTF-8, with or without a byte-order mark, or UTF-16.

    Raises:
        ValueError: the file cannot be read or is in another encoding.
    """
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror or error}.") from error
    try:
        return content.decode(wide_encoding(content) or "utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise ValueError(
            f"{path}, line {line} cannot be read: byte {content[error.start]:#04x} is not {error.encoding.upper()}. "
            "Save the file as UTF-8."
        ) from error
