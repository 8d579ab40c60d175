"""Each utterance counts once per epoch and weighs the same, however batches are cut over steps and processes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from accelerate import Accelerator
from accelerate.data_loader import BatchSamplerShard, SkipBatchSampler
from torch.utils.data import DataLoader

from configuration_emo.configuration_emobert import EmoBertConfig

from ..loss import IGNORED_LABEL, label_weight


def weigh_labels(
    batches: Sequence[Mapping[str, torch.Tensor]], config: EmoBertConfig, accelerator: Accelerator
) -> torch.Tensor:
    """What the labels of all micro-batches of one optimiser step weigh, over all processes.

    Args:
        batches (`list[dict[str, torch.Tensor]]`): this process's micro-batches, with `labels`.
        config ([`EmoBertConfig`]): of the model.
        accelerator (`Accelerator`): knows the processes.

    Returns:
        `torch.Tensor` of shape `()`: the `weight_in_batch` of [`emotion_loss`]. Gradients are averaged over the
        processes: multiply the loss with their number.
    """
    weights = [label_weight(batch["labels"], config) for batch in batches]
    return accelerator.reduce(torch.stack(weights).sum().to(accelerator.device), reduction="sum")


def ignore_repeated_rows(
    batch: dict[str, torch.Tensor], loader: DataLoader, accelerator: Accelerator
) -> dict[str, torch.Tensor]:
    """Takes the labels off the rows that accelerate repeats so that each process has a whole last batch.

    Several processes have to take equally many steps. Where the data do not divide evenly, accelerate fills the last
    batches with rows from the beginning, which would count twice; without labels they have no loss and no gradient.

    Args:
        batch (`dict[str, torch.Tensor]`): the batch that `loader` gave last, with `labels`.
        loader (`DataLoader`): prepared by accelerate.
        accelerator (`Accelerator`): knows this process.

    Returns:
        The batch, with labels of -100 in the repeated rows.
    """
    if not getattr(loader, "end_of_dataloader", False) or "labels" not in batch:
        return batch
    rows = rows_of_its_own(loader, accelerator.process_index)
    if rows is None or rows >= len(batch["labels"]):
        return batch
    labels = batch["labels"].clone()
    labels[rows:] = IGNORED_LABEL
    return {**batch, "labels": labels}


def rows_of_its_own(loader: DataLoader, process_index: int) -> int | None:
    """How many rows at the start of a process's last batch are not repeated ones; None if all of them.

    Args:
        loader (`DataLoader`): prepared by accelerate.
        process_index (`int`): which process.
    """
    shard = loader.batch_sampler
    while isinstance(shard, SkipBatchSampler):  # a resumed epoch
        shard = shard.batch_sampler
    if not isinstance(shard, BatchSamplerShard) or shard.num_processes == 1 or not shard.even_batches:
        return None
    if shard.drop_last:
        return None
    if shard.batch_size is None:  # batches of several sizes, whole ones of which are repeated
        rest = len(shard.batch_sampler) % shard.num_processes
        return 0 if rest and process_index >= rest else None
    per_process = shard.batch_size // shard.num_processes if shard.split_batches else shard.batch_size
    rest = len(shard.batch_sampler.sampler) % (per_process * shard.num_processes)
    return max(rest - per_process * process_index, 0) if rest else None
