"""IEMOCAP: turns, transcripts and recordings of the full release, its four label sets, and every kind of damage."""

import pytest

from preprocess.corpora import iemocap
from preprocess.labels.label_maps import apply_label_map
from tests.preprocess.corpora.corpus_trees import (
    cut_short,
    damage,
    iemocap_evaluation,
    iemocap_tree,
    make_empty,
    rows,
    write_tone,
)


FIRST = "Session1/sentences/wav/Ses01F_impro01/Ses01F_impro01"
SECOND = "Session5/sentences/wav/Ses05M_script01_1b/Ses05M_script01_1b"


def test_the_release_becomes_four_classes(tmp_path):
    root = iemocap_tree(tmp_path)

    reading = iemocap.read(root)

    assert rows(reading, root) == {
        "train": [
            ("Ses01F_impro01_F000", f"{FIRST}_F000.wav", "Excuse me.", "neutral", "Ses01F", "Ses01"),
            ("Ses01F_impro01_F001", f"{FIRST}_F001.wav", "Yeah.", "happy", "Ses01F", "Ses01"),
            ("Ses05M_script01_1b_F000", f"{SECOND}_F000.wav", "Hello.", "happy", "Ses05F", "Ses05"),
            ("Ses05M_script01_1b_M000", f"{SECOND}_M000.wav", "[LAUGHTER] No!", "angry", "Ses05M", "Ses05"),
            ("Ses05M_script01_1b_M001", f"{SECOND}_M001.wav", "Oh.", "sad", "Ses05M", "Ses05"),
        ]
    }
    assert damage(reading) == [
        ("Ses01F_impro01_F002", "unlabelled", None, False),
        ("Ses01F_impro01_M000", "unlabelled", None, False),
        ("Ses01F_impro01_M001", "not among the labels of 4-class", None, False),
        ("Ses05M_script01_1b_FXX0", "not among the labels of 4-class", None, False),
    ]
    assert [u.extra["duration"] for u in reading.splits["train"]] == [0.25] * 5


def test_other_label_sets(tmp_path):
    root = iemocap_tree(tmp_path)

    def labels(label_set):
        return [utterance.label for utterance in iemocap.read(root, label_set=label_set).splits["train"]]

    assert labels("6-class") == ["neutral", "excited", "frustrated", "happy", "angry", "sad"]
    assert labels("all") == ["neu", "exc", "fru", "hap", "ang", "sad", "sur"]
    assert labels("vad") == [[2.5, 3.5, 4.0]] * 9


def test_the_codes_with_a_map_of_one_s_own(tmp_path):
    reading = iemocap.read(iemocap_tree(tmp_path), label_set="all")
    mapped = apply_label_map(reading, {"exc": "joy", "hap": "joy"}, only_mapped=True)
    assert [(u.id[-4:], u.label) for u in mapped.splits["train"]] == [("F001", "joy"), ("F000", "joy")]


def test_published_counts_are_compared_by_session_and_label(tmp_path):
    reason = iemocap.read(iemocap_tree(tmp_path)).problems[-1].reason
    assert reason.startswith(
        "counts differ from the published ones: all: 5 where 5531 are published; "
        "session Ses01: 2 where 1085 are published; session Ses02: 0 where 1023 are published; "
    )
    assert reason.endswith("label happy: 2 where 1636 are published")


