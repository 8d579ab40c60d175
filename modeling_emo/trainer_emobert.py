"""Trainer for EmoBERT: encoders and new weights learn at their own rates."""

from __future__ import annotations

import torch
from transformers import EarlyStoppingCallback

from .gradual_unfreezing_emobert import GradualUnfreezingCallback
from .optimizer_emobert import parameter_groups
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
