"""Cross-validation as a person runs it: from a corpus folder to tables, killed in between, with leaks and failures."""

import csv
import json
import math
import os
import signal
import subprocess
import sys
import time
from collections import defaultdict

import numpy as np
import pytest
import soundfile
import yaml
from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score, recall_score

from commands_emo import run_command
from tests.examples.conftest import ROOT, is_a_picture, run_script


LETTERS = {"W": "anger", "N": "neutral", "T": "sadness"}
SPEAKERS, SEEDS = ("03", "08", "16"), (0, 1)
SENTENCES = ("a01", "a02")


def emodb_tree(folder, speakers=SPEAKERS, sentences=None):
    """Tones whose pitch tells speaker and emotion, in EmoDB's layout; 6 a speaker, but no sadness of the last one."""
    for speaker in speakers:
        for sentence in (sentences or {}).get(speaker, SENTENCES):
            for number, letter in enumerate(LETTERS):
                if (speaker, letter, sentence) == (speakers[-1], "T", "a02"):
                    letter = "W"
                time_axis = np.arange(4_000 + 300 * number) / 16_000
                tone = 0.3 * np.sin(2 * np.pi * (int(speaker) * 10 + 300 * number + 100) * time_axis)
                path = folder / "wav" / f"{speaker}{sentence}{letter}{'abc'[number]}.wav"
                path.parent.mkdir(parents=True, exist_ok=True)
                soundfile.write(path, tone, 16_000)
    return folder


def write_config(folder, encoders, corpus, *, protocol_options=None, **train):
    both = {"text_model": str(encoders / "text"), "speech_model": str(encoders / "speech")}
    options = {"validation_fraction": 0, "allow": ["text"]} if protocol_options is None else protocol_options
    sections = {
        "prepare": {
            **both,
            "corpus": "emodb",
            "data_dir": str(corpus),
            "labels": list(LETTERS.values()),
            "output_dir": str(folder / "data"),
        },
        "cross_validation": {
            "protocol": "leave-one-speaker-out",
            "protocol_options": options,
            "seeds": list(SEEDS),
            "num_workers": 2,
            "output_dir": str(folder / "results"),
        },
        "train": {
            **both,
            "text_pooling": "mean",
            "speech_pooling": "mean_std",
            "standardize_speech": True,
            "freeze_text_encoder": True,
            "freeze_speech_encoder": True,
            "cache_encoder_states": True,
            "learning_rate": 1e-2,
            "num_train_epochs": 1,
            "per_device_train_batch_size": 4,
            "eval_strategy": "no",
            "save_strategy": "no",
            "logging_steps": 1,
            "report_to": "none",
            "use_cpu": True,
            **train,
        },
        "evaluate": {"modalities": ["both", "text", "speech"], "num_resamples": 5},
    }
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(sections), encoding="utf-8")
    return path