def test_damage_is_listed_and_the_good_rows_survive(tmp_path):
    root = iemocap_tree(tmp_path)
    session = root / "Session1"
    wavs = session / "sentences" / "wav" / "Ses01F_impro01"
    evaluation = session / "dialog" / "EmoEvaluation" / "Ses01F_impro01.txt"
    transcript = session / "dialog" / "transcriptions" / "Ses01F_impro01.txt"
    turn = "Ses01F_impro01_M0"
    blocks = [
        iemocap_evaluation(f"{turn}10", "sad"),
        iemocap_evaluation(f"{turn}11", "sad"),
        iemocap_evaluation(f"{turn}12", "sad"),
        iemocap_evaluation(f"{turn}13", "zzz"),
        iemocap_evaluation(f"{turn}14", "sad"),
        iemocap_evaluation(f"{turn}15", "sad"),
        iemocap_evaluation("Ses01F_impro01_F000", "neu"),
        iemocap_evaluation("nonsense", "sad"),
        b"[6.2901 - 8.2357]\tSes01F_impro01_M016\tsad\n",
        iemocap_evaluation(f"{turn}17", "sad").replace(b"\n", b"\r\n"),
        iemocap_evaluation(f"{turn}18", "sad"),
        iemocap_evaluation(f"{turn}19", "sad"),
        iemocap_evaluation(f"{turn}20", "sad").replace(b"[6.2901", b"6.2901", 1),
        b"C-E2:\tOther;\t(sad)\nA-F1:\tval 3; act 2; dom  2;\t()\n",
    ]
    evaluation.write_bytes(b"\xef\xbb\xbf" + evaluation.read_bytes() + b"".join(blocks))
    lines = [
        b"Ses01F_impro01_M010 [1.0-2.0]: no recording",
        b"Ses01F_impro01_M011 [1.0-2.0]: empty recording",
        b"Ses01F_impro01_M012 [1.0-2.0]: cut recording",
        b"Ses01F_impro01_M014 [1.0-2.0]:  ",
        b"M: ah.",
        b"Ses01F_impro01_M010 [1.0-2.0]: again",
        b"Ses01F_impro01_M017 [1.0-2.0]: it\x92s a good one\r",
        b"Ses01F_impro01_M019: no interval",
        b"Ses01F_impro01_M021 [0001.0000-0002.0000]: no evaluation",
    ]
    transcript.write_bytes(transcript.read_bytes() + b"\n".join(lines))
    make_empty(wavs / f"{turn}11.wav")
    for number in (12, 13, 14, 15, 17, 99):
        write_tone(wavs / f"{turn}{number}.wav")
    write_tone(wavs / "upper.wav").rename(wavs / f"{turn}19.WAV")
    cut_short(wavs / f"{turn}12.wav")

    reading = iemocap.read(root)

    added = {u.id[-4:]: (u.audio is not None, u.text) for u in reading.splits["train"][2:-3]}
    assert added == {
        "M010": (False, "no recording"),
        "M011": (False, "empty recording"),
        "M012": (False, "cut recording"),
        "M014": (True, None),
        "M015": (True, None),
        "M017": (True, "it’s a good one"),
        "M019": (True, "no interval"),
    }
    undamaged = {kind[0] for kind in damage(iemocap.read(iemocap_tree(tmp_path / "undamaged")))}
    assert [kind for kind in damage(reading) if kind[0] not in undamaged] == [
        ("Ses01F_impro01", "transcript without a turn", None, False),
        ("Ses01F_impro01_F000", "duplicated id", "train", False),
        (f"{turn}10", "duplicated transcript", None, True),
        (f"{turn}10", "no recording", "train", True),
        (f"{turn}11", "empty recording", "train", True),
        (f"{turn}12", "broken recording", "train", True),
        (f"{turn}13", "unknown label", None, False),
        (f"{turn}14", "empty transcript", "train", True),
        (f"{turn}15", "no transcript", "train", True),
        (f"{turn}16", "malformed line", None, False),
        (f"{turn}17", "undecodable bytes", None, True),
        (f"{turn}18", "no recording", "train", False),
        (f"{turn}20", "malformed line", None, False),
        (f"{turn}21", "no label", None, False),
        (f"{turn}99", "no label", None, False),
        ("nonsense", "malformed turn name", None, False),
    ]
    both = next(problem for problem in reading.problems if problem.id == f"{turn}18")
    assert both.reason.startswith("no recording: ") and both.reason.endswith("; no transcript")


@pytest.mark.parametrize(
    ("ratings", "reason"),
    [
        ("nan, 3.0, 3.0", "out of range"),
        ("2.5, 7.0, 3.0", "out of range"),
        ("2.5, 3.0", "malformed ratings"),
        ("2.5, high, 3.0", "malformed ratings"),
    ],
)
def test_unusable_ratings_are_listed(tmp_path, ratings, reason):
    root = iemocap_tree(tmp_path)
    path = root / "Session1" / "dialog" / "EmoEvaluation" / "Ses01F_impro01.txt"
    path.write_bytes(path.read_bytes().replace(b"2.5000, 3.5000, 4.0000", ratings.encode(), 1))

    reading = iemocap.read(root, label_set="vad")

    assert len(reading.splits["train"]) == 8
    assert damage(reading) == [("Ses01F_impro01_F000", reason, None, False)]


def test_wrong_folders_are_named(tmp_path):
    with pytest.raises(ValueError, match="holds no Session.*IEMOCAP_full_release"):
        iemocap.read(tmp_path)
    with pytest.raises(ValueError, match="label_set='5-class'.*4-class, 6-class, all, vad"):
        iemocap.read(tmp_path, label_set="5-class")
