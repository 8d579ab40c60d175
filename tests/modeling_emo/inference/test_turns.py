"""A call of two voices, generated: who spoke when is known, and a second of it is silent."""

import numpy as np
import pytest
import soundfile as sf

from modeling_emo import EmotionRecognitionPipeline
from tests.tiny import tiny_processor, tone
from tests.tiny_models import emobert


LABELS = {0: "angry", 1: "happy", 2: "sad"}
RATE = 16_000
# Of the left and the right channel; the last turn is in silence.
TURNS = [
    {"start": 0.5, "end": 1.5, "speaker": "anna"},
    {"start": 1.2, "end": 2.2, "speaker": "ben"},
    {"start": 4.0, "end": 4.5, "speaker": "anna"},
    {"start": 2.6, "end": 3.6, "speaker": "ben"},
]


@pytest.fixture(scope="module")
def recognise():
    return EmotionRecognitionPipeline(
        model=emobert("moonshine", id2label=LABELS), processor=tiny_processor(), device=-1
    )


@pytest.fixture(scope="module")
def voices():
    """Float32 `(samples, 2)`: Anna's tones and Ben's noise, 5 s with digital silence between."""
    sound = np.zeros((5 * RATE, 2), dtype=np.float32)
    for start, end, channel in ((0.5, 1.5, 0), (1.2, 2.2, 1), (4.0, 4.5, 0)):
        begin, length = round(start * RATE), round((end - start) * RATE)
        noise = 0.2 * np.random.default_rng(length).standard_normal(length)
        sound[begin : begin + length, channel] = noise if channel else tone(end - start)
    return sound


@pytest.fixture(scope="module")
def call(voices, tmp_path_factory):
    path = tmp_path_factory.mktemp("calls") / "call.wav"
    sf.write(path, voices, RATE, subtype="FLOAT")
    return str(path)


def by_label(predictions):
    return {entry["label"]: entry["score"] for entry in predictions}


def means(chunks):
    weights = [chunk["timestamp"][1] - chunk["timestamp"][0] for chunk in chunks]
    rows = [by_label(chunk["predictions"]) for chunk in chunks]
    return {name: np.average([row[name] for row in rows], weights=weights) for name in rows[0]}


@pytest.mark.parametrize("batch_size", [1, 3])
def test_known_turns_have_their_speakers_and_silence_no_emotion(recognise, call, voices, batch_size):
    result = recognise({"audio": call, "turns": TURNS}, batch_size=batch_size)
    chunks = result["chunks"]
    assert [(chunk["speaker"], *chunk["timestamp"]) for chunk in chunks] == [
        ("anna", 0.5, 1.5),
        ("ben", 1.2, 2.2),
        ("ben", 2.6, 3.6),
        ("anna", 4.0, 4.5),
    ]
    assert [chunk["predictions"] is None for chunk in chunks] == [False, False, True, False]
    mix = voices.mean(axis=1)
    for chunk in (chunks[0], chunks[1], chunks[3]):
        begin, end = (round(second * RATE) for second in chunk["timestamp"])
        assert by_label(chunk["predictions"]) == pytest.approx(by_label(recognise(mix[begin:end])), abs=1e-5)
    assert list(result["speakers"]) == ["anna", "ben"]
    assert by_label(result["speakers"]["anna"]) == pytest.approx(means([chunks[0], chunks[3]]))
    assert by_label(result["speakers"]["ben"]) == pytest.approx(means([chunks[1]]))
    assert by_label(result["predictions"]) == pytest.approx(means([chunks[0], chunks[1], chunks[3]]))


def test_each_channel_is_heard_for_itself(recognise, call, voices):
    result = recognise(call, segmentation="voice", channels="each")
    spans = [(chunk["speaker"], *np.round(chunk["timestamp"], 2)) for chunk in result["chunks"]]
    # A tenth of a second of margin on either side.
    assert spans == [("channel 0", 0.4, 1.6), ("channel 1", 1.1, 2.3), ("channel 0", 3.9, 4.6)]
    alone = recognise(voices[round(0.4 * RATE) : round(1.6 * RATE), 0])
    assert by_label(result["chunks"][0]["predictions"]) == pytest.approx(by_label(alone), abs=1e-5)
    assert list(result["speakers"]) == ["channel 0", "channel 1"]
    (one,) = recognise(call, segmentation="voice", channels=1)["chunks"]
    assert by_label(one["predictions"]) == pytest.approx(by_label(result["speakers"]["channel 1"]), abs=1e-5)


def test_a_channel_in_which_nobody_speaks_has_no_emotion(recognise, voices):
    result = recognise((voices * [1, 0], RATE), channels="each")
    assert result["speakers"]["channel 1"] is None and result["predictions"] == result["speakers"]["channel 0"]


def test_turns_of_many_recordings(recognise, call, tmp_path):
    path = tmp_path / "all.rttm"
    path.write_text("SPEAKER call 1 0.5 1.0 <NA> <NA> anna <NA> <NA>\nSPEAKER other 1 0 1 <NA> <NA> cara <NA> <NA>\n")
    own = {"audio": call, "turns": TURNS[1:2]}
    first, second = recognise([call, own], turns=str(path))
    assert list(first["speakers"]) == ["anna"] and list(second["speakers"]) == ["ben"]
    assert first["chunks"] == recognise(call, turns=lambda sound: TURNS[:1])["chunks"]
    with pytest.raises(ValueError, match="There are several recordings: give each its turns"):
        recognise([call, call], turns=TURNS)


def test_only_silent_turns_have_no_emotion(recognise, call):
    result = recognise(call, turns=TURNS[3:])
    assert result["predictions"] is None and result["speakers"] == {"ben": None}


def test_speakers_of_words(recognise, call):
    words = [
        {"text": "how nice", "timestamp": (0.5, 1.2), "speaker": "anna"},
        {"text": "so sad", "timestamp": (1.3, 2.2), "speaker": "ben"},
    ]
    result = recognise({"audio": call, "words": words})
    assert [(chunk["speaker"], chunk["text"]) for chunk in result["chunks"]] == [
        ("anna", "how nice"),
        ("ben", "so sad"),
    ]
    turns = recognise({"audio": call, "words": words, "turns": TURNS[:2]}, return_text=True)
    assert [chunk["text"] for chunk in turns["chunks"]] == ["how nice", "so sad"]
    assert turns["text"] == "how nice so sad"
