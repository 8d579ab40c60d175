"""Checkpoints of a training loop of one's own: a model for `from_pretrained`, and accelerate's state beside it."""

from __future__ import annotations

import shutil
from pathlib import Path

from accelerate import Accelerator
from torch import nn
from transformers import ProcessorMixin

from ..resuming.checkpoint import (
    SEAL_FILE,
    check_whole,
    last_whole_checkpoint,
    remove_old_checkpoints,
    seal,
    writing_checkpoint,
)
from .training_progress import STATE_FILE, TrainingProgress


ACCELERATE_FOLDER = "accelerate"


def save_model(model: nn.Module, processor: ProcessorMixin, folder: str | Path, accelerator: Accelerator) -> None:
    """Writes model and processor, ready for `from_pretrained`; all processes call it, the main one writes.

    Args:
        model (`nn.Module`): prepared by accelerate, sharded or not.
        processor (`ProcessorMixin`): goes beside it.
        folder (`str` or `Path`): where to.
        accelerator (`Accelerator`): collects the weights.
    """
    weights = accelerator.get_state_dict(model)
    if accelerator.is_main_process:
        accelerator.unwrap_model(model).save_pretrained(folder, state_dict=weights)
        processor.save_pretrained(folder)
    accelerator.wait_for_everyone()


def save_checkpoint(
    model: nn.Module, processor: ProcessorMixin, progress: TrainingProgress, accelerator: Accelerator
) -> None:
    """Writes and seals `checkpoint-<step>`; removes old ones beyond `save_total_limit`, but never the best.

    Without `save_only_model` the folder `accelerate` in it holds what a resumed run needs.

    Raises:
        OSError: a file could not be written. The last whole checkpoint is intact.
    """
    folder, state = progress.checkpoint(), progress.state
    if state.best_global_step:
        state.best_model_checkpoint = str(progress.checkpoint(state.best_global_step))
    with writing_checkpoint(folder, is_main_process=accelerator.is_main_process):
        accelerator.wait_for_everyone()
        save_model(model, processor, folder, accelerator)
        if not progress.args.save_only_model:
            accelerator.save_state(str(folder / ACCELERATE_FOLDER))
        accelerator.wait_for_everyone()
        if accelerator.is_main_process:
            progress.save(folder)
            seal(folder)
    if accelerator.is_main_process:
        keep = [folder, state.best_model_checkpoint]
        remove_old_checkpoints(str(progress.args.output_dir), limit=progress.args.save_total_limit, keep=keep)
    accelerator.wait_for_everyone()


def load_checkpoint(progress: TrainingProgress, accelerator: Accelerator) -> None:
    """Goes on where `resume_from_checkpoint` was: weights, optimiser, schedule, random numbers and counters.

    `true` is the last whole checkpoint in `output_dir`, or the beginning if there is none; a path is that checkpoint.

    Raises:
        ValueError: the checkpoint is torn, or was saved with `save_only_model`.
    """
    wanted = str(progress.args.resume_from_checkpoint or "false")
    if wanted.lower() == "false":
        return
    folder = last_whole_checkpoint(str(progress.args.output_dir)) if wanted.lower() == "true" else Path(wanted)
    if folder is None:
        return
    check_whole(folder)
    if not (folder / ACCELERATE_FOLDER).is_dir():
        raise ValueError(f"{folder} holds a model only: to resume, train with `save_only_model: false`.")
    progress.load(folder)
    accelerator.load_state(str(folder / ACCELERATE_FOLDER))


def save_final_model(
    model: nn.Module, processor: ProcessorMixin, progress: TrainingProgress, accelerator: Accelerator
) -> None:
    """The best checkpoint's model with `load_best_model_at_end`, else the present one, into `output_dir`."""
    best = progress.state.best_global_step
    if not (progress.args.load_best_model_at_end and best):
        save_model(model, processor, str(progress.args.output_dir), accelerator)
    elif accelerator.is_main_process:
        for path in progress.checkpoint(best).iterdir():
            if path.is_file() and path.name not in (STATE_FILE, SEAL_FILE):
                shutil.copy2(path, str(progress.args.output_dir))
    accelerator.wait_for_everyone()
