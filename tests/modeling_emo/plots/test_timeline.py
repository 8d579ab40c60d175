"""The timeline's picture: what is written in it and where its series run, read back from SVG, and valid PNG files."""

import re
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from modeling_emo.plots.timeline import plot_timeline
from modeling_emo.plots.timeline_parts import clock, read_timeline


SVG = "{http://www.w3.org/2000/svg}"
SCORES = [[0.7, 0.1, 0.2], [0.4, 0.5, 0.1], [0.1, 0.8, 0.1]]
LABELS = ["sad", "angry", "happy"]


def result(scores, labels, seconds=10.0, gap_after=None):
    """A pipeline's result: segments one after the other, best label first, a pause of 5 s after one of them."""
    chunks, start = [], 0.0
    for index, row in enumerate(scores):
        predictions = [{"label": label, "score": float(score)} for label, score in zip(labels, row, strict=True)]
        predictions.sort(key=lambda entry: -entry["score"])
        chunks.append({"timestamp": (start, start + seconds), "text": None, "predictions": predictions})
        start += seconds + (5.0 if index == gap_after else 0.0)
    return {"predictions": [], "chunks": chunks}


def texts(path):
    """The strings in an SVG: matplotlib writes each as a comment before its outlines."""
    return re.findall(r"<!-- (.*?) -->", path.read_text(encoding="utf-8"), flags=re.DOTALL)


def groups(path, name):
    return [group for group in ElementTree.parse(path).iter(f"{SVG}g") if re.fullmatch(name, group.get("id", ""))]


def series(path, index):
    """The line of one label as its pieces, each an array `(points, 2)` in the picture's own coordinates."""
    (group,) = groups(path, f"series_{index}")
    pieces = group.find(f"{SVG}path").get("d").split("M")[1:]
    return [np.array(re.findall(r"-?[\d.]+", piece), dtype=float).reshape(-1, 2) for piece in pieces]


def distinct(values):
    """Values without the repeats that follow each other."""
    return [value for index, value in enumerate(values) if index == 0 or value != values[index - 1]]


class TestClasses:
    def test_says_extent_labels_and_means(self, tmp_path):
        path = plot_timeline(result(SCORES, LABELS), tmp_path / "new" / "timeline.svg")
        assert path == tmp_path / "new" / "timeline.svg"
        written = texts(path)
        assert "3 segments, 0:30   highest mean probability: angry, 47%" in written
        # From top to bottom in alphabetical order, each with its mean beside it.
        names = [text for text in written if text in LABELS]
        assert names[:3] == ["angry", "happy", "sad"]
        assert [text for text in written if text.endswith("%") and len(text) <= 4] == ["47%", "13%", "40%"]
        assert {"Emotion over time", "most probable", "time (m:ss)", "0:00", "0:15", "0:30"} <= set(written)

    def test_each_label_steps_through_its_scores(self, tmp_path):
        path = plot_timeline(result(SCORES, LABELS), tmp_path / "timeline.svg")
        (points,) = series(path, 2)  # sad: 0.7, 0.4, 0.1
        heights, times = distinct(points[:, 1]), distinct(points[:, 0])
        assert len(heights) == 3 and heights[0] < heights[1]  # coordinates grow downwards
        assert heights[1] - heights[0] == pytest.approx(heights[2] - heights[1], rel=1e-3)
        np.testing.assert_allclose(np.diff(times), (times[-1] - times[0]) / 3, rtol=1e-3)

    def test_the_lowest_row_names_the_most_probable_label(self, tmp_path):
        path = plot_timeline(result(SCORES, LABELS), tmp_path / "timeline.svg")
        assert [group.get("id") for group in groups(path, r"top_\d+")] == ["top_2", "top_0"]
        names = [text for text in texts(path) if text in LABELS]
        assert names[3:] == ["sad", "angry"]

    def test_a_pause_is_left_empty(self, tmp_path):
        path = plot_timeline(result(SCORES, LABELS, gap_after=1), tmp_path / "timeline.svg")
        before, after = series(path, 0)
        assert before[-1, 0] < after[0, 0]
        assert len(groups(path, "top_0")) == 2
        assert "3 segments, 0:35   highest mean probability: angry, 47%" in texts(path)

    def test_of_many_labels_the_most_probable_are_drawn(self, tmp_path):
        scores = np.full((2, 12), 0.01)
        scores[:, [3, 5, 11]] = [0.2, 0.3, 0.42]
        labels = [f"emotion {index:02d}" for index in range(12)]
        path = plot_timeline(result(scores, labels), tmp_path / "timeline.svg")
        assert len(groups(path, r"series_\d+")) == 8
        assert {"emotion 03", "emotion 05", "emotion 11"} <= set(texts(path))
        assert any("emotion 11, 42%   (4 less probable labels are not drawn)" in text for text in texts(path))

    def test_four_hundred_segments(self, tmp_path):
        scores = np.random.default_rng(0).dirichlet(np.ones(3), 400)
        path = plot_timeline(result(scores, LABELS, seconds=13.5), tmp_path / "timeline.svg")
        assert any(text.startswith("400 segments, 1:30:00 ") for text in texts(path))
        assert "time (h:mm:ss)" in texts(path) and "1:10:00" in texts(path)


