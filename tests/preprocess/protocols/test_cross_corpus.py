"""Folds over several corpora: what is trained on, what is tested, and what is refused."""

import pytest
from datasets import Dataset

from preprocess.protocols.cross_corpus import corpus_of, cross_corpus


def corpora(**speakers):
    """Two rows of each speaker, of corpora with so many speakers."""
    return Dataset.from_list(
        [
            {"id": f"{name}/s{speaker}/{number}", "speaker": f"{name}-{speaker}"}
            for name, count in speakers.items()
            for speaker in range(count)
            for number in range(2)
        ]
    )


DATA = corpora(emodb=5, ravdess=6, savee=2)
NAMES = [corpus_of(one) for one in DATA["id"]]


def named(rows, column="corpus"):
    return {NAMES[row] if column == "corpus" else DATA["speaker"][row] for row in rows}


def check(fold, trained):
    """Training and validation share no speaker with each other or with the test, and nothing of training is lost."""
    parts = [named(rows, "speaker") for rows in (fold.train, fold.validation, fold.test)]
    assert all(parts) and sum(map(len, parts)) == len(set().union(*parts))
    assert named(fold.train + fold.validation) <= set(trained)
    expected = {row for row, name in enumerate(NAMES) if name in trained} - set(fold.test)
    assert sorted(fold.train + fold.validation) == sorted(expected)


def test_the_corpus_stands_before_the_first_sign():
    assert corpus_of("emodb/a/b") == "emodb"
    with pytest.raises(ValueError, match="The id 'a' names no corpus: prepare the data with the corpus `several`"):
        corpus_of("a")


def test_each_corpus_is_trained_on_alone_and_tested_on_all_others():
    folds = cross_corpus(DATA, within=False)
    assert [fold.name for fold in folds] == ["emodb to others", "ravdess to others", "savee to others"]
    for fold, name in zip(folds, ("emodb", "ravdess", "savee"), strict=True):
        assert sorted(fold.test) == [row for row, corpus in enumerate(NAMES) if corpus != name]
        check(fold, [name])


def test_within_a_corpus_speakers_are_tested_once():
    folds = cross_corpus(DATA, train_on=["ravdess", "emodb"])
    assert [fold.name for fold in folds] == [
        *("ravdess to others", *(f"ravdess within ravdess, {number}" for number in range(1, 6))),
        *("emodb to others", *(f"emodb within emodb, {number}" for number in range(1, 6))),
    ]
    for name, within in (("ravdess", folds[1:6]), ("emodb", folds[7:])):
        assert sorted(row for fold in within for row in fold.test) == [
            row for row, corpus in enumerate(NAMES) if corpus == name
        ]
        for fold in within:
            check(fold, [name])
    assert sorted(len(named(fold.test, "speaker")) for fold in folds[1:6]) == [1, 1, 1, 1, 2]


def test_several_corpora_are_trained_on_together():
    folds = cross_corpus(DATA, train_on=[["emodb", "savee"]], num_folds=3)
    # As many folds as speakers where there are fewer.
    assert [fold.name for fold in folds] == [
        "emodb+savee to others",
        *(f"emodb+savee within emodb, {number}" for number in (1, 2, 3)),
        *(f"emodb+savee within savee, {number}" for number in (1, 2)),
    ]
    assert named(folds[0].test) == {"ravdess"}
    for fold in folds:
        check(fold, ["emodb", "savee"])
    assert named(folds[1].test) == {"emodb"} and named(folds[4].test) == {"savee"}
    # All corpora: there are no others.
    every = cross_corpus(DATA, train_on=[["emodb", "ravdess", "savee"]], num_folds=2)
    assert [fold.name.partition("within ")[2] for fold in every] == [
        f"{name}, {number}" for name in ("emodb", "ravdess", "savee") for number in (1, 2)
    ]


def test_the_seed_decides_groups_and_validation():
    trained = ["ravdess", "emodb"]
    drawn = [cross_corpus(DATA, train_on=trained, seed=seed) for seed in (3, 3, 4)]
    assert drawn[0] == drawn[1] and drawn[0] != drawn[2]
    given = {"num_folds": 5, "validation_fraction": 0.1, "within": True, "seed": 0}
    assert cross_corpus(DATA, train_on=trained) == cross_corpus(DATA, train_on=trained, **given)
    (half,) = cross_corpus(DATA, train_on=["ravdess"], within=False, validation_fraction=0.5)
    assert len(half.validation) == 6
    # Drawn for each fold of its own.
    twice = cross_corpus(corpora(a=9, b=9), train_on=["a"] * 4, within=False)
    assert {len(fold.validation) for fold in twice} == {2} and len({tuple(fold.validation) for fold in twice}) > 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"train_on": ["emo-db"]}, "train_on: .'emo-db'. must be one or more of emodb, ravdess, savee, each once"),
        ({"train_on": [[]]}, "train_on: .. must be one or more"),
        ({"train_on": [["emodb", "emodb"]]}, "train_on: .'emodb', 'emodb'. must be"),
        ({"train_on": ["emodb", "emo"]}, "train_on: .'emo'. must be"),
        ({"num_folds": 1}, "num_folds must be at least 2, got 1"),
        (
            {"train_on": [["emodb", "ravdess", "savee"]], "within": False},
            "All corpora are trained on and none is left to test",
        ),
    ],
)
def test_what_cannot_be_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        cross_corpus(DATA, **options)


def test_one_speaker_cannot_be_held_out():
    with pytest.raises(ValueError, match="b has one speaker, who cannot be held out. Set within to false"):
        cross_corpus(corpora(a=4, b=1), train_on=[["a", "b"]])
    assert [fold.name for fold in cross_corpus(corpora(a=4, b=1), train_on=["a"])][0] == "a to others"
