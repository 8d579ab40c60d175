"""Validation taken out of train by whole groups; the corpus's own validation part becomes dev."""

import pytest

from preprocess.corpora import read_corpus
from preprocess.protocols.validation_split import choose_validation_groups, held_out_test, validation_from_train
from preprocess.schema import CorpusReading, Problem, Utterance
from tests.preprocess.corpora.corpus_trees import meld_row, write_meld_table


def reading(validation=True):
    rows = [Utterance(f"t{n}", text="x", speaker=f"s{n % 5}", session=f"d{n // 4}") for n in range(40)]
    splits = {"train": rows, "test": [Utterance("e0", text="x")]}
    if validation:
        splits["validation"] = [Utterance("v0", text="x"), Utterance("v1", text="x")]
    return CorpusReading(splits, [Problem("v2", "list, line 3", "no label", "validation")])


@pytest.mark.parametrize(("by", "fraction", "groups"), [("session", 0.2, 2), ("speaker", 0.1, 1)])
def test_whole_groups_are_taken(by, fraction, groups):
    given = reading()
    taken = validation_from_train(given, by=by, fraction=fraction, seed=3)

    parts = {split: {getattr(u, by) for u in taken.splits[split]} for split in ("train", "validation")}
    assert parts["train"].isdisjoint(parts["validation"]) and len(parts["validation"]) == groups
    assert sorted(u.id for split in parts for u in taken.splits[split]) == sorted(u.id for u in given.splits["train"])
    assert [u.id for u in taken.splits["dev"]] == ["v0", "v1"]
    assert [u.id for u in taken.splits["test"]] == ["e0"]
    assert taken.problems == [Problem("v2", "list, line 3", "no label", "dev")]
    assert list(given.splits) == ["train", "test", "validation"] and len(given.splits["train"]) == 40


def test_the_seed_decides():
    def chosen(seed):
        return {u.session for u in validation_from_train(reading(), by="session", seed=seed).splits["validation"]}

    assert chosen(0) == chosen(0)
    assert len({tuple(chosen(seed)) for seed in range(8)}) > 2


def test_through_the_corpus_options_of_meld(tmp_path):
    rows = [meld_row(b"Hey!", b"All", b"joy", b"positive", number // 2, number % 2) for number in range(12)]
    write_meld_table(tmp_path / "train_sent_emo.csv", rows)
    write_meld_table(tmp_path / "dev_sent_emo.csv", rows[:3])
    found = read_corpus(
        "meld", tmp_path, keep_without_audio=True, validation_from_train={"by": "session", "fraction": 0.34}
    )
    assert {split: len(utterances) for split, utterances in found.splits.items()} == {
        "train": 8,
        "validation": 4,
        "dev": 3,
    }
    assert set(found.to_dataset_dict()) == {"train", "validation", "dev"}
    assert {problem.split for problem in found.problems if problem.id.startswith("dev_dia")} == {"dev"}


def test_a_test_part_of_other_speakers_than_the_rest():
    rows = [Utterance(f"t{n}", text="x", speaker=f"s{n % 5}") for n in range(40)]
    taken = validation_from_train(held_out_test(CorpusReading({"train": rows}), fraction=0.2), fraction=0.25)
    speakers = {split: {row.speaker for row in taken.splits[split]} for split in ("train", "validation", "test")}
    assert sorted(map(len, speakers.values())) == [1, 1, 3]
    assert set.union(*speakers.values()) == {f"s{n}" for n in range(5)}
    assert sum(map(len, taken.splits.values())) == 40
    with pytest.raises(ValueError, match="has a test split already"):
        held_out_test(taken)


def test_rows_where_nobody_says_who_speaks():
    rows = [Utterance(f"t{n}", text="x") for n in range(40)]
    taken = validation_from_train(CorpusReading({"train": rows}), by="row", fraction=0.25)
    assert {split: len(part) for split, part in taken.splits.items()} == {"train": 30, "validation": 10}


@pytest.mark.parametrize(
    ("given", "options", "message"),
    [
        (reading(), {"by": "text"}, "by 'text' is unknown. Choose one of: speaker, session, row"),
        (reading(), {"fraction": 1.0}, r"must be in \[0, 1\), got 1.0"),
        (reading(), {"fraction": 0.99}, "5 of the 5 training groups would validate"),
        (CorpusReading({"train": [Utterance("a")]}), {}, r"1 training rows have no speaker \(the first is a\)"),
        (CorpusReading({"test": [Utterance("a", speaker="b")]}), {}, "no train split, so no validation part"),
    ],
)
def test_what_cannot_be_taken_is_refused(given, options, message):
    with pytest.raises(ValueError, match=message):
        validation_from_train(given, **options)


def test_what_is_taken_unless_it_is_said_otherwise():
    rows = [Utterance(f"t{n}", text="x", speaker=f"s{n % 20:02}") for n in range(40)]
    for take in (validation_from_train, held_out_test):
        taken = take(CorpusReading({"train": rows}))
        assert taken == take(CorpusReading({"train": rows}), by="speaker", fraction=0.1, seed=0)
        assert taken != take(CorpusReading({"train": rows}), seed=1)
        assert len(taken.splits["train"]) == 36


def test_nobody_validates_where_nobody_shall():
    assert choose_validation_groups(["anna", "bo"], 0, seed=0) == set()
    taken = validation_from_train(reading(validation=False), fraction=0)
    assert list(taken.splits) == ["train", "test"] and len(taken.splits["train"]) == 40
    with pytest.raises(ValueError, match=r"must be in \[0, 1\), got -0.1"):
        choose_validation_groups(["anna", "bo"], -0.1, seed=0)


def test_a_problem_goes_with_its_split():
    problems = [
        Problem("v", "line 3", "no speech", "validation", kept=True),
        Problem("t", "line 4", "no text", "test"),
    ]
    given = CorpusReading({"train": reading().splits["train"]}, problems)
    moved = Problem("v", "line 3", "no speech", "dev", kept=True)
    assert validation_from_train(given).problems == [moved, problems[1]]