def start(config, *arguments):
    """run_cross_validation.py in a session of its own, so that it can be killed with all that it started."""
    command = [sys.executable, str(ROOT / "examples" / "run_cross_validation.py"), str(config), *map(str, arguments)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
    return subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def finished(folder):
    return sorted(folder.glob("results/runs/*/finished.json"))


def wait_for(condition, process, seconds=240):
    """Until the condition holds, while the process runs."""
    limit = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, process.communicate()[1][-4000:]
        assert time.monotonic() < limit, "nothing happened"
        time.sleep(0.05)


@pytest.fixture(scope="module")
def killed_and_restarted(encoders, tmp_path_factory):
    """3 folds x 2 seeds; killed after two runs are finished, then started again; when the two were finished."""
    folder = tmp_path_factory.mktemp("cross_validation")
    config = write_config(folder, encoders, emodb_tree(folder / "corpus"))
    process = start(config)
    wait_for(lambda: len(finished(folder)) >= 2, process)
    # In the middle: the third run has written its configuration, and not its result.
    wait_for(lambda: len(list(folder.glob("results/runs/*/config.yaml"))) >= 3, process)
    process.send_signal(signal.SIGKILL)
    process.wait()
    before = {path: path.stat().st_mtime_ns for path in finished(folder)}
    assert 2 <= len(before) < 6 and not (folder / "results" / "results.json").exists()
    printed = run_script("run_cross_validation.py", config)
    return folder, before, printed


def predictions_of(folder):
    """Rows of the predictions files by condition, seed and fold."""
    found = defaultdict(lambda: defaultdict(dict))
    for condition, name in (
        ("both", "predictions.csv"),
        ("text", "predictions_text.csv"),
        ("speech", "predictions_speech.csv"),
    ):
        for seed in SEEDS:
            for speaker in SPEAKERS:
                path = folder / "results" / "runs" / f"speaker={speaker}_seed={seed}" / name
                with path.open(newline="") as file:
                    found[condition][seed][speaker] = list(csv.DictReader(file))
    return found


def unweighted_accuracy(rows):
    return balanced_accuracy_score([row["label"] for row in rows], [row["prediction"] for row in rows])


def test_a_killed_cross_validation_goes_on_where_it_stopped(killed_and_restarted):
    folder, before, printed = killed_and_restarted
    assert len(finished(folder)) == 6
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert f"3 folds x 2 seeds: {len(before)} runs are finished already" in printed
    assert not list(folder.glob("results/runs/*/model.safetensors"))


def test_each_speaker_is_tested_once_per_seed_and_trained_on_in_the_other_folds(killed_and_restarted):
    folder, _, _ = killed_and_restarted
    everything = {path.stem for path in (folder / "corpus" / "wav").iterdir()}
    for by_fold in predictions_of(folder)["both"].values():
        for speaker, rows in by_fold.items():
            assert {row["id"] for row in rows} == {name for name in everything if name.startswith(speaker)}
    for speaker in SPEAKERS:
        for seed in SEEDS:
            run = folder / "results" / "runs" / f"speaker={speaker}_seed={seed}"
            metrics = json.loads((run / "metrics.json").read_text())
            assert (metrics["fold"], metrics["seed"], metrics["n"]) == (f"speaker={speaker}", seed, 6)
            assert metrics["protocol"] == "leave-one-speaker-out"
            assert metrics["checkpoint_selection"] == "last step of training"
            # 12 rows of the other speakers in batches of 4.
            assert json.loads((run / "trainer_state.json").read_text())["global_step"] == 3


def test_results_equal_scikit_learn_on_the_predictions_files(killed_and_restarted):
    folder, _, _ = killed_and_restarted
    results = json.loads((folder / "results" / "results.json").read_text())
    assert results["folds"] == [f"speaker={speaker}" for speaker in SPEAKERS] and results["folds_of_protocol"] == 3
    assert (results["seeds"], results["n"], results["corpus"]) == ([0, 1], 18, "emodb")
    assert results["label_order"] == list(LETTERS.values())
    assert results["checkpoint_selection"] == "last step of training"
    assert results["protocol_options"] == {"validation_fraction": 0, "allow": ["text"]}

    distinct = set()
    for condition, by_seed in predictions_of(folder).items():
        numbers = results["metrics"][condition]
        # Averaged: the unweighted accuracy of every fold and seed, over the classes that this speaker shows.
        table = np.array([[unweighted_accuracy(by_seed[seed][fold]) for seed in SEEDS] for fold in SPEAKERS])
        averaged = numbers["averaged"]["ua"]
        assert averaged["mean"] == pytest.approx(table.mean(), abs=1e-12)
        assert averaged["std_folds"] == pytest.approx(np.std(table.mean(1), ddof=1), abs=1e-12)
        assert averaged["std_seeds"] == pytest.approx(np.std(table.mean(0), ddof=1), abs=1e-12)
        # Pooled: of all 18 predictions of a seed at once.
        rows = [[row for fold in SPEAKERS for row in by_seed[seed][fold]] for seed in SEEDS]
        pooled = [unweighted_accuracy(of_seed) for of_seed in rows]
        assert numbers["pooled"]["ua"]["mean"] == pytest.approx(np.mean(pooled), abs=1e-12)
        assert numbers["pooled"]["ua"]["std_seeds"] == pytest.approx(np.std(pooled, ddof=1), abs=1e-12)
        low, high = numbers["pooled"]["ua"]["interval"]
        assert 0 <= low <= high <= 1
        truth = [[row["label"] for row in of_seed] for of_seed in rows]
        predicted = [[row["prediction"] for row in of_seed] for of_seed in rows]
        for metric, function in (
            ("wa", accuracy_score),
            ("wf1", lambda *pair: f1_score(*pair, average="weighted")),
            ("recall_anger", lambda *pair: recall_score(*pair, labels=["anger"], average="macro")),
        ):
            expected = np.mean([function(*pair) for pair in zip(truth, predicted, strict=True)])
            assert numbers["pooled"][metric]["mean"] == pytest.approx(expected, abs=1e-12), metric
        assert numbers["label_counts"] == {"anger": 7, "neutral": 6, "sadness": 5}
        # A fold tests one speaker here, so both tables hold the same numbers.
        for row, speaker in enumerate(SPEAKERS):
            assert numbers["per_speaker"][speaker]["n"] == 6
            assert numbers["per_speaker"][speaker]["ua"]["mean"] == pytest.approx(table[row].mean(), abs=1e-12)
        distinct.add((round(np.mean(pooled), 9), round(table.mean(), 9)))
    assert len(distinct) > 1  # else the test could not tell conditions or averaged from pooled


def test_tables_and_plots_show_the_same_numbers(killed_and_restarted):
    folder, _, printed = killed_and_restarted
    results = folder / "results"
    numbers = json.loads((results / "results.json").read_text())["metrics"]
    with (results / "summary.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["input"], row["predictions"]) for row in rows] == [
        (condition, kind) for condition in ("both", "text", "speech") for kind in ("averaged", "pooled")
    ]
    for row in rows:
        statistics = numbers[row["input"]][row["predictions"]]
        for metric in ("wa", "ua", "wf1", "macro_f1"):
            for column, key in ((metric, "mean"), (f"{metric}_std_seeds", "std_seeds")):
                assert float(row[column] or math.nan) == pytest.approx(statistics[metric][key], nan_ok=True)
    ua = numbers["both"]["averaged"]["ua"]
    cell = f"{ua['mean']:.3f} ± {ua['std_folds']:.3f} ± {ua['std_seeds']:.3f}"
    markdown, latex = ((results / name).read_text() for name in ("results.md", "results.tex"))
    assert cell in markdown and cell in printed
    assert f"${cell.replace('±', chr(92) + 'pm')}$" in latex
    assert "speaker=03" in markdown and latex.count(r"\begin{tabular}") == 4
    for plot in ("ua_per_fold.png", "confusion_matrix.png"):
        assert is_a_picture(results / plot)


def test_a_run_made_again_by_the_ordinary_script_gives_the_same_predictions(killed_and_restarted, tmp_path):
    folder, before, _ = killed_and_restarted
    run = next(path.parent for path in finished(folder) if path not in before)
    again = tmp_path / "again"
    run_script("run_emotion_recognition.py", run / "config.yaml", "--output_dir", again)
    run_script("evaluate_emotion_recognition.py", run / "config.yaml", "--model", again, "--output_dir", again)
    assert (again / "predictions.csv").read_text() == (run / "predictions.csv").read_text()


@pytest.fixture
def in_process(monkeypatch):
    """Runs a command here, for what is refused before any run starts."""

    def call(command, *arguments):
        monkeypatch.setenv("PYTHONPATH", str(ROOT))
        run_command(command, [str(argument) for argument in arguments])

    return call


def test_finished_runs_of_another_configuration_are_not_mixed_in(killed_and_restarted, in_process):
    folder, _, _ = killed_and_restarted
    changed = ["--train_options", '{"learning_rate": 0.02}']
    with pytest.raises(ValueError, match="finished run of another configuration.*--redo"):
        in_process("cross-validate", folder / "config.yaml", *changed)
    with pytest.raises(ValueError, match="unknown argument learning_rte"):
        in_process("cross-validate", folder / "config.yaml", "--train_options", '{"learning_rte": 0.02}')
    with pytest.raises(ValueError, match="eval_strategy='epoch', but there are no validation rows"):
        in_process("cross-validate", folder / "config.yaml", "--train_options", '{"eval_strategy": "epoch"}')
    with pytest.raises(ValueError, match="No fold speaker=04; there are speaker=03, speaker=08"):
        in_process("cross-validate", folder / "config.yaml", "--folds", "speaker=04")


def test_a_model_is_not_evaluated_on_a_fold_that_it_was_trained_on(killed_and_restarted, in_process):
    folder, _, _ = killed_and_restarted
    config = folder / "results" / "runs" / "speaker=03_seed=0" / "config.yaml"
    assert json.loads((config.parent / "training_record.json").read_text())["data"]["fold"] == "speaker=03"
    # The weights are not kept: any will do, the refusal comes from the record beside them.
    from transformers import AutoConfig, AutoModelForSequenceClassification

    model = folder / "trained"
    AutoModelForSequenceClassification.from_config(AutoConfig.from_pretrained(config.parent)).save_pretrained(model)
    for name in ("training_record.json", "processor_config.json", "tokenizer.json", "tokenizer_config.json"):
        (model / name).write_bytes((config.parent / name).read_bytes())
    arguments = [config, "--model", model, "--output_dir", folder / "evaluated"]
    with pytest.raises(ValueError, match="trained with fold='speaker=03' .* evaluated with fold='speaker=08'"):
        in_process("evaluate", *arguments, "--fold", "speaker=08")


def test_a_leaked_text_or_speaker_is_refused_before_anything_is_trained(encoders, tmp_path):
    """EmoDB's actors all speak the same sentences: that has to be allowed by name."""
    corpus = emodb_tree(tmp_path / "corpus")
    config = write_config(tmp_path, encoders, corpus, protocol_options={"validation_fraction": 0})
    process = start(config)
    _, errors = process.communicate()
    assert process.returncode != 0
    # One text: the tiny tokenizer knows no word of the two sentences, and both have seven.
    assert "Fold 'speaker=03' leaks: train and test share 1 text" in errors and "allow=('text',)" in errors
    assert not list((tmp_path / "results").rglob("config.yaml"))


def test_a_wrong_protocol_is_refused_before_anything_is_prepared(encoders, tmp_path):
    corpus = emodb_tree(tmp_path / "corpus")
    process = start(write_config(tmp_path, encoders, corpus), "--protocol", "leave-one-speker-out")
    _, errors = process.communicate()
    assert process.returncode != 0 and "Did you mean leave-one-speaker-out?" in errors
    process = start(write_config(tmp_path, encoders, corpus, protocol_options={"n_splits": 3}))
    _, errors = process.communicate()
    assert process.returncode != 0 and "leave-one-speaker-out has no option n_splits; it takes" in errors
    assert not (tmp_path / "data").exists()


def test_a_failing_fold_is_named_and_the_others_go_on(encoders, tmp_path):
    """A speaker with a sentence that has no transcript: the evaluation with text alone has no row."""
    corpus = emodb_tree(tmp_path / "corpus", sentences={"08": ("a03",)})
    config = write_config(tmp_path, encoders, corpus)
    process = start(config, "--seeds", 0)
    printed, errors = process.communicate()
    failed = tmp_path / "results" / "runs" / "speaker=08_seed=0"
    assert process.returncode == 1
    assert f"{failed} failed, see {failed / 'log.txt'}" in errors
    assert "1 of 3 runs failed" in errors and "Traceback" not in errors
    assert "No row of test has text" in (failed / "log.txt").read_text()
    assert [path.parent.name for path in finished(tmp_path)] == ["speaker=03_seed=0", "speaker=16_seed=0"]
    assert not (tmp_path / "results" / "results.json").exists()
