"""One training at a time in a folder; the lock of a killed process blocks nobody."""

import subprocess
import sys

import pytest

from modeling_emo import lock_output_dir
from modeling_emo.resuming import output_lock
from tests.resume.runs import Run, make_trainer


HOLD = """
import sys
from modeling_emo import lock_output_dir
lock = lock_output_dir(sys.argv[1])
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr(output_lock, "PATIENCE_SECONDS", 0.1)


@pytest.fixture
def holder(tmp_path):
    """Another process that holds the lock of `tmp_path`."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


def test_the_lock_of_a_killed_process_is_free(holder, impatient, tmp_path):
    with pytest.raises(ValueError, match=f"Another training writes to {tmp_path} .* choose another output_dir"):
        lock_output_dir(tmp_path)
    holder.kill()
    holder.wait()
    assert (tmp_path / "_training.lock").exists()
    lock_output_dir(tmp_path).release()


def test_a_trainer_refuses_and_leaves_the_folder_as_it_is(holder, impatient, tmp_path):
    trainer = make_trainer(Run(str(tmp_path), options={"max_steps": 2}))
    before = sorted(tmp_path.iterdir())
    with pytest.raises(ValueError, match="Another training writes to"):
        trainer.train(resume_from_checkpoint=True)
    assert sorted(tmp_path.iterdir()) == before


def test_one_process_may_lock_again_and_another_folder(tmp_path):
    first, again = lock_output_dir(tmp_path), lock_output_dir(tmp_path)
    again.release()
    assert first.is_locked
    lock_output_dir(tmp_path / "other").release()
    first.release()
    assert not first.is_locked
