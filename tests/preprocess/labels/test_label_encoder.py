import json

import numpy as np
import pytest
from datasets import Dataset, DatasetDict, List, Value

from configuration_emo import EmoBertConfig
from preprocess.labels.label_encoder import LabelEncoder


EMOTIONS = {"neutral": 0, "sad": 1, "angry": 2, "happy": 3}


class TestSingleLabel:
    encoder = LabelEncoder("single_label_classification", EMOTIONS)

    def test_names(self):
        assert [self.encoder.encode(name) for name in ("happy", "neutral", " sad ")] == [3, 0, 1]
        assert self.encoder.feature == Value("int64") and self.encoder.num_labels == 4
        assert self.encoder.names == ["neutral", "sad", "angry", "happy"]

    def test_whole_numbers_are_names_too(self):
        encoder = LabelEncoder("single_label_classification", {"-1": 0, "0": 1, "1": 2})
        assert [encoder.encode(label) for label in (1, "0", np.int64(-1), 1.0)] == [2, 1, 0, 2]

    def test_unknown_name(self):
        with pytest.raises(
            ValueError, match=r"row 7: unknown label 'joy'; the known ones are neutral, sad, angry, happy"
        ):
            self.encoder.encode("joy", "row 7")

    @pytest.mark.parametrize("label", [["sad"], 0.5, True, {"sad": 1}])
    def test_wrong_type(self, label):
        with pytest.raises(ValueError, match="must be given by its name"):
            self.encoder.encode(label)

    @pytest.mark.parametrize("label", [None, "", "  "])
    def test_no_label(self, label):
        with pytest.raises(ValueError, match="there is no label"):
            self.encoder.encode(label)


class TestOneVsRest:
    encoder = LabelEncoder("one_vs_rest_classification", EMOTIONS)

    @pytest.mark.parametrize(
        ("label", "row"),
        [
            ("angry", [0, 0, 1, 0]),
            (["sad", "angry"], [0, 1, 1, 0]),
            ([1, 0, 0, 1], [1, 0, 0, 1]),
            ([0, 0, 0, 0], [0, 0, 0, 0]),
            (np.array([0.0, 1.0, 0.0, 0.0]), [0, 1, 0, 0]),
        ],
    )
    def test_rows(self, label, row):
        encoded = self.encoder.encode(label)
        assert encoded == row and all(type(value) is int for value in encoded)

    def test_feature(self):
        assert self.encoder.feature == List(Value("int64"))

    @pytest.mark.parametrize("label", [[1, 0, 0], [0, 0, 2, 0], [0.5, 0, 0, 0]])
    def test_row_that_is_not_one(self, label):
        with pytest.raises(ValueError, match="must have 4 values of 0 or 1"):
            self.encoder.encode(label)

    def test_empty_list(self):
        with pytest.raises(ValueError, match="the list of labels is empty"):
            self.encoder.encode([])

    def test_unknown_name(self):
        with pytest.raises(ValueError, match="unknown label 'joy'"):
            self.encoder.encode(["sad", "joy"])

    def test_wrong_type(self):
        with pytest.raises(ValueError, match="must be names or a 0/1 row"):
            self.encoder.encode(0.5)


class TestMultiLabel:
    encoder = LabelEncoder("multi_label_classification", EMOTIONS)

    @pytest.mark.parametrize(
        ("label", "row"),
        [
            (["happy", "sad"], [0.0, 1.0, 0.0, 1.0]),
            ("sad", [0.0, 1.0, 0.0, 0.0]),
            ([], [0.0] * 4),
            ([1, 1, 0, 0], [1.0, 1.0, 0.0, 0.0]),
        ],
    )
    def test_rows(self, label, row):
        encoded = self.encoder.encode(label)
        assert encoded == row and all(type(value) is float for value in encoded)

    def test_feature(self):
        assert self.encoder.feature == List(Value("float32"))

    def test_numbers_that_name_classes(self):
        assert LabelEncoder("multi_label_classification", {"3": 0, "7": 1}).encode(7) == [0.0, 1.0]


class TestRegression:
    def test_one_score(self):
        encoder = LabelEncoder("regression", label_range=(-3, 3))
        assert [encoder.encode(score) for score in (1.5, -3, "0.25", np.float32(3.0), [2.0])] == [
            1.5,
            -3.0,
            0.25,
            3.0,
            2.0,
        ]
        assert encoder.feature == Value("float32") and encoder.num_labels == 1

    def test_several_scores(self):
        encoder = LabelEncoder("regression", {"valence": 0, "arousal": 1}, label_range=[1, 5])
        assert encoder.encode([1.5, "5"]) == [1.5, 5.0]
        assert encoder.feature == List(Value("float32"))
        for wrong in ([1.0], [1.0, 2.0, 3.0]):
            with pytest.raises(ValueError, match="2 scores are expected"):
                encoder.encode(wrong)
        with pytest.raises(ValueError, match="2 scores are expected"):
            encoder.encode(1.0)

    @pytest.mark.parametrize("score", [3.01, -3.5, 100])
    def test_out_of_range(self, score):
        with pytest.raises(ValueError, match=r"row 3: the score .* is out of the range \[-3, 3\]"):
            LabelEncoder("regression", label_range=(-3, 3)).encode(score, "row 3")

    @pytest.mark.parametrize("score", [float("nan"), float("inf"), "nan", "-inf"])
    def test_not_finite(self, score):
        with pytest.raises(ValueError, match="must be finite"):
            LabelEncoder("regression").encode(score)

    @pytest.mark.parametrize("score", ["sad", True, {"score": 1}])
    def test_no_number(self, score):
        with pytest.raises(ValueError, match="must be a number"):
            LabelEncoder("regression").encode(score)


