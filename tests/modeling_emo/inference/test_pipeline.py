import functools
import json
import re
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
import soundfile as sf
import torch
from transformers import (
    AutomaticSpeechRecognitionPipeline,
    Wav2Vec2Config,
    Wav2Vec2CTCTokenizer,
    Wav2Vec2ForCTC,
    pipeline,
)

import preprocess  # noqa: F401  registers the processor
from modeling_emo import EmotionRecognitionPipeline
from tests.tiny import tiny_feature_extractor, tiny_processor, tone, write_tone
from tests.tiny_models import CONVOLUTIONS, TRANSFORMER, emobert


LABELS = {0: "angry", 1: "happy", 2: "sad"}


def build(family="moonshine", kind="waveform", **config):
    model = emobert(family, **{"id2label": LABELS, **config})
    return EmotionRecognitionPipeline(model=model, processor=tiny_processor(kind), device=-1)


@pytest.fixture(scope="module")
def recognise():
    return build()


def expected_logits(recognise, text=None, audio=None):
    inputs = recognise.processor(
        text=None if text is None else [text], audio=None if audio is None else [audio], sampling_rate=16_000
    )
    inputs = inputs.convert_to_tensors("pt")
    with torch.no_grad():
        return recognise.model(**inputs).logits[0]


def by_label(predictions):
    return {entry["label"]: entry["score"] for entry in predictions}


