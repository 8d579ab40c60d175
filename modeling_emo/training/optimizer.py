"""The optimiser of a training run, over weights that learn at their own rates."""

from __future__ import annotations

import torch
from transformers import PreTrainedModel, Trainer

from ..finetuning.parameter_groups import parameter_groups
from .arguments import EmoBertTrainingArguments


def create_optimizer(model: PreTrainedModel, arguments: EmoBertTrainingArguments) -> torch.optim.Optimizer:
    """The optimiser that `arguments.optim` names, over [`parameter_groups`].

    Args:
        model (`PreTrainedModel`): an EmoBERT model.
        arguments ([`EmoBertTrainingArguments`]): optimiser, learning rates and weight decay.
    """
    optimizer_class, options = Trainer.get_optimizer_cls_and_kwargs(arguments, model)
    groups = parameter_groups(
        model,
        learning_rate=arguments.learning_rate,
        text_encoder_learning_rate=arguments.text_encoder_learning_rate,
        speech_encoder_learning_rate=arguments.speech_encoder_learning_rate,
        new_weights_learning_rate=arguments.new_weights_learning_rate,
        layerwise_lr_decay=arguments.layerwise_lr_decay,
        weight_decay=arguments.weight_decay,
    )
    return optimizer_class(groups, **options)
