"""What a run was made with: software, hardware, and the state of the code."""

from __future__ import annotations

import os
import platform
import subprocess
from pathlib import Path
from typing import Any

import torch

from ..evaluation.model_card import installed_versions


_ROOT = Path(__file__).resolve().parent.parent.parent


def run_environment() -> dict[str, Any]:
    """Versions, hardware and code of this run, for its record.

    Returns:
        `dict` with `versions` (by package), `hardware` (in words) and `git_commit` (None where this library does not
        run from a clone; with `+changes` behind it where tracked files differ from that commit).
    """
    return {"versions": installed_versions(), "hardware": hardware(), "git_commit": git_commit(_ROOT)}


def hardware() -> str:
    """The accelerators, or else the processor's kind and cores.

    Example:
        >>> "CPU" in hardware() or torch.cuda.is_available() or torch.accelerator.is_available()
        True
    """
    if torch.cuda.is_available():
        return f"{torch.cuda.device_count()} x {torch.cuda.get_device_name(0)}"
    if torch.accelerator.is_available():
        return f"{torch.accelerator.device_count()} x {torch.accelerator.current_accelerator()}"
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"CPU ({platform.machine()}), {cores} cores"


def git_commit(folder: Path) -> str | None:
    """The commit that is checked out in a folder.

    Args:
        folder (`Path`): the root of a clone.

    Returns:
        `str`, or None where it is none or git is not installed.
    """
    if not (folder / ".git").exists():
        return None
    try:
        commit = _git(folder, "rev-parse", "HEAD").strip()
        return f"{commit}+changes" if _git(folder, "status", "--porcelain", "--untracked-files=no") else commit
    except (OSError, subprocess.SubprocessError):
        return None


def _git(folder: Path, *arguments: str) -> str:
    ended = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=True, timeout=30)
    return ended.stdout
