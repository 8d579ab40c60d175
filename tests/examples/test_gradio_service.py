"""What the page is told of a recording and a text: limits, timeline, recognised text, progress."""

import json

import numpy as np
import pytest
import torch
from transformers import Wav2Vec2Config, Wav2Vec2CTCTokenizer, Wav2Vec2ForCTC

from modeling_emo import EmotionRecognitionPipeline
from tests.examples.gradio_server import save_tiny_model
from tests.tiny import tiny_feature_extractor, tiny_processor, write_tone
from tests.tiny_models import CONVOLUTIONS, TRANSFORMER, emobert


pytest.importorskip("gradio", reason="needs gradio: pip install 'emobert[test]'")


@pytest.fixture(scope="module")
def recognise():
    return EmotionRecognitionPipeline(model=emobert("moonshine"), processor=tiny_processor(), device=-1)


@pytest.fixture
def build(recognise):
    from commands_emo.serving.service import EmotionService

    return lambda asr=None, **limits: EmotionService(recognise, asr, **{"chunk_length_s": 1.0, **limits})


@pytest.fixture
def short(tmp_path):
    write_tone(tmp_path / "short.wav", 0.7, rate=22_050, channels=2)
    return tmp_path / "short.wav"


@pytest.fixture
def long(tmp_path):
    write_tone(tmp_path / "long.wav", 4.0)
    return tmp_path / "long.wav"


def values(predictions):
    return {entry["label"]: pytest.approx(entry["score"], abs=1e-5) for entry in predictions}


def as_dict(predictions):
    return {entry["label"]: entry["score"] for entry in predictions}


class TestAnalysis:
    def test_of_an_utterance(self, build, recognise, short):
        analysis = build().analyse(short, " so happy ")
        assert as_dict(analysis.predictions) == values(recognise({"audio": str(short), "text": "so happy"}))
        assert (analysis.text, analysis.timeline, analysis.notes) == ("so happy", None, [])

    def test_of_a_text(self, build, recognise):
        assert as_dict(build().analyse(None, "so sad").predictions) == values(recognise({"text": "so sad"}))

    def test_of_a_recording_is_a_timeline(self, build, recognise, long):
        analysis = build().analyse(long, "  ")
        expected = recognise({"audio": str(long)}, chunk_length_s=1.0)
        assert as_dict(analysis.predictions) == values(expected["predictions"])
        spans = [chunk["timestamp"] for chunk in analysis.timeline["chunks"]]
        assert spans == [chunk["timestamp"] for chunk in expected["chunks"]] and len(spans) == 6
        assert analysis.notes == []

    def test_a_text_counts_for_the_scores_but_has_no_place_in_the_timeline(self, build, recognise, long):
        analysis = build().analyse(long, "so happy")
        assert as_dict(analysis.predictions) == values(recognise({"audio": str(long), "text": "so happy"}))
        assert all(chunk["text"] is None for chunk in analysis.timeline["chunks"])
        assert analysis.notes == [
            "The transcript has no times: the scores are of sound and text, the timeline of the sound alone."
        ]

    def test_beyond_an_utterance_a_text_is_left_out_and_that_is_said(self, build, recognise, long, monkeypatch):
        monkeypatch.setattr("commands_emo.serving.service.UTTERANCE_SECONDS", 3.0)
        analysis = build().analyse(long, "so happy")
        expected = recognise({"audio": str(long)}, chunk_length_s=1.0)["predictions"]
        assert as_dict(analysis.predictions) == values(expected) and analysis.text is None
        assert "longer than 3 s: scores and timeline are of the sound alone." in analysis.notes[0]

    def test_progress_grows_window_by_window(self, build, long):
        shares = []
        build().analyse(long, None, shares.append)
        np.testing.assert_allclose(shares, np.arange(6) / 6, atol=1e-9)

    def test_recognised_text_counts_and_is_shown(self, build, recognise, short, long):
        service = build(asr=lambda heard: {"text": " so sad "})
        analysis = service.analyse(short, None)
        assert as_dict(analysis.predictions) == values(recognise({"audio": str(short), "text": "so sad"}))
        assert analysis.text == "so sad"
        assert service.analyse(short, "so happy").text == "so happy"
        timeline = service.analyse(long, None).timeline
        assert [chunk["text"] for chunk in timeline["chunks"]] == ["so sad"] * 6


def test_loads_a_model_and_a_speech_recogniser(tmp_path, short):
    from commands_emo import ServeArguments
    from commands_emo.serving.app import load_service

    folder = save_tiny_model(tmp_path / "model")
    vocabulary = {"<pad>": 0, "<unk>": 1, "|": 2, "a": 3}
    (tmp_path / "vocab.json").write_text(json.dumps(vocabulary), encoding="utf-8")
    Wav2Vec2CTCTokenizer(str(tmp_path / "vocab.json")).save_pretrained(tmp_path / "asr")
    tiny_feature_extractor().save_pretrained(tmp_path / "asr")
    recogniser = Wav2Vec2ForCTC(Wav2Vec2Config(**{**TRANSFORMER, **CONVOLUTIONS, "vocab_size": 4}))
    with torch.no_grad():
        recogniser.lm_head.bias[3] = 100.0  # it always hears an a
    recogniser.save_pretrained(tmp_path / "asr")

    service = load_service(ServeArguments(model=str(folder), asr=str(tmp_path / "asr"), max_text_length=7))
    assert service.analyse(short, None).text == "a"
    assert (service.max_text_length, service.forward_batch_size) == (7, 4)


