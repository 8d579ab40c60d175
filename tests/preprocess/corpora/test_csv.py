import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from preprocess import LabelEncoder, load_corpus, prepare_dataset, read_corpus
from preprocess.skipped import SKIPPED_FILE, read_skipped
from tests.preprocess.corpora.corpus_trees import damaged_sounds, make_empty
from tests.tiny import tiny_processor, write_tone


HEADER = "id,audio,text,label,speaker,session\n"


def rows_of(reading, split="train"):
    return [(row.id, row.audio, row.text, row.label, row.speaker, row.session) for row in reading.splits[split]]


class TestTables:
    def test_csv(self, tmp_path):
        table = tmp_path / "calls.csv"
        table.write_text(
            "\ufeff"
            + HEADER
            + 'a,wav/a.wav,"how nice, isn\'t it",sad,anna,s1\nb,/abs/b.wav,NA,null,,\nc,,"two\nlines",0.5,bo,s2\n',
            encoding="utf-8",
        )
        reading = read_corpus("csv", table)
        assert rows_of(reading) == [
            ("a", str(tmp_path / "wav" / "a.wav"), "how nice, isn't it", "sad", "anna", "s1"),
            ("b", "/abs/b.wav", "NA", "null", None, None),  # words that pandas would take for missing values
            ("c", None, "two\nlines", "0.5", "bo", "s2"),
        ]
        assert [(problem.reason[:20], problem.kept) for problem in reading.problems] == [
            ("texts that say 'NA',", True)
        ]

    def test_tsv_with_other_names_and_without_ids(self, tmp_path):
        table = tmp_path / "calls.tsv"
        table.write_text("file\ttranscript\temotion\na.wav\thow, nice\tsad\nb.wav\t\thappy\n")
        reading = read_corpus(
            "csv",
            table,
            audio_column="file",
            text_column="transcript",
            label_column="emotion",
            audio_dir=tmp_path / "sounds",
        )
        assert rows_of(reading) == [
            ("calls-000000", str(tmp_path / "sounds" / "a.wav"), "how, nice", "sad", None, None),
            ("calls-000001", str(tmp_path / "sounds" / "b.wav"), None, "happy", None, None),
        ]

    def test_json_lines_keep_types(self, tmp_path):
        table = tmp_path / "calls.jsonl"
        rows = [{"id": 1, "text": "how", "label": 1.5}, {"id": 2, "text": "nice", "label": -2}]
        table.write_text("\n\n".join(json.dumps(row) for row in rows) + "\n")
        assert [(row[0], row[3]) for row in rows_of(read_corpus("csv", table))] == [("1", 1.5), ("2", -2)]

    def test_parquet(self, tmp_path):
        table = tmp_path / "calls.parquet"
        columns = {"audio": ["a.wav", None], "text": ["how", "nice"], "label": [["sad", "angry"], ["happy"]]}
        pq.write_table(pa.table(columns), table)
        assert rows_of(read_corpus("csv", table)) == [
            ("calls-000000", str(tmp_path / "a.wav"), "how", ["sad", "angry"], None, None),
            ("calls-000001", None, "nice", ["happy"], None, None),
        ]

    def test_lists_in_cells(self, tmp_path):
        table = tmp_path / "calls.csv"
        table.write_text('text,label\nhow,"[""sad"", ""angry""]"\nnice,"[1, 0]"\nbad,[laughs]\n')
        assert [row[3] for row in rows_of(read_corpus("csv", table))] == [["sad", "angry"], [1, 0], "[laughs]"]

    def test_several_label_columns_of_numbers(self, tmp_path):
        table = tmp_path / "calls.csv"
        table.write_text("id,text,valence,arousal\na,how,1.5,2\nb,nice,-1,n/a\nc,bad,0.25,3e0\n")
        reading = read_corpus("csv", table, label_column=["valence", "arousal"], numeric_labels=True)
        assert [(row[0], row[3]) for row in rows_of(reading)] == [("a", [1.5, 2.0]), ("c", [0.25, 3.0])]
        assert reading.problems[0].id == "b" and "not a number: ['-1', 'n/a']" in reading.problems[0].reason

    def test_latin_1(self, tmp_path):
        table = tmp_path / "calls.csv"
        table.write_bytes("text,label\ncafé,sad\n".encode("latin-1"))
        with pytest.raises(ValueError, match="Give its encoding"):
            read_corpus("csv", table, encoding="utf-8")
        reading = read_corpus("csv", table)
        assert rows_of(reading)[0][2] == "café"
        assert [(problem.place, problem.kept) for problem in reading.problems] == [(f"{table}, line 2", True)]
        assert "undecodable bytes" in reading.problems[0].reason
        table.write_text("text,label\ncafé,sad\n", encoding="utf-16")
        assert rows_of(read_corpus("csv", table))[0][2] == "café"
        table.write_bytes("text,label\ncafé,sad\n".encode("latin-1"))
        assert rows_of(read_corpus("csv", table, encoding="latin-1"))[0][2] == "café"


