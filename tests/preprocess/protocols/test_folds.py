"""Protocols: which rows each fold holds, that validation comes from training speakers, and that leaks are refused."""

import warnings

import pytest
from datasets import Dataset, DatasetDict

from configuration_emo.corpora import PublishedFolds
from preprocess.protocols.fold import Fold, check_no_overlap, pooled
from preprocess.protocols.folds import PROTOCOLS, make_folds
from preprocess.protocols.group_folds import carve_validation, published_folds, speaker_k_fold


def corpus(num_speakers=10, per_speaker=3):
    """Speakers come two to a session, as in IEMOCAP; texts are all different."""
    rows = [
        {
            "id": f"{speaker}-{number}",
            "text": f"sentence {speaker} {number}",
            "speaker": f"Ses{speaker // 2 + 1:02d}{'FM'[speaker % 2]}",
            "session": f"Ses{speaker // 2 + 1:02d}",
        }
        for number in range(per_speaker)
        for speaker in range(num_speakers)
    ]
    return Dataset.from_list(rows)


def values(dataset, rows, column):
    return {pooled(dataset)[column][row] for row in rows}


@pytest.mark.parametrize(
    ("protocol", "column", "num_folds"),
    [("leave-one-session-out", "session", 5), ("leave-one-speaker-out", "speaker", 10)],
)
def test_each_group_is_tested_once_and_nothing_is_lost(protocol, column, num_folds):
    rows = corpus()
    folds = make_folds(rows, protocol, validation_fraction=0.25)

    assert [fold.name for fold in folds] == [f"{column}={name}" for name in sorted(set(rows[column]))]
    assert len(folds) == num_folds
    for fold in folds:
        assert values(rows, fold.test, column) == {fold.name.partition("=")[2]}
        assert sorted(fold.train + fold.validation + fold.test) == list(range(30))
        assert values(rows, fold.train, "speaker").isdisjoint(values(rows, fold.validation, "speaker"))
        assert len(values(rows, fold.validation, "speaker")) == 2
    assert sorted(row for fold in folds for row in fold.test) == list(range(30))


def test_k_folds_deal_the_speakers_out_evenly():
    rows = corpus(num_speakers=7)
    folds = make_folds(rows, "speaker-k-fold", num_folds=3, seed=1)
    assert sorted(len(values(rows, fold.test, "speaker")) for fold in folds) == [2, 2, 3]
    assert sorted(row for fold in folds for row in fold.test) == list(range(21))


def test_folds_depend_on_the_seed_alone():
    rows = corpus()
    assert speaker_k_fold(rows, seed=3) == speaker_k_fold(rows, seed=3)
    assert speaker_k_fold(rows, seed=3) != speaker_k_fold(rows, seed=4)


def test_each_fold_draws_its_validation_speakers_anew():
    rows = corpus()
    places = set()
    for fold in make_folds(rows, "leave-one-speaker-out"):
        others = sorted(set(rows["speaker"]) - values(rows, fold.test, "speaker"))
        places |= {others.index(speaker) for speaker in values(rows, fold.validation, "speaker")}
    assert len(places) > 3


def test_the_paper_s_session_split():
    rows = corpus()
    (fold,) = make_folds(rows, "paper-session-split")
    assert values(rows, fold.train, "session") == {"Ses01", "Ses02", "Ses03"}
    assert values(rows, fold.validation, "session") == {"Ses04"}
    assert values(rows, fold.test, "session") == {"Ses05"}
    with pytest.raises(ValueError, match="No row is of session Ses05; there are Ses01, Ses02, Ses03, Ses04"):
        make_folds(corpus(num_speakers=8), "paper-session-split")
    with pytest.raises(ValueError, match="Ses05 is named for more than one part"):
        make_folds(rows, "paper-session-split", validation_sessions=("Ses05",))


