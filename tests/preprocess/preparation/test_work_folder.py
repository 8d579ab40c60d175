"""Unfinished work leaves nothing behind, however its process ends."""

import os
import signal
import subprocess
import sys
import time

import pytest
from filelock import FileLock

from preprocess.preparation.work_folder import work_folder


WORKING = """
import sys, time
from pathlib import Path
from preprocess.preparation.work_folder import work_folder
with work_folder(Path(sys.argv[1])) as folder:
    (folder / "half").write_text("x")
    print(folder, flush=True)
    time.sleep(600)
"""


def start(path):
    process = subprocess.Popen([sys.executable, "-c", WORKING, str(path)], stdout=subprocess.PIPE, text=True)
    return process, process.stdout.readline().strip()


def test_it_is_beside_and_gone_at_the_end(tmp_path):
    with work_folder(tmp_path / "data") as folder:
        (folder / "half").write_text("x")
        assert folder.parent == tmp_path and folder.name.startswith(".data-unfinished-")
    with pytest.raises(KeyError), work_folder(tmp_path / "data"):
        raise KeyError
    assert not list(tmp_path.iterdir())
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_a_process_that_is_asked_to_end_removes_its_folder(tmp_path):
    process, folder = start(tmp_path / "data")
    assert os.path.exists(folder)
    process.terminate()
    assert process.wait(30) == 128 + signal.SIGTERM
    assert not list(tmp_path.iterdir())


def test_what_a_killed_process_left_is_removed_by_the_next_and_that_of_a_living_one_is_not(tmp_path):
    killed, abandoned = start(tmp_path / "data")
    other, others_folder = start(tmp_path / "data.b")
    living, in_use = start(tmp_path / "data")
    killed.kill()
    killed.wait()
    assert os.path.exists(abandoned)
    with work_folder(tmp_path / "data"):
        assert not os.path.exists(abandoned)
        assert os.path.exists(in_use) and os.path.exists(others_folder)
    for process in (living, other):
        process.terminate()
        process.wait(30)
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_just_being_made_is_left_alone(tmp_path):
    young, old = tmp_path / ".data-unfinished-a", tmp_path / ".data-unfinished-b"
    young.mkdir()
    old.mkdir()
    os.utime(old, (time.time() - 100,) * 2)
    with work_folder(tmp_path / "data"):
        assert young.exists() and not old.exists()
    with FileLock(young / "lock"), work_folder(tmp_path / "data"):
        assert young.exists()
    with work_folder(tmp_path / "data"):
        assert not young.exists()
