"""Labels that differ by an oversight are told of, with counts and the map that joins them."""

import re

import pytest

from preprocess import Utterance, read_corpus
from preprocess.labels.near_equal_labels import near_equal_labels


def reasons(*labels):
    rows = [Utterance(str(number), label=label) for number, label in enumerate(labels)]
    return [problem.reason for problem in near_equal_labels(rows, "here")]


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (("sad", "Sad", "SAD", "sad "), "'sad' (2), 'Sad' (1), 'SAD' (1) are .* label_map Sad=sad,SAD=sad$"),
        (("very sad", "very_sad", "very sad"), r"'very sad' (2), 'very_sad' (1) are .* label_map very_sad=very sad$"),
        ((["glad", "sad"], ["Glad"]), "'glad' (1), 'Glad' (1) are"),
    ],
)
def test_near_labels(labels, expected):
    (reason,) = reasons(*labels)
    assert re.search(expected.replace("(", r"\(").replace(")", r"\)"), reason), reason


@pytest.mark.parametrize("labels", [("sad", "sad", "glad"), ("1", "-1"), (1.0, 1), ("sad ", " sad"), (None, "sad")])
def test_other_labels(labels):
    assert reasons(*labels) == []


def test_they_are_among_the_problems_and_the_map_joins_them(tmp_path):
    table = tmp_path / "calls.csv"
    table.write_text("text,label,duration,speaker_id\none,Sad,3,a\ntwo,sad,4,a\nthree,sad,4,b\n")
    found = {problem.reason.partition(":")[0]: problem for problem in read_corpus("csv", table).problems}
    assert found["near-equal labels"].reason.endswith("To make them one: label_map Sad=sad")
    assert found["unused columns"].reason == (
        "unused columns: duration, speaker_id. Perhaps meant: speaker_column=speaker_id"
    )
    assert all(problem.kept for problem in found.values())
    mapped = read_corpus("csv", table, label_map="Sad=sad", speaker_column="speaker_id")
    assert [problem.reason for problem in mapped.problems] == ["unused columns: duration"]
    assert {row.label for row in mapped.splits["train"]} == {"sad"}
    with pytest.raises(ValueError, match="corpus csv has no option speakers; it takes audio_column, text_column"):
        read_corpus("csv", table, speakers="speaker_id")
