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


def refuse_other_work(arguments: EmoBertTrainingArguments) -> None:
    """Flags of Transformers' own scripts that ask for more than training.

    Raises:
        ValueError: one of them is given, and would have no effect.
    """
    if arguments.do_predict:
        raise ValueError("do_predict has no effect here. Leave it out, and run `emobert evaluate` after training.")
    strategy = getattr(arguments.eval_strategy, "value", arguments.eval_strategy)
    if arguments.do_eval and strategy == "no":
        raise ValueError(
            "do_eval has no effect without eval_strategy. Give --eval_strategy epoch to validate while training, and "
            "run `emobert evaluate` for a split that is reported."
        )


def run(
    model_arguments: ModelArguments,
    data_arguments: DataArguments,
    training_arguments: EmoBertTrainingArguments,
    lora_arguments: LoraArguments,
) -> None:
    """Trains, and writes the model and how its training went."""
    refuse_other_work(training_arguments)
    fill_in(model_arguments, data_arguments, training_arguments, lora_arguments)
    output_dir, is_main_process = str(training_arguments.output_dir), training_arguments.process_index == 0
    lock = lock_output_dir(output_dir, is_main_process=is_main_process)  # against a second run
    set_seed(training_arguments.seed)

    # 1. Data, and a new model over two pretrained encoders.
    setup = set_up_training(model_arguments, data_arguments, training_arguments, lora_arguments)

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
    trainer.train(resume_from_checkpoint=training_arguments.resume_from_checkpoint)
    if trainer.preempted:
        sys.exit(143)  # as after any SIGTERM: the checkpoint to resume from is written, and there is no result yet

    # 3. The model, its processor, and how the training went.
    if lora_arguments.lora:
        trainer.save_model(f"{output_dir}/adapter")
        trainer.model = trainer.model.merge_and_unload()  # type: ignore[union-attr,operator]  # a PeftModel
    trainer.save_model()
    trainer.save_state()
    if is_main_process:
        record_training(setup, training_arguments, trainer.state, data_arguments, lora_arguments)
    lock.release()
