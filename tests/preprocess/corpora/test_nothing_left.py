"""Where nothing is left of a corpus the error says of which, how much was left out and why, for all readers alike."""

import json

import pytest

from commands_emo import run_command
from preprocess import load_corpus, load_prepared, read_corpus
from preprocess.schema import CorpusReading, Problem, Utterance
from preprocess.skipped import read_skipped
from tests.preprocess.corpora.corpus_trees import (
    make_empty,
    meld_row,
    meld_tree,
    write_clip,
    write_meld_table,
    write_tone,
)


def test_the_reasons_are_one_of_each_kind():
    problems = [Problem(str(n), f"list.csv, line {n}", "malformed line: 3 cells", "train") for n in range(500)]
    problems += [Problem("x", "x.wav", "unknown label: 'bored'.", "test"), Problem("y", "y.wav", "odd", kept=True)]
    with pytest.raises(ValueError) as error:
        CorpusReading({}, problems, source="meld in data").check()
    assert str(error.value) == (
        "meld in data: no utterance can be used, 501 items were left out. The first: list.csv, line 0: "
        "malformed line: 3 cells; x.wav: unknown label: 'bored'."
    )
    rows = [Utterance("a", text="x", label="sad")]
    with pytest.raises(ValueError, match="no utterance in the split test can be used, 1 items.*x.wav: unknown label"):
        CorpusReading({"train": rows, "test": []}, problems).to_dataset_dict()


def unlabelled_meld(root):
    rows = [meld_row(b"Hey!", b"All", b"bored", b"odd", 0, number) for number in range(3)]
    write_meld_table(root / "train_sent_emo.csv", rows)
    return r"train_sent_emo.csv, line 2: unknown label: 'bored'", 5  # two tables are not there


def numbers_of_pandas(root):
    row = meld_row(b"Hey!", b"All", b"joy", b"positive", 0, 0).replace(b",0,0,", b",0.0,0.0,")
    write_meld_table(root / "train_sent_emo.csv", [row])
    return "line 2: malformed line: Dialogue_ID and Utterance_ID must be whole numbers .* got '0.0' and '0.0'", 3


def broken_emodb(root):
    make_empty(root / "wav" / "03a01Fa.wav")
    make_empty(root / "wav" / "notes.wav")
    return "03a01Fa.wav: empty recording: .*; .*notes.wav: malformed file name", 2


def mosi_without_scores(root):
    (root / "label.csv").write_text("video_id,clip_id,text,label,mode\nabc,1,x,,train\nabc,2,y,9,train\n")
    return "label.csv, line 2: no label: '' is no score; .*line 3: out of range", 2


def manifests_without_tokens(root):
    for name, line in (("a", "u1.wav"), ("t", "u1.txt")):
        (root / f"train_{name}.tsv").write_text(f"{line}\n")
    return "label_file_train.csv: the file is missing", 1


@pytest.mark.parametrize(
    ("corpus", "make"),
    [
        ("meld", unlabelled_meld),
        ("meld", numbers_of_pandas),
        ("emodb", broken_emodb),
        ("mosi", mosi_without_scores),
        ("manifest", manifests_without_tokens),
    ],
)
def test_every_reader_says_why(tmp_path, corpus, make):
    message, count = make(tmp_path / "data" if (tmp_path / "data").mkdir() is None else tmp_path)
    with pytest.raises(ValueError, match=message) as error:
        load_corpus(corpus, tmp_path / "data", report_dir=tmp_path / "report")
    assert str(error.value).startswith(f"{corpus} in {tmp_path / 'data'}: no utterance can be used, {count} items")
    assert len(read_skipped(tmp_path / "report" / "skipped.jsonl")) >= count
    assert json.loads((tmp_path / "report" / "data_report.json").read_text())["splits"] == {}


def test_the_command_ends_with_an_error(tmp_path):
    numbers_of_pandas(tmp_path)
    flags = ["--corpus", "meld", "--data_dir", str(tmp_path), "--output_dir", str(tmp_path / "out")]
    with pytest.raises(ValueError, match="no utterance can be used"):
        run_command("prepare", [*flags, "--text_model", "none", "--speech_model", "none"])
    with pytest.raises(ValueError, match="not a prepared dataset"):
        load_prepared(tmp_path / "out")


