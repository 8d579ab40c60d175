"""Calibration by hand and against a loop."""

import numpy as np
import pytest
from sklearn.exceptions import UndefinedMetricWarning

from modeling_emo.metrics.calibration import calibration_bins, expected_calibration_error


class TestCalibration:
    def test_by_hand(self):
        confidences = [0.05, 0.1, 0.95, 0.95, 1.0]
        outcomes = [0, 1, 1, 1, 0]
        edges, confidence, accuracy_, counts = calibration_bins(confidences, outcomes)
        np.testing.assert_allclose(edges, np.arange(11) / 10)
        assert counts.tolist() == [2, 0, 0, 0, 0, 0, 0, 0, 0, 3]
        np.testing.assert_allclose(confidence[[0, 9]], [0.075, 2.9 / 3])
        np.testing.assert_allclose(accuracy_[[0, 9]], [0.5, 2 / 3])
        assert np.isnan(accuracy_[1:9]).all()
        expected = 0.4 * abs(0.5 - 0.075) + 0.6 * abs(2 / 3 - 2.9 / 3)
        assert expected_calibration_error(confidences, outcomes) == pytest.approx(expected)

    def test_a_bin_of_one(self):
        assert expected_calibration_error([0.3, 0.9], [0, 1]) == pytest.approx((0.3 + 0.1) / 2)

    def test_random_against_a_loop(self):
        generator = np.random.default_rng(6)
        confidences, outcomes = generator.random(500), generator.integers(2, size=500)
        error = 0.0
        for number in range(15):
            inside = (confidences > number / 15) & (confidences <= (number + 1) / 15)
            error += inside.mean() * abs(confidences[inside].mean() - outcomes[inside].mean())
        assert expected_calibration_error(confidences, outcomes, num_bins=15) == pytest.approx(error, abs=1e-12)

    def test_nothing_and_nonsense(self):
        with pytest.warns(UndefinedMetricWarning):
            assert np.isnan(expected_calibration_error([], []))
        with pytest.raises(ValueError, match=r"confidence must lie in \[0, 1\]"):
            expected_calibration_error([1.2], [1])