def test_the_official_split_is_taken_as_it_is():
    rows = corpus(num_speakers=6)
    splits = DatasetDict(test=rows.select([4, 5, 10]), train=rows.select([0, 1, 6, 7]), validation=rows.select([2, 3]))
    (fold,) = make_folds(splits, "official-split")
    assert fold == Fold("official", (0, 1, 2, 3), (4, 5), (6, 7, 8))
    selected = fold.select(splits)
    assert {name: part["id"][:] for name, part in selected.items()} == {
        "train": ["0-0", "1-0", "0-1", "1-1"],
        "validation": ["2-0", "3-0"],
        "test": ["4-0", "5-0", "4-1"],
    }


def test_a_missing_validation_part_is_carved_from_training_speakers_only():
    rows = corpus(num_speakers=6)
    train = [row for row, speaker in enumerate(rows["speaker"]) if speaker < "Ses03"]
    splits = DatasetDict(train=rows.select(train), test=rows.select(sorted(set(range(18)) - set(train))))
    (fold,) = make_folds(splits, "official-split")
    assert len(values(splits, fold.validation, "speaker")) == 1
    assert values(splits, fold.validation, "speaker") < set(splits["train"]["speaker"])
    assert sorted(fold.train + fold.validation) == list(range(12))


def test_columns_that_are_empty_in_one_split_can_be_pooled():
    audio = {"train": [None, None], "test": ["a.wav", "b.wav"]}
    splits = DatasetDict({name: Dataset.from_dict({"audio": paths}) for name, paths in audio.items()})
    assert pooled(splits)["audio"][:] == [None, None, "a.wav", "b.wav"]


@pytest.mark.parametrize(
    ("fold", "changes", "message"),
    [
        (Fold("f", (0,), (), (10,)), {}, "train and test share 1 speaker \\(Ses01F\\).*allow=\\('speaker',\\)"),
        (Fold("f", (0,), (1, 11), (2,)), {"speaker": {11: "Ses02F"}}, "validation and test share 1 speaker"),
        (Fold("f", (0,), (), (1,)), {"id": {1: "0-0"}}, "train and test share 1 id \\(0-0\\)"),
        (Fold("f", (0,), (), (1,)), {"text": {1: " Sentence  0 0"}}, "train and test share 1 text \\(sentence 0 0\\)"),
        (Fold("f", (0, 1), (1,), (2,)), {"speaker": {1: None}, "id": {1: None}}, "train and validation share 1 row"),
    ],
)
def test_a_leak_is_refused_and_named(fold, changes, message):
    rows = corpus().to_dict()
    for column, cells in changes.items():
        for row, value in cells.items():
            rows[column][row] = value
    with pytest.raises(ValueError, match=f"Fold 'f' leaks: .*{message}"):
        check_no_overlap(fold, Dataset.from_dict(rows))


def test_an_overlap_by_design_must_be_allowed_by_name():
    rows = corpus(num_speakers=3).map(lambda row: {"text": row["text"][-1]})
    with pytest.raises(ValueError, match="share 3 text .0, 1, 2.*allow=..text"):
        make_folds(rows, "leave-one-speaker-out")
    assert len(make_folds(rows, "leave-one-speaker-out", allow=("text",))) == 3
    with pytest.raises(ValueError, match="leaks"):
        make_folds(rows, "leave-one-speaker-out", allow=("speaker",))


def test_a_prepared_dataset_is_compared_by_its_token_ids():
    rows = Dataset.from_dict({"id": ["a", "b"], "speaker": ["x", "y"], "input_ids": [[0, 7, 2], [0, 7, 2]]})
    with pytest.raises(ValueError, match="no column 'text'; its columns are id, speaker, input_ids"):
        make_folds(rows, "leave-one-speaker-out", validation_fraction=0)
    with pytest.raises(ValueError, match="share 1 input_ids"):
        make_folds(rows, "leave-one-speaker-out", validation_fraction=0, by=("speaker", "input_ids"))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda rows: make_folds(rows, "random"), "Unknown protocol 'random'.*speaker-k-fold"),
        (lambda rows: make_folds(rows, "leave-one-speker-out"), "Did you mean leave-one-speaker-out\\?"),
        (lambda rows: make_folds(rows, "speaker-k-fold", n_splits=3), "no option n_splits; it takes num_folds, valid"),
        (lambda rows: make_folds(rows, "crema_d-emobox"), "have all 91 speakers of crema_d.*crema_d-actors"),
        (lambda rows: make_folds(rows, "savee-4"), "none of DC, JE, JK, KL is there|does not say where"),
        (lambda rows: make_folds(rows, "official-split"), "train and test is not there"),
        (lambda rows: make_folds(rows, "speaker-k-fold", num_folds=11), "number of speakers \\(10\\), got 11"),
        (lambda rows: speaker_k_fold(rows, num_folds=1), "num_folds must be from 2 to .* \\(10\\), got 1"),
        (lambda rows: carve_validation(rows, [0, 10], validation_fraction=0.1), "1 of the 1 training groups"),
        (lambda rows: carve_validation(rows, [0], validation_fraction=1.0), "must be in \\[0, 1\\), got 1.0"),
        (lambda rows: make_folds(rows.select([0, 10]), "leave-one-speaker-out"), "at least 2 are needed"),
        (lambda rows: make_folds(rows.remove_columns("session"), "leave-one-session-out"), "no column 'session'"),
    ],
)
def test_protocols_that_do_not_fit_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call(corpus())