def test_silence_is_left_empty_and_in_no_mean(tmp_path):
    given = result(SCORES, LABELS)
    given["chunks"][1]["predictions"] = None
    assert "2 segments, 0:30   highest mean probability: angry, 45%" in texts(
        plot_timeline(given, tmp_path / "timeline.svg")
    )
    assert len(series(tmp_path / "timeline.svg", 0)) == 2
    for chunk in given["chunks"]:
        chunk["predictions"] = None
    with pytest.raises(ValueError, match="None of the chunks has predictions to draw"):
        plot_timeline(given, tmp_path / "timeline.svg")


class TestScores:
    def test_draws_the_scale_and_the_mean(self, tmp_path):
        scores = [[-2.0], [0.0], [3.5]]
        options = {"problem_type": "regression", "score_range": (-4, 4)}
        path = plot_timeline(result(scores, ["sentiment"]), tmp_path / "timeline.svg", **options)
        assert {"3 segments, 0:30   mean (dashed): sentiment 0.50", "sentiment"} <= set(texts(path))
        (points,) = series(path, 0)
        low, middle, high = distinct(points[:, 1])
        assert (low - middle) / (middle - high) == pytest.approx(2.0 / 3.5, rel=1e-3)

    def test_several_scores_have_a_legend_in_the_models_order(self, tmp_path):
        path = plot_timeline(
            result([[1.0, 2.0], [1.5, 2.5]], ["valence", "arousal"], seconds=2.0),
            tmp_path / "timeline.svg",
            problem_type="regression",
        )
        # Chunks of regression are in the order of the labels; here the helper has sorted them by score.
        assert "2 segments, 0:04.0   mean (dashed): arousal 2.25, valence 1.25" in texts(path)
        assert len(groups(path, r"series_\d+")) == 2 and len(groups(path, r"legend_\d+")) == 1

    def test_a_mean_is_weighted_by_duration(self, tmp_path):
        given = result([[1.0], [4.0]], ["sentiment"])
        given["chunks"][1]["timestamp"] = (10.0, 40.0)
        path = plot_timeline(given, tmp_path / "timeline.svg", problem_type="regression")
        assert "2 segments, 0:40   mean (dashed): sentiment 3.25" in texts(path)


def test_writes_png(tmp_path):
    with Image.open(plot_timeline(result(SCORES, LABELS), tmp_path / "timeline.png")) as picture:
        picture.load()
        assert picture.format == "PNG" and picture.size[0] == 1350


def test_rejects(tmp_path):
    with pytest.raises(ValueError, match="no `chunks` to draw: call the pipeline with chunk_length_s"):
        plot_timeline({"predictions": []}, tmp_path / "timeline.png")
    with pytest.raises(ValueError, match="no `chunks`"):
        plot_timeline([{"label": "sad", "score": 1.0}], tmp_path / "timeline.png")
    without_times = result(SCORES, LABELS)
    without_times["chunks"][1]["timestamp"] = (None, None)
    with pytest.raises(ValueError, match="Chunk 1 has no times"):
        plot_timeline(without_times, tmp_path / "timeline.png")
    best_only = result(SCORES, LABELS)
    for chunk in best_only["chunks"]:
        del chunk["predictions"][1:]
    with pytest.raises(ValueError, match="Chunk 1 has the labels angry, chunk 0 sad: call the pipeline without top_k"):
        plot_timeline(best_only, tmp_path / "timeline.png")
    assert not (tmp_path / "timeline.png").exists()


