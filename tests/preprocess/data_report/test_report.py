"""The data report's numbers against counts by hand and numpy, its tables, and its picture."""

import json

import numpy as np
import pytest
from PIL import Image

from preprocess.corpora import meld
from preprocess.data_report.report import describe, summarise, write_data_report
from preprocess.schema import CorpusReading, Problem, Utterance
from tests.preprocess.corpora.corpus_trees import meld_tree, write_tone


@pytest.fixture
def reading(tmp_path):
    """Two splits that share a speaker and a text; one recording's length is known from its file only."""
    recording = str(write_tone(tmp_path / "a.wav", 1.5))
    missing = str(tmp_path / "missing.wav")
    return CorpusReading(
        {
            "train": [
                Utterance("a", audio=recording, text="Oh my.", label="joy", speaker="Ross", session="d0"),
                Utterance("b", audio="x.wav", text="oh  MY.", label="joy", speaker="Ross", extra={"duration": 0.5}),
                Utterance("c", audio=missing, label="fear", speaker="Joey", session="d1"),
                Utterance("d", text="one two three four", speaker=None, session="d1"),
            ],
            "test": [Utterance("e", text="Oh my.", label="anger", speaker="Ross", session="d2")],
        },
        [
            Problem("c", "list.csv, line 4", "empty transcript", "train", kept=True),
            Problem("f", "list.csv, line 6", "unknown label: 'bored'", "train"),
            Problem("g", "list.csv, line 7", "unknown label: 'tired'", "train"),
            Problem(
                "meld", "list.csv", "counts differ from the published ones: all: 5 where 9 are published", kept=True
            ),
        ],
    )


def test_numbers(reading):
    report = summarise(reading)

    train = report["splits"]["train"]
    assert {key: train[key] for key in ("utterances", "with_audio", "with_text", "with_both", "unlabelled")} == {
        "utterances": 4,
        "with_audio": 3,
        "with_text": 3,
        "with_both": 2,
        "unlabelled": 1,
    }
    assert train["labels"] == {"fear": 1, "joy": 2}
    assert train["utterances_by_speaker"] == {"Joey": 1, "Ross": 2}
    assert (train["speakers"], train["sessions"]) == (2, 2)
    assert train["hours"] == round(2.0 / 3600, 4)
    assert train["seconds"] == {"count": 2, "min": 0.5, "median": 1.0, "mean": 1.0, "p95": 1.45, "max": 1.5}
    assert train["words"] == {
        "count": 3,
        "min": 2.0,
        "median": 2.0,
        "mean": 2.667,
        "p95": round(float(np.percentile([2, 2, 4], 95)), 3),
        "max": 4.0,
    }
    assert report["splits"]["test"]["seconds"] == {"count": 0}
    assert report["shared"] == {"train and test": {"speakers": 1, "sessions": 0, "texts": 1}}
    assert report["repeated_texts"] == {
        "texts": 1,
        "utterances": 3,
        "most_frequent": [{"text": "oh my.", "train": 2, "test": 1}],
    }
    assert report["known_counts"] == ["counts differ from the published ones: all: 5 where 9 are published"]
    assert report["problems"] == {
        "kept": 1,
        "left_out": 2,
        "by_reason": {
            "unknown label": {"count": 2, "ids": ["f", "g"]},
            "empty transcript": {"count": 1, "ids": ["c"]},
        },
    }


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ([-1.0, 2.0], {"mean": [0.5], "std": [1.5], "min": [-1.0], "max": [2.0]}),
        (
            [[1.0, 2.0, 3.0], [3.0, 2.0, 5.0]],
            {
                "mean": [2.0, 2.0, 4.0],
                "std": [1.0, 0.0, 1.0],
                "min": [1.0, 2.0, 3.0],
                "max": [3.0, 2.0, 5.0],
            },
        ),
        ([["happy", "sad"], ["sad"], []], {"happy": 1, "sad": 2}),
    ],
)
def test_scores_and_several_labels(labels, expected):
    utterances = [Utterance(str(number), text="x", label=label) for number, label in enumerate(labels)]
    assert summarise(CorpusReading({"train": utterances}))["splits"]["train"]["labels"] == expected


def test_texts_that_occur_twice_are_repeated():
    utterances = [Utterance(str(number), text=text) for number, text in enumerate(["Yes.", "No.", "yes. "])]
    assert summarise(CorpusReading({"train": utterances}))["repeated_texts"] == {
        "texts": 1,
        "utterances": 2,
        "most_frequent": [{"text": "yes.", "train": 2}],
    }


def test_tables(reading):
    lines = describe(reading).splitlines()
    assert "split  utterances  with_audio  with_text  hours  speakers  sessions" in lines
    assert "train           4           3          3   0.00         2         2" in lines
    assert "joy             2     0" in lines
    assert "(no label)      1     0" in lines
    assert "train and test         1         0      1" in lines
    assert "1 texts occur more than once, in 3 utterances: 'oh my.' (3)" in lines
    assert "problems: 2 items left out, 1 kept in part" in lines
    assert "unknown label         2  f, g" in lines


def test_files(reading, tmp_path):
    report = write_data_report(reading, tmp_path / "report")

    assert json.loads((tmp_path / "report" / "data_report.json").read_text(encoding="utf-8")) == report
    assert (tmp_path / "report" / "data_report.txt").read_text(encoding="utf-8") == describe(reading) + "\n"
    with Image.open(tmp_path / "report" / "data_report.png") as picture:
        assert picture.size == (2160, 570)
        colours = np.unique(np.asarray(picture.convert("RGB")).reshape(-1, 3), axis=0)
    assert {(0, 114, 178), (213, 94, 0)} <= {tuple(map(int, colour)) for colour in colours}  # a line per split


def test_a_corpus_without_anything(tmp_path):
    report = write_data_report(CorpusReading({}), tmp_path)
    assert report["splits"] == {}
    assert "no problems" in describe(CorpusReading({}))


def test_a_corpus_from_its_files(tmp_path):
    report = summarise(meld.read(meld_tree(tmp_path)))
    assert report["splits"]["train"]["labels"] == {"fear": 1, "joy": 1, "neutral": 1}
    assert report["splits"]["train"]["hours"] + 1e-4 > 0.6 / 3600
    assert len(report["known_counts"]) == 1
    assert report["problems"]["by_reason"] == {}
