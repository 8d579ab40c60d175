"""CMU-MOSI and CMU-MOSEI in MMSA's layout: rows, label sets, and every kind of damage."""

import json

import pytest

from preprocess.corpora import mosei, mosi
from preprocess.corpora.cmu.splits import read_split_file
from tests.preprocess.corpora.corpus_trees import (
    MMSA_HEADER,
    cut_short,
    damage,
    make_apple_double,
    make_empty,
    mmsa_row,
    mmsa_tree,
    rows,
    write_clip,
)


@pytest.mark.parametrize("reader", [mosi, mosei])
def test_the_table_becomes_rows(tmp_path, reader):
    root = mmsa_tree(tmp_path)

    reading = reader.read(root)

    first, other = "03bSnISJMiM", "tmZoasNr4rU"
    assert rows(reading, root) == {
        "train": [
            (f"{first}_1", f"Raw/{first}/1.mp4", "anyhow it was really good", 2.4, first, first),
            (f"{first}_11", f"Raw/{first}/11.mp4", "a lot of sad parts, i mean", -0.8, first, first),
        ],
        "validation": [("_dI--eQ6qVU_2", "Raw/_dI--eQ6qVU/2.mp4", "it’s fine", 0.0, "_dI--eQ6qVU", "_dI--eQ6qVU")],
        "test": [(f"{other}_3", f"Raw/{other}/3.mp4", "i loved it", 3.0, other, other)],
    }
    assert damage(reading) == []


@pytest.mark.parametrize(
    ("label_set", "labels"),
    [
        ("binary-has0", ["non-negative", "negative", "non-negative", "non-negative"]),
        ("binary-non0", ["positive", "negative", "positive"]),
        ("7-class", ["2", "-1", "0", "3"]),
    ],
)
def test_classes_of_the_score(tmp_path, label_set, labels):
    reading = mosi.read(mmsa_tree(tmp_path), label_set=label_set)
    assert [u.label for split in reading.splits.values() for u in split] == labels
    if label_set == "binary-non0":
        assert damage(reading) == [("_dI--eQ6qVU_2", "not among the labels of binary-non0", "validation", False)]


def test_damage_is_listed_and_the_good_rows_survive(tmp_path):
    root = mmsa_tree(tmp_path)
    video = "03bSnISJMiM"
    table = [
        mmsa_row(video, "20", "missing clip", "1.0", "train"),
        mmsa_row(video, "21", "empty clip", "1.0", "train"),
        mmsa_row(video, "22", "cut clip", "1.0", "train"),
        mmsa_row(video, "23", "silent film", "1.0", "train"),
        mmsa_row(video, "1", "duplicated", "1.0", "train"),
        mmsa_row(video, "24", " ", "1.0", "train"),
        mmsa_row(video, "25", "out of range", "4.333333", "train"),
        mmsa_row(video, "26", "not a number", "nan", "train"),
        mmsa_row(video, "27", "no label", "", "train"),
        mmsa_row(video, "28", "no split", "1.0", "holdout"),
        mmsa_row("#NAME?", "29", "spoilt by a spreadsheet", "1.0", "train"),
        mmsa_row("../../etc", "30", "outside", "1.0", "train"),
        f"{video},31,too few cells",
        mmsa_row(video, "32", "itâ€™s the last one", "1.0", "train"),
    ]
    content = (root / "label.csv").read_bytes() + "\r\n".join(table).encode()
    (root / "label.csv").write_bytes(content + b"\r\n" + mmsa_row(video, "33", "caf", "1", "train").encode())
    upper = "\n" + mmsa_row(video, "34", "upper-case suffix", "1", "Train")
    (root / "label.csv").write_bytes((root / "label.csv").read_bytes() + upper.encode())
    (root / "label.csv").write_bytes((root / "label.csv").read_bytes().replace(b'"caf"', b'"caf\xe9"'))
    clips = root / "Raw" / video
    for number in (24, 25, 26, 27, 28, 32, 33, 99):
        write_clip(clips / f"{number}.mp4")
    make_empty(clips / "21.mp4")
    cut_short(write_clip(clips / "22.mp4"))
    write_clip(clips / "23.mp4", with_audio=False)
    write_clip(clips / "34.mp4").rename(clips / "34.MP4")
    make_apple_double(clips / "34.mp4")

    reading = mosi.read(root)

    assert [(u.id, u.audio is not None, u.text) for u in reading.splits["train"][2:]] == [
        (f"{video}_20", False, "missing clip"),
        (f"{video}_21", False, "empty clip"),
        (f"{video}_22", False, "cut clip"),
        (f"{video}_23", False, "silent film"),
        (f"{video}_24", True, None),
        (f"{video}_32", True, "it’s the last one"),
        (f"{video}_33", True, "café"),
        (f"{video}_34", True, "upper-case suffix"),
    ]
    assert damage(reading) == [
        (f"{video}_1", "duplicated id", "train", False),
        (f"{video}_20", "no recording", "train", True),
        (f"{video}_21", "empty recording", "train", True),
        (f"{video}_22", "broken recording", "train", True),
        (f"{video}_23", "broken recording", "train", True),
        (f"{video}_24", "empty transcript", "train", True),
        (f"{video}_25", "out of range", "train", False),
        (f"{video}_26", "NaN label", "train", False),
        (f"{video}_27", "no label", "train", False),
        (f"{video}_28", "no split", None, False),
        (f"{video}_33", "undecodable bytes", "train", True),
        (f"{video}_99", "no label", None, False),
        ("label.csv_line16", "malformed line", None, False),
        ("label.csv_line17", "malformed line", None, False),
        ("label.csv_line18", "malformed line", None, False),
    ]
    assert len(reading.splits["validation"]) == len(reading.splits["test"]) == 1


