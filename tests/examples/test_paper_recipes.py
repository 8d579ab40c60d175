"""The paper's recipes against the settings of the original's documented commands."""

from pathlib import Path

import pytest
import torch
import yaml
from transformers import get_scheduler


CONFIGS = Path(__file__).parents[2] / "examples" / "configs"
# Updates of the schedule, of warm-up, and of the training: 2 processes with 8 utterances each make one update.
SCHEDULES = {"iemocap": (2760, 165, 10 * -(-3228 // 16)), "mosei": (11_000, 600, 11_000)}


def recipe(name):
    return yaml.safe_load((CONFIGS / f"paper_{name}.yaml").read_text())


def learning_rates(train, num_updates, at):
    parameter = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.AdamW([parameter], lr=float(train["learning_rate"]))
    scheduler = get_scheduler(
        train["lr_scheduler_type"],
        optimizer,
        num_warmup_steps=train["warmup_steps"],
        num_training_steps=num_updates,
        scheduler_specific_kwargs=train.get("lr_scheduler_kwargs", {}),
    )
    rates = []
    for _ in range(max(at) + 1):
        rates.append(scheduler.get_last_lr()[0])
        optimizer.step()
        scheduler.step()
    return [rates[update] for update in at]


@pytest.mark.parametrize("name", SCHEDULES)
def test_the_learning_rate_is_fairseq_s_at_every_update(name):
    total, warmup, num_updates = SCHEDULES[name]
    updates = [1, warmup // 2, warmup, num_updates // 2, num_updates - 1]
    expected = [1e-5 * (n / warmup if n <= warmup else (total - n) / (total - warmup)) for n in updates]
    assert learning_rates(recipe(name)["train"], num_updates, updates) == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize(
    ("name", "heads", "problem"),
    [("iemocap", 2, "one_vs_rest_classification"), ("mosei", 4, "regression"), ("mosi", 4, "regression")],
)
def test_the_settings_of_the_command(name, heads, problem):
    train, prepare = recipe(name)["train"], recipe(name)["prepare"]
    assert prepare["problem_type"] == problem
    assert (train["fusion"], train["num_co_attention_layers"], train["num_co_attention_heads"]) == (
        "co_attention",
        1,
        heads,
    )
    adam = [float(train[key]) for key in ("learning_rate", "adam_beta1", "adam_beta2", "adam_epsilon", "weight_decay")]
    assert adam == [1e-5, 0.9, 0.98, 1e-6, 0.1]
    assert (train["max_grad_norm"], train["co_attention_dropout"], train["classifier_dropout"]) == (0.0, 0.1, 0.1)
    assert (train["per_device_train_batch_size"], train["gradient_accumulation_steps"]) == (1, 8)
    assert (train["metric_for_best_model"], train["greater_is_better"]) == ("loss", False)
    assert (prepare["max_text_length"], prepare["max_speech_ids"]) == (512, 2048)


def test_excited_is_happy_and_the_emotions_are_in_the_paper_s_order():
    prepare = recipe("iemocap")["prepare"]
    assert prepare["labels"] == ["neutral", "sad", "angry", "happy"]
    assert prepare["label_map"]["exc"] == prepare["label_map"]["hap"] == "happy"
    assert recipe("mosei")["train"]["regression_loss"] == recipe("mosi")["train"]["regression_loss"] == "l1"