def test_without_the_demos_model_it_says_how_to_get_one(tmp_path, monkeypatch):
    from commands_emo import ServeArguments
    from commands_emo.serving.app import load_service

    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match="no model in outputs/demo: run `make demo`, or give --model"):
        load_service(ServeArguments(model="outputs/demo"))


class TestLimits:
    def test_of_length_of_text_and_of_nothing(self, build, short):
        service = build(max_audio_seconds=0.5, max_text_length=5)
        with pytest.raises(ValueError, match=r"The recording is 0\.7 s long, the limit is 0\.5 s"):
            service.analyse(short, None)
        with pytest.raises(ValueError, match="The text has 6 characters, the limit is 5"):
            service.analyse(None, "so sad")
        with pytest.raises(ValueError, match="There is neither sound nor text. Record or upload"):
            service.analyse(None, " \n")

    def test_what_can_be_explained(self, build, long, monkeypatch):
        service = build()
        sound, rate = service.read_single_utterance(long, "x")["audio"]
        assert len(sound) / rate == 4.0
        monkeypatch.setattr("commands_emo.serving.service.UTTERANCE_SECONDS", 3.0)
        with pytest.raises(ValueError, match=r"Recordings of up to 3 s can be explained, this one has 4\.0 s"):
            service.read_single_utterance(long, None)

    def test_an_error_names_the_file_and_not_its_place(self, build, tmp_path):
        (tmp_path / "broken.wav").write_bytes(b"RIFF")
        with pytest.raises(ValueError) as caught:
            build().analyse(tmp_path / "broken.wav", None)
        assert str(caught.value).startswith("broken.wav: ") and str(tmp_path) not in str(caught.value)

    def test_arguments(self, monkeypatch):
        from commands_emo import ServeArguments

        monkeypatch.setenv("EMOBERT_MODEL", "my/model")
        assert (ServeArguments().model, ServeArguments().asr) == ("my/model", None)
        with pytest.raises(ValueError, match=r"max_audio_seconds must be positive, got -1\."):
            ServeArguments(max_audio_seconds=-1)


class TestBadRequests:
    GOOD = {"text": "how nice"}

    @pytest.mark.parametrize(
        ("bad", "said"),
        [
            ({"words": 5}, "must be a list of one word or more"),
            ({"words": [{"text": "a", "timestamp": ["inf", None]}]}, "starts at 0 or later"),
            ({"text": 5}, "`text` must be a text"),
            ({"audio": {"path": "a\0b"}}, "must be an uploaded file"),
            (5, "A request is a dict"),
        ],
    )
    def test_harm_no_neighbour(self, build, bad, said):
        service = build()
        (alone,) = service.predict_batch([self.GOOD])
        first, answer, last = service.predict_batch([self.GOOD, bad, self.GOOD])
        assert said in answer["error"] and set(answer) == {"error"}
        assert as_dict(first["predictions"]) == as_dict(last["predictions"]) == values(alone["predictions"])
        assert service.counts == {"requests": 4, "batches": 2, "errors": 1}

    def test_what_fails_inside_is_not_told_to_strangers(self, build, long, monkeypatch):
        def load_broken(path, rate, max_seconds):
            raise AttributeError(f"'AudioStream' object of {path} has no attribute 'rate'")

        monkeypatch.setattr("commands_emo.serving.service.load_bounded_audio", load_broken)
        with pytest.raises(ValueError, match=r"^long\.wav: It cannot be read \(AttributeError\)\.$"):
            build().read_utterance(long, None)

    def test_those_that_fail_together_are_tried_alone(self, build, recognise, monkeypatch):
        pad = recognise.processor.pad

        def refuse_rows(utterances, *args, **kwargs):
            if any(len(utterance.token_ids) > 5 for utterance in utterances):
                raise RuntimeError("out of memory")
            return pad(utterances, *args, **kwargs)

        monkeypatch.setattr(recognise.processor, "pad", refuse_rows)
        first, answer, last = build().predict_batch([self.GOOD, {"text": "i am so so so so sad"}, self.GOOD])
        assert answer == {"error": "It cannot be read (RuntimeError)."}
        assert as_dict(first["predictions"]) == as_dict(last["predictions"]) == values(recognise(self.GOOD))


class TestGauge:
    def test_puts_the_mark_on_the_scale(self):
        from commands_emo.serving.gauge import gauge_html

        html = gauge_html([{"label": "sentiment", "score": 2.0}], (-4, 4))
        assert "+2.00" in html and "left: 75.0%" in html
        assert ">-4<" in html and ">0<" in html and ">+4<" in html

    def test_stays_on_the_scale_and_does_without_one(self):
        from commands_emo.serving.gauge import gauge_html

        assert "left: 100.0%" in gauge_html([{"label": "valence", "score": 9.0}], (-4, 4))
        html = gauge_html([{"label": "a", "score": -1.0}, {"label": "b", "score": 1.0}], None)
        assert html.count("gauge-value") == 2 and "left:" not in html

    def test_a_label_is_text(self):
        from commands_emo.serving.gauge import gauge_html

        assert "<script>" not in gauge_html([{"label": "<script>", "score": 0.0}], None)
