"""Training in bf16 learns what training in float32 learns, with weights kept in float32."""

import pytest
import torch
from datasets import Dataset

from modeling_emo import EmoBertTrainer, EmoBertTrainingArguments
from preprocess import EmoBertDataCollator
from tests.tiny import tiny_processor
from tests.tiny_models import emobert


def rows():
    """24 utterances whose class stands in the text and in the speech ids."""
    return Dataset.from_list(
        [
            {
                "input_ids": [2, 10 + index % 3, 3],
                "speech_input_ids": [0, *[20 + index % 3] * (3 + index % 4), 2],
                "labels": index % 3,
            }
            for index in range(24)
        ]
    )


@pytest.mark.parametrize("bf16", [False, True])
def test_the_small_model_learns(bf16, tmp_path):
    model = emobert(num_labels=3).train()
    arguments = EmoBertTrainingArguments(
        output_dir=str(tmp_path),
        use_cpu=True,
        bf16=bf16,
        per_device_train_batch_size=8,
        num_train_epochs=10,
        learning_rate=3e-3,
        logging_steps=1,
        report_to="none",
        save_strategy="no",
        disable_tqdm=True,
        seed=0,
    )
    collator = EmoBertDataCollator(tiny_processor(), problem_type="single_label_classification")
    trainer = EmoBertTrainer(model=model, args=arguments, train_dataset=rows(), data_collator=collator)
    trainer.train()
    losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    assert sum(losses[-3:]) < 0.3 * sum(losses[:3])
    assert {weight.dtype for weight in model.parameters()} == {torch.float32}
    predictions = trainer.predict(rows()).predictions.argmax(-1)
    assert predictions.tolist() == [index % 3 for index in range(24)]
