"""An evaluation in batches of similar lengths gives what one row after the other gives, in the order of the rows."""

import numpy as np
import pytest
import torch
from datasets import Dataset
from transformers import Trainer, TrainingArguments

from modeling_emo import predict_by_length
from tests.tiny_models import emobert


TEXT_LENGTHS = [3, 9, 1, 7, 5, 9, 2, 4]
SPEECH_LENGTHS = [12, 30, 5, 30, 22, 8, 17, 1]


def rows(columns=("speech_length", "text_length")):
    generator = np.random.default_rng(0)
    data = {
        "input_ids": [generator.integers(5, 60, length).tolist() for length in TEXT_LENGTHS],
        "speech_input_ids": [generator.integers(5, 60, length).tolist() for length in SPEECH_LENGTHS],
        "labels": [0, 1, 2, 0, 1, 2, 0, 1],
    }
    lengths = {"text_length": TEXT_LENGTHS, "speech_length": SPEECH_LENGTHS}
    return Dataset.from_dict({**data, **{name: lengths[name] for name in columns}})


def trainer(tmp_path, batches, **options):
    def collate(features):
        batch = {"labels": torch.tensor([feature["labels"] for feature in features])}
        for name, mask in (("input_ids", "attention_mask"), ("speech_input_ids", "speech_attention_mask")):
            ids = [torch.tensor(feature[name]) for feature in features]
            batch[name] = torch.nn.utils.rnn.pad_sequence(ids, batch_first=True, padding_value=1)
            lengths = torch.tensor([len(one) for one in ids])
            batch[mask] = (torch.arange(batch[name].shape[1]) < lengths[:, None]).long()
        batches.append(batch["speech_attention_mask"].sum(1).tolist())
        return batch

    arguments = TrainingArguments(
        output_dir=str(tmp_path),
        per_device_eval_batch_size=3,
        remove_unused_columns=False,
        report_to="none",
        use_cpu=True,
        **options,
    )
    return Trainer(model=emobert(), args=arguments, data_collator=collate)


def test_rows_are_run_longest_first_and_put_back(tmp_path):
    batches = []
    predicting = trainer(tmp_path, batches)
    expected = predicting.predict(rows())
    batches.clear()
    output = predict_by_length(predicting, rows())
    assert batches == [[30, 30, 22], [17, 12, 8], [5, 1]]
    np.testing.assert_allclose(output.predictions, expected.predictions, atol=1e-5)
    assert output.label_ids.tolist() == [0, 1, 2, 0, 1, 2, 0, 1]
    assert output.metrics["test_loss"] == pytest.approx(expected.metrics["test_loss"], rel=1e-4)


def test_rows_without_lengths_are_run_as_they_are(tmp_path):
    batches = []
    predicting = trainer(tmp_path, batches)
    output = predict_by_length(predicting, rows(()))
    assert batches[0] == SPEECH_LENGTHS[:3]
    batches.clear()
    by_text = predict_by_length(predicting, rows(("text_length",)))
    assert batches[-1] == [17, 5], "the shortest texts"
    np.testing.assert_allclose(by_text.predictions, output.predictions, atol=1e-5)


def test_an_evaluation_at_random_is_refused(tmp_path):
    predicting = trainer(tmp_path, [], train_sampling_strategy="group_by_length")
    with pytest.raises(ValueError, match="at random"):
        predict_by_length(predicting, rows())
