"""What both ways to train start from, data, model and collators, and how they end: with a record of the run."""

from dataclasses import asdict, dataclass, replace
from typing import Any, cast

from datasets import Dataset, DatasetDict
from torch.utils.data import DataLoader
from transformers import TrainerState
from transformers.utils import logging

from configuration_emo import PROBLEM_TYPES, as_mapping, check_whole
from modeling_emo import (
    EmoBertForSequenceClassification,
    EmoBertTrainingArguments,
    LinearHead,
    add_lora,
    balanced_class_weights,
    drop_fitted_settings,
    fit_linear_head,
    fit_speech_standardization,
    leave_attention_dropout_out,
    longest_first,
    plot_learning_curves,
    write_training_record,
)
from preprocess import (
    EmoBertDataCollator,
    EmoBertProcessor,
    PreparedDataset,
    cache_encoder_states,
    check_encoders,
    load_prepared,
    make_augmentation,
    select_fold,
)

from .arguments import INIT_HEADS, DataArguments, FoldArguments, LoraArguments, ModelArguments
from .changed_arguments import changed_arguments


logger = logging.get_logger(__name__)


@dataclass
class TrainingSetup:
    """Model, processor, data and collators of a training run; `data` is what its record says of the data."""

    model: EmoBertForSequenceClassification
    processor: EmoBertProcessor
    train_dataset: Dataset
    eval_dataset: Dataset | None
    collator: EmoBertDataCollator
    train_collator: EmoBertDataCollator
    data: dict[str, Any]
    linear_head: LinearHead | None = None


def select_splits(
    prepared: PreparedDataset, arguments: FoldArguments, rows: DatasetDict | None = None
) -> tuple[DatasetDict, dict[str, Any]]:
    """The splits that are meant, those of a fold or the corpus's own, and what a record says of them; of `rows`, which
    are the prepared ones in another form, where they are given."""
    record = {
        "corpus": prepared.info["corpus"],
        "fingerprint": prepared.info["fingerprint"],
        "protocol": arguments.protocol,
        "fold": arguments.fold,
        "protocol_options": arguments.protocol_options,
    }
    if arguments.protocol is None:
        return prepared.datasets if rows is None else rows, record
    options = as_mapping(arguments.protocol_options)
    return select_fold(prepared, arguments.protocol, arguments.fold, rows=rows, **options), record


def set_up_training(
    model_arguments: ModelArguments,
    data_arguments: DataArguments,
    training_arguments: EmoBertTrainingArguments,
    lora_arguments: LoraArguments | None = None,
) -> TrainingSetup:
    """Loads the prepared dataset and builds the model that its labels and the arguments ask for."""
    for name in ("max_train_samples", "max_eval_samples"):
        if getattr(data_arguments, name) is not None:
            check_whole(name, getattr(data_arguments, name))
    # 1. The prepared dataset knows its labels and its processor.
    prepared = load_prepared(data_arguments.data_dir)
    processor = EmoBertProcessor.from_pretrained(prepared.processor_dir)
    check_encoders(prepared, model_arguments.text_model, model_arguments.speech_model)
    splits, data = select_splits(prepared, data_arguments)
    train_dataset, eval_dataset = splits["train"], splits.get("validation")
    check_validation(eval_dataset is not None, training_arguments)
    if data_arguments.max_train_samples is not None:
        train_dataset = train_dataset.select(range(min(data_arguments.max_train_samples, len(train_dataset))))
    if data_arguments.max_eval_samples is not None and eval_dataset is not None:
        eval_dataset = eval_dataset.select(range(min(data_arguments.max_eval_samples, len(eval_dataset))))

    # 2. A new model over two pretrained encoders.
    config = {**prepared.label_encoder.config_kwargs(), **model_arguments.config_kwargs()}
    if config["regression_loss"] != "mse" and PROBLEM_TYPES[config["problem_type"]].has_classes:
        raise ValueError(
            f"regression_loss={config['regression_loss']!r} is for scores, and the prepared labels are classes "
            f"({config['problem_type']}): leave it out, or give a classification_loss."
        )
    if model_arguments.context_apart:
        config["context_separator_id"] = context_separator(processor)
    if config["class_weights"] == "balanced":
        config["class_weights"] = balanced_class_weights(
            train_dataset["labels"][:], len(config["id2label"]), config["problem_type"]
        )
    model = EmoBertForSequenceClassification.from_text_speech_pretrained(
        model_arguments.text_model, model_arguments.speech_model, **config
    )
    if training_arguments.freeze_text_encoder:
        model.freeze_text_encoder()
    if training_arguments.freeze_speech_encoder:
        model.freeze_speech_encoder()
    if not training_arguments.attention_dropout_on_cpu:
        leave_attention_dropout_out(model)
    if model_arguments.freeze_feature_encoder:
        if training_arguments.gradual_unfreezing_epochs is not None:
            raise ValueError(
                "gradual_unfreezing_epochs releases what freeze_feature_encoder freezes: give one of them."
            )
        model.freeze_feature_encoder()
    if model_arguments.attn_implementation is not None:
        for encoder in (model.emobert.text_encoder, model.emobert.speech_encoder):
            encoder.set_attn_implementation(model_arguments.attn_implementation)

    # 3. Padding per batch, changes to training rows, what frozen encoders make of the data, and what the data tells
    # about the encoder's channels.
    collator = EmoBertDataCollator(
        processor, modalities=data_arguments.modalities, problem_type=model.config.problem_type
    )
    train_collator = collator
    if data_arguments.augmentation:
        seed = training_arguments.seed if training_arguments.data_seed is None else training_arguments.data_seed
        augmentation = make_augmentation(as_mapping(data_arguments.augmentation), processor.feature_extractor)
        train_collator = replace(collator, augmentation=augmentation, seed=seed)
        if data_arguments.cache_encoder_states and training_arguments.freeze_speech_encoder:
            raise ValueError(
                "Cached speech states cannot be augmented: leave augmentation or cache_encoder_states out."
            )
    frozen = {"text": training_arguments.freeze_text_encoder, "speech": training_arguments.freeze_speech_encoder}
    if data_arguments.cache_encoder_states and any(frozen.values()):
        # All rows and not those of a fold: each is encoded once for all folds and seeds.
        own = {"train": train_dataset, **({} if eval_dataset is None else {"validation": eval_dataset})}
        rows = {
            name: cache_encoder_states(
                split,
                model.to(training_arguments.device),  # type: ignore[arg-type]  # a wrapper hides its signature
                collator,
                modalities=[modality for modality in data_arguments.modalities if frozen[modality]],
                cache_dir=f"{data_arguments.data_dir}/encoder_states",
            )
            for name, split in (own if data_arguments.protocol is None else prepared.datasets).items()
        }
        splits, _ = select_splits(prepared, data_arguments, DatasetDict(rows))
        train_dataset, eval_dataset = splits["train"], splits.get("validation")
    if data_arguments.max_train_samples is not None:
        train_dataset = train_dataset.select(range(min(data_arguments.max_train_samples, len(train_dataset))))
    if data_arguments.max_eval_samples is not None and eval_dataset is not None:
        eval_dataset = eval_dataset.select(range(min(data_arguments.max_eval_samples, len(eval_dataset))))
    if model.config.standardize_speech:
        fit_speech_standardization(
            model,
            DataLoader(train_dataset, training_arguments.per_device_eval_batch_size, collate_fn=collator),
        )

    # 4. The last layer as a linear probe of what the encoders make of the training data, by its speakers.
    linear_head = None
    kind = INIT_HEADS[model_arguments.init_head]
    if kind is not None:
        ordered = train_dataset.select(longest_first(train_dataset))
        speakers = ordered["speaker"][:] if "speaker" in ordered.column_names else None
        linear_head = fit_linear_head(
            model.to(training_arguments.device),  # type: ignore[arg-type]  # a wrapper hides its signature
            DataLoader(ordered, training_arguments.per_device_eval_batch_size, collate_fn=collator),
            None if speakers is None or None in speakers else speakers,
            kind=kind,
        )
        if training_arguments.max_steps > 0 or training_arguments.num_train_epochs > 0:
            drop_fitted_settings(model.config)  # they are of logits that training changes
        logger.info(f"{linear_head}")

    # 5. Low-rank adapters on encoders that are not frozen.
    if lora_arguments is not None and lora_arguments.lora:
        adapted = add_lora(
            model,
            lora_arguments.encoders(frozen),
            r=lora_arguments.lora_r,
            alpha=lora_arguments.lora_alpha,
            dropout=lora_arguments.lora_dropout,
        )
        model = cast(EmoBertForSequenceClassification, adapted)  # hands everything on to the model that it wraps
    return TrainingSetup(model, processor, train_dataset, eval_dataset, collator, train_collator, data, linear_head)


