"""Folders of one's own: a folder for each label, or a table beside the recordings."""

import pytest

from preprocess import read_corpus
from tests.preprocess.corpora.corpus_trees import damage, make_apple_double, make_empty, rows, write_tone


def tree(root, *names):
    for name in names:
        write_tone(root / name, 0.05)
    return root


def test_a_folder_for_each_label_and_split(tmp_path):
    tree(tmp_path, "train/angry/spk1_a.wav", "train/sad/deep/spk2_b.wav", "Test/angry/spk3_a.wav", "dev/sad/x.wav")
    make_apple_double(tmp_path / "train" / "angry" / "spk1_a.wav")
    (tmp_path / "train" / "angry" / "spk1_a.txt").write_text("Go  away!\n")
    write_tone(tmp_path / "train" / "none.wav")
    make_empty(tmp_path / "train" / "sad" / "empty.wav")
    reading = read_corpus("audiofolder", tmp_path, speaker_pattern="(?P<speaker>spk[0-9]+)_")
    assert rows(reading, tmp_path) == {
        "train": [
            ("train/angry/spk1_a", "train/angry/spk1_a.wav", "Go away!", "angry", "spk1", None),
            ("train/sad/deep/spk2_b", "train/sad/deep/spk2_b.wav", None, "sad", "spk2", None),
        ],
        "validation": [("dev/sad/x", "dev/sad/x.wav", None, "sad", None, None)],
        "test": [("Test/angry/spk3_a", "Test/angry/spk3_a.wav", None, "angry", "spk3", None)],
    }
    assert damage(reading) == [
        ("dev/sad/x", "unknown speaker", "validation", True),
        ("train/none", "no label", "train", False),
        ("train/sad/empty", "empty recording", "train", False),
        ("train/sad/empty", "unknown speaker", "train", True),
    ]


def test_labels_without_splits(tmp_path):
    reading = read_corpus("audiofolder", tree(tmp_path, "angry/a.wav", "sad/a.wav", "b.wav"))
    assert [(row.id, row.label) for row in reading.splits["train"]] == [("angry/a", "angry"), ("sad/a", "sad")]
    assert damage(reading) == [("b", "no label", "train", False)]


HEADER = "file_name,text,label,speaker\n"


def test_a_table_in_each_split(tmp_path):
    for split in ("train", "test"):
        tree(tmp_path / split, "sub/a.wav", "b.wav")
        (tmp_path / split / "metadata.csv").write_text(HEADER + "sub/a.wav,How nice,happy,anna\nc.wav,Gone,sad,bo\n")
    reading = read_corpus("audiofolder", tmp_path)
    assert rows(reading, tmp_path) == {
        split: [(f"{split}/sub/a", f"{split}/sub/a.wav", "How nice", "happy", "anna", None)]
        for split in ("train", "test")
    }
    assert damage(reading) == [
        damaged
        for split in ("test", "train")
        for damaged in ((f"{split}/b", "no label", split, False), (f"{split}/c", "no recording", split, False))
    ]
    texts = read_corpus("audiofolder", tmp_path, keep_without_audio=True)
    assert [(row.id, row.audio is None) for row in texts.splits["test"]] == [("test/sub/a", False), ("test/c", True)]


def test_one_table_for_all(tmp_path):
    tree(tmp_path, "train/a.wav", "validation/a.wav", "other/a.wav")
    rows_of = ("train/a.wav", "validation/a.wav", "other/a.wav", "")
    lines = [f'{{"file_name": "{name}", "valence": {number}.5}}' for number, name in enumerate(rows_of)]
    (tmp_path / "metadata.jsonl").write_text("\n".join(lines))
    reading = read_corpus(
        "audiofolder", tmp_path, label_column="valence", numeric_labels=True, speaker_pattern="(?P<speaker>[^/]+)/"
    )
    assert {split: [(row.id, row.label, row.speaker) for row in part] for split, part in reading.splits.items()} == {
        "train": [("train/a", 0.5, "train"), ("other/a", 2.5, "other")],
        "validation": [("validation/a", 1.5, "validation")],
    }
    assert [problem.reason for problem in reading.problems] == ["The row has neither audio nor text."]


@pytest.mark.parametrize(
    ("names", "options", "message"),
    [
        ((), {}, "holds no recording. Expected: recordings in a folder for each label"),
        (
            ("train/sad/a.wav", "extra/sad/a.wav"),
            {},
            "has the splits train beside extra. Move these into a split, or away",
        ),
        (("sad/a.wav",), {"speaker_pattern": "spk"}, "speaker_pattern='spk' has no group speaker"),
        (("sad/a.wav",), {"speaker_pattern": "(spk"}, r"speaker_pattern='\(spk' is no regular expression"),
        (("sad/a.wav",), {"check_audio": "deep"}, "check_audio='deep' is unknown"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path, names, options, message):
    with pytest.raises(ValueError, match=message):
        read_corpus("audiofolder", tree(tmp_path, *names), **options)


def test_a_table_without_labels_is_refused(tmp_path):
    tree(tmp_path, "a.wav")
    (tmp_path / "metadata.csv").write_text("file_name,emotion\na.wav,sad\n")
    with pytest.raises(ValueError, match="has no column label; its columns are file_name, emotion"):
        read_corpus("audiofolder", tmp_path)
    assert read_corpus("audiofolder", tmp_path, label_column="emotion").splits["train"][0].label == "sad"
