import pytest

from preprocess import load_corpus, read_corpus
from preprocess.corpora.manifest import read
from preprocess.corpora.manifest_writer import write_manifests
from preprocess.corpora.token_files import write_token_file


IDS = ["10_s_4_neu", "11_s_4_ang", "12_s_4_exc"]
TOKENS = {
    "10_s_4_neu": ([0, 9, 2], [0, 5, 6, 2]),
    "11_s_4_ang": ([0, 9, 9, 2], [0, 7, 2]),
    "12_s_4_exc": ([0, 2], [0, 8, 8, 8, 2]),
}


def write_split(folder, name="valid", ids=IDS, texts=None, sizes=None, labels=None, end="\n", headers=True):
    """The four files of a split as the original has them; sizes and labels by default from TOKENS and the ids."""
    texts = ids if texts is None else texts
    if sizes is None:
        sizes = [f"{id},{len(TOKENS[id][0])},{len(TOKENS[id][1])}" for id in ids]
    labels = [f"{id},{id[-3:]}" for id in ids] if labels is None else labels
    files = {
        f"{name}_a.tsv": [f"{id}.wav" for id in ids],
        f"{name}_t.tsv": [f"{id}.txt" for id in texts],
        f"{name}_size.tsv": [*(["FileName,text,audio"] if headers else []), *sizes],
        f"label_file_{name}.csv": [*(["FileName,Emotion"] if headers else []), *labels],
    }
    folder.mkdir(parents=True, exist_ok=True)
    for file, lines in files.items():
        (folder / file).write_bytes("".join(line + end for line in lines).encode())


def write_tokens(folder, name="valid", ids=IDS):
    for id in ids:
        write_token_file(folder / name / "text" / f"{id}.txt", TOKENS[id][0])
        write_token_file(folder / name / "audio_token" / f"{id}.txt", TOKENS[id][1])


def found(reading, split="validation"):
    return [utterance.id for utterance in reading.splits[split]]


class TestReading:
    @pytest.mark.parametrize("end", ["\n", "\r\n"])
    @pytest.mark.parametrize("headers", [True, False])
    def test_without_token_files_there_are_ids_lengths_and_labels(self, tmp_path, end, headers):
        write_split(tmp_path, end=end, headers=headers)
        reading = read(tmp_path)
        assert reading.problems == []
        assert list(reading.splits) == ["validation"]
        rows = [utterance.to_row() for utterance in reading.splits["validation"]]
        assert [(row["id"], row["label"], row["text_length"], row["speech_length"]) for row in rows] == [
            ("10_s_4_neu", "neu", 3, 4),
            ("11_s_4_ang", "ang", 4, 3),
            ("12_s_4_exc", "exc", 2, 5),
        ]
        assert "input_ids" not in rows[0]

    def test_token_files(self, tmp_path):
        write_split(tmp_path / "data")
        write_tokens(tmp_path / "raw")
        reading = read(tmp_path / "data", token_dir=tmp_path / "raw")
        assert reading.problems == []
        for utterance in reading.splits["validation"]:
            assert (utterance.extra["input_ids"], utterance.extra["speech_input_ids"]) == TOKENS[utterance.id]

    def test_the_three_splits_have_their_names(self, tmp_path):
        for name, id in zip(("train", "valid", "test"), IDS, strict=True):
            write_split(tmp_path, name, ids=[id])
        corpus = load_corpus("manifest", data_dir=tmp_path)
        assert {split: rows["id"][:] for split, rows in corpus.items()} == {
            "train": IDS[:1],
            "validation": IDS[1:2],
            "test": IDS[2:],
        }

    def test_lists_in_another_order_are_joined_by_id(self, tmp_path):
        write_split(tmp_path, texts=IDS[::-1], sizes=[f"{id},{n},{n}" for n, id in enumerate(IDS[::-1])])
        reading = read(tmp_path)
        assert reading.problems == []
        assert [(utterance.id, utterance.extra["text_length"]) for utterance in reading.splits["validation"]] == [
            (IDS[0], 2),
            (IDS[1], 1),
            (IDS[2], 0),
        ]

    @pytest.mark.parametrize("root", ["/data/iemocap/wav", "FileName", "../wavs/"])
    def test_a_first_line_with_the_root_folder_or_a_header(self, tmp_path, root):
        write_split(tmp_path)
        for file in ("valid_a.tsv", "valid_t.tsv"):
            (tmp_path / file).write_text(f"{root}\n" + (tmp_path / file).read_text())
        assert found(read(tmp_path)) == IDS

    def test_further_columns_and_folders_before_the_name(self, tmp_path):
        write_split(tmp_path)
        (tmp_path / "valid_a.tsv").write_text("".join(f"Session4/{id}.wav\t16000\n" for id in IDS))
        assert found(read(tmp_path)) == IDS

    def test_scores_are_numbers(self, tmp_path):
        labels = [f"{id},{score}" for id, score in zip(IDS, ("0.3333333432674408", "-1.0", "0"), strict=True)]
        write_split(tmp_path, labels=labels)
        assert [utterance.label for utterance in read(tmp_path).splits["validation"]] == [
            0.3333333432674408,
            -1.0,
            0.0,
        ]

    def test_another_label_column(self, tmp_path):
        write_split(tmp_path, labels=[f"{id},x,joy" for id in IDS])
        assert {utterance.label for utterance in read(tmp_path, label_column=2).splits["validation"]} == {"joy"}

    def test_excited_is_merged_into_happy_by_an_explicit_map(self, tmp_path):
        write_split(tmp_path)
        assert load_corpus("manifest", data_dir=tmp_path)["validation"]["label"][:] == ["neu", "ang", "exc"]
        corpus = load_corpus("manifest", data_dir=tmp_path, label_map={"exc": "hap"})
        assert corpus["validation"]["label"][:] == ["neu", "ang", "hap"]


