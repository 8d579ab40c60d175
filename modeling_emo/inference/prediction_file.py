"""Predictions of many recordings in a file that survives being killed, and a list of those that could not be read."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm.auto import tqdm

from .pipeline import EmotionRecognitionPipeline


SUFFIXES = (".jsonl", ".csv")


@dataclass(frozen=True)
class PredictionCounts:
    """What became of the utterances of a run.

    Args:
        predicted (`int`): how many have predictions in the file, those of earlier runs among them.
        resumed (`int`): how many of these were there before.
        skipped (`int`): how many could not be read.
    """

    predicted: int
    resumed: int
    skipped: int


class PredictionFile:
    """One JSON object a line for each utterance, appended as it is predicted.

    Beside `calls.jsonl` lie `calls_skipped.jsonl`, what could not be read and why, and `calls_settings.json`, what the
    predictions were made with: a run goes on only with the same. For `calls.csv` the rows are kept in `calls.jsonl`
    and written as a table at the end.

    Args:
        path (`str` or `Path`): a `.jsonl` or `.csv` file. Its folder is made.
        settings (`dict`): the model and options, of JSON's types.

    Raises:
        ValueError: the suffix is another one, or the file is there with predictions of other settings.
    """

    def __init__(self, path: str | Path, settings: Mapping[str, Any]):
        self.path = Path(path)
        if self.path.suffix not in SUFFIXES:
            raise ValueError(f"{path}: predictions are written as {' or '.join(SUFFIXES)}.")
        self.rows_path = self.path.with_suffix(".jsonl")
        self.skipped_path = self.path.with_name(f"{self.path.stem}_skipped.jsonl")
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._keep_settings(dict(settings))
        self.finished = self._remove_torn_line()
        self.skipped_path.write_text("", encoding="utf-8")  # what could not be read is tried again

    def _keep_settings(self, settings: dict[str, Any]) -> None:
        path = self.path.with_name(f"{self.path.stem}_settings.json")
        if self.rows_path.exists() and path.exists():
            earlier = json.loads(path.read_text(encoding="utf-8"))
            changed = sorted(name for name in {*earlier, *settings} if earlier.get(name) != settings.get(name))
            if changed:
                raise ValueError(
                    f"{self.path} has predictions with another {', '.join(changed)}. Remove it, or write to another "
                    "file."
                )
        content = json.dumps(settings, indent=2, ensure_ascii=False) + "\n"
        path.write_text(content, encoding="utf-8", errors="backslashreplace")

    def _remove_torn_line(self) -> set[tuple[Any, Any]]:
        """Cuts off a line that was not finished; the keys of those that were."""
        if not self.rows_path.exists():
            return set()
        keys, end = set(), 0
        with self.rows_path.open("rb+") as file:
            for line in file:
                if not line.endswith(b"\n"):
                    break
                keys.add(utterance_key(json.loads(line)["input"]))
                end += len(line)
            file.truncate(end)
        return keys

    def add(self, utterance: Mapping[str, Any], result: Mapping[str, Any]) -> None:
        """Appends a result of the pipeline; it outlives the process from here on.

        Args:
            utterance (`dict`): `audio` and `text` as they were given.
            result (`dict`): of the pipeline with `return_text=True` and `on_error="return"`.
        """
        if "error" in result:
            self.leave_out(str(utterance.get("audio") or utterance.get("text")), result["error"])
            return
        _append(self.rows_path, {"input": dict(utterance), **result})
        self.finished.add(utterance_key(utterance))

    def leave_out(self, name: str, reason: str) -> None:
        """Lists something that is not predicted among what could not be read."""
        _append(self.skipped_path, {"id": name, "place": name, "reason": reason})

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """The rows, in the order in which they were predicted."""
        with self.rows_path.open(encoding="utf-8") as file:
            for line in file:
                yield json.loads(line)

    def write_table(self) -> None:
        """Writes `path` as CSV if it is one: a row for each recording, or for each segment of a timeline."""
        if self.path.suffix != ".csv" or not self.rows_path.exists():
            return
        names = list(dict.fromkeys(entry["label"] for row in self for entry in row["predictions"]))
        columns = ["audio", "start", "end", "text", *(f"score_{name}" for name in sorted(names))]
        with self.path.open("w", newline="", encoding="utf-8", errors="backslashreplace") as file:
            writer = csv.DictWriter(file, fieldnames=columns)
            writer.writeheader()
            writer.writerows(line for row in self for line in _table_rows(row))


def predict_to_file(
    recognise: EmotionRecognitionPipeline,
    utterances: Sequence[Mapping[str, Any]],
    path: str | Path,
    *,
    settings: Mapping[str, Any],
    batch_size: int = 1,
    left_out: Sequence[str] = (),
    **options: Any,
) -> PredictionCounts:
    """Predicts utterances one after the other with a progress bar; what an earlier run has finished is left out.

    Args:
        recognise ([`EmotionRecognitionPipeline`]): the pipeline.
        utterances (sequence of `dict`): `audio`, a path or address, `text`, or both.
        path (`str` or `Path`): see [`PredictionFile`].
        settings (`dict`): what the predictions depend on, see [`PredictionFile`].
        batch_size (`int`, defaults to 1): utterances, or segments of them, that are predicted together.
        left_out (sequence of `str`): files that are not predicted and shall be listed as well.
        **options: of the pipeline.

    Returns:
        [`PredictionCounts`]

    Raises:
        ValueError: see [`PredictionFile`]. An utterance that cannot be read is no error: it is listed.
    """
    file = PredictionFile(path, settings)
    for name in left_out:
        file.leave_out(name, "not predicted: neither a recording, by its suffix, nor a transcript of one")
    pending = [utterance for utterance in utterances if utterance_key(utterance) not in file.finished]
    skipped = 0
    if pending:
        results = recognise(
            (dict(utterance) for utterance in pending),
            batch_size=batch_size,
            **{**options, "return_text": True, "on_error": "return"},
        )
        progress = tqdm(results, total=len(utterances), initial=len(utterances) - len(pending), unit="recording")
        for utterance, result in zip(pending, progress, strict=True):
            file.add(utterance, result)
            skipped += "error" in result
    file.write_table()
    resumed = len(utterances) - len(pending)
    return PredictionCounts(resumed + len(pending) - skipped, resumed, skipped)


def utterance_key(utterance: Mapping[str, Any]) -> tuple[Any, Any]:
    """What an utterance is recognised by when a run goes on."""
    return utterance.get("audio"), utterance.get("text")


def _append(path: Path, row: Mapping[str, Any]) -> None:
    with path.open("ab") as file:
        # A file name need not be UTF-8; what is not is written as JSON writes it, and comes back when it is read.
        file.write(json.dumps(row, ensure_ascii=False).encode("utf-8", "backslashreplace") + b"\n")


def _table_rows(row: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for part in row.get("chunks") or [{**row, "timestamp": (None, None)}]:
        start, end = part["timestamp"]
        scores = {f"score_{entry['label']}": entry["score"] for entry in part["predictions"]}
        yield {"audio": row["input"].get("audio"), "start": start, "end": end, "text": part["text"], **scores}
