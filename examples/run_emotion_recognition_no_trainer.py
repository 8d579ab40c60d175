"""Fine-tune EmoBERT on a prepared dataset with a training loop over accelerate.

    python examples/run_emotion_recognition_no_trainer.py examples/configs/demo.yaml
    accelerate launch --config_file examples/configs/accelerate/multi_gpu.yaml \\
        examples/run_emotion_recognition_no_trainer.py examples/configs/demo.yaml

The same arguments (without --lora), recipe, numbers and outputs as run_emotion_recognition.py, with every step in the
open: start from here to change how training goes. docs/distributed.md tells how to launch it on many GPUs.
"""

import contextlib

from arguments import DataArguments, ModelArguments, parse_arguments
from torch.utils.data import DataLoader
from training_setup import set_up_training
from transformers import get_scheduler, set_seed

from modeling_emo import EmoBertTrainingArguments, compute_metrics_for
from modeling_emo.plots.evaluation import plot_learning_curves
from modeling_emo.resuming.data_order import train_sampler
from modeling_emo.training.batch_weighting import count_items
from modeling_emo.training.optimizer import create_optimizer
from modeling_emo.training.record import HYPER_PARAMETERS, write_training_record
from modeling_emo.training.training_checkpoint import load_checkpoint, save_checkpoint, save_final_model
from modeling_emo.training.training_loop import create_accelerator, evaluate, optimizer_steps
from modeling_emo.training.training_progress import TrainingProgress


def main():
    model_arguments, data_arguments, arguments = parse_arguments(
        "train", ModelArguments, DataArguments, EmoBertTrainingArguments
    )
    accelerator = create_accelerator(arguments)
    set_seed(arguments.seed)

    # 1. Data, and a new model over two pretrained encoders.
    setup = set_up_training(model_arguments, data_arguments, arguments)
    compute_metrics = compute_metrics_for(setup.model.config)
    if arguments.gradient_checkpointing:
        setup.model.gradient_checkpointing_enable(arguments.gradient_checkpointing_kwargs)

    # 2. Batches, optimiser and schedule. Training starts from the seed, whatever the set-up drew.
    set_seed(arguments.seed)
    train_loader = DataLoader(
        setup.train_dataset,
        arguments.train_batch_size,
        sampler=train_sampler(setup.train_dataset, arguments),
        collate_fn=setup.train_collator,
        drop_last=arguments.dataloader_drop_last,
        num_workers=arguments.dataloader_num_workers,
    )
    eval_loader = setup.eval_dataset and DataLoader(
        setup.eval_dataset,
        arguments.eval_batch_size,
        collate_fn=setup.collator,
        num_workers=arguments.dataloader_num_workers,
    )
    model, optimizer, train_loader, eval_loader = accelerator.prepare(
        setup.model, create_optimizer(setup.model, arguments), train_loader, eval_loader
    )
    progress = TrainingProgress(arguments, batches_per_epoch=len(train_loader), accelerator=accelerator)
    # The schedule counts optimiser steps, and so is not prepared: accelerate would step it once per process.
    scheduler = get_scheduler(
        arguments.lr_scheduler_type,
        optimizer=optimizer,
        num_warmup_steps=arguments.get_warmup_steps(progress.state.max_steps),
        num_training_steps=progress.state.max_steps,
        scheduler_specific_kwargs=arguments.lr_scheduler_kwargs,
    )
    accelerator.register_for_checkpointing(scheduler)
    hyper_parameters = {name: str(getattr(arguments, name, None)) for name in HYPER_PARAMETERS}
    accelerator.init_trackers("emobert", config=hyper_parameters)
    load_checkpoint(progress, accelerator)

    # 3. Train; evaluate and save when it is time.
    def evaluate_and_save():
        if progress.control.should_evaluate:
            progress.evaluated(evaluate(model, eval_loader, compute_metrics, accelerator))
        if progress.control.should_save:
            save_checkpoint(model, setup.processor, progress, accelerator)

    model.train()
    for _ in progress.epochs():
        for batches in optimizer_steps(train_loader, progress, accelerator):
            step_loss = 0.0
            num_items = count_items(batches, accelerator)
            for batch in batches:
                # Processes exchange gradients once per step, after the last micro-batch.
                accelerator.sync_gradients = batch is batches[-1]
                with contextlib.nullcontext() if accelerator.sync_gradients else accelerator.no_sync(model):
                    # Gradients are averaged over the processes, but the loss is already divided by all items.
                    loss = model(**batch, num_items_in_batch=num_items).loss * accelerator.num_processes
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
            progress.step(step_loss, learning_rate=learning_rate, grad_norm=grad_norm)
            evaluate_and_save()
            if progress.control.should_training_stop:
                break
        progress.end_epoch(learning_rate=learning_rate)
        evaluate_and_save()

    # 4. The model, its processor, and how the training went.
    progress.finish()
    save_final_model(model, setup.processor, progress, accelerator)
    if accelerator.is_main_process:
        progress.save(arguments.output_dir)
        write_training_record(progress, data=setup.data)
        plot_learning_curves(
            progress.state.log_history,
            f"{arguments.output_dir}/learning_curves.png",
            metric=arguments.metric_for_best_model if setup.eval_dataset is not None else None,
            greater_is_better=arguments.greater_is_better is not False,
        )
    accelerator.end_training()


if __name__ == "__main__":
    main()
