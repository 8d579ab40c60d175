"""Memory of predicting a long table: all of `emobert predict` but the model, which answers at once.

    python benchmarks/many_recordings.py --rows 100000 --output_dir outputs/benchmarks/many_recordings

Prints the resident memory at each quarter of the table, and at the end.
"""

import argparse
import csv
import json
from pathlib import Path

import numpy as np
import psutil
import soundfile
from transformers import BertConfig, BertModel

from modeling_emo import predict_to_file
from preprocess import RecordingTable


class AnswersAtOnce:
    """Stands in for the pipeline."""

    model = BertModel(BertConfig(vocab_size=10, hidden_size=8, num_hidden_layers=1, num_attention_heads=2))

    def __call__(self, inputs, **options):
        for utterance in inputs:
            scores = [{"label": name, "score": 0.5} for name in ("angry", "happy")]
            yield {"predictions": scores, "text": utterance["text"]}


class Watched:
    """A table, and the memory that is in use as it is read."""

    def __init__(self, table, rows):
        self.table, self.every, self.megabytes = table, max(1, rows // 4), []

    def __iter__(self):
        for index, row in enumerate(self.table):
            if index % self.every == 0:
                self.megabytes.append(resident())
            yield row


def resident() -> int:
    return round(psutil.Process().memory_info().rss / 1e6)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--output_dir", type=Path, default=Path("outputs/benchmarks/many_recordings"))
    given = parser.parse_args()
    given.output_dir.mkdir(parents=True, exist_ok=True)
    (given.output_dir / "predictions.jsonl").unlink(missing_ok=True)
    for index in range(10):
        soundfile.write(given.output_dir / f"{index}.wav", np.sin(np.arange(1600) / 5), 16_000)
    with (given.output_dir / "table.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["audio", "text"])
        writer.writerows([f"{index % 10}.wav", f"text {index}"] for index in range(given.rows))
    before = resident()
    table = Watched(RecordingTable(given.output_dir / "table.csv"), given.rows)
    counts = predict_to_file(AnswersAtOnce(), table, given.output_dir / "predictions.csv", settings={})
    record = {"predicted": counts.predicted, "before": before, "while": table.megabytes, "after": resident()}
    print(json.dumps({"megabytes": record}))


if __name__ == "__main__":
    main()
