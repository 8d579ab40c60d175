"""Fine-tune EmoBERT on a prepared dataset with a training loop over accelerate.

    python examples/run_emotion_recognition_no_trainer.py examples/configs/demo.yaml
    accelerate launch --config_file examples/configs/accelerate/multi_gpu.yaml \\
        examples/run_emotion_recognition_no_trainer.py examples/configs/demo.yaml

The same arguments, recipe, numbers and outputs as `emobert train`, with every step in the open: start from
here to change how training goes. Checkpoints are accelerate's; with `--resume_from_checkpoint true` the same command
starts a run and, after it was killed, goes on with it. docs/training.md names the few options that only Trainer has,
docs/resume.md what is exact after a resume, docs/distributed.md how to launch it on many GPUs.
"""

import contextlib
import math
import time
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from accelerate import (
    Accelerator,
    DataLoaderConfiguration,
    DistributedDataParallelKwargs,
    load_checkpoint_in_model,
    skip_first_batches,
)
from torch.utils.data import DataLoader
from transformers import EvalPrediction, TrainerControl, TrainerState, get_scheduler, set_seed
from transformers.trainer_callback import DefaultFlowCallback

from commands_emo import parse_command, record_training, set_up_training
from modeling_emo import (
    check_labels,
    checkpoint_to_resume,
    compute_metrics_for,
    create_optimizer,
    ignore_repeated_rows,
    isolate_workers,
    lock_output_dir,
    remove_old_checkpoints,
    seal,
    set_epoch,
    split_loss,
    training_sampler,
    weigh_labels,
    writing_checkpoint,
)


# What a resumed run takes over; how long to train, and how often to log, evaluate and save, is for it to say.
RESUMED = ("global_step", "epoch", "log_history", "best_metric", "best_global_step", "best_model_checkpoint")


class RunState(TrainerState):
    """Trainer's record of a run, in the form that accelerate stores in a checkpoint."""

    def state_dict(self):
        return {name: getattr(self, name) for name in RESUMED}

    def load_state_dict(self, stored):
        vars(self).update(stored)


