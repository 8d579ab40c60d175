"""Token files of the original system: the ids of one utterance, each followed by a tab."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path


# Larger numbers are no ids of any vocabulary, and those of twenty digits do not fit into 64 bits.
MAX_ID_DIGITS = 9


def read_token_file(path: str | Path) -> list[int]:
    """
    Reads the ids of one utterance, of its speech or of its text.

    Args:
        path (`str` or `Path`): the file; ids are separated by white space.

    Returns:
        `list[int]`: the ids.

    Raises:
        ValueError: the file cannot be read, is empty or holds something else; the file and the word are named.
    """
    try:
        words = Path(path).read_text(encoding="ascii").split()
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"The token file {path} cannot be read: {error}") from error
    if not words:
        raise ValueError(f"The token file {path} is empty.")
    for word in words:
        if not word.isdecimal() or len(word) > MAX_ID_DIGITS:
            raise ValueError(f"The token file {path} holds {word!r:.60}, which is not a token id.")
    return [int(word) for word in words]


def write_token_file(path: str | Path, ids: Iterable[int]) -> None:
    """
    Writes ids byte for byte as the original does: a tab after each, no newline.

    Args:
        path (`str` or `Path`): the file, whose folder is made where needed.
        ids (iterable of `int`): the ids.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{int(token)}\t" for token in ids), encoding="ascii")
