"""A disk that is full, or that can only be read: a clear error, and the last good checkpoint stays good."""

import ctypes
import json
import os
import resource
import subprocess
from pathlib import Path

import pytest
from transformers import TrainerCallback

from modeling_emo import last_whole_checkpoint
from tests.resume.runs import Run, make_trainer, start, train
from tests.resume.test_exact_resume import check_same_end


NEW_MOUNTS = 0x00020000  # CLONE_NEWNS
SIZE = 64 << 20


def mount_own_disk(folder):
    """Mounts a small file system that only this process sees; False where that is not allowed."""
    if ctypes.CDLL(None, use_errno=True).unshare(NEW_MOUNTS) != 0:
        return False
    commands = (
        ["mount", "--make-rprivate", "/"],
        ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", folder],
    )
    return all(subprocess.run(command, capture_output=True).returncode == 0 for command in commands)


class AfterSaving(TrainerCallback):
    """Does something once, after a checkpoint was saved."""

    def __init__(self, action):
        self.action = action

    def on_save(self, args, state, control, **kwargs):
        if state.global_step == 2:
            self.action()


def error_of(run, action):
    """Error of a run to whose disk something happens after checkpoint-2, and what is left there."""
    trainer = make_trainer(run)
    trainer.add_callback(AfterSaving(action))
    with pytest.raises(OSError) as caught:
        trainer.train(resume_from_checkpoint=run.resume)
    folders = sorted(path.name for path in Path(run.folder).glob("checkpoint*"))
    return {"error": str(caught.value), "folders": folders, "whole": last_whole_checkpoint(run.folder).name}


def fill_disk(run):
    report, filler = {}, Path(run.folder) / "filler"
    if mount_own_disk(run.folder):

        def fill():
            filler.write_bytes(bytes(os.statvfs(run.folder).f_bavail * os.statvfs(run.folder).f_frsize - 200_000))
    else:

        def fill():  # no file can grow beyond this; the nearest thing without the right to mount
            resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))

    report["full"] = error_of(run, fill)
    filler.unlink(missing_ok=True)
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    run.resume = True
    train(run)
    end = Path(run.folder).with_name("end")
    subprocess.run(["cp", "-r", run.folder, end], check=True)
    (end / "report.json").write_text(json.dumps(report))


def lose_disk(run):
    if not mount_own_disk(run.folder):
        Path(run.folder).with_name("skipped").touch()
        return

    def read_only():
        # Mounted once more over itself: the disk below cannot become read-only while the lock on it is open.
        subprocess.run(["mount", "--bind", run.folder, run.folder], check=True)
        subprocess.run(["mount", "-o", "remount,bind,ro", run.folder], check=True)

    # What the harness itself writes goes elsewhere.
    elsewhere = Path(run.folder).with_name("elsewhere")
    elsewhere.mkdir()
    lost = Run(str(elsewhere), options={"output_dir": run.folder, **run.options})
    trainer = make_trainer(lost)
    trainer.add_callback(AfterSaving(read_only))
    report = {}
    with pytest.raises(OSError) as caught:
        trainer.train()
    report["during"] = [str(caught.value), last_whole_checkpoint(run.folder).name]
    with pytest.raises(OSError) as caught:
        make_trainer(lost)
    report["at the start"] = str(caught.value)
    subprocess.run(["umount", run.folder], check=True)
    lost.resume = True
    train(lost)
    (elsewhere / "report.json").write_text(json.dumps(report))


def test_full_disk(tmp_path):
    options = {"logging_steps": 1}
    assert start(Run(str(tmp_path / "whole"), options=options)) == [0]
    run = Run(str(tmp_path / "small"), options=options)
    assert start(run, target=fill_disk) == [0]
    report = json.loads((tmp_path / "end" / "report.json").read_text())["full"]
    assert f"The checkpoint {run.folder}/checkpoint-4 could not be written: " in report["error"]
    assert "MB are free there" in report["error"]
    assert f"{run.folder}/checkpoint-2 is whole. Resume with resume_from_checkpoint=True" in report["error"]
    assert (report["folders"], report["whole"]) == (["checkpoint-2"], "checkpoint-2")
    check_same_end(tmp_path / "end", tmp_path / "whole")

    (tmp_path / "disk").mkdir()
    assert start(Run(str(tmp_path / "disk"), options=options), target=lose_disk) == [0]
    if (tmp_path / "skipped").exists():
        pytest.skip("Mounting is not allowed here; a file in the folder's place is tested elsewhere.")
    report = json.loads((tmp_path / "elsewhere" / "report.json").read_text())
    assert report["during"][1] == "checkpoint-2"
    assert "checkpoint-4 could not be written: " in report["during"][0]
    assert "Read-only file system" in report["during"][0]
    assert f"Checkpoints cannot be written to {tmp_path / 'disk'}: Read-only file system" in report["at the start"]
    check_same_end(tmp_path / "elsewhere", tmp_path / "whole")