class TestFolder:
    def test_one_table_per_split(self, tmp_path):
        for name in ("train.csv", "dev.jsonl", "eval.tsv", "notes.md"):
            (tmp_path / name).write_text('{"text": "how", "label": "sad"}\n')
        (tmp_path / "train.csv").write_text("text,label\nhow,sad\nnice,happy\n")
        (tmp_path / "eval.tsv").write_text("text\tlabel\nbad\tsad\n")
        corpus = load_corpus("csv", tmp_path)
        assert {name: split.num_rows for name, split in corpus.items()} == {"train": 2, "validation": 1, "test": 1}
        assert corpus["train"].column_names == ["id", "audio", "text", "label", "speaker", "session"]
        assert corpus["test"][0] == {
            "id": "eval-000000",
            "audio": None,
            "text": "bad",
            "label": "sad",
            "speaker": None,
            "session": None,
        }

    def test_two_tables_for_one_split(self, tmp_path):
        for name in ("dev.csv", "valid.csv"):
            (tmp_path / name).write_text("text,label\nhow,sad\n")
        with pytest.raises(ValueError, match=r"several tables for validation: dev.csv, valid.csv"):
            read_corpus("csv", tmp_path)

    def test_no_table(self, tmp_path):
        (tmp_path / "calls.csv").write_text("text,label\nhow,sad\n")
        with pytest.raises(ValueError, match=r"no table named train, validation or test .*it has calls\.csv"):
            read_corpus("csv", tmp_path)

    @pytest.mark.parametrize("name", ["gone.csv", "gone"])
    def test_no_such_path(self, tmp_path, name):
        with pytest.raises(ValueError, match="there is no such table or folder"):
            read_corpus("csv", tmp_path / name)

    def test_table_of_another_kind(self, tmp_path):
        (tmp_path / "calls.xlsx").touch()
        with pytest.raises(ValueError, match=r"must end with one of \.csv, \.tsv, \.jsonl, \.parquet"):
            read_corpus("csv", tmp_path / "calls.xlsx")


class TestBadRows:
    def test_rows_that_cannot_be_read(self, tmp_path):
        table = tmp_path / "calls.csv"
        table.write_text("id,text,label\na,how,sad\nb,what a day, or not,sad\nc,nice\nd,,sad\ne,bad,happy\n")
        reading = read_corpus("csv", table)
        assert [row[0] for row in rows_of(reading)] == ["a", "e"]
        assert [(problem.place, problem.split) for problem in reading.problems] == [
            (f"{table}, line {line}", "train") for line in (3, 4, 5)
        ]
        assert "4 cells where the header has 3" in reading.problems[0].reason
        assert "neither audio nor text" in reading.problems[2].reason and reading.problems[2].id == "d"

    def test_json_lines(self, tmp_path):
        table = tmp_path / "calls.jsonl"
        table.write_text('{"text": "how", "label": "sad"}\n{"text": "ni\n[1, 2]\n{"text": "bad", "label": "sad"}\n')
        reading = read_corpus("csv", table)
        assert len(reading.splits["train"]) == 2
        assert [problem.place for problem in reading.problems] == [f"{table}, line 2", f"{table}, line 3"]

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            ("text,emotion\nhow,sad\n", "no column label; its columns are text, emotion"),
            ("transcript,label\nhow,sad\n", "no column audio or text; its columns are transcript, label"),
            ("", "is empty"),
        ],
    )
    def test_columns(self, tmp_path, content, message):
        (tmp_path / "calls.csv").write_text(content)
        with pytest.raises(ValueError, match=message):
            read_corpus("csv", tmp_path / "calls.csv")


def test_a_quotation_mark_that_is_not_closed_takes_no_other_row_with_it(tmp_path):
    table = tmp_path / "calls.csv"
    table.write_text('id,text,label\na,"never, closed,sad\nb,"two\nlines",sad\nc,how,"sad\nd,"he said ""hi""",sad\n')
    reading = read_corpus("csv", table)
    assert [(row[0], row[2], row[3]) for row in rows_of(reading)] == [
        ("b", "two\nlines", "sad"),
        ("c", "how", "sad"),
        ("d", 'he said "hi"', "sad"),
    ]
    assert [problem.place for problem in reading.problems] == [f"{table}, line 2"]
    tabs = tmp_path / "calls.tsv"
    tabs.write_text('id\ttext\tlabel\na\t"never closed\tsad\nb\t"Well", he said\tsad\n')
    reading = read_corpus("csv", tabs)
    assert [row[2] for row in rows_of(reading)] == ['"never closed', "Well, he said"]
    assert reading.problems == []


