"""Trainer for EmoBERT: encoders and new weights learn at their own rates."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch.utils.data import DataLoader
from transformers import EarlyStoppingCallback, PreTrainedModel
from transformers.trainer_utils import EvalLoopOutput

from .batch_weighting_emobert import ignore_repeated_rows
from .loss_emobert import split_loss
from .optimizer_emobert import create_optimizer
from .resumable_trainer_emobert import ResumableTrainer
from .training_arguments_emobert import EmoBertTrainingArguments


class EmoBertTrainer(ResumableTrainer):
    """Transformers' `Trainer` with exact resumption and the options of [`EmoBertTrainingArguments`].

    Args:
        args ([`EmoBertTrainingArguments`]): the recipe.
        kwargs: as for `Trainer`: `model`, `data_collator`, `train_dataset`, `eval_dataset`, `processing_class`,
            `compute_metrics`, `callbacks`, ...

    Example:

    ```python
    >>> trainer = EmoBertTrainer(  # doctest: +SKIP
    ...     model=model, args=args, data_collator=collator, train_dataset=train, eval_dataset=validation
    ... )
    >>> trainer.train()  # doctest: +SKIP
    ```
    """

    args: EmoBertTrainingArguments

    def __init__(self, *, args: EmoBertTrainingArguments, **kwargs):
        super().__init__(args=args, **kwargs)
        if args.early_stopping_patience is not None:
            self.add_callback(EarlyStoppingCallback(args.early_stopping_patience))

    def create_optimizer(self, model=None) -> torch.optim.Optimizer:
        """The optimiser that `args.optim` names, over [`parameter_groups`]."""
        if self.optimizer is None:
            self.optimizer = create_optimizer(cast(PreTrainedModel, self.model if model is None else model), self.args)
        return self.optimizer

    def get_batch_samples(self, epoch_iterator, num_batches, device):
        """The micro-batches of one step; rows that fill up the last batches of an epoch count nothing."""

        def without_repeats(batch):
            loader = self.accelerator.gradient_state.active_dataloader
            return ignore_repeated_rows(batch, loader, self.accelerator)

        return super().get_batch_samples(map(without_repeats, epoch_iterator), num_batches, device)

    def evaluation_loop(
        self,
        dataloader: DataLoader,
        description: str,
        prediction_loss_only: bool | None = None,
        ignore_keys: list[str] | None = None,
        metric_key_prefix: str = "eval",
    ) -> EvalLoopOutput:
        """Trainer's, with the loss over the whole split: its own averages over batches, ragged ones included."""
        output = super().evaluation_loop(
            dataloader, description, prediction_loss_only, ignore_keys, metric_key_prefix=metric_key_prefix
        )
        name = f"{metric_key_prefix}_loss"
        if output.metrics is not None and name in output.metrics and output.predictions is not None:
            config = self.accelerator.unwrap_model(self.model).config
            output.metrics[name] = split_loss(cast(Any, output.predictions), cast(Any, output.label_ids), config)
        return output
