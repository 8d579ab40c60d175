"""MELD: the release's tables and clips, its known quirks, and every kind of damage."""

import pytest

from preprocess.corpora import meld
from tests.preprocess.corpora.corpus_trees import (
    MELD_HEADER,
    cut_short,
    damage,
    make_empty,
    meld_row,
    meld_tree,
    rows,
    write_clip,
    write_meld_table,
    write_tone,
)


def test_the_release_becomes_rows_with_repaired_text(tmp_path):
    root = meld_tree(tmp_path)

    reading = meld.read(root)

    train, test = "train/train_splits", "output_repeated_splits_test"
    company = "also I was, like, on my company’s transition"
    assert rows(reading, root) == {
        "train": [
            ("train_dia0_utt0", f"{train}/dia0_utt0.mp4", company, "neutral", "Chandler", "train_dia0"),
            (
                "train_dia0_utt1",
                f"{train}/dia0_utt1.mp4",
                "You must’ve had your hands full.",
                "joy",
                "The Interviewer",
                "train_dia0",
            ),
            ("train_dia1_utt0", f"{train}/dia1_utt0.mp4", "I don’t know.", "fear", "Chandler", "train_dia1"),
        ],
        "validation": [
            ("dev_dia0_utt0", "dev_splits_complete/dia0_utt0.mp4", "Hey!", "surprise", "All", "dev_dia0"),
        ],
        "test": [
            ("test_dia93_utt6", f"{test}/final_videos_testdia93_utt6.mp4", "Hi.", "anger", "Joey", "test_dia93"),
        ],
    }
    assert damage(reading) == []
    assert all(0.2 < u.extra["duration"] < 0.5 for split in reading.splits.values() for u in split)


def test_sentiment_labels(tmp_path):
    splits = meld.read(meld_tree(tmp_path), label_set="sentiment").splits
    assert [u.label for split in splits.values() for u in split] == [
        "neutral",
        "positive",
        "negative",
        "positive",
        "negative",
    ]


def test_tables_without_clips_are_text_only_and_each_row_is_listed(tmp_path):
    write_meld_table(tmp_path / "train_sent_emo.csv", [meld_row(b"Hey!", b"All", b"joy", b"positive", 0, 5)])

    reading = meld.read(tmp_path)

    assert rows(reading, tmp_path) == {"train": [("train_dia0_utt5", None, "Hey!", "joy", "All", "train_dia0")]}
    assert damage(reading) == [
        ("dev_sent_emo.csv", "no annotations", "validation", False),
        ("test_sent_emo.csv", "no annotations", "test", False),
        ("train_dia0_utt5", "no recording", "train", True),
    ]
    assert meld.read(tmp_path, keep_without_audio=False).splits == {}


def test_header_variants_and_wav_folders(tmp_path):
    header = b"\xef\xbb\xbf" + MELD_HEADER.replace(b"Dialogue_ID", b" Dialogue ID").replace(
        b"Utterance,", b"utterance,"
    )
    write_meld_table(tmp_path / "dev_sent_emo.csv", [meld_row(b"Hey!", b"All", b"Joy", b"positive", 0, 5)], header)
    write_tone(tmp_path / "dev" / "dev_splits_complete_wav" / "dia0_utt5.wav")
    write_clip(tmp_path / "dev" / "dev_splits_complete" / "dia0_utt5.mp4")

    reading = meld.read(tmp_path)

    audio = "dev/dev_splits_complete_wav/dia0_utt5.wav"
    assert rows(reading, tmp_path)["validation"] == [("dev_dia0_utt5", audio, "Hey!", "joy", "All", "dev_dia0")]
    assert [kind for kind in damage(reading) if kind[2] == "validation"] == []


def test_the_folder_above_the_release_will_do(tmp_path):
    meld_tree(tmp_path / "MELD.Raw")
    reading = meld.read(tmp_path)
    assert damage(reading) == []
    assert all(u.audio is not None for split in reading.splits.values() for u in split)