class TestProblems:
    def reasons(self, reading):
        return {problem.id: problem.reason for problem in reading.problems}

    def test_every_id_that_one_file_lacks_is_listed(self, tmp_path):
        """The original's IEMOCAP training manifest: its two lists differ, and joining them by line crashes."""
        ids = [*IDS, "13_s_4_sad", "14_s_4_sad", "15_s_4_sad"]
        sizes = [f"{id},3,4" for id in ids if id != "15_s_4_sad"] + ["99_s_4_sad,1,1"]
        labels = [f"{id},{id[-3:]}" for id in ids if id != "14_s_4_sad"] + ["98_s_4_sad,sad"]
        write_split(tmp_path, ids=ids, texts=[IDS[0], *IDS[2:], *ids[3:], "97_s_4_neu"], sizes=sizes, labels=labels)
        reading = read(tmp_path)
        assert found(reading) == [IDS[0], IDS[2], "13_s_4_sad", "15_s_4_sad"]
        reasons = self.reasons(reading)
        assert reasons == {
            "11_s_4_ang": "the other manifest lists it, this one does not",
            "97_s_4_neu": "the other manifest lists it, this one does not",
            "14_s_4_sad": "it has no label",
            "15_s_4_sad": "it has no size",
            "98_s_4_sad": "it has a label, but no manifest lists it",
            "99_s_4_sad": "it has a size, but no manifest lists it",
        }
        kept = {problem.id for problem in reading.problems if problem.kept}
        assert kept == {"15_s_4_sad"}
        assert {problem.split for problem in reading.problems} == {"validation"}

    def test_partial_utterances_may_be_kept(self, tmp_path):
        write_split(tmp_path / "data", texts=IDS[1:])
        write_tokens(tmp_path / "raw")
        (tmp_path / "raw" / "valid" / "audio_token" / f"{IDS[1]}.txt").unlink()
        reading = read(tmp_path / "data", token_dir=tmp_path / "raw", keep_partial=True)
        extras = {utterance.id: utterance.extra for utterance in reading.splits["validation"]}
        assert (extras[IDS[0]]["input_ids"], extras[IDS[0]]["speech_input_ids"]) == (None, TOKENS[IDS[0]][1])
        assert (extras[IDS[1]]["input_ids"], extras[IDS[1]]["speech_length"]) == (TOKENS[IDS[1]][0], None)
        assert all(problem.kept for problem in reading.problems)
        assert len(reading.problems) == 2
        assert found(read(tmp_path / "data", token_dir=tmp_path / "raw")) == IDS[2:]

    def test_broken_token_files_and_lengths_that_differ(self, tmp_path):
        write_split(tmp_path / "data", sizes=[f"{IDS[0]},3,40", f"{IDS[1]},4,3", f"{IDS[2]},x,5"])
        write_tokens(tmp_path / "raw")
        (tmp_path / "raw" / "valid" / "text" / f"{IDS[1]}.txt").write_text("0\tnine\t2")
        reading = read(tmp_path / "data", token_dir=tmp_path / "raw")
        assert found(reading) == [IDS[0], IDS[2]]
        assert reading.splits["validation"][0].extra["speech_length"] == 4
        reasons = self.reasons(reading)
        assert reasons[IDS[0]] == "the size file says 40 ids, the token file has 4"
        assert "holds 'nine'" in reasons[IDS[1]]
        assert reasons[IDS[2]] == "the sizes ['x', '5'] are not numbers"

    def test_duplicates_and_short_lines(self, tmp_path):
        labels = [f"{IDS[0]},neu", f"{IDS[0]},sad", f"{IDS[1]},ang", f"{IDS[1]},ang", IDS[2]]
        write_split(tmp_path, labels=labels)
        reading = read(tmp_path)
        assert [utterance.label for utterance in reading.splits["validation"]] == ["neu", "ang"]
        reasons = [problem.reason for problem in reading.problems]
        file = tmp_path / "label_file_valid.csv"
        assert f"duplicated id: {file}, line 2 has another line; it is kept" in reasons
        assert f"duplicated id: {file}, line 4 has the same line; it is kept" in reasons
        assert "1 cells where there should be 2" in reasons
        assert [problem.place for problem in reading.problems][0] == f"{file}, line 3"

    def test_missing_files(self, tmp_path):
        write_split(tmp_path)
        (tmp_path / "label_file_valid.csv").unlink()
        reading = read_corpus("manifest", tmp_path)
        assert reading.splits == {}
        assert [(problem.id, problem.reason) for problem in reading.problems] == [
            (id, "the file is missing") for id in IDS
        ]
        with pytest.raises(ValueError, match=r"has no manifests\. Expected: <split>_a\.tsv"):
            read(tmp_path / "..")
        with pytest.raises(ValueError, match="is not a folder"):
            read(tmp_path / "absent")


