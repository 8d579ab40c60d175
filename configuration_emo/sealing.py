"""Folders that are whole or recognised as damaged: a seal, written last, lists what belongs to them.

A process may be killed while it writes, and a disk may lose what was written. `seal` is called when all files are
there: it forces them onto the disk and then writes `seal.json` with every file's size and SHA-256, under another name
first, so that the seal itself is never torn.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any


SEAL_FILE = "seal.json"
_CHUNK = 1 << 22


def seal(folder: str | Path, facts: Mapping[str, Any] | None = None) -> Path:
    """Declares a folder whole; of several processes one calls it, after all of them have written.

    Args:
        folder (`str` or `Path`): what is sealed; its files stay as they are.
        facts (mapping, *optional*): what is worth knowing before the folder is used, in types that JSON has.

    Returns:
        `Path`: the seal, `folder/seal.json`: its `number` (one more than the highest beside it), `sealed_at` (seconds
        since 1970), `facts`, and `files` with the `size` (bytes) and `sha256` of each.

    Raises:
        OSError: the folder is not there, or the disk is full.

    Example:

    ```python
    >>> from pathlib import Path
    >>> from tempfile import mkdtemp
    >>> from configuration_emo import find_damage, seal
    >>> folder = Path(mkdtemp()) / "checkpoint-10"
    >>> folder.mkdir()
    >>> (folder / "weights").write_text("0.5")
    3
    >>> seal(folder).name
    'seal.json'
    >>> find_damage(folder) is None
    True
    >>> (folder / "weights").write_text("0.6")
    3
    >>> find_damage(folder).endswith("weights has another content than when it was sealed")
    True

    ```
    """
    folder = Path(folder)
    (folder / SEAL_FILE).unlink(missing_ok=True)
    number = 1 + max((seal_number(path.parent) for path in folder.parent.glob(f"*/{SEAL_FILE}")), default=0)
    files = {}
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        with path.open("rb") as file:
            os.fsync(file.fileno())
        files[path.relative_to(folder).as_posix()] = {"size": path.stat().st_size, "sha256": _sha256(path)}
    for directory in (*(path for path in folder.rglob("*") if path.is_dir()), folder):
        _sync_directory(directory)
    unfinished = folder / f"{SEAL_FILE}.unfinished"
    with unfinished.open("w", encoding="utf-8") as file:
        content = {"number": number, "sealed_at": time.time(), "facts": dict(facts or {}), "files": files}
        json.dump(content, file, indent=2)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(folder / SEAL_FILE)
    for directory in (folder, folder.parent):
        _sync_directory(directory)
    return folder / SEAL_FILE


def read_seal(folder: str | Path) -> dict[str, Any] | None:
    """What `seal` wrote into the folder; None where there is no seal, or one that is damaged."""
    with suppress(OSError, ValueError, RecursionError):
        content = json.loads((Path(folder) / SEAL_FILE).read_text(encoding="utf-8"))
        if isinstance(content, dict) and isinstance(content.get("files"), dict):
            entries = content["files"].values()
            if all(isinstance(entry, dict) and {"size", "sha256"} <= set(entry) for entry in entries):
                return content
    return None


def seal_number(folder: str | Path) -> int:
    """The how-manieth seal beside others this is; 0 without one, or if it was not counted."""
    return int((read_seal(folder) or {}).get("number", 0))


def find_damage(folder: str | Path, *, contents: bool = True) -> str | None:
    """What is wrong with a sealed folder, in words that name the file; None if it is whole.

    Files that the seal does not list are no damage.

    Args:
        folder (`str` or `Path`): what was sealed.
        contents (`bool`, defaults to True): reads every file, about 1 GB a second; False looks at their sizes only.
    """
    folder = Path(folder)
    if not folder.is_dir():
        return f"{folder} is not a folder"
    content = read_seal(folder)
    if content is None:
        return f"{folder / SEAL_FILE} is missing or damaged: the folder was not written to its end"
    for check_content in (False, True)[: 1 + contents]:  # sizes tell at once; contents take a while
        for name, expected in content["files"].items():
            path = folder / name
            if not path.is_file():
                return f"{path} is missing"
            if path.stat().st_size != expected["size"]:
                return f"{path} has {path.stat().st_size} bytes instead of {expected['size']}"
            if check_content and _sha256(path) != expected["sha256"]:
                return f"{path} has another content than when it was sealed"
    return None


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _sync_directory(folder: Path) -> None:
    # Not every file system lets a folder be opened or synced; there the files' own syncs have to do.
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
