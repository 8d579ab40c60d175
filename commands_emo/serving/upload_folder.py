"""The folder that uploads come into: the server's own, kept small while it runs, and gone when it stops.

Gradio deletes what it knows of. Of an upload that breaks off it knows nothing, and its part would stay for good.
"""

import os
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


# Where Gradio looks for the folder.
VARIABLE = "GRADIO_TEMP_DIR"
# What came in so recently is being read, or is still coming.
IN_USE_SECONDS = 60.0


@contextmanager
def own_upload_folder(keep_seconds: float, max_bytes: float) -> Iterator[Path]:
    """A new folder for Gradio's files, swept while this lasts and removed at the end with all that is in it.

    Args:
        keep_seconds (`float`): age at which a file is deleted, from its last change on.
        max_bytes (`float`): of more than so much in all, the oldest files are deleted, but for those of the last
            minute.

    Yields:
        `Path`: the folder, inside the one that the variable `GRADIO_TEMP_DIR` names, or the system's for such files.
    """
    before = os.environ.get(VARIABLE)
    if before is not None:
        Path(before).mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="emobert-", dir=before, ignore_cleanup_errors=True) as name:
        folder, stopped = Path(name), threading.Event()
        os.environ[VARIABLE] = name

        def keep_small() -> None:
            while not stopped.wait(min(keep_seconds, IN_USE_SECONDS) / 2):
                sweep(folder, keep_seconds, max_bytes)

        sweeper = threading.Thread(target=keep_small, daemon=True)
        sweeper.start()
        try:
            yield folder
        finally:
            stopped.set()
            sweeper.join()
            if before is None:
                del os.environ[VARIABLE]
            else:
                os.environ[VARIABLE] = before


def sweep(folder: Path, keep_seconds: float, max_bytes: float) -> None:
    """Deletes the files of a folder that are too old, and the oldest ones while there is too much of them.

    Args:
        folder (`Path`): is searched with all folders in it.
        keep_seconds, max_bytes: as for [`own_upload_folder`].
    """
    now = time.time()
    files = []
    for path in folder.rglob("*"):
        try:
            state = path.lstat()
        except FileNotFoundError:  # deleted by Gradio in the meantime
            continue
        if not path.is_dir():
            files.append((state.st_mtime, state.st_size, path))
    total = sum(size for _, size, _ in files)
    for changed, size, path in sorted(files):
        age = now - changed
        if age >= keep_seconds or (total > max_bytes and age >= IN_USE_SECONDS):
            path.unlink(missing_ok=True)
            total -= size
