"""Predictions of many recordings in a file that survives being killed, and a list of those that could not be read."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout
from tqdm.auto import tqdm

from configuration_emo.structured_text import parse_json, read_json

from .fingerprints import model_fingerprint, recording_state
from .pipeline import EmotionRecognitionPipeline


PREDICTION_SUFFIXES = (".jsonl", ".csv")


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

    Beside `calls.jsonl` lie `calls_skipped.jsonl`, what could not be read and why, `calls_settings.json`, what the
    predictions were made with: a run goes on only with the same, and `calls.lock`, which one run holds until it closes
    the file or ends, however it ends. For `calls.csv` the rows are kept in `calls.jsonl` and written as a table at the
    end. Rows of recordings that have changed since are taken out, for them to be predicted again.

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
        self.skipped_path = self.path.with_name(f"{self.path.stem}_skipped.jsonl")
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
        if self.rows_path.exists() and path.exists():
            earlier = read_json(path)
            changed = sorted(name for name in {*earlier, *settings} if earlier.get(name) != settings.get(name))
            if changed:
                raise ValueError(
                    f"{self.path} has predictions with another {', '.join(changed)}. Remove it, or write to another "
                    "file."
                )
        content = json.dumps(settings, indent=2, ensure_ascii=False) + "\n"
        path.write_text(content, encoding="utf-8", errors="backslashreplace")

    def _remove_outdated_lines(self) -> set[tuple[Any, ...]]:
        """Takes out a line that was not finished and those of recordings that have changed; the keys of the rest."""
        if not self.rows_path.exists():
            return set()
        keys = set()
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
        if "error" in result:
            self.leave_out(str(utterance.get("audio") or utterance.get("text")), result["error"])
            return
        _append(self.rows_path, {"input": dict(utterance), "audio_state": audio_state, **result})
        self.finished.add(utterance_key(utterance))

    def leave_out(self, name: str, reason: str) -> None:
        """Lists something that is not predicted among what could not be read."""
        _append(self.skipped_path, {"id": name, "place": name, "reason": reason})

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """The rows, in the order in which they were predicted."""
        with self.rows_path.open(encoding="utf-8") as file:
            for number, line in enumerate(file, start=1):
                yield _row(line, f"{self.rows_path}, line {number}")

    def write_table(self) -> None:
        """Writes `path` as CSV if it is one: a row for each recording, or for each segment of a timeline."""
        if self.path.suffix != ".csv" or not self.rows_path.exists():
            return
        names = list(dict.fromkeys(entry["label"] for row in self for entry in row["predictions"] or []))
        speaker = ["speaker"] if any(row.get("speakers") for row in self) else []
        columns = ["audio", "start", "end", *speaker, "text", *(f"score_{name}" for name in sorted(names))]
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
        utterances (sequence of `dict`): `audio`, a path or address, `text`, or both; each is predicted once.
        path (`str` or `Path`): see [`PredictionFile`].
        settings (`dict`): what the predictions depend on, see [`PredictionFile`]; the model's weights are added.
        batch_size (`int`, defaults to 1): utterances, or segments of them, that are predicted together.
        left_out (sequence of `str`): files that are not predicted and shall be listed as well.
        **options: of the pipeline.

    Returns:
        [`PredictionCounts`]

    Raises:
        ValueError: see [`PredictionFile`]. An utterance that cannot be read is no error: it is listed.
    """
    settings = {**settings, "model_fingerprint": model_fingerprint(recognise.model)}
    asr: Any = options.get("asr") or getattr(recognise, "_preprocess_params", {}).get("asr")
    if hasattr(asr, "model"):
        settings["asr_fingerprint"] = model_fingerprint(asr.model)
    utterances = list({utterance_key(utterance): utterance for utterance in utterances}.values())
    with PredictionFile(path, settings) as file:
        for name in left_out:
            file.leave_out(name, "not predicted: neither a recording, by its suffix, nor a transcript of one")
        pending = [utterance for utterance in utterances if utterance_key(utterance) not in file.finished]
        resumed, skipped = len(utterances) - len(pending), 0
        if pending:
            states: list[list[int] | None] = []

            def read() -> Iterator[dict[str, Any]]:
                for utterance in pending:
                    states.append(recording_state(utterance.get("audio")))
                    yield dict(utterance)

            results = recognise(
                read(), batch_size=batch_size, **{**options, "return_text": True, "on_error": "return"}
            )
            progress = tqdm(results, total=len(utterances), initial=resumed, unit="recording")
            for index, (utterance, result) in enumerate(zip(pending, progress, strict=True)):
                file.add(utterance, result, states[index])
                skipped += "error" in result
        file.write_table()
    return PredictionCounts(len(utterances) - skipped, resumed, skipped)


def utterance_key(utterance: Mapping[str, Any]) -> tuple[Any, ...]:
    """What an utterance is recognised by when a run goes on."""
    key = utterance.get("audio"), utterance.get("text")
    return key if utterance.get("context") is None else (*key, *utterance["context"])


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
        line = {"audio": row["input"].get("audio"), "start": start, "end": end, "text": part["text"], **scores}
        yield {**line, "speaker": part["speaker"]} if row.get("speakers") else line
