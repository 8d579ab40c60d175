"""What was said before: of which turns, in which order, never of another split, and in front of the text."""

import pytest

from preprocess import LabelEncoder, load_prepared, prepare_dataset, prepared_folds, read_corpus
from preprocess.features.text_features import tokenize_with_context
from tests.preprocess.corpora.corpus_trees import iemocap_dialogue, meld_row, write_meld_table
from tests.tiny import tiny_processor, tiny_tokenizer


def context(reading):
    return {row.id: row.extra["context"] for rows in reading.splits.values() for row in rows}


def meld(root):
    said = [
        (b"Hi.", b"Joey", b"joy"),
        (b"What?", b"Ross", b"bored"),
        (b"No!", b"Joey", b"anger"),
        (b"Ok.", b"Ross", b"joy"),
    ]
    rows = [meld_row(text, who, label, b"positive", 0, number) for number, (text, who, label) in enumerate(said)]
    write_meld_table(
        root / "train_sent_emo.csv", [rows[2], rows[0], rows[1], rows[3], meld_row(b"Bye", b"All", b"joy", b"x", 1, 0)]
    )
    write_meld_table(root / "dev_sent_emo.csv", [meld_row(b"Hey.", b"Joey", b"joy", b"positive", 0, 4)])
    return root


def test_meld(tmp_path):
    """In the order of the turns, with those whose label cannot be used; dialogues of two splits are two."""
    reading = read_corpus("meld", meld(tmp_path), context_turns=2, keep_without_audio=True)
    assert context(reading) == {
        "train_dia0_utt2": ["Joey: Hi.", "Ross: What?"],
        "train_dia0_utt0": [],
        "train_dia0_utt3": ["Ross: What?", "Joey: No!"],
        "train_dia1_utt0": [],
        "dev_dia0_utt4": [],
    }
    assert {row.extra["dialogue"] for row in reading.splits["train"]} == {"train_dia0", "train_dia1"}
    assert "context" not in read_corpus("meld", tmp_path, keep_without_audio=True).splits["train"][0].extra
    with pytest.raises(ValueError, match="context_turns must be at least 1, got 0"):
        read_corpus("meld", tmp_path, context_turns=0, keep_without_audio=True)


def test_iemocap(tmp_path):
    """Turns without agreement are no utterances, and were said all the same."""
    turns = [
        ("F000", "neu", "Excuse me."),
        ("M000", "xxx", "Yes?"),
        ("F001", "ang", "Go  on."),
        ("M001", "sad", "Why?"),
    ]
    iemocap_dialogue(tmp_path, "Ses01F_impro01", turns)
    reading = read_corpus("iemocap", tmp_path, context_turns=5)
    name = "Ses01F_impro01"
    assert context(reading) == {
        f"{name}_F000": [],
        f"{name}_F001": ["Ses01F: Excuse me.", "Ses01M: Yes?"],
        f"{name}_M001": ["Ses01F: Excuse me.", "Ses01M: Yes?", "Ses01F: Go on."],
    }


TABLE = "id,text,label,speaker,dialogue,turn\n"


def test_tables(tmp_path):
    rows = ("a,one,sad,x,d1,2", "b,zero,sad,y,d1,1", "c,other,sad,x,d2,1", "d,alone,sad,x,,", "e,odd,sad,x,d1,last")
    rows = (*rows, 'f," ",sad,x,d1,3', "g,end,sad,,d1,10")
    (tmp_path / "train.csv").write_text(TABLE + "\n".join(rows))
    (tmp_path / "test.csv").write_text(TABLE + "h,two,sad,x,d1,4\ni,more,sad,x,d1,5\n")
    reading = read_corpus("csv", tmp_path, context_turns=3)
    assert context(reading) == {
        "a": ["y: zero"],
        "b": [],
        "c": [],
        "d": [],
        "e": [],
        "g": ["y: zero", "x: one"],
        "h": [],
        "i": ["x: two"],
    }
    reasons = [problem.reason for problem in reading.problems]
    assert any(reason.startswith("the turn is no number: 'last'") for reason in reasons)
    assert any(reason.startswith("no dialogue: 2 utterances") and "d" in reason for reason in reasons)
    (tmp_path / "train.csv").write_text("id,text,label\na,one,sad\n")
    (tmp_path / "test.csv").unlink()
    with pytest.raises(ValueError, match="this corpus tells no dialogues .*columns dialogue and turn"):
        read_corpus("csv", tmp_path, context_turns=3)


