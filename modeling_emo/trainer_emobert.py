"""Trainer for EmoBERT: encoders and new weights learn at their own rates."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import torch
from torch.utils.data import DataLoader, Sampler
from transformers import EarlyStoppingCallback

from .data_order_emobert import set_epoch
from .gradual_unfreezing_emobert import GradualUnfreezingCallback
from .optimizer_emobert import parameter_groups
from .resumable_trainer_emobert import ResumableTrainer
from .sampling_emobert import training_sampler
from .training_arguments_emobert import EmoBertTrainingArguments


class EmoBertTrainer(ResumableTrainer):
    """Transformers' `Trainer` with exact resumption and the options of [`EmoBertTrainingArguments`].

    Args:
        args ([`EmoBertTrainingArguments`]): the recipe.
        train_data_collator (callable, *optional*): for training batches, such as one with augmentation;
            `data_collator` makes all others. Its `set_epoch`, if it has one, is called before each epoch.
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

    def __init__(self, *, args: EmoBertTrainingArguments, train_data_collator: Callable | None = None, **kwargs: Any):
        super().__init__(args=args, **kwargs)
        self.train_data_collator = self.data_collator if train_data_collator is None else train_data_collator
        if args.early_stopping_patience is not None:
            self.add_callback(EarlyStoppingCallback(args.early_stopping_patience))
        if args.gradual_unfreezing_epochs is not None:
            self.add_callback(GradualUnfreezingCallback(args.gradual_unfreezing_epochs))

    def create_optimizer(self, model=None) -> torch.optim.Optimizer:
        """The optimiser that `args.optim` names, over [`parameter_groups`]."""
        if self.optimizer is None:
            model = self.model if model is None else model
            optimizer_class, options = self.get_optimizer_cls_and_kwargs(self.args, model)
            groups = parameter_groups(
                model,
                learning_rate=self.args.learning_rate,
                text_encoder_learning_rate=self.args.text_encoder_learning_rate,
                speech_encoder_learning_rate=self.args.speech_encoder_learning_rate,
                new_weights_learning_rate=self.args.new_weights_learning_rate,
                layerwise_lr_decay=self.args.layerwise_lr_decay,
                weight_decay=self.args.weight_decay,
            )
            self.optimizer = optimizer_class(groups, **options)
        return self.optimizer

    def get_train_dataloader(self) -> DataLoader:
        """Trainer's own, with `train_data_collator`."""
        with self._training_collator():
            return super().get_train_dataloader()

    @contextlib.contextmanager
    def _training_collator(self):
        evaluating, self.data_collator = self.data_collator, self.train_data_collator
        try:
            yield
        finally:
            self.data_collator = evaluating

    def _get_train_sampler(self, train_dataset=None) -> Sampler | None:
        sampler = training_sampler(
            self.train_dataset if train_dataset is None else train_dataset,
            self.args,
            num_labels=self.accelerator.unwrap_model(self.model).config.num_labels,
        )
        return super()._get_train_sampler(train_dataset) if sampler is None else sampler

    def _run_epoch(self, *args, **kwargs):
        set_epoch(kwargs["train_dataloader"], kwargs["epoch"], self.train_data_collator)
        return super()._run_epoch(*args, **kwargs)

    def _data_order(self) -> dict[str, Any]:
        options = ("length_column_name", "max_padded_length", "max_batch_rows", "class_balanced_sampling")
        return {**super()._data_order(), **{name: getattr(self.args, name) for name in options}}
