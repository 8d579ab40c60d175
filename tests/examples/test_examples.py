"""The example scripts as a person runs them: real processes, one after the other."""

import csv
import json

import numpy as np
import pytest
import yaml
from transformers import AutoModelForSequenceClassification, AutoProcessor

import modeling_emo  # noqa: F401
import preprocess  # noqa: F401
from preprocess import load_audio
from tests.examples.conftest import SCORES, is_a_picture, run_script


@pytest.fixture(scope="module")
def config_file(encoders, recordings, tmp_path_factory):
    """One YAML for all scripts, a section each."""
    folder = tmp_path_factory.mktemp("run")
    both = {"text_model": str(encoders / "text"), "speech_model": str(encoders / "speech")}
    model, data = str(folder / "model"), str(folder / "data")
    sections = {
        "prepare": {
            **both,
            "corpus": "csv",
            "data_dir": str(recordings),
            "problem_type": "regression",
            "labels": ["sentiment"],
            "label_range": [-4, 4],
            "output_dir": data,
        },
        "train": {
            **both,
            "data_dir": data,
            "output_dir": model,
            "text_pooling": "mean",
            "speech_pooling": "mean_std",
            "modality_dropout": 0.3,
            "regression_loss": "l1",
            "learning_rate": "5e-3",
            "num_train_epochs": 8,
            "per_device_train_batch_size": 8,
            "eval_strategy": "epoch",
            "save_strategy": "epoch",
            "save_only_model": True,
            "save_total_limit": 1,
            "load_best_model_at_end": True,
            "metric_for_best_model": "corr",
            "greater_is_better": True,
            "early_stopping_patience": 3,
            "logging_steps": 1,
            "report_to": "none",
            "use_cpu": True,
            "seed": 3,
        },
        "evaluate": {
            "model": model,
            "data_dir": data,
            "output_dir": model,
            "batch_size": 5,
            "num_resamples": 50,
            "groups": ["sex", "length", "snr"],
            "model_card": True,
        },
        "predict": {"model": model},
    }
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(sections), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def prepared(config_file):
    run_script("prepare_dataset.py", config_file)
    return config_file.parent / "data"


@pytest.fixture(scope="module")
def trained(config_file, prepared):
    run_script("run_emotion_recognition.py", config_file)
    return config_file.parent / "model"


@pytest.fixture(scope="module")
def evaluated(config_file, trained):
    return run_script("evaluate_emotion_recognition.py", config_file)


def test_preparation_keeps_the_good_rows_and_lists_the_others(prepared):
    skipped = [json.loads(line) for line in (prepared / "skipped.jsonl").read_text().splitlines()]
    assert [entry["id"] for entry in skipped] == ["empty", "absent", "beyond"]
    for entry, words in zip(skipped, ["0 bytes", "no such file", "out of the range"], strict=True):
        assert words in entry["reason"]
    info = json.loads((prepared / "preparation.json").read_text())
    assert {name: counts["kept"] for name, counts in info["counts"].items()} == {
        "train": 36,
        "validation": 12,
        "test": 13,
    }


def test_training_lowers_the_loss_and_keeps_the_best_checkpoint(trained):
    history = json.loads((trained / "trainer_state.json").read_text())["log_history"]
    losses = [entry["loss"] for entry in history if "loss" in entry]
    assert np.mean(losses[-5:]) < 0.5 * np.mean(losses[:5])
    assert json.loads((trained / "config.json").read_text())["trained_inputs"] == ["both", "text", "speech"]
    record = json.loads((trained / "training_record.json").read_text())
    assert record["seed"] == 3
    assert record["checkpoint_selection"] == "highest corr on validation, once per evaluation"
    assert record["best_metric"] == max(entry["eval_corr"] for entry in history if "eval_corr" in entry)
    assert record["hyper_parameters"]["learning_rate"] == 5e-3
    assert is_a_picture(trained / "learning_curves.png")


