"""What is said where a model, or a part of one, cannot be loaded from a folder or from the Hub."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


# Of what a library says of it.
MOST_CHARACTERS = 200


class NoSuchModel(ValueError, OSError):
    """There is neither such a folder nor such a model on the Hub; an OSError too, as Transformers has it."""


@contextmanager
def named_place(what: str, place: str | os.PathLike) -> Iterator[None]:
    """Names the place of which something was to be loaded, where that fails in whatever way.

    Args:
        what (`str`): what it should hold, such as `"tokenizer"`.
        place (`str` or `os.PathLike`): a folder, or an id of the Hub.

    Raises:
        NoSuchModel: a ValueError that tells whether the place is there, and what to do.

    Example:
        >>> try:
        ...     with named_place("tokenizer", "my_tokeniser"):
        ...         raise OSError("Can't load it")
        ... except ValueError as error:
        ...     print(str(error)[:43])
        my_tokeniser: there is no such folder here,
    """
    try:
        yield
    except NoSuchModel:
        raise
    except Exception as error:  # libraries fail in any way at what is no model
        raise NoSuchModel(reason_of(what, place, error)) from error


def reason_of(what: str, place: str | os.PathLike, error: Exception) -> str:
    """The two lines of [`named_place`].

    Args:
        what, place: as there.
        error (`Exception`): what the loading ended with.
    """
    if not os.path.exists(place):
        return (
            f"{place}: there is no such folder here, and no such model could be fetched from the Hub "
            f"({type(error).__name__}).\nCheck the path, or the name and the connection."
        )
    if not Path(place).is_dir():
        return f"{place} is a file, and not the folder of a {what}.\nGive the folder that holds it."
    lines = (str(error).strip() or type(error).__name__).splitlines()
    said = lines[0] if len(lines[0]) <= MOST_CHARACTERS else lines[0][: MOST_CHARACTERS - 1] + "…"
    # Of an enumeration the first line says nothing.
    why = "" if said.rstrip().endswith(":") else f": {said.rstrip('.')}"
    return f"{place} holds no {what} that can be loaded{why}.\nGive a folder, or a name on the Hub, that holds one."
