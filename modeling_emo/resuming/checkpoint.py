"""Checkpoints that are whole or recognised as torn: a seal, written last, lists what belongs to the folder.

A folder without a seal, or with files that differ from it, is torn: `last_whole_checkpoint` passes it over.
"""

from __future__ import annotations

import errno
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryFile

from safetensors import SafetensorError
from transformers.utils import CONFIG_NAME, logging

from configuration_emo.sealing import SEAL_FILE, find_damage, read_seal, seal, seal_number
from configuration_emo.structured_text import read_json_object


__all__ = [
    "check_whole",
    "discard",
    "find_damage",
    "last_whole_checkpoint",
    "read_seal",
    "remove_old_checkpoints",
    "require_writable",
    "seal",
    "writing_checkpoint",
]

logger = logging.get_logger(__name__)

_CHECKPOINT = re.compile(r"checkpoint[-_](\d+)")


def check_whole(folder: str | Path) -> None:
    """Refuses a torn checkpoint.

    Raises:
        ValueError: naming the file that is missing or damaged, and what to do.
    """
    damage = find_damage(folder)
    if damage is None:
        return
    whole = last_whole_checkpoint(Path(folder).parent) if Path(folder).parent.is_dir() else None
    remedy = f"Resume from {whole}, the last whole one beside it" if whole else "There is no whole one beside it"
    raise ValueError(
        f"The checkpoint {folder} cannot be resumed from: {damage}. {remedy}. If another program wrote it and you "
        f"know that it is complete, seal it: python -c \"from modeling_emo import seal; seal('{folder}')\"."
    )


def last_whole_checkpoint(output_dir: str | Path) -> Path | None:
    """The checkpoint that was sealed last among the whole ones; torn ones are named in a warning.

    The order of sealing decides, which is counted and does not depend on the clock, not the step in the name: a folder
    may still hold checkpoints of an earlier run that went further.

    Args:
        output_dir (`str` or `Path`): folder with `checkpoint-<step>` (or `checkpoint_<number>`) in it.

    Returns:
        `Path` or None: None if there is no folder or nothing whole in it.
    """
    damages: list[str] = []
    for folder in reversed(_checkpoints(output_dir)):
        damage = find_damage(folder)
        if damage is None:
            if damages:
                logger.warning(f"Passed over torn checkpoints: {'; '.join(damages)}. Using {folder}.")
            return folder
        damages.append(damage)
    if damages:
        logger.warning(f"There are only torn checkpoints in {output_dir}: {'; '.join(damages)}.")
    return None


def checkpoint_to_resume(wanted: str | bool | None, output_dir: str | Path) -> Path | None:
    """The checkpoint that `resume_from_checkpoint` means, which is whole.

    Args:
        wanted (`str` or `bool`, *optional*): True (or `"true"`): the last whole checkpoint in `output_dir`, or the
            beginning if there is none. A path: that checkpoint. None, False (or `"false"`): the beginning.
        output_dir (`str` or `Path`): of the run.

    Returns:
        `Path` or None: None for the beginning. A warning says so where something else may be expected.

    Raises:
        ValueError: the checkpoint of the given path is torn.
    """
    if isinstance(wanted, str) and wanted.lower() in ("true", "false") and not Path(wanted).is_dir():
        wanted = wanted.lower() == "true"
    if not wanted:
        if any(read_seal(folder) for folder in _checkpoints(output_dir)):
            logger.warning(
                f"Starting from the beginning although {output_dir} has checkpoints of an earlier run. Until this "
                "run has saved one, resuming would go on from those: better choose another output_dir."
            )
        return None
    if wanted is True:
        whole = last_whole_checkpoint(output_dir)
        if whole is None:
            logger.warning(f"There is no whole checkpoint in {output_dir}: starting from the beginning.")
        return whole
    check_whole(wanted)
    return Path(wanted)


def check_labels(checkpoint: str | Path, id2label: Mapping[int, str]) -> None:
    """Refuses a checkpoint whose weights answer with other labels than the run's: its numbers would mean others.

    Args:
        checkpoint (`str` or `Path`): the folder; one without a configuration (of an adapter) is let through.
        id2label (`dict[int, str]`): of the model that is to go on.

    Raises:
        ValueError: the labels, or their order, differ.
    """
    path = Path(checkpoint) / CONFIG_NAME
    saved = read_json_object(path).get("id2label") if path.is_file() else None
    if saved is None:
        return
    theirs, ours = ([str(labels[key]) for key in sorted(labels, key=int)] for labels in (saved, id2label))
    if theirs != ours:
        raise ValueError(
            f"The checkpoint {checkpoint} was trained with the labels {', '.join(theirs)}, this run has "
            f"{', '.join(ours)}.\nGive the data in the checkpoint's order of labels, or another output_dir."
        )


