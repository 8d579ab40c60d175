import pytest

from preprocess.recordings.find_recordings import find_recordings
from tests.tiny import write_tone


@pytest.fixture
def folder(tmp_path):
    for name in ("b.wav", "a.flac", "deep/er/c.WAV"):
        write_tone(tmp_path / "calls" / name, 0.1)
    (tmp_path / "calls" / ".hidden.wav").write_bytes(b"")
    (tmp_path / "calls" / "notes.pdf").write_bytes(b"")
    (tmp_path / "calls" / "a.txt").write_bytes("\ufeffhow\r\nnice ".encode())
    (tmp_path / "calls" / "b.txt").write_text(" \n")
    return tmp_path / "calls"


def names(recordings):
    return [recording["audio"].rsplit("/", 1)[-1] for recording in recordings]


def test_a_folder_is_searched_in_order(folder):
    recordings = find_recordings([folder])
    assert names(recordings) == ["a.flac", "b.wav", "c.WAV"]
    assert {recording["text"] for recording in recordings} == {None}


def test_transcripts_lie_beside_the_recordings(folder):
    assert [recording["text"] for recording in find_recordings([folder], text_files=True)] == ["how nice", None, None]


def test_files_and_addresses_are_taken_as_they_are(folder):
    given = [folder / "notes.pdf", "https://example.org/a.wav", folder / "b.wav"]
    recordings = find_recordings(given, text_files=True)
    assert [recording["audio"] for recording in recordings] == [str(name) for name in given]


def test_what_is_not_there_is_named(folder, tmp_path):
    with pytest.raises(ValueError, match="absent: there is no such file or folder"):
        find_recordings([folder, tmp_path / "absent"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="empty: the folder holds no recording"):
        find_recordings([tmp_path / "empty"])
