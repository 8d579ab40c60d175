"""Training batches streamed from Parquet shards: memory flat in the corpus's size, every row once in an epoch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import torch
from datasets import load_dataset
from torch.utils.data import IterableDataset, get_worker_info


class RowStream(IterableDataset):
    """The collated batches of one process among several that share an epoch.

    Each process reads shards of its own. Gradient synchronisation needs equally many batches in each, while their rows
    may differ in number: every process makes as many batches as the one with most rows needs, as equal in size as
    they can be. So no row is lost, none is repeated to fill up, and nobody waits for a batch that does not come.
    Rows are shuffled by shard and within a buffer, differently in each epoch, the same for the same seed and epoch.

    Args:
        files (sequence of `str` or `Path`): all Parquet shards of the split, the same in every process.
        collator (callable): rows to a batch, an `EmoBertDataCollator`.
        batch_size (`int`): rows in a batch, at most.
        seed (`int`, defaults to 0): of the shuffle.
        shuffle_buffer (`int`, defaults to 1000): rows among which the next one is drawn; 0 keeps the order.
        rank, world_size (`int`): this process, and how many there are.

    Iterating yields `dict[str, torch.Tensor]`; `len()` is the number of batches, known from the shards' footers.

    Raises:
        ValueError: there are fewer shards than processes, or a process has too few rows for its batches.

    Example:
        >>> files = shard_files("outputs/iemocap_shards", "train")  # doctest: +SKIP
        >>> stream = RowStream(files, EmoBertDataCollator(processor), batch_size=8)  # doctest: +SKIP
        >>> next(iter(stream))["labels"].shape  # doctest: +SKIP
        torch.Size([8])
    """

    # Tells EmoBertTrainer that batches come ready and are this process's own.
    yields_batches_of_its_process = True

    def __init__(
        self,
        files: Sequence[str | Path],
        collator: Callable[[Sequence[Mapping[str, Any]]], dict[str, torch.Tensor]],
        *,
        batch_size: int,
        seed: int = 0,
        shuffle_buffer: int = 1000,
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        if batch_size < 1 or shuffle_buffer < 0:
            raise ValueError(f"Expected batch_size >= 1 and shuffle_buffer >= 0, got {batch_size}, {shuffle_buffer}.")
        if len(files) < world_size:
            raise ValueError(
                f"{len(files)} shards cannot be shared by {world_size} processes: write the shards with "
                f"min_shards={world_size}."
            )
        counts = [pq.read_metadata(file).num_rows for file in files]
        rows_of = [sum(counts[process::world_size]) for process in range(world_size)]
        self.num_rows = rows_of[rank]
        self.num_batches = -(-max(rows_of) // batch_size)
        if min(rows_of) < self.num_batches:
            raise ValueError(
                f"The processes have {rows_of} rows, too unequal for {self.num_batches} batches each: write shards of "
                f"equal size, a multiple of {world_size} in number."
            )
        self.files = [str(file) for file in files[rank::world_size]]
        self.collator = collator
        self.seed = seed
        self.shuffle_buffer = shuffle_buffer
        self.epoch = 0

    def __len__(self) -> int:
        return self.num_batches

    def set_epoch(self, epoch: int) -> None:
        """Which epoch's shuffle the next iteration uses."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[dict[str, torch.Tensor]]:
        worker = get_worker_info()
        if worker is not None and worker.num_workers > 1:
            raise ValueError(
                f"A stream is read by one worker per process, got {worker.num_workers}: set dataloader_num_workers to "
                "0 or 1."
            )
        rows = load_dataset("parquet", data_files=self.files, split="train", streaming=True).with_format("numpy")
        if self.shuffle_buffer:
            rows = rows.shuffle(seed=self.seed, buffer_size=self.shuffle_buffer)
            rows.set_epoch(self.epoch)
        remaining = iter(rows)
        for size in self.batch_sizes():
            yield self.collator([next(remaining) for _ in range(size)])

    def batch_sizes(self) -> list[int]:
        """Rows of each batch: they differ by one at most, and add up to this process's rows."""
        share, more = divmod(self.num_rows, self.num_batches)
        return [share + (index < more) for index in range(self.num_batches)]
