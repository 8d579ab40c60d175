"""A search over options of model and training: trials, resumption, and a file that training takes."""

import csv
import json

import pytest
import yaml

from commands_emo import run_command
from tests.examples.conftest import encoders, recordings  # noqa: F401


@pytest.fixture(scope="module")
def config(encoders, recordings, tmp_path_factory):  # noqa: F811
    """24 recordings of six speakers, two of which validate."""
    folder = tmp_path_factory.mktemp("search")
    with (folder / "train.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["audio", "text", "label", "speaker"])
        for index in range(24):
            label = "low" if index % 6 < 3 else "high"
            writer.writerow([recordings / f"train_{index}.wav", "the day", label, f"s{index // 4}"])
    both = {"text_model": str(encoders / "text"), "speech_model": str(encoders / "speech")}
    sections = {
        "prepare": {
            **both,
            "corpus": "csv",
            "data_dir": str(folder / "train.csv"),
            "validation_fraction": 0.3,
            "output_dir": str(folder / "data"),
        },
        "train": {
            **both,
            "data_dir": str(folder / "data"),
            "output_dir": str(folder / "model"),
            "freeze_text_encoder": True,
            "freeze_speech_encoder": True,
            "cache_encoder_states": True,
            "num_train_epochs": 1,
            "use_cpu": True,
            "disable_tqdm": True,
            "report_to": "none",
        },
    }
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(sections))
    run_command("prepare", [str(path)])
    return path


SPACE = {"speech_layer": [1, [1, 2]], "learning_rate": {"low": 1e-4, "high": 1e-1, "log": True}}


def search(config, folder, num_trials, space=SPACE, *more):
    given = ["--output_dir", folder, "--num_trials", num_trials, "--space", json.dumps(space), *more]
    run_command("search", [str(config), *map(str, given)])


def test_trials_go_on_and_the_best_is_a_file_for_training(config, tmp_path, capsys):
    search(config, tmp_path / "found", 2)
    assert "0 of 2 trials are finished already" in capsys.readouterr().out
    search(config, tmp_path / "found", 4)
    assert "2 of 4 trials are finished already" in capsys.readouterr().out
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in (tmp_path / "found" / "trials.md").read_text().splitlines()
    ]
    assert rows[0] == ["trial", "ua", "speech_layer", "learning_rate"]
    assert sorted(row[0] for row in rows[2:]) == ["0", "1", "2", "3"]
    values = [float(row[1]) for row in rows[2:]]
    assert values == sorted(values, reverse=True)
    assert len({row[3] for row in rows[2:]}) == 4  # no trial is made twice
    best = yaml.safe_load((tmp_path / "found" / "best.yaml").read_text())
    assert str(best["train"]["learning_rate"]) == rows[2][3] and str(best["train"]["speech_layer"]) == rows[2][2]
    assert best["train"]["recipe"] == "given" and best["prepare"]["corpus"] == "csv"
    # The file trains the same model: its score on validation is the one that was found.
    out = tmp_path / "best"
    run_command("train", [str(tmp_path / "found" / "best.yaml"), "--output_dir", str(out)])
    arguments = ["--model", out, "--data_dir", best["train"]["data_dir"], "--output_dir", out, "--split", "validation"]
    run_command("evaluate", [str(part) for part in (*arguments, "--modalities", "both", "--num_resamples", 2)])
    ua = json.loads((out / "metrics.json").read_text())["metrics"]["both"]["ua"]
    assert ua == pytest.approx(values[0], abs=6e-4)
    assert not list((tmp_path / "found").rglob("*.safetensors"))
    with pytest.raises(ValueError, match="holds a search with other options or data"):
        search(config, tmp_path / "found", 4, {"learning_rate": [1e-3]})


def test_what_cannot_be_searched(config, tmp_path):
    with pytest.raises(ValueError, match="no option learning_rte. Did you mean learning_rate?"):
        search(config, tmp_path, 1, {"learning_rte": [1]})
    with pytest.raises(ValueError, match="space, learning_rate: give a list"):
        search(config, tmp_path, 1, {"learning_rate": 1})
    with pytest.raises(ValueError, match="nothing to search"):
        search(config, tmp_path, 1, {})
    with pytest.raises(ValueError, match="num_trials must be at least 1"):
        search(config, tmp_path, 0)
