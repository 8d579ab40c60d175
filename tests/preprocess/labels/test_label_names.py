"""Names of labels: numbers by their value, lists as they are written, and nothing read as something else."""

import json

import pytest
from datasets import Dataset, DatasetDict
from hypothesis import given
from hypothesis import strategies as st

from preprocess.labels.label_encoder import LabelEncoder
from preprocess.labels.label_maps import LABEL_MAPS, LabelMap, apply_label_map
from preprocess.labels.label_names import (
    ABSENT_WORDS,
    holds_several_names,
    label_name,
    listed_label,
    sorted_names,
    split_names,
)
from preprocess.schema import CorpusReading, Utterance


NAMES = st.text(alphabet=st.characters(categories=["L"]), min_size=1, max_size=6)


@given(st.integers(-(10**9), 10**9), st.integers(0, 3))
def test_a_number_is_one_label_however_it_is_written(number, zeros):
    writings = [str(number), f"{number}.{'0' * zeros}", f" {number}e0 ", number, float(number)]
    assert {label_name(writing) for writing in writings} == {str(number)}


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("-0.0", "0"),
        ("00", "0"),
        ("+2", "2"),
        (".5", "0.5"),
        ("12345678901234567890", "12345678901234567890"),
        ("1e999999999", "1e999999999"),
        ("9" * 5_000, "9" * 5_000),
        ("1_000", "1_000"),
        ("٣", "٣"),
        ("1,5", "1,5"),
        ("nan", "nan"),
        ("inf", "inf"),
    ],
)
def test_texts_of_digits(text, name):
    assert label_name(text) == name


@given(st.lists(st.integers(-100, 100), unique=True), st.sets(NAMES))
def test_numbers_come_first_and_in_their_order(numbers, words):
    assert sorted_names([*words, *map(str, numbers)]) == [*map(str, sorted(numbers)), *sorted(words)]


@given(st.lists(NAMES, min_size=1, max_size=4))
def test_lists_as_python_json_and_people_write_them(names):
    for written in (str(names), json.dumps(names), str(tuple(names))):
        assert listed_label(written, "here") == names
    assert listed_label(str(set(names)), "here") == sorted(set(names))
    for written in ("|".join(names), ", ".join(names), "; ".join(names)):
        assert split_names(written) == names


@pytest.mark.parametrize(
    "text",
    [
        "['sad' 'angry']",
        "[1. 0. 1.]",
        "[sad, angry]",
        "[['sad'], ['angry']]",
        "{'sad': 1}",
        "[" * 100_000 + "]" * 100_000,
        "[" + "9" * 5_000 + "]",
        '["\\ud800"]',
        "[]]",
    ],
)
def test_what_looks_like_a_list_and_is_none_is_refused_with_its_place(text):
    with pytest.raises(ValueError, match="train.csv, line 7: the label .* looks like a list") as error:
        listed_label(text, "train.csv, line 7")
    assert len(str(error.value)) < 300


def labels(*values):
    return DatasetDict({"train": Dataset.from_dict({"label": list(values)})})


