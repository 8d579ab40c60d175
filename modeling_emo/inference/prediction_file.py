"""Predictions of many recordings in a file that survives being killed, and a list of those that could not be read."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout

from configuration_emo.structured_text import parse_json, read_json

from .fingerprints import recording_state


PREDICTION_SUFFIXES = (".jsonl", ".csv")
# Of results and chunks that have them.
_OPTIONAL_COLUMNS = ("label", "abstained", "untrained_input")


class PredictionFile:
    """One JSON object a line for each utterance, appended as it is predicted.

    Several processes write a part each (`calls.part-00001.jsonl`), which are gathered when all are done, or by the
    next run. Beside `calls.jsonl` lie `calls_skipped.jsonl`, what could not be read and why, `calls_settings.json`,
    what the predictions were made with: a run goes on only with the same, and `calls.lock`, which one run holds until
    it closes the file or ends, however it ends. For `calls.csv` the rows are kept in `calls.jsonl` and written as a
    table at the end. Rows of recordings that have changed since are taken out, for them to be predicted again.

    Args:
        path (`str` or `Path`): a `.jsonl` or `.csv` file. Its folder is made.
        settings (`dict`): the model and options, of JSON's types.

    Raises:
        ValueError: the suffix is another one, another run writes to the file, or it is there with predictions of
            other settings.
    """

    def __init__(self, path: str | Path, settings: Mapping[str, Any]):
        self.path = Path(path)
        if self.path.suffix not in PREDICTION_SUFFIXES:
            raise ValueError(f"{path}: predictions are written as {' or '.join(PREDICTION_SUFFIXES)}.")
        self.rows_path = self.path.with_suffix(".jsonl")
        self.skipped_path = skipped_path(self.path)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = FileLock(self.path.with_suffix(".lock"))
        try:
            self._lock.acquire(timeout=0)
        except Timeout as error:
            raise ValueError(
                f"Another run is writing predictions to {self.path}. Wait for it to end, or write to another file."
            ) from error
        try:
            self._keep_settings(dict(settings))
            gather_parts(self.path)
            self.finished = self._remove_outdated_lines()
            self.skipped_path.write_text("", encoding="utf-8")  # what could not be read is tried again
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Lets other runs write to the file."""
        self._lock.release(force=True)

    def __enter__(self) -> PredictionFile:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _keep_settings(self, settings: dict[str, Any]) -> None:
        path = self.path.with_name(f"{self.path.stem}_settings.json")
        if path.exists() and (self.rows_path.exists() or part_paths(self.path)):
            earlier = read_json(path)
            changed = sorted(name for name in {*earlier, *settings} if earlier.get(name) != settings.get(name))
            if changed:
                raise ValueError(
                    f"{self.path} has predictions with another {', '.join(changed)}. Remove it, or write to another "
                    "file."
                )
        content = json.dumps(settings, indent=2, ensure_ascii=False) + "\n"
        path.write_text(content, encoding="utf-8", errors="backslashreplace")

    def _remove_outdated_lines(self) -> set[bytes]:
        """Takes out a line that was not finished and those of recordings that have changed; the keys of the rest."""
        if not self.rows_path.exists():
            return set()
        keys: set[bytes] = set()
        kept_path = self.rows_path.with_suffix(".tmp")
        try:
            with self.rows_path.open("rb") as file, kept_path.open("wb") as kept:
                for number, line in enumerate(file, start=1):
                    if not line.endswith(b"\n"):
                        continue
                    row = _row(line, f"{self.rows_path}, line {number}")
                    if _is_current(row):
                        keys.add(utterance_key(row["input"]))
                        kept.write(line)
            if kept_path.stat().st_size < self.rows_path.stat().st_size:
                os.replace(kept_path, self.rows_path)
        finally:
            kept_path.unlink(missing_ok=True)
        return keys

    def add(
        self, utterance: Mapping[str, Any], result: Mapping[str, Any], audio_state: Sequence[int] | None = None
    ) -> None:
        """Appends a result of the pipeline; it outlives the process from here on.

        Args:
            utterance (`dict`): `audio` and `text` as they were given.
            result (`dict`): of the pipeline with `return_text=True` and `on_error="return"`.
            audio_state (`list[int]`, *optional*): [`recording_state`] of the recording before it was read.
        """
        append_result(self.rows_path, utterance, result, audio_state)
        if "error" not in result:
            self.finished.add(utterance_key(utterance))

    def leave_out(self, name: str, reason: str) -> None:
        """Lists something that is not predicted among what could not be read."""
        _append(self.skipped_path, {"id": name, "place": name, "reason": reason})

    def gather(self, order: Iterable[bytes]) -> None:
        """Takes in what other processes have written, and puts the rows into this order.

        Args:
            order (iterable of `bytes`): the keys of the utterances; rows of others come first.
        """
        gather_parts(self.path, order)
        self.finished = self._remove_outdated_lines()

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """The rows, in the order in which they were predicted."""
        with self.rows_path.open(encoding="utf-8") as file:
            for number, line in enumerate(file, start=1):
                yield _row(line, f"{self.rows_path}, line {number}")

    def write_table(self) -> None:
        """Writes `path` as CSV if it is one: a row for each recording, or for each segment of a timeline."""
        if self.path.suffix != ".csv" or not self.rows_path.exists():
            return
        names: set[str] = set()
        found: set[str] = set()
        for row in self:
            names |= {entry["label"] for entry in row["predictions"] or []}
            found |= {name for part in (row, *row.get("chunks", ())) for name in _OPTIONAL_COLUMNS if name in part}
            found |= {"speaker"} if row.get("speakers") else set()
        told = [name for name in _OPTIONAL_COLUMNS if name in found]
        speaker = ["speaker"] if "speaker" in found else []
        columns = ["audio", "start", "end", *speaker, "text", *told, *(f"score_{name}" for name in sorted(names))]
        with self.path.open("w", newline="", encoding="utf-8", errors="backslashreplace") as file:
            writer = csv.DictWriter(file, fieldnames=columns)
            writer.writeheader()
            writer.writerows(line for row in self for line in _table_rows(row))


