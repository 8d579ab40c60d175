"""MSP-Podcast and MSP-IMPROV: their label files with the quirks of the releases."""

import json

import pytest

from preprocess import make_folds, read_corpus
from tests.preprocess.corpora.corpus_trees import damage, make_empty, rows, write_tone


HEADER = "FileName,EmoClass,EmoAct,EmoVal,EmoDom,SpkrID,Gender,Split_Set"
ROWS = (
    "MSP-PODCAST_0001_0008.wav,N,2.2,4.0,2.6,30,Male,Test1",
    "MSP-PODCAST_0002_0001.wav,A,5.9,2.5,5.1,127,Female,Train",
    "MSP-PODCAST_0002_0002.wav,X,5.9,2.5,5.1,Unknown,Unknown,Train",
    "MSP-PODCAST_0002_0003.wav,C,3.0,3.0,7.0,Unknown,Unknown,Train",
    "MSP-PODCAST_0003_0001.wav,H,5.5,6.0,5.0,12,Female,{validation}",
    "MSP-PODCAST_0004_0001.wav,O,5.5,6.0,5.0,77,Female,Test2",
    "MSP-PODCAST_0004_0002.wav,D,5.5,6.0,5.0,77,Female,Test2",
)


def podcast(root, *, labels="labels_consensus.csv", audio="Audios", validation="Development", more=()):
    for row in ROWS:
        write_tone(root / audio / row.partition(",")[0], 0.05)
    (root / "Labels").mkdir()
    text = "\n".join((HEADER, *ROWS, *more)).format(validation=validation)
    (root / "Labels" / labels).write_text(text)
    (root / "Transcripts").mkdir()
    for row in ROWS:
        (root / "Transcripts" / row.partition(",")[0].replace(".wav", ".txt")).write_text(f"I said {row[12:21]}\n")
    return root


