"""The folders under `metrics/` load through `evaluate` without a network and give the library's own numbers."""

from pathlib import Path

import evaluate
import numpy as np
import pytest

from modeling_emo.metrics import task_metrics


METRICS = Path(__file__).parents[3] / "metrics"
GENERATOR = np.random.default_rng(0)
SIZE = 23
EMOTIONS = ["angry", "happy", "sad"]
INDICES = GENERATOR.integers(3, size=SIZE)
ROWS = GENERATOR.integers(2, size=(SIZE, 3))
SCORES = GENERATOR.normal(size=SIZE) * 2
TRIPLES = GENERATOR.normal(size=(SIZE, 3))

CASES = {
    "sentiment": ("sentiment_score", "sentiment_metrics", SCORES, np.round(SCORES + 0.3), {}),
    "sentiment on another scale": (
        "sentiment_score",
        "sentiment_metrics",
        SCORES,
        np.round(SCORES + 0.3),
        {"score_range": (-4, 4)},
    ),
    "emotion": ("emotion_accuracy", "emotion_metrics", INDICES[::-1], INDICES, {"label_names": EMOTIONS}),
    "one-vs-rest, class indices": (
        "one_vs_rest_emotions",
        "one_vs_rest_metrics",
        GENERATOR.normal(size=(SIZE, 3, 2)),
        INDICES,
        {"label_names": EMOTIONS},
    ),
    "one-vs-rest, rows": (
        "one_vs_rest_emotions",
        "one_vs_rest_metrics",
        GENERATOR.normal(size=(SIZE, 3, 2)),
        ROWS,
        {"label_names": EMOTIONS},
    ),
    "multi-label": (
        "multi_label_emotions",
        "multi_label_metrics",
        GENERATOR.random((SIZE, 3)),
        ROWS,
        {"label_names": EMOTIONS, "threshold": 0.4},
    ),
    "dimensional": (
        "concordance_correlation",
        "dimensional_metrics",
        TRIPLES,
        TRIPLES + GENERATOR.normal(size=(SIZE, 3)),
        {"label_names": ["valence", "arousal", "dominance"]},
    ),
    "one dimension": (
        "concordance_correlation",
        "dimensional_metrics",
        SCORES,
        SCORES * 0.5,
        {"label_names": ["valence"]},
    ),
}


@pytest.fixture(autouse=True)
def offline(monkeypatch):
    monkeypatch.setattr(evaluate.config, "HF_EVALUATE_OFFLINE", True)


@pytest.mark.parametrize("case", CASES)
def test_module_gives_the_librarys_numbers(case, tmp_path):
    folder, function, predictions, references, options = CASES[case]
    module = evaluate.load(str(METRICS / folder), cache_dir=str(tmp_path))
    expected = getattr(task_metrics, function)(predictions, references, **options)
    assert module.compute(predictions=predictions, references=references, **options) == expected


def test_ragged_batches_give_the_same_as_one(tmp_path):
    module = evaluate.load(str(METRICS / "sentiment_score"), cache_dir=str(tmp_path))
    truth = np.round(SCORES + 0.3)
    for start in range(0, SIZE, 5):
        module.add_batch(predictions=SCORES[start : start + 5], references=truth[start : start + 5])
    assert module.compute() == task_metrics.sentiment_metrics(SCORES, truth)


def test_modules_combine(tmp_path):
    folders = ("sentiment_score", "concordance_correlation")
    modules = [evaluate.load(str(METRICS / folder), cache_dir=str(tmp_path)) for folder in folders]
    truth = np.round(SCORES + 0.3)
    combined = evaluate.combine(modules).compute(predictions=SCORES, references=truth)
    sentiment = task_metrics.sentiment_metrics(SCORES, truth)
    assert combined == sentiment | task_metrics.dimensional_metrics(SCORES, truth, ["score"])
    by_folder = evaluate.combine([str(METRICS / "sentiment_score")])
    assert by_folder.compute(predictions=SCORES, references=truth) == sentiment


def test_every_folder_is_tested():
    assert {path.parent.name for path in METRICS.glob("*/*.py")} == {case[0] for case in CASES.values()}
