"""Where the metrics lie for `evaluate`, in a clone and in the installed package."""

from pathlib import Path

import pytest

from modeling_emo.metrics import metric_path as module
from modeling_emo.metrics.metric_path import metric_path


NAMES = (
    "concordance_correlation",
    "emotion_accuracy",
    "multi_label_emotions",
    "one_vs_rest_emotions",
    "sentiment_score",
)


@pytest.mark.parametrize("name", NAMES)
def test_each_metric_is_a_folder_with_its_module(name):
    folder = Path(metric_path(name))
    assert folder.is_dir() and (folder / f"{name}.py").is_file()
    assert folder == Path(module.__file__).resolve().parents[2] / "metrics" / name


def test_in_the_installed_package(monkeypatch, tmp_path):
    for place in module._PLACES:
        assert place.name in ("metric_modules", "metrics")
    assert module._PLACES[0].parent.name == "modeling_emo"
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "mine.py").touch()
    monkeypatch.setattr(module, "_PLACES", (tmp_path, tmp_path / "none"))
    assert metric_path("mine") == str(tmp_path / "mine")


def test_others_are_refused(monkeypatch, tmp_path):
    with pytest.raises(ValueError, match=f"There is no metric 'accuracy'; there are {', '.join(NAMES)}"):
        metric_path("accuracy")
    monkeypatch.setattr(module, "_PLACES", (tmp_path,))
    with pytest.raises(ValueError, match="There is no metric 'accuracy'; there are none here"):
        metric_path("accuracy")
