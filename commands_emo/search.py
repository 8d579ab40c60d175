"""Search options of training by validation, with optuna through Trainer's `hyperparameter_search`.

    emobert search examples/configs/emodb.yaml --output_dir outputs/emodb_search --num_trials 30 \
        --space '{"speech_layer": [2, 3, [1, 2, 3]], "learning_rate": {"low": 1e-5, "high": 1e-3, "log": true}}'

Each trial is a training with the file's section `train` and is scored on the validation rows, which must be of other
speakers: take them when preparing (`validation_fraction`), the test rows are not looked at. Stopped, the same command
goes on after the finished trials. In `output_dir`: `search.db`, all trials in `trials.md`, and `best.yaml`, the file
with the best values, which `emobert train` takes. Needs `pip install "emobert[search]"`.
"""

from __future__ import annotations

import difflib
import hashlib
import json
from dataclasses import fields, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import yaml
from transformers import set_seed

from configuration_emo import as_mapping, read_section
from modeling_emo import EmoBertTrainer, compute_metrics_for

from .arguments import EncoderArguments
from .command_line import parse_command
from .search_arguments import SearchArguments
from .training_setup import TrainingSetup, set_up_training


STUDY = "emobert"
# The trials are scored at their end, and none is kept.
OF_EACH_TRIAL = ("--save_strategy", "no", "--load_best_model_at_end", "false", "--recipe", "given")


