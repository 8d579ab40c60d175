"""Recordings from addresses that the operator of the server allows, and from no others."""

from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

import httpx


_SECONDS = 30.0


def fetch_allowed(address: str, allowed: Sequence[str], folder: Path, max_bytes: int) -> Path:
    """Fetches a recording into a folder. Redirects are not followed: they may lead elsewhere.

    Args:
        address (`str`): http or https.
        allowed (sequence of `str`): `host`, or `host:port` where the port is not the usual one.
        folder (`Path`): where the file is written.
        max_bytes (`int`): more are refused.

    Returns:
        `Path`: the file.

    Raises:
        ValueError: the address is not allowed, or cannot be fetched within half a minute.
    """
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https") or parts.netloc.lower() not in {one.lower() for one in allowed}:
        raise ValueError("This address is not fetched. Upload the file; the server's operator may allow hosts.")
    path = folder / (Path(parts.path).name or "recording")
    try:
        with (
            httpx.stream("GET", address, timeout=_SECONDS, follow_redirects=False) as response,
            path.open("wb") as file,
        ):
            if response.status_code != 200:
                raise ValueError(f"The address answered {response.status_code}. Upload the file.")
            for part in response.iter_bytes(1 << 16):
                file.write(part)
                if file.tell() > max_bytes:
                    raise ValueError(f"The file is larger than {max_bytes / 1e6:g} MB. Give a smaller one.")
    except httpx.HTTPError as error:
        raise ValueError(f"The address cannot be fetched ({type(error).__name__}). Upload the file.") from error
    return path
