"""Several corpora as one: labels by name, ids by corpus, and the folds over them."""

import numpy as np
import pytest
import soundfile

from preprocess import Problem, count_left_out, make_folds, pooled, read_corpus


def emodb_file(speaker, letter):
    return f"wav/{speaker}a01{letter}a.wav"


def ravdess_file(actor, emotion):
    return f"Actor_{actor}/03-01-{emotion}-01-01-01-{actor}.wav"


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """EmoDB: anger, sadness and boredom of 3 speakers; RAVDESS: angry, sad and calm of 4 actors."""
    folder = tmp_path_factory.mktemp("corpora")
    files = [f"emodb/{emodb_file(speaker, letter)}" for speaker in ("03", "08", "09") for letter in "WTL"]
    files += [
        f"ravdess/{ravdess_file(actor, emotion)}"
        for actor in ("01", "02", "03", "04")
        for emotion in ("05", "04", "02")
    ]
    for number, name in enumerate(files):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        tone = 0.3 * np.sin(2 * np.pi * (200 + 20 * number) * np.arange(8_000) / 16_000)
        soundfile.write(path, tone, 16_000)
    return folder


OPTIONS = {"corpora": {"emodb": {}, "ravdess": {}}, "common_label_map": {"anger": "angry", "sadness": "sad"}}


def test_labels_that_one_corpus_lacks_are_left_out_and_counted(data):
    reading = read_corpus("several", data, **OPTIONS)
    rows = reading.splits["train"]
    assert sorted({row.label for row in rows}) == ["angry", "sad"] and len(rows) == 3 * 2 + 4 * 2
    assert count_left_out(reading.problems) == {"emodb": {"boredom": 3}, "ravdess": {"calm": 4}}
    assert rows[0].id.startswith("emodb/03a01") and rows[0].speaker == "emodb/03"
    # Both have a speaker 03: they are two.
    assert len({row.speaker for row in rows}) == 7


def test_given_labels_and_a_map_of_one_corpus(data):
    corpora = {
        "german": {"corpus": "emodb", "data_dir": "emodb", "label_map": {"boredom": "calm"}},
        "english": {"corpus": "ravdess", "data_dir": str(data / "ravdess"), "label_set": "8-class"},
    }
    reading = read_corpus("several", data, **{**OPTIONS, "corpora": corpora}, labels=["calm", "sad"])
    counts = {}
    for row in reading.splits["train"]:
        name = row.id.split("/")[0]
        counts[name, row.label] = counts.get((name, row.label), 0) + 1
    assert counts == {("german", "calm"): 3, ("german", "sad"): 3, ("english", "calm"): 4, ("english", "sad"): 4}
    assert count_left_out(reading.problems) == {"german": {"angry": 3}, "english": {"angry": 4}}


def test_what_cannot_be_read_as_one(data):
    with pytest.raises(ValueError, match="share 0 labels; they have emodb: anger, boredom, sadness; ravdess: angry"):
        read_corpus("several", data, corpora=["emodb", "ravdess"])
    with pytest.raises(ValueError, match="labels: no corpus has joy"):
        read_corpus("several", data, **OPTIONS, labels=["joy", "sad"])
    with pytest.raises(ValueError, match="corpora: emodb: give two or more"):
        read_corpus("several", data, corpora=["emodb"])
    with pytest.raises(ValueError, match=r"the name 'a\+b'"):
        read_corpus("several", data, corpora={"a+b": {}, "emodb": {}})
    with pytest.raises(ValueError, match="several corpora again"):
        read_corpus("several", data, corpora={"a": {"corpus": "several"}, "emodb": {}})


def test_only_rows_without_a_counterpart_are_counted():
    problems = [Problem("a/1", "x", "no counterpart: 'calm'"), Problem("a/2", "x", "broken recording: 'calm'")]
    assert count_left_out(problems) == {"a": {"calm": 1}}


@pytest.fixture(scope="module")
def corpus(data):
    return read_corpus("several", data, **OPTIONS).to_dataset_dict()


class TestFolds:
    def parts(self, corpus, **options):
        rows = pooled(corpus)
        folds = make_folds(corpus, "cross-corpus", allow=("text",), **options)
        return {
            fold.name: {part: sorted({rows["speaker"][row] for row in of}) for part, of in fold.parts().items()}
            for fold in folds
        }

    def test_each_corpus_is_tested_by_a_training_on_the_other_and_by_its_own_speakers(self, corpus):
        parts = self.parts(corpus, num_folds=3, validation_fraction=0)
        emodb, ravdess = ([f"emodb/{one}" for one in ("03", "08", "09")], [f"ravdess/0{one}" for one in range(1, 5)])
        assert list(parts) == [
            *("emodb to others", "emodb within emodb, 1", "emodb within emodb, 2", "emodb within emodb, 3"),
            *("ravdess to others", "ravdess within ravdess, 1", "ravdess within ravdess, 2"),
            "ravdess within ravdess, 3",
        ]
        assert parts["emodb to others"] == {"train": emodb, "validation": [], "test": ravdess}
        tested = [parts[f"ravdess within ravdess, {number}"]["test"] for number in (1, 2, 3)]
        assert sorted(speaker for test in tested for speaker in test) == ravdess
        for number in (1, 2, 3):
            part = parts[f"ravdess within ravdess, {number}"]
            assert sorted(part["train"] + part["test"]) == ravdess

    def test_training_on_both_holds_out_speakers_of_one(self, corpus):
        parts = self.parts(corpus, train_on=[["emodb", "ravdess"]], num_folds=2, validation_fraction=0.2)
        assert list(parts) == [
            f"emodb+ravdess within {name}, {number}" for name in ("emodb", "ravdess") for number in (1, 2)
        ]
        for name, part in parts.items():
            assert all(speaker.startswith(name.split(" within ")[1].split(",")[0]) for speaker in part["test"])
            assert len(part["validation"]) == 1
            assert sum(map(len, part.values())) == 7 and len(set().union(*part.values())) == 7

    def test_what_cannot_be_divided(self, corpus):
        with pytest.raises(ValueError, match=r"train_on: \['emodb', 'savee'\] must be one or more of emodb, ravdess"):
            self.parts(corpus, train_on=[["emodb", "savee"]])
        with pytest.raises(ValueError, match="none is left to test: set within to true"):
            self.parts(corpus, train_on=[["emodb", "ravdess"]], within=False)
        with pytest.raises(ValueError, match="num_folds must be at least 2"):
            self.parts(corpus, num_folds=1)
        one = corpus.filter(lambda row: row["speaker"] != "emodb/08" and row["speaker"] != "emodb/09")
        with pytest.raises(ValueError, match="emodb has one speaker, who cannot be held out. Set within to false"):
            self.parts(one, validation_fraction=0)

    def test_other_data_have_no_corpora(self, corpus):
        lone = corpus.map(lambda row: {"id": row["id"].replace("/", "_")})
        with pytest.raises(ValueError, match="names no corpus: prepare the data with the corpus `several`"):
            self.parts(lone)
