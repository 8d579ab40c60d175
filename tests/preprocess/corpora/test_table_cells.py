"""What the cells of tables say: nothing, numbers, lists, words for nothing; and tables as spreadsheets write them."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from preprocess import LabelEncoder, load_corpus, read_corpus


def rows_of(reading, split="train"):
    return [(row.id, row.text, row.label, row.speaker) for row in reading.splits[split]]


class TestNothing:
    ROWS = (
        {"id": "a", "text": float("nan"), "audio": "a.wav", "label": float("nan"), "speaker": float("nan")},
        {"id": float("nan"), "text": "b", "audio": float("nan"), "label": 1.0, "speaker": "s1"},
        {"id": None, "text": "c", "audio": " ", "label": -1.0, "speaker": ""},
        {"id": " ", "text": "", "audio": None, "label": 0.0, "speaker": None},
    )
    EXPECTED = [
        ("a", None, None, None),
        ("train-000001", "b", 1.0, "s1"),
        ("train-000002", "c", -1.0, None),
    ]

    def test_json_lines(self, tmp_path):
        (tmp_path / "train.jsonl").write_text("\n".join(json.dumps(row) for row in self.ROWS))
        reading = read_corpus("csv", tmp_path)
        assert rows_of(reading) == self.EXPECTED
        assert [problem.reason for problem in reading.problems] == ["The row has neither audio nor text."]
        mapped = read_corpus("csv", tmp_path, label_map="score-binary-has0")
        assert [row.label for row in mapped.splits["train"]] == ["non-negative", "negative"]
        assert mapped.problems[-1].id == "a" and mapped.problems[-1].reason == "no label"

    def test_parquet(self, tmp_path):
        names = ["id", "text", "audio", "speaker"]
        columns = {
            name: [value if isinstance(value, str) else None for value in (row[name] for row in self.ROWS)]
            for name in names
        }
        table = pa.table({**columns, "label": [row["label"] for row in self.ROWS]})
        pq.write_table(table, tmp_path / "train.parquet")
        assert rows_of(read_corpus("csv", tmp_path)) == self.EXPECTED

    @pytest.mark.parametrize("word", ["nan", "NaN", "None", "N/A", "<NA>", "NaT"])
    def test_words_for_nothing_are_no_classes(self, tmp_path, word):
        (tmp_path / "train.csv").write_text(f"id,text,label\na,{word},{word}\nb,y,\nc,z,happy\n")
        reading = read_corpus("csv", tmp_path)
        assert rows_of(reading) == [("b", "y", None, None), ("c", "z", "happy", None)]
        (problem,) = reading.problems
        assert (problem.id, problem.place) == ("a", f"{tmp_path / 'train.csv'}, line 2")
        assert problem.reason.startswith(f"no label: the cell says {word!r}")
        encoder = LabelEncoder.from_dataset(reading.to_dataset_dict(), "single_label_classification")
        assert encoder.names == ["happy"]


class TestLists:
    @pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
    def test_as_python_writes_them(self, tmp_path, suffix):
        labels = ["['sad', 'angry']", "['sad']", "[]"]
        lines = [f'x,"{label}"' for label in labels] if suffix == ".csv" else []
        lines = lines or [json.dumps({"text": "x", "label": label}) for label in labels]
        header = "text,label\n" if suffix == ".csv" else ""
        (tmp_path / f"train{suffix}").write_text(header + "\n".join(lines))
        corpus = load_corpus("csv", tmp_path)
        encoder = LabelEncoder.from_dataset(corpus, "multi_label_classification")
        assert encoder.names == ["angry", "sad"]
        assert [encoder.encode(label) for label in corpus["train"]["label"][:]] == [[1.0, 1.0], [0.0, 1.0], [0.0, 0.0]]

    def test_texts_that_look_like_lists_stay_texts(self, tmp_path):
        (tmp_path / "train.csv").write_text('text,label\n"[""hello"", ""you""]",sad\n"[laughs]",sad\n')
        assert [row[1] for row in rows_of(read_corpus("csv", tmp_path))] == ['["hello", "you"]', "[laughs]"]

    def test_what_cannot_be_read_is_refused_with_its_place(self, tmp_path):
        cells = ["['sad' 'angry']", "[1. 0.]", "[[1], [2]]", "[" * 50_000 + "]" * 50_000]
        (tmp_path / "train.csv").write_text("text,label\n" + "".join(f'x,"{cell}"\n' for cell in cells) + "y,sad\n")
        reading = read_corpus("csv", tmp_path)
        assert [row[1] for row in rows_of(reading)] == ["y"]
        assert [problem.place for problem in reading.problems] == [
            f"{tmp_path / 'train.csv'}, line {line}" for line in (2, 3, 4, 5)
        ]
        assert all("looks like a list" in problem.reason for problem in reading.problems)

    def test_names_with_separators_are_reported(self, tmp_path):
        (tmp_path / "train.csv").write_text("text,label\nx,sad|angry\ny,joy\nz,[laughs]\n")
        reading = read_corpus("csv", tmp_path)
        assert [row[2] for row in rows_of(reading)] == ["sad|angry", "joy", "[laughs]"]
        (problem,) = reading.problems
        assert problem.kept and problem.place == f"{tmp_path / 'train.csv'}, line 2"
        assert "2 such as 'sad|angry' are one name each" in problem.reason

    def test_lists_of_two_kinds_are_named(self, tmp_path):
        rows = [{"id": "a", "text": "x", "label": ["sad"]}, {"id": "b", "text": "y", "label": [1, 0.5]}]
        (tmp_path / "train.jsonl").write_text("\n".join(map(json.dumps, rows)))
        with pytest.raises(ValueError, match=r"list of float \(utterance 'b'\), list of str \(utterance 'a'\)"):
            load_corpus("csv", tmp_path)


class TestSpreadsheets:
    @pytest.mark.parametrize(
        "content",
        [
            "audio;text;label\na.wav;Well, how nice!;happy\nb.wav;No, never.;sad\n",
            'sep=;\naudio;text;label\na.wav;"Well, how nice!";happy\nb.wav;No, never.;sad\n',
            'sep=,\naudio,text,label\na.wav,"Well, how nice!",happy\nb.wav,"No, never.",sad\n',
            "SEP=|\naudio|text|label\na.wav|Well, how nice!|happy\nb.wav|No, never.|sad\n",
            "audio\ttext\tlabel\na.wav\tWell, how nice!\thappy\nb.wav\tNo, never.\tsad\n",
            '# version 2\n# of May\naudio,text,label\na.wav,"Well, how nice!",happy\nb.wav,"No, never.",sad\n',
        ],
    )
    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
    def test_delimiters_and_encodings(self, tmp_path, content, encoding):
        (tmp_path / "train.csv").write_bytes(content.replace("\n", "\r\n").encode(encoding))
        reading = read_corpus("csv", tmp_path)
        assert [row[1:3] for row in rows_of(reading)] == [("Well, how nice!", "happy"), ("No, never.", "sad")]
        assert reading.problems == []

    def test_decimal_commas_are_named(self, tmp_path):
        (tmp_path / "train.csv").write_text("text;label\nhow nice;1,5\n")
        with pytest.raises(ValueError) as error:
            load_corpus("csv", tmp_path, numeric_labels=True)
        for part in (str(tmp_path / "train.csv"), "1 items were left out", "['1,5']", "Write decimals with a point"):
            assert part in str(error.value)

    def test_long_cells_are_named(self, tmp_path):
        (tmp_path / "train.csv").write_text("text,label\n" + "x " * 100_000 + ",sad\n")
        with pytest.raises(ValueError, match="line 2: malformed line: a cell has more than 131072 characters"):
            load_corpus("csv", tmp_path)

    def test_a_column_that_is_there_twice(self, tmp_path):
        (tmp_path / "train.csv").write_text("text,label,label\nx,sad,happy\n")
        with pytest.raises(ValueError, match=r"train.csv has several columns label. Rename all but one"):
            read_corpus("csv", tmp_path)


class TestIds:
    def test_counted_anew_in_each_split(self, tmp_path):
        for split in ("train", "test"):
            lines = [f"{number},{split} {number},sad\n" for number in range(3)] + [f"0,{split} again,sad\n"]
            (tmp_path / f"{split}.csv").write_text("id,text,label\n" + "".join(lines))
        reading = read_corpus("csv", tmp_path)
        assert [row.id for row in reading.splits["train"]] == ["train-0", "train-1", "train-2"]
        assert [row.id for row in reading.splits["test"]] == ["test-0", "test-1", "test-2"]
        assert [(problem.id, problem.split) for problem in reading.problems] == [
            ("train-0", "train"),
            ("test-0", "test"),
        ]

    @pytest.mark.parametrize(
        ("train", "test"),
        [
            (["0,x", "1,y"], ["0,x", "1,z"]),  # the same utterance in both
            (["5,x", "6,y"], ["5,a", "6,b"]),  # not counted from the beginning
            (["a,x", "b,y"], ["a,z"]),
        ],
    )
    def test_one_id_in_two_splits_is_a_duplicate(self, tmp_path, train, test):
        for name, lines in (("train", train), ("test", test)):
            (tmp_path / f"{name}.csv").write_text("id,text,label\n" + "".join(f"{line},sad\n" for line in lines))
        reading = read_corpus("csv", tmp_path)
        assert [row.id for row in reading.splits["train"]] == [line[0] for line in train]
        assert reading.problems and all("already used in train" in problem.reason for problem in reading.problems)


FRAGMENTS = st.sampled_from(
    ["id", "text", "label", "audio", ",", ";", "\t", "\n", "\r\n", '"', "'", "[", "]", "{", "}", ":", "|", "#", "sep="]
    + ["nan", "NaN", "1", "0.0", "1e999", "-", " ", "\ufeff", "\0", "é", "\\ud800", "\\u0000", "null", "x.wav"]
)
CONTENTS = st.lists(FRAGMENTS, max_size=40).map("".join).map(str.encode) | st.binary(max_size=80)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(CONTENTS, st.sampled_from([".csv", ".tsv", ".jsonl"]), st.booleans(), st.booleans())
def test_whatever_a_table_holds_only_a_value_error_names_it(tmp_path, content, suffix, numeric, header):
    for path in tmp_path.iterdir():
        path.unlink()
    path = tmp_path / f"train{suffix}"
    path.write_bytes((b"id,text,label\n" if header and suffix != ".jsonl" else b"") + content)
    try:
        reading = read_corpus("csv", tmp_path, numeric_labels=numeric)
        corpus = reading.to_dataset_dict()
    except ValueError as error:
        assert type(error) is ValueError and (str(tmp_path) in str(error) or "utterance '" in str(error))
    else:
        assert sum(split.num_rows for split in corpus.values()) == sum(map(len, reading.splits.values()))


class TestSplitsOfOneTable:
    ROWS = "id,text,label,split\na,one,x,train\nb,two,y,Test\nc,three,x,dev\nd,four,y,train\n"

    def read(self, tmp_path, content, name="all.csv", **options):
        (tmp_path / name).write_text(content)
        return read_corpus("csv", tmp_path / name, **options)

    def test_rows_go_where_the_column_says(self, tmp_path):
        reading = self.read(tmp_path, self.ROWS)
        assert {split: [row.id for row in rows] for split, rows in reading.splits.items()} == {
            "train": ["a", "d"],
            "validation": ["c"],
            "test": ["b"],
        }
        assert reading.problems == []
        assert set(reading.to_dataset_dict()["test"].column_names) >= {"id", "text"}
        assert not any("split" in name for name in reading.to_dataset_dict()["test"].column_names)

    def test_with_checked_audio(self, tmp_path):
        reading = self.read(tmp_path, self.ROWS, check_audio="header")
        assert [len(rows) for rows in reading.splits.values()] == [2, 1, 1]

    def test_a_row_that_names_none_is_listed(self, tmp_path):
        reading = self.read(tmp_path, self.ROWS.replace("dev", "devel").replace("four,y,train", "four,y,"))
        assert {split: [row.id for row in rows] for split, rows in reading.splits.items()} == {
            "train": ["a"],
            "test": ["b"],
        }
        said, nothing = (problem.reason for problem in reading.problems)
        assert said.startswith("no split: the column 'split' says 'devel', which is none of train, validation, test")
        assert nothing.startswith("no split: the column 'split' says nothing")
        assert [problem.kept for problem in reading.problems] == [False, False]

    def test_other_columns_and_folders(self, tmp_path):
        renamed = self.ROWS.replace("split", "part")
        assert [len(rows) for rows in self.read(tmp_path, renamed).splits.values()] == [4]
        assert len(self.read(tmp_path, renamed, split_column="part").splits) == 3
        assert list(self.read(tmp_path, self.ROWS, split_column=None).splits) == ["train"]
        (tmp_path / "folder").mkdir()
        (tmp_path / "folder" / "train.csv").write_text(self.ROWS)
        reading = read_corpus("csv", tmp_path / "folder")
        assert list(reading.splits) == ["train"]
        assert [problem.reason for problem in reading.problems] == ["unused columns: split"]


def test_texts_that_programs_write_are_told_of(tmp_path):
    (tmp_path / "t.csv").write_text("text,label\nnan,x\nNone,y\nNo nan here,x\n")
    reading = read_corpus("csv", tmp_path / "t.csv")
    assert [row.text for row in reading.splits["train"]] == ["nan", "None", "No nan here"]
    (problem,) = reading.problems
    assert (
        problem.kept
        and problem.reason.startswith("texts that say 'nan', which programs write")
        and ": 2," in problem.reason
    )


def test_a_table_of_nothing_but_names(tmp_path):
    (tmp_path / "t.csv").write_text("text,label\n")
    with pytest.raises(ValueError, match="no utterance can be used, and none was found: there is nothing but names"):
        read_corpus("csv", tmp_path / "t.csv").check()
