"""Fine-tune EmoBERT on a prepared dataset with Trainer.

    python examples/run_emotion_recognition.py examples/configs/demo.yaml
    accelerate launch examples/run_emotion_recognition.py examples/configs/demo.yaml --num_train_epochs 3

The best checkpoint by `metric_for_best_model` on the validation split ends in `output_dir`, ready for
`from_pretrained`, with its processor, the Trainer's state and the learning curves.
"""

import torch
from arguments import DataArguments, EmotionTrainingArguments, ModelArguments, parse_arguments
from transformers import EarlyStoppingCallback, Trainer, set_seed

from modeling_emo import EmoBertForSequenceClassification, compute_metrics_for
from modeling_emo.optimizer_emobert import parameter_groups
from modeling_emo.plots_emobert import plot_learning_curves
from modeling_emo.training_record_emobert import write_training_record
from preprocess import EmoBertDataCollator, EmoBertProcessor, load_prepared


def main():
    model_arguments, data_arguments, training_arguments = parse_arguments(
        "train", ModelArguments, DataArguments, EmotionTrainingArguments
    )
    set_seed(training_arguments.seed)

    # 1. The prepared dataset knows its labels and its processor.
    prepared = load_prepared(data_arguments.data_dir)
    processor = EmoBertProcessor.from_pretrained(prepared.processor_dir)
    train_dataset = prepared.datasets["train"]
    if data_arguments.max_train_samples is not None:
        train_dataset = train_dataset.select(range(min(data_arguments.max_train_samples, len(train_dataset))))

    # 2. A new model over two pretrained encoders.
    model = EmoBertForSequenceClassification.from_text_speech_pretrained(
        model_arguments.text_model,
        model_arguments.speech_model,
        **prepared.label_encoder.config_kwargs(),
        **model_arguments.config_kwargs(),
    )
    if training_arguments.freeze_text_encoder:
        model.freeze_text_encoder()
    if training_arguments.freeze_speech_encoder:
        model.freeze_speech_encoder()

    # 3. Trainer: padding per batch, metrics over the whole split, the best checkpoint by validation.
    groups = parameter_groups(
        model,
        learning_rate=training_arguments.learning_rate,
        new_weights_learning_rate=training_arguments.new_weights_learning_rate,
        weight_decay=training_arguments.weight_decay,
    )
    optimizer = torch.optim.AdamW(
        groups,
        betas=(training_arguments.adam_beta1, training_arguments.adam_beta2),
        eps=training_arguments.adam_epsilon,
        fused=True,
    )
    callbacks = []
    if training_arguments.early_stopping_patience is not None:
        callbacks.append(EarlyStoppingCallback(training_arguments.early_stopping_patience))
    # The collator reads the columns by their names; Trainer must leave all of them in place.
    training_arguments.remove_unused_columns = False
    trainer = Trainer(
        model=model,
        args=training_arguments,
        data_collator=EmoBertDataCollator(
            processor, modalities=data_arguments.modalities, problem_type=model.config.problem_type
        ),
        train_dataset=train_dataset,
        eval_dataset=prepared.datasets["validation"],
        processing_class=processor,
        compute_metrics=compute_metrics_for(model.config),
        optimizers=(optimizer, None),
        callbacks=callbacks,
    )
    trainer.train(resume_from_checkpoint=training_arguments.resume_from_checkpoint)

    # 4. The model, its processor, and how the training went.
    trainer.save_model()
    trainer.save_state()
    if trainer.is_world_process_zero():
        write_training_record(trainer)
        plot_learning_curves(
            trainer.state.log_history,
            f"{training_arguments.output_dir}/learning_curves.png",
            metric=training_arguments.metric_for_best_model,
            greater_is_better=training_arguments.greater_is_better is not False,
        )


if __name__ == "__main__":
    main()
