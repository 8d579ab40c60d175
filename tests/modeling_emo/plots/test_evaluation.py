"""The plots: what is written in them and how many marks they hold, read back from SVG, and valid PNG files."""

import re
from xml.etree import ElementTree

import matplotlib
import numpy as np
import pytest
from matplotlib import _pylab_helpers
from PIL import Image

from modeling_emo.plots.evaluation import (
    plot_confusion_matrix,
    plot_learning_curves,
    plot_modality_comparison,
    plot_predicted_against_rated,
    plot_reliability,
)


LOG_HISTORY = [
    {"loss": 1.0, "epoch": 0.5, "step": 1},
    {"loss": 0.6, "epoch": 1.0, "step": 2},
    {"eval_loss": 0.7, "eval_corr": 0.5, "eval_mae": 0.9, "epoch": 1.0, "step": 2},
    {"loss": 0.4, "epoch": 2.0, "step": 4},
    {"eval_loss": 0.65, "eval_corr": 0.8, "eval_mae": 0.7, "epoch": 2.0, "step": 4},
    {"eval_loss": 0.8, "eval_corr": 0.75, "eval_mae": float("nan"), "epoch": 3.0, "step": 6},
    {"train_loss": 0.66, "epoch": 3.0, "step": 6},
]


@pytest.fixture(autouse=True)
def untouched_global_state():
    settings = dict(matplotlib.rcParams)
    yield
    assert dict(matplotlib.rcParams) == settings
    assert not _pylab_helpers.Gcf.figs


def texts(path):
    """The strings in an SVG: matplotlib writes each as a comment before its outlines."""
    return re.findall(r"<!-- (.*?) -->", path.read_text(encoding="utf-8"), flags=re.DOTALL)


def marks(path, group):
    """How many markers the groups of an SVG whose id begins with `group` hold."""
    space = "{http://www.w3.org/2000/svg}"
    groups = [g for g in ElementTree.parse(path).iter(f"{space}g") if g.get("id", "").startswith(group)]
    return sum(len(list(g.iter(f"{space}use"))) for g in groups)


class TestPredictedAgainstRated:
    def test_says_the_numbers_and_draws_every_utterance(self, tmp_path):
        ratings = np.array([-3.0, -1.0, 0.0, 2.0, 3.0])
        predictions = np.array([[-2.0], [-1.5], [0.5], [2.0], [2.5]])
        path = plot_predicted_against_rated(
            predictions, ratings, tmp_path / "new" / "rated.svg", score_range=(-4, 4), score_name="valence"
        )
        assert path == tmp_path / "new" / "rated.svg"
        r = np.corrcoef(predictions[:, 0], ratings)[0, 1]
        assert f"n = 5   Pearson r = {r:.3f}   mean absolute error = 0.500" in texts(path)
        assert {"rated valence", "predicted valence", "Predicted against rated"} <= set(texts(path))
        assert marks(path, "PathCollection") == 5

    def test_one_point_has_no_correlation(self, tmp_path):
        path = plot_predicted_against_rated([1.0], [1.0], tmp_path / "rated.svg")
        assert "n = 1   Pearson r = undefined   mean absolute error = 0.000" in texts(path)

    def test_a_diverged_model_is_drawn_as_far_as_it_goes(self, tmp_path):
        path = plot_predicted_against_rated([1.0, np.nan, 2.0, np.inf], [1.0, 2.0, 3.0, 0.0], tmp_path / "rated.svg")
        detail = "n = 2   Pearson r = 1.000   mean absolute error = 0.500   (2 not finite, left out)"
        assert detail in texts(path) and marks(path, "PathCollection") == 2
        path = plot_predicted_against_rated([np.nan], [1.0], tmp_path / "rated.svg", score_range=(-3, 3))
        detail = "n = 0   Pearson r = undefined   mean absolute error = undefined   (1 not finite, left out)"
        assert detail in texts(path)
        with pytest.raises(ValueError, match="1 of 1 labels are not finite"):
            plot_predicted_against_rated([1.0], [np.nan], tmp_path / "rated.svg")

    def test_rejects(self, tmp_path):
        with pytest.raises(ValueError, match="no predictions to draw"):
            plot_predicted_against_rated([], [], tmp_path / "rated.png")
        with pytest.raises(ValueError, match="2 predictions for 1 labels"):
            plot_predicted_against_rated([1, 2], [1], tmp_path / "rated.png")