class TestRecordings:
    def test_not_one_recording(self, tmp_path):
        root = meld_tree(tmp_path)
        for clip in root.rglob("*.mp4"):
            clip.unlink()
        with pytest.raises(ValueError, match=r"not one recording can be used, 5 are missing or broken.*dia0_utt0.mp4"):
            load_corpus("meld", root)
        assert load_corpus("meld", root, keep_without_audio=True)["train"].num_rows == 3
        with pytest.raises(ValueError, match="no utterance can be used, 5 items were left out"):
            load_corpus("meld", root, keep_without_audio=False)
        write_clip(root / "dev_splits_complete" / "dia0_utt0.mp4")
        assert load_corpus("meld", root)["train"]["audio"][:] == [None] * 3

    def test_a_table_whose_recordings_are_elsewhere(self, tmp_path):
        (tmp_path / "train.csv").write_text("audio,text,label\na.wav,how nice,sad\nb.wav,never,sad\n")
        assert load_corpus("csv", tmp_path)["train"].num_rows == 2  # nobody asked to look at the files
        with pytest.raises(ValueError, match="not one recording can be used, 2 are missing.* no file .*a.wav"):
            load_corpus("csv", tmp_path, check_audio="exists")
        write_tone(tmp_path / "wav" / "a.wav")
        corpus = load_corpus("csv", tmp_path, check_audio="exists", audio_dir=tmp_path / "wav")
        assert corpus["train"]["audio"][:] == [str(tmp_path / "wav" / "a.wav"), None]

    def test_a_folder_that_is_not_there(self, tmp_path):
        (tmp_path / "train.csv").write_text("audio,text,label\na.wav,how nice,sad\n")
        with pytest.raises(ValueError, match="csv in .*missing folder: audio_dir='.*gone' is not a folder"):
            load_corpus("csv", tmp_path, audio_dir=tmp_path / "gone")
        (tmp_path / "train_a.tsv").write_text("u1.wav\n")
        with pytest.raises(ValueError, match="manifest in .*missing folder: token_dir='.*gone' is not a folder"):
            load_corpus("manifest", tmp_path, token_dir=tmp_path / "gone")


class TestWronglyCutClips:
    @pytest.fixture
    def root(self, tmp_path):
        ends = [b'"00:16:17,143"', b'"0:16:17,143"', b'"0:16:40,0"', b'"0:16:10,0"', b"soon"]
        rows = [
            meld_row(b"What?", b"Ann", b"surprise", b"negative", 0, number).replace(b'"0:16:16,309"', end)
            for number, end in enumerate(ends)
        ]
        write_meld_table(tmp_path / "train_sent_emo.csv", rows)
        for number, seconds in enumerate([240.0, 1.0, 1.0, 1.0, 1.0]):
            write_tone(tmp_path / "train_splits" / f"dia0_utt{number}.wav", seconds)
        return tmp_path

    def test_are_listed(self, root):
        reading = read_corpus("meld", root)
        found = {problem.id: problem for problem in reading.problems if problem.reason.startswith("wrongly cut")}
        assert {name: (problem.kept, problem.reason) for name, problem in found.items()} == {
            "train_dia0_utt0": (True, "wrongly cut recording: 240.00 s long where the annotations say 1.08 s"),
            "train_dia0_utt2": (True, "wrongly cut recording: 1.00 s long where the annotations say 23.94 s"),
        }
        assert all(row.audio is not None for row in reading.splits["train"])

    def test_can_be_left_out(self, root):
        reading = read_corpus("meld", root, keep_wrongly_cut=False)
        assert [row.id[-1] for row in reading.splits["train"] if row.audio is not None] == ["1", "3", "4"]
        assert [row.text for row in reading.splits["train"]] == ["What?"] * 5
        reading = read_corpus("meld", root, keep_wrongly_cut=False, keep_without_audio=False)
        assert [row.id[-1] for row in reading.splits["train"]] == ["1", "3", "4"]

    def test_semicolons_of_a_spreadsheet(self, root):
        table = root / "train_sent_emo.csv"
        table.write_bytes(table.read_bytes().replace(b",", b";").replace(b";143", b",143").replace(b";059", b",059"))
        assert [row.text for row in read_corpus("meld", root).splits["train"]] == ["What?"] * 5