class TestWriting:
    def test_what_is_written_is_the_original_s_format(self, tmp_path):
        write_split(tmp_path / "data")
        write_tokens(tmp_path / "raw")
        corpus = load_corpus("manifest", data_dir=tmp_path / "data", token_dir=tmp_path / "raw")
        write_manifests(corpus, tmp_path / "data2", token_dir=tmp_path / "raw2")
        for folder in ("data", "raw"):
            written = {path.relative_to(tmp_path / f"{folder}2") for path in (tmp_path / f"{folder}2").rglob("*.*")}
            assert written == {path.relative_to(tmp_path / folder) for path in (tmp_path / folder).rglob("*.*")}
            for path in written:
                assert (tmp_path / f"{folder}2" / path).read_bytes() == (tmp_path / folder / path).read_bytes()

    def test_scores_are_written_as_they_were(self, tmp_path):
        labels = [f"{id},{score}" for id, score in zip(IDS, ("0.3333333432674408", "-1.0", "0.0"), strict=True)]
        write_split(tmp_path / "data", labels=labels)
        write_manifests(load_corpus("manifest", data_dir=tmp_path / "data"), tmp_path / "data2")
        expected = "".join(f"{line}\n" for line in ["FileName,sentiment_score", *labels])
        assert (tmp_path / "data2" / "label_file_valid.csv").read_text() == expected

    @pytest.mark.parametrize(
        ("row", "message"),
        [
            ({"id": "../x", "label": "neu", "text_length": 1, "speech_length": 1}, r"The id '\.\./x' cannot be"),
            ({"id": "a", "label": None, "text_length": 1, "speech_length": 1}, "has the label None"),
            ({"id": "a", "label": "neu", "text_length": 1}, "neither speech_length nor speech_input_ids"),
            (
                {"id": "a", "label": "neu", "text_length": 1, "speech_length": 1},
                "no speech_input_ids, which its token",
            ),
        ],
    )
    def test_rows_that_the_format_cannot_hold(self, tmp_path, row, message):
        with pytest.raises(ValueError, match=message):
            write_manifests({"train": [row]}, tmp_path / "data", token_dir=tmp_path / "raw")

    def test_other_splits(self, tmp_path):
        with pytest.raises(ValueError, match="got 'unsup'"):
            write_manifests({"unsup": []}, tmp_path)
