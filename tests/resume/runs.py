"""Small training runs in processes of their own, which may end by a real SIGKILL.

The processes are forked from a server that has imported everything once: about a second for a run, not ten.
"""

import json
import multiprocessing
import os
import random
import signal
import socket
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from datasets import Dataset
from transformers import EarlyStoppingCallback, TrainerCallback

from modeling_emo import EmoBertTrainer, EmoBertTrainingArguments
from preprocess import EmoBertDataCollator
from tests.tiny import tiny_processor
from tests.tiny_models import emobert


ROWS = 22
STEPS_PER_EPOCH = 4  # of 8 batches, the last of one row; two batches make a step. With two processes 2 of 4.
TIMES = ("runtime", "per_second")


@dataclass
class Run:
    """What one process start does.

    `kill` is a place and a step: `("substep", 3)` is inside the accumulation window of step 3, `("step end", 4)` after
    the optimiser's 4th step, `("evaluated", 6)` between evaluation and saving, `("writing", 8)` with half the files of
    checkpoint-8 written, `("unsealed", 8)` with all of them, `("saved", 12)` after checkpoint-12. `term` are steps
    during which a process, by rank, gets SIGTERM together with its data workers, or with `term_launcher` its parent.
    """

    folder: str
    resume: bool | str | None = None
    kill: tuple[str, int] | None = None
    term: dict[int, int] = field(default_factory=dict)
    term_launcher: bool = False
    options: dict = field(default_factory=dict)


def dataset(rows=ROWS, seed=0):
    """Rows of two ragged modalities; the second token of a row is 10 + its number."""
    generator = np.random.default_rng(seed)
    examples = []
    for row in range(rows):
        text = [2, 10 + row, *generator.integers(5, 60, generator.integers(1, 7)), 3]
        speech = [0, *generator.integers(5, 60, generator.integers(4, 30)), 2]
        examples.append({"input_ids": text, "speech_input_ids": speech, "labels": row % 3, "length": len(speech)})
    return Dataset.from_list(examples)


def arguments(folder, **options):
    """All that can go wrong on resumption: accumulation, ragged batches, evaluation, the best model at the end."""
    return EmoBertTrainingArguments(
        **{
            "output_dir": str(folder),
            "use_cpu": True,
            "num_train_epochs": 3,
            "per_device_train_batch_size": 3,
            "per_device_eval_batch_size": 8,
            "gradient_accumulation_steps": 2,
            "learning_rate": 2e-3,
            "warmup_steps": 2,
            "save_strategy": "steps",
            "save_steps": 2,
            "eval_strategy": "steps",
            "eval_steps": 2,
            "logging_steps": 3,
            "save_total_limit": 2,
            "load_best_model_at_end": True,
            "metric_for_best_model": "eval_loss",
            "disable_tqdm": True,
            "report_to": "none",
            "seed": 7,
            **options,
        }
    )


class WatchedTrainer(EmoBertTrainer):
    """Notes which rows each step sees, and dies where it is told to."""

    def __init__(self, run, **kwargs):
        super().__init__(**kwargs)
        self.run = run
        self.seen = Path(run.folder) / f"seen-{self.args.process_index}.jsonl"
        self.model.register_forward_pre_hook(self._note, with_kwargs=True)
        self.add_callback(_Interruptions(self))

    def _note(self, model, positional, inputs):
        if model.training:
            with self.seen.open("a") as file:
                rows = (inputs["input_ids"][:, 1] - 10).tolist()
                file.write(json.dumps([self.state.global_step, rows]) + "\n")

    def reach(self, place):
        if self.run.kill == (place, self.state.global_step):
            os.kill(os.getpid(), signal.SIGKILL)

    def _save_rng_state(self, output_dir):
        self.reach("writing")
        super()._save_rng_state(output_dir)

    def _seal(self, folder):
        self.reach("unsealed")
        super()._seal(folder)


