"""Trainer for EmoBERT: encoders and new weights learn at their own rates."""

from __future__ import annotations

import contextlib
import difflib
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import torch
from accelerate.data_loader import prepare_data_loader
from datasets import Dataset
from huggingface_hub import ModelCard
from torch import nn
from torch.utils.data import DataLoader, IterableDataset, Sampler
from transformers import EarlyStoppingCallback, PreTrainedModel
from transformers.trainer_utils import EvalLoopOutput
from transformers.utils import logging

from configuration_emo.configuration_emobert import EmoBertConfig

from ..finetuning.attention_dropout import leave_attention_dropout_out
from ..finetuning.fitted_settings import drop_fitted_settings
from ..finetuning.gradual_unfreezing import GradualUnfreezingCallback
from ..loss import has_weighted_mean, label_weight, split_loss
from ..resuming.data_order import set_epoch
from ..resuming.resumable_trainer import ResumableTrainer
from .arguments import EmoBertTrainingArguments
from .batch_sampling import training_sampler
from .batch_weighting import ignore_repeated_rows
from .optimizer import create_optimizer
from .row_views import RowViews, has_row_views
from .trained_inputs import trained_inputs


logger = logging.get_logger(__name__)

# By which Transformers marks the cards that Trainer writes.
_DRAFT_TAG = "generated_from_trainer"


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
        self._label_weight: torch.Tensor | None = None  # of the step's labels, where class weights make them differ
        self._evaluated: list[tuple[torch.Tensor, ...]] | None = None  # logits and labels of the evaluation under way
        self.train_data_collator = self.data_collator if train_data_collator is None else train_data_collator
        if not args.attention_dropout_on_cpu:
            leave_attention_dropout_out(cast(nn.Module, self.model))
        if args.early_stopping_patience is not None:
            self.add_callback(EarlyStoppingCallback(args.early_stopping_patience))
        if args.gradual_unfreezing_epochs is not None:
            self.add_callback(GradualUnfreezingCallback(args.gradual_unfreezing_epochs))

    def train(self, *args: Any, **kwargs: Any) -> Any:
        """Trainer's; the configuration says afterwards what the model was shown (`trained_inputs`), and no
        longer what was fitted to the logits before training (`temperature`, `speaker_statistics`)."""
        # A search makes its models later, and keeps none.
        if self.model is not None and isinstance(self._config, EmoBertConfig):
            modalities = getattr(self.train_data_collator, "modalities", None)
            self._config.trained_inputs = trained_inputs(self.train_dataset, modalities, self._config)
            if self.args.max_steps > 0 or self.args.num_train_epochs > 0:
                for dropped in drop_fitted_settings(self._config):
                    logger.warning(f"Training goes on: {dropped}")
        return super().train(*args, **kwargs)

    @property
    def _config(self) -> EmoBertConfig:
        return self.accelerator.unwrap_model(self.model).config

    def create_optimizer(self, model=None) -> torch.optim.Optimizer:
        """The optimiser that `args.optim` names, over [`parameter_groups`]."""
        if self.optimizer is None:
            self.optimizer = create_optimizer(cast(PreTrainedModel, self.model if model is None else model), self.args)
        return self.optimizer

    def get_train_dataloader(self) -> DataLoader:
        """Trainer's own, with `train_data_collator`; a stream of ready batches, such as `RowStream`, as it is."""
        if getattr(self.train_dataset, "yields_batches_of_its_process", False):
            return self._stream_dataloader()
        with self._training_collator():
            return super().get_train_dataloader()

    def _stream_dataloader(self) -> DataLoader:
        """The stream's batches on this process's device; they are shared out already."""
        dataset = cast(IterableDataset, self.train_dataset)
        loader: DataLoader = DataLoader(
            dataset, batch_size=None, num_workers=self.args.dataloader_num_workers, pin_memory=False
        )
        options = {"num_processes": 1, "process_index": 0, "put_on_device": True, "dispatch_batches": False}
        return prepare_data_loader(loader, self.accelerator.device, **options)

    def _get_dataloader(self, dataset, description, batch_size, sampler_fn=None, **kwargs):  # type: ignore[override]
        # A collator that removes columns, as Trainer gives to other data sets, is of no use to what is read by column.
        if self.args.remove_unused_columns or not has_row_views(dataset):
            return super()._get_dataloader(dataset, description, batch_size, sampler_fn, **kwargs)
        # Samplers look for lengths and labels in the dataset itself.
        sampler_of = None if sampler_fn is None else lambda _: sampler_fn(dataset)
        return super()._get_dataloader(RowViews(dataset), description, batch_size, sampler_of, **kwargs)

    @contextlib.contextmanager
    def _training_collator(self):
        evaluating, self.data_collator = self.data_collator, self.train_data_collator
        try:
            yield
        finally:
            self.data_collator = evaluating

    def create_model_card(self, *args, **kwargs) -> None:
        """Trainer's draft of a card; a `README.md` in `output_dir` that is no such draft stays as it is."""
        card = Path(str(self.args.output_dir)) / "README.md"
        if card.is_file() and _DRAFT_TAG not in (ModelCard.load(card, ignore_metadata_errors=True).data.tags or []):
            return
        super().create_model_card(*args, **kwargs)

    def _determine_best_metric(self, metrics, trial):
        wanted = str(self.args.metric_for_best_model).removeprefix("eval_")
        names = [name.removeprefix("eval_") for name in metrics]
        if self.args.metric_for_best_model is not None and wanted not in names:
            close = difflib.get_close_matches(wanted, names, 1)
            meant = f"did you mean {close[0]}?" if close else f"there are {', '.join(names)}."
            raise ValueError(f"metric_for_best_model={wanted!r} is no metric of this model's evaluations: {meant}")
        return super()._determine_best_metric(metrics, trial)

    def _get_train_sampler(self, train_dataset=None) -> Sampler | None:
        if self.args.max_padded_length is None and not self.args.class_balanced_sampling:
            return super()._get_train_sampler(train_dataset)
        dataset = self.train_dataset if train_dataset is None else train_dataset
        return training_sampler(cast(Dataset, dataset), self.args, num_labels=cast(int, self._config.num_labels))

    def _run_epoch(self, *args, **kwargs):
        set_epoch(kwargs["train_dataloader"], kwargs["epoch"], self.train_data_collator)
        return super()._run_epoch(*args, **kwargs)

    def _data_order(self) -> dict[str, Any]:
        options = ("length_column_name", "max_padded_length", "max_batch_rows", "class_balanced_sampling")
        return {**super()._data_order(), **{name: getattr(self.args, name) for name in options}}

    def get_batch_samples(self, epoch_iterator, num_batches, device):
        """The micro-batches of one step; rows that fill up the last batches of an epoch count nothing."""

        def without_repeats(batch):
            loader = self.accelerator.gradient_state.active_dataloader
            return ignore_repeated_rows(batch, loader, self.accelerator)

        batches, num_items = super().get_batch_samples(map(without_repeats, epoch_iterator), num_batches, device)
        self._label_weight = None
        # Of every process, or of this one where each has a mean of its own. DataParallel would cut it up: there each
        # replica has its own.
        if batches and "labels" in batches[0] and has_weighted_mean(self._config) and self.args.n_gpu <= 1:
            weights = [label_weight(batch["labels"], self._config) for batch in batches]
            self._label_weight = torch.stack(weights).sum().to(device)
            if self.args.average_tokens_across_devices:
                self._label_weight = self.accelerator.reduce(self._label_weight, reduction="sum")
        return batches, num_items

    def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
        """Trainer's, which is told what the labels of the whole step weigh; in an evaluation it keeps what the loss of
        the whole split is made of."""
        labels = inputs.get("labels")
        if self._label_weight is not None and self.compute_loss_func is None and model.training:
            inputs = {**inputs, "weight_in_batch": self._label_weight}
        loss, outputs = super().compute_loss(model, inputs, True, num_items_in_batch)
        if self._evaluated is not None and labels is not None:
            gathered = self.accelerator.gather_for_metrics((outputs["logits"].detach().float(), labels))
            self._evaluated.append(tuple(part.cpu() for part in gathered))
        return (loss, outputs) if return_outputs else loss

    def evaluation_loop(
        self,
        dataloader: DataLoader,
        description: str,
        prediction_loss_only: bool | None = None,
        ignore_keys: list[str] | None = None,
        metric_key_prefix: str = "eval",
    ) -> EvalLoopOutput:
        """Trainer's, with the loss over the whole split: not a mean of batches, ragged ones included, and whatever
        `preprocess_logits_for_metrics` makes of the logits."""
        self._evaluated = []
        try:
            output = super().evaluation_loop(
                dataloader, description, prediction_loss_only, ignore_keys, metric_key_prefix=metric_key_prefix
            )
            evaluated = self._evaluated
        finally:
            self._evaluated = None
        # A `compute_loss_func` of the user's own is averaged over the batches, as by Trainer.
        if evaluated and output.metrics is not None and self.compute_loss_func is None:
            logits, labels = (torch.cat(parts).numpy() for parts in zip(*evaluated, strict=True))
            output.metrics[f"{metric_key_prefix}_loss"] = split_loss(logits, labels, self._config)
        return output
