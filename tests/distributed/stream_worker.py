"""Trains two epochs on a stream of Parquet shards, in one of two processes, and notes which rows it saw.

torchrun --nproc_per_node 2 tests/distributed/stream_worker.py <folder with shards>
"""

import sys
import tempfile
from pathlib import Path

import torch
from torch import distributed

from modeling_emo import EmoBertTrainer, EmoBertTrainingArguments
from preprocess import EmoBertDataCollator
from preprocess.preparation.row_stream import RowStream
from tests.distributed.trainer_worker import model_without_dropout
from tests.tiny import tiny_processor


class NotingCollator(EmoBertDataCollator):
    """Keeps the labels of all rows that it collates, which are the rows' numbers."""

    def __call__(self, rows):
        seen.append([int(row["labels"]) for row in rows])
        return super().__call__(rows)


seen = []


def main(folder):
    model = model_without_dropout(problem_type="regression", num_labels=1, id2label={0: "score"})
    with tempfile.TemporaryDirectory() as output_dir:
        arguments = EmoBertTrainingArguments(
            output_dir=output_dir,
            use_cpu=True,
            per_device_train_batch_size=3,
            num_train_epochs=2,
            learning_rate=1e-3,
            report_to="none",
            save_strategy="no",
            disable_tqdm=True,
        )
        stream = RowStream(
            sorted(folder.glob("*.parquet")),
            NotingCollator(tiny_processor(), problem_type="regression"),
            batch_size=3,
            rank=arguments.process_index,
            world_size=arguments.world_size,
        )
        trainer = EmoBertTrainer(model=model, args=arguments, train_dataset=stream, data_collator=stream.collator)
        steps = trainer.train().global_step
    result = {"world_size": arguments.world_size, "seen": seen, "steps": steps, "weights": model.state_dict()}
    torch.save(result, folder / f"{arguments.process_index}.pt")
    distributed.destroy_process_group()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