def test_damage_is_listed_and_the_good_rows_survive(tmp_path):
    damaged_sounds(tmp_path)
    (tmp_path / "good.wav").rename(tmp_path / "GOOD.WAV")
    rows = [
        b"z,GOOD.WAV,how,1.5",
        b"gone,gone.wav,how,1",
        *(f"{name},{name}.wav,how,1".encode() for name in ("empty", "cut", "page", "nothing", "nan", "short")),
        b"film,cut.mp4,how,1",
        b"silent,silent.mp4,how,1",
        b"mute,gone.wav,,1",
        b"z,GOOD.WAV,again,1",
        b"neither, , ,1",
        b"word,GOOD.WAV,how,high",
        b"NaN,GOOD.WAV,how,nan",
        b"range,GOOD.WAV,how,5",
        b"unlabelled,GOOD.WAV,how,",
        b"cells,GOOD.WAV,how, nice,1",
        b'open,GOOD.WAV,"how, nice,1',
        b"old,GOOD.WAV,caf\xe9,-1",
        b"",
        b"a,,last,2",
    ]
    (tmp_path / "TRAIN.CSV").write_bytes(b"\xef\xbb\xbfid,audio,text,label\r\n" + b"\r\n".join(rows) + b"\r\n")
    (tmp_path / "._TRAIN.CSV").write_bytes(b"\x00\x05\x16\x07")

    reading = read_corpus("csv", tmp_path, numeric_labels=True, check_audio="decode")
    encoder = LabelEncoder("regression", label_range=(-3, 3))
    corpus = reading.to_dataset_dict()
    out = tmp_path / "out"
    prepared = prepare_dataset(corpus, tiny_processor(), encoder, output_dir=out, problems=reading.problems)["train"]

    broken = ["gone", "empty", "cut", "page", "nothing", "nan", "film", "silent"]
    assert dict(zip(prepared["id"][:].tolist(), prepared["speech_length"][:].tolist(), strict=True)) == {
        "z": 3_200,
        **dict.fromkeys(broken, 0),
        "old": 3_200,
        "a": 0,
    }
    table = tmp_path / "TRAIN.CSV"
    found = [
        (problem.id, problem.reason.partition(":")[0], problem.kept) for problem in read_skipped(out / SKIPPED_FILE)
    ]
    assert sorted(found) == sorted(
        [
            ("gone", "no recording", True),
            ("empty", "empty recording", True),
            *((name, "broken recording", True) for name in broken[2:]),
            ("mute", "no recording", False),
            ("z", "The id 'z' is already used in train", False),
            ("neither", "The row has neither audio nor text.", False),
            ("word", "The label is not a number", False),
            ("NaN", "The label is not a number", False),
            (f"{table}, line 19", "malformed line", False),
            (f"{table}, line 20", "malformed line", False),
            ("old", "undecodable bytes", True),
            ("short", "The sound of 0.010 s is shorter than 0.1 s.", False),
            ("range", "label", False),
            ("unlabelled", "label", False),
        ]
    )


def test_without_a_look_at_the_recordings_preparation_leaves_broken_ones_out(tmp_path):
    make_empty(tmp_path / "empty.wav")
    (tmp_path / "calls.csv").write_text("id,audio,text,label\na,empty.wav,how,1\nb,,nice,1\n")
    reading = read_corpus("csv", tmp_path / "calls.csv", numeric_labels=True)
    assert len(reading.splits["train"]) == 2 and reading.problems == []
    checked = read_corpus("csv", tmp_path / "calls.csv", numeric_labels=True, check_audio="exists")
    assert [row[1] for row in rows_of(checked)] == [None, None]
    with pytest.raises(ValueError, match="check_audio='deep' is unknown. Choose one of: exists, header, decode"):
        read_corpus("csv", tmp_path / "calls.csv", check_audio="deep")


def test_from_a_table_to_prepared_rows(tmp_path):
    write_tone(tmp_path / "wav" / "a.wav", 0.2, 44_100, channels=2)
    (tmp_path / "calls.csv").write_text(
        "audio,text,label\nwav/a.wav,how nice,happy\nwav/gone.wav,bad,sad\n,so sad,sad\n"
    )
    corpus = load_corpus("csv", tmp_path / "calls.csv", report_dir=tmp_path / "report")
    encoder = LabelEncoder.from_dataset(corpus, "single_label_classification")
    prepared = prepare_dataset(corpus, tiny_processor(), encoder, output_dir=tmp_path / "out")["train"]
    assert prepared["id"][:].tolist() == ["calls-000000", "calls-000002"]
    assert prepared["labels"][:].tolist() == [0, 1] and prepared["speech_length"][:].tolist() == [3_200, 0]
    assert "wav/gone.wav: there is no such file" in (tmp_path / "out" / "skipped.jsonl").read_text()
