"""Named and given label maps: what they rename, leave out and refuse."""

import json

import pytest

from preprocess.labels.label_maps import LABEL_MAPS, LabelMap, apply_label_map, resolve_label_map
from preprocess.schema import CorpusReading, Problem, Utterance


def reading_of(*labels):
    return CorpusReading({"train": [Utterance(str(i), text="x", label=label) for i, label in enumerate(labels)]})


def labels_of(reading):
    return [utterance.label for utterance in reading.splits["train"]]


def test_the_paper_s_four_classes_merge_excited_into_happy_and_leave_the_rest_out():
    mapped = apply_label_map(reading_of("exc", "hap", "fru", "neu", "sad", "ang", "xxx"), "iemocap-4-class")
    assert labels_of(mapped) == ["happy", "happy", "neutral", "sad", "angry"]
    assert mapped.problems == [
        Problem("2", "label map, split train", "left out by the label map: 'fru'", "train"),
        Problem("6", "label map, split train", "left out by the label map: 'xxx'", "train"),
    ]
    assert LABEL_MAPS["iemocap-4-class"].names == ("neutral", "sad", "angry", "happy")


def test_numbers_are_mapped_by_their_value():
    label_map = LabelMap({"0.5": "half", "1": "one"})
    assert [label_map.apply(label) for label in (0.5, "0.50", 1, 1.0, "1.0")] == ["half", "half", "one", "one", "one"]
    for label in (True, ["0.5"], "high"):
        with pytest.raises(ValueError, match="This label map is for scores, got the label"):
            LABEL_MAPS["score-7-class"].apply(label)


def test_named_maps_leave_out_what_they_do_not_name():
    renaming = {name: label_map for name, label_map in LABEL_MAPS.items() if isinstance(label_map, LabelMap)}
    assert len(renaming) > 10 and LABEL_MAPS["score-7-class"].names == ("-3", "-2", "-1", "0", "1", "2", "3")
    assert [name for name, label_map in renaming.items() if label_map.apply("of no corpus") is not None] == []


@pytest.mark.parametrize("only_mapped", [True, False])
def test_a_map_however_it_is_given(only_mapped, tmp_path):
    expected = LabelMap({"hap": "happy", "xxx": None}, only_mapped)
    path = tmp_path / "map.json"
    path.write_text('{"hap": "happy", "xxx": null}')
    for given in ("hap=happy,xxx=", dict(expected.mapping), path, str(path), path.read_text()):
        assert resolve_label_map(given, only_mapped=only_mapped) == expected
    for given in (expected, LABEL_MAPS["score-7-class"]):
        assert resolve_label_map(given, only_mapped=True) is given


def test_some_of_the_labels_are_shown_where_none_is_left():
    labels = [f"l{number:02}" for number in range(25)]
    with pytest.raises(ValueError, match=r"labels are: l00, l01, .*, l19\.$"):
        apply_label_map(reading_of(*labels), "iemocap-4-class")


def test_a_map_stays_what_it_was_made_of():
    given = {"hap": "happy", "xxx": None}
    label_map = LabelMap(given)
    given["hap"] = "sad"
    assert label_map.apply("hap") == "happy" and label_map.names == ("happy",)
    assert label_map == LabelMap({"hap": "happy", "xxx": None}) and label_map != LabelMap({"hap": "happy"})
    assert "by_name" not in repr(label_map)
    with pytest.raises(TypeError):
        label_map.mapping["hap"] = "sad"


@pytest.mark.parametrize(
    ("name", "scores", "expected"),
    [
        ("score-binary-has0", [-0.2, 0.0, -0.0, 3.0], ["negative", "non-negative", "non-negative", "non-negative"]),
        ("score-binary-non0", [-0.2, 0.2, 3.0], ["negative", "positive", "positive"]),
        ("score-7-class", [4.0, 3.6, -3.4, -9.0], ["3", "3", "-3", "-3"]),
        ("score-7-class", [-4.0, -2.5, -1.5, -0.5, 0.5, 1.5, 2.4, 2.6], ["-3", "-2", "-2", "0", "0", "2", "2", "3"]),
    ],
)
def test_scores_become_classes(name, scores, expected):
    mapped = apply_label_map(reading_of(*scores), name)
    assert labels_of(mapped) == expected
    assert set(expected) <= set(LABEL_MAPS[name].names)


