"""What was said before an utterance: the pipeline reads as training did, and never a text without it."""

import csv

import pytest

from commands_emo import run_command
from modeling_emo import EmotionRecognitionPipeline
from preprocess import EmoBertProcessor, LabelEncoder, load_prepared, prepare_dataset, read_corpus
from tests.tiny import tiny_feature_extractor, tiny_tokenizer, tone
from tests.tiny_models import emobert


DIALOGUE = [("how nice", "x"), ("so bad !", "y"), ("i am sad", None), ("what a day", "x")]


def build(context_turns):
    processor = EmoBertProcessor(tiny_feature_extractor(), tiny_tokenizer(40), context_turns=context_turns)
    return EmotionRecognitionPipeline(model=emobert("wav2vec2-layer-norm").eval(), processor=processor)


@pytest.fixture(scope="module")
def recognise():
    return build(2)


def scores(predictions):
    return {entry["label"]: entry["score"] for entry in predictions}


def expected(recognise, first, second=None):
    """Of the two segments as the tokenizer joins them."""
    ids = recognise.processor.tokenizer(first, text_pair=second, return_tensors="pt")
    logits = recognise.model(input_ids=ids["input_ids"], attention_mask=ids["attention_mask"]).logits[0].detach()
    names = recognise.model.config.id2label
    return {names[index]: float(score) for index, score in enumerate(logits.softmax(-1))}


def test_the_last_turns_stand_before_the_text(recognise):
    found = recognise(text="what a day", context=["x: how nice", "y: so bad !", "i am sad"])
    assert scores(found) == pytest.approx(expected(recognise, "y: so bad ! i am sad", "what a day"), abs=1e-6)
    assert scores(found) == scores(recognise({"text": "what a day", "context": ["y: so bad !", "i am sad"]}))
    assert scores(found) != pytest.approx(scores(recognise(text="what a day", context=[])), abs=1e-4)
    assert scores(recognise(text="what a day", context=[])) == pytest.approx(
        expected(recognise, "what a day"), abs=1e-6
    )


def test_never_a_text_without_it_nor_context_that_is_not_read(recognise):
    with pytest.raises(ValueError, match="reads the 2 turns before a text: give context=.* or \\[\\] where"):
        recognise(text="what a day")
    with pytest.raises(ValueError, match="reads the 2 turns"):
        recognise.processor(text=["what a day"])
    with pytest.raises(ValueError, match="list of what was said before"):
        recognise(text="what a day", context="how nice")
    with pytest.raises(ValueError, match="give each its context"):
        recognise([{"text": "so bad"}], context=["how nice"])
    without = build(None)
    with pytest.raises(ValueError, match="trained without the turns before an utterance: leave `context` out"):
        without(text="what a day", context=["how nice"])
    with pytest.raises(ValueError, match="context_turns is None"):
        without.processor(text="what a day", context=["how nice"])
    assert recognise((tone(0.5), 16_000))  # a sound alone has no words before it


def test_rows_of_a_dialogue_know_what_came_before(recognise):
    rows = [
        {"text": text, "speaker": speaker, "dialogue": "d", "turn": turn}
        for turn, (text, speaker) in enumerate(DIALOGUE)
    ]
    other = {"text": "so bad", "dialogue": None, "turn": None, "speaker": "x"}
    found = recognise([*rows[:2], other, *rows[2:]])
    contexts = [[], ["x: how nice"], [], ["x: how nice", "y: so bad !"], ["y: so bad !", "i am sad"]]
    texts = ["how nice", "so bad !", "so bad", "i am sad", "what a day"]
    for one, text, context in zip(found, texts, contexts, strict=True):
        assert scores(one) == pytest.approx(scores(recognise(text=text, context=context)), abs=1e-6)
    with pytest.raises(ValueError, match="dialogue d: turn 0 comes after turn 1. Sort the rows by turn"):
        recognise([rows[1], rows[0]])


def test_in_a_timeline_what_was_said_stands_before_the_next(recognise):
    words = [
        {"text": "how", "timestamp": (0.0, 0.2)},
        {"text": "nice!", "timestamp": (0.2, 0.5)},
        {"text": "so", "timestamp": (0.6, 0.7)},
        {"text": "bad!", "timestamp": (0.7, 0.9)},
    ]
    chunks = recognise(words=words)["chunks"]
    alone = [recognise(text="how nice!", context=[]), recognise(text="so bad!", context=["how nice!"])]
    for chunk, one in zip(chunks, alone, strict=True):
        assert scores(chunk["predictions"]) == pytest.approx(scores(one), abs=1e-6)


def test_a_prepared_corpus_tells_the_processor_and_the_same_ids_come_out(tmp_path):
    lines = [f"{n},{text},{'sad' if n % 2 else 'angry'},{who or ''},d,{n}" for n, (text, who) in enumerate(DIALOGUE)]
    (tmp_path / "train.csv").write_text("id,text,label,speaker,dialogue,turn\n" + "\n".join(lines))
    corpus = read_corpus("csv", tmp_path, context_turns=2).to_dataset_dict()
    processor = EmoBertProcessor(tiny_feature_extractor(), tiny_tokenizer(40))
    encoder = LabelEncoder.from_dataset(corpus, "single_label_classification")
    prepare_dataset(corpus, processor, encoder, output_dir=tmp_path / "data")
    assert processor.context_turns is None  # the caller's own is not changed
    prepared = load_prepared(tmp_path / "data")
    saved = EmoBertProcessor.from_pretrained(prepared.processor_dir)
    assert saved.context_turns == 2
    rows = prepared.datasets["train"].with_format(None)
    contexts = ([], ["x: how nice"], ["x: how nice", "y: so bad !"], ["y: so bad !", "i am sad"])
    for row, turns in zip(rows, contexts, strict=True):
        text = DIALOGUE[int(row["id"])][0]
        assert saved(text=text, context=turns)["input_ids"][0] == row["input_ids"]


def test_predict_from_a_table(tmp_path, recognise, capsys):
    recognise.save_pretrained(tmp_path / "model")
    with (tmp_path / "rows.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "dialogue", "turn", "speaker"])
        writer.writerows([text, "d", turn, speaker] for turn, (text, speaker) in enumerate(DIALOGUE))
    output = tmp_path / "out.csv"
    run_command(
        "predict", ["--model", str(tmp_path / "model"), "--table", f"{tmp_path}/rows.csv", "--output", str(output)]
    )
    with output.open(newline="") as file:
        found = list(csv.DictReader(file))
    assert [row["text"] for row in found] == [text for text, _ in DIALOGUE]
    last = scores(recognise(text="what a day", context=["y: so bad !", "i am sad"]))
    assert {name.removeprefix("score_"): float(value) for name, value in found[-1].items() if "score" in name} == (
        pytest.approx(last, abs=1e-6)
    )
    with pytest.raises(ValueError, match="--context is of one text"):
        run_command("predict", ["--model", "x", "--text", "a", "b", "--context", "c"])
    with pytest.raises(ValueError, match="columns text2: one of audio, file, path or text"):
        (tmp_path / "rows.csv").write_text("text2\na\n")
        run_command("predict", ["--model", "x", "--table", f"{tmp_path}/rows.csv"])
