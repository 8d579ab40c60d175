"""One training at a time in an output folder: two would remove each other's checkpoints and mix their results."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from accelerate.utils import broadcast_object_list
from filelock import BaseFileLock, FileLock, Timeout
from transformers.utils import logging


logger = logging.get_logger(__name__)

LOCK_FILE = "_training.lock"  # Trainer uploads no file whose name begins so
# The data workers of a killed run notice within five seconds, and may hold its lock until then.
PATIENCE_SECONDS = 7.0


def lock_output_dir(output_dir: str | Path, *, is_main_process: bool = True) -> BaseFileLock:
    """Claims an output folder for this run; all its processes call it, the main one holds the lock.

    The operating system frees the lock when the process ends, however it ends: what a killed run leaves behind blocks
    nobody. A process that already holds the lock gets it once more.

    Args:
        output_dir (`str` or `Path`): of the run; it is made if it is not there.
        is_main_process (`bool`, defaults to True): of several processes, whether this is the one that writes.

    Returns:
        `BaseFileLock`: held until its `release()` or the end of the process.

    Raises:
        ValueError: another run holds it, in all processes of this one; names the folder.

    Example:

    ```python
    >>> lock = lock_output_dir(output_dir)  # doctest: +SKIP
    >>> trainer.train()  # doctest: +SKIP
    >>> lock.release()  # doctest: +SKIP
    ```
    """
    path = Path(output_dir).resolve() / LOCK_FILE
    lock = FileLock(path, is_singleton=True)
    refusal: list[Any] = [None]
    if is_main_process:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(timeout=PATIENCE_SECONDS)
        except Timeout:
            refusal = [
                f"Another training writes to {output_dir} ({path} is locked): the two would destroy each other's "
                "results. Wait until it has ended, or choose another output_dir."
            ]
        except NotImplementedError:
            logger.warning(f"{output_dir} is on a disk without locks: take care that only one training writes there.")
    (message,) = broadcast_object_list(refusal)
    if message is not None:
        raise ValueError(message)
    return lock
