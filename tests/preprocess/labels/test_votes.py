"""Annotators' votes: read, renamed, counted into shares, prepared, and collated."""

import numpy as np
import pytest
import torch

from configuration_emo import EmoBertConfig
from preprocess import (
    EmoBertDataCollator,
    LabelEncoder,
    describe,
    load_prepared,
    match_labels,
    prepare_dataset,
    read_corpus,
)
from preprocess.labels.label_maps import apply_label_map
from preprocess.schema import CorpusReading, Utterance
from tests.tiny import tiny_processor


@pytest.fixture
def table(tmp_path):
    (tmp_path / "train.csv").write_text(
        "id,text,label,sad,angry,bored\n"
        "a,how nice,sad,3,1,0\nb,so bad,angry,,0.75,0.25\nc,what a day,sad,,,\n"
        "d,i am sad,sad,1,2,x\ne,nice,sad,-1,2,1\n"
    )
    (tmp_path / "test.csv").write_text("id,text,label,sad,angry,bored\nf,how nice,angry,0,0,4\n")
    return tmp_path


def read(table, **options):
    return read_corpus("csv", table, soft_label_columns=["sad", "angry", "bored"], **options)


def test_columns_of_votes_are_read(table):
    reading = read(table)
    assert {row.id: row.soft_label for rows in reading.splits.values() for row in rows} == {
        "a": {"sad": 3.0, "angry": 1.0, "bored": 0.0},
        "b": {"angry": 0.75, "bored": 0.25},
        "c": None,
        "f": {"sad": 0.0, "angry": 0.0, "bored": 4.0},
    }
    assert [(problem.id, problem.reason[:29]) for problem in reading.problems] == [
        ("d", "votes must be numbers from 0,"),
        ("e", "votes must be numbers from 0,"),
    ]
    assert "mean share of votes for the most chosen label: train 0.750, test 1.000" in describe(reading)
    with pytest.raises(ValueError, match="has no column happy; its columns are id, text"):
        read_corpus("csv", table, soft_label_columns=["happy"])
    with pytest.raises(ValueError, match="must be a list of different names of columns, got 'sad'"):
        read_corpus("csv", table, soft_label_columns="sad")


def test_a_label_map_renames_votes(table):
    reading = read(table, label_map={"bored": "sad"})
    votes = {row.id: row.soft_label for row in reading.splits["train"]}
    assert votes == {"a": {"sad": 3.0, "angry": 1.0}, "b": {"angry": 0.75, "sad": 0.25}, "c": None}
    mapped = apply_label_map(read(table), {"sad": "sad", "angry": "angry"}, only_mapped=True)
    assert {row.id: row.soft_label for rows in mapped.splits.values() for row in rows} == {
        "a": {"sad": 3.0, "angry": 1.0},
        "b": {"angry": 0.75},
        "c": None,
        "f": None,  # all votes were for a label that is left out
    }


def test_every_split_has_the_column(table):
    corpus = read(table).to_dataset_dict()
    assert corpus["train"].features["soft_label"] == corpus["test"].features["soft_label"]
    assert corpus["train"][1]["soft_label"] == [
        {"label": "angry", "votes": 0.75},
        {"label": "bored", "votes": 0.25},
    ]
    assert corpus["train"][2]["soft_label"] is None
    plain = CorpusReading({"train": [Utterance("a", text="x", label="sad")]}).to_dataset_dict()
    assert "soft_label" not in plain["train"].column_names


def prepare(table, problem_type="single_label_classification"):
    corpus = read(table, label_map={"bored": None}).to_dataset_dict()
    encoder = LabelEncoder.from_dataset(corpus, problem_type)
    prepare_dataset(corpus, tiny_processor(), encoder, output_dir=table / problem_type)
    return load_prepared(table / problem_type)


def test_prepared_and_collated(table):
    prepared = prepare(table)
    assert prepared.label_encoder.label2id == {"angry": 0, "sad": 1}
    rows = prepared.datasets["train"]
    assert [row["votes"].tolist() for row in rows] == [[0.25, 0.75], [1.0, 0.0], []]
    assert [row["votes"].tolist() for row in prepared.datasets["test"]] == [[]]
    collator = EmoBertDataCollator(tiny_processor(), problem_type="single_label_classification")
    batch = collator([rows[index] for index in range(3)])
    assert batch["labels"].tolist() == [1, 0, 1] and batch["votes"].dtype == torch.float32
    np.testing.assert_array_equal(batch["votes"], [[0.25, 0.75], [1.0, 0.0], [np.nan, np.nan]])
    assert "votes" not in collator([rows[2]])

    config = EmoBertConfig(id2label={0: "calm", 1: "sad", 2: "angry"})
    matched = match_labels(prepared, config).datasets["train"]
    assert [row["votes"].tolist() for row in matched] == [[0.0, 0.75, 0.25], [0.0, 0.0, 1.0], []]
    assert matched["labels"][:].tolist() == [1, 2, 1]


def test_votes_are_of_classes_that_exclude_each_other(table):
    prepared = prepare(table, "multi_label_classification")
    assert "votes" not in prepared.datasets["train"].column_names
    with pytest.raises(ValueError, match="votes are for single-label classification"):
        prepared.label_encoder.encode_votes({"sad": 1})


def test_shares():
    encoder = LabelEncoder("single_label_classification", {"0": 0, "sad": 1})
    assert encoder.encode_votes({"0.0": 1, "sad": 3}) == [0.25, 0.75]
    assert encoder.encode_votes({"sad": 0, "other": 3}) is None and encoder.encode_votes(None) is None
    for votes in ({"sad": -1}, {"sad": float("nan")}, {"sad": "two"}):
        with pytest.raises(ValueError, match="soft_label: votes must be numbers from 0, 'sad' has"):
            encoder.encode_votes(votes)


def test_preparing_again_sees_other_votes(table):
    first = prepare(table)
    text = (table / "train.csv").read_text()
    (table / "train.csv").write_text(text.replace("sad,3,1,0", "sad,4,1,0"))
    again = prepare(table)
    assert first.datasets["train"][0]["votes"].tolist() == [0.25, 0.75]
    assert again.datasets["train"][0]["votes"].tolist() == pytest.approx([0.2, 0.8])
