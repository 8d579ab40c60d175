import pickle

import numpy as np
import pytest
from datasets import Array2D, Array3D, Dataset, Features, List, Value, concatenate_datasets

from modeling_emo.training.row_views import RowViews, has_row_views


FEATURES = Features(
    {
        "id": Value("string"),
        "labels": Value("int32"),
        "score": Value("float64"),
        "input_ids": List(Value("int32")),
        "speech_input_ids": List(Value("int64")),
        "input_values": List(Value("float32")),
        "votes": List(Value("float64")),
        "encoded_text": Array2D((None, 4), "float32"),
        "encoded_speech": Array3D((None, 2, 4), "float32"),
        "speaker": Value("string"),
        "with_gaps": List(Value("int64")),
        "flag": Value("bool"),
    }
)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """A split on disk, in two record batches."""
    generator = np.random.default_rng(0)
    rows = []
    for index in range(30):
        length = [0, 1, 5, 17][index % 4]
        rows.append(
            {
                "id": f"u{index}",
                "labels": index % 3,
                "score": generator.normal(),
                "input_ids": generator.integers(9, size=length),
                "speech_input_ids": generator.integers(9, size=2 * length),
                "input_values": generator.normal(size=30 * length).astype(np.float32),
                "votes": [0.25, 0.75] if index % 2 else [],
                "encoded_text": generator.normal(size=(length, 4)).astype(np.float32),
                "encoded_speech": generator.normal(size=(length, 2, 4)).astype(np.float32),
                "speaker": None if index % 3 else "anna",
                "with_gaps": None if index == 2 else [1, 2],
                "flag": True,
            }
        )
    folder = tmp_path_factory.mktemp("rows")
    halves = [Dataset.from_list(part, features=FEATURES) for part in (rows[:13], rows[13:])]
    concatenate_datasets(halves).save_to_disk(folder)
    return Dataset.load_from_disk(folder).with_format("numpy")


def assert_same(ours, theirs):
    assert ours.keys() == theirs.keys()
    for name, expected in theirs.items():
        if isinstance(expected, np.ndarray):
            assert (ours[name].dtype, ours[name].shape) == (expected.dtype, expected.shape), name
        elif not isinstance(expected, str):  # datasets' are numpy's own kind of text
            assert type(ours[name]) is type(expected), name
        np.testing.assert_array_equal(ours[name], expected)


@pytest.mark.parametrize(
    "chosen",
    [
        lambda rows: rows,
        lambda rows: rows.select([20, 3, 2, 13]),
        lambda rows: rows.shuffle(seed=1),
        lambda rows: rows.select(range(10, 20)),
        lambda rows: rows.remove_columns(["flag", "with_gaps"]),
    ],
    ids=["all", "some", "shuffled", "a_slice", "without_gaps"],
)
def test_same_rows_as_the_numpy_format(prepared, chosen):
    dataset = chosen(prepared)
    views = pickle.loads(pickle.dumps(RowViews(dataset)))
    assert len(views) == len(dataset)
    indices = list(range(len(dataset)))[::-3]
    for ours, theirs in zip(views.__getitems__(indices), dataset.__getitems__(indices), strict=True):
        assert_same(ours, theirs)
    assert_same(views[-1], dataset.__getitems__([len(dataset) - 1])[0])
    with pytest.raises(IndexError, match="There is no row"):
        views[len(dataset)]


def test_floats_are_not_copied(prepared):
    views = RowViews(prepared)
    first, second = views[3]["input_values"], views[3]["input_values"]
    assert np.shares_memory(first, second) and not first.flags.writeable


def test_only_of_the_numpy_format(prepared):
    assert has_row_views(prepared)
    others = [prepared.with_format(None), prepared.with_format("numpy", columns=["labels"]), list(prepared)]
    assert not any(map(has_row_views, others))
    with pytest.raises(ValueError, match="numpy format"):
        RowViews(prepared.with_format(None))
