"""A table of recordings, read row by row: lists of any length cost no memory."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from configuration_emo.shown_values import shown
from configuration_emo.text_encoding import wide_encoding

from ..audio.url import is_url
from .text_files import DELIMITERS, Line, header_names, stated_delimiter


AUDIO_COLUMNS = ("audio", "file", "path")
# Enough to tell an encoding by.
_FIRST_BYTES = 400


class RecordingTable:
    """The recordings of a table (CSV with a header, in UTF-8 or UTF-16), read anew each time it is gone through.

    Columns, in any case: `audio` (or `file`, `path`), and `text` if there are transcripts; others are not read. They
    are separated by commas, semicolons or tabs. Paths are relative to the table's folder.

    Args:
        path (`str` or `Path`): the table.

    Raises:
        ValueError: there is no such file or column, or it has no rows; while it is read, a row without recording and
            text, with more cells than there are columns, or in another encoding.

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
        with self.path.open("rb") as binary:
            self._encoding = wide_encoding(binary.read(_FIRST_BYTES)) or "utf-8-sig"
        first = self._first_lines()
        stated, lines = stated_delimiter(first)
        self._skipped = len(first) - len(lines)  # Excel's line `sep=;`
        header = lines[0] if lines else Line(1, "", is_utf8=True)
        found = {
            one: [name.lower() for name in header_names(header, one)] for one in (stated or "", *DELIMITERS) if one
        }
        known = {*AUDIO_COLUMNS, "text"}
        self._delimiter = max(found, key=lambda one: (one == stated, len(known & set(found[one]))))
        self.columns = found[self._delimiter]
        self.audio = next((name for name in AUDIO_COLUMNS if name in self.columns), None)
        if self.audio is None and "text" not in self.columns:
            raise ValueError(
                f"{path} has the columns {shown(', '.join(self.columns) or 'none')[1:-1]}: one of "
                f"{', '.join(AUDIO_COLUMNS)} or text is needed."
            )
        twice = sorted({name for name in known if self.columns.count(name) > 1})
        if twice:
            raise ValueError(f"{path} has several columns {', '.join(twice)}. Rename all but one.")

    def _first_lines(self) -> list[Line]:
        try:
            with self.path.open(encoding=self._encoding, newline="") as file:
                return [Line(number, file.readline().rstrip("\r\n"), is_utf8=True) for number in (1, 2)]
        except UnicodeError as error:
            raise self._unreadable(error, 1) from error

    def _unreadable(self, error: Exception, line: int) -> ValueError:
        if isinstance(error, UnicodeError):
            return ValueError(f"{self.path}, after line {line}: a byte is not UTF-8. Save the table as UTF-8.")
        return ValueError(f"{self.path}, line {line} cannot be read: {error}. Quote cells that hold delimiters.")

    def rows(self) -> Iterator[tuple[int, dict[str, str | None]]]:
        """The number of each row's last line, and its cells by column, blank ones as None."""
        number = self._skipped
        try:
            with self.path.open(encoding=self._encoding, newline="") as file:
                for _ in range(self._skipped):
                    file.readline()
                reader = csv.reader(file, delimiter=self._delimiter)
                next(reader, None)
                for cells in reader:
                    number = self._skipped + reader.line_num
                    if not cells:
                        continue
                    if len(cells) > len(self.columns):
                        raise ValueError(
                            f"{self.path}, line {number}: {len(cells)} cells where there are {len(self.columns)} "
                            "columns. Quote cells that hold delimiters."
                        )
                    cells += [""] * (len(self.columns) - len(cells))
                    yield number, {name: cell.strip() or None for name, cell in zip(self.columns, cells, strict=True)}
        except (UnicodeError, csv.Error) as error:
            raise self._unreadable(error, number) from error

    def __iter__(self) -> Iterator[dict[str, str | None]]:
        folder, number = self.path.parent, None
        for number, row in self.rows():
            audio, text = row[self.audio] if self.audio else None, row.get("text")
            if audio is None and text is None:
                raise ValueError(f"{self.path}, line {number}: there is neither recording nor text.")
            if audio is not None and not is_url(audio):
                audio = str(folder / audio)
            yield {"audio": audio, "text": text}
        if number is None:
            raise ValueError(f"{self.path} has no rows: write one recording a line below the names of the columns.")
