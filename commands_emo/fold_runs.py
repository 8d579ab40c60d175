"""The runs of a cross-validation: `emobert train` and `emobert evaluate`, a process for each (fold, seed).

The processes are forked from one that has imported the commands and done nothing else: on a small corpus, importing
takes as long as training. To repeat a run by hand, give its `config.yaml` to both commands.
"""

import hashlib
import json
import multiprocessing
import os
import shutil
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing import connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import yaml

from configuration_emo.structured_text import read_json_object

from .command_line import parse_command
from .evaluate import run as evaluate
from .run_warnings import collected_warnings
from .train import run as train


FINISHED_FILE = "finished.json"
# In the run's folder or below it: of models, sharded or not, adapters and checkpoints.
WEIGHT_FILES = ("*.safetensors", "*.bin", "*.pt", "*.pth", "*.safetensors.index.json")
_READ_BYTES = 1 << 20
_PROCESSES = multiprocessing.get_context("forkserver")


@dataclass(frozen=True)
class FoldRun:
    """What is trained and evaluated, and where.

    Args:
        fold (`str`): name of the fold.
        seed (`int`): of the training.
        folder (`Path`): gets the model, its evaluation, `config.yaml`, `log.txt` and, at the end, `finished.json`.
        sections (`dict`): sections `train` and `evaluate` of the commands' configuration file.
        inputs (`list[str]`): fingerprints of what else the result depends on: the prepared dataset, the encoders.
    """

    fold: str
    seed: int
    folder: Path
    sections: dict[str, dict[str, Any]]
    inputs: list[str]

    @property
    def fingerprint(self) -> str:
        """Hash of everything that the result depends on."""
        content = json.dumps([self.sections, self.inputs], sort_keys=True, default=str)
        return hashlib.sha256(content.encode()).hexdigest()[:32]

    def is_finished(self, *, redo: bool) -> bool:
        """Whether the result is there.

        Raises:
            ValueError: it is there, of another configuration, and `redo` does not say that it is to be made again.
        """
        path = self.folder / FINISHED_FILE
        if not path.is_file():
            return False
        if read_json_object(path, "fingerprint")["fingerprint"] == self.fingerprint:
            return True
        if redo:
            return False
        raise ValueError(
            f"{self.folder} holds a finished run of another configuration. Give another output_dir, or --redo true to "
            "make it again."
        )

    def write_config(self, path: Path) -> Path:
        """Writes the sections as a configuration file of the commands."""
        path.write_text(yaml.safe_dump(self.sections, sort_keys=False), encoding="utf-8")
        return path

    def start(self) -> BaseProcess:
        """Starts training and evaluation in an emptied folder."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        config = self.write_config(self.folder / "config.yaml")
        process = _PROCESSES.Process(target=train_and_evaluate, args=(config, self.folder / "log.txt"))
        process.start()
        return process

    def finish(self, *, keep_model: bool) -> None:
        """Marks the run as finished."""
        if not keep_model:
            for checkpoint in self.folder.glob("checkpoint-*"):
                shutil.rmtree(checkpoint)
            for pattern in WEIGHT_FILES:
                for path in self.folder.rglob(pattern):
                    path.unlink()
        record = json.dumps({"fold": self.fold, "seed": self.seed, "fingerprint": self.fingerprint}, indent=2)
        (self.folder / FINISHED_FILE).write_text(record + "\n", encoding="utf-8")


def run_all(
    runs: list[FoldRun], *, num_workers: int, num_threads: int, keep_models: bool
) -> Iterator[tuple[FoldRun, bool]]:
    """Makes the runs, several at a time, and yields each when it has ended, with whether all went well.

    Args:
        runs (`list[FoldRun]`): in the order in which they start.
        num_workers (`int`): how many at a time.
        num_threads (`int`): of each.
        keep_models (`bool`): whether the weights stay after the evaluation.
    """
    # For the process that the others are forked from.
    os.environ["OMP_NUM_THREADS"] = str(num_threads)
    _PROCESSES.set_forkserver_preload([__name__])

    waiting, running = list(runs), dict[int, tuple[FoldRun, BaseProcess]]()
    try:
        while waiting or running:
            while waiting and len(running) < num_workers:
                run = waiting.pop(0)
                process = run.start()
                running[process.sentinel] = run, process
            for sentinel in connection.wait(list(running)):
                run, process = running.pop(sentinel)  # type: ignore[arg-type]
                process.join()
                if process.exitcode == 0:
                    run.finish(keep_model=keep_models)
                yield run, process.exitcode == 0
    finally:
        for _, process in running.values():
            process.terminate()


def folder_fingerprint(model: str) -> str:
    """Hash of the files of a model's folder; the name where it is none, but one on the Hub."""
    if not Path(model).is_dir():
        return model
    digest = hashlib.sha256()
    for path in sorted(path for path in Path(model).rglob("*") if path.is_file()):
        digest.update(str(path.relative_to(model)).encode())
        with path.open("rb") as file:
            while part := file.read(_READ_BYTES):
                digest.update(part)
    return digest.hexdigest()[:32]


def train_and_evaluate(config: Path, log: Path) -> None:
    """Both commands with one configuration file, in a process of their own whose output goes to a file."""
    _end_with_parent()
    with log.open("w", encoding="utf-8") as file:
        for stream in (sys.stdout, sys.stderr):
            os.dup2(file.fileno(), stream.fileno())
    with collected_warnings(config.parent):
        train(*parse_command("train", [str(config)]))
        evaluate(*parse_command("evaluate", [str(config)]))


def _end_with_parent() -> None:
    """Ends this process when the cross-validation is gone, killed for example: else it would go on, and write into the
    folder of the run that takes its place."""

    def wait() -> None:
        parent = multiprocessing.parent_process()
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=wait, daemon=True).start()
