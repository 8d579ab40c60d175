"""What a training loop of one's own over accelerate needs besides torch: Trainer's recipe without Trainer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice

import numpy as np
import torch
from accelerate import Accelerator, DataLoaderConfiguration, DistributedDataParallelKwargs, skip_first_batches
from accelerate.data_loader import DataLoaderShard
from torch import nn
from torch.utils.data import DataLoader
from transformers import EvalPrediction
from transformers.trainer_pt_utils import AcceleratorConfig

from ..loss import split_loss
from ..resuming.data_order import isolate_workers, set_epoch
from .arguments import EmoBertTrainingArguments
from .batch_weighting import ignore_repeated_rows
from .training_progress import TrainingProgress


def create_accelerator(arguments: EmoBertTrainingArguments) -> Accelerator:
    """The accelerator that Trainer makes of the same arguments, with the trackers of `report_to`.

    Args:
        arguments ([`EmoBertTrainingArguments`]): device, precision, data order and trackers.
    """
    options = arguments.accelerator_config
    assert isinstance(options, AcceleratorConfig)  # made so by TrainingArguments
    return Accelerator(
        cpu=arguments.use_cpu,
        mixed_precision=arguments.mixed_precision,
        log_with=arguments.report_to or None,
        project_dir=arguments.output_dir,
        dataloader_config=DataLoaderConfiguration(
            split_batches=options.split_batches,
            dispatch_batches=options.dispatch_batches,
            even_batches=options.even_batches,
            use_seedable_sampler=options.use_seedable_sampler,
            data_seed=arguments.data_seed,
            non_blocking=options.non_blocking,
        ),
        kwargs_handlers=[
            DistributedDataParallelKwargs(find_unused_parameters=bool(arguments.ddp_find_unused_parameters))
        ],
    )


def optimizer_steps(
    loader: DataLoaderShard, progress: TrainingProgress, accelerator: Accelerator
) -> Iterator[list[dict[str, torch.Tensor]]]:
    """The micro-batches of each optimiser step that is left of this epoch.

    Args:
        loader (`DataLoader`): of the training data, prepared by accelerate.
        progress ([`TrainingProgress`]): knows the epoch, and the steps of it that a resumed run has behind it.
        accelerator (`Accelerator`): knows the processes.

    Yields:
        `list[dict[str, torch.Tensor]]`: `gradient_accumulation_steps` batches, in the last step of an epoch fewer.
        Rows that only fill up the last batches have no label.
    """
    set_epoch(loader, progress.epoch, loader.collate_fn)
    done = progress.steps_done_in_epoch
    if done:
        loader = skip_first_batches(loader, done * progress.args.gradient_accumulation_steps)
        loader.set_epoch(progress.epoch)
    seed = progress.args.seed if progress.args.data_seed is None else progress.args.data_seed
    isolate_workers(loader, seed)
    batches = (ignore_repeated_rows(batch, loader, accelerator) for batch in loader)
    while step := list(islice(batches, progress.args.gradient_accumulation_steps)):
        yield step


def evaluate(
    model: nn.Module,
    loader: DataLoader,
    compute_metrics: Callable[[EvalPrediction], dict[str, float]],
    accelerator: Accelerator,
) -> dict[str, float]:
    """Loss and metrics over the whole split at once, each utterance once, whatever the batches and processes.

    Args:
        model (`nn.Module`): prepared by accelerate; it is in training mode again afterwards.
        loader (`DataLoader`): of the split, prepared by accelerate.
        compute_metrics (`Callable`): of [`compute_metrics_for`].
        accelerator (`Accelerator`): gathers what the processes computed.

    Returns:
        `dict[str, float]`: names begin with `eval_`, as Trainer's do.
    """
    model.eval()
    isolate_workers(loader, seed=0)  # evaluating must not shift the random numbers of training
    gathered = []
    for batch in loader:
        labels = batch.pop("labels")
        with torch.no_grad():
            logits = model(**batch).logits
        gathered.append(accelerator.gather_for_metrics((logits.float(), labels)))
    model.train()
    logits, labels = (np.concatenate([part.cpu().numpy() for part in parts]) for parts in zip(*gathered, strict=True))
    metrics = compute_metrics(EvalPrediction(logits, labels))
    metrics["loss"] = split_loss(logits, labels, accelerator.unwrap_model(model).config)
    return {f"eval_{name}": value for name, value in metrics.items()}
