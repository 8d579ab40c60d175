"""A timeline for other programs: WebVTT, RTTM, a pandas table."""

from __future__ import annotations

import html
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any


if TYPE_CHECKING:
    import pandas


def to_vtt(result: Mapping[str, Any]) -> str:
    """The chunks as WebVTT, which players show below a recording: speaker, best label with its score, and text.

    Args:
        result (`dict`): of [`EmotionRecognitionPipeline`], with `chunks`. Silence, and chunks without length, are left
            out; where it abstained the label is `unsure`.

    Raises:
        ValueError: there are no chunks, or one has no times.

    Source: W3C, WebVTT: The Web Video Text Tracks Format.

    Example:
        >>> best = {"label": "happy", "score": 0.81}
        >>> chunk = {"timestamp": (0.5, 61.25), "text": "Thanks!", "speaker": "anna", "predictions": [best]}
        >>> print(to_vtt({"chunks": [chunk]}))
        WEBVTT
        <BLANKLINE>
        1
        00:00:00.500 --> 00:01:01.250
        <v anna>[happy 0.81] Thanks!
        <BLANKLINE>
    """
    cues: list[str] = []
    for chunk in _timed_chunks(result):
        start, end = (_clock(seconds) for seconds in chunk["timestamp"])
        if chunk["predictions"] is None or start == end:
            continue
        best = chunk["predictions"][0]
        # A line break would end the voice, an empty line the cue.
        words = re.sub(r"\s+", " ", chunk.get("text") or "").strip()
        speaker = re.sub(r"\s+", " ", chunk.get("speaker") or "").strip()
        voice = f"<v {html.escape(speaker, quote=False)}>" if speaker else ""
        felt = "unsure" if chunk.get("abstained") else f"{best['label']} {best['score']:.2f}"
        said = html.escape(f"[{felt}] {words}".strip(), quote=False)
        cues.append(f"{len(cues) + 1}\n{start} --> {end}\n{voice}{said}\n")
    return "\n".join(["WEBVTT\n", *cues])


def to_rttm(result: Mapping[str, Any], recording: str = "recording") -> str:
    """The chunks as RTTM, a SPEAKER line each: who speaks when, silence included, without the emotions.

    Args:
        result (`dict`): of [`EmotionRecognitionPipeline`], with `chunks`.
        recording (`str`): the name of the recording in the file. Spaces become underscores, as in speakers' names.

    Raises:
        ValueError: there are no chunks, or one has no times.

    Example:
        >>> chunk = {"timestamp": (0.5, 2.0), "text": None, "speaker": "anna", "predictions": None}
        >>> print(to_rttm({"chunks": [chunk]}, "call"), end="")
        SPEAKER call 1 0.500 1.500 <NA> <NA> anna <NA> <NA>
    """
    name = _one_word(recording)
    lines = []
    for chunk in _timed_chunks(result):
        start, end = chunk["timestamp"]
        speaker = _one_word(chunk.get("speaker") or "<NA>")
        lines.append(f"SPEAKER {name} 1 {start:.3f} {end - start:.3f} <NA> <NA> {speaker} <NA> <NA>\n")
    return "".join(lines)


def to_dataframe(results: Mapping[str, Any] | Sequence[Any], files: str | Sequence[str] = "") -> pandas.DataFrame:
    """The chunks as a table, a row each, with one column of scores for each label.

    Args:
        results (`dict` or sequence of `dict`): of [`EmotionRecognitionPipeline`], one or many, with `chunks`.
        files (`str` or sequence of `str`): what each of them is called in the index.

    Returns:
        `pandas.DataFrame`: indexed by `file`, `start` and `end` (pandas' Timedelta), as audformat's segmented tables;
        columns `speaker`, `text` and the labels, whose scores are NaN where nothing can be heard.

    Raises:
        ValueError: there are no chunks, one has no times, or there is another number of files.

    Example:
        >>> chunk = {"timestamp": (0.5, 2.0), "text": "no", "predictions": [{"label": "sad", "score": 0.75}]}
        >>> table = to_dataframe({"chunks": [chunk]}, "call.wav")
        >>> table.index.names, table["sad"].tolist(), table.index[0][1].total_seconds()
        (FrozenList(['file', 'start', 'end']), [0.75], 0.5)
    """
    import pandas

    given = [results] if isinstance(results, Mapping) else list(results)
    names = [files] if isinstance(files, (str, os.PathLike)) else list(files)
    if len(given) != len(names):
        raise ValueError(f"There are {len(given)} results and {len(names)} files: name each of them.")
    index, rows = [], []
    for name, result in zip(names, given, strict=True):
        for chunk in _timed_chunks(result):
            times = (pandas.Timedelta(seconds, unit="s") for seconds in chunk["timestamp"])
            index.append((os.fspath(name), *times))
            scores = {entry["label"]: entry["score"] for entry in chunk["predictions"] or []}
            rows.append({"speaker": chunk.get("speaker"), "text": chunk.get("text"), **scores})
    labels = sorted({name for row in rows for name in row} - {"speaker", "text"})
    return pandas.DataFrame(
        rows,
        index=pandas.MultiIndex.from_tuples(index, names=["file", "start", "end"]),
        columns=["speaker", "text", *labels],
    )


def _timed_chunks(result: Any) -> Iterator[Mapping[str, Any]]:
    chunks = result.get("chunks") if isinstance(result, Mapping) else None
    if not chunks:
        raise ValueError("The result has no `chunks`: call the pipeline with chunk_length_s, segmentation or turns.")
    for index, chunk in enumerate(chunks):
        if None in chunk["timestamp"]:
            raise ValueError(f"Chunk {index} has no times: a text without sound and times has no timeline.")
        yield chunk


def _clock(seconds: float) -> str:
    milliseconds = round(seconds * 1000)
    minutes, rest = divmod(milliseconds, 60_000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02d}:{minutes:02d}:{rest // 1000:02d}.{rest % 1000:03d}"


def _one_word(name: str) -> str:
    return re.sub(r"\s+", "_", name.strip()) or "<NA>"
