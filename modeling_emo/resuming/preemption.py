"""SIGTERM, as a scheduler sends it before it takes the machine away: save at the end of the step, then stop."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from transformers import TrainerCallback
from transformers.utils import logging


logger = logging.get_logger(__name__)


class PreemptionCallback(TrainerCallback):
    """Saves a checkpoint at the end of the step in which any process got SIGTERM, and stops training after it.

    The processes agree on the step, one small all-reduce over CPU memory per optimiser step: the signal may reach one
    of them only, or each at another step. An evaluation that is due at that step is still run, because the
    checkpoint has to hold what it tells about the best model and early stopping.

    Attributes:
        preempted (`bool`): training was stopped by SIGTERM; the last checkpoint is the one to resume from.

    Transformers' `enable_jit_checkpoint` is not used: it may save before the optimiser step but after the forward
    pass, with the old weights and the new state of the random number generators, or before a due evaluation.
    """

    def __init__(self):
        self.preempted = False
        self._signalled = False
        self._saving = False
        self._group: torch.distributed.ProcessGroup | None = None

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Notes SIGTERM instead of dying from it; a further one changes nothing."""
        self.preempted = self._signalled = self._saving = False
        if threading.current_thread() is not threading.main_thread():  # Python lets no other thread set handlers
            yield
            return
        previous = signal.signal(signal.SIGTERM, self._note)
        try:
            yield
        finally:
            signal.signal(signal.SIGTERM, previous)

    def on_train_begin(self, args, state, control, **kwargs):
        distributed = torch.distributed.is_available() and torch.distributed.is_initialized()
        if self._group is None and distributed and torch.distributed.get_world_size() > 1:
            # Over gloo, so that a GPU need not be waited for.
            self._group = torch.distributed.new_group(backend="gloo")

    def on_step_end(self, args, state, control, **kwargs):
        if self._any_signalled():
            control.should_save = True
            self._saving = True

    def on_save(self, args, state, control, **kwargs):
        # Only now: the checkpoint's own state must not say that training has come to its end.
        if self._saving:
            self.preempted = control.should_training_stop = True
            if state.is_world_process_zero:
                logger.warning(f"SIGTERM: saved checkpoint-{state.global_step} and stopping; resume from it.")

    def on_epoch_end(self, args, state, control, **kwargs):
        # The epoch only seems to end: what is due at its end is due when it does.
        if self.preempted:
            control.should_log = control.should_evaluate = control.should_save = False

    def _note(self, signal_number, frame):
        self._signalled = True

    def _any_signalled(self) -> bool:
        if self._group is None:
            return self._signalled
        flag = torch.tensor(int(self._signalled))
        torch.distributed.all_reduce(flag, torch.distributed.ReduceOp.MAX, group=self._group)
        return bool(flag)
