"""Annotation files as they come: line by line, with mixed encodings, byte-order marks, CRLF and mojibake."""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from configuration_emo.text_encoding import wide_encoding


# What separates the cells of tables: most write commas, and spreadsheets of many countries semicolons.
DELIMITERS = (",", ";", "\t")


@dataclass(frozen=True)
class Line:
    """One line of a text file.

    Args:
        number (`int`): from 1.
        text (`str`): without its line end.
        is_utf8 (`bool`): False where its bytes are not UTF-8 and were read as Windows-1252.
    """

    number: int
    text: str
    is_utf8: bool


@dataclass(frozen=True)
class TableRow:
    """One row of a CSV file.

    Args:
        line (`Line`): where it stands.
        cells (`dict[str, str]`): by normalised header, see `normalise_header`; empty where the row is malformed.
        error (`str`, *optional*): why the row is malformed.
    """

    line: Line
    cells: dict[str, str]
    error: str | None = None


def read_lines(path: str | Path) -> list[Line]:
    """All lines of a text file, whatever their line ends.

    Each line is UTF-8 where its bytes are, and Windows-1252 otherwise (the encoding that corpora of the 2000s and
    files saved by a spreadsheet have); bytes that neither knows become U+FFFD. A file in UTF-16 or UTF-32, with its
    byte-order mark or without, is read as that.

    Example:
        >>> import tempfile
        >>> with tempfile.NamedTemporaryFile(delete=False) as file:
        ...     _ = file.write(b"plain\\r\\nit\\x92s")
        >>> [(line.text, line.is_utf8) for line in read_lines(file.name)]
        [('plain', True), ('it’s', False)]
    """
    content = Path(path).read_bytes()
    encoding = wide_encoding(content)
    if encoding is not None:  # UTF-16 is what Excel calls Unicode text
        content = content.decode(encoding, errors="replace").encode("utf-8")
    content = content.removeprefix(codecs.BOM_UTF8)
    lines = []
    for number, raw in enumerate(content.splitlines(), start=1):
        try:
            lines.append(Line(number, raw.decode("utf-8"), is_utf8=True))
        except UnicodeDecodeError:
            lines.append(Line(number, raw.decode("cp1252", errors="replace"), is_utf8=False))
    return lines


def read_table(path: str | Path) -> Iterator[TableRow]:
    """The rows of a CSV file with a header, one row a line; delimited by commas, semicolons or tabs.

    A row is never allowed to run over several lines: none does in the corpora read here, and one quotation mark that
    is not closed would swallow every row after it.

    Raises:
        ValueError: the file has no header line.
    """
    lines = [line for line in read_lines(path) if line.text.strip()]
    stated, lines = stated_delimiter(lines)
    if not lines:
        raise ValueError(f"{path}: the file is empty, expected a header line and rows.")
    headers = {delimiter: header_names(lines[0], delimiter) for delimiter in DELIMITERS}
    delimiter = stated or max(headers, key=lambda character: len(headers[character]))
    header = [normalise_header(name) for name in header_names(lines[0], delimiter)]
    for line in lines[1:]:
        try:
            cells = next(csv.reader([line.text.replace("\0", "")], delimiter=delimiter, strict=True))
        except csv.Error as error:
            yield TableRow(line, {}, error=str(error))
            continue
        if len(cells) != len(header):
            yield TableRow(line, {}, error=f"{len(cells)} cells where the header has {len(header)}")
        else:
            yield TableRow(line, dict(zip(header, cells, strict=True)))


def stated_delimiter(lines: Sequence[Line]) -> tuple[str | None, list[Line]]:
    """The delimiter that Excel's first line `sep=;` states, None without it, and the lines without that one."""
    first = next((index for index, line in enumerate(lines) if line.text.strip()), None)
    stated = None if first is None else re.fullmatch(r'"?sep=(.)"?\s*', lines[first].text, flags=re.IGNORECASE)
    if first is None or stated is None:
        return None, list(lines)
    return stated[1], list(lines[first + 1 :])


def header_names(line: Line, delimiter: str) -> list[str]:
    """The names in a header line; none where it cannot be read so."""
    try:
        return [name.strip() for name in next(csv.reader([line.text.replace("\0", "")], delimiter=delimiter), [])]
    except csv.Error:
        return []


def files_with_suffix(folder: str | Path, *suffixes: str, deep: bool = True) -> list[Path]:
    """Files with one of these suffixes, in any case and in the order of their paths, without hidden ones.

    Args:
        folder (`str` or `Path`): where they are.
        suffixes (`str`): such as `".txt"`.
        deep (`bool`, defaults to `True`): also those in subfolders.
    """
    found = Path(folder).rglob("*") if deep else Path(folder).glob("*")
    return sorted(path for path in found if path.suffix.lower() in suffixes and not path.name.startswith("."))


def normalise_header(name: str) -> str:
    """A column's name in lower case with single underscores, as headers differ between releases.

    Example:
        >>> [normalise_header(name) for name in ("Sr No.", "Dialogue_ID", "dialogue id", "DialogueID")]
        ['sr_no', 'dialogue_id', 'dialogue_id', 'dialogue_id']
    """
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name.strip())
    return re.sub(r"[^a-z0-9]+", "_", words.lower()).strip("_")


def clean_text(text: str) -> str:
    """A transcript with mojibake repaired and each run of white space as one space; nothing else is changed.

    Example:
        >>> clean_text("  itâ€™s  cafÃ© \\x91time\\x92 ")
        'it’s café ‘time’'
    """
    return " ".join(repair_mojibake(text).split())


def repair_mojibake(text: str) -> str:
    """Undoes the two wrong decodings that corpora's CSV files carry.

    - UTF-8 bytes that were read as Windows-1252: each run of non-ASCII characters whose Windows-1252 bytes are valid
      UTF-8 becomes what those bytes say.
    - Windows-1252 bytes that were read as Latin-1: the control characters U+0080 to U+009F, which no transcript holds,
      become the punctuation of these bytes (U+0092 is an apostrophe).

    Correct text stays as it is: a lone é is no valid UTF-8.
    """
    if text.isascii():
        return text
    text = re.sub(r"[^\x00-\x7f]+", lambda run: _redecode(run[0]), text)
    return re.sub(r"[\x80-\x9f]", lambda control: _cp1252_character(control[0]), text)


def _redecode(run: str) -> str:
    try:
        # The five bytes that Windows-1252 leaves undefined come through as the control characters of their number.
        raw = b"".join(bytes([ord(char)]) if ord(char) < 256 else char.encode("cp1252") for char in run)
        return raw.decode("utf-8")
    except UnicodeError:
        return run


def _cp1252_character(control: str) -> str:
    try:
        return bytes([ord(control)]).decode("cp1252")
    except UnicodeDecodeError:
        return control
