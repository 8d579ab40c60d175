"""Live sound is predicted as the whole recording is, segment by segment."""

import numpy as np
import pytest

from modeling_emo import EmotionRecognitionPipeline, EmotionStream
from tests.tiny import tiny_processor, tone
from tests.tiny_models import emobert


RATE = 16_000
LABELS = {0: "angry", 1: "happy", 2: "sad"}


@pytest.fixture(scope="module")
def recognise():
    return EmotionRecognitionPipeline(
        model=emobert("moonshine", id2label=LABELS), processor=tiny_processor(), device=-1
    )


def call(rate=RATE):
    """Three bursts, the second of them long."""
    quiet = 0.002 * np.random.default_rng(0).standard_normal(round(9 * rate))
    for start, seconds in ((0.5, 0.8), (2.2, 2.9), (7.0, 0.4)):
        quiet[round(start * rate) : round(start * rate) + round(seconds * rate)] += tone(seconds, rate)
    return quiet.astype(np.float32)


def events_of(stream, sound, length):
    events = [event for begin in range(0, len(sound), length) for event in stream.feed(sound[begin : begin + length])]
    return events + stream.close()


def scores(predictions):
    return {entry["label"]: entry["score"] for entry in predictions}


class TestNumbers:
    @pytest.mark.parametrize(("length", "rate"), [(160, RATE), (1_111, 44_100), (10**6, RATE)])
    def test_are_those_of_the_whole_recording(self, recognise, length, rate):
        sound, options = call(rate), {"chunk_length_s": 1.5, "voice_detector": "causal"}
        stream = EmotionStream(recognise, sampling_rate=rate, **options)
        events = events_of(stream, sound, length)
        offline = recognise((sound, rate), segmentation="voice", **options)
        assert len(events) == len(offline["chunks"]) == 5
        for event, chunk in zip(events, offline["chunks"], strict=True):
            assert event["timestamp"] == chunk["timestamp"] and event["text"] is chunk["text"] is None
            assert scores(event["predictions"]) == pytest.approx(scores(chunk["predictions"]), abs=1e-12)
        assert scores(events[-1]["so_far"]) == pytest.approx(scores(offline["predictions"]), abs=1e-12)
        assert stream.so_far == events[-1]["so_far"] and stream.seconds == len(sound) / rate

    def test_so_far_is_the_mean_by_duration(self, recognise):
        events = events_of(EmotionStream(recognise), call(), 8_000)
        totals, seconds = dict.fromkeys(LABELS.values(), 0.0), 0.0
        for event in events:
            start, end = event["timestamp"]
            seconds += end - start
            for label, score in scores(event["predictions"]).items():
                totals[label] += (end - start) * score
            expected = {label: total / seconds for label, total in totals.items()}
            assert scores(event["so_far"]) == pytest.approx(expected, abs=1e-12)
        assert len(events) == 3

    def test_of_regression_keep_their_order(self):
        dimensions = {"id2label": {0: "valence", 1: "arousal"}, "problem_type": "regression", "num_labels": 2}
        model = emobert("moonshine", **dimensions)
        events = events_of(EmotionStream(model, tiny_processor(), top_k=1), call(), 4_000)
        assert [entry["label"] for entry in events[0]["so_far"]] == ["valence", "arousal"]


