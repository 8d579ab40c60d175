"""Every way to choose labels, as flags of `prepare_dataset.py`: label sets, maps, restriction, scores, dimensions."""

import json
import runpy
import sys

import numpy as np
import pytest

from preprocess import load_prepared
from tests.examples.conftest import ROOT
from tests.preprocess.corpora.corpus_trees import emodb_tree, iemocap_tree, meld_tree, mmsa_tree, mosei_raw_tree


TREES = {
    "emodb": lambda root: emodb_tree(root, ["03a01Fa", "03a01Nc", "16a04Wb"]),
    "iemocap": iemocap_tree,
    "meld": meld_tree,
    "mosei": mosei_raw_tree,
    "mosi": mmsa_tree,
}
EMOTIONS = ["happy", "sad", "anger", "surprise", "disgust", "fear"]


def options(**values):
    return ["--corpus_options", json.dumps(values)]


CASES = {
    "4 classes": ("iemocap", ["--labels", "neutral", "sad", "angry", "happy"], [0, 3, 3, 2, 1]),
    "4 classes in the order of the alphabet": ("iemocap", [], [2, 1, 1, 0, 3]),
    "4 classes, one-vs-rest": (
        "iemocap",
        ["--labels", "neutral", "sad", "angry", "happy", "--problem_type", "one_vs_rest_classification"],
        [[1, 0, 0, 0], [0, 0, 0, 1], [0, 0, 0, 1], [0, 0, 1, 0], [0, 1, 0, 0]],
    ),
    "6 classes": (
        "iemocap",
        [*options(label_set="6-class"), "--labels", "happy", "sad", "neutral", "angry", "excited", "frustrated"],
        [2, 4, 5, 0, 3, 1],
    ),
    "a named map": (
        "iemocap",
        [*options(label_set="all"), "--label_map", "iemocap-4-class", "--labels", "neutral", "sad", "angry", "happy"],
        [0, 3, 3, 2, 1],
    ),
    "restricted and renamed by pairs": (
        "iemocap",
        [*options(label_set="all", only_mapped=True), "--label_map", "exc=joy,hap=joy,ang=anger"],
        [1, 1, 0],
    ),
    "left out by JSON": (
        "iemocap",
        [*options(label_set="all"), "--label_map", '{"exc": "hap", "fru": null, "sur": null, "neu": null}'],
        [1, 1, 0, 2],
    ),
    "valence, activation, dominance": (
        "iemocap",
        [
            *options(label_set="vad"),
            *("--problem_type", "regression", "--label_range", "0.5", "5.5"),
            *("--labels", "valence", "activation", "dominance"),
        ],
        [[2.5, 3.5, 4.0]] * 9,
    ),
    "sentiment of MELD": ("meld", [*options(label_set="sentiment")], [1, 2, 0]),
    "7 classes of EmoDB": ("emodb", [], [1, 2, 0]),
    "score": ("mosi", ["--problem_type", "regression", "--label_range", "-3", "3"], [2.4, -0.8]),
    "7 classes of a score": ("mosi", [*options(label_set="7-class"), "--labels", *map(str, range(-3, 4))], [5, 2]),
    "negative or not": ("mosi", ["--label_map", "score-binary-has0", "--labels", "negative", "non-negative"], [1, 0]),
    "negative or positive": ("mosi", ["--label_map", "score-binary-non0"], [1, 0]),
    "several emotions": (
        "mosei",
        [
            *options(label_set="emotions", keep_without_audio=True),  # the recordings are not cut into segments
            *("--problem_type", "multi_label_classification", "--labels", *EMOTIONS),
        ],
        [[0, 1, 1, 0, 0, 0], [1, 0, 0, 1, 0, 0], [0] * 6],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_labels(case, encoders, tmp_path, monkeypatch):
    corpus, flags, expected = CASES[case]
    tree = TREES[corpus](tmp_path / "corpus")
    script = ROOT / "examples" / "prepare_dataset.py"
    encoder_flags = ["--text_model", str(encoders / "text"), "--speech_model", str(encoders / "speech")]
    folders = ["--data_dir", str(tree), "--output_dir", str(tmp_path / "data")]
    monkeypatch.setattr(sys, "argv", [str(script), "--corpus", corpus, *encoder_flags, *folders, *flags])
    monkeypatch.syspath_prepend(str(script.parent))
    runpy.run_path(str(script), run_name="__main__")
    labels = load_prepared(tmp_path / "data").datasets["train"]["labels"][:]
    np.testing.assert_allclose(np.stack(labels), expected, rtol=1e-6)
