"""The picture of a metric by fold, read back from its SVG."""

import numpy as np
import pytest

from modeling_emo import plot_metric_per_fold
from modeling_emo.plots import folds


VALUES = {
    "both": {"speaker=03": [0.5, 0.7], "speaker=08": [0.9, 0.8]},
    "text": {"speaker=03": [0.25, float("nan")], "speaker=08": [float("nan"), float("nan")]},
}


@pytest.fixture
def axes(monkeypatch):
    """The axes as they are when the picture is written."""
    kept = []
    save = folds.save
    monkeypatch.setattr(folds, "save", lambda figure, path: kept.extend(figure.axes) or save(figure, path))
    return kept


def test_a_row_for_each_fold_and_a_mark_for_each_seed(axes, tmp_path):
    path = plot_metric_per_fold(
        VALUES, tmp_path / "folds.svg", metric="UA", fold_sizes={"speaker=03": 1200, "speaker=08": 6}
    )
    (panel,) = axes
    assert [label.get_text() for label in panel.get_yticklabels()] == ["speaker=03 (1,200)", "speaker=08 (6)"]
    assert panel.get_xlabel() == "UA"
    lines = {line.get_label(): line.get_xydata() for line in panel.lines if not line.get_label().startswith("_")}
    np.testing.assert_allclose(lines["both"], [[0.5, -0.2], [0.7, -0.2], [0.9, 0.8], [0.8, 0.8]])
    np.testing.assert_allclose(lines["text"], [[0.25, 0.2]])
    means = [line.get_xdata()[0] for line in panel.lines if line.get_label().startswith("_")]
    assert means == pytest.approx([0.725, 0.25])
    for said in ("mean over folds (dashed): both 0.725, text 0.250", "UA by fold"):
        assert f"<!-- {said} -->" in path.read_text(encoding="utf-8")
    assert panel.get_ylim() == (1.5, -0.5)  # the first fold is on top


def test_one_condition_has_no_legend_and_nothing_is_refused(axes, tmp_path):
    one = {"both": VALUES["both"]}
    sizes = {"speaker=03": 1, "speaker=08": 1}
    plot_metric_per_fold(one, tmp_path / "folds.svg", metric="UA", fold_sizes=sizes, title="Mine")
    (panel,) = axes
    assert panel.get_legend() is None and not panel.figure.legends
    with pytest.raises(ValueError, match="There are no values to draw in .*folds.svg"):
        plot_metric_per_fold({"both": {}}, tmp_path / "folds.svg", metric="UA", fold_sizes={})