@pytest.mark.parametrize("protocol", ["leave-one-speaker-out", "speaker-k-fold"])
def test_rows_without_a_speaker_cannot_be_placed(protocol):
    rows = corpus().map(lambda row: {"speaker": None if row["id"] == "4-0" else row["speaker"]})
    assert protocol in PROTOCOLS
    with pytest.raises(ValueError, match="1 rows have no speaker \\(the first is row 4\\)"):
        make_folds(rows, protocol)


class TestStratified:
    def test_classes_are_spread_over_the_folds(self):
        """Two speakers show a rare class, and are never tested together."""
        rows = [
            {"id": f"{speaker}-{n}", "text": f"{speaker} {n}", "speaker": f"s{speaker}", "label": label}
            for speaker in range(6)
            for n, label in enumerate(["sad", "sad", "happy" if speaker < 2 else "sad"])
        ]
        rows = Dataset.from_list(rows)
        for seed in range(5):
            folds = make_folds(rows, "stratified-speaker-k-fold", num_folds=2, seed=seed)
            assert sorted(row for fold in folds for row in fold.test) == list(range(18))
            assert [sum(rows["label"][row] == "happy" for row in fold.test) for fold in folds] == [1, 1]
            for fold in folds:
                assert values(rows, fold.test, "speaker").isdisjoint(values(rows, fold.train, "speaker"))
        plain = {
            tuple(
                sum(rows["label"][row] == "happy" for row in fold.test)
                for fold in speaker_k_fold(rows, num_folds=2, seed=seed)
            )
            for seed in range(10)
        }
        assert plain != {(1, 1)}

    def test_it_needs_one_class_a_row(self):
        rows = corpus(num_speakers=4)
        with pytest.raises(ValueError, match="no column 'label'"):
            make_folds(rows, "stratified-speaker-k-fold", num_folds=2)
        with pytest.raises(ValueError, match="one class a row, the labels are scores or lists"):
            make_folds(rows.add_column("label", [0.5] * 12), "stratified-speaker-k-fold", num_folds=2)
        with pytest.raises(ValueError, match=r"from 2 to the number of speakers \(4\), got 5"):
            make_folds(rows.add_column("label", ["sad"] * 12), "stratified-speaker-k-fold")


