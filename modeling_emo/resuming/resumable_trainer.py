"""Trainer whose runs can be killed at any step and resumed as if nothing had happened."""

from __future__ import annotations

import shutil
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch
from accelerate.utils import broadcast_object_list
from transformers import EarlyStoppingCallback, Trainer, TrainerCallback
from transformers.trainer_callback import ExportableState
from transformers.trainer_pt_utils import LengthGroupedSampler
from transformers.trainer_utils import PREFIX_CHECKPOINT_DIR, SaveStrategy
from transformers.utils import logging

from .checkpoint import (
    check_labels,
    checkpoint_to_resume,
    read_seal,
    remove_old_checkpoints,
    require_writable,
    seal,
    writing_checkpoint,
)
from .data_order import EpochLengthGroupedSampler, SeededLengthGroupedSampler, isolate_workers, set_epoch
from .preemption import PreemptionCallback


logger = logging.get_logger(__name__)

# transformers.trainer.TRAINING_ARGS_NAME, RNG files: their names are part of Trainer's checkpoint format.
_TRAINING_ARGUMENTS = "training_args.bin"
_RNG_STATES = "rng_state*.pth"
# A run that is resumed with another value of these does not see the data, or the noise, that it would have seen.
_DATA_ORDER = (
    "world_size",
    "per_device_train_batch_size",
    "gradient_accumulation_steps",
    "seed",
    "data_seed",
    "train_sampling_strategy",
    "dataloader_drop_last",
)


