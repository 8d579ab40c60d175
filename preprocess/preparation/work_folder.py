"""A folder for unfinished work that does not stay, even where the process is killed."""

from __future__ import annotations

import glob
import os
import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout


_LOCK = "lock"
# A folder without its lock is one that is just being made, or one whose process was killed in that moment.
_SECONDS_TO_LOCK = 60


@contextmanager
def work_folder(beside: Path) -> Iterator[Path]:
    """An empty hidden folder beside a path, on its disk, which is removed at the end.

    Its process holds a lock in it. What a killed process left behind is recognised by its lock being free, and removed
    by the next one that works for the same path. A process that is asked to end (SIGTERM, as by `kill` or a scheduler)
    removes its folder first.

    Args:
        beside (`Path`): what the work is for; its parent folder must exist.

    Yields:
        `Path`: the folder.
    """
    prefix = f".{beside.name}-unfinished-"
    for folder in beside.parent.glob(f"{glob.escape(prefix)}*"):
        _remove_abandoned(folder)
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=beside.parent))
    lock = FileLock(folder / _LOCK)
    try:
        with lock, _ending_in_order():
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _remove_abandoned(folder: Path) -> None:
    lock = folder / _LOCK
    try:
        if not lock.exists() and time.time() - folder.stat().st_mtime < _SECONDS_TO_LOCK:
            return
        with FileLock(lock, timeout=0):
            shutil.rmtree(folder, ignore_errors=True)
    except (Timeout, OSError):  # another process works in it, or has just removed it
        return


@contextmanager
def _ending_in_order() -> Iterator[None]:
    """Makes SIGTERM leave through every `finally`, where nobody else has said what it shall do."""
    owner = os.getpid()

    def leave(number: int, frame: Any) -> None:
        if os.getpid() != owner:  # a worker, which was forked with this handler
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        raise SystemExit(128 + number)

    in_main_thread = threading.current_thread() is threading.main_thread()
    if not in_main_thread or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return
    signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
