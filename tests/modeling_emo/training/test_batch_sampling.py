"""Token-budget batches and class-balanced draws, alone and in the Trainer."""

import collections

import numpy as np
import pytest
import torch
from datasets import Dataset
from torch.testing import assert_close

from modeling_emo import EmoBertTrainer, EmoBertTrainingArguments
from modeling_emo.training.batch_sampling import ClassBalancedSampler, TokenBudgetBatchSampler
from tests.tiny_models import emobert


def some_lengths(rows=101, seed=0):
    return np.random.default_rng(seed).integers(0, 500, rows).tolist()


def batches_of_all_ranks(lengths, budget, ranks, epoch=0, **kwargs):
    """The batches of each rank in one epoch."""
    result = []
    for rank in range(ranks):
        sampler = TokenBudgetBatchSampler(lengths, budget, num_replicas=ranks, rank=rank, **kwargs)
        sampler.set_epoch(epoch)
        result.append(list(sampler))
        assert len(result[-1]) == len(sampler)
    return result


@pytest.mark.parametrize("ranks", [1, 2, 3, 8])
@pytest.mark.parametrize("max_rows", [None, 4])
def test_each_row_once_within_the_budget_in_equally_many_batches(ranks, max_rows):
    lengths = some_lengths()
    for epoch in range(3):
        batches = batches_of_all_ranks(lengths, 1500, ranks, epoch, max_rows=max_rows)
        rows = sorted(row for rank in batches for batch in rank for row in batch)
        assert rows == list(range(101))
        assert len({len(rank) for rank in batches}) == 1
        for batch in (batch for rank in batches for batch in rank):
            assert 1 <= len(batch) <= (max_rows or 101)
            assert len(batch) * max(lengths[row] for row in batch) <= 1500


def test_epochs_differ_and_repeat_and_are_equally_long():
    def epoch(number, seed=0):
        return batches_of_all_ranks(some_lengths(), 4000, 2, number, seed=seed)

    assert epoch(1) == epoch(1)
    as_sets = [{frozenset(batch) for rank in epoch(number) for batch in rank} for number in (0, 1)]
    assert as_sets[0] != as_sets[1]  # other batches, not only another order
    assert epoch(0) != epoch(0, seed=1)
    assert len({len(epoch(number)[0]) for number in range(20)}) == 1


def test_little_padding_and_full_batches():
    """Against random batches of as many rows, and against the least number of batches that the budget allows."""
    lengths = np.random.default_rng(0).gamma(4, 100, 2000).astype(int)
    (batches,) = batches_of_all_ranks(lengths, 8000, 1)
    padded = sum(len(batch) * lengths[batch].max() for batch in batches)
    assert lengths.sum() / padded > 0.9
    rows = np.random.default_rng(1).permutation(2000)
    random = np.split(rows, np.cumsum([len(batch) for batch in batches])[:-1])
    assert lengths.sum() / sum(len(batch) * lengths[batch].max() for batch in random) < 0.7
    assert len(batches) < 1.25 * lengths.sum() / 8000


def test_ranks_run_batches_of_similar_length_at_the_same_time():
    lengths = np.random.default_rng(0).gamma(4, 100, 2000).astype(int)
    first, second = batches_of_all_ranks(lengths, 8000, 2)
    longest = np.array([[lengths[a].max(), lengths[b].max()] for a, b in zip(first, second, strict=True)])
    assert np.median(longest.min(1) / longest.max(1)) > 0.9
    assert np.corrcoef(np.arange(len(longest)), longest[:, 0])[0, 1] < 0.5  # and not sorted over the epoch


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([3, 12, 4], 10), "Row 1 has length 12, more than max_padded_length=10"),
        (([3], 0), "must be at least 1"),
        (([3], 10, 2), "1 rows are too few for 2 processes"),
    ],
)
def test_what_cannot_be_sampled_is_refused(arguments, message):
    lengths, budget, *ranks = arguments
    with pytest.raises(ValueError, match=message):
        TokenBudgetBatchSampler(lengths, budget, num_replicas=ranks[0] if ranks else 1)


def test_balanced_draws():
    labels = [0] * 800 + [1] * 150 + [2] * 50
    sampler = ClassBalancedSampler(labels, 3, seed=5)
    epochs = []
    for epoch in range(20):
        sampler.set_epoch(epoch)
        epochs.append(list(sampler))
    assert all(len(draws) == 1000 for draws in epochs) and epochs[0] != epochs[1]
    counts = np.bincount([labels[row] for draws in epochs for row in draws])
    # 20,000 draws with share 1/3: a deviation of 67.
    assert np.abs(counts - 20_000 / 3).max() < 4 * 67
    sampler.set_epoch(7)
    assert list(sampler) == epochs[7]
    assert list(ClassBalancedSampler(labels, 3, seed=6)) != epochs[0]