class TestLearningCurves:
    def test_losses_and_the_best_epoch_of_a_metric(self, tmp_path):
        path = plot_learning_curves(LOG_HISTORY, tmp_path / "curves.svg", metric="corr")
        assert {"best validation: 0.650 at epoch 2", "best validation: 0.800 at epoch 2"} <= set(texts(path))
        assert {"Training loss", "Validation loss", "Validation corr", "epoch", "loss"} <= set(texts(path))

    def test_lower_is_better_and_undefined_epochs_are_left_out(self, tmp_path):
        path = plot_learning_curves(LOG_HISTORY, tmp_path / "c.svg", metric="eval_mae", greater_is_better=False)
        assert "best validation: 0.700 at epoch 2" in texts(path)

    def test_one_panel_without_metric(self, tmp_path):
        path = plot_learning_curves(LOG_HISTORY[:2], tmp_path / "curves.svg")
        assert "Training loss" in texts(path) and "Validation loss" not in texts(path)

    def test_training_without_evaluation_has_no_metric_to_draw(self, tmp_path):
        training = [{"loss": 1.0, "epoch": 1}, {"loss": 0.5, "epoch": 2}]
        path = plot_learning_curves(training, tmp_path / "curves.svg", metric="corr")
        assert "Training loss" in texts(path) and "Validation corr" not in texts(path)

    def test_rejects(self, tmp_path):
        with pytest.raises(ValueError, match="'eval_f1' is not in the log history. Logged: eval_corr, eval_loss"):
            plot_learning_curves(LOG_HISTORY, tmp_path / "curves.png", metric="f1")
        with pytest.raises(ValueError, match="neither `loss` nor `eval_loss`"):
            plot_learning_curves([{"train_runtime": 2.0, "epoch": 1.0}], tmp_path / "curves.png")


class TestConfusionMatrix:
    def test_shares_of_rows_and_counts(self, tmp_path):
        labels, predictions = [0, 0, 0, 0, 1, 1], [0, 0, 0, 1, 1, 1]
        path = plot_confusion_matrix(predictions, labels, ["angry", "happy", "sad"], tmp_path / "confusion.svg")
        written = texts(path)
        assert {"75%", "25%", "100%", "angry (4)", "happy (2)", "sad (0)"} <= set(written)
        assert "n = 6   accuracy (WA) = 83.3%   mean recall (UA) = 87.5%" in written
        # A class that does not occur has no shares.
        assert written.count("-") == 3
        assert written.count("3") == 1 and written.count("1") == 1 and written.count("2") == 1

    @pytest.mark.parametrize("count", [1, 20])
    def test_one_class_many_classes_and_nothing(self, count, tmp_path):
        names = [f"a rather long emotion name {number}" for number in range(count)]
        path = plot_confusion_matrix(range(count), range(count), names, tmp_path / "confusion.svg")
        assert f"n = {count}   accuracy (WA) = 100.0%   mean recall (UA) = 100.0%" in texts(path)
        ending = "tion name 0" if count == 1 else "ion name 19"
        assert f"a rather lon…{ending} (1)" in texts(path)  # told apart though it is cut
        assert texts(path).count("100%") == count + 1  # and once at the colour bar
        empty = plot_confusion_matrix([], [], names, tmp_path / "empty.svg")
        assert "n = 0   accuracy (WA) = undefined   mean recall (UA) = undefined" in texts(empty)

    def test_rejects_unknown_classes(self, tmp_path):
        with pytest.raises(ValueError, match="class indices from 0 to 1"):
            plot_confusion_matrix([2], [0], ["angry", "happy"], tmp_path / "confusion.png")


class TestReliability:
    def test_says_the_calibration_error(self, tmp_path):
        path = plot_reliability([0.9, 0.9, 0.3], [1, 0, 0], tmp_path / "reliability.svg")
        # (2 * |0.9 - 0.5| + |0.3 - 0|) / 3
        assert "n = 3   expected calibration error = 0.367" in texts(path)

    def test_a_diverged_model_is_drawn_as_far_as_it_goes(self, tmp_path):
        path = plot_reliability([0.9, np.nan, 0.3], [1, 0, 0], tmp_path / "reliability.svg")
        assert "n = 2   expected calibration error = 0.200   (1 not finite, left out)" in texts(path)
        path = plot_reliability([np.nan], [0], tmp_path / "reliability.svg")
        assert "n = 0   expected calibration error = undefined   (1 not finite, left out)" in texts(path)

    def test_rejects(self, tmp_path):
        with pytest.raises(ValueError, match="no decisions to draw"):
            plot_reliability([], [], tmp_path / "reliability.png")


class TestModalityComparison:
    def test_values_by_condition(self, tmp_path):
        values = {"speech + text": 0.905, "text only": 0.897, "speech only": 0.41}
        intervals = {"speech + text": (0.88, 0.92)}
        path = plot_modality_comparison(
            values, tmp_path / "modalities.svg", metric="Pearson r", intervals=intervals, chance=0.0
        )
        assert {*values, "0.905", "0.897", "0.410", "chance"} <= set(texts(path))
        assert "Pearson r (whiskers: confidence interval)" in texts(path)

    def test_negative_and_undefined_values(self, tmp_path):
        values = {"speech + text": -0.2, "speech only": float("nan")}
        path = plot_modality_comparison(values, tmp_path / "modalities.svg", metric="CCC")
        assert {"-0.200", "undefined"} <= {text.replace("\N{MINUS SIGN}", "-") for text in texts(path)}

    def test_rejects(self, tmp_path):
        with pytest.raises(ValueError, match="no values to draw"):
            plot_modality_comparison({}, tmp_path / "modalities.png", metric="corr")


def test_png(tmp_path):
    path = plot_learning_curves(LOG_HISTORY, str(tmp_path / "curves.png"), metric="corr")
    with Image.open(path) as picture:
        picture.load()
        assert picture.format == "PNG" and picture.size == (2070, 585)
        # More than an empty sheet: the colour of the validation curve is in it.
        assert (213, 94, 0) in {colour[1][:3] for colour in picture.convert("RGB").getcolors(2**20)}
