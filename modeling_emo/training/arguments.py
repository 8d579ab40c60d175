"""Trainer's arguments, and what fine-tuning two encoders and their fusion needs besides."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

import torch
from transformers import TrainingArguments

from configuration_emo.option_kinds import check_number, check_whole


@dataclass
class EmoBertTrainingArguments(TrainingArguments):
    """`TrainingArguments` with the options of [`EmoBertTrainer`]; the accelerate example reads the same ones.

    Without a GPU `use_cpu` is set. `ddp_find_unused_parameters` defaults to True: a batch without text, or without
    speech, leaves that encoder's weights without a gradient.

    Args:
        text_encoder_learning_rate, speech_encoder_learning_rate, new_weights_learning_rate (`float`, *optional*): of
            that encoder, and of fusion and head; `learning_rate` if left out.
        layerwise_lr_decay (`float`): see [`parameter_groups`].
        gradual_unfreezing_epochs (`int`, *optional*): starts with frozen encoders and releases one more of their
            layers every so many epochs, see [`GradualUnfreezingCallback`].
        max_padded_length (`int`, *optional*): batches are filled up to this padded size in place of
            `per_device_train_batch_size` rows, by the lengths in `length_column_name`; see
            [`TokenBudgetBatchSampler`].
        max_batch_rows (`int`, *optional*): rows of such a batch at most.
        class_balanced_sampling (`bool`): draw each class equally often, see [`ClassBalancedSampler`].
        early_stopping_patience (`int`, *optional*): evaluations without a better `metric_for_best_model` after which
            training stops.
        freeze_text_encoder, freeze_speech_encoder (`bool`): do not train that encoder; it stays in evaluation mode.
        attention_dropout_on_cpu (`bool`, defaults to True): False leaves dropout of attention weights out on CPUs,
            where it costs much, see [`leave_attention_dropout_out`].

    Raises:
        ValueError: a number is out of its range, two ways of sampling are chosen, `enable_jit_checkpoint` or
            `label_smoothing_factor` is set, or another number of processes works together than was launched.
    """

    text_encoder_learning_rate: float | None = field(
        default=None, metadata={"help": "Learning rate of the text encoder; learning_rate if left out."}
    )
    speech_encoder_learning_rate: float | None = field(
        default=None, metadata={"help": "Learning rate of the speech encoder; learning_rate if left out."}
    )
    new_weights_learning_rate: float | None = field(
        default=None, metadata={"help": "Learning rate of fusion and head; learning_rate if left out."}
    )
    layerwise_lr_decay: float = field(
        default=1.0, metadata={"help": "Each layer of an encoder learns at this share of the rate of the one above."}
    )
    gradual_unfreezing_epochs: int | None = field(
        default=None,
        metadata={"help": "Start with frozen encoders, release a layer from the top each so many epochs."},
    )
    max_padded_length: int | None = field(
        default=None, metadata={"help": "Fill batches to so many padded samples or ids, by length_column_name."}
    )
    max_batch_rows: int | None = field(default=None, metadata={"help": "Rows of a batch of max_padded_length."})
    class_balanced_sampling: bool = field(default=False, metadata={"help": "Draw each class equally often."})
    early_stopping_patience: int | None = field(
        default=None, metadata={"help": "Stop after so many evaluations without a better metric_for_best_model."}
    )
    freeze_text_encoder: bool = field(default=False, metadata={"help": "Do not train the text encoder."})
    freeze_speech_encoder: bool = field(default=False, metadata={"help": "Do not train the speech encoder."})
    attention_dropout_on_cpu: bool = field(
        default=True, metadata={"help": "False: no dropout of attention weights on CPUs, where it is slow."}
    )

    def __post_init__(self):
        self.use_cpu = self.use_cpu or not torch.accelerator.is_available()
        super().__post_init__()
        check_world_size(self.world_size)
        # The collator reads the columns of the prepared dataset by their names: all of them stay in place.
        self.remove_unused_columns = False
        if self.ddp_find_unused_parameters is None:
            self.ddp_find_unused_parameters = True
        if self.enable_jit_checkpoint:
            raise ValueError(
                "enable_jit_checkpoint=True saves checkpoints that cannot be resumed from exactly. Leave it out: "
                "EmoBertTrainer saves on SIGTERM by itself."
            )
        if self.label_smoothing_factor != 0:
            raise ValueError(
                f"label_smoothing_factor={self.label_smoothing_factor:g} is a loss of Trainer's own, without "
                "class weights. Leave it out, and set `label_smoothing` in the model's configuration."
            )
        self._check_rates()
        self._check_sampling()
        self._check_lengths()

    def _check_lengths(self):
        """Numbers of rows, steps and epochs are some, and there is something by which training may stop early."""
        for name in ("per_device_train_batch_size", "per_device_eval_batch_size", "gradient_accumulation_steps"):
            check_whole(name, getattr(self, name))
        for name in ("max_padded_length", "max_batch_rows", "early_stopping_patience"):
            if getattr(self, name) is not None:
                check_whole(name, getattr(self, name))
        check_number("num_train_epochs", self.num_train_epochs)
        strategy = str(getattr(self.eval_strategy, "value", self.eval_strategy))
        if self.early_stopping_patience is not None and (self.metric_for_best_model is None or strategy == "no"):
            raise ValueError(
                f"early_stopping_patience={self.early_stopping_patience} waits for a better metric_for_best_model, "
                "and nothing is evaluated by one: set it, and eval_strategy to 'epoch' or 'steps'."
            )

    def _check_sampling(self):
        """At most one option says which rows come together."""
        strategy = str(self.train_sampling_strategy)
        options = {
            "max_padded_length": self.max_padded_length is not None,
            "class_balanced_sampling": self.class_balanced_sampling,
            f"train_sampling_strategy={strategy!r}": strategy != "random",
        }
        chosen = [name for name, is_set in options.items() if is_set]
        if len(chosen) > 1:
            raise ValueError(f"{' and '.join(chosen)} exclude each other: set only one of them.")

    def _check_rates(self):
        """Learning rates and their decay are in their ranges."""
        for name in ("text_encoder_learning_rate", "speech_encoder_learning_rate", "new_weights_learning_rate"):
            if getattr(self, name) is not None and getattr(self, name) < 0:
                raise ValueError(f"`{name}` must not be negative, got {getattr(self, name)}.")
        if not 0 < self.layerwise_lr_decay <= 1:
            raise ValueError(f"`layerwise_lr_decay` must be above 0 and at most 1, got {self.layerwise_lr_decay}.")


def check_world_size(num_processes: int) -> None:
    """Compares the processes that work together with what the launcher was asked for.

    `accelerate launch --cpu --num_processes 2` starts one process, without a word. Processes that were started without
    a common backend would each train the whole model on all data.

    Args:
        num_processes (`int`): those that work together.

    Raises:
        ValueError: their number is not the launcher's.

    Example:

    ```python
    >>> check_world_size(1)

    ```
    """
    launched = os.environ.get("WORLD_SIZE")
    if launched is not None and int(launched) != num_processes:
        raise ValueError(
            f"{launched} processes were launched, but {num_processes} work together. On CPUs add `--use_cpu true`, or "
            "set ACCELERATE_USE_CPU=true."
        )
    # accelerate's launcher names a main process only where there are several, and never starts the others on CPUs.
    by_accelerate = "ACCELERATE_MIXED_PRECISION" in os.environ and "MASTER_ADDR" in os.environ
    if launched is None and num_processes == 1 and by_accelerate:
        raise ValueError(
            "`accelerate launch` was asked for several processes and started one, as it does on CPUs. Use "
            "`accelerate launch --config_file examples/configs/accelerate/cpu.yaml`, or `torchrun --nproc_per_node N`."
        )
