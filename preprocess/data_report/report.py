"""The data report: what a corpus holds, what its splits share, and everything in it that is broken.

`write_data_report` writes `data_report.json` (all numbers, and every problem by reason with its ids),
`data_report.txt` (the same as tables) and `data_report.png` (how long the recordings and the transcripts are).
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from ..audio.check import audio_seconds
from ..schema import COUNTS_DIFFER, CorpusReading, Problem, Utterance
from .data_report_plot import save_length_plot
from .data_report_text import format_report


REPORT_JSON = "data_report.json"
REPORT_TEXT = "data_report.txt"
REPORT_PLOT = "data_report.png"
_SHOWN_TEXTS = 20


def write_data_report(reading: CorpusReading, output_dir: str | Path) -> dict[str, Any]:
    """Writes the report of a corpus.

    Args:
        reading (`CorpusReading`): the corpus. Lengths of recordings come from the column `duration` where the reader
            filled it, and otherwise from the files' headers; nothing is decoded.
        output_dir (`str` or `Path`): made where it is not there; files of the same names are replaced.

    Returns:
        `dict`: what `data_report.json` holds, see `summarise`.

    Example:
        >>> import tempfile
        >>> folder = tempfile.mkdtemp()
        >>> report = write_data_report(CorpusReading({"train": [Utterance("a", text="Hi.", label="joy")]}), folder)
        >>> sorted(path.name for path in Path(folder).iterdir())
        ['data_report.json', 'data_report.png', 'data_report.txt']
    """
    folder = Path(output_dir)
    folder.mkdir(parents=True, exist_ok=True)
    lengths = _lengths(reading)
    report = _summarise(reading, lengths)
    (folder / REPORT_JSON).write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    (folder / REPORT_TEXT).write_text(format_report(report) + "\n", encoding="utf-8")
    labels = {name: split["labels"] for name, split in report["splits"].items()}
    is_score = any(isinstance(value, list) for told in labels.values() for value in told.values())
    save_length_plot(lengths, folder / REPORT_PLOT, None if is_score else labels)
    return report


def describe(reading: CorpusReading) -> str:
    """The report as tables, for printing."""
    return format_report(summarise(reading))


def summarise(reading: CorpusReading) -> dict[str, Any]:
    """The report as plain types.

    Returns:
        `dict` with

        - `splits`, for each: `utterances`; `with_audio`, `with_text`, `with_both`; `labels` (counts of names, or mean,
          std, min and max of scores, for each score) and `unlabelled`; `agreement`, the mean share of an utterance's
          votes for its most chosen label (None without votes); `speakers`, `sessions`;
          `utterances_by_speaker`; `hours`; `seconds` and `words` (count, min, median, mean, 95th percentile, max of
          the recordings and transcripts whose length is known);
        - `shared`, for each pair of splits: how many `speakers`, `sessions` and `texts` are in both;
        - `repeated_texts`: how many transcripts occur more than once, and the most frequent with their count by split;
        - `known_counts`: where the corpus differs from its published size;
        - `problems`: how many items are `kept` and `left_out`, and `by_reason`: count and ids.

    Example:
        >>> utterances = [Utterance("a", text="Oh. Hi.", label="joy"), Utterance("b", label="joy")]
        >>> reading = CorpusReading({"train": utterances})
        >>> train = summarise(reading)["splits"]["train"]
        >>> train["labels"], train["with_text"], train["words"]["mean"]
        ({'joy': 2}, 1, 2.0)
    """
    return _summarise(reading, _lengths(reading))


def _summarise(reading: CorpusReading, lengths: Mapping[str, Mapping[str, list[float]]]) -> dict[str, Any]:
    problems: list[Problem] = []
    known_counts: list[str] = []
    for problem in reading.problems:
        if problem.reason.startswith(COUNTS_DIFFER):
            known_counts.append(problem.reason)
        else:
            problems.append(problem)
    return {
        "splits": {
            split: {**_counts(utterances), **_length_numbers(lengths[split])}
            for split, utterances in reading.splits.items()
        },
        "shared": {
            f"{first} and {second}": _shared(reading.splits[first], reading.splits[second])
            for first, second in combinations(reading.splits, 2)
        },
        "repeated_texts": _repeated_texts(reading),
        "known_counts": known_counts,
        "problems": {
            "kept": sum(problem.kept for problem in problems),
            "left_out": sum(not problem.kept for problem in problems),
            "by_reason": _problems_by_reason(problems),
        },
    }


def _counts(utterances: Sequence[Utterance]) -> dict[str, Any]:
    speakers = Counter(utterance.speaker for utterance in utterances if utterance.speaker is not None)
    return {
        "utterances": len(utterances),
        "with_audio": sum(utterance.audio is not None for utterance in utterances),
        "with_text": sum(utterance.text is not None for utterance in utterances),
        "with_both": sum(utterance.audio is not None and utterance.text is not None for utterance in utterances),
        "labels": _label_numbers(utterances),
        "agreement": _agreement(utterances),
        "unlabelled": sum(utterance.label is None for utterance in utterances),
        "speakers": len(speakers),
        "sessions": len({utterance.session for utterance in utterances} - {None}),
        "utterances_by_speaker": dict(sorted(speakers.items())),
    }


def _agreement(utterances: Sequence[Utterance]) -> float | None:
    """The mean share of votes that the most chosen label of an utterance has; None without votes."""
    votes = [list(row.soft_label.values()) for row in utterances if row.soft_label and any(row.soft_label.values())]
    return round(float(np.mean([max(counts) / sum(counts) for counts in votes])), 4) if votes else None


def _label_numbers(utterances: Sequence[Utterance]) -> dict[str, Any]:
    labels = [utterance.label for utterance in utterances if utterance.label is not None]
    rows = [label if isinstance(label, list) else [label] for label in labels]
    values = [value for row in rows for value in row]
    if values and all(isinstance(value, (int, float)) for value in values) and len({len(row) for row in rows}) == 1:
        scores = np.asarray(rows, dtype=np.float64)
        columns = {"mean": scores.mean(0), "std": scores.std(0), "min": scores.min(0), "max": scores.max(0)}
        return {name: [round(float(value), 6) for value in column] for name, column in columns.items()}
    return dict(sorted(Counter(str(value) for value in values).items()))


def _lengths(reading: CorpusReading) -> dict[str, dict[str, list[float]]]:
    """By split, the seconds of all recordings and the words of all transcripts whose length is known."""
    lengths = {}
    for split, utterances in reading.splits.items():
        seconds = (_seconds(utterance) for utterance in utterances)
        lengths[split] = {
            "seconds": [length for length in seconds if length is not None],
            "words": [float(len(utterance.text.split())) for utterance in utterances if utterance.text is not None],
        }
    return lengths


def _seconds(utterance: Utterance) -> float | None:
    if utterance.extra.get("duration") is not None:
        return float(utterance.extra["duration"])
    if not isinstance(utterance.audio, (str, Path)):
        return None
    try:
        return audio_seconds(utterance.audio)
    except ValueError:  # the reader, or prepare_dataset, says what is wrong with the file
        return None


def _length_numbers(lengths: Mapping[str, list[float]]) -> dict[str, Any]:
    return {
        "hours": round(sum(lengths["seconds"]) / 3600, 4),
        **{name: _distribution(values) for name, values in lengths.items()},
    }


def _distribution(values: Sequence[float]) -> dict[str, float]:
    if not values:
        return {"count": 0}
    numbers: dict[str, Any] = {
        "min": min(values),
        "median": np.median(values),
        "mean": np.mean(values),
        "p95": np.percentile(values, 95),
        "max": max(values),
    }
    return {"count": len(values), **{name: round(float(value), 3) for name, value in numbers.items()}}


def _shared(first: Sequence[Utterance], second: Sequence[Utterance]) -> dict[str, int]:
    def count(name: str) -> int:
        values = [{getattr(utterance, name) for utterance in split} - {None} for split in (first, second)]
        return len(values[0] & values[1])

    texts = [{_comparable(utterance) for utterance in split} - {None} for split in (first, second)]
    return {"speakers": count("speaker"), "sessions": count("session"), "texts": len(texts[0] & texts[1])}


def _comparable(utterance: Utterance) -> str | None:
    """A transcript without regard to case and white space, as the protocols compare it."""
    return None if utterance.text is None else " ".join(utterance.text.casefold().split())


def _repeated_texts(reading: CorpusReading) -> dict[str, Any]:
    occurrences: dict[str, Counter[str]] = {}
    for split, utterances in reading.splits.items():
        for text in map(_comparable, utterances):
            if text is not None:
                occurrences.setdefault(text, Counter())[split] += 1
    repeated = {text: counts for text, counts in occurrences.items() if counts.total() > 1}
    most_frequent = sorted(repeated.items(), key=lambda item: (-item[1].total(), item[0]))[:_SHOWN_TEXTS]
    return {
        "texts": len(repeated),
        "utterances": sum(counts.total() for counts in repeated.values()),
        "most_frequent": [{"text": text, **counts} for text, counts in most_frequent],
    }


def _problems_by_reason(problems: Iterable[Problem]) -> dict[str, Any]:
    """Count and ids of each kind of problem (a reason up to its colon), the most frequent first."""
    ids: dict[str, list[str]] = {}
    for problem in problems:
        ids.setdefault(problem.reason.partition(":")[0], []).append(problem.id)
    return {
        kind: {"count": len(found), "ids": found}
        for kind, found in sorted(ids.items(), key=lambda item: -len(item[1]))
    }
