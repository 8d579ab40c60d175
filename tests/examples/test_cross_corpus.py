"""`emobert cross-corpus` from two corpus folders to one table, and once more without any run."""

import csv
import json

import numpy as np
import pytest
import soundfile
import yaml
from sklearn.metrics import balanced_accuracy_score

from commands_emo import run_command
from tests.examples.conftest import ROOT


def write_tone(path, number):
    path.parent.mkdir(parents=True, exist_ok=True)
    tone = 0.3 * np.sin(2 * np.pi * (200 + 300 * number) * np.arange(4_000) / 16_000)
    soundfile.write(path, tone, 16_000)


@pytest.fixture
def config(encoders, tmp_path, monkeypatch):
    """EmoDB with anger, sadness and boredom of 3 speakers, RAVDESS with angry, sad and calm of 2 actors."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("TOKENIZERS_PARALLELISM", "false")
    for speaker in ("03", "08", "09"):
        for number, letter in enumerate("WTL"):
            write_tone(tmp_path / "corpora" / "emodb" / "wav" / f"{speaker}a01{letter}a.wav", number)
    for actor in ("01", "02"):
        for number, emotion in enumerate(("05", "04", "02")):
            name = f"03-01-{emotion}-01-01-01-{actor}.wav"
            write_tone(tmp_path / "corpora" / "ravdess" / f"Actor_{actor}" / name, number)
    both = {"text_model": str(encoders / "text"), "speech_model": str(encoders / "speech")}
    sections = {
        "prepare": {
            **both,
            "corpus": "several",
            "data_dir": str(tmp_path / "corpora"),
            "corpus_options": {
                "corpora": {"emodb": {}, "ravdess": {}},
                "common_label_map": {"anger": "angry", "sadness": "sad"},
            },
            "output_dir": str(tmp_path / "data"),
        },
        "cross_corpus": {
            "protocol_options": {
                **{"train_on": ["emodb"], "num_folds": 2},
                **{"validation_fraction": 0, "allow": ["text"]},
            },
            "num_workers": 2,
            "output_dir": str(tmp_path / "results"),
        },
        "train": {
            **both,
            "fusion": "shallow",
            "freeze_text_encoder": True,
            "freeze_speech_encoder": True,
            "cache_encoder_states": True,
            "init_head": "linear_probe",
            "num_train_epochs": 0,
            "save_strategy": "no",
            "report_to": "none",
            "use_cpu": True,
        },
        "evaluate": {"modalities": ["both"], "num_resamples": 5},
    }
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(sections), encoding="utf-8")
    return path


def test_the_table_of_all_pairs(config, tmp_path, capsys):
    run_command("cross-corpus", [str(config)])
    runs = sorted(path.parent.name for path in tmp_path.glob("results/runs/*/finished.json"))
    assert runs == ["emodb to others_seed=0", "emodb within emodb, 1_seed=0", "emodb within emodb, 2_seed=0"]
    assert not list(tmp_path.glob("results/**/*.safetensors"))
    written = json.loads((tmp_path / "results" / "results.json").read_text())
    assert written["label_order"] == ["angry", "sad"]
    assert written["left_out"] == {"emodb": {"boredom": 3}, "ravdess": {"calm": 2}}
    cells = {(cell["trained_on"], cell["tested_on"]): cell["metrics"]["both"] for cell in written["metrics"]["cells"]}
    assert {pair: cell["n"] for pair, cell in cells.items()} == {("emodb", "ravdess"): 4, ("emodb", "emodb"): 6}
    for tested, names in (("ravdess", ["to others"]), ("emodb", ["within emodb, 1", "within emodb, 2"])):
        rows = []
        for name in names:
            path = tmp_path / "results" / "runs" / f"emodb {name}_seed=0" / "predictions.csv"
            with path.open(newline="") as file:
                rows += csv.DictReader(file)
        assert all(row["id"].startswith(f"{tested}/") for row in rows)
        expected = balanced_accuracy_score([row["label"] for row in rows], [row["prediction"] for row in rows])
        assert cells["emodb", tested]["ua"]["mean"] == pytest.approx(expected)
    assert (tmp_path / "results" / "results.md").read_text() in capsys.readouterr().out

    # Again: nothing is trained, the table is the same.
    times = {path: path.stat().st_mtime_ns for path in tmp_path.glob("results/runs/*/finished.json")}
    (tmp_path / "results" / "results.json").unlink()
    run_command("cross-corpus", [str(config)])
    assert "3 runs are finished already" in capsys.readouterr().out
    assert {path: path.stat().st_mtime_ns for path in times} == times
    assert json.loads((tmp_path / "results" / "results.json").read_text()) == written


def test_a_section_that_reads_one_corpus_is_refused(config):
    sections = yaml.safe_load(config.read_text())
    sections["prepare"] |= {"corpus": "emodb", "corpus_options": {}}
    config.write_text(yaml.safe_dump(sections))
    with pytest.raises(ValueError, match="prepare reads the corpus 'emodb'. Write `corpus: several`"):
        run_command("cross-corpus", [str(config)])