class TestPodcast:
    @pytest.mark.parametrize(
        ("labels", "audio", "validation"),
        [("labels_consensus.csv", "Audios", "Development"), ("labels_concensus.csv", "Audio", "Validation")],
    )
    def test_its_own_split(self, tmp_path, labels, audio, validation):
        reading = read_corpus("msp_podcast", podcast(tmp_path, labels=labels, audio=audio, validation=validation))
        assert rows(reading, tmp_path) == {
            split: [
                (
                    f"MSP-PODCAST_{number}",
                    f"{audio}/MSP-PODCAST_{number}.wav",
                    f"I said {number}",
                    label,
                    speaker,
                    None,
                )
                for number, label, speaker in part
            ]
            for split, part in {
                "train": [("0002_0001", "angry", "127"), ("0002_0003", "contempt", None)],
                "validation": [("0003_0001", "happy", "12")],
                "test": [("0001_0008", "neutral", "30")],
                "test2": [("0004_0002", "disgust", "77")],
            }.items()
        }
        assert damage(reading) == [
            ("MSP-PODCAST_0002_0002", "not among the labels of 8-class", "train", False),
            ("MSP-PODCAST_0004_0001", "not among the labels of 8-class", "test2", False),
            (labels.partition(".")[0], "unknown speakers", None, True),
        ]
        assert "1 in train;" in reading.problems[-1].reason
        (fold,) = make_folds(reading.to_dataset_dict(), "official-split")
        assert [len(part) for part in fold.parts().values()] == [2, 1, 1]

    @pytest.mark.parametrize(
        ("label_set", "labels"),
        [
            ("4-class", ["angry"]),
            ("10-class", ["angry", "no agreement", "contempt"]),
            ("vad", [[2.5, 5.9, 5.1], [2.5, 5.9, 5.1], [3.0, 3.0, 7.0]]),
        ],
    )
    def test_label_sets(self, tmp_path, label_set, labels):
        reading = read_corpus("msp_podcast", podcast(tmp_path), label_set=label_set)
        assert [row.label for row in reading.splits["train"]] == labels

    @pytest.mark.parametrize("form", ["json", "csv"])
    def test_votes(self, tmp_path, form):
        podcast(tmp_path)
        with pytest.raises(ValueError, match="holds no labels_detailed.json or .csv"):
            read_corpus("msp_podcast", tmp_path, votes=True)
        with pytest.raises(ValueError, match="votes are for label sets with names"):
            read_corpus("msp_podcast", tmp_path, votes=True, label_set="vad")
        name = "MSP-PODCAST_0002_0001.wav"
        answers = ["Angry", "Angry", "Contempt", "Other-Annoyed"]
        if form == "json":
            workers = {f"WORKER{n}": {"EmoClass_Major": answer, "EmoAct": 5} for n, answer in enumerate(answers)}
            content = json.dumps({name: workers, "MSP-PODCAST_0001_0008.wav": {"WORKER1": {}}})
        else:
            rows = [f'{name},WORKER{n},{answer},"Angry,Sad"' for n, answer in enumerate(answers)]
            content = "\n".join(("FileName,Workers,EmoClass_Major,EmoClass_Second", *rows, "broken"))
        (tmp_path / "Labels" / f"labels_detailed.{form}").write_text(content)
        for label_set, expected in (
            ("8-class", {"angry": 2, "contempt": 1}),
            ("4-class", {"angry": 2}),
            ("10-class", {"angry": 2, "contempt": 1, "other": 1}),
        ):
            reading = read_corpus("msp_podcast", tmp_path, votes=True, label_set=label_set)
            found = {row.id: row.soft_label for row in reading.splits["train"]}
            assert found["MSP-PODCAST_0002_0001"] == expected
            assert found.get("MSP-PODCAST_0002_0003") is None
            assert [kind for _, kind, *_ in damage(reading)].count("malformed votes") == 1

    def test_what_is_wrong_is_listed(self, tmp_path):
        more = (
            "MSP-PODCAST_0009_0001.wav,A,8.0,1.0,1.0,1,Male,Train",
            "MSP-PODCAST_0009_0002.wav,A,nan,1.0,1.0,1,Male,Train",
            "MSP-PODCAST_0009_0003.wav,A,,1.0,1.0,1,Male,Train",
            "MSP-PODCAST_0009_0004.wav,A,1.0,1.0,1.0,1,Male,Test9",
            "MSP-PODCAST_0009_0005.wav,A,1.0",
            "MSP-PODCAST_0009_0006.wav,A,1.0,1.0,1.0,1,Male,Train",
        )
        podcast(tmp_path, more=more)
        write_tone(tmp_path / "Audios" / "MSP-PODCAST_0010_0001.wav", 0.05)
        make_empty(tmp_path / "Audios" / "MSP-PODCAST_0001_0008.wav")
        reading = read_corpus("msp_podcast", tmp_path, label_set="vad")
        assert damage(reading) == [
            ("MSP-PODCAST_0001_0008", "empty recording", "test", True),
            ("MSP-PODCAST_0009_0001", "out of range", "train", False),
            ("MSP-PODCAST_0009_0002", "out of range", "train", False),
            ("MSP-PODCAST_0009_0003", "malformed ratings", "train", False),
            ("MSP-PODCAST_0009_0004", "unknown split", None, False),
            ("MSP-PODCAST_0009_0006", "no recording", "train", False),
            ("MSP-PODCAST_0010_0001", "no label", None, False),
            ("labels_consensus", "malformed line", None, False),
            ("labels_consensus", "unknown speakers", None, True),
        ]
        with pytest.raises(ValueError, match="holds no labels_consensus.csv or labels_concensus.csv"):
            read_corpus("msp_podcast", tmp_path / "Audios")
        (tmp_path / "Labels" / "labels_consensus.csv").write_text("FileName,EmoClass\na.wav,A\n")
        with pytest.raises(ValueError, match="has no column emo_act, .*; its columns are file_name, emo_class"):
            read_corpus("msp_podcast", tmp_path)


