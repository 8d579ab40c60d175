"""Where the metrics lie as modules for `evaluate`."""

from __future__ import annotations

from pathlib import Path


_PACKAGE = Path(__file__).resolve().parent.parent
# In the installed package, and in a clone of the repository.
_PLACES = (_PACKAGE / "metric_modules", _PACKAGE.parent / "metrics")


def metric_path(name: str) -> str:
    """The folder of one of this library's metrics, for `evaluate.load`; nothing is fetched.

    Args:
        name (`str`): `"concordance_correlation"`, `"emotion_accuracy"`, `"multi_label_emotions"`,
            `"one_vs_rest_emotions"` or `"sentiment_score"`.

    Returns:
        `str`: the folder.

    Raises:
        ValueError: there is no metric of that name.

    Example:
        >>> Path(metric_path("emotion_accuracy")).name
        'emotion_accuracy'

    ```python
    import evaluate

    accuracy = evaluate.load(metric_path("emotion_accuracy"))
    accuracy.compute(predictions=[0, 1], references=[0, 0], label_names=["happy", "sad"])
    ```
    """
    known = {path.parent.name: path.parent for place in _PLACES for path in place.glob("*/*.py")}
    if name not in known:
        raise ValueError(f"There is no metric {name!r}; there are {', '.join(sorted(known)) or 'none here'}.")
    return str(known[name])
