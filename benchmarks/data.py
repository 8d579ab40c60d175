"""Reading data: prepared rows, sounds, and the metrics of a large split.

    python benchmarks/data.py --output outputs/benchmarks/data.json [--threads 1] [--rows 1000] [--repeats 5]

*Rows*: token ids of speech (log-normal, 451 in the mean) and text (18), in batches of 8 at random, as training reads
them, against one text file for each utterance and modality, as the original has them; all ids equal. *Sounds*: wav
files of 4 s against `librosa.load(path, sr=16_000, res_type="soxr_hq")`, all samples equal bit by bit. *Metrics*: of
8,000 rows and 7 emotions with intervals of 1,000 resamples. CPU times, medians, in turn.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import librosa
import numpy as np
import soundfile as sf
from datasets import Dataset, Features, List, Value
from pair_model import draw_lengths
from report import argument_parser, parse_arguments, report, seconds_in_turn, undisturbed_median

from configuration_emo import EmoBertConfig
from modeling_emo import RowViews, bootstrap_intervals, metric_function_for
from preprocess import load_audio


RATES = (8_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)


def main(given: Sequence[str] | None = None) -> None:
    parser = argument_parser(__doc__, repeats=5)
    parser.add_argument("--rows", type=int, default=1000, help="prepared rows")
    parser.add_argument("--sounds", type=int, default=20, help="files of each kind")
    parser.add_argument("--metric_rows", type=int, default=8000)
    parser.set_defaults(threads=1)
    arguments = parse_arguments(parser, given)
    results, table = {}, []
    with tempfile.TemporaryDirectory() as folder:
        measured = {
            "reading rows": measure_rows(Path(folder), arguments.rows, arguments.repeats, arguments.seed),
            **measure_sounds(Path(folder), arguments.sounds, arguments.repeats, arguments.seed),
        }
    for name, (seconds, is_equal) in measured.items():
        medians = {way: undisturbed_median(values) for way, values in seconds.items()}
        ratio = medians["theirs"] / medians["ours"]
        results[name] = {"seconds": seconds, "medians": medians, "ratio": ratio, "equal": is_equal}
        milliseconds = [f"{medians[way] * 1000:.2f}" for way in ("ours", "theirs")]
        table.append([name, *milliseconds, f"{ratio:.2f}", str(is_equal)])
    results["metrics"] = measure_metrics(arguments.metric_rows, arguments.seed)
    table.append([f"metrics of {arguments.metric_rows} rows", f"{results['metrics'] * 1000:.0f}", "", "", ""])
    report(arguments, results, header=["work", "ours, ms", "theirs, ms", "ratio", "equal"], rows=table)


def measure_rows(folder: Path, num_rows: int, repeats: int, seed: int) -> tuple[dict[str, list[float]], bool]:
    """Seconds for all rows, of the views and of text files, and whether all ids are equal."""
    generator = np.random.default_rng(seed)
    names = ("speech_input_ids", "input_ids")
    ids = [[generator.integers(20_000, size=length) for length in row] for row in draw_lengths(num_rows, seed)]
    columns = {name: [row[index] for row in ids] for index, name in enumerate(names)}
    columns["labels"] = generator.integers(4, size=num_rows)
    features = Features({**dict.fromkeys(names, List(Value("int32"))), "labels": Value("int64")})
    Dataset.from_dict(columns, features=features).save_to_disk(folder / "rows")
    prepared = Dataset.load_from_disk(str(folder / "rows")).with_format("numpy")
    for number, row in enumerate(ids):
        for name, values in zip(names, row, strict=True):
            (folder / f"{number}.{name}").write_text(" ".join(map(str, values)), encoding="utf-8")
    order = generator.permutation(num_rows).tolist()
    batches = [order[start : start + 8] for start in range(0, num_rows, 8)]
    views = RowViews(prepared)

    def ours() -> list:
        return [views.__getitems__(batch) for batch in batches]

    def theirs() -> list:
        return [
            [{name: read_ids(folder / f"{number}.{name}") for name in names} for number in batch] for batch in batches
        ]

    is_equal = all(
        np.array_equal(row[name], other[name])
        for batch, others in zip(ours(), theirs(), strict=True)
        for row, other in zip(batch, others, strict=True)
        for name in names
    )
    return seconds_in_turn({"ours": ours, "theirs": theirs}, repeats, clock=time.process_time), is_equal


def read_ids(path: Path) -> np.ndarray:
    with open(path, encoding="utf-8") as file:
        return np.array([int(word) for word in file.read().split()])


def measure_sounds(
    folder: Path, num_sounds: int, repeats: int, seed: int
) -> dict[str, tuple[dict[str, list[float]], bool]]:
    """The same of sounds, by kind."""
    generator = np.random.default_rng(seed)
    measured = {}
    for rate in RATES:
        for channels in (1, 2):
            paths = []
            for number in range(num_sounds):
                paths.append(folder / f"{rate}_{channels}_{number}.wav")
                sf.write(paths[-1], generator.normal(0, 0.1, (4 * rate, channels)), rate)

            def ours(paths=paths) -> list[np.ndarray]:
                return [load_audio(path) for path in paths]

            def theirs(paths=paths) -> list[np.ndarray]:
                return [librosa.load(path, sr=16_000, res_type="soxr_hq")[0] for path in paths]

            is_equal = all(map(np.array_equal, ours(), theirs()))
            functions: dict[str, Callable] = {"ours": ours, "theirs": theirs}
            kind = f"{num_sounds} sounds, {rate} Hz, {'mono' if channels == 1 else 'stereo'}"
            measured[kind] = (seconds_in_turn(functions, repeats, clock=time.process_time), is_equal)
    return measured


def measure_metrics(num_rows: int, seed: int) -> float:
    """CPU seconds of metrics and intervals."""
    generator = np.random.default_rng(seed)
    config = EmoBertConfig(num_labels=7)
    metric_function = metric_function_for(config)
    logits, labels = generator.normal(size=(num_rows, 7)), generator.integers(7, size=num_rows)
    start = time.process_time()
    metric_function(logits, labels)
    bootstrap_intervals(metric_function, logits, labels)
    return time.process_time() - start


if __name__ == "__main__":
    main()