class ResumableTrainer(Trainer):
    """Transformers' `Trainer` with checkpoints that are whole or recognised as torn, and with exact resumption.

    A run that is killed and resumed ends with the weights, optimiser, schedule, random numbers and order of the data
    of one that was not. What it does beyond `Trainer`:

    - Checkpoints are sealed ([`~modeling_emo.seal`]), and older ones removed only after that.
    - SIGTERM saves at the end of the step and stops ([`PreemptionCallback`]).
    - The order of the data depends on seed and epoch alone. If `data_collator` or `train_dataset` has a
      `set_epoch(epoch)`, it is called before each epoch's iterator is made: augmentation that draws from
      `(seed, epoch, sample id)` is then exact, while one that draws from the global generators is not. With
      `dataloader_persistent_workers` the number has to be kept in shared memory, such as a
      `torch.tensor(0).share_memory_()`.
    - What is due at the end of an epoch (evaluation, logging) comes before a checkpoint of its last step.
    - The count of [`~transformers.EarlyStoppingCallback`] goes on; its patience is the new run's.

    Attributes:
        preempted (`bool`): `train` returned early because of SIGTERM. The model is then the one of the last step, not
            the best one; do not keep it as the result, resume.
    """

    def __init__(self, *, args, **kwargs):
        if args.should_save and args.save_strategy != SaveStrategy.NO:
            require_writable(args.output_dir)
        super().__init__(args=args, **kwargs)
        self._preemption = PreemptionCallback()
        self._limit = args.save_total_limit
        if self._saves:
            self.add_callback(self._preemption)
            self.add_callback(SaveLast())

    @property
    def preempted(self) -> bool:
        return self._preemption.preempted

    @property
    def _saves(self) -> bool:
        return self.args.save_strategy != SaveStrategy.NO

    @property
    def _data_seed(self) -> int:
        return self.args.seed if self.args.data_seed is None else self.args.data_seed

    def train(self, resume_from_checkpoint=None, trial=None, ignore_keys_for_eval=None):
        """Trains, from the beginning or from a checkpoint.

        Args:
            resume_from_checkpoint (`bool` or `str`, *optional*): True (or `"true"`): the last whole checkpoint in
                `output_dir`, or the beginning if there is none, so that one command serves the first start and every
                later one. A path: that checkpoint.
            trial, ignore_keys_for_eval: as for `Trainer.train`.

        Raises:
            ValueError: the checkpoint of the given path is torn, holds no more than a model, or is of a model with
                other labels.
            OSError: a checkpoint could not be written. The last whole one is intact.
        """
        checkpoint = self._resolve(resume_from_checkpoint)
        with self._preemption.listening() if self._saves else nullcontext():
            return super().train(checkpoint, trial, ignore_keys_for_eval)

    # ---- Where a run goes on ----

    def _resolve(self, resume_from_checkpoint: str | bool | None) -> str | None:
        """The whole checkpoint that is meant; process 0 decides for all, since each would read every file."""
        decision: list[Any] = [None, None]
        if self.is_world_process_zero():
            try:
                decision[0] = self._choose_checkpoint(resume_from_checkpoint)
            except ValueError as error:
                decision[1] = str(error)
        checkpoint, refusal = broadcast_object_list(decision)
        if refusal is not None:
            raise ValueError(refusal)
        return checkpoint

    def _choose_checkpoint(self, wanted: str | bool | None) -> str | None:
        checkpoint = checkpoint_to_resume(wanted, str(self.args.output_dir))
        if checkpoint is None:
            return None
        if not any(checkpoint.glob(_RNG_STATES)):
            raise ValueError(
                f"The checkpoint {checkpoint} was saved with save_only_model: it has weights, but nothing to resume "
                "from. Start a new run from its weights instead, or resume from a full checkpoint."
            )
        id2label = getattr(getattr(self.model, "config", None), "id2label", None)
        if id2label:
            check_labels(checkpoint, id2label)
        self._warn_of_another_data_order(checkpoint)
        return str(checkpoint)

    def _data_order(self) -> dict[str, Any]:
        facts = {name: getattr(self.args, name) for name in _DATA_ORDER}
        rows: Any = self.train_dataset
        facts["train_rows"] = len(rows) if hasattr(rows, "__len__") else None
        return {name: getattr(value, "value", value) for name, value in facts.items()}

    def _warn_of_another_data_order(self, checkpoint: Path) -> None:
        saved = (read_seal(checkpoint) or {}).get("facts", {})
        changed = [
            f"{name} is {value!r} and was {saved[name]!r}"
            for name, value in self._data_order().items()
            if name in saved and saved[name] != value
        ]
        if changed:
            logger.warning(f"Resuming from {checkpoint} will not be exact: {', '.join(changed)}.")

    def _init_training_state(
        self, max_steps, num_update_steps_per_epoch, num_train_epochs, resume_from_checkpoint, trial
    ):
        position = super()._init_training_state(
            max_steps, num_update_steps_per_epoch, num_train_epochs, resume_from_checkpoint, trial
        )
        if resume_from_checkpoint is not None and self._is_over(max_steps):
            # Killed after its last checkpoint: Trainer would train one step more before it noticed.
            self._load_rng_state(resume_from_checkpoint)
            return num_train_epochs, 0
        return position

    def _is_over(self, max_steps: int) -> bool:
        return self.state.global_step >= max_steps or any(
            isinstance(callback, EarlyStoppingCallback)
            and callback.early_stopping_patience_counter >= callback.early_stopping_patience
            for callback in self.callback_handler.callbacks
        )

    def _load_callback_state(self) -> None:
        super()._load_callback_state()
        callbacks: Any = self.state.stateful_callbacks  # by name, whatever its annotation says
        stored = {name: list(states) if isinstance(states, list) else [states] for name, states in callbacks.items()}
        for callback in self.callback_handler.callbacks:
            if isinstance(callback, ExportableState):
                name = type(callback).__name__
                for attribute, value in (
                    (stored[name].pop(0) if stored.get(name) else {}).get("attributes", {}).items()
                ):
                    setattr(callback, attribute, value)
                # Trainer's saving expects an entry, which a callback that is new in this run does not have.
                callbacks.setdefault(name, callback.state())

    # ---- The order of the data ----

    def _get_train_sampler(self, train_dataset=None):
        sampler = super()._get_train_sampler(train_dataset)
        if isinstance(sampler, LengthGroupedSampler):
            # Over the batches of all processes, so that the order does not depend on how many there are.
            batch_size = sampler.batch_size * self.args.world_size
            return EpochLengthGroupedSampler(batch_size, sampler.lengths, self._data_seed)
        return sampler

    def _get_eval_sampler(self, eval_dataset):
        sampler = super()._get_eval_sampler(eval_dataset)
        if isinstance(sampler, LengthGroupedSampler):
            return SeededLengthGroupedSampler(sampler.batch_size, sampler.lengths, self._data_seed)
        return sampler

    def _get_dataloader(self, *args, **kwargs):
        dataloader = super()._get_dataloader(*args, **kwargs)
        isolate_workers(dataloader, self._data_seed)
        return dataloader

    def _run_epoch(self, *args, **kwargs):
        set_epoch(kwargs["train_dataloader"], kwargs["epoch"], self.data_collator)
        return super()._run_epoch(*args, **kwargs)

    # ---- Checkpoints ----

    def _save_checkpoint(self, model, trial):
        output_dir = self._get_output_dir(trial)
        folder = Path(output_dir) / f"{PREFIX_CHECKPOINT_DIR}-{self.state.global_step}"
        self._limit = self.args.save_total_limit
        with writing_checkpoint(folder, is_main_process=self.args.should_save):
            self.accelerator.wait_for_everyone()
            # Trainer removes older checkpoints before this one is sealed. Nothing may be removed until then.
            self.args.save_total_limit = None
            try:
                super()._save_checkpoint(model, trial)
            finally:
                self.args.save_total_limit = self._limit
            if not self.args.push_to_hub:
                self._seal(folder)
        if self.args.should_save:
            remove_old_checkpoints(output_dir, limit=self._limit, keep=[folder, self.state.best_model_checkpoint])

    def _push_from_checkpoint(self, checkpoint_folder):
        self._seal(checkpoint_folder)  # before it is uploaded, so that the copy is sealed too
        if self.is_world_process_zero():
            # Trainer uploads `output_dir` with the checkpoint's weights and configuration, which names this code.
            for code in Path(checkpoint_folder).glob("*.py"):
                shutil.copy(code, str(self.args.output_dir))
        super()._push_from_checkpoint(checkpoint_folder)

    def _seal(self, folder: str | Path) -> None:
        self.args.save_total_limit = self._limit
        self.accelerator.wait_for_everyone()
        if self.args.should_save:
            torch.save(self.args, Path(folder) / _TRAINING_ARGUMENTS)  # as given, with the limit
            seal(folder, self._data_order())

    def _finalize_training(self, trial, num_train_samples, start_time):
        if self.preempted:
            # Trainer would load the best model, and for save_total_limit=1 remove the checkpoint to resume from.
            self.state.best_model_checkpoint = None
        return super()._finalize_training(trial, num_train_samples, start_time)


class SaveLast(TrainerCallback):
    """Puts saving after all else that is due: a resumed run goes on behind it and would leave that out."""

    def __init__(self):
        self._postponed = False

    def on_step_end(self, args, state, control, **kwargs):
        epoch_ends = state.epoch == int(state.epoch) or control.should_training_stop
        if control.should_save and epoch_ends:
            control.should_save = False
            self._postponed = True
        self._log_with_save(args, control)

    def on_epoch_end(self, args, state, control, **kwargs):
        if self._postponed:
            control.should_save = True
            self._postponed = False
        self._log_with_save(args, control)

    def _log_with_save(self, args, control):
        # The losses since the last log are not part of a checkpoint.
        if (
            control.should_save
            or self._postponed
            or (control.should_evaluate and args.save_strategy == SaveStrategy.BEST)
        ):
            control.should_log = True