def test_another_split_from_a_file(tmp_path):
    root = mmsa_tree(tmp_path)
    split_file = tmp_path / "split.json"
    split_file.write_text(json.dumps({"train": ["tmZoasNr4rU"], "test": ["03bSnISJMiM"]}))

    reading = mosi.read(root, split_file=split_file)

    assert {split: len(found) for split, found in reading.splits.items()} == {"train": 1, "test": 2}
    assert damage(reading) == [("_dI--eQ6qVU_2", "no split", None, False)]


def test_split_files_of_three_kinds(tmp_path):
    expected = {"a": "train", "b": "train", "c": "validation", "-d": "test"}
    contents = {
        "split.json": '{"train": ["a", "b"], "valid": ["c"], "test": ["-d"]}',
        "split.csv": "video_id,split\r\na,train\r\nb,train\r\nc,dev\r\n-d,Test\r\n",
        "folds.py": (
            "import os\nstandard_train_fold = ['a', 'b']\nstandard_valid_fold=['c']\nstandard_test_fold = ['-d']\n"
        ),
    }
    for name, content in contents.items():
        (tmp_path / name).write_text(content)
        assert read_split_file(tmp_path / name) == expected


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("split.json", '{"train": ["a"], "test": ["a"]}', "names the video 'a' for train and for test"),
        ("split.json", '{"holdout": ["a"]}', "'holdout' is no split"),
        ("split.json", "{", "cannot be read: JSONDecodeError"),
        ("folds.py", "standard_train_fold = open('x').read()", "cannot be read: ValueError"),
        ("split.txt", "a train", "expected a .json, .csv or .py file"),
    ],
)
def test_unusable_split_files_are_named(tmp_path, name, content, message):
    (tmp_path / name).write_text(content)
    with pytest.raises(ValueError, match=f"{name}.*{message}"):
        read_split_file(tmp_path / name)


def test_wrong_folders_and_options_are_named(tmp_path):
    with pytest.raises(ValueError, match="holds no labels.*label.csv"):
        mosi.read(tmp_path)
    with pytest.raises(ValueError, match="label_set='binary'.*binary-has0, binary-non0"):
        mosi.read(tmp_path, label_set="binary")
    (tmp_path / "label.csv").write_text("video_id,text\na,b\n")
    with pytest.raises(ValueError, match="no column clip_id, label, mode"):
        mosi.read(tmp_path)
    (tmp_path / "label.csv").write_text(MMSA_HEADER)
    with pytest.raises(ValueError, match="label.csv holds no emotions"):
        mosei.read(tmp_path, label_set="emotions")
