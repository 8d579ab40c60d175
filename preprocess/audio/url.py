"""Sounds behind an address: fetched into a temporary file, with limits."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit


MAX_DOWNLOAD_BYTES = 2 * 1024**3
TIMEOUT_SECONDS = 30.0


def is_url(source: Any) -> bool:
    """True for text that starts with http:// or https://."""
    return isinstance(source, str) and source.lower().startswith(("http://", "https://"))


@contextmanager
def local_copy(
    source: Any, *, max_bytes: int = MAX_DOWNLOAD_BYTES, timeout_seconds: float = TIMEOUT_SECONDS
) -> Iterator[Any]:
    """The source as it is, or what an address holds as a temporary file, which is removed at the end.

    Args:
        source: an address (`http://`, `https://`), or anything else.
        max_bytes (`int`, defaults to 2 GiB): more is refused, whatever the server states.
        timeout_seconds (`float`, defaults to 30): how long to wait for the server's next bytes.

    Yields:
        `source`, or the `Path` of the copy.

    Raises:
        ValueError: the address cannot be fetched, or holds more than `max_bytes`.
    """
    if not is_url(source):
        yield source
        return
    # The suffix is all of the address's name that is used: it tells decoders of raw formats what to expect.
    suffix = PurePosixPath(urlsplit(source).path).suffix
    suffix = suffix if suffix[1:].isalnum() and len(suffix) <= 6 else ""
    handle, path = tempfile.mkstemp(prefix="emobert-", suffix=suffix)
    try:
        with os.fdopen(handle, "wb") as file:
            _fetch(source, file, max_bytes, timeout_seconds)
        yield Path(path)
    finally:
        Path(path).unlink(missing_ok=True)


def _fetch(url: str, file: Any, max_bytes: int, timeout_seconds: float) -> None:
    try:
        import httpx
    except ImportError as error:
        raise ValueError(f"{url}: addresses need HTTPX: pip install 'httpx>=0.28', or give a file.") from error
    try:
        with httpx.stream("GET", url, follow_redirects=True, timeout=timeout_seconds) as response:
            response.raise_for_status()
            for block in response.iter_bytes():
                file.write(block)
                if file.tell() > max_bytes:
                    raise ValueError(f"{url}: more than {max_bytes:,} bytes. Download the file and give its path.")
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise ValueError(f"{url}: cannot be fetched ({error}). Check the address, or give a file.") from error
