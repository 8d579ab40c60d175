"""CMU-MOSI and CMU-MOSEI as CMU released them: labels, transcripts, segments cut from whole recordings, damage."""

import numpy as np
import pytest
import soundfile as sf

from preprocess.corpora import mosei, mosi
from tests.preprocess.corpora.corpus_trees import (
    cut_short,
    damage,
    make_apple_double,
    make_empty,
    mosei_raw_tree,
    mosi_raw_tree,
    rows,
    write_csd,
    write_tone,
)


FIRST, VALID, TEST = "03bSnISJMiM", "WKA5OygbEKI", "c7UH_rxdZv4"
SEGMENTS = "Raw/Audio/WAV_16000/Segmented"
MOSEI_VIDEO = "-3g5yACwYnA"


def score(value):
    """A score as the .csd files store it."""
    return float(np.float32(value))


def test_mosi_with_segments_and_the_official_split(tmp_path):
    root = mosi_raw_tree(tmp_path)

    reading = mosi.read(root)

    assert rows(reading, root) == {
        "train": [
            (f"{FIRST}_1", f"{SEGMENTS}/{FIRST}_1.wav", "ANYHOW IT WAS REALLY GOOD", score(2.4), FIRST, FIRST),
            (f"{FIRST}_2", f"{SEGMENTS}/{FIRST}_2.wav", "A LOT OF SAD PARTS", score(-0.8), FIRST, FIRST),
        ],
        "validation": [(f"{VALID}_1", f"{SEGMENTS}/{VALID}_1.wav", "IT'S FINE", 0.0, VALID, VALID)],
        "test": [(f"{TEST}_1", f"{SEGMENTS}/{TEST}_1.wav", "I LOVED IT", 3.0, TEST, TEST)],
    }
    assert damage(reading) == []


def test_mosi_with_its_csv_labels_and_transcripts_of_either_separator(tmp_path):
    root = mosi_raw_tree(tmp_path)
    (root / "CMU_MOSI_Opinion_Labels.csd").unlink()
    lines = f"0.25,0.75,{FIRST},1,2.4\r\n1.0,1.5,{FIRST},2,-0.8\r\nbroken\r\n0,1,{TEST},1,2.6\r\n0,1,{VALID},1,x\r\n"
    (root / "Raw" / "OpinionLevelSentiment.csv").write_text(lines)
    path = root / "Raw" / "Transcript" / "Segmented" / f"{TEST}.annotprocessed"
    path.write_bytes(path.read_bytes().replace(b"_DELIM_", b"___"))

    reading = mosi.read(root, label_set="7-class")

    labels = {u.id: (u.label, u.text) for split in reading.splits.values() for u in split}
    assert labels == {
        f"{FIRST}_1": ("2", "ANYHOW IT WAS REALLY GOOD"),
        f"{FIRST}_2": ("-1", "A LOT OF SAD PARTS"),
        f"{TEST}_1": ("3", "I LOVED IT"),
    }
    assert damage(reading) == [
        ("OpinionLevelSentiment.csv", "malformed line", None, False),
        (f"{VALID}_1", "no label", "validation", False),
    ]


