import numpy as np
import pytest

from preprocess.features.padding import LONGEST, Layout, pad_sequences


ROWS = [np.array([1.0, 2.0, 3.0]), None, np.array([4.0])]


@pytest.mark.parametrize(
    ("layout", "width"),
    [
        (LONGEST, 3),
        (Layout("longest", 9), 3),
        (Layout("max_length", 5), 5),
        (Layout("max_length", 2), 3),  # a longer row stays whole
        (Layout("max_length"), 3),
        (Layout(True, None, 4), 4),
        (Layout("max_length", 5, 4), 8),
    ],
)
def test_width_of_a_batch(layout, width):
    values, mask = pad_sequences(ROWS, -1, layout)
    assert values.dtype == np.float32 and mask.dtype == np.int64
    assert values.tolist() == [
        [1, 2, 3] + [-1] * (width - 3),
        [-1] * width,
        [4] + [-1] * (width - 1),
    ]
    assert mask.sum(axis=1).tolist() == [3, 0, 1]


def test_integers_and_inner_axes():
    values, mask = pad_sequences([np.ones((2, 3), dtype=np.int16), np.zeros((1, 3), dtype=np.int16)], 7)
    assert values.dtype == np.int64 and values.shape == (2, 2, 3)
    assert values[1].tolist() == [[0, 0, 0], [7, 7, 7]] and mask.tolist() == [[1, 1], [1, 0]]


def test_time_may_come_last_and_the_last_position_be_repeated():
    rows = [np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[5.0, 6.0]]), None]
    values, mask = pad_sequences(rows, 0, Layout("max_length", 3), lengths=[1, 1, 0], repeat_last=True, time_last=True)
    assert values.flags.c_contiguous and values.shape == (3, 2, 3)
    assert values[0].tolist() == [[1, 3, 3], [2, 4, 4]] and values[1].tolist() == [[5, 5, 5], [6, 6, 6]]
    assert not values[2].any() and mask.sum(axis=1).tolist() == [1, 1, 0]
