"""One (fold, seed) of a cross-validation: the ordinary training and evaluation scripts, in processes of their own."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml


SCRIPTS = Path(__file__).resolve().parent
FINISHED_FILE = "finished.json"
WEIGHT_FILES = ("model.safetensors", "optimizer.pt")


@dataclass(frozen=True)
class FoldRun:
    """What is trained and evaluated, and where.

    Args:
        fold (`str`): name of the fold.
        seed (`int`): of the training.
        folder (`Path`): gets the model, its evaluation, `config.yaml`, `log.txt` and, at the end, `finished.json`.
        sections (`dict`): sections `train` and `evaluate` of the scripts' configuration file.
        data_fingerprint (`str`): of the prepared dataset.
    """

    fold: str
    seed: int
    folder: Path
    sections: dict[str, dict[str, Any]]
    data_fingerprint: str

    @property
    def fingerprint(self) -> str:
        """Hash of everything that the result depends on."""
        content = json.dumps([self.sections, self.data_fingerprint], sort_keys=True, default=str)
        return hashlib.sha256(content.encode()).hexdigest()[:32]

    def is_finished(self, *, redo: bool) -> bool:
        """Whether the result is there.

        Raises:
            ValueError: it is there, of another configuration, and `redo` does not say that it is to be made again.
        """
        path = self.folder / FINISHED_FILE
        if not path.is_file():
            return False
        if json.loads(path.read_text(encoding="utf-8"))["fingerprint"] == self.fingerprint:
            return True
        if redo:
            return False
        raise ValueError(
            f"{self.folder} holds a finished run of another configuration. Give another output_dir, or --redo true to "
            "make it again."
        )

    def run(self, *, num_threads: int, keep_model: bool) -> bool:
        """Trains and evaluates; False if a process failed, and `log.txt` says why."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        config = self.folder / "config.yaml"
        config.write_text(yaml.safe_dump(self.sections, sort_keys=False), encoding="utf-8")
        environment = {**os.environ, "OMP_NUM_THREADS": str(num_threads)}
        with (self.folder / "log.txt").open("w", encoding="utf-8") as log:
            for script in ("run_emotion_recognition.py", "evaluate_emotion_recognition.py"):
                command = [sys.executable, str(SCRIPTS / script), str(config)]
                if subprocess.run(command, stdout=log, stderr=subprocess.STDOUT, env=environment).returncode:
                    return False
        if not keep_model:
            for name in WEIGHT_FILES:
                (self.folder / name).unlink(missing_ok=True)
        record = json.dumps({"fold": self.fold, "seed": self.seed, "fingerprint": self.fingerprint}, indent=2)
        (self.folder / FINISHED_FILE).write_text(record + "\n", encoding="utf-8")
        return True
