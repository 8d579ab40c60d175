"""A folder of cached arrow files that is made again where it is damaged or was never finished."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock
from transformers.utils import logging

from configuration_emo.sealing import find_damage, read_seal, seal


logger = logging.get_logger(__name__)


@contextmanager
def sealed_cache(folder: Path) -> Iterator[None]:
    """Around what fills a cache folder or finds it filled: of several processes one is in here at a time.

    On entry a folder without a seal (its process was killed), or whose files are not those that were sealed, is
    emptied. On leaving without an error it is sealed.

    Args:
        folder (`Path`): the cache; it is made.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{folder}.lock"):
        damage = find_damage(folder) if folder.is_dir() and any(folder.iterdir()) else None
        if damage is not None:
            logger.warning(f"What was cached in {folder} is made again: {damage}.")
            shutil.rmtree(folder)
        folder.mkdir(exist_ok=True)
        yield
        sealed = (read_seal(folder) or {"files": {}})["files"]
        if any(path.name not in sealed for path in folder.iterdir() if path.name != "seal.json"):
            seal(folder)