def test_a_zero_score_is_neither_negative_nor_positive():
    mapped = apply_label_map(reading_of(1.0, 0.0), "score-binary-non0")
    assert labels_of(mapped) == ["positive"]
    assert mapped.problems[0].reason == "left out by the label map: 0.0"


def test_renaming_keeps_other_labels_and_restricting_does_not():
    given = reading_of("exc", "fru", None)
    assert labels_of(apply_label_map(given, {"exc": "hap"})) == ["hap", "fru", None]
    assert labels_of(apply_label_map(given, {"exc": "hap"}, only_mapped=True)) == ["hap", None]
    assert labels_of(given) == ["exc", "fru", None]


def test_several_labels_of_one_utterance():
    mapped = apply_label_map(
        reading_of(["happy", "excited", "sad"], ["sad"], []), {"excited": "happy", "happy": "happy", "sad": None}
    )
    assert labels_of(mapped) == [["happy"], [], []]


def test_numbers_written_as_labels_can_be_named():
    assert labels_of(apply_label_map(reading_of(1.0, 0.0), {"1": "joy", "0": "anger"})) == ["joy", "anger"]


def test_maps_from_files_and_pairs(tmp_path):
    path = tmp_path / "map.json"
    path.write_text(json.dumps({"joy": "happy", "fear": None}), encoding="utf-8")
    assert resolve_label_map(path) == LabelMap({"joy": "happy", "fear": None})
    assert resolve_label_map('{"joy": "happy", "fear": null}') == LabelMap({"joy": "happy", "fear": None})
    assert resolve_label_map("joy=happy, fear=", only_mapped=True) == LabelMap(
        {"joy": "happy", "fear": None}, only_mapped=True
    )


@pytest.mark.parametrize(
    ("label_map", "message"),
    [
        ("iemocap-5-class", "'iemocap-5-class' is unknown. Give one of iemocap-6-class, iemocap-4-class"),
        ("missing.json", "missing.json cannot be read"),
        ('{"joy": ', "given as JSON cannot be read"),
        ({"joy": 1}, "'joy': 1"),
        ({"joy": "happy", "sadness": None}, "leaves no utterance. The labels are: sadness"),
        ("score-7-class", "is for scores, got the label 'sadness'"),
    ],
)
def test_unusable_maps_are_named(label_map, message):
    with pytest.raises(ValueError, match=message):
        apply_label_map(reading_of("sadness"), label_map)


def test_scores_in_a_list_cannot_be_renamed():
    with pytest.raises(ValueError, match=r"\[2.5, 3.0, 3.0\]"):
        apply_label_map(reading_of([2.5, 3.0, 3.0]), {"exc": "hap"})


def test_names_that_no_label_has_are_told_of():
    reading = CorpusReading({"train": [Utterance("a", text="a", label="angry"), Utterance("b", label=["sad", "hot"])]})
    mapped = apply_label_map(reading, "angri=anger,sad=sadness")
    assert [row.label for row in mapped.splits["train"]] == ["angry", ["sadness", "hot"]]
    (problem,) = mapped.problems
    assert problem.kept and problem.reason == (
        "names of the label map that no label has: angri; the labels are angry, hot, sad"
    )
    assert apply_label_map(reading, "angry=anger,sad=sadness").problems == []
    named = CorpusReading({"train": [Utterance("a", text="a", label="ang")]})
    assert apply_label_map(named, "iemocap-4-class").problems == []  # lists what other parts of the corpus have


def test_the_nearest_named_maps_are_told():
    with pytest.raises(ValueError, match="label_map='iemocap-4' is unknown. Give one of iemocap-4-class, ") as error:
        resolve_label_map("iemocap-4")
    assert len(str(error.value)) < 300
