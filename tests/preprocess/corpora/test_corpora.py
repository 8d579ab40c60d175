import inspect
import json

import pytest

from preprocess import CORPORA, CorpusReading, Problem, Utterance, load_corpus, read_corpus
from preprocess.corpora.loading import corpus_reader
from preprocess.data_report.report import summarise
from preprocess.schema import rows_to_dataset
from preprocess.skipped import read_skipped, write_skipped


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "train.csv").write_text(
        "id,text,label,speaker,session\n"
        "a,how nice,hap,anna,s1\nb,what a day,exc,bo,s1\nc,so bad,xxx,bo,s2\na,how nice,sad,anna,s1\n"
    )
    (tmp_path / "test.csv").write_text(
        "id,text,label,speaker,session\nb,i am sad,sad,carl,s3\nd,how nice,fru,anna,s3\n"
    )
    return tmp_path


class TestReadCorpus:
    def test_label_map(self, folder):
        reading = read_corpus("csv", folder, label_map={"exc": "hap", "xxx": None})
        labels = {split: [(row.id, row.label) for row in rows] for split, rows in reading.splits.items()}
        assert labels == {"train": [("a", "hap"), ("b", "hap")], "test": [("d", "fru")]}
        assert [problem.id for problem in reading.problems] == ["c", "a", "b"]

    def test_only_mapped(self, folder):
        reading = read_corpus("csv", folder, label_map={"hap": "happy", "sad": "sad"}, only_mapped=True)
        labels = {split: [(row.id, row.label) for row in rows] for split, rows in reading.splits.items()}
        assert labels == {"train": [("a", "happy")], "test": [("b", "sad")]}
        with pytest.raises(ValueError, match="only_mapped needs a label_map"):
            read_corpus("csv", folder, only_mapped=True)

    def test_repeated_ids_keep_the_first(self, folder):
        reading = read_corpus("csv", folder)
        assert [row.id for row in reading.splits["train"]] == ["a", "b", "c"]
        assert reading.splits["train"][0].label == "hap"
        assert [row.id for row in reading.splits["test"]] == ["d"]
        assert [(problem.id, problem.split, problem.kept) for problem in reading.problems] == [
            ("a", "train", False),
            ("b", "test", False),
        ]
        assert "already used in train" in reading.problems[1].reason

    def test_unknown_corpus(self, folder):
        with pytest.raises(
            ValueError, match=f"'iemocapp'; the known ones are {', '.join(CORPORA)}. Did you mean iemocap"
        ):
            read_corpus("iemocapp", folder)

    @pytest.mark.parametrize("name", CORPORA)
    def test_every_corpus_has_a_reader(self, name):
        parameters = inspect.signature(corpus_reader(name)).parameters
        assert next(iter(parameters)) == "data_dir"


class TestLoadCorpus:
    def test_reports(self, folder, tmp_path):
        corpus = load_corpus("csv", folder, report_dir=tmp_path / "out" / "report")
        assert corpus["train"].num_rows == 3 and corpus["test"].num_rows == 1
        assert [problem.id for problem in read_skipped(tmp_path / "out" / "report" / "skipped.jsonl")] == ["a", "b"]
        report = json.loads((tmp_path / "out" / "report" / "data_report.json").read_text())
        train = report["splits"]["train"]
        expected = {
            "utterances": 3,
            "with_audio": 0,
            "with_text": 3,
            "with_both": 0,
            "labels": {"exc": 1, "hap": 1, "xxx": 1},
            "speakers": 2,
            "sessions": 2,
        }
        assert {name: train[name] for name in expected} == expected
        assert report["shared"] == {"train and test": {"speakers": 1, "sessions": 0, "texts": 1}}
        assert (report["problems"]["kept"], report["problems"]["left_out"]) == (0, 2)

    def test_scores_are_summed_up(self):
        rows = [Utterance("a", text="x", label=1.0), Utterance("b", text="y", label=-2), Utterance("c", label=None)]
        labels = summarise(CorpusReading({"train": rows}))["splits"]["train"]["labels"]
        assert labels == {"mean": [-0.5], "std": [1.5], "min": [-2.0], "max": [1.0]}

    def test_names_in_lists_are_counted(self):
        rows = [Utterance("a", label=["sad", "angry"]), Utterance("b", label=["sad"])]
        assert summarise(CorpusReading({"train": rows}))["splits"]["train"]["labels"] == {"angry": 1, "sad": 2}


class TestSchema:
    def test_mixed_label_types(self):
        with pytest.raises(ValueError, match=r"one type, found float \(utterance 'b'\), str \(utterance 'a'\)"):
            rows_to_dataset([Utterance("a", label="sad"), Utterance("b", label=0.5)])

    def test_whole_and_other_numbers(self):
        assert rows_to_dataset([Utterance("a", label=1), Utterance("b", label=0.5)])["label"][:] == [1.0, 0.5]

    def test_no_rows(self):
        with pytest.raises(ValueError, match="no utterance"):
            rows_to_dataset([])

    def test_columns_without_any_value_keep_their_type(self):
        splits = CorpusReading({"train": [Utterance("a", text="x", label="sad")]}).to_dataset_dict()
        assert str(splits["train"].features["audio"]) == str(splits["train"].features["text"])

    def test_extra_columns(self):
        row = rows_to_dataset([Utterance("a", label="sad", extra={"input_ids": [0, 2]})])[0]
        assert row["input_ids"] == [0, 2] and row["id"] == "a"


def test_skipped_round_trip(tmp_path):
    problems = [Problem("ä", "list.txt, line 3", "No transcript.", "train", kept=True), Problem("b", "b.wav", "Gone.")]
    assert write_skipped(tmp_path / "new" / "skipped.jsonl", iter(problems)) == 2
    assert "ä" in (tmp_path / "new" / "skipped.jsonl").read_text(encoding="utf-8")
    assert read_skipped(tmp_path / "new" / "skipped.jsonl") == problems
