"""What an attribution gives, for words and for spans of time, and the library that integrates gradients."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Contributions:
    """Contributions to one prediction; those of integrated gradients add up.

    Args:
        values (`array` of shape `(parts,)`): one for each token (special ones included), or for each span of time.
        baseline_value (`float`, *optional*): the explained value of the baseline: padding in the place of words, or
            silence; None where contributions add up to nothing in particular.
        convergence_delta (`float`, *optional*): the sum of `values` minus the true difference between the explained
            value and `baseline_value`: the error of the integral.
    """

    values: np.ndarray
    baseline_value: float | None = None
    convergence_delta: float | None = None


def captum_attributions() -> Any:
    """The module `captum.attr`.

    Raises:
        ImportError: captum is not installed.
    """
    try:
        import captum.attr
    except ImportError as error:
        raise ImportError('Integrated gradients need Captum: pip install "emobert[explain]".') from error
    return captum.attr
