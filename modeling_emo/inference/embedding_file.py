"""The vectors behind predictions as a Parquet file: a row for each recording, or for each segment of a timeline."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any


_ROWS_PER_GROUP = 1000


def write_embeddings(path: str | Path, rows: Iterable[Mapping[str, Any]]) -> int:
    """Writes vectors with what they are of; nothing of the whole is kept in memory.

    Args:
        path (`str` or `Path`): the Parquet file.
        rows (iterable of `dict`): as [`PredictionFile`] has them, of a pipeline with `return_embeddings`.

    Returns:
        `int`: how many rows. Columns `file`, `start` and `end` in seconds (None of what is not divided), `speaker`,
        `text`, and `embedding_<name>` with float32 lists: `fused`, `text` and `speech` of EmoBERT, `pooled` of
        emotion2vec; None where there is no such input, and of silence.

    Raises:
        ValueError: no row has embeddings.
    """
    import pyarrow
    import pyarrow.parquet

    lines = (line for row in rows for line in _lines(row))
    silent = []
    for first in lines:
        silent.append(first)
        if first["embeddings"] is not None:
            break
    names = list((silent[-1]["embeddings"] or {}) if silent else {})
    if not names:
        raise ValueError(f"{path}: there are no embeddings to write; predict with return_embeddings=True.")
    told = {"file": pyarrow.string(), "start": pyarrow.float64(), "end": pyarrow.float64()}
    told |= {"speaker": pyarrow.string(), "text": pyarrow.string()}
    vectors = {f"embedding_{name}": pyarrow.list_(pyarrow.float32()) for name in names}
    schema = pyarrow.schema(list((told | vectors).items()))
    every = itertools.chain(silent, lines)
    count = 0
    unfinished = Path(path).with_name(f"{Path(path).name}.tmp")
    with pyarrow.parquet.ParquetWriter(unfinished, schema) as writer:
        while group := list(itertools.islice(every, _ROWS_PER_GROUP)):
            columns: dict[str, list[Any]] = {name: [line[name] for line in group] for name in told}
            for name in names:
                columns[f"embedding_{name}"] = [(line["embeddings"] or {}).get(name) for line in group]
            writer.write_table(pyarrow.table(columns, schema=schema))
            count += len(group)
    unfinished.replace(path)
    return count


def rows_of_predictions(path: str | Path) -> Iterator[dict[str, Any]]:
    """The rows of a predictions file, one after the other.

    Args:
        path (`str` or `Path`): the `.jsonl` file that [`predict_to_file`] wrote.
    """
    with Path(path).open(encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)


def _lines(row: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for part in row.get("chunks") or [{**row, "timestamp": (None, None)}]:
        start, end = part["timestamp"]
        name = row["input"].get("audio")
        yield {
            "file": None if name is None else str(name).encode("utf-8", "backslashreplace").decode(),
            "start": start,
            "end": end,
            "speaker": part.get("speaker"),
            "text": part.get("text"),
            "embeddings": part.get("embeddings"),
        }
