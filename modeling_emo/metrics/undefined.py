"""The warning that names metrics which are undefined on some data."""

from __future__ import annotations

import warnings

import numpy as np
from sklearn.exceptions import UndefinedMetricWarning


def warn_undefined(metrics: dict[str, float], utterances: int) -> dict[str, float]:
    """The same metrics; those that are NaN are named in one `UndefinedMetricWarning`."""
    undefined = [name for name, value in metrics.items() if np.isnan(value)]
    if undefined:
        warnings.warn(
            f"Undefined on these {utterances} utterances, so NaN: {', '.join(undefined)}. A class does not occur, one "
            "side is constant, or nothing is left to compare.",
            UndefinedMetricWarning,
            stacklevel=3,
        )
    return metrics
