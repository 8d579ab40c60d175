"""Encodings, mojibake, headers and malformed rows of annotation files."""

import pytest

from preprocess.recordings.text_files import clean_text, normalise_header, read_lines, read_table, repair_mojibake


@pytest.mark.parametrize("text", ["it’s", "“quoted”", "wait…", "café", "Tüten", "a – b", "Œuvre", "naïve €5"])
def test_both_kinds_of_mojibake_are_undone(text):
    utf8_read_as_cp1252 = "".join(
        bytes([byte]).decode("cp1252") if byte not in (0x81, 0x8D, 0x8F, 0x90, 0x9D) else chr(byte)
        for byte in text.encode("utf-8")
    )
    cp1252_read_as_latin1 = text.encode("cp1252").decode("latin-1")

    assert repair_mojibake(utf8_read_as_cp1252) == text
    assert repair_mojibake(cp1252_read_as_latin1) == text
    assert repair_mojibake(text) == text


def test_clean_text_only_touches_mojibake_and_white_space():
    assert clean_text("  WELL,\tI\u00a0 don\x92t  [LAUGHTER] \r\n") == "WELL, I don’t [LAUGHTER]"


def test_lines_of_mixed_encodings_and_line_ends(tmp_path):
    path = tmp_path / "mixed.txt"
    path.write_bytes(b"\xef\xbb\xbfone\r\ncaf\xc3\xa9\ncaf\xe9 it\x92s\rlast")
    lines = [(line.number, line.text, line.is_utf8) for line in read_lines(path)]
    assert lines == [(1, "one", True), (2, "café", True), (3, "café it’s", False), (4, "last", True)]


def test_a_broken_row_does_not_take_the_following_ones_with_it(tmp_path):
    path = tmp_path / "table.csv"
    path.write_bytes(b'Sr No.,Text\r\n1,"a, b"\r\n2,"never closed\r\n\r\n3,c,d\r\n4,e\r\n')
    table = [(row.line.number, row.cells, row.error) for row in read_table(path)]
    assert table == [
        (2, {"sr_no": "1", "text": "a, b"}, None),
        (3, {}, "unexpected end of data"),
        (5, {}, "3 cells where the header has 2"),
        (6, {"sr_no": "4", "text": "e"}, None),
    ]


def test_an_empty_table_is_refused(tmp_path):
    path = tmp_path / "empty.csv"
    path.write_bytes(b"")
    with pytest.raises(ValueError, match="empty.csv.*header"):
        list(read_table(path))


def test_headers_are_normalised():
    assert normalise_header(" Dialogue ID ") == normalise_header("DialogueID") == "dialogue_id"
