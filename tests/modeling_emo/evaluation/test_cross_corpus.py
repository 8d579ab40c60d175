"""Numbers of each pair of training and test corpora, by hand."""

import csv
import json

import numpy as np
import pytest

from configuration_emo import EmoBertConfig
from modeling_emo import (
    CorpusRun,
    EvaluationSetting,
    FoldPredictions,
    Predictions,
    summarize_corpora,
    write_cross_corpus,
)


CORPORA = {"a/1": "a", "a/2": "a", "a/3": "a", "b/1": "b", "b/2": "b"}
SPEAKERS = {"a/1": "a/x", "a/2": "a/y", "a/3": "a/y", "b/1": "b/x", "b/2": "b/y"}


def run(trained_on, fold, ids, predicted, labels, seed=0):
    logits = np.log(np.where(np.eye(2)[predicted] > 0, 0.9, 0.1))
    one = Predictions(list(ids), logits, np.array(labels))
    return CorpusRun(trained_on, FoldPredictions(fold, seed, {"both": one}, "the last step"))


@pytest.fixture
def config():
    return EmoBertConfig(id2label={0: "sad", 1: "angry"}, label2id={"sad": 0, "angry": 1})


@pytest.fixture
def results(config):
    runs = [
        # One run of a tests b and c at once; here b alone.
        run("a", "a to others", ["b/1", "b/2"], [0, 0], [0, 1]),
        run("a", "a within a, 1", ["a/1"], [0], [0]),
        run("a", "a within a, 2", ["a/2", "a/3"], [0, 1], [1, 1]),
        run("b", "b to others", ["a/1", "a/2", "a/3"], [0, 1, 0], [0, 1, 1]),
    ]
    return summarize_corpora(runs, config, CORPORA, speakers=SPEAKERS, num_resamples=50)


def test_each_pair_has_the_predictions_of_its_own_runs(results):
    assert list(results) == [("a", "b"), ("a", "a"), ("b", "a")]
    ua = {pair: cell["both"].pooled["ua"].mean for pair, cell in results.items()}
    wa = {pair: cell["both"].pooled["wa"].mean for pair, cell in results.items()}
    # a on b: sad right, angry wrong. Within a: sad right, one of two angry. b on a: the same numbers.
    assert ua == pytest.approx({("a", "b"): 0.5, ("a", "a"): 0.75, ("b", "a"): 0.75})
    assert wa == pytest.approx({("a", "b"): 0.5, ("a", "a"): 2 / 3, ("b", "a"): 2 / 3})
    low, high = results["a", "a"]["both"].pooled["wa"].interval
    # Resampled are the speakers x (one row, right) and y (two rows, one right).
    assert low == pytest.approx(0.5) and high == pytest.approx(1.0)
    assert results["a", "a"]["both"].fold_sizes == {"a within a, 1": 1, "a within a, 2": 2}


def test_a_run_that_tests_two_corpora_is_divided(config):
    both = run("c", "c to others", ["b/1", "a/1", "b/2"], [0, 1, 1], [0, 0, 1])
    results = summarize_corpora([both], config, CORPORA, speakers=SPEAKERS, num_resamples=5)
    assert {pair: cell["both"].pooled["wa"].mean for pair, cell in results.items()} == {("c", "b"): 1, ("c", "a"): 0}


def test_files(results, config, tmp_path):
    setting = EvaluationSetting(corpus="a, b", protocol="cross-corpus", checkpoint_selection="the last step")
    files = write_cross_corpus(tmp_path, results, config, setting, left_out={"b": {"calm": 7}})
    written = json.loads(files["results.json"].read_text())
    cells = {(cell["trained_on"], cell["tested_on"]): cell for cell in written["metrics"]["cells"]}
    assert [cell["within"] for cell in cells.values()] == [False, True, False]
    assert cells["b", "a"]["metrics"]["both"]["ua"]["mean"] == 0.75 and written["left_out"] == {"b": {"calm": 7}}
    text = files["results.md"].read_text()
    assert "- b: calm (7) left out, no counterpart" in text
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines()]
    rows = [line for line in lines if line[0] in ("trained on", "a", "b")]
    assert rows[0] == ["trained on", "b (n = 2)", "a (n = 3)"]
    assert rows[1][1].startswith("0.500 [") and rows[1][2].startswith("*0.750 [") and rows[1][2].endswith("]*")
    assert rows[2][1] == "-" and rows[2][2].startswith("0.750 [")
    with files["cells.csv"].open(newline="") as file:
        long = list(csv.DictReader(file))
    value = {(row["trained_on"], row["tested_on"], row["metric"]): float(row["mean"]) for row in long}
    assert value["a", "a", "wa"] == pytest.approx(2 / 3)
    assert files["ua.png"].stat().st_size > 5_000
