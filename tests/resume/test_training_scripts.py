"""Both training scripts, in processes of their own that are killed where they are told to be.

The loop over accelerate, killed and resumed, ends to the last bit as never killed, and as Trainer does.
"""

import csv
import json
import os
import re
import runpy
import shutil
import signal
import sys
from pathlib import Path

import accelerate
import pytest
import torch
import yaml
from safetensors.torch import load_file

import modeling_emo
from modeling_emo import last_whole_checkpoint, lock_output_dir
from modeling_emo.resuming import checkpoint as checkpoints
from tests.examples.conftest import ROOT, encoders, recordings, run_script  # noqa: F401
from tests.resume.runs import Run, start


LOOP, TRAINER = "run_emotion_recognition_no_trainer.py", "run_emotion_recognition.py"
KILLED = -9
EMOTIONS = ["angry", "happy", "sad"]
# 20 rows in batches of 3, two of them a step: 4 steps an epoch, the last with one ragged batch.
RECIPE = {
    "text_pooling": "mean",
    "speech_pooling": "mean_std",
    "modality_dropout": 0.3,
    "unimodal_loss_weight": 0.5,
    "learning_rate": 1e-3,
    "warmup_steps": 2,
    "num_train_epochs": 3,
    "per_device_train_batch_size": 3,
    "per_device_eval_batch_size": 4,
    "gradient_accumulation_steps": 2,
    "eval_strategy": "steps",
    "eval_steps": 2,
    "save_strategy": "steps",
    "save_steps": 2,
    "save_total_limit": 2,
    "load_best_model_at_end": True,
    "metric_for_best_model": "loss",
    "logging_steps": 1,
    "report_to": "none",
    "seed": 3,
}
ADAPTERS = {"lora": True, "lora_r": 2, "class_balanced_sampling": True, "optim": "sgd"}
GROUPED = {
    "train_sampling_strategy": "group_by_length",
    "length_column_name": "speech_length",
    "dataloader_num_workers": 1,
}


@pytest.fixture(scope="module")
def config_file(encoders, recordings, tmp_path_factory):  # noqa: F811
    """20 training rows and 7 for validation of three emotions, most of them angry; some lack a modality."""
    folder = tmp_path_factory.mktemp("loop")
    for split, count in (("train", 20), ("validation", 7)):
        with (recordings / f"{split}.csv").open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))[:count]
        for index, row in enumerate(rows):
            row["audio"] = str(recordings / row["audio"]) if index % 5 != 3 else ""
            row["text"] = row["text"] if index % 7 != 2 else ""
            row["label"] = EMOTIONS[max(index % 5 - 2, 0)]
        with (folder / f"{split}.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, fieldnames=list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    models = {"text_model": str(encoders / "text"), "speech_model": str(encoders / "speech")}
    data = str(folder / "data")
    sections = {
        "prepare": {**models, "corpus": "csv", "data_dir": str(folder), "labels": EMOTIONS, "output_dir": data},
        "train": {**models, **RECIPE, "data_dir": data},
    }
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(sections), encoding="utf-8")
    run_script("prepare_dataset.py", path)
    return path


def die_at(place, count):
    """SIGKILL at the count-th time that this process comes to the place; SIGTERM at the place `terminated`."""
    owner, name = {
        "micro-batch": (accelerate.Accelerator, "backward"),
        "terminated": (accelerate.Accelerator, "backward"),
        "writing": (accelerate.accelerator, "save_custom_state"),  # weights and optimiser are on the disk by then
        "unsealed": (modeling_emo, "seal"),
        "saved": (checkpoints, "remove_old_checkpoints"),
    }[place]
    reached, original = [], getattr(owner, name)

    def reach(*args, **kwargs):
        reached.append(place)
        if place == "saved":
            original(*args, **kwargs)
        if len(reached) == count:
            os.kill(os.getpid(), signal.SIGTERM if place == "terminated" else signal.SIGKILL)
        return None if place == "saved" else original(*args, **kwargs)

    setattr(owner, name, reach)


def run_example(run):
    """What a process does: the script, with the options as flags."""
    torch.set_num_threads(1)
    os.environ["EMOBERT_TRACEBACK"] = "1"  # errors come out as they are
    if run.kill:
        die_at(*run.kill)
    options = dict(run.options)
    script = options.pop("script")
    path = ROOT / "examples" / script
    sys.path.insert(0, str(path.parent))
    sys.argv = [str(path), str(options.pop("config")), "--output_dir", run.folder]
    for name, value in {**options, "resume_from_checkpoint": run.resume or False}.items():
        sys.argv += [f"--{name}", str(value)]
    try:
        runpy.run_path(str(path), run_name="__main__")
    except ValueError as error:
        Path(run.folder, "refusal.txt").write_text(str(error))
        raise