def context_separator(processor: EmoBertProcessor) -> int:
    """The token id that ends the context of a text; ValueError where there is no context or no such token."""
    if not processor.context_turns:
        raise ValueError(
            "context_apart: the texts were prepared without a context. Prepare them with corpus_options "
            "{context_turns: 3}, or leave it out."
        )
    separator = processor.tokenizer.sep_token_id
    if separator is None:
        raise ValueError(
            f"context_apart: {type(processor.tokenizer).__name__} ends segments with no token of their own (it has no "
            "sep_token). Leave it out, or take another text encoder."
        )
    return separator


def check_validation(has_validation: bool, training_arguments: EmoBertTrainingArguments) -> None:
    """ValueError where training wants to validate without validation rows."""
    strategy = getattr(training_arguments.eval_strategy, "value", training_arguments.eval_strategy)
    if not has_validation and strategy != "no":
        raise ValueError(
            f"eval_strategy={strategy!r}, but there are no validation rows. Take some (`emobert prepare "
            "--validation_fraction 0.1`, `validation_fraction` in protocol_options), or set eval_strategy to 'no' and "
            "load_best_model_at_end to false: the last step is kept."
        )


def record_training(
    setup: TrainingSetup,
    training_arguments: EmoBertTrainingArguments,
    state: TrainerState,
    data_arguments: DataArguments,
    lora_arguments: LoraArguments,
    model_arguments: ModelArguments,
) -> None:
    """Writes `training_record.json` and draws the learning curves, once the model is saved."""
    given = changed_arguments(model_arguments, data_arguments, training_arguments, lora_arguments)
    hyper_parameters = {
        "class_weights": setup.model.config.class_weights,
        "augmentation": data_arguments.augmentation,
        "modalities": list(data_arguments.modalities),
        **(asdict(lora_arguments) if lora_arguments.lora else {}),
        **({} if setup.linear_head is None else {"linear_head": asdict(setup.linear_head)}),
    }
    write_training_record(training_arguments, state, data=setup.data, hyper_parameters=hyper_parameters, train=given)
    try:
        plot_learning_curves(
            state.log_history,
            f"{training_arguments.output_dir}/learning_curves.png",
            metric=training_arguments.metric_for_best_model if setup.eval_dataset is not None else None,
            greater_is_better=training_arguments.greater_is_better is not False,
        )
    except Exception as error:  # whatever it is: the model is trained and saved, and the run has succeeded
        logger.warning(f"The learning curves could not be drawn: {type(error).__name__}: {error}")
