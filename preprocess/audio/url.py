"""Sounds behind an address (http, https, file, and what fsspec knows): fetched into a temporary file, with limits."""

from __future__ import annotations

import asyncio
import os
import re
import tempfile
import threading
import time
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


MAX_DOWNLOAD_BYTES = 2 * 1024**3
TIMEOUT_SECONDS = 30.0
MAX_TOTAL_SECONDS = 600.0
MAX_REDIRECTS = 5
BLOCK_BYTES = 2**20
# Two letters at least: one is a drive.
_SCHEME = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]+)://")
# What a system of fsspec needs beside it, where that is not called like the scheme.
_PACKAGES = {
    "s3": "s3fs",
    "s3a": "s3fs",
    "gs": "gcsfs",
    "gcs": "gcsfs",
    "az": "adlfs",
    "abfs": "adlfs",
    "abfss": "adlfs",
}


def is_url(source: Any) -> bool:
    """True for text that starts with a scheme such as http://, https://, file://, hf:// or s3://."""
    return isinstance(source, str) and _SCHEME.match(source) is not None


@contextmanager
def local_copy(
    source: Any,
    *,
    allow_addresses: bool = True,
    max_bytes: int = MAX_DOWNLOAD_BYTES,
    timeout_seconds: float = TIMEOUT_SECONDS,
    max_total_seconds: float = MAX_TOTAL_SECONDS,
) -> Iterator[Any]:
    """The source as it is, or what an address holds as a temporary file, which is removed at the end.

    At most five redirects are followed, to http and https only. Other schemes (`file://`, `hf://`, `s3://`, ...) are
    read by fsspec with the credentials that it finds; the limits hold between its blocks, and a block that never comes
    is waited for. Where addresses come from people who are not known, do not allow them: they may name machines and
    files that only this one reaches.

    Args:
        source: an address, or anything else.
        allow_addresses (`bool`, defaults to True): False refuses addresses.
        max_bytes (`int`, defaults to 2 GiB): more is refused, whatever the server states.
        timeout_seconds (`float`, defaults to 30): how long to wait for the server's next bytes.
        max_total_seconds (`float`, defaults to 600): how long all of it may take.

    Yields:
        `source`, or the `Path` of the copy.

    Raises:
        ValueError: the address is not allowed, cannot be fetched, or holds more than `max_bytes`.
    """
    if not is_url(source):
        yield source
        return
    if not allow_addresses:
        raise ValueError(f"{source}: addresses are not read here. Send the sound itself.")
    handle, path = tempfile.mkstemp(prefix="emobert-")
    try:
        with os.fdopen(handle, "wb") as file:
            if source.lower().startswith(("http://", "https://")):
                _fetch(source, file, max_bytes, timeout_seconds, max_total_seconds)
            else:
                _copy(source, file, max_bytes, max_total_seconds)
        yield Path(path)
    finally:
        Path(path).unlink(missing_ok=True)


def _fetch(url: str, file: Any, max_bytes: int, timeout_seconds: float, max_total_seconds: float) -> None:
    try:
        import httpx
    except ImportError as error:
        raise ValueError(f"{url}: addresses need HTTPX: pip install 'httpx>=0.28', or give a file.") from error

    async def download() -> None:
        async with (
            httpx.AsyncClient(
                follow_redirects=True,
                max_redirects=MAX_REDIRECTS,
                timeout=timeout_seconds,
                headers={"Accept-Encoding": "identity"},
            ) as client,
            client.stream("GET", url) as response,
        ):
            response.raise_for_status()
            async for block in response.aiter_bytes():
                file.write(block)
                if file.tell() > max_bytes:
                    raise _TooLarge

    try:
        # Timeouts of a client count from byte to byte: only a task can be ended whatever a server does.
        _run(asyncio.wait_for(download(), max_total_seconds))
    except _TooLarge:
        raise _too_large(url, max_bytes) from None
    except asyncio.TimeoutError as error:
        raise _too_slow(url, max_total_seconds) from error
    except Exception as error:
        kind = "" if isinstance(error, httpx.HTTPError) and str(error) else f"{type(error).__name__}: "
        raise ValueError(f"{url}: cannot be fetched ({kind}{error}). Check the address, or give a file.") from error


def _copy(url: str, file: Any, max_bytes: int, max_total_seconds: float) -> None:
    """Reads an address of any other scheme through fsspec."""
    scheme = url.partition("://")[0].lower()
    try:
        import fsspec
    except ImportError as error:
        raise ValueError(f"{url}: such addresses need fsspec: pip install fsspec, or give a file.") from error
    end = time.monotonic() + max_total_seconds
    try:
        with fsspec.open(url, "rb") as source:
            while block := source.read(BLOCK_BYTES):
                file.write(block)
                if file.tell() > max_bytes:
                    raise _TooLarge
                if time.monotonic() > end:
                    raise _too_slow(url, max_total_seconds)
    except _TooLarge:
        raise _too_large(url, max_bytes) from None
    except ImportError as error:
        package = _PACKAGES.get(scheme, f"what fsspec needs for {scheme}://")
        raise ValueError(f"{url}: cannot be fetched without {package}. Install it, or give a file.") from error
    except Exception as error:
        if isinstance(error, ValueError) and str(error).startswith(f"{url}: "):
            raise
        said = f"{type(error).__name__}: {str(error)[:200]}"
        raise ValueError(f"{url}: cannot be fetched ({said}). Check the address, or give a file.") from error


def _too_large(url: str, max_bytes: int) -> ValueError:
    return ValueError(f"{url}: more than {max_bytes:,} bytes. Download the file and give its path.")


def _too_slow(url: str, max_total_seconds: float) -> ValueError:
    return ValueError(f"{url}: not fetched within {max_total_seconds:g} s. Download it and give its path.")


class _TooLarge(Exception):
    """More bytes than are allowed."""


def _run(coroutine: Coroutine[Any, Any, None]) -> None:
    """Runs a coroutine to its end, in a thread of its own where this one is busy with others (servers, notebooks)."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        asyncio.run(coroutine)
        return
    errors: list[BaseException] = []

    def run() -> None:
        try:
            asyncio.run(coroutine)
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
