"""Options of the right kind pass, and all others are refused by name."""

import math

import numpy as np
import pytest

from configuration_emo import check_number, check_whole, check_yes_or_no


@pytest.mark.parametrize("value", [1, 2, np.int64(5)])
def test_whole_numbers(value):
    check_whole("n", value)
    with pytest.raises(ValueError, match="n must be a whole number of at least 7, got "):
        check_whole("n", value, 7)


@pytest.mark.parametrize("value", [0, -1, True, False, np.True_, 2.0, math.nan, "2", [2], None, -(10**200)])
def test_what_is_no_whole_number(value):
    with pytest.raises(ValueError, match="^n must be a whole number of at least 1, got ") as error:
        check_whole("n", value)
    assert len(str(error.value)) < 200


@pytest.mark.parametrize("value", [0, 0.5, 1, np.float32(0.25), np.int32(1)])
def test_numbers(value):
    check_number("x", value, most=1)


@pytest.mark.parametrize("value", [True, np.False_, math.nan, math.inf, -0.1, 1.1, "0.5", [0.5], None, np.zeros(1)])
def test_what_is_no_number_of_the_range(value):
    with pytest.raises(ValueError, match="^x must be a number from 0 to 1, got "):
        check_number("x", value, most=1)


@pytest.mark.parametrize(
    ("value", "limits", "message"),
    [
        (0, {"is_open": True}, "a number above 0, got 0"),
        (-1, {}, "a number of at least 0, got -1"),
        (1, {"most": 1, "is_open": True}, "a number between 0 and 1, got 1"),
    ],
)
def test_limits(value, limits, message):
    with pytest.raises(ValueError, match=message):
        check_number("x", value, **limits)
    check_number("x", 0.5, **limits)


def test_yes_or_no():
    check_yes_or_no("x", True)
    check_yes_or_no("x", np.False_)
    for value in (0, 1, "yes", "", None, np.zeros(2, dtype=bool)):
        with pytest.raises(ValueError, match="^x must be True or False, got "):
            check_yes_or_no("x", value)
