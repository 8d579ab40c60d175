"""Time and memory by the number of rows: preparing, training an epoch, predicting, metrics with intervals.

    python benchmarks/growth.py --output outputs/benchmarks/growth.json [--rows 500 2000 8000] [--seconds 0.5]

Time should grow with the rows and memory should not. Recordings of half a second and short texts, a tiny model with
waveforms. Each number of rows has a process of its own. Memory is the most that is not backed by a file (`RssAnon` of
Linux) during the phase, libraries included; it is looked at every 10 ms.
"""

from __future__ import annotations

import argparse
import multiprocessing
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import soundfile as sf
import torch
from datasets import Dataset, DatasetDict
from report import argument_parser, parse_arguments, report
from transformers import BertConfig, BertTokenizerFast, Wav2Vec2Config, Wav2Vec2FeatureExtractor

from configuration_emo import EmoBertConfig
from modeling_emo import (
    EmoBertForSequenceClassification,
    EmoBertTrainer,
    EmoBertTrainingArguments,
    bootstrap_intervals,
    metric_function_for,
)
from preprocess import EmoBertDataCollator, EmoBertProcessor, LabelEncoder, load_prepared, prepare_dataset


WORDS = ["how", "nice", "what", "a", "bad", "day", "so", "it", "is", "!"]
LABELS = {"happy": 0, "neutral": 1, "sad": 2}


def main(given: Sequence[str] | None = None) -> None:
    parser = argument_parser(__doc__)
    parser.add_argument("--rows", nargs="+", type=int, default=[500, 2000, 8000])
    parser.add_argument("--seconds", type=float, default=0.5, help="of each recording")
    parser.set_defaults(threads=1)
    arguments = parse_arguments(parser, given)
    results = {}
    for rows in arguments.rows:
        with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
            results[str(rows)] = pool.submit(measure, arguments, rows).result()
    first = str(arguments.rows[0])
    table = []
    for rows, phases in results.items():
        for phase, found in phases.items():
            base = results[first][phase]
            per_row = found["cpu_seconds"] / int(rows) / (base["cpu_seconds"] / int(first))
            growth = found["peak_bytes"] / base["peak_bytes"] - 1
            numbers = [f"{found['cpu_seconds']:.2f}", f"{per_row:.2f}", f"{found['peak_bytes'] / 1e6:.0f}"]
            table.append([phase, rows, *numbers, f"{growth:+.0%}"])
    header = ["phase", "rows", "CPU s", f"time a row, against {first} rows", "peak MB", "memory"]
    report(arguments, results, header=header, rows=sorted(table, key=lambda row: row[0]))


def measure(arguments: argparse.Namespace, rows: int) -> dict[str, dict[str, float]]:
    """CPU seconds and peak of each phase."""
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(arguments.seed)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        corpus = write_corpus(folder, rows, arguments.seconds, arguments.seed)
        processor = EmoBertProcessor(Wav2Vec2FeatureExtractor(return_attention_mask=True), tokenizer())
        found: dict[str, dict[str, float]] = {}
        with phase(found, "1 prepare"):
            encoder = LabelEncoder("single_label_classification", LABELS)
            prepare_dataset(corpus, processor, encoder, output_dir=folder / "prepared")
        prepared = load_prepared(folder / "prepared")
        trainer = make_trainer(folder, processor, prepared.datasets["train"])
        with phase(found, "2 train"):
            trainer.train()
        with phase(found, "3 predict"):
            output = trainer.predict(prepared.datasets["train"])
        with phase(found, "4 metrics"):
            metric_function = metric_function_for(trainer.model.config)
            bootstrap_intervals(metric_function, output.predictions, output.label_ids)
    return found


def write_corpus(folder: Path, rows: int, seconds: float, seed: int) -> DatasetDict:
    generator = np.random.default_rng(seed)
    columns: dict[str, list[Any]] = {"id": [], "audio": [], "text": [], "label": []}
    for number in range(rows):
        path = folder / f"{number}.wav"
        sf.write(path, generator.normal(0, 0.1, int(seconds * 16_000)), 16_000)
        values = [f"u{number}", str(path), " ".join(generator.choice(WORDS, 8)), list(LABELS)[number % 3]]
        for column, value in zip(columns.values(), values, strict=True):
            column.append(value)
    return DatasetDict({"train": Dataset.from_dict(columns)})


def tokenizer() -> BertTokenizerFast:
    vocabulary = {word: index for index, word in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS])}
    return BertTokenizerFast(vocab=vocabulary, model_max_length=64)


def make_trainer(folder: Path, processor: EmoBertProcessor, rows: Dataset) -> EmoBertTrainer:
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    speech = Wav2Vec2Config(
        **sizes,
        conv_dim=[16, 16],
        conv_kernel=[80, 4],
        conv_stride=[80, 4],
        num_feat_extract_layers=2,
        num_conv_pos_embeddings=16,
        num_conv_pos_embedding_groups=2,
        mask_time_prob=0.0,
    )
    config = EmoBertConfig.from_text_speech_configs(
        BertConfig(vocab_size=15, **sizes), speech, num_labels=3, label2id=LABELS
    )
    args = EmoBertTrainingArguments(
        output_dir=str(folder / "training"),
        num_train_epochs=1,
        per_device_train_batch_size=16,
        per_device_eval_batch_size=16,
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
        use_cpu=True,
    )
    return EmoBertTrainer(
        model=EmoBertForSequenceClassification(config),
        args=args,
        data_collator=EmoBertDataCollator(processor),
        train_dataset=rows,
    )


@contextmanager
def phase(found: dict[str, dict[str, float]], name: str) -> Iterator[None]:
    """Measures what is inside."""
    peak, ended = anonymous_bytes(), threading.Event()

    def watch() -> None:
        nonlocal peak
        while not ended.wait(0.01):
            peak = max(peak, anonymous_bytes())

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    before = time.process_time()
    try:
        yield
    finally:
        seconds = time.process_time() - before
        ended.set()
        watcher.join()
        peak = max(peak, anonymous_bytes())
        found[name] = {"cpu_seconds": seconds, "peak_bytes": peak}


def anonymous_bytes() -> int:
    for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024
    raise ValueError("/proc/self/status has no RssAnon: run this on Linux.")


if __name__ == "__main__":
    main()
