"""`metrics.json`: its fields, JSON that any reader takes, and no half-written file."""

import json
from pathlib import Path

import numpy as np
import pytest

from modeling_emo.evaluation.metrics_file import write_metrics
from modeling_emo.evaluation.setting import EvaluationSetting


DESCRIBED = {
    "corpus": "emodb",
    "protocol": "leave one speaker out",
    "seed": 3,
    "checkpoint_selection": "highest eval_ua on validation",
}
COUNTED = {"n": 50, "label_order": ["angry", "happy"]}


def write(path, counted=COUNTED, *, metrics, intervals=None, extra=None, **described):
    setting = EvaluationSetting(**{**DESCRIBED, **described})
    return write_metrics(path, setting, **counted, metrics=metrics, intervals=intervals, extra=extra)


def strictly(text):
    """JSON as the standard has it: NaN and Infinity are refused."""

    def refuse(constant):
        raise AssertionError(f"{constant} is not JSON")

    return json.loads(text, parse_constant=refuse)


def test_every_field_of_the_evaluation(tmp_path):
    path = write(
        tmp_path / "fold_03" / "metrics.json",
        fold="03",
        metrics={"ua": np.float64(0.5), "wa": np.float32(0.25), "f1_happy": float("nan"), "n_batches": np.int64(2)},
        intervals={"ua": (0.4, np.float64(0.6)), "f1_happy": (float("nan"), float("inf"))},
        extra={"model": Path("outputs") / "demo", "confusion": np.eye(2, dtype=int)},
    )
    assert strictly(path.read_text(encoding="utf-8")) == {
        **DESCRIBED,
        **COUNTED,
        "split": "test",
        "fold": "03",
        "metrics": {"ua": 0.5, "wa": 0.25, "f1_happy": None, "n_batches": 2},
        "intervals": {"ua": [0.4, 0.6], "f1_happy": [None, None]},
        "model": "outputs/demo",
        "confusion": [[1, 0], [0, 1]],
    }


def test_metrics_by_condition_and_unknown_seed(tmp_path):
    metrics = {"both": {"corr": 0.9}, "text": {"corr": float("-inf")}}
    path = write(tmp_path / "metrics.json", seed=None, metrics=metrics)
    record = strictly(path.read_text(encoding="utf-8"))
    assert record["metrics"] == {"both": {"corr": 0.9}, "text": {"corr": None}}
    assert record["seed"] is None and record["fold"] is None and record["intervals"] is None


def test_a_failed_write_leaves_the_old_file_alone(tmp_path):
    path = write(tmp_path / "metrics.json", metrics={"ua": 0.5})
    before = path.read_text(encoding="utf-8")
    with pytest.raises(TypeError):
        write(path, metrics={"ua": object()})
    assert path.read_text(encoding="utf-8") == before
    write(path, metrics={"ua": 0.75})
    assert strictly(path.read_text(encoding="utf-8"))["metrics"] == {"ua": 0.75}
    assert [file.name for file in tmp_path.iterdir()] == ["metrics.json"]


def test_refuses_extra_fields_that_would_hide_others(tmp_path):
    with pytest.raises(ValueError, match="`extra` must not name .*: n, seed"):
        write(tmp_path / "metrics.json", metrics={}, extra={"seed": 1, "n": 2})
    with pytest.raises(ValueError, match="n=-1"):
        write(tmp_path / "metrics.json", {**COUNTED, "n": -1}, metrics={})