def test_mosei_matches_unordered_labels_by_interval_and_cuts_segments(tmp_path):
    root = mosei_raw_tree(tmp_path)
    full = root / "Raw" / "Audio" / "Full" / "WAV_16000" / f"{MOSEI_VIDEO}.wav"
    folds = tmp_path / "cmu_mosei_std_folds.py"
    folds.write_text(
        f"standard_train_fold = ['{MOSEI_VIDEO}']\nstandard_valid_fold = []\nstandard_test_fold = ['100178']\n"
    )

    reading = mosei.read(root, split_file=folds, segment_dir=root / "segments")

    assert rows(reading, root) == {
        "train": [
            (
                f"{MOSEI_VIDEO}_1",
                f"segments/{MOSEI_VIDEO}_1.wav",
                "they've been here before",
                -1.0,
                MOSEI_VIDEO,
                MOSEI_VIDEO,
            ),
            (
                f"{MOSEI_VIDEO}_0",
                f"segments/{MOSEI_VIDEO}_0.wav",
                "Key is part of the people",
                score(1.67),
                MOSEI_VIDEO,
                MOSEI_VIDEO,
            ),
        ],
        "test": [("100178_7", "segments/100178_7.wav", "I thought so___really", 0.0, "100178", "100178")],
    }
    assert damage(reading) == [(f"{MOSEI_VIDEO}_2", "no label", None, False)]
    whole, _ = sf.read(full, dtype="int16")
    for name, first, last in (
        (f"{MOSEI_VIDEO}_0", 800, 9600),
        (f"{MOSEI_VIDEO}_1", 9600, 19200),
        ("100178_7", 0, 8000),
    ):
        samples, rate = sf.read(root / "segments" / f"{name}.wav", dtype="int16")
        assert rate == 16_000
        np.testing.assert_array_equal(samples, whole[first:last])
    assert [path.name for path in (root / "segments").iterdir() if path.name.startswith(".")] == []


def test_mosei_emotions_are_multi_label(tmp_path):
    reading = mosei.read(mosei_raw_tree(tmp_path), label_set="emotions", segment_dir=tmp_path / "segments")
    labels = {u.id: u.label for u in reading.splits["train"]}
    assert labels == {
        f"{MOSEI_VIDEO}_0": ["happy", "surprise"],
        f"{MOSEI_VIDEO}_1": ["sad", "anger"],
        "100178_7": [],
    }
    assert reading.to_dataset_dict()["train"].features["label"].feature.dtype == "string"


def test_mosei_emotions_without_names_are_in_the_order_of_the_sdk(tmp_path):
    """Not in that of the paper; a mean of thirds above 0 says that some annotator saw it."""
    root = mosei_raw_tree(tmp_path)
    third = 1 / 3
    for position, name in enumerate(("happy", "sad", "anger", "surprise", "disgust", "fear"), start=1):
        scores = [0.0] * 7
        scores[position] = third
        write_csd(root / "CMU_MOSEI_Labels.csd", "All Labels", {"100178": ([scores], [[-0.41768707483, 0.5]])})
        reading = mosei.read(root, label_set="emotions", segment_dir=root / "segments")
        assert [row.label for row in reading.splits["train"]] == [[name]]


def test_whole_recordings_are_not_cut_unasked(tmp_path):
    reading = mosei.read(mosei_raw_tree(tmp_path))
    assert [(u.id, u.audio) for u in reading.splits["train"]] == [
        (f"{MOSEI_VIDEO}_1", None),
        (f"{MOSEI_VIDEO}_0", None),
        ("100178_7", None),
    ]
    assert damage(reading) == [
        (f"{MOSEI_VIDEO}_0", "no recording", "train", True),
        (f"{MOSEI_VIDEO}_1", "no recording", "train", True),
        (f"{MOSEI_VIDEO}_2", "no label", None, False),
        ("100178_7", "no recording", "train", True),
        ("CMU_MOSEI_Labels.csd", "no official split", None, True),
    ]
    assert all("give segment_dir" in p.reason for p in reading.problems if p.reason.startswith("no recording"))