def remove_old_checkpoints(output_dir: str | Path, *, limit: int | None, keep: Iterable[str | Path | None]) -> None:
    """Removes checkpoints until `limit` are left: torn ones first, then those that were sealed first.

    Args:
        output_dir (`str` or `Path`): folder with the checkpoints.
        limit (`int`, *optional*): None or 0 removes nothing.
        keep: checkpoints that stay in any case, such as the one sealed just now and the best one; None is skipped.
    """
    if not limit or limit < 0:
        return
    kept = {Path(folder).resolve() for folder in keep if folder is not None}
    folders = _checkpoints(output_dir)
    torn_first = sorted(folders, key=lambda folder: read_seal(folder) is not None)
    removable = [folder for folder in torn_first if folder.resolve() not in kept]
    for folder in removable[: max(len(folders) - max(limit, len(kept)), 0)]:
        discard(folder)


def discard(folder: str | Path) -> None:
    """Removes a checkpoint, its seal first: half removed it counts as torn."""
    with suppress(OSError):
        (Path(folder) / SEAL_FILE).unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def writing_checkpoint(folder: str | Path, *, is_main_process: bool = True) -> Iterator[None]:
    """Around everything that writes a checkpoint, its seal included: what fails leaves nothing behind, and says why.

    Args:
        folder (`str` or `Path`): the checkpoint. What an earlier, killed run left in it is removed first.
        is_main_process (`bool`, defaults to True): the one process that removes; all the others write only after it
            has entered, and leave before it seals: put a barrier at both places.

    Raises:
        OSError: a file could not be written; names the folder, the reason, and the checkpoint to resume from.

    Example:

    ```python
    >>> with writing_checkpoint(folder, is_main_process=accelerator.is_main_process):  # doctest: +SKIP
    ...     accelerator.wait_for_everyone()
    ...     accelerator.save_state(folder)
    ...     accelerator.wait_for_everyone()
    ...     if accelerator.is_main_process:
    ...         seal(folder)

    ```
    """
    folder = Path(folder)
    if is_main_process:
        discard(folder)
    try:
        yield
    except BaseException as error:
        reason = _write_failure(error)
        space = _free_space(folder.parent)
        if is_main_process:
            discard(folder)
        if reason is None:
            raise
        whole = last_whole_checkpoint(folder.parent)
        remedy = "Resume with resume_from_checkpoint=True when there is space and the right to write"
        raise OSError(
            getattr(error, "errno", None) or errno.EIO,
            f"The checkpoint {folder} could not be written: {reason} ({space}). "
            + (f"{whole} is whole. {remedy}" if whole else f"There is no earlier one. {remedy}, or start anew")
            + ", or keep fewer checkpoints with save_total_limit",
        ) from error


def require_writable(folder: str | Path) -> None:
    """Makes the folder and tries to write into it, so that a run does not find out at its first checkpoint.

    Raises:
        OSError: it cannot be written to; names the folder and what to do.
    """
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder) as file:
            file.write(b"0")
    except OSError as error:
        raise OSError(
            error.errno,
            f"Checkpoints cannot be written to {folder}: {error.strerror or error}. Choose an output_dir on a disk "
            "that can be written to and has space left",
        ) from error


def _checkpoints(output_dir: str | Path) -> list[Path]:
    """Checkpoints in the order in which they were sealed; those without a seal come last, by their number."""
    found = []
    for folder in Path(output_dir).glob("checkpoint*"):
        match = _CHECKPOINT.fullmatch(folder.name)
        if match and folder.is_dir():
            is_torn = read_seal(folder) is None
            found.append((is_torn, seal_number(folder), int(match[1]), folder))
    return [folder for *_, folder in sorted(found)]


def _write_failure(error: BaseException) -> str | None:
    """Why a write failed; None if the error is of another kind."""
    if isinstance(error, OSError) and error.errno is not None and not isinstance(error, ConnectionError):
        return error.strerror or str(error)
    # Neither safetensors nor torch.save raises an OSError when the disk is full.
    if isinstance(error, SafetensorError) or (isinstance(error, RuntimeError) and "inline_container" in str(error)):
        return str(error)
    return None


def _free_space(folder: Path) -> str:
    try:
        return f"{shutil.disk_usage(folder).free / 1e6:.1f} MB are free there"
    except OSError:
        return f"{folder} cannot be read"
