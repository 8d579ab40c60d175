"""`data_report.json`: what a corpus holds, and what its splits share that they should not."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from ..schema import CorpusReading, Utterance


REPORT_FILE = "data_report.json"


def corpus_report(reading: CorpusReading) -> dict[str, Any]:
    """Numbers to look at before training.

    Args:
        reading (`CorpusReading`): a corpus.

    Returns:
        `dict` with `splits` (for each: utterances, how many have audio, text, both; labels: counts of names, or the
        statistics of scores; speakers; sessions), `shared` (for each pair of splits: speakers, sessions and texts that
        are in both - a leak where the protocol says otherwise) and `problems` (counts of those kept and left out).
    """
    return {
        "splits": {name: _split_report(utterances) for name, utterances in reading.splits.items()},
        "shared": {
            f"{first} and {second}": _shared(reading.splits[first], reading.splits[second])
            for first, second in combinations(reading.splits, 2)
        },
        "problems": {
            "kept": sum(problem.kept for problem in reading.problems),
            "left_out": sum(not problem.kept for problem in reading.problems),
        },
    }


def write_report(path: str | Path, reading: CorpusReading) -> None:
    """Writes `corpus_report(reading)` as JSON; the folder is made."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(corpus_report(reading), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _split_report(utterances: Sequence[Utterance]) -> dict[str, Any]:
    return {
        "utterances": len(utterances),
        "with_audio": sum(utterance.audio is not None for utterance in utterances),
        "with_text": sum(utterance.text is not None for utterance in utterances),
        "with_both": sum(utterance.audio is not None and utterance.text is not None for utterance in utterances),
        "labels": _labels_report(utterances),
        "speakers": len({utterance.speaker for utterance in utterances} - {None}),
        "sessions": len({utterance.session for utterance in utterances} - {None}),
    }


def _labels_report(utterances: Sequence[Utterance]) -> dict[str, Any]:
    labels = [utterance.label for utterance in utterances if utterance.label is not None]
    rows = [label if isinstance(label, list) else [label] for label in labels]
    if rows and all(isinstance(value, (int, float)) for row in rows for value in row) and len({*map(len, rows)}) == 1:
        scores = np.asarray(rows, dtype=np.float64)
        columns = {"mean": scores.mean(0), "std": scores.std(0), "min": scores.min(0), "max": scores.max(0)}
        return {name: [round(float(value), 6) for value in values] for name, values in columns.items()}
    return dict(sorted(Counter(str(value) for row in rows for value in row).items()))


def _shared(first: Sequence[Utterance], second: Sequence[Utterance]) -> dict[str, int]:
    def count(name: str) -> int:
        values = ({getattr(utterance, name) for utterance in split} - {None} for split in (first, second))
        return len(set.intersection(*values))

    return {"speakers": count("speaker"), "sessions": count("session"), "texts": count("text")}
