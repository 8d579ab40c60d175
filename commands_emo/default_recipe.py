"""What `emobert train` does where nothing is said of how: frozen encoders and a last layer in closed form.

Fine-tuning two encoders on some hundred recordings learns next to nothing in the few steps that Trainer's defaults
make of them. A ridge regression of the frozen encoders' layers, its penalty and the use of the text chosen on held-out
speakers, needs nothing to be tuned (docs/recipes.md).
"""

from __future__ import annotations

from dataclasses import MISSING, fields
from typing import Any

from transformers import AutoConfig
from transformers.utils import logging

from configuration_emo import EmoBertConfig, named_place
from modeling_emo import EmoBertTrainingArguments
from preprocess import load_prepared

from .arguments import DataArguments, EncoderArguments, LoraArguments, ModelArguments
from .training_setup import select_splits


logger = logging.get_logger(__name__)

# The regression holds all pooled rows in memory, and larger corpora can fine-tune.
MAX_ROWS = 5000
PROBLEMS = ("single_label_classification", "regression")
# Options of Trainer that say how is trained: with one of them, nothing is filled in.
TRAINING_OPTIONS = (
    *("learning_rate", "num_train_epochs", "max_steps", "warmup_steps", "weight_decay", "lr_scheduler_type"),
    *("text_encoder_learning_rate", "speech_encoder_learning_rate", "new_weights_learning_rate"),
    *("layerwise_lr_decay", "gradual_unfreezing_epochs", "max_padded_length", "class_balanced_sampling"),
    *("early_stopping_patience", "freeze_text_encoder", "freeze_speech_encoder", "load_best_model_at_end"),
    *("eval_strategy", "resume_from_checkpoint", "train_sampling_strategy", "per_device_train_batch_size"),
)


def fill_in(
    model: ModelArguments, data: DataArguments, training: EmoBertTrainingArguments, lora: LoraArguments
) -> bool:
    """Sets the options of a sound model, in place, where none that says how is trained differs from its default.

    `fusion: shallow`, the means of all layers of the frozen speech encoder side by side and the mean of the frozen
    text encoder, balanced class weights, `init_head: linear_probe`, no epochs. Whisper hears each clip at its own
    length.

    Args:
        model ([`ModelArguments`]): with `recipe`: `"given"` leaves all as it is.
        data ([`DataArguments`]): the prepared dataset; of more than `MAX_ROWS` training rows, of several labels at
            once or of one-vs-rest nothing is filled in, nor with augmentation.
        training ([`EmoBertTrainingArguments`]), lora ([`LoraArguments`]): how is trained.

    Returns:
        `bool`: whether they were set.

    Raises:
        ValueError: `data_dir` holds no prepared dataset.
    """
    if model.recipe != "auto" or _differing(model, training) or lora.lora or data.augmentation:
        return False
    prepared = load_prepared(data.data_dir, check=False)
    if prepared.label_encoder.problem_type not in PROBLEMS:
        return False
    splits, _ = select_splits(prepared, data)
    num_rows = len(splits["train"])
    if num_rows > MAX_ROWS:
        logger.warning(
            f"There are {num_rows} training rows, more than the {MAX_ROWS} up to which a last layer in closed form is "
            "the default: both encoders are fine-tuned, with Trainer's own defaults. Say how, see docs/training.md."
        )
        return False
    configs = []
    for place in (model.text_model, model.speech_model):
        with named_place("pretrained encoder", place):
            configs.append(AutoConfig.from_pretrained(place))
    text, speech = configs
    layers = EmoBertConfig.from_text_speech_configs(text, speech).num_speech_layers
    found: dict[str, Any] = {
        "fusion": "shallow",
        "text_pooling": "mean",
        "speech_pooling": "mean",
        "speech_layer": list(range(1, layers + 1)) if layers > 1 else layers,
        "speech_own_length": speech.model_type == "whisper",
        "init_head": "linear_probe",
    }
    if prepared.label_encoder.problem_type == "single_label_classification":
        found["class_weights"] = "balanced"
    for name, value in found.items():
        setattr(model, name, value)
    training.num_train_epochs = 0
    training.freeze_text_encoder = training.freeze_speech_encoder = True
    logger.warning(
        "Nothing says how to train: the encoders are frozen, the last layer is fitted in closed form "
        f"({', '.join(f'{name}: {value}' for name, value in found.items())}). --recipe given leaves that out."
    )
    return True


def _differing(model: ModelArguments, training: EmoBertTrainingArguments) -> list[str]:
    """Options that say how is trained and have another value than their default."""
    encoders = {"recipe", *(one.name for one in fields(EncoderArguments))}
    differing = [
        one.name for one in fields(model) if one.name not in encoders and getattr(model, one.name) != _default(one)
    ]
    defaults = {one.name: _default(one) for one in fields(training)}
    return differing + [name for name in TRAINING_OPTIONS if _plain(getattr(training, name)) != _plain(defaults[name])]


def _default(field: Any) -> Any:
    return field.default if field.default_factory is MISSING else field.default_factory()


def _plain(value: Any) -> Any:
    """Enumerations by their values."""
    return getattr(value, "value", value)
