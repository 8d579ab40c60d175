import numpy as np
import pytest
import torch

from configuration_emo.shown_values import MAX_CHARACTERS, shown


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("yes", "'yes'"),
        (0.5, "0.5"),
        (None, "None"),
        ({"text": "a", "timestamp": (0.0, 1.0)}, "{'text': 'a', 'timestamp': (0.0, 1.0)}"),
        (list(range(100)), "[0, 1, 2, 3, 4, 5, ...]"),
        (np.zeros((16_000, 2), dtype="float32"), "an array of shape (16000, 2) and type float32"),
        (torch.zeros(3), "an array of shape (3,) and type float32"),
        ("a\nb", "'a\\nb'"),
    ],
)
def test_says_what_it_is(value, expected):
    assert shown(value) == expected


@pytest.mark.parametrize(
    "value", ["x" * 10_000, 10**10_000, [["y" * 500] * 500] * 500, {"a": np.zeros(10_000)}], ids=type
)
def test_is_one_short_line(value):
    assert len(shown(value)) <= MAX_CHARACTERS and "\n" not in shown(value)
