import os

import pytest
import soundfile as sf

from preprocess import load_audio
from preprocess.recordings.find_recordings import find_recordings, left_out_files
from tests.tiny import tone, write_tone


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


def test_whatever_load_audio_reads_is_found_under_its_usual_name(tmp_path):
    for name, options in {
        "a.wav": {},
        "b.caf": {"format": "CAF"},
        "c.sph": {"format": "NIST"},
        "d.rf64": {"format": "RF64"},
        "e.AIFC": {"format": "AIFF"},
        "f.gsm": {"format": "RAW", "subtype": "GSM610"},
        "g.WAV": {"format": "WAV", "subtype": "GSM610"},
        "h.snd": {"format": "AU"},
        "i.mp2": {"format": "MP3"},
        "j.w64": {"format": "W64"},
    }.items():
        sf.write(tmp_path / name, tone(0.3, 8_000), 8_000, **options)
    found = find_recordings([tmp_path])
    assert names(found) == sorted(path.name for path in tmp_path.iterdir())
    for recording in found:
        assert len(load_audio(recording["audio"])) / 16_000 == pytest.approx(0.3, abs=0.05)
    assert left_out_files([tmp_path]) == []


def test_transcripts_have_suffixes_in_any_case(tmp_path):
    write_tone(tmp_path / "A.WAV", 0.1)
    (tmp_path / "A.TXT").write_text("how nice")
    assert find_recordings([tmp_path], text_files=True)[0]["text"] == "how nice"
    assert find_recordings([tmp_path / "A.WAV"], text_files=True)[0]["text"] == "how nice"


def test_what_is_left_out_is_listed(folder):
    for name in ("b.TextGrid", "Thumbs.db", "a.dat", "deep/readme.txt", "deep/er/c.json"):
        (folder / name).write_bytes(b"x")
    assert left_out_files([folder, "https://example.org/b.dat", folder / "notes.pdf"]) == [
        str(folder / name) for name in ("a.dat", "deep/readme.txt", "notes.pdf")
    ]


def test_a_name_that_is_not_utf8(tmp_path):
    path = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.wav")
    write_tone(tmp_path / "a.wav", 0.1)
    os.rename(tmp_path / "a.wav", path)
    assert find_recordings([tmp_path]) == [{"audio": path, "text": None}]
    with pytest.raises(ValueError, match=r"udce9.wav.b: there is no such"):
        find_recordings([path + ".b"])