class TestInputs:
    def test_everything_that_holds_a_sound_gives_the_same(self, recognise, tmp_path):
        sound = write_tone(tmp_path / "a.wav", 0.5, subtype="FLOAT")
        content = (tmp_path / "a.wav").read_bytes()
        expected = expected_logits(recognise, audio=sound).softmax(-1).tolist()
        path = str(tmp_path / "a.wav")
        for given in (
            path,
            content,
            sound,
            {"audio": path},
            {"audio": tmp_path / "a.wav"},
            {"audio": content},
            {"audio": (sound, 16_000)},
            {"audio": torch.from_numpy(sound)},
            {"audio": {"array": sound, "sampling_rate": 16_000}},
            {"array": sound, "sampling_rate": 16_000},
            {"path": None, "bytes": content},
        ):
            scores = by_label(recognise(given))
            assert [scores[name] for name in LABELS.values()] == pytest.approx(expected, abs=1e-6), given

    def test_an_address(self, recognise, tmp_path):
        write_tone(tmp_path / "a.wav", 0.5)
        handler = functools.partial(SimpleHTTPRequestHandler, directory=tmp_path)
        with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            address = f"http://127.0.0.1:{server.server_port}"
            assert recognise(f"{address}/a.wav") == recognise(str(tmp_path / "a.wav"))
            with pytest.raises(ValueError, match="b.wav: cannot be fetched"):
                recognise({"audio": f"{address}/b.wav"})
            server.shutdown()

    def test_text_only_and_both(self, recognise):
        sound = tone(0.4)
        for inputs in ({"text": "how nice"}, {"text": "how nice", "audio": sound}):
            expected = expected_logits(recognise, **inputs).softmax(-1)
            assert recognise(inputs)[0]["score"] == pytest.approx(expected.max().item(), abs=1e-6)
            assert recognise(inputs)[0]["label"] == LABELS[int(expected.argmax())]

    @pytest.mark.parametrize(
        ("family", "kind"), [("moonshine", "waveform"), ("whisper", "whisper"), ("wav2vec2-group-norm", "normalized")]
    )
    def test_ragged_batches_equal_single_calls(self, family, kind):
        recognise = build(family, kind)
        inputs = [
            {"audio": tone(0.3), "text": "how nice"},
            {"text": "a bad day"},
            {"audio": tone(0.9)},
            {"audio": tone(0.5), "text": " "},
            {"audio": tone(0.2), "text": "i am so sad !"},
        ]
        alone = [by_label(recognise(one)) for one in inputs]
        for batch_size in (1, 2, 4, 8):
            together = recognise(list(inputs), batch_size=batch_size)
            for one, other in zip(alone, map(by_label, together), strict=True):
                assert other == pytest.approx(one, abs=1e-5)
        assert [by_label(result) for result in recognise((one for one in inputs), batch_size=2)] == [
            pytest.approx(one, abs=1e-5) for one in alone
        ]

    @pytest.mark.parametrize(
        ("given", "message"),
        [
            ({}, "neither audio nor text"),
            ({"audio": None, "text": None}, "neither audio nor text"),
            ({"sound": "a.wav"}, "Unknown input sound: pass a dict with some of audio, text, words"),
            ("absent.wav", "absent.wav: there is no such file"),
            ({"audio": np.zeros(5, dtype=np.float32), "text": 3}, "The text must be a string, got 3"),
        ],
    )
    def test_wrong_inputs(self, recognise, given, message):
        with pytest.raises(ValueError, match=message):
            recognise(given)

    def test_an_error_can_be_a_result_and_harms_no_neighbour(self, recognise, tmp_path):
        write_tone(tmp_path / "long.flac", 5.0)
        content = (tmp_path / "long.flac").read_bytes()
        (tmp_path / "cut.flac").write_bytes(content[: len(content) // 2])
        inputs = ["absent.wav", {"text": "how nice"}, str(tmp_path / "cut.flac"), {"audio": tone(0.4)}, {}]
        for batch_size in (1, 3, 8):
            options = {"on_error": "return", "batch_size": batch_size}
            results = recognise(list(inputs), **options)
            assert "no such file" in results[0]["error"]
            assert by_label(results[1]) == pytest.approx(by_label(recognise(inputs[1])), abs=1e-5)
            assert "damaged or cut short" in results[2]["error"]
            assert by_label(results[3]) == pytest.approx(by_label(recognise(inputs[3])), abs=1e-5)
            assert "neither audio nor text" in results[4]["error"]
            assert "cut short" in recognise(inputs[2], chunk_length_s=0.5, **options)["error"]

    @pytest.mark.parametrize(
        ("given", "said"),
        [
            ({"text": "how nice", "words": 5}, "not both"),
            ({"words": 5}, "must be a list of one word or more"),
            ({"words": [{"text": "a", "timestamp": (float("inf"), None)}]}, "starts at 0 or later"),
            (
                {"audio": (np.zeros(8000, np.float32), 16_000), "words": [{"text": "a", "timestamp": (1e308, None)}]},
                "Word 0 needs a text, and a time in seconds",
            ),
            ({"audio": {"array": np.zeros(8000), "sampling_rate": "16000"}}, "positive whole number of Hz"),
            ("a transcript that stands in the wrong column " * 99, "there is no such file. Check the path"),
            ({"audio": "a transcript that stands in the wrong column " * 99}, "this cannot be a path"),
            ("a\0b.wav", "there is no such file"),
            ({"audio": (np.array([0.5, "x"], dtype=object), 16_000)}, "samples must be floats, int8, int16"),
        ],
    )
    def test_whatever_goes_wrong_in_reading_is_a_value_error(self, recognise, given, said):
        with pytest.raises(ValueError, match=re.escape(said)):
            recognise(given)
        results = recognise([{"text": "how nice"}, given, {"text": "how nice"}], on_error="return", batch_size=3)
        assert said in results[1]["error"]
        assert (
            by_label(results[0])
            == by_label(results[2])
            == pytest.approx(by_label(recognise({"text": "how nice"})), rel=1e-5)
        )

    @pytest.mark.parametrize(
        ("given", "name"),
        [
            ("{folder}/call.wav", "{folder}/call.wav"),
            ({"audio": "{folder}/call.wav"}, "{folder}/call.wav"),
            ({"audio": {"path": "{folder}/call.wav"}}, "{folder}/call.wav"),
            ({"audio": tone(0.4)}, "The audio in memory"),
        ],
    )
    def test_an_error_of_another_kind_gets_the_input_s_name(self, recognise, tmp_path, given, name):
        write_tone(tmp_path / "call.wav", 0.4)

        def filled(value):
            if isinstance(value, dict):
                return {key: filled(one) for key, one in value.items()}
            return value.format(folder=tmp_path) if isinstance(value, str) else value

        def broken(heard):
            raise RuntimeError("out of memory")

        given, name = filled(given), filled(name)
        said = f"{name} cannot be read (RuntimeError: out of memory). Correct it or leave it out."
        with pytest.raises(ValueError, match=re.escape(said)) as caught:
            recognise(given, asr=broken)
        assert isinstance(caught.value.__cause__, RuntimeError)
        assert recognise(given, asr=broken, on_error="return") == {"error": said}

    def test_rate_and_samples_in_either_order(self, recognise):
        stereo = np.stack([tone(0.4, rate=8000)] * 2, axis=1)
        expected = by_label(recognise({"audio": (stereo, 8000)}))
        assert by_label(recognise({"audio": (8000, stereo)})) == expected
        assert by_label(recognise({"audio": (8000, (stereo * 32767).astype(np.int16))})) == pytest.approx(
            expected, abs=1e-3
        )


class TestScores:
    INPUT = {"text": "how nice", "audio": tone(0.4)}

    @pytest.mark.parametrize(
        ("problem_type", "to_scores"),
        [
            ("single_label_classification", lambda logits: logits.softmax(-1)),
            ("multi_label_classification", lambda logits: logits.sigmoid()),
            ("one_vs_rest_classification", lambda logits: logits.softmax(-1)[:, 1]),
        ],
    )
    def test_probabilities_are_ranked(self, problem_type, to_scores):
        recognise = build(problem_type=problem_type)
        scores = dict(zip(LABELS.values(), to_scores(expected_logits(recognise, **self.INPUT)).tolist(), strict=True))
        result = recognise(self.INPUT)
        assert by_label(result) == pytest.approx(scores, abs=1e-6)
        assert [entry["label"] for entry in result] == sorted(scores, key=lambda name: -scores[name])
        assert recognise(self.INPUT, top_k=2) == result[:2]

    def test_predicted_values_keep_their_order(self):
        recognise = build(problem_type="regression", num_labels=2, id2label={0: "valence", 1: "arousal"})
        expected = expected_logits(recognise, **self.INPUT).tolist()
        result = recognise(self.INPUT, top_k=1)
        assert [entry["label"] for entry in result] == ["valence", "arousal"]
        assert [entry["score"] for entry in result] == pytest.approx(expected, abs=1e-6)

    def test_labels_are_restricted_and_renamed(self, recognise):
        scores = by_label(recognise(self.INPUT))
        result = by_label(recognise(self.INPUT, labels={"angry": "negative", "sad": "negative", "happy": "positive"}))
        assert result == pytest.approx({"negative": scores["angry"] + scores["sad"], "positive": scores["happy"]})
        kept = by_label(recognise(self.INPUT, labels=["sad", "happy"]))
        assert kept["sad"] == pytest.approx(scores["sad"] / (scores["sad"] + scores["happy"]))
        with pytest.raises(ValueError, match="some of angry, happy, sad"):
            recognise(self.INPUT, labels=["angy"])

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"top_k": 0}, "top_k must be a whole number of at least 1"),
            ({"topk": 2}, "Unknown option topk"),
            ({"asr": "whisper"}, "asr must be callable"),
            ({"on_error": "ignore"}, "on_error must be"),
        ],
    )
    def test_wrong_options(self, recognise, options, message):
        with pytest.raises(ValueError, match=message):
            recognise(self.INPUT, **options)


