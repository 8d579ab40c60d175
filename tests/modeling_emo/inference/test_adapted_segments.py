"""Segments of a recording, adapted to who speaks in it."""

import numpy as np
import pytest

from modeling_emo import EmotionRecognitionPipeline, EmotionStream, adapt_to_speakers, fit_speaker_statistics
from modeling_emo.metrics.scores import predictions_to_scores
from tests.tiny import tiny_processor, tone
from tests.tiny_models import emobert


LABELS = {0: "angry", 1: "happy", 2: "sad"}
RATE = 16_000
TURNS = [
    {"start": start, "end": start + 0.5, "speaker": speaker}
    for start, speaker in ((0.0, "anna"), (0.5, "ben"), (1.0, "anna"), (1.5, "carl"), (2.0, "anna"), (2.5, "ben"))
]


@pytest.fixture(scope="module")
def recognise():
    model = emobert("moonshine", id2label=LABELS)
    rng = np.random.default_rng(0)
    labels, speakers = np.tile([0, 1, 2], 20), np.repeat(np.arange(10), 6)
    logits = 0.1 * np.eye(3)[labels] + 0.1 * rng.normal(size=(10, 3))[speakers] + 0.03 * rng.normal(size=(60, 3))
    model.config.speaker_statistics = fit_speaker_statistics(logits, labels, speakers.tolist(), model.config).to_dict()
    return EmotionRecognitionPipeline(model=model, processor=tiny_processor(), device=-1)


@pytest.fixture(scope="module")
def call():
    rng = np.random.default_rng(1)
    noise = 0.1 * rng.standard_normal(3 * RATE).astype(np.float32)
    return tone(3.0) * np.repeat([1.0, 0.2, 0.6, 0.9, 0.1, 0.5], RATE // 2).astype(np.float32) + noise


def scores_of(result):
    return np.array([[by[name] for name in LABELS.values()] for by in map(by_label, result["chunks"])])


def by_label(chunk):
    return {entry["label"]: entry["score"] for entry in chunk["predictions"]}


@pytest.mark.parametrize("shares", ["unknown", "equal"])
def test_turns_are_adapted_to_their_speakers(recognise, call, shares):
    alone = scores_of(recognise({"audio": (call, RATE), "turns": TURNS}))
    result = recognise({"audio": (call, RATE), "turns": TURNS}, adapt_to_speakers=shares, batch_size=2)
    config, speakers = recognise.model.config, [turn["speaker"] for turn in TURNS]
    expected = predictions_to_scores(adapt_to_speakers(np.log(alone), speakers, config, shares=shares), config)
    np.testing.assert_allclose(scores_of(result), expected, atol=1e-4)
    np.testing.assert_allclose(scores_of(result)[3], alone[3], atol=1e-6)  # Carl speaks once
    assert np.abs(scores_of(result) - alone).max() > 0.02
    anna = np.average(expected[[0, 2, 4]], axis=0)
    assert by_label({"predictions": result["speakers"]["anna"]})["sad"] == pytest.approx(anna[2], abs=1e-4)


def test_where_nobody_is_named_one_person_speaks(recognise, call):
    options = {"chunk_length_s": 0.5, "stride_length_s": 0.0}
    alone = scores_of(recognise((call, RATE), **options))
    adapted = scores_of(recognise((call, RATE), **options, adapt_to_speakers="equal"))
    config = recognise.model.config
    expected = predictions_to_scores(adapt_to_speakers(np.log(alone), [""] * 6, config, shares="equal"), config)
    np.testing.assert_allclose(adapted, expected, atol=1e-4)


def test_what_is_not_divided_is_refused(recognise, call):
    with pytest.raises(
        ValueError, match="an input that is not divided is one row, and there is nothing to adapt it to"
    ):
        recognise((call, RATE), adapt_to_speakers="equal")
    rows = [{"audio": (call, RATE)}, {"audio": (call, RATE), "turns": TURNS}]
    alone, divided = recognise(rows, adapt_to_speakers="equal", on_error="return")
    assert "not divided" in alone["error"]
    assert divided == recognise(rows[1], adapt_to_speakers="equal")

    def asr(sound):
        return {"text": "a b", "chunks": [{"text": "a b", "timestamp": (0.0, 1.0)}]}

    heard = recognise((call, RATE), asr=asr, transcription="recording", adapt_to_speakers="equal")
    assert [chunk["text"] for chunk in heard["chunks"]] == ["a b"]


def test_what_is_refused(recognise, call):
    with pytest.raises(ValueError, match="'unknown' or 'equal', got 'even'"):
        recognise((call, RATE), adapt_to_speakers="even")
    plain = EmotionRecognitionPipeline(
        model=emobert("moonshine", id2label=LABELS), processor=tiny_processor(), device=-1
    )
    with pytest.raises(ValueError, match="no speaker statistics"):
        plain((call, RATE), adapt_to_speakers="equal")
    adapting = EmotionRecognitionPipeline(
        model=recognise.model, processor=tiny_processor(), device=-1, adapt_to_speakers="equal"
    )
    with pytest.raises(ValueError, match="adapt_to_speakers needs the whole recording"):
        EmotionStream(adapting, sampling_rate=RATE)