EVALUATION = """
UTD-IMPROV-S01A-F01-P-FM01.avi; A; A:4.100000; V:1.900000; D:3.800000 ; N:3.2;
Rater1; Angry; Angry,Frustrated; A:4; V:2; D:4; N:3;
UTD-IMPROV-S01A-M01-T-FM02.avi; N; A:2.6; V:2.2; D:2.8 ; N:NaN;

UTD-IMPROV-S02H-F06-S-FF01.avi; X; A:3.0; V:3.0; D:3.0 ; N:3.0;
UTD-IMPROV-S02H-F06-R-FF01.avi; O; A:3.0; V:NaN; D:3.0 ; N:3.0;
UTD-IMPROV-S02H-F06-P-FF01.avi; S; A:5.5; V:3.0; D:3.0 ; N:3.0;
UTD-IMPROV-S02H-F06.avi; S; A:5.0
"""


def improv(root, name="Evalution.txt"):
    (root / name).write_text(EVALUATION)
    for id in ("S01A-F01-P-FM01", "S01A-M01-T-FM02", "S02H-F06-S-FF01", "S02H-F06-R-FF01", "S02H-F06-P-FF01"):
        folder = root / "Audio" / f"session{int(id.split('-')[1][1:])}" / id[:4] / id.split("-")[2]
        write_tone(folder / f"MSP-IMPROV-{id}.wav", 0.05)
    return root


class TestImprov:
    @pytest.mark.parametrize("name", ["Evalution.txt", "Evaluation.txt"])
    def test_labels_are_the_perceived_ones(self, tmp_path, name):
        reading = read_corpus("msp_improv", improv(tmp_path, name))
        found = [("S01A-F01-P-FM01", "angry"), ("S01A-M01-T-FM02", "neutral"), ("S02H-F06-P-FF01", "sad")]
        assert rows(reading, tmp_path)["train"] == [
            (
                f"MSP-IMPROV-{id}",
                f"Audio/session{int(id[6:8])}/{id[:4]}/{id[9]}/MSP-IMPROV-{id}.wav",
                None,
                label,
                id[5:8],
                f"Ses{id[6:8]}",
            )
            for id, label in found
        ]
        assert damage(reading) == [
            ("MSP-IMPROV-S02H-F06-R-FF01", "not among the labels of 4-class", None, False),
            ("MSP-IMPROV-S02H-F06-S-FF01", "unlabelled", None, False),
            ("UTD-IMPROV-S02H-F06", "malformed line", None, False),
        ]

    def test_ratings_and_kinds(self, tmp_path):
        reading = read_corpus("msp_improv", improv(tmp_path), label_set="vad")
        assert {row.id: row.label for row in reading.splits["train"]} == {
            "MSP-IMPROV-S01A-F01-P-FM01": [1.9, 4.1, 3.8],
            "MSP-IMPROV-S01A-M01-T-FM02": [2.2, 2.6, 2.8],
            "MSP-IMPROV-S02H-F06-S-FF01": [3.0, 3.0, 3.0],
        }
        assert [kind for _, kind, *_ in damage(reading)] == ["out of range", "NaN label", "malformed line"]
        reading = read_corpus("msp_improv", tmp_path, kinds="T")
        assert [row.extra["kind"] for row in reading.splits["train"]] == ["T"]
        assert sum(kind.startswith("not among the kinds T") for _, kind, *_ in damage(reading)) == 4
        with pytest.raises(ValueError, match="kinds='Q' is unknown. Give some letters of PRST"):
            read_corpus("msp_improv", tmp_path, kinds="Q")

    def test_transcripts_where_there_are_some(self, tmp_path):
        improv(tmp_path)
        (tmp_path / "MSP-IMPROV-S01A-F01-P-FM01.txt").write_text("How can I not?")
        write_tone(tmp_path / "MSP-IMPROV-S03N-F02-P-FM01.wav", 0.05)
        reading = read_corpus("msp_improv", tmp_path)
        assert [row.text for row in reading.splits["train"]] == ["How can I not?", None, None]
        assert ("MSP-IMPROV-S03N-F02-P-FM01", "no label", None, False) in damage(reading)
        assert ("MSP-IMPROV-S01A-M01-T-FM02", "no transcript", "train", True) in damage(reading)
        with pytest.raises(ValueError, match="holds no Evalution.txt"):
            read_corpus("msp_improv", tmp_path / "Audio")