def main():
    model_arguments, data_arguments, arguments, lora_arguments = parse_command("train")
    for option in ("max_padded_length", "gradual_unfreezing_epochs"):
        if getattr(arguments, option) is not None:
            raise ValueError(f"{option} is an option of run_emotion_recognition.py only: leave it out.")
    loading = ("split_batches", "dispatch_batches", "even_batches", "use_seedable_sampler", "non_blocking")
    accelerator = Accelerator(
        cpu=arguments.use_cpu,
        mixed_precision=arguments.mixed_precision,
        log_with=arguments.report_to or None,
        project_dir=arguments.output_dir,
        dataloader_config=DataLoaderConfiguration(
            data_seed=arguments.data_seed, **{name: getattr(arguments.accelerator_config, name) for name in loading}
        ),
        kwargs_handlers=[
            DistributedDataParallelKwargs(find_unused_parameters=bool(arguments.ddp_find_unused_parameters))
        ],
    )
    lock = lock_output_dir(arguments.output_dir, is_main_process=accelerator.is_main_process)  # against a second run
    set_seed(arguments.seed)

    # 1. Data, and a new model over two pretrained encoders.
    setup = set_up_training(model_arguments, data_arguments, arguments, lora_arguments)
    config = setup.model.config
    compute_metrics = compute_metrics_for(config)
    if arguments.gradient_checkpointing:
        setup.model.gradient_checkpointing_enable(arguments.gradient_checkpointing_kwargs)

    # 2. Batches, optimiser and schedule. Training starts from the seed, whatever the set-up drew.
    set_seed(arguments.seed)
    workers = arguments.dataloader_num_workers
    train_loader = DataLoader(
        setup.train_dataset,
        arguments.train_batch_size,
        sampler=training_sampler(setup.train_dataset, arguments, num_labels=config.num_labels),
        collate_fn=setup.train_collator,
        drop_last=arguments.dataloader_drop_last,
        num_workers=workers,
    )
    eval_loader = setup.eval_dataset and DataLoader(
        setup.eval_dataset, arguments.eval_batch_size, collate_fn=setup.collator, num_workers=workers
    )
    model, optimizer, train_loader, eval_loader = accelerator.prepare(
        setup.model, create_optimizer(setup.model, arguments), train_loader, eval_loader
    )
    micro_batches = arguments.gradient_accumulation_steps
    steps_per_epoch = math.ceil(len(train_loader) / micro_batches)
    planned = math.ceil(arguments.num_train_epochs * steps_per_epoch)
    max_steps = arguments.max_steps if arguments.max_steps > 0 else planned
    state = RunState(max_steps=max_steps, num_train_epochs=math.ceil(max_steps / steps_per_epoch))
    state.compute_steps(arguments, max_steps)
    # The schedule counts optimiser steps, and so is not prepared: accelerate would step it once per process.
    scheduler = get_scheduler(
        arguments.lr_scheduler_type,
        optimizer=optimizer,
        num_warmup_steps=arguments.get_warmup_steps(max_steps),
        num_training_steps=max_steps,
        scheduler_specific_kwargs=arguments.lr_scheduler_kwargs,
    )

    # 3. What a checkpoint holds besides model, optimiser and random numbers; and where this run goes on.
    accelerator.register_for_checkpointing(scheduler, state)
    accelerator.init_trackers("emobert", config={name: str(value) for name, value in arguments.to_dict().items()})
    output_dir = Path(arguments.output_dir)
    checkpoint = checkpoint_to_resume(arguments.resume_from_checkpoint, output_dir)
    if checkpoint is not None:
        if not any(checkpoint.glob("random_states_*")):
            raise ValueError(f"{checkpoint} holds a model only: to resume, train with `save_only_model: false`.")
        check_labels(checkpoint, config.id2label)
        accelerator.load_state(checkpoint)

    # 4. What the loop below does when it is time.
    def log(values):
        entry = {**values, "epoch": state.epoch, "step": state.global_step}
        state.log_history.append(entry)
        accelerator.log(values, step=state.global_step)
        accelerator.print(entry)

    def evaluate():
        """Loss and metrics over the whole split at once, each utterance once."""
        model.eval()
        isolate_workers(eval_loader, seed=0)  # evaluating must not shift the random numbers of training
        gathered = []
        for batch in eval_loader:
            labels = batch.pop("labels")
            with torch.no_grad():
                logits = model(**batch).logits
            gathered.append(accelerator.gather_for_metrics((logits.float(), labels)))
        model.train()
        logits, labels = (np.concatenate([part.cpu() for part in parts]) for parts in zip(*gathered, strict=True))
        metrics = {**compute_metrics(EvalPrediction(logits, labels)), "loss": split_loss(logits, labels, config)}
        return {f"eval_{name}": value for name, value in metrics.items()}

    best_metric = arguments.metric_for_best_model and f"eval_{arguments.metric_for_best_model.removeprefix('eval_')}"

    def is_best(metrics):
        if best_metric is None:
            return False
        if best_metric not in metrics:
            raise ValueError(f"metric_for_best_model={best_metric!r} is none of {', '.join(sorted(metrics))}.")
        sign = 1 if arguments.greater_is_better else -1
        return sign * metrics[best_metric] > (-math.inf if state.best_metric is None else sign * state.best_metric)

    def is_over():
        """The last step is made, or the metric has not got better for long."""
        best_step, patience = state.best_global_step or 0, arguments.early_stopping_patience or math.inf
        worse = sum(best_metric in entry and entry["step"] > best_step for entry in state.log_history)
        return state.global_step >= max_steps or worse >= patience

    def save():
        """accelerate's own checkpoint, sealed when it is whole: one that was killed half-way is never resumed from."""
        folder = output_dir / f"checkpoint-{state.global_step}"
        best = output_dir / f"checkpoint-{state.best_global_step}"
        if best == folder or best.is_dir():
            state.best_model_checkpoint = str(best)
        with writing_checkpoint(folder, is_main_process=accelerator.is_main_process):
            accelerator.wait_for_everyone()
            if arguments.save_only_model:
                accelerator.save_model(model, folder)
            else:
                accelerator.save_state(folder)
            accelerator.wait_for_everyone()
            if accelerator.is_main_process:
                config.to_json_file(folder / "config.json")  # the names of its labels, among others
                seal(folder)
        if accelerator.is_main_process:
            keep = [folder, state.best_model_checkpoint]
            remove_old_checkpoints(output_dir, limit=arguments.save_total_limit, keep=keep)
        accelerator.wait_for_everyone()

    # 5. Train.
    start = time.time()
    due = DefaultFlowCallback()  # Trainer's own rule of when to log, evaluate and save
    losses = []  # of the steps since the last log
    data_seed = arguments.seed if arguments.data_seed is None else arguments.data_seed
    model.train()
    while not is_over():
        epoch, steps_done = divmod(state.global_step, steps_per_epoch)
        set_epoch(train_loader, epoch, setup.train_collator)
        loader = train_loader
        if steps_done:  # a resumed epoch
            loader = skip_first_batches(train_loader, steps_done * micro_batches)
            loader.set_epoch(epoch)
        isolate_workers(loader, data_seed)
        # Rows that only fill up the last batches of an epoch lose their labels.
        batches = (ignore_repeated_rows(batch, loader, accelerator) for batch in loader)
        while step_batches := list(islice(batches, micro_batches)):
            step_loss = 0.0
            label_weight = weigh_labels(step_batches, config, accelerator)
            for batch in step_batches:
                # Processes exchange gradients once per step, after the last micro-batch.
                accelerator.sync_gradients = batch is step_batches[-1]
                with contextlib.nullcontext() if accelerator.sync_gradients else accelerator.no_sync(model):
                    # Gradients are averaged over the processes, but the loss is divided by all labels' weight.
                    loss = model(**batch, weight_in_batch=label_weight).loss * accelerator.num_processes
                    accelerator.backward(loss)
                step_loss += loss.detach()

            grad_norm = None
            if arguments.max_grad_norm > 0:
                grad_norm = accelerator.clip_grad_norm_(model.parameters(), arguments.max_grad_norm)
            optimizer.step()
            learning_rate = scheduler.get_last_lr()[0]
            if not accelerator.optimizer_step_was_skipped:
                scheduler.step()
            optimizer.zero_grad()

            steps_done += 1
            losses.append(step_loss.float())
            state.global_step += 1
            state.epoch = epoch + min(steps_done * micro_batches, len(train_loader)) / len(train_loader)
            control = due.on_step_end(arguments, state, TrainerControl())
            if steps_done == steps_per_epoch or control.should_training_stop:
                control = due.on_epoch_end(arguments, state, control)
            may_save = control.should_save or (control.should_evaluate and arguments.save_strategy == "best")
            if control.should_log or may_save:  # a checkpoint does not hold the losses since the last log
                losses = accelerator.reduce(torch.stack(losses), reduction="mean").tolist()
                values = {"loss": sum(losses) / len(losses), "learning_rate": learning_rate}
                log(values if grad_norm is None else {**values, "grad_norm": float(grad_norm)})
                losses = []
            if control.should_evaluate:
                metrics = evaluate()
                log(metrics)
                if is_best(metrics):
                    state.best_metric, state.best_global_step = metrics[best_metric], state.global_step
                    control.should_save |= arguments.save_strategy == "best"
            if control.should_save:
                save()
            if is_over():
                break

    log({"train_runtime": round(time.time() - start, 4)})

    # 6. The best model or the last one, its processor, and how the training went.
    if arguments.load_best_model_at_end and state.best_model_checkpoint is not None:
        end = state.state_dict()
        if arguments.save_only_model:
            load_checkpoint_in_model(accelerator.unwrap_model(model), state.best_model_checkpoint)
        else:
            accelerator.load_state(state.best_model_checkpoint)
        state.load_state_dict(end)
    weights = accelerator.get_state_dict(model)
    model = accelerator.unwrap_model(model)
    if accelerator.is_main_process:
        if lora_arguments.lora:
            model.save_pretrained(f"{output_dir}/adapter", state_dict=weights)
            model, weights = model.merge_and_unload(), None
        model.save_pretrained(output_dir, state_dict=weights)
        setup.processor.save_pretrained(output_dir)
        state.save_to_json(f"{output_dir}/trainer_state.json")
        record_training(setup, arguments, state, data_arguments, lora_arguments, model_arguments)
    accelerator.end_training()
    lock.release()


if __name__ == "__main__":
    main()
