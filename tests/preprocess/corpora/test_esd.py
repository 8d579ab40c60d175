"""ESD: four encodings, labels in Chinese, broken lines, and its two layouts."""

import pytest

from preprocess import make_folds, read_corpus
from tests.preprocess.corpora.corpus_trees import damage, make_empty, rows, write_tone


def speaker(root, name, lines, encoding, split=None):
    """A speaker's recordings, and the text file in an encoding; a line is (number, emotion, text, label)."""
    for number, emotion, *_ in lines:
        folder = root / name / emotion if split is None else root / name / emotion / split
        write_tone(folder / f"{name}_{number:06d}.wav", 0.05)
    text = "\r\n".join(f"{name}_{number:06d}\t{text}\t{label}" for number, _, text, label in lines)
    (root / name / f"{name}.txt").write_bytes((text + "\r\n").encode(encoding))


@pytest.mark.parametrize("encoding", ["gb2312", "utf-16", "utf-16-le", "utf-8", "utf-8-sig"])
def test_chinese_speakers_in_every_encoding(tmp_path, encoding):
    lines = [
        (1, "Neutral", "打远一看，它们的确很是美丽，", "中立"),
        (351, "Angry", "当我离开这里的时候", "生气"),
        (701, "Happy", "快乐的人", "快乐"),
        (1051, "Sad", "他哭了", "伤心"),
        (1401, "Surprise", "什么？", "惊喜"),
    ]
    speaker(tmp_path, "0005", lines, encoding)
    reading = read_corpus("esd", tmp_path)
    assert rows(reading, tmp_path)["train"] == [
        (f"0005_{number:06d}", f"0005/{emotion}/0005_{number:06d}.wav", text, emotion.lower(), "0005", None)
        for number, emotion, text, _ in sorted(lines, key=lambda line: line[1])
    ]
    assert damage(reading) == []
    assert {row.extra["language"] for row in reading.splits["train"]} == {"chinese"}


@pytest.mark.parametrize(
    ("encoding", "label"), [("cp1252", "Angry"), ("utf-8", "angry"), ("utf-16", "Angry"), ("gb2312", "生气")]
)
def test_english_speakers_in_every_encoding(tmp_path, encoding, label):
    text = "It isn’t a café" if encoding != "gb2312" else "It isn’t a room"
    speaker(tmp_path, "0011", [(351, "Angry", text, label)], encoding)
    reading = read_corpus("esd", tmp_path)
    assert [row.text for row in reading.splits["train"]] == [text]
    assert damage(reading) == []


def test_broken_lines_and_files(tmp_path):
    lines = [(number, "Sad", f"Sentence {number}.", "Sad") for number in range(1051, 1056)]
    speaker(tmp_path, "0012", lines, "utf-8")
    path = tmp_path / "0012" / "0012.txt"
    written = path.read_text().splitlines()
    written[0] = "0012_001051 Blanks for tabs. Sad"
    written[1] = "0012_001052\tNo label"
    written[2] = "0012_001053\tSentence 3.\tHappy"
    written += ["0012_001060\tNo recording.\tSad", written[3]]
    path.write_text("\n".join(written))
    make_empty(tmp_path / "0012" / "Sad" / "0012_001055.wav")
    write_tone(tmp_path / "0012" / "Bored" / "0012_001061.wav")
    write_tone(tmp_path / "0012" / "Sad" / "noise.wav")
    reading = read_corpus("esd", tmp_path)
    assert [(row.id, row.text, row.label) for row in reading.splits["train"]] == [
        ("0012_001051", "Blanks for tabs.", "sad"),
        ("0012_001052", None, "sad"),
        ("0012_001053", "Sentence 3.", "sad"),
        ("0012_001054", "Sentence 1054.", "sad"),
    ]
    assert damage(reading) == [
        ("0012", "malformed line", None, True),
        ("0012_001052", "no transcript", "train", True),
        ("0012_001053", "labels differ", "train", True),
        ("0012_001054", "duplicated transcript", None, True),
        ("0012_001055", "empty recording", "train", False),
        ("0012_001060", "no recording", None, False),
        ("0012_001061", "unknown label", None, False),
        ("noise", "malformed file name", None, False),
    ]


def test_its_own_split_is_by_sentence(tmp_path):
    for part, number in (("train", 360), ("evaluation", 351), ("test", 380)):
        for name in ("0011", "0012"):
            speaker(tmp_path, name, [(number, "Angry", f"Sentence {number}.", "Angry")], "utf-8", part)
    write_tone(tmp_path / "0011" / "Angry" / "0011_000400.wav")
    assert len(read_corpus("esd", tmp_path).splits["train"]) == 7
    reading = read_corpus("esd", tmp_path, split="official")
    assert {split: [row.id[-3:] for row in part] for split, part in reading.splits.items()} == {
        "train": ["360", "360"],
        "validation": ["351", "351"],
        "test": ["380", "380"],
    }
    assert ("0011_000400", "no split", None, False) in damage(reading)
    with pytest.raises(ValueError, match="train and test share 2 speaker .0011, 0012.*allow=..speaker"):
        make_folds(reading.to_dataset_dict(), "official-split")


def test_one_language(tmp_path):
    speaker(tmp_path, "0001", [(1, "Neutral", "打", "中立")], "gb2312")
    speaker(tmp_path, "0011", [(1, "Neutral", "Nine", "Neutral")], "utf-8")
    found = {
        language: [row.speaker for row in read_corpus("esd", tmp_path, language=language).splits["train"]]
        for language in (None, "chinese", "english")
    }
    assert found == {None: ["0001", "0011"], "chinese": ["0001"], "english": ["0011"]}
    assert read_corpus("esd", tmp_path, language="english").problems == []
    assert "all: 2 where 35000 are published" in read_corpus("esd", tmp_path).problems[-1].reason
    for options, message in (
        ({"language": "german"}, "language='german' is unknown. Choose one of: chinese, english"),
        ({"split": "mine"}, "split='mine' is unknown. Choose one of: none, official"),
    ):
        with pytest.raises(ValueError, match=message):
            read_corpus("esd", tmp_path, **options)
    with pytest.raises(ValueError, match="holds no recording. Expected: ESD's folders"):
        (tmp_path / "empty").mkdir()
        read_corpus("esd", tmp_path / "empty")