@pytest.fixture(scope="module")
def train(config_file):
    """Starts a script in so many processes; returns their exit codes."""

    def train(folder, *, script=LOOP, processes=1, resume=None, kill=None, **options):
        given = {"script": script, "config": config_file, **options}
        return start(Run(str(folder), resume, kill, options=given), processes, target=run_example)

    return train


def history(folder):
    entries = json.loads((folder / "trainer_state.json").read_text())["log_history"]
    return [entry for entry in entries if "train_runtime" not in entry]


def assert_same_end(folder, expected):
    assert json.dumps(history(folder)) == json.dumps(history(expected))  # some metrics are NaN
    names = sorted(path.relative_to(expected) for path in expected.rglob("*.safetensors"))
    assert names and names == sorted(path.relative_to(folder) for path in folder.rglob("*.safetensors"))
    for name in names:
        weights, reference = load_file(folder / name), load_file(expected / name)
        assert weights.keys() == reference.keys()
        for weight in weights:
            assert torch.equal(weights[weight], reference[weight]), f"{name}: {weight}"
    checkpoint = last_whole_checkpoint(expected).name
    states = [torch.load(end / checkpoint / "optimizer.bin", weights_only=True) for end in (folder, expected)]
    torch.testing.assert_close(*states, rtol=0, atol=0)


# Where to be killed, counted from the start of the process, and the checkpoint that the next start goes on from.
ON_ONE = [
    (("micro-batch", 6), 2),  # in an accumulation window of step 3; goes on in the middle of epoch 0
    (("writing", 1), 2),  # of checkpoint-4, half of which is there
    (("unsealed", 2), 4),  # checkpoint-6: all is there but the seal
    (("saved", 4), 12),  # nothing is left to do but to load the best model
]
ON_TWO = [
    (("micro-batch", 1), None),  # before anything was saved: from the beginning
    (("micro-batch", 6), 2),  # an epoch has 2 steps: at the beginning of epoch 1
    (("writing", 1), 2),
]


@pytest.mark.parametrize(
    ("processes", "places", "options"),
    [(1, ON_ONE, GROUPED), (1, ON_ONE, ADAPTERS), (2, ON_TWO, GROUPED), (2, ON_TWO, ADAPTERS)],
    ids=["one-grouped", "one-lora", "two-grouped", "two-lora"],
)
def test_killed_and_resumed_is_as_never_killed(train, tmp_path, processes, places, options):
    assert train(tmp_path / "whole", processes=processes, **options) == [0] * processes
    folder = tmp_path / "killed"
    for place, step in places:
        codes = train(folder, processes=processes, resume=True, kill=place, **options)
        assert codes[0] == KILLED and 0 not in codes, place
        whole = last_whole_checkpoint(folder)
        assert (whole and int(whole.name.split("-")[1])) == step, place
    assert train(folder, processes=processes, resume=True, **options) == [0] * processes
    assert_same_end(folder, tmp_path / "whole")
    assert len(list(folder.glob("checkpoint-*"))) <= 2
    assert (folder / "adapter" / "adapter_model.safetensors").is_file() == ("lora" in options)


# No dropout, so that two processes compute what one computes.
PLAIN = {"co_attention_dropout": 0, "classifier_dropout": 0, "modality_dropout": 0, "lora_dropout": 0, "optim": "sgd"}


