"""What tests of metrics share."""

import warnings

import pytest
import sklearn
from scipy import stats


@pytest.fixture
def quiet():
    """Undefined values are part of the random cases; their warnings are tested on their own."""
    with warnings.catch_warnings(), sklearn.config_context(skip_parameter_validation=True, assume_finite=True):
        warnings.simplefilter("error", RuntimeWarning)  # a division by zero of ours is no way to an undefined value
        warnings.simplefilter("ignore", stats.ConstantInputWarning)
        warnings.simplefilter("ignore", UserWarning)  # of which UndefinedMetricWarning is one
        yield
