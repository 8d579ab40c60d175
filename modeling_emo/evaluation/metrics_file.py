"""`metrics.json`: the numbers of an evaluation, with all that is needed to know what they are numbers of."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .setting import EvaluationSetting


def write_metrics(
    path: str | Path,
    setting: EvaluationSetting,
    *,
    n: int,
    label_order: Sequence[str],
    metrics: Mapping[str, Any],
    intervals: Mapping[str, Any] | None = None,
    extra: Mapping[str, Any] | None = None,
) -> Path:
    """Writes one evaluation as JSON; an existing file is replaced in one step or not at all.

    Args:
        path (`str` or `Path`): the file to write.
        setting ([`EvaluationSetting`]): what was evaluated; what is None is written as null.
        n (`int`): how many utterances the metrics are over.
        label_order (`list[str]`): the labels in the order of the logits.
        metrics (`dict`): values by name, or such dicts by condition (for example by modality).
        intervals (`dict`, *optional*): `(low, high)` by metric, in the same nesting.
        extra (`dict`, *optional*): more to record, such as versions or the model's folder.

    Returns:
        `Path`: of the written file. NaN and infinity, which JSON does not have, are written as null.

    Raises:
        ValueError: `n` is negative, or `extra` names a field that exists.

    Example:
        >>> import tempfile
        >>> folder = tempfile.mkdtemp()
        >>> setting = EvaluationSetting(
        ...     corpus="meld", protocol="official split", seed=0, checkpoint_selection="lowest eval_loss on validation"
        ... )
        >>> path = write_metrics(
        ...     f"{folder}/metrics.json", setting, n=2610, label_order=["anger", "joy"],
        ...     metrics={"wa": 0.61, "f1_joy": float("nan")},
        ... )
        >>> json.loads(path.read_text())["metrics"]
        {'wa': 0.61, 'f1_joy': None}
    """
    if n < 0:
        raise ValueError(f"n={n} must be the number of utterances.")
    record = {
        "corpus": setting.corpus,
        "protocol": setting.protocol,
        "split": setting.split,
        "fold": setting.fold,
        "seed": setting.seed,
        "n": n,
        "label_order": list(label_order),
        "checkpoint_selection": setting.checkpoint_selection,
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
