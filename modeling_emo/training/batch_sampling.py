"""Which rows come together in a training batch: similar lengths within a budget, or classes equally often."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from datasets import Dataset
from torch.utils.data import RandomSampler, Sampler, SequentialSampler, WeightedRandomSampler
from transformers.trainer_pt_utils import BatchRebalanceSampler

from ..finetuning.class_weights import class_indices
from ..resuming.data_order import EpochLengthGroupedSampler
from .arguments import EmoBertTrainingArguments


class TokenBudgetBatchSampler(BatchRebalanceSampler):
    """Batches whose padded size, rows times the longest row, stays within a budget (fairseq's `--max-tokens`).

    Rows are sorted by length and cut into windows of similar length; each epoch deals the rows of a window out anew,
    and the order of the batches is new too. How many batches there are follows from the lengths alone: it is the same
    in each epoch, which exact resume needs, and on each rank. To have a multiple of the ranks, some batches are cut in
    two; no row is repeated and none is left out. Batches that the ranks run at the same time are of similar length.

    A subclass of Transformers' `BatchRebalanceSampler`, because `Trainer` leaves such a sampler, which knows its rank,
    as it is.

    Args:
        lengths (sequence of `int`, of length `rows`): length of each row, such as `speech_length`, in samples, frames
            or token ids. Rows of length 0 count as 1.
        max_padded_length (`int`): the budget of a batch, in the same unit.
        max_rows (`int`, *optional*): of a batch, however short its rows are.
        num_replicas (`int`): processes that train together.
        rank (`int`): this process's number.
        seed (`int`): of the order.
        max_padding (`float`): how much shorter than the longest row of its window a row may be, as a share; more give
            more random batches and more padding. Whole batches are filled all the same.

    Raises:
        ValueError: a row is longer than the budget (it is named), or there are fewer rows than processes.

    Example:

    ```python
    >>> from modeling_emo import TokenBudgetBatchSampler

    >>> sampler = TokenBudgetBatchSampler([7, 2, 2, 3, 8, 1], max_padded_length=10)
    >>> sorted(len(batch) for batch in sampler)
    [1, 1, 1, 3]

    ```
    """

    def __init__(
        self,
        lengths: Sequence[int],
        max_padded_length: int,
        *,
        max_rows: int | None = None,
        num_replicas: int = 1,
        rank: int = 0,
        seed: int = 0,
        max_padding: float = 0.2,
    ):
        self.lengths = [max(int(length), 1) for length in lengths]
        self.max_padded_length, self.max_rows = max_padded_length, max_rows
        self.num_replicas, self.rank, self.seed, self.epoch = num_replicas, rank, seed, 0
        self._check()
        # Longest first: the first batch shows at once whether the budget fits the memory.
        self._sorted = np.argsort(-np.asarray(self.lengths), kind="stable")
        self._windows = self._cut_windows(max_padding)

    def __len__(self) -> int:
        """Batches of this rank."""
        return sum(len(sizes) for _, sizes in self._windows) // self.num_replicas

    def set_epoch(self, epoch: int) -> None:
        """Deals the rows out as this epoch does."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[list[int]]:
        generator = np.random.default_rng([self.seed, self.epoch])
        batches: list[np.ndarray] = []
        start = 0
        for rows, sizes in self._windows:
            dealt = generator.permutation(self._sorted[start : start + rows])
            batches += np.split(dealt, np.cumsum(generator.permutation(sizes))[:-1])
            start += rows
        # One group of neighbours per step, a batch of it for each rank.
        steps = generator.permutation(len(batches) // self.num_replicas)
        for step in steps:
            yield batches[step * self.num_replicas + self.rank].tolist()

    def _check(self) -> None:
        if self.max_padded_length < 1 or (self.max_rows is not None and self.max_rows < 1):
            raise ValueError(
                f"The budget must be at least 1, got max_padded_length={self.max_padded_length}, "
                f"max_rows={self.max_rows}."
            )
        if len(self.lengths) < self.num_replicas:
            raise ValueError(f"{len(self.lengths)} rows are too few for {self.num_replicas} processes.")
        longest = max(self.lengths)
        if longest > self.max_padded_length:
            raise ValueError(
                f"Row {self.lengths.index(longest)} has length {longest}, more than max_padded_length="
                f"{self.max_padded_length}: raise it, or cut long rows when the dataset is prepared."
            )

    def _cut_windows(self, max_padding: float) -> list[tuple[int, list[int]]]:
        """Rows of each window of the sorted rows, and the sizes of the batches that it is dealt into."""
        windows: list[tuple[int, list[int]]] = []
        start = 0
        descending = np.asarray(self.lengths)[self._sorted]
        while start < len(descending):
            longest = int(descending[start])
            limit = self.max_padded_length // longest
            limit = limit if self.max_rows is None else min(limit, self.max_rows)
            similar = int((descending[start:] >= (1 - max_padding) * longest).sum())
            count = -(-similar // limit)
            rows = min(count * limit, len(descending) - start)
            # As even as can be, so that no batch is small by accident.
            windows.append((rows, [rows // count + (index < rows % count) for index in range(count)]))
            start += rows
        for _ in range(-sum(len(sizes) for _, sizes in windows) % self.num_replicas):
            sizes = max((sizes for _, sizes in windows), key=max)
            largest = sizes.pop(sizes.index(max(sizes)))
            sizes += [largest - largest // 2, largest // 2]
        return windows


class ClassBalancedSampler(WeightedRandomSampler):
    """Draws rows with replacement, each class equally often in the mean; an epoch has as many draws as rows.

    Args:
        labels (sequence of `int`, of length `rows`): class index of each row.
        num_labels (`int`): number of classes.
        seed (`int`): of the draws. Those of an epoch follow from seed and epoch alone, also after a resume.

    Raises:
        ValueError: a label is no class index.

    Example:

    ```python
    >>> from modeling_emo import ClassBalancedSampler

    >>> sampler = ClassBalancedSampler([0, 0, 0, 1], num_labels=2)
    >>> len(list(sampler))
    4

    ```
    """

    def __init__(self, labels: Sequence[int], num_labels: int, *, seed: int = 0):
        classes = class_indices(labels, num_labels)
        weights = 1 / np.bincount(classes, minlength=num_labels)[classes]
        super().__init__(weights.tolist(), len(weights), replacement=True, generator=torch.Generator())
        self.seed, self.epoch = seed, 0

    def set_epoch(self, epoch: int) -> None:
        """Draws as this epoch does."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[int]:
        seeds = np.random.SeedSequence([self.seed, self.epoch]).generate_state(1, np.uint64)
        self.generator.manual_seed(int(seeds[0] >> 1))
        return super().__iter__()


def training_sampler(
    dataset: Dataset, arguments: EmoBertTrainingArguments, *, num_labels: int
) -> TokenBudgetBatchSampler | Sampler[int]:
    """The sampler that the arguments ask for, the same for [`EmoBertTrainer`] and for a loop of one's own.

    Args:
        dataset (`Dataset`): training rows, with the columns that the sampler reads.
        arguments ([`EmoBertTrainingArguments`]): `max_padded_length`, `class_balanced_sampling` or
            `train_sampling_strategy`; they know the batch size, the processes and the seed too.
        num_labels (`int`): number of classes.

    Returns:
        The sampler, for a `DataLoader`'s `batch_sampler` with `max_padded_length`, else for its `sampler`.

    Raises:
        ValueError: the strategy is not `random`, `sequential` or `group_by_length`, a column is missing, or see the
            samplers.
    """
    seed = arguments.seed if arguments.data_seed is None else arguments.data_seed
    length_column = str(arguments.length_column_name)
    if arguments.max_padded_length is not None:
        return TokenBudgetBatchSampler(
            _column(dataset, length_column, "max_padded_length"),
            arguments.max_padded_length,
            max_rows=arguments.max_batch_rows,
            num_replicas=arguments.world_size,
            rank=arguments.process_index,
            seed=seed,
        )
    if arguments.class_balanced_sampling:
        return ClassBalancedSampler(_column(dataset, "labels", "class_balanced_sampling"), num_labels, seed=seed)
    strategy = arguments.train_sampling_strategy
    if strategy == "random":
        return RandomSampler(dataset)
    if strategy == "sequential":
        return SequentialSampler(dataset)
    if strategy == "group_by_length":
        return EpochLengthGroupedSampler(
            arguments.train_batch_size * arguments.gradient_accumulation_steps * arguments.world_size,
            _column(dataset, length_column, "train_sampling_strategy=group_by_length"),
            seed,
        )
    raise ValueError(f"train_sampling_strategy={strategy!r} is known to Trainer only.")


def _column(dataset: Dataset, name: str, option: str) -> list:
    columns = getattr(dataset, "column_names", None) or []
    if name not in columns:
        raise ValueError(
            f"`{option}` reads the column {name!r} of the training dataset, which has {', '.join(columns) or 'none'}: "
            f"set `length_column_name`, or leave `{option}` out."
        )
    return list(dataset[name])
