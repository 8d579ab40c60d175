"""Public names of a package that cost nothing until they are used."""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Callable
from difflib import get_close_matches
from importlib import import_module
from typing import Any


def lazy_names(package: str) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Makes a package import each of its public names when it is first asked for.

    The package's `__init__.py` imports its names as usual, but under `if TYPE_CHECKING:`, where type checkers, editors
    and [`write_code`] see them and Python does not run them. This function reads where they are from there.

    Args:
        package (`str`): `__name__`, in the package's `__init__.py`.

    Returns:
        `__getattr__` and `__dir__` of the package. The first raises `AttributeError` for what is not public, with the
        names that are near; the second lists the public names, and Python's own.

    Example:

    ```python
    if TYPE_CHECKING:
        from .training.trainer import EmoBertTrainer
    else:
        __getattr__, __dir__ = lazy_names(__name__)
    ```
    """
    module = sys.modules[package]
    places = {
        alias.asname or alias.name: ("." * statement.level + (statement.module or ""), alias.name)
        for block in ast.parse(inspect.getsource(module)).body
        if isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING"
        for statement in block.body
        if isinstance(statement, ast.ImportFrom)
        for alias in statement.names
    }

    def get(name: str) -> Any:
        if name not in places:
            near = get_close_matches(name, places)
            hint = f": did you mean {' or '.join(near)}?" if near else ""
            # With its name set, Python does not add a guess of its own.
            raise AttributeError(f"module {package!r} has no attribute {name!r}{hint}", name=name)
        place, original = places[name]
        value = getattr(import_module(place, package), original)
        setattr(module, name, value)  # the next time it is found without this function
        return value

    def names() -> list[str]:
        return sorted({*places, *(name for name in vars(module) if name.startswith("__"))})

    return get, names