LENGTHS = [9, 3, 3, 4, 8, 7, 3, 2, 9, 5, 4, 4]
CLASSES = [0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 2]


class RecordingCollator:
    """Pads speech ids, and notes which rows came together."""

    def __init__(self):
        self.batches = []

    def __call__(self, rows):
        self.batches.append([row["row"] for row in rows])
        width = max(row["speech_length"] for row in rows)
        mask = torch.tensor([[int(index < row["speech_length"]) for index in range(width)] for row in rows])
        ids = 5 + torch.tensor([[row["row"]] for row in rows])
        labels = torch.tensor([row["labels"] for row in rows])
        return {"speech_input_ids": torch.where(mask.bool(), ids, 1), "speech_attention_mask": mask, "labels": labels}


def trainer(folder, epochs=2, **kwargs):
    rows = {"row": range(12), "speech_length": LENGTHS, "labels": CLASSES}
    arguments = EmoBertTrainingArguments(
        output_dir=str(folder),
        num_train_epochs=epochs,
        length_column_name="speech_length",
        per_device_train_batch_size=3,
        report_to="none",
        disable_tqdm=True,
        use_cpu=True,
        **{"save_strategy": "no", **kwargs},
    )
    collator = RecordingCollator()
    data = Dataset.from_dict({name: list(column) for name, column in rows.items()})
    return EmoBertTrainer(model=emobert(), args=arguments, train_dataset=data, train_data_collator=collator), collator


def test_trainer_with_a_budget_and_its_resume(tmp_path):
    run, collator = trainer(tmp_path, max_padded_length=18, max_batch_rows=4, save_strategy="steps", save_steps=2)
    run.train()
    expected = []
    for epoch in range(2):
        sampler = TokenBudgetBatchSampler(LENGTHS, 18, max_rows=4, seed=42)
        sampler.set_epoch(epoch)
        expected += list(sampler)
    assert collator.batches == expected and run.state.global_step == len(expected)
    assert collections.Counter(row for batch in expected for row in batch) == dict.fromkeys(range(12), 2)

    step = len(expected) // 2 + 1
    step += step % 2  # in the second epoch
    again, collator = trainer(tmp_path, max_padded_length=18, max_batch_rows=4)
    again.train(resume_from_checkpoint=str(tmp_path / f"checkpoint-{step}"))
    assert collator.batches == expected[step:]
    for whole, resumed in zip(run.model.parameters(), again.model.parameters(), strict=True):
        assert torch.equal(whole, resumed)


def test_trainer_draws_balanced_classes(tmp_path):
    run, collator = trainer(tmp_path, class_balanced_sampling=True, data_seed=3)
    run.train()
    expected = []
    for epoch in range(2):
        sampler = ClassBalancedSampler(CLASSES, 3, seed=3)
        sampler.set_epoch(epoch)
        draws = list(sampler)
        expected += [draws[start : start + 3] for start in range(0, 12, 3)]
    assert collator.batches == expected


def test_gradient_of_a_batch_weighs_its_rows_alike(tmp_path):
    """Accumulated over batches of different sizes: the loss that Trainer steps on is that of all rows at once."""
    run, _ = trainer(tmp_path, epochs=1, max_padded_length=18, gradient_accumulation_steps=100, logging_steps=1)
    model = run.model
    rows = [run.train_dataset[row] for row in range(12)]
    with torch.no_grad():
        model.config.modality_dropout = 0.0
        expected = model.eval()(**RecordingCollator()(rows)).loss
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    for config in (model.config.text_config, model.config.speech_config):
        config.attention_probs_dropout_prob = 0.0
    for module in model.modules():
        if hasattr(module, "dropout") and isinstance(module.dropout, float):
            module.dropout = 0.0
    run.train()
    losses = [entry["loss"] for entry in run.state.log_history if "loss" in entry]
    assert_close(torch.tensor(losses), expected[None], atol=1e-4, rtol=1e-4)


def test_two_ways_of_sampling_or_a_missing_column_are_refused(tmp_path):
    with pytest.raises(ValueError, match="max_padded_length and class_balanced_sampling exclude each other"):
        trainer(tmp_path, max_padded_length=18, class_balanced_sampling=True)
    with pytest.raises(ValueError, match="max_padded_length and train_sampling_strategy='group_by_length'"):
        trainer(tmp_path, max_padded_length=18, train_sampling_strategy="group_by_length")
    run, _ = trainer(tmp_path, max_padded_length=18)
    run.args.length_column_name = "length"
    with pytest.raises(ValueError, match="column 'length' .*row, speech_length, labels: set `length_column_name`"):
        run.get_train_dataloader()