class TestPublished:
    def rows(self, *speakers):
        rows = [
            {"id": f"{speaker}-{n}", "text": f"{speaker} {n}", "speaker": speaker}
            for speaker in speakers
            for n in "12"
        ]
        return Dataset.from_list(rows)

    def test_ravdess(self):
        rows = self.rows(*(f"{actor:02d}" for actor in range(1, 25)))
        folds = make_folds(rows, "ravdess-emobox-6")
        assert [fold.name for fold in folds] == [f"fold={number}" for number in range(1, 7)]
        tested = [sorted(values(rows, fold.test, "speaker")) for fold in folds]
        assert tested[:2] == [["01", "11", "20", "21"], ["04", "10", "12", "14"]]
        assert sorted(speaker for test in tested for speaker in test) == [f"{actor:02d}" for actor in range(1, 25)]
        assert all(len(values(rows, fold.validation, "speaker")) == 2 for fold in folds)
        (fold,) = make_folds(rows, "ravdess-actors")
        assert [len(part) for part in fold.parts().values()] == [40, 4, 4]
        assert values(rows, fold.validation, "speaker") == {"21", "22"}

    def test_a_part_of_a_corpus_is_warned_about(self):
        rows = self.rows("01", "11", "20", "21", "04", "10", "12")
        with pytest.warns(
            UserWarning, match=r"speaker 02, 03, 05, .*\(17\) not there; without fold=3, fold=4, fold=5, fold=6"
        ):
            folds = make_folds(rows, "ravdess-emobox-6")
        assert [fold.name for fold in folds] == ["fold=1", "fold=2"]
        assert values(rows, folds[1].test, "speaker") == {"04", "10", "12"}

    def test_another_corpus_is_refused(self):
        with pytest.raises(
            ValueError, match="savee-4 does not say where the speaker 03, 08 belongs; it knows DC, JE, JK, KL"
        ):
            make_folds(self.rows("03", "08", "DC"), "savee-4")
        with pytest.raises(ValueError, match="ravdess-actors: none of 23, 24 is there, the speakers are 21, 22, 25"):
            make_folds(self.rows("21", "22", "25"), "ravdess-actors")

    def test_one_speaker_a_fold_has_the_speaker_s_name(self):
        folds = make_folds(self.rows("KL", "DC", "JK", "JE"), "savee-4")
        assert [fold.name for fold in folds] == ["speaker=DC", "speaker=JE", "speaker=JK", "speaker=KL"]
        folds = make_folds(self.rows(*(f"{speaker:04d}" for speaker in range(1, 21))), "esd-5", validation_fraction=0)
        assert [len(fold.test) for fold in folds] == [8] * 5 and folds[0].validation == ()


@pytest.mark.parametrize(("count", "ends"), [(10, r"s09\)"), (11, r"s09, \.\.\.\)")])
def test_ten_of_what_leaks_are_shown(count, ends):
    names = [f"s{number:02}" for number in range(count)]
    rows = Dataset.from_dict({"id": [str(row) for row in range(2 * count)], "speaker": names * 2})
    fold = Fold("f", tuple(range(count)), (), tuple(range(count, 2 * count)))
    with pytest.raises(ValueError, match=rf"share {count} speaker \(s00, .*{ends}"):
        check_no_overlap(fold, rows, by=("speaker", "id"))


def test_lists_are_compared_as_they_are():
    rows = Dataset.from_dict({"id": ["a", "b", "c"], "label": [[1, 0], [0, 1], [1, 0]]})
    check_no_overlap(Fold("f", (0,), (), (1,)), rows, by=("id", "label"))
    with pytest.raises(ValueError, match="train and test share 1 label"):
        check_no_overlap(Fold("f", (0, 1), (), (2,)), rows, by=("id", "label"))


@pytest.mark.parametrize("absent", ["train", "test"])
def test_the_official_split_needs_both_parts(absent):
    splits = {name: corpus(num_speakers=2) for name in ("train", "test", "validation") if name != absent}
    with pytest.raises(ValueError, match=f"needs the splits train and test, {absent} is not there"):
        make_folds(DatasetDict(splits), "official-split")


def emodb_like():
    """Ten speakers of RAVDESS, each with two classes; a training and a test part of five of them."""
    rows = [
        {"id": f"{actor}{label}", "text": f"{actor} {label}", "speaker": actor, "session": actor, "label": label}
        for actor in ("01", "11", "20", "21", "04", "10", "12", "14", "02", "08")
        for label in ("happy", "sad")
    ]
    return Dataset.from_list(rows)


DRAWING = {
    "leave-one-session-out": {},
    "leave-one-speaker-out": {},
    "speaker-k-fold": {"num_folds": 2},
    "stratified-speaker-k-fold": {"num_folds": 2},
    "official-split": {},
    "ravdess-emobox-6": {},
}