class TestEncoder:
    def test_numbers_in_text(self):
        splits = DatasetDict(
            {
                "train": Dataset.from_dict({"label": ["0.0", "1.0", None]}),
                "test": Dataset.from_dict({"label": ["0", "1"]}),
            }
        )
        encoder = LabelEncoder.from_dataset(splits, "single_label_classification")
        assert encoder.names == ["0", "1"]
        assert [encoder.encode(label) for label in ("0", "0.0", 0, 0.0, "1e0")] == [0, 0, 0, 0, 1]
        numbers = LabelEncoder.from_dataset(labels(*map(str, range(12))), "single_label_classification")
        assert numbers.names == [str(number) for number in range(12)]

    def test_given_names_are_kept_and_found_by_value(self):
        encoder = LabelEncoder("single_label_classification", {"01": 0, "02": 1})
        assert (encoder.names, encoder.encode("2.0"), encoder.encode("02")) == (["01", "02"], 1, 1)
        with pytest.raises(ValueError, match=r"names one label twice \(numbers go by their value\): 0, 0.0"):
            LabelEncoder("single_label_classification", {"0": 0, "0.0": 1})

    @pytest.mark.parametrize("text", ["['sad', 'angry']", '["sad", "angry"]', "sad|angry", "angry, sad", "sad;angry"])
    @pytest.mark.parametrize("problem_type", ["multi_label_classification", "one_vs_rest_classification"])
    def test_several_names_in_one_text(self, text, problem_type):
        encoder = LabelEncoder.from_dataset(labels(text, "joy"), problem_type)
        assert encoder.names == ["angry", "joy", "sad"]
        assert encoder.encode(text) == [1, 0, 1]

    def test_a_known_name_with_a_comma_is_one_name(self):
        encoder = LabelEncoder("multi_label_classification", {"joy, mostly": 0, "sad": 1})
        assert encoder.encode("joy, mostly") == [1.0, 0.0]
        with pytest.raises(ValueError, match="row 3: unknown label 'fear'"):
            encoder.encode("sad, fear", "row 3")

    def test_one_label_may_not_be_several(self):
        encoder = LabelEncoder.from_dataset(labels("sad", "angry"), "single_label_classification")
        with pytest.raises(ValueError, match=r"row 3: unknown label 'sad\|angry'"):
            encoder.encode("sad|angry", "row 3")

    def test_nan_is_no_label(self):
        encoder = LabelEncoder.from_dataset(labels(1.0, float("nan")), "single_label_classification")
        assert encoder.names == ["1"]
        with pytest.raises(ValueError, match="row 3: there is no label"):
            encoder.encode(float("nan"), "row 3")


class TestLabelMap:
    @pytest.mark.parametrize("label", ["0", "0.0", 0, 0.0, " 0e0"])
    @pytest.mark.parametrize("key", ["0", "0.0"])
    def test_numbers_go_by_their_value(self, label, key):
        assert LabelMap({key: "neutral"}, only_mapped=True).apply(label) == "neutral"

    def test_two_new_names_for_one_number(self):
        with pytest.raises(ValueError, match="gives '0' two new names"):
            LabelMap({"0": "neutral", "0.0": "happy"})

    @pytest.mark.parametrize(
        ("name", "expected"),
        [
            ("score-binary-has0", ["non-negative", "negative"]),
            ("score-binary-non0", ["positive", "negative"]),
            ("score-7-class", ["1", "-1"]),
        ],
    )
    def test_nan_is_left_out_of_scores(self, name, expected):
        nothing = [float("nan"), None, "1.0", "-1"]
        rows = [Utterance(str(index), text="x", label=label) for index, label in enumerate(nothing)]
        mapped = apply_label_map(CorpusReading({"train": rows}), name)
        assert [(row.id, row.label) for row in mapped.splits["train"]] == list(zip("23", expected, strict=True))
        assert [(problem.id, problem.reason) for problem in mapped.problems] == [("0", "no label"), ("1", "no label")]
        assert LABEL_MAPS[name].apply(float("nan")) is None


def test_words_in_brackets_are_no_list():
    read = {"(laughs)": "(laughs)", '("sad")': "sad", "(1)": 1, "(1, 0)": [1, 0], "[sighs]": "[sighs]", "sad": "sad"}
    assert {text: listed_label(text, "line 2") for text in read} == read


def test_all_numbers_come_before_all_words():
    assert sorted_names(["b", "3", "-1", "a", "0", "10"]) == ["-1", "0", "3", "10", "a", "b"]


@pytest.mark.parametrize("text", ["sad|angry", "sad; angry", "sad,angry"])
def test_a_text_of_several_names_is_known_as_such(text):
    assert holds_several_names(text) is True and split_names(text) == ["sad", "angry"]
    assert holds_several_names("sad") is False


@pytest.mark.parametrize("word", ["nan", "NaN", "None", "N/A", "#N/A", "NA", "<NA>", "NaT", "NULL"])
def test_words_for_nothing(word):
    assert word in ABSENT_WORDS and word + "x" not in ABSENT_WORDS