def test_mosi_damage_is_listed_and_the_good_rows_survive(tmp_path):
    root = mosi_raw_tree(tmp_path)
    transcript = root / "Raw" / "Transcript" / "Segmented" / f"{FIRST}.annotprocessed"
    lines = [
        b"3_DELIM_NO RECORDING BUT THE WHOLE VIDEO'S",
        b"4_DELIM_EMPTY RECORDING",
        b"5_DELIM_CUT RECORDING",
        b"6_DELIM_ ",
        b"7_DELIM_OUT OF RANGE",
        b"8_DELIM_NOT A NUMBER",
        b"WITHOUT A NUMBER",
        b"3_DELIM_AGAIN",
        b"9_DELIM_IT\x92S OLD ENCODING",
        b"11_DELIM_NO LABEL",
    ]
    transcript.write_bytes(transcript.read_bytes() + b"\r\n".join(lines))
    scores = [2.4, -0.8, 1, 1, 1, 1, 3.4, np.nan, 1, 1]
    intervals = [[0.2 * number, 0.2 * number + 0.1] for number in range(10)]
    labels = {
        FIRST: ([[value] for value in scores], intervals),
        VALID: ([[0.0]], [[0.0, 1.0]]),
        TEST: ([[3.0]], [[0.0, 1.0]]),
        "unlisted": ([[1.0]], [[0.0, 1.0]]),
    }
    write_csd(root / "CMU_MOSI_Opinion_Labels.csd", "Opinion Segment Labels", labels)
    segments = root / SEGMENTS
    for number in (5, 6, 7, 8, 9, 10, 99):
        write_tone(segments / f"{FIRST}_{number}.wav")
    make_empty(segments / f"{FIRST}_4.wav")
    cut_short(segments / f"{FIRST}_5.wav")

    reading = mosi.read(root)

    assert [(u.id, u.audio is not None, u.text) for u in reading.splits["train"][2:]] == [
        (f"{FIRST}_3", False, "NO RECORDING BUT THE WHOLE VIDEO'S"),
        (f"{FIRST}_4", False, "EMPTY RECORDING"),
        (f"{FIRST}_5", False, "CUT RECORDING"),
        (f"{FIRST}_6", True, None),
        (f"{FIRST}_9", True, "IT’S OLD ENCODING"),
        (f"{FIRST}_10", True, None),
    ]
    assert damage(reading) == [
        (FIRST, "malformed line", None, False),
        (f"{FIRST}_10", "no transcript", "train", True),
        (f"{FIRST}_11", "no label", None, False),
        (f"{FIRST}_3", "duplicated transcript", None, True),
        (f"{FIRST}_3", "no recording", "train", True),
        (f"{FIRST}_4", "empty recording", "train", True),
        (f"{FIRST}_5", "broken recording", "train", True),
        (f"{FIRST}_6", "empty transcript", "train", True),
        (f"{FIRST}_7", "out of range", "train", False),
        (f"{FIRST}_8", "NaN label", "train", False),
        (f"{FIRST}_9", "undecodable bytes", "train", True),
        (f"{FIRST}_99", "no label", None, False),
        ("unlisted_1", "no split", None, False),
    ]


