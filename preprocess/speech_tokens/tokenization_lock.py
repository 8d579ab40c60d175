"""Keeps two runs from writing into one folder, where one of them may be what a killed launcher left running."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from accelerate import PartialState
from filelock import FileLock, Timeout
from transformers.utils import logging


logger = logging.get_logger(__name__)

_NAME = "process-{}.lock"


@contextmanager
def only_run(folder: Path, processes: PartialState) -> Iterator[None]:
    """
    Waits until no process of another run works in `folder`, and lets none begin before this run is through.

    `kill -9` of `accelerate launch` does not end the processes that it started: they go on, and a new run would write
    to their journals. Each process therefore holds a lock of its own, which ends with it, however it ends.

    Args:
        folder (`Path`): an existing folder.
        processes (`accelerate.PartialState`): those of this run.
    """
    own = FileLock(folder / _NAME.format(processes.process_index))
    if processes.is_main_process:
        _acquire(own, folder)
        for path in sorted(folder.glob(_NAME.format("*"))):
            if path != Path(own.lock_file):
                other = FileLock(path)
                _acquire(other, folder)
                other.release()
    processes.wait_for_everyone()
    own.acquire()
    try:
        yield
    finally:
        own.release(force=True)


def _acquire(lock: FileLock, folder: Path) -> None:
    try:
        lock.acquire(timeout=0)
    except Timeout:
        logger.warning(f"Another run works in {folder}: waiting for it to finish.")
        lock.acquire()