@pytest.fixture
def plain_text_model(encoders, tmp_path):  # noqa: F811
    folder = shutil.copytree(encoders / "text", tmp_path / "text")
    config = json.loads((folder / "config.json").read_text())
    config |= {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def assert_close(folder, expected, tolerance=1e-5):
    for ours, theirs in zip(history(folder), history(expected), strict=True):
        shared = [name for name in ours if not name.endswith(("runtime", "per_second"))]
        assert [ours[name] for name in shared] == pytest.approx(
            [theirs[name] for name in shared], rel=tolerance, nan_ok=True
        )
    for name in ("model.safetensors", "adapter/adapter_model.safetensors"):
        torch.testing.assert_close(
            load_file(folder / name), load_file(expected / name), rtol=tolerance, atol=tolerance
        )


def test_adapters_and_balanced_classes_are_trainers(train, tmp_path):
    """With dropout: both scripts draw the same random numbers. And the metric gets worse: both stop early."""
    options = {**ADAPTERS, "greater_is_better": True, "early_stopping_patience": 2, "save_total_limit": 1}
    loop, trainer = tmp_path / "loop", tmp_path / "trainer"
    assert train(loop, **options) == train(trainer, script=TRAINER, **options) == [0]
    assert_close(loop, trainer)
    states = [json.loads((folder / "trainer_state.json").read_text()) for folder in (loop, trainer)]
    for name in ("global_step", "best_global_step", "epoch", "max_steps", "num_train_epochs"):
        assert states[0][name] == states[1][name]
    assert states[0]["global_step"] < states[0]["max_steps"]


def test_adapters_and_balanced_classes_on_two_processes_are_those_on_one(train, tmp_path, plain_text_model):
    options = {**ADAPTERS, **PLAIN, "text_model": plain_text_model, "gradient_accumulation_steps": 1}
    one, two = tmp_path / "one", tmp_path / "two"
    assert train(one, **options, per_device_train_batch_size=6) == [0]
    assert train(two, **options, processes=2) == [0, 0]
    assert_close(two, one)


def test_models_alone_are_kept_but_not_resumed_from(train, tmp_path):
    whole, models = tmp_path / "whole", tmp_path / "models"
    assert train(whole, max_steps=4) == train(models, max_steps=4, save_only_model=True) == [0]
    names = sorted(path.name for path in (models / "checkpoint-4").iterdir())
    assert names == ["config.json", "model.safetensors", "seal.json"]
    weights, expected = (load_file(folder / "model.safetensors") for folder in (models, whole))
    assert all(torch.equal(weights[name], expected[name]) for name in expected)
    assert train(models, max_steps=6, resume=True) == [1]
    message = "checkpoint-4 holds a model only: to resume, train with `save_only_model: false`"
    assert message in (models / "refusal.txt").read_text()


def test_a_checkpoint_of_other_labels_is_refused(train, tmp_path):
    folder = tmp_path / "run"
    assert train(folder, max_steps=2) == [0]
    path = folder / "checkpoint-2" / "config.json"
    config = json.loads(path.read_text())
    config["id2label"] = dict(zip(config["id2label"], reversed(EMOTIONS), strict=True))
    path.write_text(json.dumps(config))
    modeling_emo.seal(path.parent)
    assert train(folder, max_steps=4, resume=True) == [1]
    message = "with the labels sad, happy, angry, this run has angry, happy, sad."
    assert message in (folder / "refusal.txt").read_text()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_padded_length": 9000}, "max_padded_length is an option of run_emotion_recognition.py only"),
        (
            {"gradual_unfreezing_epochs": 1},
            "gradual_unfreezing_epochs is an option of run_emotion_recognition.py only",
        ),
        ({"train_sampling_strategy": "batch_rebalance"}, "strategy=.*batch_rebalance.* is known to Trainer only"),
        ({"metric_for_best_model": "ccc"}, "metric_for_best_model='eval_ccc' is none of eval_"),
    ],
)
def test_what_the_loop_does_not_do_is_refused(train, tmp_path, options, message):
    assert train(tmp_path / "run", **options) == [1]
    assert re.search(message, (tmp_path / "run" / "refusal.txt").read_text())


@pytest.mark.parametrize("processes", [1, 2])
def test_sigterm_ends_the_script_with_its_code_and_without_a_result(train, tmp_path, processes):
    """So that what follows, such as an evaluation that make would start, does not take it for finished."""
    folder = tmp_path / "run"
    given = {"script": TRAINER, "processes": processes, "optim": "sgd"}
    assert train(folder, kill=("terminated", 2), **given) == [143] * processes
    assert last_whole_checkpoint(folder).name == "checkpoint-1"
    assert not (folder / "model.safetensors").exists() and not (folder / "training_record.json").exists()
    assert train(folder, resume=True, **given) == [0] * processes
    assert (folder / "model.safetensors").is_file() and (folder / "training_record.json").is_file()


UNDRAWN = {"logging_steps": 1000, "eval_strategy": "no", "save_strategy": "no", "load_best_model_at_end": False}


@pytest.mark.parametrize("script", [LOOP, TRAINER])
def test_curves_that_cannot_be_drawn_do_not_end_a_finished_training(train, tmp_path, script):
    """Nothing was logged. The model and its record are there."""
    assert train(tmp_path, script=script, max_steps=2, **UNDRAWN) == [0]
    assert {"model.safetensors", "training_record.json"} <= {path.name for path in tmp_path.iterdir()}
    assert not (tmp_path / "learning_curves.png").exists()


@pytest.mark.parametrize(("script", "processes"), [(LOOP, 1), (TRAINER, 2)])
def test_a_second_training_into_a_folder_is_refused(train, tmp_path, script, processes):
    lock = lock_output_dir(tmp_path)
    given = {"script": script, "processes": processes, "max_steps": 1, **UNDRAWN}
    assert train(tmp_path, **given) == [1] * processes
    assert f"Another training writes to {tmp_path} " in (tmp_path / "refusal.txt").read_text()
    assert not (tmp_path / "model.safetensors").exists()
    lock.release()
    assert train(tmp_path, **given) == [0] * processes
