"""Many recordings to a file, in one process or in several that share them out."""

from __future__ import annotations

import hashlib
import heapq
import os
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tqdm.auto import tqdm

from .fingerprints import model_fingerprint, recording_state
from .pipeline import EmotionRecognitionPipeline
from .prediction_file import PredictionFile, append_result, part_path, skipped_path, utterance_key


# Who predicts an utterance, where nobody does: it is finished, or was given before.
NOBODY = -1


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


def predict_to_file(
    recognise: EmotionRecognitionPipeline,
    utterances: Iterable[Mapping[str, Any]],
    path: str | Path,
    *,
    settings: Mapping[str, Any],
    batch_size: int = 1,
    left_out: Sequence[str] = (),
    processes: Any = None,
    **options: Any,
) -> PredictionCounts:
    """Predicts utterances one after the other with a progress bar; what an earlier run has finished is left out.

    Of several processes all call it with the same arguments. Recordings are dealt out by the size of their files, each
    process writes a part, and the main one gathers them in the order of the utterances when all are done. A run that
    was killed goes on, with any number of processes.

    Args:
        recognise ([`EmotionRecognitionPipeline`]): the pipeline.
        utterances (iterable of `dict`): `audio`, a path or address, `text`, or both; each is predicted once. It is
            gone through several times, and not kept.
        path (`str` or `Path`): see [`PredictionFile`].
        settings (`dict`): what the predictions depend on, see [`PredictionFile`]; the model's weights are added.
        batch_size (`int`, defaults to 1): utterances, or segments of them, that are predicted together.
        left_out (sequence of `str`): files that are not predicted and shall be listed as well.
        processes (`accelerate.PartialState`, *optional*): this one among those that work together.
        **options: of the pipeline.

    Returns:
        [`PredictionCounts`]: of all processes, where this is the main one.

    Raises:
        ValueError: see [`PredictionFile`]; or processes were given different utterances. An utterance that cannot be
            read is no error: it is listed.
    """
    settings = {**settings, "model_fingerprint": model_fingerprint(recognise.model)}
    asr: Any = options.get("asr") or getattr(recognise, "options", {}).get("asr")
    if hasattr(asr, "model"):
        settings["asr_fingerprint"] = model_fingerprint(asr.model)
    options = {**options, "batch_size": batch_size}
    if processes is not None and processes.num_processes > 1:
        return _in_processes(recognise, utterances, Path(path), settings, left_out, processes, options)
    with PredictionFile(path, settings) as file:
        _list_left_out(file, left_out)
        owners = deal(utterances, file.finished, 1)
        skipped = 0
        for utterance, state, result in _results(recognise, utterances, owners, 0, options):
            file.add(utterance, result, state)
            skipped += "error" in result
        file.write_table()
        _dealing_path(Path(path)).unlink(missing_ok=True)  # of several processes that were killed
    return _counts(owners, skipped)


@dataclass(frozen=True)
class Dealing:
    """Who predicts which utterance.

    Args:
        of (`np.ndarray` of shape `(utterances,)`): the process of each, `NOBODY` where none does.
        given (`set[bytes]`): the keys of all of them.
        digest (`str`): of all of them, in order.
    """

    of: np.ndarray
    given: set[bytes]
    digest: str


def deal(utterances: Iterable[Mapping[str, Any]], finished: set[bytes], num_processes: int) -> Dealing:
    """Deals out utterances so that each process has about as much sound: the longest first, to who has least.

    Args:
        utterances (iterable of `dict`): with `audio` and `text`; a file's size counts, or the length of a text.
        finished (set of `bytes`): keys of those that nobody predicts.
        num_processes (`int`): how many share them.

    Example:
        >>> dealt = deal([{"text": "how nice"}, {"text": "no"}, {"text": "so"}, {"text": "no"}], set(), 2)
        >>> dealt.of.tolist()
        [0, 1, 1, -1]
    """
    sizes: list[int] = []
    given: set[bytes] = set()
    digest = hashlib.sha256()
    for utterance in utterances:
        key = utterance_key(utterance)
        digest.update(key)
        is_new = key not in given and key not in finished
        given.add(key)
        sizes.append(_size(utterance) if is_new and num_processes > 1 else 0 if is_new else NOBODY)
    amounts = np.array(sizes, dtype=np.int64)
    owners = np.where(amounts < 0, NOBODY, 0).astype(np.int32)
    if num_processes > 1:
        loads = [(0, process) for process in range(num_processes)]
        for index in np.argsort(-amounts, kind="stable").tolist():
            if amounts[index] < 0:
                break
            load, process = heapq.heappop(loads)
            owners[index] = process
            heapq.heappush(loads, (load + int(amounts[index]) + 1, process))
    return Dealing(owners, given, digest.hexdigest())