class _Interruptions(TrainerCallback):
    def __init__(self, trainer):
        self.trainer = trainer

    def on_train_begin(self, args, state, control, **kwargs):
        with self.trainer.seen.open("a") as file:
            file.write(json.dumps(["start", state.global_step]) + "\n")

    def on_substep_end(self, args, state, control, **kwargs):
        if self.trainer.run.kill == ("substep", state.global_step + 1):
            os.kill(os.getpid(), signal.SIGKILL)

    def on_step_end(self, args, state, control, **kwargs):
        self.trainer.reach("step end")

    def on_step_begin(self, args, state, control, **kwargs):
        if self.trainer.run.term.get(args.process_index) == state.global_step + 1:
            workers = [worker.pid for worker in multiprocessing.active_children()]
            pids = [os.getppid()] if self.trainer.run.term_launcher else [os.getpid(), *workers]
            subprocess.run(["kill", "-TERM", *map(str, pids)], check=True)

    def on_evaluate(self, args, state, control, **kwargs):
        self.trainer.reach("evaluated")

    def on_save(self, args, state, control, **kwargs):
        self.trainer.reach("saved")


def make_trainer(run):
    """The trainer of a run, over a model with weights of its own."""
    torch.set_num_threads(1)  # two would add in another order
    return WatchedTrainer(
        run,
        model=emobert(modality_dropout=0.3),
        args=arguments(run.folder, **run.options),
        data_collator=EmoBertDataCollator(tiny_processor()),
        train_dataset=dataset(),
        eval_dataset=dataset(9, seed=1),
    )


def train(run):
    """Trains and writes down everything that must be the same with and without interruptions."""
    trainer = make_trainer(run)
    trainer.train(resume_from_checkpoint=run.resume)
    history = [
        {name: value for name, value in entry.items() if not any(time in name for time in TIMES)}
        for entry in trainer.state.log_history
        if "train_runtime" not in entry
    ]
    outcome = {
        "world_size": trainer.args.world_size,
        "preempted": trainer.preempted,
        "step": trainer.state.global_step,
        "weights": trainer.model.state_dict(),
        "optimizer": trainer.optimizer.state_dict(),
        "scheduler": trainer.lr_scheduler.state_dict(),
        "torch": torch.get_rng_state(),
        "numpy": np.random.get_state(),
        "python": random.getstate(),
        "history": history,
        "best": (trainer.state.best_global_step, trainer.state.best_metric),
        "early stopping": [
            callback.early_stopping_patience_counter
            for callback in trainer.callback_handler.callbacks
            if isinstance(callback, EarlyStoppingCallback)
        ],
    }
    torch.save(outcome, Path(run.folder) / f"outcome-{trainer.args.process_index}.pt")


def start(run, processes=1, target=train):
    """Runs `target(run)` in so many processes, as torchrun would start them; returns their exit codes."""
    Path(run.folder).mkdir(parents=True, exist_ok=True)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.resume.runs"])
    port = _free_port()
    workers = [context.Process(target=_enter, args=(target, run, rank, processes, port)) for rank in range(processes)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(timeout=240)
        if worker.is_alive():
            worker.kill()
    return [worker.exitcode for worker in workers]


def outcome(folder, rank=0):
    """What `train` wrote."""
    return torch.load(Path(folder) / f"outcome-{rank}.pt", weights_only=False)


def seen(folder, rank=0):
    """Steps at which the runs in the folder started, and the rows of each step, from all runs: `{step: {rows}}`."""
    starts, rows, previous = [], {}, None
    for line in (Path(folder) / f"seen-{rank}.jsonl").read_text().splitlines():
        step, batch = json.loads(line)
        if step == "start":
            starts.append(batch)
            previous = None
            continue
        micro_batch = previous[1] + 1 if previous and previous[0] == step else 0
        previous = (step, micro_batch)
        rows.setdefault(previous, []).append(batch)
    return starts, rows


def _enter(target, run, rank, processes, port):
    multiprocessing.set_start_method("fork", force=True)  # for data workers, as in a process that a person starts
    if processes > 1:
        os.environ.update(
            RANK=str(rank),
            LOCAL_RANK=str(rank),
            WORLD_SIZE=str(processes),
            LOCAL_WORLD_SIZE=str(processes),
            MASTER_ADDR="127.0.0.1",
            MASTER_PORT=str(port),
        )
    target(run)


def _free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


if __name__ == "__main__":
    train(
        Run(**json.loads(sys.argv[1], object_hook=lambda it: {int(k) if k.isdigit() else k: v for k, v in it.items()}))
    )
