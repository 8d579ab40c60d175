"""EmoDB: rows from file names, both layouts, and damaged recordings."""

import numpy as np
import pytest
import soundfile as sf

from preprocess.corpora.loading import corpus_reader
from tests.preprocess.corpora.corpus_trees import (
    SECONDS,
    cut_short,
    damage,
    emodb_tree,
    make_apple_double,
    make_empty,
    rows,
    write_clip,
    write_tone,
)


read = corpus_reader("emodb")

ICEBOX = "Der Lappen liegt auf dem Eisschrank."
TONIGHT = "Heute abend könnte ich es ihm sagen."


def test_rows_come_from_the_file_names(tmp_path):
    root = emodb_tree(tmp_path, ["03a01Fa", "03a01Nc", "16a04Wb", "08a04La", "09a01Ea", "10a01Ab", "11a01Td"])
    make_apple_double(root / "wav" / "03a01Fa.wav")

    reading = read(root)

    assert rows(reading, root) == {
        "train": [
            ("03a01Fa", "wav/03a01Fa.wav", ICEBOX, "happiness", "03", None),
            ("03a01Nc", "wav/03a01Nc.wav", ICEBOX, "neutral", "03", None),
            ("08a04La", "wav/08a04La.wav", TONIGHT, "boredom", "08", None),
            ("09a01Ea", "wav/09a01Ea.wav", ICEBOX, "disgust", "09", None),
            ("10a01Ab", "wav/10a01Ab.wav", ICEBOX, "fear", "10", None),
            ("11a01Td", "wav/11a01Td.wav", ICEBOX, "sadness", "11", None),
            ("16a04Wb", "wav/16a04Wb.wav", TONIGHT, "anger", "16", None),
        ]
    }
    assert damage(reading) == []
    assert [u.extra["duration"] for u in reading.splits["train"]] == pytest.approx([SECONDS] * 7, abs=1 / 22_050)


def test_a_flat_folder_and_the_raw_letters(tmp_path):
    root = emodb_tree(tmp_path, ["03a01Fa", "12b10Na"])

    reading = read(root / "wav", label_set="all")

    assert rows(reading, root / "wav")["train"] == [
        ("03a01Fa", "03a01Fa.wav", ICEBOX, "F", "03", None),
        ("12b10Na", "12b10Na.wav", "Die wird auf dem Platz sein, wo wir sie immer hinlegen.", "N", "12", None),
    ]


def test_damage_is_listed_and_the_good_rows_survive(tmp_path):
    wav = emodb_tree(tmp_path, ["03a01Fa", "03a01Xa", "03a03Na", "noise", "08a01Wa", "08a01Wb", "08a01Wc"]) / "wav"
    make_empty(wav / "08a01Wa.wav")
    cut_short(wav / "08a01Wb.wav")
    cut_short(wav / "08a01Wc.wav", 0.002)
    (wav / "08a01Wd.wav").write_bytes(b"<html>404 Not Found</html>")
    write_tone(wav / "08a01We.wav", 0)
    sf.write(wav / "08a01Wf.wav", np.full(4_000, np.nan), 16_000, subtype="FLOAT")
    write_tone(wav / "again" / "03a01Fa.wav")
    write_clip(wav / "09a01Na.mp4", with_audio=False)
    cut_short(write_clip(wav / "09a01Nb.mp4"))
    write_clip(wav / "09a01Nc.mp4")
    write_tone(wav / "upper.wav").rename(wav / "10B10TA.WAV")
    make_apple_double(wav / "03a01Fa.wav")
    (wav / "readme.txt").write_text("no recording")

    reading = read(tmp_path, check_audio="decode")

    assert [(u.id, u.label, u.text is not None) for u in reading.splits["train"]] == [
        ("03a01Fa", "happiness", True),
        ("03a03Na", "neutral", False),
        ("09a01Nc", "neutral", True),
        ("10B10TA", "sadness", True),
    ]
    assert damage(reading) == [
        ("03a01Fa", "duplicated id", "train", False),
        ("03a01Xa", "unknown label", None, False),
        ("03a03Na", "no transcript", "train", True),
        ("08a01Wa", "empty recording", "train", False),
        *((f"08a01W{version}", "broken recording", "train", False) for version in "bcdef"),
        ("09a01Na", "broken recording", "train", False),
        ("09a01Nb", "broken recording", "train", False),
        ("noise", "malformed file name", None, False),
    ]
    reasons = {problem.id: problem.reason for problem in reading.problems}
    for id, words in {
        "08a01Wb": "cut short",
        "08a01We": "0 samples",
        "08a01Wf": "NaN",
        "09a01Na": "no audio stream",
    }.items():
        assert words in reasons[id]


def test_broken_recordings_can_stay_as_text_only(tmp_path):
    root = emodb_tree(tmp_path, ["03a01Fa"])
    make_empty(root / "wav" / "03a01Fa.wav")

    reading = read(root, keep_without_audio=True)

    assert rows(reading, root)["train"] == [("03a01Fa", None, ICEBOX, "happiness", "03", None)]
    assert damage(reading) == [("03a01Fa", "empty recording", "train", True)]


def test_the_published_counts_are_compared(tmp_path):
    reason = read(emodb_tree(tmp_path, ["03a01Fa"])).problems[-1].reason
    assert "all: 1 where 535 are published" in reason
    assert "label happiness: 1 where 71 are published" in reason


def test_wrong_folders_and_options_are_named(tmp_path):
    with pytest.raises(ValueError, match="nowhere.*not a folder"):
        read(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="holds no recording"):
        read(tmp_path)
    with pytest.raises(ValueError, match="label_set='4-class'.*7-class, all"):
        read(tmp_path, label_set="4-class")
    with pytest.raises(ValueError, match="check_audio='deep'.*exists, header, decode"):
        read(tmp_path, check_audio="deep")
