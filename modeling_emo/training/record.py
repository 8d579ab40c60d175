"""`training_record.json` beside a trained model: seed, hyper-parameters and how the checkpoint was chosen."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from transformers import TrainerState, TrainingArguments

from configuration_emo.sealing import SEAL_FILE
from configuration_emo.structured_text import read_json_object

from ..evaluation.model_card import TrainingRun
from ..metrics.temperature import TemperatureFit
from ..speaker_adaptation import SpeakerStatistics
from .environment import run_environment


TRAINING_RECORD_FILE = "training_record.json"
HYPER_PARAMETERS = (
    "learning_rate",
    "text_encoder_learning_rate",
    "speech_encoder_learning_rate",
    "new_weights_learning_rate",
    "layerwise_lr_decay",
    "lr_scheduler_type",
    "warmup_steps",
    "weight_decay",
    "adam_beta1",
    "adam_beta2",
    "adam_epsilon",
    "max_grad_norm",
    "num_train_epochs",
    "per_device_train_batch_size",
    "gradient_accumulation_steps",
    "bf16",
    "fp16",
    "train_sampling_strategy",
    "max_padded_length",
    "max_batch_rows",
    "class_balanced_sampling",
    "gradual_unfreezing_epochs",
    "early_stopping_patience",
    "freeze_text_encoder",
    "freeze_speech_encoder",
)


# Of the machine that trained, and not of the model.
_PLACES = ("data_dir", "output_dir", "logging_dir", "hub_model_id", "hub_token", "text_model", "speech_model")


def training_record(
    arguments: TrainingArguments,
    state: TrainerState,
    *,
    data: Mapping[str, Any] | None = None,
    hyper_parameters: Mapping[str, Any] | None = None,
    train: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """What has to be known to repeat a training run that has ended.

    Args:
        arguments (`TrainingArguments`): `trainer.args`.
        state (`TrainerState`): `trainer.state`, after training.
        data (`dict`, *optional*): what it was trained on: `corpus`, `fingerprint` of the prepared dataset, `protocol`,
            `fold` and `protocol_options`, in plain types.
        hyper_parameters (mapping, *optional*): those that are not among Trainer's arguments.
        train (mapping, *optional*): every argument of the command that is not as by default, by name: a section of a
            configuration file, so that `emobert train training_record.json` repeats the run.

    Returns:
        `dict`: `seed`, `checkpoint_selection`, `best_metric`, `epochs` trained, `processes`, `duration_s` (seconds,
        None where Trainer did not log it), `hyper_parameters`, `data`, `train`, `versions`, `hardware` and
        `git_commit`; plain types.
    """
    options = arguments.to_dict()
    runtimes = [entry["train_runtime"] for entry in state.log_history if "train_runtime" in entry]
    return {
        "seed": options["seed"],
        "checkpoint_selection": checkpoint_selection(arguments),
        "best_metric": state.best_metric,
        "epochs": state.epoch,
        "processes": arguments.world_size,
        "duration_s": runtimes[-1] if runtimes else None,
        "hyper_parameters": {
            **{name: options[name] for name in HYPER_PARAMETERS if name in options},
            **(hyper_parameters or {}),
        },
        "data": None if data is None else dict(data),
        **({} if train is None else {"train": dict(train)}),
        **run_environment(),
    }


def checkpoint_selection(arguments: TrainingArguments) -> str:
    """How the model that is left after training was chosen, in plain words."""
    if not arguments.load_best_model_at_end:
        return "last step of training"
    name = str(arguments.metric_for_best_model).removeprefix("eval_")
    return f"{'highest' if arguments.greater_is_better else 'lowest'} {name} on validation, once per evaluation"


def write_training_record(
    arguments: TrainingArguments,
    state: TrainerState,
    *,
    data: Mapping[str, Any] | None = None,
    hyper_parameters: Mapping[str, Any] | None = None,
    train: Mapping[str, Any] | None = None,
) -> Path:
    """Writes [`training_record`] into the training's output folder and returns the path."""
    path = Path(str(arguments.output_dir)) / TRAINING_RECORD_FILE
    record = training_record(arguments, state, data=data, hyper_parameters=hyper_parameters, train=train)
    path.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    return path


