"""Fine-tune EmoBERT on a prepared dataset with Trainer.

    emobert train examples/configs/demo.yaml
    accelerate launch -m commands_emo train examples/configs/demo.yaml --num_train_epochs 3

The best checkpoint by `metric_for_best_model` on the validation split (the last one where there is none) ends in
`output_dir`, ready for `from_pretrained`, with its processor, the Trainer's state and the learning curves. One fold of
a protocol: `--protocol leave-one-speaker-out --fold speaker=03`.
With `--resume_from_checkpoint true` the same command starts a run and, after it was killed, goes on with it: see
docs/resume.md.
Where no option says how to train, the encoders are frozen and the last layer is fitted in closed form, see
docs/training.md; `--recipe given` fine-tunes with Trainer's defaults.
With `--lora` the adapter ends in `output_dir/adapter`, and the model in `output_dir` is the one with it merged.
"""

import sys

from transformers import set_seed

from modeling_emo import EmoBertTrainer, EmoBertTrainingArguments, compute_metrics_for, lock_output_dir

from .arguments import DataArguments, LoraArguments, ModelArguments
from .default_recipe import fill_in
from .training_setup import record_training, set_up_training


def refuse_other_work(arguments: EmoBertTrainingArguments, data_dir: str) -> None:
    """Flags of Transformers' own scripts that ask for something else than training.

    Raises:
        ValueError: one of them is given; the message has the command for it.
    """
    evaluate = f"emobert evaluate --model {arguments.output_dir} --data_dir {data_dir} --output_dir RESULTS"
    if arguments.do_predict:
        raise ValueError(f"do_predict is a command of its own here. Leave it out, and after training run\n{evaluate}")
    strategy = getattr(arguments.eval_strategy, "value", arguments.eval_strategy)
    if arguments.do_eval and strategy == "no" and not arguments.do_train:
        raise ValueError(
            "do_eval without do_train evaluates a trained model, which is a command of its own here. Run\n"
            f"{evaluate} --split validation"
        )


def write_results(trainer: EmoBertTrainer, train_metrics: dict[str, float]) -> None:
    """`train_results.json`, `eval_results.json` and `all_results.json`, as do_train and do_eval write them.

    The validation metrics are those of the model that is left; it is evaluated again where no evaluation was of it.
    """
    arguments, state = trainer.args, trainer.state
    trainer.save_metrics("train", train_metrics)
    if not arguments.do_eval:
        return
    step = state.best_global_step if arguments.load_best_model_at_end else state.global_step
    found = [entry for entry in state.log_history if entry.get("step") == step and "eval_loss" in entry]
    trainer.save_metrics("eval", found[-1] if found else trainer.evaluate())


def run(
    model_arguments: ModelArguments,
    data_arguments: DataArguments,
    training_arguments: EmoBertTrainingArguments,
    lora_arguments: LoraArguments,
) -> None:
    """Trains, and writes the model and how its training went."""
    refuse_other_work(training_arguments, data_arguments.data_dir)
    fill_in(model_arguments, data_arguments, training_arguments, lora_arguments)
    output_dir, is_main_process = str(training_arguments.output_dir), training_arguments.process_index == 0
    lock = lock_output_dir(output_dir, is_main_process=is_main_process)  # against a second run
    set_seed(training_arguments.seed)

    # 1. Data, and a new model over two pretrained encoders.
    setup = set_up_training(model_arguments, data_arguments, training_arguments, lora_arguments)
    if training_arguments.do_eval and setup.eval_dataset is None:
        raise ValueError("do_eval, but there are no validation rows: `emobert prepare --validation_fraction 0.1`.")

    # 2. Trainer: padding per batch, metrics over the whole split, the best checkpoint by validation.
    trainer = EmoBertTrainer(
        model=setup.model,
        args=training_arguments,
        data_collator=setup.collator,
        train_data_collator=setup.train_collator,
        train_dataset=setup.train_dataset,
        eval_dataset=setup.eval_dataset,
        processing_class=setup.processor,
        compute_metrics=compute_metrics_for(setup.model.config),
    )
    trained = trainer.train(resume_from_checkpoint=training_arguments.resume_from_checkpoint)
    if trainer.preempted:
        sys.exit(143)  # as after any SIGTERM: the checkpoint to resume from is written, and there is no result yet

    # 3. The model, its processor, and how the training went.
    if lora_arguments.lora:
        trainer.save_model(f"{output_dir}/adapter")
        trainer.model = trainer.model.merge_and_unload()  # type: ignore[union-attr,operator]  # a PeftModel
    trainer.save_model()
    trainer.save_state()
    if training_arguments.do_train:
        write_results(trainer, trained.metrics)
    if is_main_process:
        record_training(setup, training_arguments, trainer.state, data_arguments, lora_arguments, model_arguments)
    lock.release()
