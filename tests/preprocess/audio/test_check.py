"""Recordings are judged by their header, without decoding, and in full on request."""

import re

import pytest

from preprocess.audio.check import audio_files, check_audio_file
from tests.preprocess.corpora.corpus_trees import cut_short, make_apple_double, make_empty, write_clip, write_tone


def test_good_recordings_state_their_length(tmp_path):
    wav, clip = write_tone(tmp_path / "a.wav", 0.5), write_clip(tmp_path / "a.mp4", 0.5)
    for level in ("header", "decode"):
        assert check_audio_file(wav, level) == (0.5, None)
        seconds, reason = check_audio_file(clip, level)
        assert reason is None
        assert seconds == pytest.approx(0.5, abs=0.15)  # AAC has whole frames of 1024 samples
    assert check_audio_file(wav, "exists") == (None, None)


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda folder: folder / "a.wav", "no recording: there is no file"),
        (lambda folder: make_empty(folder / "a.wav"), "empty recording: .* 0 bytes"),
        (lambda folder: cut_short(write_tone(folder / "a.wav")), "broken recording: .* states 0.250 s, it holds 0.12"),
        (
            lambda folder: cut_short(write_tone(folder / "a.wav"), 0.002),
            "broken recording: .*(not a sound|cannot be read|damaged)",
        ),
        (
            lambda folder: cut_short(write_clip(folder / "a.mp4")),
            "broken recording: .*(not a sound|cannot be read|damaged)",
        ),
        (lambda folder: write_clip(folder / "a.mp4", with_audio=False), "broken recording: .*no audio stream"),
        (lambda folder: write_tone(folder / "a.wav", 0), "broken recording: .*0 samples"),
    ],
)
def test_unusable_recordings_have_their_reason(tmp_path, make, reason):
    seconds, found = check_audio_file(make(tmp_path), "header")
    assert seconds is None
    assert re.match(reason, str(found))


@pytest.mark.parametrize("level", ["exists", "header", "decode"])
def test_a_git_lfs_pointer_is_no_recording(tmp_path, level):
    path = tmp_path / "a.wav"
    path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0f\nsize 72000\n")
    seconds, reason = check_audio_file(path, level)
    assert seconds is None
    assert reason == f"broken recording: {path} is a Git LFS pointer, not the sound. Run git lfs pull in its folder"
    path.write_text("version https://example.org")
    assert "LFS" not in str(check_audio_file(path, level)[1])


def test_decoding_finds_what_the_header_does_not_show(tmp_path):
    path = write_clip(tmp_path / "a.mp4", 1.0)
    content = bytearray(path.read_bytes())
    start = content.index(b"mdat") + 4
    for position in range(start + 200, start + 2000):
        content[position] = 0xFF
    path.write_bytes(content)
    assert check_audio_file(path, "header")[1] is None
    assert check_audio_file(path, "decode")[1].startswith("broken recording: ")


def test_hidden_files_are_no_recordings(tmp_path):
    write_tone(tmp_path / "b" / "two.WAV")
    write_tone(tmp_path / "a" / "one.wav")
    make_apple_double(tmp_path / "a" / "one.wav")
    (tmp_path / "a" / "one.txt").write_text("no sound")
    assert [path.name for path in audio_files(tmp_path)] == ["one.wav", "two.WAV"]