def test_reads_the_numbers_of_a_result():
    timeline = read_timeline(result(SCORES, LABELS, gap_after=0))
    assert timeline.labels == ["sad", "happy", "angry"]
    np.testing.assert_array_equal(timeline.starts, [0, 15, 25])
    np.testing.assert_array_equal(timeline.ends, [10, 25, 35])
    np.testing.assert_array_equal(timeline.scores, np.array(SCORES)[:, [0, 2, 1]])


@pytest.mark.parametrize(
    ("seconds", "expected"), [(0, "0:00"), (59.6, "1:00"), (599, "9:59"), (3600, "1:00:00"), (36_610, "10:10:10")]
)
def test_clock(seconds, expected):
    assert clock(seconds) == expected


class TestSpeakers:
    def of_two(self, problem="classes"):
        """Overlapping turns of two speakers, and a silent one."""
        scores, labels = (SCORES, LABELS) if problem == "classes" else ([[1.0], [-1.0], [3.0]], ["sentiment"])
        given = result(scores, labels)
        for chunk, speaker in zip(given["chunks"], ("anna", "ben", "anna"), strict=True):
            chunk["speaker"] = speaker
        given["chunks"][1]["timestamp"] = (5.0, 15.0)
        given["chunks"].append({"timestamp": (30.0, 40.0), "text": None, "predictions": None, "speaker": "ben"})
        return given

    def test_each_has_a_lane_with_bars_of_the_most_probable_labels(self, tmp_path):
        path = plot_timeline(self.of_two(), tmp_path / "lanes.svg")
        # Anna is sad, then angry; Ben angry. Colours are by name: angry, happy, sad.
        bars = re.findall(r'id="(lane_\d+_\d+)"', path.read_text(encoding="utf-8"))
        assert bars == ["lane_0_2", "lane_0_0", "lane_1_0"]
        written = texts(path)
        assert {"anna", "ben", "mean", "Emotion over time"} <= set(written)
        assert "3 segments, 0:40, 2 speakers   height: probability of the most probable label" in written
        assert "45%" in " ".join(written) and "50%" in " ".join(written)

    def test_scores_have_lanes_on_one_scale(self, tmp_path):
        options = {"problem_type": "regression", "score_range": (-4, 4)}
        path = plot_timeline(self.of_two("scores"), tmp_path / "lanes.svg", **options)
        assert len(groups(path, r"lane_0_0")) == 1 and len(groups(path, r"lane_1_0")) == 1
        assert {"anna", "ben", "2.00", "-1.00"} <= {text.replace("−", "-") for text in texts(path)}


class TestTheTimeAxis:
    """It begins at 0 and ends with the recording, whatever lies before the first and after the last segment."""

    LATE = [
        {"timestamp": (start, end), "predictions": [{"label": "sad", "score": 0.6}, {"label": "happy", "score": 0.4}]}
        for start, end in ((20.0, 30.0), (30.0, 40.0))
    ]

    @pytest.mark.parametrize("problem_type", ["single_label_classification", "regression"])
    @pytest.mark.parametrize("has_speakers", [False, True])
    @pytest.mark.parametrize(
        ("silent", "duration", "end"), [([], None, 40.0), ([], 80, 80.0), ([(40.0, 60.0)], None, 60.0), ([], 12, 40.0)]
    )
    def test_is_that_of_the_recording(self, monkeypatch, tmp_path, problem_type, has_speakers, silent, duration, end):
        limits = []
        save_figure = Figure.savefig
        monkeypatch.setattr(
            Figure,
            "savefig",
            lambda self, *args, **kwargs: (
                limits.extend(axes.get_xlim() for axes in self.axes),
                save_figure(self, *args, **kwargs),
            ),
        )
        chunks = [{**chunk, "speaker": "anna"} if has_speakers else chunk for chunk in self.LATE]
        chunks += [{"timestamp": times, "predictions": None} for times in silent]
        path = tmp_path / "late.svg"
        plot_timeline({"chunks": chunks}, path, problem_type=problem_type, duration=duration)
        assert limits and all(limit == pytest.approx((0, end)) for limit in limits)
        assert any(text.startswith(f"2 segments, {clock(end)}") for text in texts(path))

    @pytest.mark.parametrize("duration", [0, -1, True, "60", float("nan")])
    def test_a_duration_is_a_number(self, tmp_path, duration):
        with pytest.raises(ValueError, match="duration must be a number above 0, got"):
            plot_timeline({"chunks": self.LATE}, tmp_path / "late.svg", duration=duration)
