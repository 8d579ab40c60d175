"""The table of adapting to speakers is that of the library's functions over all folds."""

import importlib
import json
from pathlib import Path

import numpy as np
import pytest
from datasets import Dataset, DatasetDict
from sklearn.metrics import balanced_accuracy_score

from configuration_emo import EmoBertConfig
from modeling_emo import (
    EvaluationSetting,
    adapt_to_speakers,
    evaluate_logits,
    fit_speaker_statistics,
    write_evaluations,
)
from preprocess import LabelEncoder, prepare_dataset
from tests.tiny import tiny_processor


LABELS = {0: "angry", 1: "happy", 2: "sad"}


@pytest.fixture
def folds(tmp_path):
    """Two folds of four speakers each, whose voices shift their logits; written as a cross-validation does."""
    rng = np.random.default_rng(0)
    labels, speakers = np.arange(72) % 3, np.repeat(np.arange(8), 9)
    logits = 3 * np.eye(3)[labels] + rng.normal(scale=2, size=(8, 3))[speakers] + rng.normal(size=(72, 3))
    rows = [
        {"id": f"u{row}", "label": LABELS[labels[row]], "text": "so it is", "audio": None, "speaker": f"s{speaker}"}
        for row, speaker in enumerate(speakers)
    ]
    data = DatasetDict({"train": Dataset.from_list(rows)})
    encoder = LabelEncoder.from_dataset(data, "single_label_classification")
    info = {"corpus": "other", "protocol": "all of it"}
    prepare_dataset(data, tiny_processor(), encoder, output_dir=tmp_path / "data", info=info)
    found = []
    for fold, (tested, rest) in enumerate(((speakers < 4, speakers >= 4), (speakers >= 4, speakers < 4))):
        config = EmoBertConfig(id2label=LABELS, problem_type="single_label_classification")
        statistics = fit_speaker_statistics(logits[rest], labels[rest], speakers[rest].tolist(), config)
        config.speaker_statistics = statistics.to_dict()
        folder = tmp_path / "runs" / f"fold={fold}"
        config.save_pretrained(folder)
        ids = [f"u{row}" for row in np.flatnonzero(tested)]
        evaluations = {"both": evaluate_logits(ids, logits[tested], labels[tested], config, num_resamples=2)}
        setting = EvaluationSetting(corpus="other", protocol="p", fold=str(fold), seed=0, checkpoint_selection="last")
        write_evaluations(folder, evaluations, config, setting, training={})
        found.append((logits[tested], labels[tested], speakers[tested].tolist(), config))
    return found


def test_the_table(folds, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).resolve().parents[2] / "benchmarks"))
    given = [str(tmp_path / "runs"), "--repeats", "2", "--sizes", "3", "--labels", "2"]
    program = importlib.import_module("speaker_adaptation")
    program.main([*given, "--output", str(tmp_path / "results.json")])
    results = json.loads((tmp_path / "results.json").read_text())["results"]
    assert list(results) == ["all recordings of a speaker", "3 at random", "16 or fewer, of 2 labels only"]
    truth = np.concatenate([labels for _, labels, _, _ in folds])
    for shares in ("unknown", "equal"):
        predicted = [adapt_to_speakers(one, who, config, shares=shares).argmax(-1) for one, _, who, config in folds]
        expected = balanced_accuracy_score(truth, np.concatenate(predicted))
        assert results["all recordings of a speaker"][shares] == pytest.approx(expected)
    alone = balanced_accuracy_score(truth, np.concatenate([one.argmax(-1) for one, _, _, _ in folds]))
    for found in ("all recordings of a speaker", "3 at random"):
        assert results[found]["alone"] == pytest.approx(alone)
    assert results["3 at random"]["equal"] < results["all recordings of a speaker"]["equal"]