@pytest.mark.parametrize("protocol", DRAWING)
def test_seed_and_fraction_reach_every_draw(protocol):
    rows = emodb_like()
    if protocol == "official-split":
        rows = DatasetDict(train=rows.select(range(16)), test=rows.select(range(16, 20)))

    def folds(**options):
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*not there")  # most of RAVDESS
            return make_folds(rows, protocol, **DRAWING[protocol], **options)

    def validating(fold):
        return frozenset(values(rows, fold.validation, "speaker"))

    assert folds() == folds(seed=0) == folds(validation_fraction=0.1)
    assert len({validating(folds(seed=seed)[0]) for seed in range(6)}) > 1
    for fold in folds(validation_fraction=0.5):
        training = values(rows, fold.train, "speaker") | validating(fold)
        assert len(validating(fold)) == round(len(training) / 2)
    assert all(fold.validation == () for fold in folds(validation_fraction=0))


def test_five_folds_unless_it_is_said_otherwise():
    for protocol in ("speaker-k-fold", "stratified-speaker-k-fold"):
        folds = make_folds(emodb_like(), protocol)
        assert [fold.name for fold in folds] == [f"fold={number}" for number in range(1, 6)]


def test_as_many_folds_as_speakers():
    folds = speaker_k_fold(corpus(num_speakers=4), num_folds=4)
    assert [len(values(corpus(num_speakers=4), fold.test, "speaker")) for fold in folds] == [1] * 4


def test_what_is_drawn_unless_it_is_said_otherwise():
    rows, published = emodb_like(), PublishedFolds((("01", "11"), ("04",)), ("21", "20"))
    everyone = [row for row in range(20) if rows["speaker"][row] != "01"]
    assert carve_validation(rows, everyone) == carve_validation(rows, everyone, validation_fraction=0.1, seed=0)
    assert carve_validation(rows, everyone) != carve_validation(rows, everyone, seed=1)
    by_hand = PublishedFolds(tuple((speaker,) for speaker in sorted(set(rows["speaker"]))))
    drawn = published_folds(rows, by_hand, "mine")
    assert drawn == published_folds(rows, by_hand, "mine", validation_fraction=0.1, seed=0)
    (first, second) = published_folds(rows, published, "mine")
    assert (first.name, second.name) == ("fold=1", "speaker=04")
    assert values(rows, first.validation, "speaker") == values(rows, second.validation, "speaker") == {"20", "21"}
    assert len(first.train) == 20 - 4 - 4 and len(second.train) == 20 - 2 - 4


def test_a_class_of_fewer_rows_than_folds_is_no_warning():
    rows = emodb_like().map(lambda row: {"label": "rare" if row["id"] == "01sad" else row["label"]})
    with warnings.catch_warnings(record=True) as given:
        warnings.simplefilter("always")
        assert len(make_folds(rows, "stratified-speaker-k-fold", num_folds=3)) == 3
    assert given == []


def test_ten_speakers_are_shown_of_those_who_are_missing():
    rows = emodb_like().filter(lambda row: row["speaker"] in ("01", "11", "04"))
    absent = "02, 03, 05, 06, 07, 08, 09, 10, 12, 13"
    with pytest.warns(UserWarning, match=rf"speaker {absent}, \.\.\. \(21\) not there"):
        make_folds(rows, "ravdess-emobox-6", validation_fraction=0)
    everyone = [(f"{actor:02}",) for actor in range(1, 13)]
    with pytest.warns(UserWarning, match=r"speaker 01, .*, 09, 10 not there; "):
        published_folds(
            Dataset.from_dict({"id": ["a", "b"], "speaker": ["11", "12"]}),
            PublishedFolds(everyone),
            "mine",
            validation_fraction=0,
        )


def test_a_fold_that_there_is_not_is_told_before_leaks():
    rows = Dataset.from_dict({"id": ["1", "2", "3"], "speaker": ["03", "08", "09"], "text": ["x", "x", "x"]})
    with pytest.raises(
        ValueError, match="no fold '03': leave-one-speaker-out has the folds .*Did you mean speaker=03"
    ):
        make_folds(rows, "leave-one-speaker-out", fold="03")
    with pytest.raises(ValueError, match="leak|both"):
        make_folds(rows, "leave-one-speaker-out", fold="speaker=03")