class TestSpeechRecognition:
    def test_a_missing_transcript_is_recognised(self, recognise):
        heard = []

        def asr(sound):
            heard.append((len(sound["raw"]), sound["sampling_rate"]))
            return {"text": " how nice "}

        result = recognise([tone(0.4), {"audio": tone(0.3), "text": "so sad"}], asr=asr, return_text=True)
        assert heard == [(6_400, 16_000)]
        assert [entry["text"] for entry in result] == ["how nice", "so sad"]
        assert result[0]["predictions"] == recognise({"audio": tone(0.4), "text": "how nice"})

    def test_each_window_hears_for_itself_and_silence_has_no_text(self, recognise):
        answers = iter(["how nice", "  ", "bad"])
        result = recognise(
            tone(1.5), asr=lambda sound: next(answers), chunk_length_s=0.5, stride_length_s=0, return_text=True
        )
        assert [chunk["text"] for chunk in result["chunks"]] == ["how nice", None, "bad"]
        assert result["text"] == "how nice bad"
        middle = recognise({"audio": tone(1.5)[8_000:16_000]})
        assert by_label(result["chunks"][1]["predictions"]) == pytest.approx(by_label(middle), abs=1e-5)

    def test_a_transformers_pipeline(self, recognise, tmp_path):
        """A real one over a tiny model that always hears the same."""
        letters = {"<pad>": 0, "|": 1, "<unk>": 2, "a": 3}
        (tmp_path / "vocab.json").write_text(json.dumps(letters))
        tokenizer = Wav2Vec2CTCTokenizer(str(tmp_path / "vocab.json"))
        model = Wav2Vec2ForCTC(Wav2Vec2Config(**{**TRANSFORMER, **CONVOLUTIONS, "vocab_size": 4})).eval()
        with torch.no_grad():
            model.lm_head.bias[3] = 100.0
        asr = AutomaticSpeechRecognitionPipeline(
            model=model, tokenizer=tokenizer, feature_extractor=tiny_feature_extractor(), device=-1
        )
        result = recognise({"audio": tone(0.4)}, asr=asr, return_text=True)
        assert result["text"] == "a"
        assert result["predictions"] == recognise({"audio": tone(0.4), "text": "a"})

    def test_an_answer_that_is_no_text_is_named(self, recognise):
        with pytest.raises(ValueError, match="asr must return a text, or a dict with `text`, got 3"):
            recognise(tone(0.4), asr=lambda sound: 3)


