"""The two training scripts, as subprocesses: equal to each other, and on two processes equal to one."""

import csv
import json
import shutil
import sys

import pytest
import torch
import yaml
from safetensors.torch import load_file

from tests.distributed.launch import accelerate_launch, run
from tests.examples.conftest import encoders, is_a_picture, recordings, run_script  # noqa: F401


pytestmark = pytest.mark.slow
TRAINER, LOOP = "examples/run_emotion_recognition.py", "examples/run_emotion_recognition_no_trainer.py"


@pytest.fixture(scope="module")
def config_file(encoders, recordings, tmp_path_factory):  # noqa: F811
    """26 training rows, 11 for validation, of which some lack a modality."""
    folder = tmp_path_factory.mktemp("run")
    both = {"text_model": str(encoders / "text"), "speech_model": str(encoders / "speech")}
    for split, count in (("train", 26), ("validation", 11)):
        with (recordings / f"{split}.csv").open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))[:count]
        for index, row in enumerate(rows):
            row["audio"] = str(recordings / row["audio"]) if index % 5 != 3 else ""
            row["text"] = row["text"] if index % 7 != 2 else ""
        with (folder / f"{split}.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, fieldnames=list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    sections = {
        "prepare": {
            **both,
            "corpus": "csv",
            "data_dir": str(folder),
            "problem_type": "regression",
            "labels": ["sentiment"],
            "label_range": [-4, 4],
            "output_dir": str(folder / "data"),
        },
        "train": {
            **both,
            "data_dir": str(folder / "data"),
            "text_pooling": "mean",
            "speech_pooling": "mean_std",
            "regression_loss": "l1",
            "learning_rate": 3e-3,
            "new_weights_learning_rate": 5e-3,
            "weight_decay": 0.01,
            "warmup_steps": 2,
            "num_train_epochs": 3,
            "eval_strategy": "epoch",
            "save_strategy": "epoch",
            "load_best_model_at_end": True,
            "metric_for_best_model": "corr",
            "logging_steps": 1,
            "report_to": "none",
            "seed": 3,
        },
    }
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(sections), encoding="utf-8")
    run_script("prepare_dataset.py", path)
    return path


def history(folder):
    return json.loads((folder / "trainer_state.json").read_text())["log_history"]


def values(folder, name):
    return [entry[name] for entry in history(folder) if name in entry]


def assert_equal_runs(folder, reference, tolerance):
    for name in ("loss", "grad_norm", "learning_rate", "eval_loss", "eval_corr", "eval_mae", "epoch"):
        assert len(values(reference, name)) > 2
        assert values(folder, name) == pytest.approx(values(reference, name), rel=tolerance, abs=tolerance), name
    weights, expected = load_file(folder / "model.safetensors"), load_file(reference / "model.safetensors")
    assert set(weights) == set(expected)
    for name, weight in weights.items():
        torch.testing.assert_close(weight, expected[name], rtol=tolerance, atol=tolerance, msg=lambda m, n=name: n + m)


def train(script, config_file, folder, *flags):
    run([sys.executable, script, config_file, "--output_dir", folder, *flags])
    return folder


# Dropout, hidden modalities, accumulation whose last step has one micro-batch less, and a ragged last batch.
RECIPE = ("--per_device_train_batch_size", 4, "--gradient_accumulation_steps", 2, "--per_device_eval_batch_size", 4)
RECIPE = (*RECIPE, "--modality_dropout", 0.3, "--train_sampling_strategy", "group_by_length")
RECIPE = (*RECIPE, "--length_column_name", "speech_length", "--save_total_limit", 2)


@pytest.fixture(scope="module")
def loop_run(config_file):
    return train(LOOP, config_file, config_file.parent / "loop", *RECIPE)


def test_both_scripts_give_the_same_run(config_file, loop_run):
    trainer_run = train(TRAINER, config_file, config_file.parent / "trainer", *RECIPE)
    assert_equal_runs(loop_run, trainer_run, 1e-5)
    records = [json.loads((folder / "training_record.json").read_text()) for folder in (loop_run, trainer_run)]
    for record in records:
        assert record.pop("duration_s") > 0
    # Trainer evaluates in an order of its own, which differs in the last bits.
    assert records[0].pop("best_metric") == pytest.approx(records[1].pop("best_metric"), rel=1e-6)
    assert records[0] == records[1]
    assert records[0]["data"]["corpus"] == "csv"
    for folder in (loop_run, trainer_run):
        assert is_a_picture(folder / "learning_curves.png")
    names = {"config.json", "model.safetensors", "processor_config.json", "tokenizer.json"}
    assert names <= {path.name for path in loop_run.iterdir()}


def test_a_resumed_loop_ends_as_the_uninterrupted_one(config_file, loop_run, tmp_path):
    """From the middle of an epoch, by the folder; bit for bit."""
    steps = ("--save_strategy", "steps", "--save_steps", 2, "--eval_strategy", "steps", "--eval_steps", 2)
    whole = train(LOOP, config_file, tmp_path / "whole", *RECIPE, *steps, "--save_total_limit", 20)
    again = tmp_path / "again"
    checkpoint = whole / "checkpoint-6"  # 4 steps an epoch
    train(LOOP, config_file, again, *RECIPE, *steps, "--resume_from_checkpoint", checkpoint)
    assert history(again)[:-1] == history(whole)[:-1]
    weights, expected = (load_file(folder / "checkpoint-12" / "model.safetensors") for folder in (again, whole))
    for name, weight in weights.items():
        assert torch.equal(weight, expected[name]), name
    # The same training as without the evaluations in between, which draw nothing.
    assert values(whole, "loss") == values(loop_run, "loss")


def test_the_loop_on_two_processes_is_the_loop_on_one(config_file, encoders, tmp_path):  # noqa: F811
    """26 rows in batches of 8, the last of 2, and 11 to validate: processes repeat rows, which must not count."""
    text_model = shutil.copytree(encoders / "text", tmp_path / "text")
    text_config = json.loads((text_model / "config.json").read_text())
    text_config |= {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    (text_model / "config.json").write_text(json.dumps(text_config))
    flags = ("--text_model", text_model, "--co_attention_dropout", 0, "--classifier_dropout", 0)
    flags = (*flags, "--optim", "sgd", "--per_device_eval_batch_size", 4, "--report_to", "tensorboard")
    one = train(LOOP, config_file, tmp_path / "one", *flags, "--per_device_train_batch_size", 8)
    two = tmp_path / "two"
    flags = (*flags, "--per_device_train_batch_size", 4, "--output_dir", two)
    accelerate_launch("cpu.yaml", LOOP, config_file, *flags)
    assert [json.loads((run / "training_record.json").read_text())["processes"] for run in (one, two)] == [1, 2]
    # The first steps agree to 1e-6; from there on the rounding of sums in another order grows.
    assert values(two, "grad_norm")[:3] == pytest.approx(values(one, "grad_norm")[:3], rel=1e-6)
    assert_equal_runs(two, one, 1e-4)
    assert list(two.glob("emobert/events*")), "no log of the tracker"


def test_fewer_processes_than_asked_for_are_refused(config_file, tmp_path):
    """`accelerate launch --cpu --num_processes 2` starts one."""
    command = [sys.executable, "-m", "accelerate.commands.launch", "--cpu", "--num_processes", 2, LOOP, config_file]
    errors = run([*command, "--output_dir", tmp_path], expect_failure=True)
    assert "was asked for several processes and started one" in errors
