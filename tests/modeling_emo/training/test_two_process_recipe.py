"""Two real processes: token-budget batches, gradual unfreezing, and a resume in the middle of an epoch."""

import collections
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest


ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def reports(tmp_path_factory):
    folder = tmp_path_factory.mktemp("two")
    script = ROOT / "tests" / "modeling_emo" / "training" / "two_process_recipe.py"
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2", script, folder]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=environment)
    assert result.returncode == 0, result.stderr[-4000:]
    return [json.loads((folder / f"rank{rank}.json").read_text()) for rank in (0, 1)]


def test_each_row_is_seen_once_per_epoch_by_one_of_two_processes(reports):
    assert [report["world_size"] for report in reports] == [2, 2]
    steps = reports[0]["steps"]
    assert steps % 2 == 0
    for start, end in ((0, steps // 2), (steps // 2, steps)):
        rows = [row for report in reports for batch in report["batches"][start:end] for row in batch]
        assert collections.Counter(rows) == dict.fromkeys(range(12), 1)
    assert all(len(report["batches"]) == steps for report in reports)


def test_a_resume_goes_on_with_the_batches_that_were_left(reports):
    for report in reports:
        assert report["batches_after_resume"] == report["batches"][-2:]
        assert report["resumed_equal"]


def test_frozen_layers_do_not_stop_distributed_training(reports):
    """Two epochs of gradual unfreezing: the last speech layer moved, the first one did not."""
    moved = reports[0]["moved"]
    assert any("speech_encoder.encoder.layer.1." in name for name in moved)
    assert not any("speech_encoder.encoder.layer.0." in name or "embeddings" in name for name in moved)
    assert reports[0]["checksum"] == reports[1]["checksum"]
