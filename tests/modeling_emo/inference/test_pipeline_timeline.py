"""Timelines of the pipeline: windows, sentences, and stretches in which nothing can be heard."""

import json

import numpy as np
import pytest

from tests.modeling_emo.inference.test_pipeline import LABELS, by_label, expected_logits, recognise  # noqa: F401
from tests.tiny import tone, write_tone


class TestTimeline:
    def test_each_window_is_predicted_with_its_context(self, recognise):  # noqa: F811
        sound = tone(3.1)
        result = recognise({"audio": sound}, chunk_length_s=1.0, stride_length_s=0.2, batch_size=2)
        spans = [chunk["timestamp"] for chunk in result["chunks"]]
        assert np.allclose(spans, [(0, 0.8), (0.8, 1.4), (1.4, 2.0), (2.0, 2.6), (2.6, 3.1)])
        windows = [sound[:16_000], sound[9_600:25_600], sound[19_200:35_200], sound[28_800:44_800], sound[-16_000:]]
        for chunk, window in zip(result["chunks"], windows, strict=True):
            scores = expected_logits(recognise, audio=window).softmax(-1).tolist()
            predictions = by_label(chunk["predictions"])
            assert [predictions[name] for name in LABELS.values()] == pytest.approx(scores, abs=1e-5)
            assert chunk["text"] is None
        for name in LABELS.values():
            scores = [by_label(chunk["predictions"])[name] for chunk in result["chunks"]]
            mean = np.average(scores, weights=[end - start for start, end in spans])
            assert by_label(result["predictions"])[name] == pytest.approx(mean)

    def test_sentences_with_times(self, recognise, tmp_path):  # noqa: F811
        sound = write_tone(tmp_path / "a.wav", 2.0, subtype="FLOAT")
        words = [
            {"text": " how", "timestamp": (0.1, 0.3)},
            {"text": " nice!", "timestamp": (0.3, 0.7)},
            {"text": " bad", "timestamp": (1.2, None)},
        ]
        result = recognise({"audio": str(tmp_path / "a.wav"), "words": words}, top_k=1)
        assert [(chunk["text"], chunk["timestamp"]) for chunk in result["chunks"]] == [
            ("how nice!", (0.1, 0.7)),
            ("bad", (1.2, 2.0)),
        ]
        for chunk, piece in zip(result["chunks"], [sound[1_600:11_200], sound[19_200:]], strict=True):
            scores = expected_logits(recognise, text=chunk["text"], audio=piece).softmax(-1)
            (prediction,) = chunk["predictions"]
            assert prediction["score"] == pytest.approx(scores.max().item(), abs=1e-5)
        assert json.loads(json.dumps(result))["chunks"][0]["timestamp"] == [0.1, 0.7]

    def test_several_recordings_in_one_batch(self, recognise):  # noqa: F811
        inputs = [{"audio": tone(2.3)}, {"audio": tone(0.4)}, {"audio": tone(1.2)}]
        together = recognise(list(inputs), chunk_length_s=0.5, batch_size=4)
        for one, result in zip(inputs, together, strict=True):
            alone = recognise(one, chunk_length_s=0.5)
            assert [chunk["timestamp"] for chunk in result["chunks"]] == [
                chunk["timestamp"] for chunk in alone["chunks"]
            ]
            assert by_label(result["predictions"]) == pytest.approx(by_label(alone["predictions"]), abs=1e-5)


class TestSilence:
    @pytest.fixture
    def sound(self):
        """A second of tone, one of dither over an offset, half a second of tone."""
        dither = np.random.default_rng(0).integers(0, 3, 16_000) / 32768 + 0.25
        return np.concatenate([tone(1.0), dither, tone(0.5)]).astype(np.float32)

    @pytest.mark.parametrize("batch_size", [1, 2, 4])
    def test_a_silent_window_has_no_emotion_and_no_weight(self, recognise, sound, batch_size):  # noqa: F811
        options = {"chunk_length_s": 0.5, "stride_length_s": 0.0, "batch_size": batch_size}
        result = recognise(sound, return_embeddings=True, **options)
        silent = [chunk["predictions"] is None for chunk in result["chunks"]]
        assert silent == [False, False, True, True, False]
        assert [chunk["embeddings"] is None for chunk in result["chunks"]] == silent
        heard = [chunk for chunk, none in zip(result["chunks"], silent, strict=True) if not none]
        for name in LABELS.values():
            mean = np.mean([by_label(chunk["predictions"])[name] for chunk in heard])
            assert by_label(result["predictions"])[name] == pytest.approx(mean)
        fused = np.mean([chunk["embeddings"]["fused"] for chunk in heard], axis=0)
        np.testing.assert_allclose(result["embeddings"]["fused"], fused, atol=1e-6)
        assert json.loads(json.dumps(recognise(sound, **options)))["chunks"][2]["predictions"] is None

    def test_a_window_counts_for_itself_and_not_for_the_context_it_hears(self, recognise, sound):  # noqa: F811
        result = recognise(sound, chunk_length_s=1.0, stride_length_s=0.25)
        silent = [chunk["timestamp"] for chunk in result["chunks"] if chunk["predictions"] is None]
        assert silent == [(1.25, 1.75)]

    def test_a_recogniser_s_words_in_silence_are_not_scored(self, recognise, sound):  # noqa: F811
        words = [{"text": "how nice.", "timestamp": (0.2, 0.8)}, {"text": "bad.", "timestamp": (1.2, 1.8)}]
        first, second = recognise({"audio": sound, "words": words})["chunks"]
        assert first["predictions"] is not None and second == {**second, "text": "bad.", "predictions": None}

    def test_silent_windows_are_not_transcribed(self, recognise, sound):  # noqa: F811
        heard = []
        recognise(
            sound, chunk_length_s=0.5, stride_length_s=0, asr=lambda given: heard.append(len(given["raw"])) or "a"
        )
        assert heard == [8_000] * 3

    def test_silence_throughout_is_an_error(self, recognise):  # noqa: F811
        with pytest.raises(ValueError, match="silent throughout"):
            recognise(np.zeros(16_000, dtype=np.float32), chunk_length_s=0.5)
