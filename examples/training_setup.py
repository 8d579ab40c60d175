"""What both training scripts start from: prepared data, a model over two pretrained encoders, and collators."""

from dataclasses import dataclass

from arguments import DataArguments, ModelArguments
from datasets import Dataset
from torch.utils.data import DataLoader

from modeling_emo import EmoBertForSequenceClassification, fit_speech_standardization
from modeling_emo.training_arguments_emobert import EmoBertTrainingArguments
from preprocess import EmoBertDataCollator, EmoBertProcessor, load_prepared


@dataclass
class TrainingSetup:
    """Model, processor, data and collator of a training run."""

    model: EmoBertForSequenceClassification
    processor: EmoBertProcessor
    train_dataset: Dataset
    eval_dataset: Dataset
    collator: EmoBertDataCollator


def set_up_training(
    model_arguments: ModelArguments, data_arguments: DataArguments, training_arguments: EmoBertTrainingArguments
) -> TrainingSetup:
    """Loads the prepared dataset and builds the model that its labels and the arguments ask for."""
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

    # 3. Padding per batch; what the training data tells about the encoder's channels.
    collator = EmoBertDataCollator(
        processor, modalities=data_arguments.modalities, problem_type=model.config.problem_type
    )
    if model.config.standardize_speech:
        fit_speech_standardization(
            model,
            DataLoader(train_dataset, training_arguments.per_device_eval_batch_size, collate_fn=collator),
        )
    return TrainingSetup(model, processor, train_dataset, prepared.datasets["validation"], collator)