class TestOptions:
    def test_of_the_pipeline_hold_but_those_that_divide(self):
        recognise = EmotionRecognitionPipeline(
            model=emobert("moonshine", id2label=LABELS),
            processor=tiny_processor(),
            device=-1,
            chunk_length_s=0.3,
            labels={"angry": "anger", "sad": "sorrow"},
            top_k=1,
            abstain_below=1.0,
            asr=lambda heard: "so sad",
        )
        events = events_of(EmotionStream(recognise, voice_detector="causal"), call(), 8_000)
        options = {"segmentation": "voice", "voice_detector": "causal", "chunk_length_s": 30.0}
        offline = recognise((call(), RATE), **options)
        for event, chunk in zip(events, offline["chunks"], strict=True):
            assert scores(event["predictions"]) == pytest.approx(scores(chunk["predictions"]), abs=1e-12)
        assert [event["label"] for event in events] == [None] * 3 and events[0]["abstained"]
        assert events[0]["text"] == "so sad" and len(events[0]["predictions"]) == len(events[0]["so_far"]) == 1
        assert events[-1]["so_far"][0]["label"] == offline["predictions"][0]["label"]
        assert events[-1]["so_far"][0]["score"] == pytest.approx(offline["predictions"][0]["score"], abs=1e-12)

    def test_of_the_pipeline_are_public(self):
        def hear(heard):
            return "so sad"

        made = {"chunk_length_s": 0.3, "top_k": 1, "return_embeddings": True, "asr": hear, "abstain_below": 0.5}
        recognise = EmotionRecognitionPipeline(
            model=emobert("moonshine", id2label=LABELS), processor=tiny_processor(), device=-1, labels=["sad"], **made
        )
        options = recognise.options
        assert options.pop("labels").names == ["sad"] and options == made

    def test_embeddings(self, recognise):
        events = events_of(EmotionStream(recognise, return_embeddings=True), call(), 8_000)
        options = {"segmentation": "voice", "voice_detector": "causal", "return_embeddings": True}
        offline = recognise((call(), RATE), **options)["chunks"]
        for event, chunk in zip(events, offline, strict=True):
            np.testing.assert_array_equal(event["embeddings"]["speech"], chunk["embeddings"]["speech"])

    def test_what_is_wrong_is_said(self, recognise):
        with pytest.raises(ValueError, match="needs a pipeline, or a model and its processor"):
            EmotionStream(recognise.model)
        with pytest.raises(ValueError, match="has a processor of its own"):
            EmotionStream(recognise, recognise.processor)
        with pytest.raises(ValueError, match="top_k must be a whole number of at least 1, got 0"):
            EmotionStream(recognise, top_k=0)
        with pytest.raises(ValueError, match="'energy', which needs all of it"):
            EmotionStream(recognise, voice_detector="energy")


@pytest.mark.parametrize("of_pipeline", [True, False])
def test_it_abstains_below_a_threshold(recognise, of_pipeline):
    best = [max(scores(event["predictions"]).values()) for event in events_of(EmotionStream(recognise), call(), 8_000)]
    options = {"abstain_below": np.mean([min(best), max(best)]).item()}
    if of_pipeline:
        recognise = EmotionRecognitionPipeline(
            model=recognise.model, processor=recognise.processor, device=-1, **options
        )
        options = {}
    events = events_of(EmotionStream(recognise, **options), call(), 8_000)
    assert {event["abstained"] for event in events} == {True, False}
    assert all((event["label"] is None) == event["abstained"] for event in events)
    assert [max(scores(event["predictions"]).values()) for event in events] == best
    silent = EmotionStream(recognise, chunk_length_s=1, **options).feed(np.zeros(3 * RATE, np.float32))
    assert all(event["label"] is None and not event["abstained"] for event in silent)


def test_silence_has_no_emotion(recognise):
    stream = EmotionStream(recognise)
    assert events_of(stream, np.zeros(5 * RATE, dtype=np.float32), 1_600) == []
    assert stream.so_far is None and stream.kept_seconds == 0


def test_little_is_kept(recognise):
    stream, most, sound = EmotionStream(recognise, chunk_length_s=2.0), 0.0, tone(20.0)
    for begin in range(0, len(sound), 1_600):
        stream.feed(sound[begin : begin + 1_600])
        most = max(most, stream.kept_seconds)
    assert 2.0 <= most < 3.0


@pytest.mark.parametrize("labels", [["bored"], [], "happy"])
def test_labels_that_the_model_has_not_are_refused_at_once(recognise, labels):
    with pytest.raises(ValueError, match="labels must be some of angry, happy, sad"):
        EmotionStream(recognise, labels=labels)
