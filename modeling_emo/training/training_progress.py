"""Where a training run stands, and what is due: Trainer's state and callbacks, for a training loop of one's own."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from transformers import EarlyStoppingCallback, TrainerControl, TrainerState
from transformers.trainer_callback import DefaultFlowCallback, ExportableState, TrainerCallback
from transformers.trainer_utils import SaveStrategy

from ..resuming.resumable_trainer import SaveLast
from .arguments import EmoBertTrainingArguments


STATE_FILE = "trainer_state.json"


class TrainingProgress:
    """Steps, epochs, logs and the best checkpoint of a run, with Trainer's rules for what is due when.

    Args:
        arguments ([`EmoBertTrainingArguments`]): lengths, and how often to log, evaluate and save.
        batches_per_epoch (`int`): that this process takes in one pass over the training data.
        accelerator (`Accelerator`): sums over processes, and has the trackers.

    Attributes:
        state (`TrainerState`): `global_step`, `epoch`, `log_history`, `best_metric`, ...; as Trainer writes it.
        control (`TrainerControl`): `should_log`, `should_evaluate`, `should_save`, `should_training_stop`.
    """

    def __init__(self, arguments: EmoBertTrainingArguments, *, batches_per_epoch: int, accelerator: Accelerator):
        self.args = arguments
        self.batches_per_epoch = batches_per_epoch
        self.steps_per_epoch = math.ceil(batches_per_epoch / arguments.gradient_accumulation_steps)
        self.accelerator = accelerator
        self.callbacks: list[TrainerCallback] = [DefaultFlowCallback(), SaveLast()]
        if arguments.early_stopping_patience is not None:
            self.callbacks.append(EarlyStoppingCallback(arguments.early_stopping_patience))
        self.state = self._new_state()
        planned = math.ceil(arguments.num_train_epochs * self.steps_per_epoch)
        self.state.max_steps = arguments.max_steps if arguments.max_steps > 0 else planned
        self.state.num_train_epochs = math.ceil(self.state.max_steps / self.steps_per_epoch)
        self.state.compute_steps(arguments, self.state.max_steps)
        self.state.epoch = 0.0
        self.control = TrainerControl()
        self.epoch = 0
        self.steps_done_in_epoch = 0
        self._losses: list[torch.Tensor] = []
        self._mean_losses: list[float] = []
        self._start = time.time()
        self._call("on_train_begin")

    def epochs(self) -> Iterator[int]:
        """The epochs that are left, until training should stop."""
        first = self.state.global_step // self.steps_per_epoch
        self.steps_done_in_epoch = self.state.global_step % self.steps_per_epoch
        for epoch in range(first, self.state.num_train_epochs):
            if self.control.should_training_stop:
                return
            self.epoch = epoch
            yield epoch
            self.steps_done_in_epoch = 0

    def step(self, loss: torch.Tensor, *, learning_rate: float, grad_norm: torch.Tensor | float | None = None) -> None:
        """Counts an optimiser step, logs when it is time, and sets `control`.

        Args:
            loss (`torch.Tensor` of shape `()`): the step's loss on this process.
            learning_rate (`float`): that the step was made with.
            grad_norm (`float`, *optional*): before clipping.
        """
        self._losses.append(loss.detach())
        self.state.global_step += 1
        steps = self.state.global_step - self.epoch * self.steps_per_epoch
        batches = min(steps * self.args.gradient_accumulation_steps, self.batches_per_epoch)
        self.state.epoch = self.epoch + batches / self.batches_per_epoch
        self._new_control()
        self._call("on_step_end")
        self._log_if_due(learning_rate, grad_norm)

    def end_epoch(self, *, learning_rate: float) -> None:
        """Sets `control` to what is due after an epoch."""
        self._new_control()
        self._call("on_epoch_end")
        self._log_if_due(learning_rate, None)

    def evaluated(self, metrics: dict[str, float]) -> None:
        """Logs an evaluation; remembers the best one; stops when the metric did not get better for long."""
        self.log(metrics)
        name = self.args.metric_for_best_model
        if name is not None:
            name = name if name.startswith("eval_") else f"eval_{name}"
            if name not in metrics:
                raise ValueError(f"metric_for_best_model={name!r} is none of {', '.join(sorted(metrics))}.")
        self._call("on_evaluate", metrics=metrics)
        is_best = False
        if name is not None:
            sign = 1 if self.args.greater_is_better else -1
            best = self.state.best_metric
            is_best = sign * metrics[name] > (-math.inf if best is None else sign * best)
        if is_best:
            self.state.best_metric = metrics[str(name)]
            self.state.best_global_step = self.state.global_step
        if self.args.save_strategy == SaveStrategy.BEST:
            self.control.should_save = is_best

    def finish(self) -> None:
        """Logs the whole run's time (seconds) and mean loss."""
        self._drain_losses()
        mean_loss = sum(self._mean_losses) / max(len(self._mean_losses), 1)
        self.log({"train_runtime": round(time.time() - self._start, 4), "train_loss": mean_loss})

    def log(self, values: dict[str, float]) -> None:
        """Adds to `state.log_history`, tells the trackers, and prints on the main process."""
        entry = {**values, "epoch": self.state.epoch, "step": self.state.global_step}
        self.state.log_history.append(entry)
        self.accelerator.log(values, step=self.state.global_step)
        self.accelerator.print(entry)

    def checkpoint(self, step: int | None = None) -> Path:
        """The folder of a step's checkpoint, by default of the present one."""
        step = self.state.global_step if step is None else step
        return Path(str(self.args.output_dir)) / f"checkpoint-{step}"

    def save(self, folder: str | Path) -> None:
        """Writes `trainer_state.json`."""
        self.state.stateful_callbacks = self._new_state().stateful_callbacks
        self.state.save_to_json(str(Path(folder) / STATE_FILE))

    def load(self, folder: str | Path) -> None:
        """Goes on where the run that wrote this folder was.

        Raises:
            ValueError: the folder is no checkpoint.
        """
        path = Path(folder) / STATE_FILE
        if not path.is_file():
            raise ValueError(f"{folder} is not a checkpoint to resume from: it has no {STATE_FILE}.")
        plan = self.state
        self.state = TrainerState.load_from_json(str(path))
        self.state.max_steps, self.state.num_train_epochs = plan.max_steps, plan.num_train_epochs
        stored: Any = self.state.stateful_callbacks or {}
        for callback in self.callbacks:
            vars(callback).update(stored.get(type(callback).__name__, {}).get("attributes", {}))

    def _new_state(self) -> TrainerState:
        stateful: list[Any] = [callback for callback in self.callbacks if isinstance(callback, ExportableState)]
        return TrainerState(stateful_callbacks=stateful)

    def _call(self, event: str, **kwargs) -> None:
        for callback in self.callbacks:
            getattr(callback, event)(self.args, self.state, self.control, **kwargs)

    def _new_control(self) -> None:
        self.control = TrainerControl(should_training_stop=self.control.should_training_stop)

    def _log_if_due(self, learning_rate: float, grad_norm: torch.Tensor | float | None) -> None:
        if self.control.should_log and self._losses:
            values = {"loss": self._drain_losses(), "learning_rate": learning_rate}
            if grad_norm is not None:
                values["grad_norm"] = float(grad_norm)
            self.log(values)

    def _drain_losses(self) -> float:
        """The mean loss of the steps since the last call, over all processes."""
        if not self._losses:
            return float("nan")
        losses = self.accelerator.reduce(torch.stack(self._losses).float(), reduction="mean").tolist()
        self._losses.clear()
        self._mean_losses.extend(losses)
        return sum(losses) / len(losses)
