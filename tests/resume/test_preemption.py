"""SIGTERM saves at the end of the step, in all processes at the same one, and the run can be resumed exactly."""

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from modeling_emo import last_whole_checkpoint
from tests.resume.runs import Run, outcome, seen, start
from tests.resume.test_exact_resume import check_same_end


ROOT = Path(__file__).resolve().parent.parent.parent


def check_preempted(folder, step, processes=1):
    for rank in range(processes):
        end = outcome(folder, rank)
        assert (end["world_size"], end["preempted"], end["step"]) == (processes, True, step)
    assert last_whole_checkpoint(folder).name == f"checkpoint-{step}"


def test_sigterm_saves_and_stops(tmp_path):
    # Best of all at step 2; one checkpoint is kept: the best one must not be kept in place of the last.
    options = {"save_total_limit": 1, "greater_is_better": True, "logging_steps": 1, "dataloader_num_workers": 2}
    assert start(Run(str(tmp_path / "whole"), options=options)) == [0]
    folder = tmp_path / "preempted"
    # In the middle of an epoch, then at the end of one, where an evaluation is due.
    for step in (3, 8):
        assert start(Run(str(folder), resume="true", term={0: step}, options=options)) == [0]
        check_preempted(folder, step)
    assert start(Run(str(folder), resume="true", options=options)) == [0]
    check_same_end(folder, tmp_path / "whole")
    assert seen(folder)[0] == [0, 3, 8]


def test_two_processes_stop_at_the_same_step(tmp_path):
    # Two steps make an epoch. To stop inside one is not to end it: nothing that is due then is done.
    options = {"save_strategy": "epoch", "eval_strategy": "epoch", "logging_steps": 1}
    assert start(Run(str(tmp_path / "whole"), options=options), 2) == [0, 0]
    folder = tmp_path / "preempted"
    for term, step in (({1: 1}, 1), ({0: 5, 1: 4}, 4)):  # one of them only; each at another step
        assert start(Run(str(folder), resume=True, term=term, options=options), 2) == [0, 0]
        check_preempted(folder, step, 2)
    assert start(Run(str(folder), resume=True, options=options), 2) == [0, 0]
    check_same_end(folder, tmp_path / "whole", 2)


@pytest.mark.slow
def test_torchrun_passes_sigterm_on(tmp_path):
    options = {"save_steps": 10, "eval_strategy": "no", "load_best_model_at_end": False, "logging_steps": 1}

    def torchrun(run):
        Path(run.folder).mkdir(exist_ok=True)
        command = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", "2", "--standalone"]
        command += ["-m", "tests.resume.runs", json.dumps(dataclasses.asdict(run))]
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
        return subprocess.run(command, cwd=ROOT, env=environment, timeout=300).returncode

    assert torchrun(Run(str(tmp_path / "whole"), options=options)) == 0
    folder = tmp_path / "preempted"
    # torchrun itself ends with an error, which tells nothing of its processes.
    assert torchrun(Run(str(folder), resume=True, term={0: 3}, term_launcher=True, options=options)) != 0
    step = outcome(folder)["step"]
    assert 3 <= step <= 5
    check_preempted(folder, step, 2)
    assert torchrun(Run(str(folder), resume=True, options=options)) == 0
    check_same_end(folder, tmp_path / "whole", 2)