def test_ids_that_are_counted_anew_in_each_split(tmp_path):
    for split in ("train", "test"):
        (tmp_path / f"{split}.csv").write_text(TABLE + f"0,{split} one,sad,x,d,1\n1,{split} two,sad,y,d,2\n")
    assert context(read_corpus("csv", tmp_path, context_turns=3)) == {
        "train-0": [],
        "train-1": ["x: train one"],
        "test-0": [],
        "test-1": ["x: test one"],
    }


def test_a_turn_of_another_split_is_not_seen(tmp_path):
    rows = "".join(f"{n},said {n},sad,{'xyz'[n % 3]},d,{n}\n" for n in range(9))
    (tmp_path / "train.csv").write_text(TABLE + rows)
    reading = read_corpus("csv", tmp_path, context_turns=8, validation_from_train={"by": "speaker", "fraction": 0.3})
    ids = {split: {row.id for row in part} for split, part in reading.splits.items()}
    assert len(ids["validation"]) == 3
    for split, part in reading.splits.items():
        for row in part:
            seen = {turn.rpartition(" ")[2] for turn in row.extra["context"]}
            assert seen == {other for other in ids[split] if other < row.id}


def test_the_context_is_cut_from_the_left_and_the_text_is_not():
    tokenizer = tiny_tokenizer()
    turns, text = ["how nice how", "so bad", "what a day"], "i am sad"
    whole = tokenizer(" ".join(turns), text_pair=text)["input_ids"]
    assert tokenize_with_context(tokenizer, turns, text, len(whole)) == whole
    two = tokenizer("so bad what a day", text_pair=text)["input_ids"]
    assert tokenize_with_context(tokenizer, turns, text, len(whole) - 1) == two
    last_word = tokenizer("day", text_pair=text)["input_ids"]
    assert tokenize_with_context(tokenizer, turns, text, len(last_word)) == last_word
    assert tokenize_with_context(tokenizer, turns, text, len(last_word) - 1) is None
    assert tokenize_with_context(tokenizer, [], text, 100) is None


def test_prepared_rows_have_it_and_folds_keep_dialogues_together(tmp_path):
    rows = "a,how nice,sad,x,d1,1\nb,so bad,angry,y,d1,2\nc,what a day,sad,z,d2,1\ne,,sad,x,d2,2\n"
    (tmp_path / "train.csv").write_text(TABLE + rows)
    corpus = read_corpus("csv", tmp_path, context_turns=1).to_dataset_dict()
    processor = tiny_processor()
    encoder = LabelEncoder.from_dataset(corpus, "single_label_classification")
    prepare_dataset(corpus, processor, encoder, output_dir=tmp_path / "out")
    prepared = load_prepared(tmp_path / "out")
    found = {row["id"]: row["input_ids"].tolist() for row in prepared.datasets["train"]}
    tokenizer = processor.tokenizer
    assert found == {
        "a": tokenizer("how nice")["input_ids"],
        "b": tokenizer("x: how nice", text_pair="so bad")["input_ids"],
        "c": tokenizer("what a day")["input_ids"],
    }
    assert list(prepared.datasets["train"]["dialogue"][:]) == ["train/d1", "train/d1", "train/d2"]
    with pytest.raises(ValueError, match="share 1 dialogue .train/d1.*allow=.*dialogue"):
        prepared_folds(prepared, "leave-one-speaker-out", validation_fraction=0)
    allowed = prepared_folds(prepared, "leave-one-speaker-out", validation_fraction=0, allow=("dialogue", "text"))
    assert len(allowed) == 3
