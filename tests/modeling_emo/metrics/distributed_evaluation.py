"""Evaluates tiny models on a ragged split through Trainer, through accelerate and through an `evaluate` module.

Run by `test_distributed_evaluation.py` in one process, and by torchrun in two; every process writes what it got.
"""

import json
import os
import sys
from pathlib import Path

import evaluate
import numpy as np
import torch
from accelerate import Accelerator
from datasets import Dataset
from torch.utils.data import DataLoader
from transformers import EvalPrediction, Trainer, TrainingArguments

from modeling_emo import compute_metrics_for
from preprocess import EmoBertDataCollator
from tests.tiny import tiny_processor
from tests.tiny_models import emobert


METRICS = Path(__file__).parents[3] / "metrics"
ROWS = 17
BATCH_SIZE = 3  # two processes take 6 rows a step: the last step has 5
PROBLEM_TYPES = (
    "single_label_classification",
    "one_vs_rest_classification",
    "multi_label_classification",
    "regression",
)


def split(problem_type):
    """Rows of 2 to 9 text ids and 3 to 40 speech ids."""
    generator = np.random.default_rng(0)
    labels = {
        "single_label_classification": generator.integers(3, size=ROWS),
        "one_vs_rest_classification": np.eye(3, dtype=int)[generator.integers(3, size=ROWS)],
        "multi_label_classification": generator.integers(2, size=(ROWS, 3)).astype(np.float32),
        "regression": generator.normal(size=ROWS).astype(np.float32),
    }[problem_type]
    rows = []
    for number in range(ROWS):
        text = generator.integers(5, 60, generator.integers(2, 10)).tolist()
        speech = generator.integers(5, 60, generator.integers(3, 41)).tolist()
        rows.append({"input_ids": text, "attention_mask": [1] * len(text), "speech_input_ids": speech})
        rows[-1]["labels"] = labels[number].tolist()
    return Dataset.from_list(rows).with_format("numpy")


def evaluate_all(folder):
    """What this process gets: by problem type the metrics and the logits of both ways, and those of a module."""
    found = {}
    for problem_type in PROBLEM_TYPES:
        model = emobert(problem_type=problem_type, num_labels=1 if problem_type == "regression" else 3)
        collator = EmoBertDataCollator(tiny_processor(), problem_type=problem_type)
        compute_metrics = compute_metrics_for(model.config)
        trainer = Trainer(
            model=model,
            args=TrainingArguments(
                output_dir=str(folder),
                per_device_eval_batch_size=BATCH_SIZE,
                remove_unused_columns=False,
                use_cpu=True,
                report_to="none",
            ),
            data_collator=collator,
            compute_metrics=compute_metrics,
        )
        output = trainer.predict(split(problem_type))
        metrics = {name.removeprefix("test_"): value for name, value in output.metrics.items()}
        by_accelerate = through_accelerate(model, collator, split(problem_type), compute_metrics)
        found[problem_type] = {
            "trainer": {name: metrics[name] for name in by_accelerate["metrics"]},
            "trainer_logits": output.predictions.tolist(),
            "trainer_labels": output.label_ids.tolist(),
            **{f"accelerate_{name}": value for name, value in by_accelerate.items()},
        }
    found["module"] = through_module(folder)
    found["processes"] = Accelerator(cpu=True).num_processes
    return found


def through_accelerate(model, collator, dataset, compute_metrics):
    """The loop of a script without Trainer: `gather_for_metrics` drops the rows that fill up the last batch."""
    accelerator = Accelerator(cpu=True)
    loader = DataLoader(dataset, batch_size=BATCH_SIZE, collate_fn=collator)
    model, loader = accelerator.prepare(model, loader)
    model.eval()
    logits, labels = [], []
    for batch in loader:
        with torch.no_grad():
            scores = model(**batch).logits
        scores, truth = accelerator.gather_for_metrics((scores, batch["labels"]))
        logits.append(scores.numpy())
        labels.append(truth.numpy())
    logits, labels = np.concatenate(logits), np.concatenate(labels)
    metrics = compute_metrics(EvalPrediction(predictions=logits, label_ids=labels))
    return {"metrics": metrics, "logits": logits.tolist()}


def through_module(folder):
    """An `evaluate` module fed with every process's own rows; its values on the first process, None on the others."""
    processes, rank = int(os.environ.get("WORLD_SIZE", 1)), int(os.environ.get("RANK", 0))
    module = evaluate.load(
        str(METRICS / "sentiment_score"),
        cache_dir=str(folder),
        num_process=processes,
        process_id=rank,
        experiment_id="two",
    )
    generator = np.random.default_rng(1)
    predictions, references = generator.normal(size=(2, ROWS)).round(1) * 2
    module.add_batch(predictions=predictions[rank::processes], references=references[rank::processes])
    return module.compute()


if __name__ == "__main__":
    output_dir = Path(sys.argv[1])
    result = evaluate_all(output_dir)
    (output_dir / f"process_{os.environ['RANK']}.json").write_text(json.dumps(result), encoding="utf-8")