class TestConstruction:
    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (("emotion",), "problem_type must be one of"),
            (("single_label_classification",), "needs label2id"),
            (("single_label_classification", {"a": 0, "b": 2}), "from 0 without gaps"),
            (("single_label_classification", {"a": 0}, (0, 1)), "label_range is for regression"),
            (("regression", None, (3, -3)), "smallest, largest"),
            (("regression", None, (1, 2, 3)), "smallest, largest"),
        ],
    )
    def test_arguments_that_do_not_fit(self, arguments, message):
        with pytest.raises(ValueError, match=message):
            LabelEncoder(*arguments)

    @pytest.mark.parametrize(
        "encoder",
        [
            LabelEncoder("one_vs_rest_classification", EMOTIONS),
            LabelEncoder("regression", label_range=(-4, 4)),
            LabelEncoder("regression", {"valence": 0, "arousal": 1}),
        ],
    )
    def test_round_trip_through_json(self, encoder):
        values = json.loads(json.dumps({**encoder.to_dict(), "corpus": "csv"}))
        assert vars(LabelEncoder.from_dict(values)) == vars(encoder)


class TestFromDataset:
    def test_names_of_all_splits_in_alphabetical_order(self):
        splits = DatasetDict(
            {
                "train": Dataset.from_dict({"label": ["sad", "happy", None]}),
                "test": Dataset.from_dict({"label": ["angry", "sad"]}),
            }
        )
        encoder = LabelEncoder.from_dataset(splits, "single_label_classification")
        assert encoder.label2id == {"angry": 0, "happy": 1, "sad": 2}

    def test_lists_of_names(self):
        dataset = Dataset.from_dict({"label": [["sad", "angry"], [], ["joy"]]})
        assert LabelEncoder.from_dataset(dataset, "multi_label_classification").names == ["angry", "joy", "sad"]

    def test_names_that_are_given(self):
        dataset = Dataset.from_dict({"label": ["sad"]})
        assert (
            LabelEncoder.from_dataset(dataset, "single_label_classification", label2id=EMOTIONS).label2id == EMOTIONS
        )

    def test_rows_have_no_names(self):
        with pytest.raises(ValueError, match="give label2id"):
            LabelEncoder.from_dataset(Dataset.from_dict({"label": [[0, 1], [1, 0]]}), "multi_label_classification")

    def test_scores(self):
        one = LabelEncoder.from_dataset(Dataset.from_dict({"label": [0.5]}), "regression", label_range=(-1, 1))
        several = LabelEncoder.from_dataset(Dataset.from_dict({"label": [None, [0.5, 1.0]]}), "regression")
        assert one.num_labels == 1 and one.label_range == (-1.0, 1.0)
        assert several.label2id == {"LABEL_0": 0, "LABEL_1": 1}

    def test_missing_column(self):
        with pytest.raises(ValueError, match="no column 'label'; the columns are emotion"):
            LabelEncoder.from_dataset(Dataset.from_dict({"emotion": ["sad"]}), "single_label_classification")


@pytest.mark.parametrize(
    ("encoder", "names", "label_range"),
    [
        (LabelEncoder("single_label_classification", {"sad": 1, "neutral": 0, "angry": 2}), list(EMOTIONS)[:3], None),
        (LabelEncoder("regression", {"valence": 0, "arousal": 1}, (1, 5)), ["valence", "arousal"], [1.0, 5.0]),
        (LabelEncoder("regression", label_range=(-3, 3)), ["score"], [-3.0, 3.0]),
        (LabelEncoder("regression"), ["score"], None),
    ],
)
def test_a_model_calls_its_outputs_by_the_labels_names(encoder, names, label_range):
    config = EmoBertConfig(**encoder.config_kwargs())
    assert config.id2label == dict(enumerate(names)) and config.label2id == dict(zip(names, range(9), strict=False))
    assert (config.problem_type, config.num_labels, config.label_range) == (
        encoder.problem_type,
        len(names),
        label_range,
    )
    if encoder.problem.labels == "index":
        assert [config.id2label[encoder.encode(name)] for name in names] == names


def test_a_range_has_two_ends():
    for label_range in ((1, 1), (2, 1), (1,), (1, 2, 3)):
        with pytest.raises(ValueError, match="must be .smallest, largest., got"):
            LabelEncoder("regression", label_range=label_range)
