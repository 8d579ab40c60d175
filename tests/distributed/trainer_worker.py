"""A short training of a tiny model with EmoBertTrainer, for one process or as one of several.

    torchrun --nproc_per_node 2 tests/distributed/trainer_worker.py <folder>

runs all of `SCENARIOS` and leaves `<folder>/<scenario>-<rank>.pt`.
"""

import sys
import tempfile
from pathlib import Path

import torch
from datasets import Dataset, disable_progress_bars
from transformers import TrainerCallback

from modeling_emo import (
    EmoBertForSequenceClassification,
    EmoBertTrainer,
    EmoBertTrainingArguments,
    compute_metrics_for,
)
from modeling_emo.loss import IGNORED_LABEL
from preprocess import EmoBertDataCollator
from tests.tiny import tiny_processor
from tests.tiny_models import emobert_config


# What differs from: three classes, both modalities, 11 rows, batches of 2 on each of two processes, two epochs.
SCENARIOS = {
    "classes": {
        "config": {"class_weights": [0.5, 2.0, 1.0], "label_smoothing": 0.1},
        "arguments": {"gradient_accumulation_steps": 2},
    },
    # The last batch of an epoch is one row: the second process has none of its own.
    "one-vs-rest": {"rows": 9, "config": {"problem_type": "one_vs_rest_classification"}},
    "multi-label": {"config": {"problem_type": "multi_label_classification"}},
    "scores": {
        "config": {"problem_type": "regression", "num_labels": 1, "text_pooling": "mean", "fusion": "shallow"},
        "arguments": {"train_sampling_strategy": "group_by_length", "length_column_name": "speech_length"},
    },
    # Rows in their order: one process has a batch of texts only while the other has speech only.
    "absent": {
        "rows": 12,
        "absent": True,
        "arguments": {
            "train_sampling_strategy": "sequential",
            "gradient_accumulation_steps": 2,
            "gradient_checkpointing": True,
        },
    },
    # One row has no label: the processes weigh unequally.
    "concordance": {
        "unlabelled": 1,
        "config": {"problem_type": "regression", "num_labels": 1, "regression_loss": "ccc"},
        "arguments": {"max_steps": 1},
    },
}


def model_without_dropout(family="roberta", **kwargs):
    """Two processes draw other random numbers than one."""
    torch.manual_seed(0)
    config = emobert_config(family, initializer_range=0.3, co_attention_dropout=0.0, classifier_dropout=0.0, **kwargs)
    for encoder in (config.text_config, config.speech_config):
        for name in [name for name in encoder.to_dict() if "dropout" in name or name == "layerdrop"]:
            if getattr(encoder, name) is not None:
                setattr(encoder, name, 0.0)
    return EmoBertForSequenceClassification(config)


def rows(count, problem_type, absent, unlabelled=0):
    """Utterances of several lengths; some without text or without speech, or whole batches of two of them."""
    generator = torch.Generator().manual_seed(1)
    draw = lambda low, high, size: torch.randint(low, high, (size,), generator=generator).tolist()  # noqa: E731
    table = []
    for index in range(count):
        text, speech = draw(5, 22, draw(1, 9, 1)[0]), draw(5, 60, draw(1, 30, 1)[0])
        if absent:
            text, speech = (text, []) if index // 2 % 2 == 0 else ([], speech)
        elif index % 5 == 3:
            text = []
        elif index % 7 == 2:
            speech = []
        labels = {
            "multi_label_classification": [float(value) for value in draw(0, 2, 3)],
            "regression": float(torch.randn(1, generator=generator)),
        }.get(problem_type, draw(0, 3, 1)[0])
        table.append({"input_ids": text, "speech_input_ids": speech, "speech_length": len(speech), "labels": labels})
    for row in table[:unlabelled]:
        row["labels"] = float(IGNORED_LABEL)
    return Dataset.from_list(table)


class Gradients(TrainerCallback):
    """Keeps the gradients of every step, as the optimiser sees them."""

    def __init__(self):
        self.steps = []

    def on_pre_optimizer_step(self, args, state, control, model=None, **kwargs):
        self.steps.append({n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None})


def train(name, batch_size, output_dir, **options):
    """Trains one scenario; returns losses, gradients, weights and metrics."""
    scenario = SCENARIOS[name]
    problem_type = scenario.get("config", {}).get("problem_type")
    model = model_without_dropout(**scenario.get("config", {}))
    gradients = Gradients()
    arguments = {
        "per_device_train_batch_size": batch_size,
        "per_device_eval_batch_size": batch_size,
        "num_train_epochs": 2,
        # Adam would blow up the rounding of weights whose gradient is nought, such as a key's bias.
        "optim": "sgd",
        "learning_rate": 1e-2,
        "logging_steps": 1,
        "report_to": "none",
        "save_strategy": "no",
        "disable_tqdm": True,
        "seed": 7,
        **scenario.get("arguments", {}),
        **options,
    }
    trainer = EmoBertTrainer(
        model=model,
        args=EmoBertTrainingArguments(output_dir=output_dir, use_cpu=True, **arguments),
        data_collator=EmoBertDataCollator(tiny_processor(), problem_type=model.config.problem_type),
        train_dataset=rows(
            scenario.get("rows", 11), problem_type, scenario.get("absent", False), scenario.get("unlabelled", 0)
        ),
        eval_dataset=rows(7, problem_type, False),
        compute_metrics=compute_metrics_for(model.config),
        callbacks=[gradients],
    )
    trainer.train()
    metrics = trainer.evaluate()
    return {
        "world_size": trainer.args.world_size,
        "losses": [entry["loss"] for entry in trainer.state.log_history if "loss" in entry],
        "gradients": gradients.steps,
        "weights": model.state_dict(),
        "metrics": {key: value for key, value in metrics.items() if not key.endswith(("second", "runtime"))},
    }


if __name__ == "__main__":
    disable_progress_bars()
    with tempfile.TemporaryDirectory() as output_dir:
        for scenario_name in SCENARIOS:
            result = train(scenario_name, 2, output_dir)
            rank = torch.distributed.get_rank()
            torch.save(result, Path(sys.argv[1]) / f"{scenario_name}-{rank}.pt")