def test_evaluation_equals_numpy_over_the_whole_ragged_split(evaluated, trained):
    """13 rows in batches of 5: the metrics are those of all 13 predictions at once."""
    metrics = json.loads((trained / "metrics.json").read_text())
    assert (metrics["n"], metrics["seed"], metrics["corpus"], metrics["split"]) == (13, 3, "csv", "test")
    for name, file in (("both", "predictions.csv"), ("text", "predictions_text.csv")):
        with (trained / file).open(newline="") as stream:
            rows = list(csv.DictReader(stream))
        scores = np.array([float(row["score_sentiment"]) for row in rows])
        labels = np.array([float(row["label"]) for row in rows])
        assert [row["id"] for row in rows] == [f"test_{index}" for index in range(13)]
        assert labels.tolist() == [list(SCORES.values())[index % 6] for index in range(13)]
        assert metrics["metrics"][name]["mae"] == pytest.approx(np.abs(scores - labels).mean(), abs=1e-6)
        assert metrics["metrics"][name]["corr"] == pytest.approx(np.corrcoef(scores, labels)[0, 1], abs=1e-6)
    assert metrics["metrics"]["both"]["corr"] > 0.8
    assert metrics["metrics"]["both"] != metrics["metrics"]["speech"]
    assert [line.split("|")[1].strip() for line in evaluated.splitlines() if line.startswith("|")][2:5] == [
        "both",
        "text",
        "speech",
    ]
    card = (trained / "README.md").read_text()
    assert f"value: {metrics['metrics']['both']['corr']}" in card and "predicted_against_rated.png" in card
    # The table does not tell the speakers' sex, and tones without a pause all have the lowest ratio.
    assert list(metrics["groups"]) == ["length"]
    assert "sex: the corpus does not tell it" in evaluated and "snr: fewer than two groups" in evaluated
    length = metrics["groups"]["length"]
    assert sorted(length["sizes"].values()) == [4, 4, 5] and length["metric"] == "corr"
    assert length["difference"] == pytest.approx(length["metrics"][length["worst"]]["corr"] - length["rest"])
    for plot in ("predicted_against_rated.png", "modalities.png", "groups.png"):
        assert is_a_picture(trained / plot)


def test_prediction_of_a_file_equals_its_row_in_the_evaluation(evaluated, trained, config_file, recordings, tmp_path):
    files = [recordings / "test_0.wav", recordings / "test_5.wav"]
    texts = ["the day was bad", "the day was great"]
    given = ("predict.py", config_file, "--audio", *files, "--text", *texts)
    output = tmp_path / "out.jsonl"
    assert run_script(*given, "--output", output).endswith("out.jsonl: 2 predicted (0 before), 0 skipped\n")
    results = [json.loads(line) for line in output.read_text().splitlines()]
    with (trained / "predictions.csv").open(newline="") as stream:
        expected = {row["id"]: float(row["score_sentiment"]) for row in csv.DictReader(stream)}
    for result, name in zip(results, ["test_0", "test_5"], strict=True):
        assert result["predictions"][0]["label"] == "sentiment"
        assert result["predictions"][0]["score"] == pytest.approx(expected[name], abs=1e-5)
    printed = run_script(*given).strip().splitlines()
    assert [line.split("\t")[:2] for line in printed] == [[str(files[0]), texts[0]], [str(files[1]), texts[1]]]
    assert float(printed[1].split()[-1]) == pytest.approx(expected["test_5"], abs=1e-3)


def test_the_saved_folder_is_all_that_auto_classes_need(evaluated, trained, recordings):
    model = AutoModelForSequenceClassification.from_pretrained(trained)
    processor = AutoProcessor.from_pretrained(trained)
    inputs = processor(
        text=["the day was bad"],
        audio=[load_audio(recordings / "test_0.wav")],
        sampling_rate=16_000,
        return_tensors="pt",
    )
    with (trained / "predictions.csv").open(newline="") as stream:
        expected = float(next(csv.DictReader(stream))["score_sentiment"])
    assert model(**inputs).logits.item() == pytest.approx(expected, abs=1e-5)


def test_a_flag_wins_over_the_file_and_an_unknown_name_is_refused(config_file, tmp_path):
    from commands_emo import EvaluationArguments
    from configuration_emo import parse_arguments

    (arguments,) = parse_arguments(
        "evaluate", EvaluationArguments, arguments=[str(config_file), "--split", "validation"]
    )
    assert (arguments.split, arguments.batch_size) == ("validation", 5)
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("evaluate: {modle: x}\n")
    with pytest.raises(ValueError, match="unknown argument modle; did you mean model?"):
        parse_arguments("evaluate", EvaluationArguments, arguments=[str(wrong)])


def test_training_on_cached_states_equals_training_on_the_raw_rows(config_file, prepared, tmp_path):
    """Frozen encoders run in evaluation mode either way, so the losses are the same numbers."""
    losses = {}
    for cached in (False, True):
        run_script(
            *("run_emotion_recognition.py", config_file, "--output_dir", tmp_path / str(cached)),
            *("--freeze_text_encoder", "--freeze_speech_encoder", "--standardize_speech", "--num_train_epochs", 2),
            *("--cache_encoder_states", cached),
        )
        history = json.loads((tmp_path / str(cached) / "trainer_state.json").read_text())["log_history"]
        losses[cached] = [entry["loss"] for entry in history if "loss" in entry]
    assert len(losses[True]) == 10
    assert losses[True] == pytest.approx(losses[False], abs=1e-4)
    assert len(list((prepared / "encoder_states").glob("*/states.arrow"))) == 4
