"""Recordings that are transcribed once, with times, and divided afterwards; the recogniser of moonshine-voice."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from modeling_emo import EmotionRecognitionPipeline
from modeling_emo.inference.timed_transcript import transcribe_with_times
from preprocess import load_audio
from tests.tiny import tiny_processor, tone
from tests.tiny_models import emobert


RATE = 16_000
WORDS = [("how", 0.2, 0.5), ("nice.", 0.5, 0.9), ("bad", 1.1, 1.4), ("day!", 1.4, 1.9), ("so", 2.2, 2.5)]


@pytest.fixture(scope="module")
def recognise():
    model = emobert("moonshine", id2label={0: "angry", 1: "happy", 2: "sad"})
    return EmotionRecognitionPipeline(model=model, processor=tiny_processor(), device=-1)


class Recorder:
    """A recogniser that hears everything once, and remembers how long it was."""

    def __init__(self, words=WORDS):
        self.words, self.heard = words, []

    def __call__(self, sound):
        self.heard.append(len(sound["raw"]) / sound["sampling_rate"])
        chunks = [{"text": text, "timestamp": (start, end)} for text, start, end in self.words]
        return {"text": "...", "chunks": chunks}


def texts(result):
    return [chunk["text"] for chunk in result["chunks"]]


def test_a_recording_is_heard_once_and_divided_between_words(recognise):
    asr = Recorder()
    result = recognise((tone(3.0), RATE), asr=asr, transcription="recording")
    assert asr.heard == [3.0] and texts(result) == ["how nice.", "bad day!", "so"]
    assert result["chunks"][1]["timestamp"] == (1.1, 1.9)
    turns = [{"start": 0.0, "end": 1.3, "speaker": "anna"}, {"start": 1.3, "end": 3.0, "speaker": "ben"}]
    result = recognise({"audio": (tone(3.0), RATE), "turns": turns}, asr=asr, transcription="recording")
    # "bad", from 1.1 to 1.4, lies on both sides: its middle decides, and it is cut nowhere.
    assert texts(result) == ["how nice. bad", "day! so"]
    each = recognise((tone(3.0), RATE), asr=asr, chunk_length_s=1.0, stride_length_s=0.0)
    assert asr.heard[2:] == [1.0, 1.0, 1.0] and len(each["chunks"]) == 3  # each window for itself


def test_each_channel_is_transcribed_for_itself(recognise):
    sound = np.stack([tone(3.0), np.zeros(3 * RATE, np.float32), tone(3.0, frequency=330)])
    asr = Recorder()
    result = recognise((sound.T, RATE), asr=asr, transcription="recording", channels="each")
    assert asr.heard == [3.0, 3.0]
    of = {name: [c for c in result["chunks"] if c["speaker"] == name] for name in result["speakers"]}
    assert {name: len(chunks) for name, chunks in of.items()} == {"channel 0": 3, "channel 1": 1, "channel 2": 3}
    assert of["channel 1"][0]["predictions"] is None and texts({"chunks": of["channel 2"]})[0] == "how nice."


def test_nothing_recognised_and_texts_that_are_there(recognise):
    asr = Recorder([])
    result = recognise((tone(1.0), RATE), asr=asr, transcription="recording")
    assert [(chunk["text"], chunk["timestamp"]) for chunk in result["chunks"]] == [(None, (0.0, 1.0))]
    recognise((tone(1.0), RATE), text="how nice", asr=asr, transcription="recording")
    assert asr.heard == [1.0]


def test_the_turns_of_a_file_go_by_the_recording_s_name(recognise, tmp_path):
    import soundfile

    soundfile.write(tmp_path / "call.wav", tone(3.0), RATE)
    (tmp_path / "turns.rttm").write_text("SPEAKER call 1 0.0 1.0 <NA> <NA> anna <NA> <NA>\n")
    asr = Recorder()
    options = {"asr": asr, "transcription": "recording", "turns": str(tmp_path / "turns.rttm")}
    result = recognise(str(tmp_path / "call.wav"), **options)
    assert [chunk["speaker"] for chunk in result["chunks"]] == ["anna"] and asr.heard == [3.0]
    assert texts(result) == ["how nice. bad day! so"]


@pytest.mark.parametrize(
    "result",
    [
        {"chunks": [{"text": "how nice", "timestamp": (0.5, 1.25)}]},
        {"words": [{"word": "how nice", "start": 0.5, "end": 1.25}]},
        SimpleNamespace(lines=[SimpleNamespace(text="how nice", start_time=0.5, duration=0.75)]),
        SimpleNamespace(text="how nice", segments=[SimpleNamespace(text="how nice", start=0.5, end=1.25)]),
        {"lines": [{"text": "how nice", "start_time": 0.5, "end_time": 1.25}, {"text": " ", "start": 2, "end": 3}]},
    ],
)
def test_transcripts_of_any_make(result):
    found = transcribe_with_times(lambda sound: result, tone(2.0), RATE)
    assert found == [{"text": "how nice", "timestamp": (0.5, 1.25)}]


def test_times_are_needed():
    with pytest.raises(ValueError, match=r"needs times: asr must return chunks, words, lines or segments, got"):
        transcribe_with_times(lambda sound: {"text": "how nice"}, tone(1.0), RATE)
    with pytest.raises(ValueError, match="needs times, and a part has none"):
        transcribe_with_times(lambda sound: {"lines": [{"text": "how"}]}, tone(1.0), RATE)


def test_the_options_are_checked(recognise):
    with pytest.raises(ValueError, match="transcription must be 'segment' or 'recording', got 'whole'"):
        recognise((tone(1.0), RATE), transcription="whole")
    with pytest.raises(ValueError, match="asr must be callable or 'moonshine', got 'whisper'"):
        recognise((tone(1.0), RATE), asr="whisper")


class TestMoonshine:
    @pytest.fixture(scope="class")
    def sound(self):
        """The beginning of A Tale of Two Cities, which the package reads aloud."""
        import moonshine_voice

        return load_audio(Path(moonshine_voice.get_assets_path()) / "two_cities.wav", RATE)[: 14 * RATE]

    def test_lines_with_times(self, recognise, sound):
        result = recognise((sound, RATE), asr="moonshine", transcription="recording", return_text=True)
        assert "best of times" in result["text"] and "age of wisdom" in result["text"]
        times = [chunk["timestamp"] for chunk in result["chunks"]]
        assert len(times) >= 2 and times[-1][1] <= 14.0
        assert all(first[1] <= second[0] + 0.5 for first, second in zip(times, times[1:], strict=False))

    def test_segments_from_their_own_sound(self, recognise, sound):
        result = recognise((sound[: 6 * RATE], RATE), asr="moonshine", return_text=True)
        assert "best of times" in result["text"].lower()
