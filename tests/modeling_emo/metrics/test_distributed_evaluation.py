"""Two real processes evaluate like one, also where the last batch is ragged."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.modeling_emo.metrics.distributed_evaluation import PROBLEM_TYPES, ROWS, evaluate_all


ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    found = evaluate_all(tmp_path_factory.mktemp("alone"))
    assert found["processes"] == 1
    return found


@pytest.fixture(scope="module")
def together(tmp_path_factory):
    folder = tmp_path_factory.mktemp("together")
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    environment = {
        **os.environ,
        "ACCELERATE_USE_CPU": "true",
        "OMP_NUM_THREADS": "1",
        "HF_EVALUATE_OFFLINE": "1",
        "PYTHONPATH": str(ROOT),
    }
    script = Path(__file__).with_name("distributed_evaluation.py")
    result = subprocess.run(
        [*command, str(script), str(folder)], capture_output=True, text=True, env=environment, timeout=300
    )
    assert result.returncode == 0, result.stderr[-4000:]
    processes = [json.loads((folder / f"process_{rank}.json").read_text(encoding="utf-8")) for rank in range(2)]
    assert [process["processes"] for process in processes] == [2, 2]
    return processes


@pytest.mark.parametrize("problem_type", PROBLEM_TYPES)
def test_two_processes_give_the_values_of_one(problem_type, alone, together):
    one = alone[problem_type]
    assert len(one["trainer_logits"]) == ROWS
    assert one["trainer"] == pytest.approx(one["accelerate_metrics"], abs=1e-5, nan_ok=True)
    for process in (found[problem_type] for found in together):
        for way in ("trainer", "accelerate"):
            logits = np.array(process[f"{way}_logits"])
            np.testing.assert_allclose(logits, one["trainer_logits"], atol=1e-5)  # 17 rows, and in their order
        np.testing.assert_array_equal(process["trainer_labels"], one["trainer_labels"])
        assert process["trainer"] == pytest.approx(one["trainer"], abs=1e-5, nan_ok=True)
        assert process["accelerate_metrics"] == pytest.approx(one["trainer"], abs=1e-5, nan_ok=True)


def test_an_evaluate_module_gathers_the_rows_of_both(alone, together):
    assert together[0]["module"] == pytest.approx(alone["module"], abs=1e-12)
    assert together[1]["module"] is None
