"""What the small Hub of `hub_server` keeps: repositories, commits and files, in memory."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field


LARGE_SUFFIXES = (".safetensors", ".bin", ".pt", ".parquet", ".arrow", ".png", ".wav")
LARGEST_REGULAR_FILE = 10 * 1024 * 1024


class Refusal(Exception):
    """An answer that is no success: status, message and the Hub's code for it."""

    def __init__(self, status: int, message: str, code: str | None = None):
        super().__init__(message)
        self.status, self.message, self.code = status, message, code


@dataclass
class Blob:
    """A file's content and whether it is stored as a large file."""

    content: bytes
    large: bool

    @property
    def oid(self) -> str:
        """Git's name of the content."""
        return hashlib.sha1(b"blob %d\0" % len(self.content) + self.content).hexdigest()

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()


@dataclass
class Repository:
    """Commits by their ids, and branches and tags that point at them."""

    name: str
    private: bool
    commits: dict[str, dict[str, Blob]] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)

    def commit(self, branch: str, files: dict[str, Blob], message: str) -> str:
        content = [message, self.branches.get(branch, ""), *(f"{path} {blob.oid}" for path, blob in files.items())]
        commit = hashlib.sha1("\n".join([*content, str(len(self.commits))]).encode()).hexdigest()
        self.commits[commit] = files
        self.branches[branch] = commit
        return commit

    def resolve(self, revision: str) -> str:
        commit = self.branches.get(revision) or self.tags.get(revision) or revision
        if commit not in self.commits:
            raise Refusal(404, f"Invalid rev id: {revision}", "RevisionNotFound")
        return commit


def is_large(path: str, size: int) -> bool:
    return path.endswith(LARGE_SUFFIXES) or size > LARGEST_REGULAR_FILE


def reference(ref: str, name: str, commit: str) -> dict[str, str]:
    return {"ref": ref, "name": name, "targetCommit": commit}


def file_entry(path: str, blob: Blob) -> dict:
    entry = {"type": "file", "path": path, "size": len(blob.content), "oid": blob.oid}
    if blob.large:
        entry["lfs"] = {"oid": blob.sha256, "size": len(blob.content), "pointerSize": 134}
    return entry
