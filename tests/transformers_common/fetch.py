"""Fetches the common test-suites that Transformers ships in its source distribution on PyPI.

They are taken once, at the version that is installed, into `.cache/transformers-<version>-tests/`:

    python -m tests.transformers_common.fetch
"""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import tempfile
from importlib.metadata import version
from pathlib import Path, PurePosixPath


CACHE = Path(__file__).resolve().parents[2] / ".cache"
COMMAND = "python -m tests.transformers_common.fetch"
SUITES = ("test_configuration_common.py", "test_modeling_common.py", "test_processing_common.py")
# Far above the real sizes (20 files of together 1 MiB, one of them 0.35 MiB).
MAX_FILES = 2_000
MAX_FILE_BYTES = 4 * 1024**2


def suites_folder(cache: Path = CACHE) -> Path:
    """Where the suites of the installed version lie, or would lie."""
    return cache / f"transformers-{version('transformers')}-tests"


def fetch_suites(cache: Path = CACHE) -> Path:
    """Downloads and unpacks the suites unless they are there.

    Args:
        cache (`Path`): the folder that holds one sub-folder per version.

    Returns:
        `Path`: the folder with the suites.

    Raises:
        RuntimeError: pip could not download the source distribution.
        ValueError: the archive is not what it should be.
    """
    folder = suites_folder(cache)
    if folder.is_dir():  # complete: it appears under this name as a whole
        return folder
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as scratch:
        unpacked = Path(scratch) / "tests"
        extract_tests(download_sdist(version("transformers"), Path(scratch)), unpacked)
        os.replace(unpacked, folder)
    return folder


def download_sdist(transformers_version: str, folder: Path) -> Path:
    """Lets pip put the source distribution of one version of Transformers into a folder.

    pip reads the archive's metadata with the build tools that the archive names. It gets those for itself (build
    isolation), so that an environment without setuptools will do.

    Raises:
        RuntimeError: pip failed, with what it said.
    """
    # Only of transformers itself: `:all:` would have pip compile the build tools too.
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--no-binary", "transformers"]
    command += ["--quiet", "--disable-pip-version-check", "--dest", str(folder)]
    command += [f"transformers=={transformers_version}"]
    finished = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    archives = sorted(folder.glob("transformers-*.tar.gz"))
    if finished.returncode or len(archives) != 1:
        raise RuntimeError(
            f"No source distribution of transformers {transformers_version} from the package index.\n"
            f"Command: {' '.join(command)}\n{finished.stderr.strip()[-1000:]}"
        )
    return archives[0]


def extract_tests(archive: Path, folder: Path) -> None:
    """Writes the Python files under `tests/` of a source distribution, nothing else, into a new folder.

    Args:
        archive (`Path`): a `.tar.gz` whose members lie under one top folder.
        folder (`Path`): must not exist.

    Raises:
        ValueError: too many or too large files, a path that leaves the folder, or a suite is missing.
    """
    folder.mkdir()
    # Makes it a package. One of the suites imports this file.
    (folder / "__init__.py").touch()
    count = 0
    with tarfile.open(archive, "r:gz") as members:
        for member in members:
            path = PurePosixPath(member.name)
            if not member.isfile() or path.suffix != ".py" or path.parts[1:2] != ("tests",):
                continue
            count += 1
            if path.is_absolute() or ".." in path.parts or member.size > MAX_FILE_BYTES or count > MAX_FILES:
                raise ValueError(
                    f"{archive.name} is not a source distribution of transformers to trust: stopped at "
                    f"{member.name!r} ({member.size} bytes, test file {count})."
                )
            target = folder.joinpath(*path.parts[2:])
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(members.extractfile(member).read())
    missing = [name for name in SUITES if not (folder / name).is_file()]
    if missing:
        raise ValueError(f"{archive.name} does not carry {', '.join(missing)}.")


if __name__ == "__main__":
    print(fetch_suites())