def test_damage_is_listed_and_the_good_rows_survive(tmp_path):
    root = meld_tree(tmp_path)
    clips = root / "train" / "train_splits"
    table = root / "train" / "train_sent_emo.csv"
    more = [
        meld_row(b"missing clip", b"A", b"joy", b"positive", 2, 0),
        meld_row(b"empty clip", b"A", b"joy", b"positive", 2, 1),
        meld_row(b"cut clip", b"A", b"joy", b"positive", 125, 3),
        meld_row(b"silent film", b"A", b"joy", b"positive", 2, 2),
        meld_row(b"cut wav", b"A", b"joy", b"positive", 2, 3),
        meld_row(b"again", b"A", b"joy", b"positive", 0, 0),
        meld_row(b"", b"A", b"joy", b"positive", 2, 4),
        meld_row(b"", b"A", b"joy", b"positive", 2, 5),
        meld_row(b"it\x92s cp1252", b"A", b"joy", b"positive", 2, 6),
        meld_row(b"unknown label", b"A", b"bored", b"positive", 2, 7),
        meld_row(b"no label", b"A", b"", b"positive", 2, 8),
        b'1,"never closed,A,joy,positive,2,9,8,21',
        b"1,two,cells",
        meld_row(b"no number", b"A", b"joy", b"positive", 2, 10).replace(b",2,10,", b",two,10,"),
        meld_row(b"last good one", b"A", b"joy", b"positive", 3, 0),
        meld_row(b"upper-case suffix", b"A", b"JOY", b"positive", 3, 1),
    ]
    table.write_bytes(table.read_bytes() + b"\r\n".join(more))
    make_empty(clips / "dia2_utt1.mp4")
    cut_short(write_clip(clips / "dia125_utt3.mp4"))
    write_clip(clips / "dia2_utt2.mp4", with_audio=False)
    cut_short(write_tone(clips / "dia2_utt3.wav"))
    write_clip(clips / "dia2_utt4.mp4")
    for name in ("dia2_utt6", "dia2_utt7", "dia2_utt8", "dia3_utt0", "dia66_utt9", "final_videos_testdia3_utt0"):
        write_clip(clips / f"{name}.mp4")
    write_clip(clips / "dia3_utt1.mp4").rename(clips / "dia3_utt1.MP4")
    write_clip(clips / "dia3_utt.mp4")

    reading = meld.read(root)

    good = {u.id: (u.audio is not None, u.text) for u in reading.splits["train"][3:]}
    assert good == {
        "train_dia2_utt0": (False, "missing clip"),
        "train_dia2_utt1": (False, "empty clip"),
        "train_dia125_utt3": (False, "cut clip"),
        "train_dia2_utt2": (False, "silent film"),
        "train_dia2_utt3": (False, "cut wav"),
        "train_dia2_utt4": (True, None),
        "train_dia2_utt6": (True, "it’s cp1252"),
        "train_dia3_utt0": (True, "last good one"),
        "train_dia3_utt1": (True, "upper-case suffix"),
    }
    assert damage(reading) == [
        ("dia3_utt", "malformed file name", "train", False),
        ("dia66_utt9", "no label", "train", False),
        ("final_videos_testdia3_utt0", "unused recording", "train", False),
        ("train_dia0_utt0", "duplicated id", "train", False),
        ("train_dia125_utt3", "broken recording", "train", True),
        ("train_dia2_utt0", "no recording", "train", True),
        ("train_dia2_utt1", "empty recording", "train", True),
        ("train_dia2_utt2", "broken recording", "train", True),
        ("train_dia2_utt3", "broken recording", "train", True),
        ("train_dia2_utt4", "empty transcript", "train", True),
        ("train_dia2_utt5", "no recording", "train", False),
        ("train_dia2_utt6", "undecodable bytes", "train", True),
        ("train_dia2_utt7", "unknown label", "train", False),
        ("train_dia2_utt8", "no label", "train", False),
        ("train_line16", "malformed line", "train", False),
        ("train_line17", "malformed line", "train", False),
        ("train_line18", "malformed line", "train", False),
    ]
    reasons = {problem.id: problem.reason for problem in reading.problems}
    assert "no audio stream" in reasons["train_dia2_utt2"]
    assert "empty transcript" in reasons["train_dia2_utt5"]
    assert len(reading.splits["validation"]) == len(reading.splits["test"]) == 1


def test_wrong_folders_and_tables_are_named(tmp_path):
    with pytest.raises(ValueError, match="holds no annotations.*train_sent_emo.csv"):
        meld.read(tmp_path)
    with pytest.raises(ValueError, match="label_set='vad'.*emotion, sentiment"):
        meld.read(tmp_path, label_set="vad")
    write_meld_table(tmp_path / "dev_sent_emo.csv", [b"1,2"], b"Utterance,Speaker")
    with pytest.raises(ValueError, match="dev_sent_emo.csv has no column emotion, sentiment, dialogue_id"):
        meld.read(tmp_path)