def test_mosei_damage_is_listed_and_the_good_rows_survive(tmp_path):
    root = mosei_raw_tree(tmp_path)
    transcripts = root / "Raw" / "Transcript" / "Segmented" / "Combined"
    lines = (
        b"100178___x___0.5___0.9___bad number\n"
        b"100178___8___0.5___1.2.3___bad time\n"
        b"100179___8___0.5___0.9___another video\n"
        b"100178___9___1.5___2.9___late\r\n"
        b"100178___10___5.0___6.0___beyond the end\n"
        b"100178___9___1.5___2.9___late again\n"
        b"100178___11___0.6___0.7___ \n"
        b"100178___12___0.7___0.8___it\x92s old encoding\n"
        b"100178___13___0.8___0.9___out of range\n"
        b"100178___14___0.9___1.0___negative emotion\n"
    )
    path = transcripts / "100178.txt"
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes() + lines)
    path.rename(path.with_suffix(".annotprocessed"))  # some copies call MOSEI's transcripts as MOSI's are called
    (transcripts / "read me.txt").write_text("no transcript\n")
    make_apple_double(transcripts / "100178.txt")
    (transcripts / "silent.txt").write_bytes(b"silent___0___0.0___0.5___no recording at all\n")
    zero = [0.0] * 6
    score_labels = [[1.0, *zero], [2.0, *zero], [3.0, *zero], [np.nan, *zero]]
    intervals = [[1.5, 2.9], [5.0, 6.0], [8.0, 9.0], [-0.4176, 0.5]]
    score_labels += [[1.0, *zero], [1.0, *zero], [3.2, *zero], [1.0, -1.0, 0, 0, 0, 0, 0]]
    intervals += [[0.6, 0.7], [0.7, 0.8], [0.8, 0.9], [0.9, 1.0]]
    labels = {
        MOSEI_VIDEO: ([[1.0, *zero]], [[0.05, 0.6]]),
        "100178": (score_labels, intervals),
        "malformed": ([[1.0, 2.0]], [[0.0, 1.0]]),
        "silent": ([[1.0, *zero]], [[0.0, 0.5]]),
    }
    csd = write_csd(root / "CMU_MOSEI_Labels.csd", "All Labels", labels)
    make_apple_double(csd)
    full = root / "Raw" / "Audio" / "Full" / "WAV_16000"
    cut_short(full / f"{MOSEI_VIDEO}.wav")

    reading = mosei.read(root, segment_dir=root / "segments")

    assert [(u.id, u.extra["duration"], u.text, u.label) for u in reading.splits["train"]] == [
        (f"{MOSEI_VIDEO}_0", None, "Key is part of the people", 1.0),
        ("100178_9", 0.5, "late", 1.0),
        ("100178_10", None, "beyond the end", 2.0),
        ("100178_11", pytest.approx(0.1), None, 1.0),
        ("100178_12", pytest.approx(0.1), "it’s old encoding", 1.0),
        ("100178_14", pytest.approx(0.1), "negative emotion", 1.0),
        ("silent_0", None, "no recording at all", 1.0),
    ]
    expected = [
        (f"{MOSEI_VIDEO}_0", "broken recording", "train", True),
        (f"{MOSEI_VIDEO}_1", "no label", None, False),
        (f"{MOSEI_VIDEO}_2", "no label", None, False),
        ("100178", "malformed line", None, False),
        ("100178", "malformed line", None, False),
        ("100178", "malformed line", None, False),
        ("100178[8]", "no transcript", None, False),
        ("100178_10", "no recording", "train", True),
        ("100178_11", "empty transcript", "train", True),
        ("100178_12", "undecodable bytes", "train", True),
        ("100178_13", "out of range", "train", False),
        ("100178_7", "NaN label", "train", False),
        ("100178_9", "duplicated transcript", None, True),
        ("100178_9", "segment cut short", "train", True),
        ("CMU_MOSEI_Labels.csd", "malformed labels", None, False),
        ("CMU_MOSEI_Labels.csd", "no official split", None, True),
        ("read me", "malformed file name", None, False),
        ("silent_0", "no recording", "train", True),
    ]
    assert damage(reading) == expected
    emotions = mosei.read(root, label_set="emotions", segment_dir=root / "segments")
    assert ("100178_14", "out of range", "train", False) in damage(emotions)


def test_mosi_labels_that_are_not_in_the_order_of_time(tmp_path):
    root = mosi_raw_tree(tmp_path)
    labels = {FIRST: ([[-0.8], [2.4]], [[1.0, 1.5], [0.25, 0.75]])}
    write_csd(root / "CMU_MOSI_Opinion_Labels.csd", "Opinion Segment Labels", labels)
    assert {u.id: u.label for u in mosi.read(root).splits["train"]} == {
        f"{FIRST}_1": score(2.4),
        f"{FIRST}_2": score(-0.8),
    }


def test_files_of_labels_that_cannot_be_read_are_named(tmp_path):
    root = mosi_raw_tree(tmp_path)
    cut_short(root / "CMU_MOSI_Opinion_Labels.csd", 0.3)
    with pytest.raises(ValueError, match="CMU_MOSI_Opinion_Labels.csd is not a .csd file of labels"):
        mosi.read(root)
    write_csd(root / "CMU_MOSI_Opinion_Labels.csd", "Wrong", {"a": ([[1.0, 2.0]], [[0.0, 1.0]])})
    with pytest.raises(ValueError, match="is not a .csd file of labels.*1, 6 or 7"):
        mosi.read(root)
