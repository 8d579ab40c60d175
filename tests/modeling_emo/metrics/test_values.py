"""Ratios that may be undefined, and arrays that must not."""

import numpy as np
import pytest

from modeling_emo.metrics.values import finite, finite_pair, mean, ratio


def test_a_ratio_is_nan_where_it_is_undefined():
    np.testing.assert_array_equal(ratio(1, [2, 0]), [0.5, np.nan])
    np.testing.assert_array_equal(ratio([1, 0], 4), [0.25, 0])
    np.testing.assert_array_equal(ratio([[1], [0]], [2, 0]), [[0.5, np.nan], [0, np.nan]])
    assert np.isnan(ratio(0, 0)) and ratio(3, 4) == 0.75


def test_a_mean_of_nothing_is_nan_in_silence():
    assert mean(np.array([1.0, 2.0])) == 1.5 and np.isnan(mean(np.array([])))


def test_what_is_not_finite_is_counted():
    with pytest.raises(ValueError, match="1 of 3 logits are not finite"):
        finite([1.0, np.nan, 2.0], "logits")
    with pytest.raises(ValueError, match="2 of 4 labels are not finite"):
        finite_pair([0, 0], [[1, np.inf], [-np.inf, 1]])
    with pytest.raises(ValueError, match="There are 2 predictions for 3 labels"):
        finite_pair([1, 2], [1, 2, 3])
    assert finite([1, 2], "labels").dtype == np.float64