def test_device_and_dtype(tmp_path):
    emobert("moonshine", id2label=LABELS).save_pretrained(tmp_path)
    tiny_processor().save_pretrained(tmp_path)
    half = pipeline("emotion-recognition", model=str(tmp_path), dtype=torch.bfloat16, device="cpu")
    assert half.model.dtype == torch.bfloat16
    full = pipeline("emotion-recognition", model=str(tmp_path), top_k=2)
    given = {"text": "how nice", "audio": tone(0.4)}
    assert len(full(given)) == 2
    assert by_label(half(given, top_k=2)) == pytest.approx(by_label(full(given)), abs=0.1)


def test_a_sound_that_is_longer_than_the_model_hears_is_warned_of(caplog):
    recognise = build("whisper", "whisper")
    with caplog.at_level("WARNING"):
        recognise({"audio": tone(1.6)})
    assert "Of a sound of 1.6 s this model hears the first 1 s. Pass chunk_length_s=1" in caplog.text
    caplog.clear()
    recognise({"audio": tone(1.6)}, chunk_length_s=1.0)
    assert not caplog.text


def test_batches_are_made_of_similar_lengths(recognise):
    padded = []
    pad = recognise.processor.pad

    def counting(utterances, *args, **kwargs):
        batch = pad(utterances, *args, **kwargs)
        padded.append(batch["speech_attention_mask"].float().mean().item())
        return batch

    inputs = [{"audio": (tone(seconds), 16_000)} for seconds in (0.3, 2.0, 0.3, 2.0, 0.3, 2.0)]
    alone = [by_label(recognise(one)) for one in inputs]
    recognise.processor.pad = counting
    try:
        together = recognise(inputs, batch_size=3)
    finally:
        del recognise.processor.pad
    assert padded == [1.0, 1.0], "no padding"
    assert [by_label(result) for result in together] == [pytest.approx(one, abs=1e-5) for one in alone]


def test_a_batch_holds_no_more_sound_than_it_may(recognise):
    """Of long inputs fewer go together, and no result changes or is lost where batches differ in size."""
    sizes = []
    forward = recognise.model.forward

    def counting(*args, **kwargs):
        sizes.append(tuple(kwargs["speech_attention_mask"].shape))
        return forward(*args, **kwargs)

    inputs = [{"audio": (tone(seconds), 16_000)} for seconds in (0.3, 2.0, 0.4, 1.2, 0.3, 2.0, 0.5)]
    alone = [by_label(recognise(one)) for one in inputs]
    recognise.model.forward = counting
    try:
        together = recognise(inputs, batch_size=4, max_batch_seconds=2.5)
    finally:
        del recognise.model.forward
    assert [rows for rows, _ in sizes] == [1, 1, 2, 3]
    assert all(rows * samples <= 2.5 * 16_000 for rows, samples in sizes)
    assert [by_label(result) for result in together] == [pytest.approx(one, abs=1e-5) for one in alone]
    with pytest.raises(ValueError, match="max_batch_seconds must be"):
        recognise(inputs, max_batch_seconds=0)


def test_memory_does_not_grow_with_the_length_of_the_recording(recognise, tmp_path):
    """What is kept of a segment is its scores: the windows are read and dropped one after the other."""
    with sf.SoundFile(tmp_path / "long.wav", "w", 16_000, 1) as file:
        for _ in range(120):
            file.write(tone(1.0))
    alive = []
    read = recognise.processor.read_segments

    def counting(*args, **kwargs):
        for segment in read(*args, **kwargs):
            alive.append(segment.waveform.base.nbytes)  # the piece of the sound that the window is a view of
            yield segment

    recognise.processor.read_segments = counting
    try:
        result = recognise(str(tmp_path / "long.wav"), chunk_length_s=2.0, batch_size=4)
    finally:
        del recognise.processor.read_segments
    assert len(result["chunks"]) == 90
    assert max(alive) < 20 * 16_000 * 4