def append_result(
    rows_path: Path, utterance: Mapping[str, Any], result: Mapping[str, Any], audio_state: Sequence[int] | None
) -> None:
    """Appends a result to a file of rows, or an error to the list beside it; see [`PredictionFile.add`]."""
    if "error" in result:
        name = str(utterance.get("audio") or utterance.get("text"))
        _append(skipped_path(rows_path), {"id": name, "place": name, "reason": result["error"]})
    else:
        _append(rows_path, {"input": dict(utterance), "audio_state": audio_state, **result})


def skipped_path(path: Path) -> Path:
    """Where what could not be read is listed, beside a file of predictions."""
    return path.with_name(f"{path.stem}_skipped.jsonl")


def part_path(path: Path, process: int) -> Path:
    """Where one of several processes writes its rows."""
    return path.with_name(f"{path.stem}.part-{process:05d}.jsonl")


def part_paths(path: Path) -> list[Path]:
    """The parts that there are, in the order of their processes."""
    pattern = re.compile(rf"{re.escape(path.stem)}\.part-\d+\.jsonl")
    return sorted(found for found in path.parent.iterdir() if pattern.fullmatch(found.name))


def gather_parts(path: Path, order: Iterable[bytes] = ()) -> None:
    """Moves the rows of all parts into the one file, each once, and removes the parts.

    A process may be killed here at any time: the file is replaced in one step, and what is in it already is not taken
    again. Lines that were not finished are left out. Memory grows by a few dozen bytes a row.

    Args:
        path (`Path`): of the predictions.
        order (iterable of `bytes`): keys of rows that come last, in this order; without it rows stay as they were.
    """
    parts, rows_path = part_paths(path), path.with_suffix(".jsonl")
    if not parts and not order:
        return
    sources = [source for source in (rows_path, *parts) if source.exists()]
    places: dict[bytes, tuple[int, int]] = {}
    for number, source in enumerate(sources):
        offset = 0
        with source.open("rb") as file:
            for index, line in enumerate(file, start=1):
                if line.endswith(b"\n"):
                    # A part's row is newer than the one that was there before.
                    key = utterance_key(_row(line, f"{source}, line {index}")["input"])
                    places.pop(key, None)
                    places[key] = (number, offset)
                offset += len(line)
    gathered = rows_path.with_suffix(".tmp")
    files = [source.open("rb") for source in sources]
    try:
        last = dict.fromkeys(key for key in order if key in places)
        with gathered.open("wb") as out:
            for key in [*(key for key in places if key not in last), *last]:
                number, offset = places[key]
                files[number].seek(offset)
                out.write(files[number].readline())
        if sources:
            os.replace(gathered, rows_path)
    finally:
        for file in files:
            file.close()
        gathered.unlink(missing_ok=True)
    with skipped_path(path).open("ab") as skipped:
        for part in parts:
            if skipped_path(part).exists():
                skipped.write(skipped_path(part).read_bytes())
    for part in parts:
        skipped_path(part).unlink(missing_ok=True)
        part.unlink()


def utterance_key(utterance: Mapping[str, Any]) -> bytes:
    """What an utterance is recognised by when a run goes on: 16 bytes of a hash of its recording and text."""
    before = [] if utterance.get("context") is None else [utterance["context"]]
    told = json.dumps([utterance.get("audio"), utterance.get("text"), *before], default=str)
    return hashlib.blake2b(told.encode(), digest_size=16).digest()


def _row(line: str | bytes, place: str) -> dict[str, Any]:
    try:
        row = json.loads(line)  # names of files that are not UTF-8 are in it as they were written
    except (ValueError, RecursionError):
        text = line if isinstance(line, str) else line.decode("utf-8", errors="replace")
        row = parse_json(text, place)
    if not isinstance(row, dict) or not isinstance(row.get("input"), dict):
        raise ValueError(f"{place} is no prediction of ours. Remove the file, or write to another one.")
    return row


def _is_current(row: Mapping[str, Any]) -> bool:
    """False where the recording was replaced since; one that is gone, or an address, is taken to be the same."""
    state = recording_state(row["input"].get("audio"))
    return state is None or row.get("audio_state") == state


def _append(path: Path, row: Mapping[str, Any]) -> None:
    with path.open("ab") as file:
        # A file name need not be UTF-8; what is not is written as JSON writes it, and comes back when it is read.
        line = json.dumps(row, ensure_ascii=False, default=np.ndarray.tolist)  # embeddings are arrays
        file.write(line.encode("utf-8", "backslashreplace") + b"\n")


def _table_rows(row: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for part in row.get("chunks") or [{**row, "timestamp": (None, None)}]:
        start, end = part["timestamp"]
        scores = {f"score_{entry['label']}": entry["score"] for entry in part["predictions"] or []}
        told = {name: part[name] for name in _OPTIONAL_COLUMNS if name in part}
        line = {"audio": row["input"].get("audio"), "start": start, "end": end, "text": part["text"], **told, **scores}
        yield {**line, "speaker": part["speaker"]} if row.get("speakers") else line
