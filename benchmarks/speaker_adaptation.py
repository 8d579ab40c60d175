"""What adapting to speakers without labels gains and costs, by how much is heard of a speaker, and of which labels.

    python benchmarks/speaker_adaptation.py outputs/ravdess/runs [--output outputs/benchmarks/speakers.json]

Reads the runs of a cross-validation that kept its models (`--keep_models true`, the default): their test predictions
and their speaker statistics, which held-out speakers of the training rows told. Recordings of a speaker are dealt at
random into sessions, and each session is adapted to alone. UA over all folds, the mean of the draws.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from report import argument_parser, parse_arguments, report
from sklearn.metrics import recall_score

from configuration_emo import EmoBertConfig
from modeling_emo import SHARES, adapt_to_speakers, read_fold_predictions
from preprocess import load_prepared, pooled


class Fold(NamedTuple):
    """Test predictions of one model."""

    logits: np.ndarray
    labels: np.ndarray
    speakers: np.ndarray
    config: EmoBertConfig


def main(given: Sequence[str] | None = None) -> None:
    parser = argument_parser(__doc__, repeats=10)
    parser.add_argument("runs", type=Path, help="folder of the runs of a cross-validation")
    parser.add_argument("--data_dir", type=Path, help="prepared data (default: data beside the runs)")
    parser.add_argument("--sizes", nargs="+", type=int, default=[2, 4, 8, 16], help="recordings of a session")
    parser.add_argument("--labels", nargs="+", type=int, default=[1, 2, 3], help="labels that a session has")
    arguments = parse_arguments(parser, given)
    folds = list(read_folds(arguments.runs, arguments.data_dir or arguments.runs.parent / "data"))
    results = {"all recordings of a speaker": compare(folds, [whole(fold) for fold in folds])}
    for size in arguments.sizes:
        rng = np.random.default_rng(arguments.seed)
        draws = [compare(folds, [dealt(fold, size, rng) for fold in folds]) for _ in range(arguments.repeats)]
        results[f"{size} at random"] = mean_of(draws)
    for number in arguments.labels:
        rng = np.random.default_rng(arguments.seed)
        draws = [
            compare(folds, [of_labels(fold, number, 16, rng) for fold in folds]) for _ in range(arguments.repeats)
        ]
        results[f"16 or fewer, of {number} label{'s' * (number > 1)} only"] = mean_of(draws)
    columns = ["alone", *SHARES]
    rows = [[name, *(f"{found[column]:.3f}" for column in columns)] for name, found in results.items()]
    report(arguments, results, header=["heard of a speaker at a time", "not adapted", *SHARES], rows=rows)


def read_folds(runs: Path, data_dir: Path) -> Iterator[Fold]:
    """The folds of a cross-validation."""
    rows = pooled(load_prepared(data_dir).datasets).with_format(None)
    speaker_of = dict(zip(rows["id"][:], rows["speaker"][:], strict=True))
    for folder in sorted(path.parent for path in runs.glob("*/metrics.json")):
        config = EmoBertConfig.from_pretrained(folder)
        found = next(iter(read_fold_predictions(folder, config).predictions.values()))
        yield Fold(found.logits, found.labels, np.array([speaker_of[one] for one in found.ids]), config)


def whole(fold: Fold) -> list[np.ndarray]:
    """One session of each speaker."""
    return [np.flatnonzero(fold.speakers == speaker) for speaker in np.unique(fold.speakers)]


def dealt(fold: Fold, size: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Sessions of so many recordings of one speaker, drawn at random."""
    return [
        mixed[start : start + size]
        for mixed in map(rng.permutation, whole(fold))
        for start in range(0, len(mixed), size)
    ]


def of_labels(fold: Fold, number: int, size: int, rng: np.random.Generator) -> list[np.ndarray]:
    """A session of each speaker, of a few labels drawn at random."""
    sessions = []
    for rows in whole(fold):
        shown = rng.choice(np.unique(fold.labels[rows]), number, replace=False)
        sessions.append(rng.permutation(rows[np.isin(fold.labels[rows], shown)])[:size])
    return sessions


def compare(folds: Sequence[Fold], sessions: Sequence[Sequence[np.ndarray]]) -> dict[str, float]:
    """UA of the sessions' rows, not adapted and adapted."""
    truth: list[int] = []
    predicted: dict[str, list[int]] = {name: [] for name in ("alone", *SHARES)}
    for fold, of_fold in zip(folds, sessions, strict=True):
        rows = np.concatenate(of_fold)
        numbers = np.repeat(np.arange(len(of_fold)), [len(one) for one in of_fold]).tolist()
        truth.extend(fold.labels[rows])
        predicted["alone"].extend(fold.logits[rows].argmax(-1))
        for shares in SHARES:
            adapted = adapt_to_speakers(fold.logits[rows], numbers, fold.config, shares=shares)
            predicted[shares].extend(adapted.argmax(-1))
    shown = np.unique(truth)
    return {
        name: float(recall_score(truth, found, labels=shown, average="macro")) for name, found in predicted.items()
    }


def mean_of(draws: Sequence[dict[str, float]]) -> dict[str, float]:
    """The mean of each column."""
    return {name: float(np.mean([draw[name] for draw in draws])) for name in draws[0]}


if __name__ == "__main__":
    main()