def _in_processes(
    recognise: EmotionRecognitionPipeline,
    utterances: Iterable[Mapping[str, Any]],
    path: Path,
    settings: dict[str, Any],
    left_out: Sequence[str],
    processes: Any,
    options: dict[str, Any],
) -> PredictionCounts:
    dealing_path = _dealing_path(path)
    file = PredictionFile(path, settings) if processes.is_main_process else None
    try:
        if file is not None:
            _list_left_out(file, left_out)
            dealt = deal(utterances, file.finished, processes.num_processes)
            with dealing_path.open("wb") as out:
                np.savez(out, of=dealt.of, digest=dealt.digest)
        processes.wait_for_everyone()
        with np.load(dealing_path) as stored:
            owners = Dealing(stored["of"], set(), str(stored["digest"]))
        mine = part_path(path, processes.process_index)
        mine.touch()
        for utterance, state, result in _results(recognise, utterances, owners, processes.process_index, options):
            append_result(mine, utterance, result, state)
        processes.wait_for_everyone()
        skipped = 0
        if file is not None:
            skipped = _number_of_lines(*(skipped_path(part_path(path, one)) for one in range(processes.num_processes)))
            file.gather(_Keys(utterances))
            file.write_table()
            predicted = len(dealt.given & file.finished)
            if predicted + skipped != len(dealt.given):
                raise ValueError(
                    f"{path}: {len(dealt.given)} utterances were given, {predicted} are predicted and {skipped} are "
                    "listed as skipped. Start the run once more: it goes on with what is missing."
                )
            dealing_path.unlink()
        processes.wait_for_everyone()
    finally:
        if file is not None:
            file.close()
    return _counts(dealt if file is not None else owners, skipped)


def _dealing_path(path: Path) -> Path:
    return path.with_name(f"{path.stem}.dealing.npz")


class _Keys:
    """The keys of utterances, each time anew."""

    def __init__(self, utterances: Iterable[Mapping[str, Any]]):
        self.utterances = utterances

    def __iter__(self) -> Iterator[bytes]:
        return map(utterance_key, self.utterances)


def _results(
    recognise: EmotionRecognitionPipeline,
    utterances: Iterable[Mapping[str, Any]],
    dealing: Dealing,
    process: int,
    options: dict[str, Any],
) -> Iterator[tuple[dict[str, Any], list[int] | None, dict[str, Any]]]:
    """The utterances of a process with the states of their recordings and their results."""
    waiting: deque[tuple[dict[str, Any], list[int] | None]] = deque()
    digest = hashlib.sha256()

    def read() -> Iterator[dict[str, Any]]:
        for index, utterance in enumerate(utterances):
            digest.update(utterance_key(utterance))
            if index < len(dealing.of) and dealing.of[index] == process:
                waiting.append((dict(utterance), recording_state(utterance.get("audio"))))
                yield dict(utterance)
        if digest.hexdigest() != dealing.digest:
            raise ValueError(
                f"Process {process} was given other utterances than those that were dealt out. Give all processes the "
                "same, and change no folder while they run."
            )

    mine = int((dealing.of == process).sum())
    if not mine:
        return
    results = recognise(read(), **{**options, "return_text": True, "on_error": "return"})
    done = int((dealing.of == NOBODY).sum()) if process == 0 else 0
    for result in tqdm(results, total=mine + done, initial=done, unit="recording", disable=process > 0):
        yield *waiting.popleft(), result


def _size(utterance: Mapping[str, Any]) -> int:
    """About how much there is to do: bytes of a recording, characters of a text alone."""
    audio = utterance.get("audio")
    if isinstance(audio, (str, os.PathLike)):
        try:
            return os.stat(audio).st_size
        except (OSError, ValueError):
            return 0
    return len(utterance.get("text") or "")


def _list_left_out(file: PredictionFile, left_out: Sequence[str]) -> None:
    for name in left_out:
        file.leave_out(name, "not predicted: neither a recording, by its suffix, nor a transcript of one")


def _number_of_lines(*paths: Path) -> int:
    count = 0
    for path in paths:
        if path.exists():
            with path.open("rb") as file:
                count += sum(1 for _ in file)
    return count


def _counts(dealing: Dealing, skipped: int) -> PredictionCounts:
    total = len(dealing.given) or len(dealing.of)
    return PredictionCounts(total - skipped, total - int((dealing.of != NOBODY).sum()), skipped)