def save_temperature(folder: str | Path, fit: TemperatureFit) -> None:
    """Writes a temperature into a model's `config.json`, and with its calibration errors into the training record.

    Args:
        folder (`str` or `Path`): the model; a `training_record.json` need not be there.
        fit ([`TemperatureFit`]): of [`fit_temperature`].

    Raises:
        ValueError: it is no folder with a model, or a sealed checkpoint, which is not changed.
    """
    _change_config(Path(folder), temperature=fit.temperature)
    fitted = {
        "temperature": round(fit.temperature, 4),
        "validation calibration error": f"{fit.ece_before:.3f}, {fit.ece_after:.3f} with the temperature",
    }
    _record_fitted(Path(folder), fitted)


def save_speaker_statistics(folder: str | Path, statistics: SpeakerStatistics, *, fitted_on: str) -> None:
    """Writes speaker statistics into a model's `config.json`, and what they are of into the training record.

    Args:
        folder (`str` or `Path`): the model; a `training_record.json` need not be there.
        statistics ([`SpeakerStatistics`]): of [`fit_speaker_statistics`].
        fitted_on (`str`): the data, in words.

    Raises:
        ValueError: see [`save_temperature`].
    """
    _change_config(Path(folder), speaker_statistics=statistics.to_dict())
    _record_fitted(Path(folder), {"speaker statistics": fitted_on})


def _change_config(folder: Path, **fields: Any) -> None:
    path = folder / "config.json"
    if not path.is_file():
        raise ValueError(f"{folder} is no folder with a model on this machine: save the model there first.")
    if (folder / SEAL_FILE).exists():
        raise ValueError(f"{folder} is a sealed checkpoint, which is not changed. Save its model to another folder.")
    text = json.dumps({**read_json_object(path), **fields}, indent=2, sort_keys=True)
    path.write_text(text + "\n", encoding="utf-8")


def _record_fitted(folder: Path, fitted: Mapping[str, Any]) -> None:
    """What was fitted after the training, among the parameters of its record, where there is one."""
    path = folder / TRAINING_RECORD_FILE
    if path.is_file():
        record = read_training_record(folder)
        record["hyper_parameters"] = {**record.get("hyper_parameters", {}), **fitted}
        path.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


def read_training_record(folder: str | Path) -> dict[str, Any]:
    """The record beside a model; an empty one with an honest `checkpoint_selection` where there is none."""
    path = Path(folder) / TRAINING_RECORD_FILE
    if path.is_file():
        return read_json_object(path, "seed", "checkpoint_selection")
    return {"seed": None, "checkpoint_selection": "unknown: the model has no training record"}


def training_run(record: Mapping[str, Any]) -> TrainingRun:
    """The record as a model card tells it."""
    changed = {name: value for name, value in (record.get("train") or {}).items() if name not in _PLACES}
    told = {"hardware": record.get("hardware"), "versions": record.get("versions")}
    return TrainingRun(
        hyperparameters={
            **changed,
            **record.get("hyper_parameters", {}),
            "epochs trained": record.get("epochs"),
        },
        duration_seconds=record.get("duration_s"),
        **{name: value for name, value in told.items() if value is not None},
    )


def check_evaluated_data(record: Mapping[str, Any], data: Mapping[str, Any]) -> None:
    """Refuses to evaluate a model on another fold of the very rows that it was trained on.

    Args:
        record (`dict`): of [`read_training_record`].
        data (`dict`): what the model is to be evaluated on, as in [`training_record`].

    Raises:
        ValueError: both are of one prepared dataset, but not of one fold of one protocol: rows or speakers that were
            trained on could be tested.
    """
    trained = record.get("data") or {}
    if trained.get("fingerprint") != data["fingerprint"]:
        return
    for name in ("protocol", "fold", "protocol_options"):
        if trained.get(name) != data[name]:
            raise ValueError(
                f"The model was trained with {name}={trained.get(name)!r} and would be evaluated with "
                f"{name}={data[name]!r} of the same prepared dataset, so that what it was trained on could be tested. "
                "Evaluate it on its own fold."
            )
