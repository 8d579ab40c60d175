"""Data order from seed and epoch alone, so that a resumed run finds its place again."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch
from torch.utils.data import DataLoader
from transformers.trainer_pt_utils import LengthGroupedSampler


class SeededLengthGroupedSampler(LengthGroupedSampler):
    """Transformers' `LengthGroupedSampler` with the same order every time it is iterated over.

    Transformers' own draws from the global generator, whose state in the middle of an epoch says nothing about the
    order at its beginning, and differs between processes as soon as their batches do: they would then share out
    different orders, and samples would be lost and doubled. For evaluation it has a generator, which goes on from one
    evaluation to the next: sums in another order differ in their last bits.

    Args:
        batch_size (`int`): samples of similar length that stay together.
        lengths (`list[int]`): of all samples.
        seed (`int`): of the order.
    """

    def __init__(self, batch_size: int, lengths: list[int], seed: int):
        super().__init__(batch_size, lengths=lengths)
        self.seed = seed

    def __iter__(self) -> Iterator[int]:
        self.generator = torch.Generator().manual_seed(self.seed)
        return super().__iter__()


class EpochLengthGroupedSampler(SeededLengthGroupedSampler):
    """The same with another order in each epoch: epoch n has that of `seed + n`."""

    def __init__(self, batch_size: int, lengths: list[int], seed: int):
        super().__init__(batch_size, lengths, seed)
        self._first_seed = seed

    def set_epoch(self, epoch: int) -> None:
        """Sets the epoch of the following iterations."""
        self.seed = self._first_seed + epoch


def set_epoch(dataloader: DataLoader, epoch: int, *others: Any) -> None:
    """Tells the epoch to all parts of a data loader that have a `set_epoch`, before they are iterated over.

    accelerate's own `set_epoch` stops at its wrappers when they are nested, as they are when several processes resume
    in the middle of an epoch.

    Args:
        dataloader (`DataLoader`): as `Accelerator.prepare` returned it.
        epoch (`int`): counts from 0.
        others: further objects, such as a collator.
    """
    parts: list[Any] = [dataloader, dataloader.dataset, *others]
    sampler = getattr(dataloader, "batch_sampler", None) or getattr(dataloader, "sampler", None)
    while sampler is not None and not any(sampler is part for part in parts):
        parts.append(sampler)
        sampler = getattr(sampler, "batch_sampler", None) or getattr(sampler, "sampler", None)
    for part in parts:
        if callable(getattr(part, "set_epoch", None)):
            part.set_epoch(epoch)


def isolate_workers(dataloader: DataLoader, seed: int) -> None:
    """Keeps what happens around data workers from reaching the run itself.

    - A new iterator draws its workers' seed from a generator of its own. From the global one it would shift all
      later dropout, and persistent workers draw once per process, so more often in a run that was resumed.
    - Workers obey SIGTERM only if the process that started them sends it. Schedulers send it to all processes of a
      job, and a worker that died from it would end the run before it could save.

    Args:
        dataloader (`DataLoader`): as `Accelerator.prepare` returned it; changed in place.
        seed (`int`): of the generator.
    """
    loader = getattr(dataloader, "base_dataloader", dataloader)
    loader.generator = torch.Generator().manual_seed(seed)
    then = loader.worker_init_fn
    if loader.num_workers and not (isinstance(then, partial) and then.func is _init_worker):  # once is enough
        loader.worker_init_fn = partial(_init_worker, then)


def _init_worker(then: Callable[[int], None] | None, worker_id: int) -> None:
    if hasattr(signal, "sigwaitinfo"):  # not on macOS
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        threading.Thread(target=_obey_parent, daemon=True).start()
    if then is not None:
        then(worker_id)


def _obey_parent() -> None:
    while signal.sigwaitinfo({signal.SIGTERM}).si_pid != os.getppid():
        pass
    os._exit(0)
