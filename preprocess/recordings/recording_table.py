"""A table of recordings, read row by row: lists of any length cost no memory."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from ..audio.url import is_url


AUDIO_COLUMNS = ("audio", "file", "path")


class RecordingTable:
    """The recordings of a CSV file (UTF-8, with a header), read anew each time it is gone through.

    Columns: `audio` (or `file`, `path`), and `text` if there are transcripts; others are not read. Paths are relative
    to the table's folder.

    Args:
        path (`str` or `Path`): the table.

    Raises:
        ValueError: there is no such file or column; while it is read, a row without recording and text.

    Example:
        >>> import tempfile
        >>> with tempfile.NamedTemporaryFile("w", suffix=".csv", delete=False) as file:
        ...     _ = file.write("audio,text\\n/calls/a.wav,how nice\\n/calls/b.wav,\\n")
        >>> list(RecordingTable(file.name))
        [{'audio': '/calls/a.wav', 'text': 'how nice'}, {'audio': '/calls/b.wav', 'text': None}]
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        if not self.path.is_file():
            raise ValueError(f"There is no table of recordings {path}.")
        with self.path.open(encoding="utf-8-sig", newline="") as file:
            header = next(csv.reader(file), [])
        self.audio = next((name for name in AUDIO_COLUMNS if name in header), None)
        if self.audio is None and "text" not in header:
            raise ValueError(
                f"{path} has the columns {', '.join(header) or 'none'}: one of {', '.join(AUDIO_COLUMNS)} or text is "
                "needed."
            )

    def __iter__(self) -> Iterator[dict[str, str | None]]:
        folder = self.path.parent
        with self.path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            for row in reader:
                audio = (row.get(self.audio) or "").strip() if self.audio else ""
                text = (row.get("text") or "").strip() or None
                if not audio and text is None:
                    raise ValueError(f"{self.path}, line {reader.line_num}: there is neither recording nor text.")
                if audio and not is_url(audio):
                    audio = str(folder / audio)
                yield {"audio": audio or None, "text": text}