def run(arguments: SearchArguments) -> None:
    """Makes the trials that are not there yet, and writes what was best."""
    if find_spec("optuna") is None:
        raise ValueError('A search needs optuna: pip install "emobert[search]".')
    import optuna

    # 1. What is tried, and everything else of a training.
    space, file = as_mapping(arguments.space), Path(arguments.config_file or "")
    folder = Path(arguments.output_dir)
    model_arguments, data, training, lora = parse_command(
        "train", [str(file), *OF_EACH_TRIAL, "--output_dir", str(folder)]
    )
    of_model = {one.name for one in fields(model_arguments)} - {one.name for one in fields(EncoderArguments)}
    known = {*of_model, *(one.name for one in fields(training))} - {"recipe", "output_dir"}
    for name in space:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            raise ValueError(f"space: training has no option {name}.{f' Did you mean {near[0]}?' if near else ''}")
    folder.mkdir(parents=True, exist_ok=True)

    # 2. Model and data, made anew in each trial.
    chosen: dict[str, Any] = {}
    made: list[TrainingSetup] = []

    def make_model(trial: Any = None) -> Any:
        options = {name: value for name, value in chosen.items() if name in of_model}
        set_seed(training.seed)
        setup = set_up_training(replace(model_arguments, **options), data, training, lora)
        check_speakers(setup)
        made[:] = [setup]
        if trial is not None:  # layers may differ, and with them what is cached
            trainer.train_dataset, trainer.eval_dataset = setup.train_dataset, setup.eval_dataset
        return setup.model

    def propose(trial: Any) -> dict[str, Any]:
        chosen.clear()
        chosen.update({name: suggest(trial, name, values) for name, values in space.items()})
        return {name: value for name, value in chosen.items() if name not in of_model}

    make_model()
    config = made[0].model.config
    metric = arguments.metric or config.problem.headline
    trainer = EmoBertTrainer(
        model_init=make_model,
        args=training,
        data_collator=made[0].collator,
        train_data_collator=made[0].train_collator,
        train_dataset=made[0].train_dataset,
        eval_dataset=made[0].eval_dataset,
        processing_class=made[0].processor,
        compute_metrics=compute_metrics_for(config),
    )

    def objective(metrics: dict[str, float]) -> float:
        if f"eval_{metric}" not in metrics:
            names = ", ".join(sorted(name.removeprefix("eval_") for name in metrics))
            raise ValueError(f"There is no metric {metric} of validation; there are {names}.")
        return metrics[f"eval_{metric}"]

    # 3. The trials: those of an earlier run of the same search count.
    storage = f"sqlite:///{folder / 'search.db'}"
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        study_name=STUDY,
        storage=storage,
        direction=arguments.direction,  # type: ignore[arg-type]  # one of the two that there are
        load_if_exists=True,
    )
    section = read_section(file, "train")
    content = [section, space, metric, arguments.direction, made[0].data["fingerprint"]]
    settings = hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()[:32]
    if study.user_attrs.setdefault("settings", settings) != settings:
        raise ValueError(f"{folder} holds a search with other options or data. Give another output_dir.")
    study.set_user_attr("settings", settings)
    finished = len(study.get_trials(states=[optuna.trial.TrialState.COMPLETE]))
    print(f"{finished} of {arguments.num_trials} trials are finished already")
    if finished < arguments.num_trials:
        trainer.hyperparameter_search(
            hp_space=propose,
            compute_objective=objective,
            n_trials=arguments.num_trials - finished,
            direction=arguments.direction,
            backend="optuna",
            study_name=STUDY,
            storage=storage,
            load_if_exists=True,
            # Another seed for those that are left: with the same one they would be the first ones again.
            sampler=optuna.samplers.TPESampler(seed=arguments.sampler_seed + finished),
            pruner=optuna.pruners.NopPruner(),
        )

    # 4. The best configuration, and all trials.
    study = optuna.load_study(study_name=STUDY, storage=storage)
    best = {name: decoded(value) for name, value in study.best_trial.params.items()}
    sections = read_section(file, "")
    train = {**section, **best, "recipe": "given"}
    best_file = {**sections, "train": train} if "train" in sections else train
    (folder / "best.yaml").write_text(yaml.safe_dump(best_file, sort_keys=False), encoding="utf-8")
    trials = study.get_trials(states=[optuna.trial.TrialState.COMPLETE])
    rows = sorted(trials, key=lambda one: float(one.value or 0), reverse=arguments.direction == "maximize")
    lines = [f"| trial | {metric} | {' | '.join(space)} |", f"|{'---|' * (2 + len(space))}"]
    for one in rows:
        values = " | ".join(str(decoded(one.params[name])) for name in space)
        lines.append(f"| {one.number} | {one.value:.3f} | {values} |")
    (folder / "trials.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines[:7]))
    print(f"\nThe best of {len(rows)}: emobert train {folder / 'best.yaml'}")


def suggest(trial: Any, name: str, values: list | dict[str, Any]) -> Any:
    """A value of an option: one of a list, or a number of a range."""
    if isinstance(values, list):
        # optuna stores names and numbers: lists are written as JSON.
        return decoded(trial.suggest_categorical(name, [encoded(value) for value in values]))
    low, high = values["low"], values["high"]
    if isinstance(low, int) and isinstance(high, int):
        return trial.suggest_int(name, low, high, step=values.get("step", 1), log=bool(values.get("log")))
    return trial.suggest_float(name, float(low), float(high), step=values.get("step"), log=bool(values.get("log")))


def encoded(value: Any) -> Any:
    """A value as optuna keeps it."""
    return json.dumps(value) if isinstance(value, list) else value


def decoded(value: Any) -> Any:
    """A value as training takes it."""
    return json.loads(value) if isinstance(value, str) and value.startswith("[") else value


def check_speakers(setup: TrainingSetup) -> None:
    """ValueError where there are no validation rows, or speakers are on both sides."""
    if setup.eval_dataset is None:
        raise ValueError("A search needs validation rows: prepare the data with --validation_fraction 0.2.")
    parts = [
        set(rows["speaker"][:]) - {None} if "speaker" in rows.column_names else set()
        for rows in (setup.train_dataset, setup.eval_dataset)
    ]
    shared = sorted(map(str, parts[0] & parts[1]))
    if shared:
        raise ValueError(
            f"{len(shared)} speakers are trained on and validate, such as {shared[0]}: what is best would be so for "
            "known voices. Prepare the data with --validation_fraction 0.2 --validation_by speaker."
        )
