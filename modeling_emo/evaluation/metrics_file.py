"""`metrics.json`: the numbers of an evaluation, with all that is needed to know what they are numbers of."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np


def write_metrics(
    path: str | Path,
    *,
    corpus: str,
    protocol: str,
    seed: int | None,
    n: int,
    label_order: Sequence[str],
    checkpoint_selection: str,
    metrics: Mapping[str, Any],
    intervals: Mapping[str, Any] | None = None,
    fold: int | str | None = None,
    split: str = "test",
    extra: Mapping[str, Any] | None = None,
) -> Path:
    """Writes one evaluation as JSON; an existing file is replaced in one step or not at all.

    Args:
        path (`str` or `Path`): the file to write.
        corpus (`str`): name of the corpus.
        protocol (`str`): how training, validation and test data were told apart.
        seed (`int`, *optional*): of the training run; None (written as null) where it is not known.
        n (`int`): how many utterances the metrics are over.
        label_order (`list[str]`): the labels in the order of the logits.
        checkpoint_selection (`str`): how the evaluated checkpoint was chosen, for example
            `"highest eval_corr on validation"`.
        metrics (`dict`): values by name, or such dicts by condition (for example by modality).
        intervals (`dict`, *optional*): `(low, high)` by metric, in the same nesting.
        fold (`int` or `str`, *optional*): the fold of a cross-validation; null otherwise.
        split (`str`, defaults to `"test"`): the split the metrics are over.
        extra (`dict`, *optional*): more to record, such as versions or the model's folder.

    Returns:
        `Path`: of the written file. NaN and infinity, which JSON does not have, are written as null.

    Raises:
        ValueError: a description is empty, `n` is negative, or `extra` names a field that exists.

    Example:
        >>> import tempfile
        >>> folder = tempfile.mkdtemp()
        >>> path = write_metrics(
        ...     f"{folder}/metrics.json", corpus="meld", protocol="official split", seed=0, n=2610,
        ...     label_order=["anger", "joy"], checkpoint_selection="lowest eval_loss on validation",
        ...     metrics={"wa": 0.61, "f1_joy": float("nan")},
        ... )
        >>> json.loads(path.read_text())["metrics"]
        {'wa': 0.61, 'f1_joy': None}
    """
    described = {"corpus": corpus, "protocol": protocol, "split": split, "checkpoint_selection": checkpoint_selection}
    for name, text in described.items():
        if not text or not text.strip():
            raise ValueError(f"A metrics file without {name!r} cannot be compared with any other: say what it was.")
    if n < 0:
        raise ValueError(f"n={n} must be the number of utterances.")
    record = {
        "corpus": corpus,
        "protocol": protocol,
        "split": split,
        "fold": fold,
        "seed": seed,
        "n": n,
        "label_order": list(label_order),
        "checkpoint_selection": checkpoint_selection,
        "metrics": metrics,
        "intervals": intervals,
    }
    repeated = sorted(set(record) & set(extra or {}))
    if repeated:
        raise ValueError(f"`extra` must not name fields of every metrics file: {', '.join(repeated)}.")
    text = json.dumps(_plain({**record, **(extra or {})}), indent=2, ensure_ascii=False, allow_nan=False)
    return _replace(Path(path), text + "\n")


def _plain(value: Any) -> Any:
    """The value in JSON's own types: numpy scalars and arrays unwrapped, what is not finite as None."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set)):
        return [_plain(item) for item in value]
    if isinstance(value, np.ndarray | np.generic):
        return _plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    return value


def _replace(path: Path, text: str) -> Path:
    """Writes beside the file and then puts it in place, so that no reader ever sees half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        unfinished.write_text(text, encoding="utf-8")
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
    return path
