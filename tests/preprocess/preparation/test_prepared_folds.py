"""Folds of a prepared dataset see speakers, texts and classes."""

import pytest
from datasets import Dataset, DatasetDict

from preprocess import LabelEncoder, load_prepared, pooled, prepare_dataset, prepared_folds, select_fold
from tests.tiny import tiny_processor


def prepare(folder, labels, problem_type="single_label_classification"):
    """One speaker a row but for two rows of each; all say the same."""
    rows = [
        {"id": f"u{n}", "text": "how nice", "audio": None, "label": label, "speaker": f"s{n // 2}", "session": None}
        for n, label in enumerate(labels)
    ]
    data = DatasetDict({"train": Dataset.from_list(rows)})
    encoder = LabelEncoder.from_dataset(data, problem_type)
    prepare_dataset(data, tiny_processor(), encoder, output_dir=folder / "data")
    return load_prepared(folder / "data")


def test_classes_are_spread_by_speaker(tmp_path):
    prepared = prepare(tmp_path, ["sad", "happy", "sad", "happy", "sad", "sad", "sad", "sad"])
    options = {"num_folds": 2, "validation_fraction": 0, "allow": ("text",)}
    for seed in range(4):
        folds = prepared_folds(prepared, "stratified-speaker-k-fold", seed=seed, **options)
        rows = pooled(prepared.datasets)
        classes = [sorted(int(label) for label in rows.select(fold.test)["labels"][:]) for fold in folds]
        assert classes == [[0, 1, 1, 1], [0, 1, 1, 1]]
    with pytest.raises(ValueError, match="train and test share 1 text"):
        prepared_folds(prepared, "stratified-speaker-k-fold", num_folds=2, validation_fraction=0)
    assert len(select_fold(prepared, "stratified-speaker-k-fold", "fold=2", **options)["test"]) == 4


def test_scores_are_no_classes(tmp_path):
    prepared = prepare(tmp_path, [0.5, 1.0, -1.0, 2.0], "regression")
    with pytest.raises(ValueError, match="has no column 'label'"):
        prepared_folds(prepared, "stratified-speaker-k-fold", num_folds=2, allow=("text",))
    assert len(prepared_folds(prepared, "leave-one-speaker-out", validation_fraction=0, allow=("text",))) == 2
