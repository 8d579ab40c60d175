"""What `emobert predict` refuses before it loads a model."""

import pytest

from commands_emo.predict import read_utterance_table
from commands_emo.prediction_arguments import PredictionArguments


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"adapt_to_speakers": "equal"}, "nothing divides it: give --segmentation"),
        ({"adapt_to_speakers": "equal", "channels": "0"}, "nothing divides it"),
        ({"turns": "none.rttm"}, "none.rttm: there is no such file of turns. Check the path"),
        ({"segmentation": "sentence"}, "segmentation must be one of windows, sentences, voice, turns"),
        ({"segmentation": "voice", "voice_detector": "ear"}, "one of energy, causal, silero, got 'ear'"),
    ],
)
def test_what_no_recording_can_be_divided_by(given, message):
    with pytest.raises(ValueError, match=message) as caught:
        PredictionArguments(model="m", audio=["a.wav"], **given).check_division()
    assert str(caught.value).count("\n") < 2


@pytest.mark.parametrize(
    "given", [{"chunk_length_s": 3.0}, {"segmentation": "voice"}, {"channels": "each"}, {"turns": "README.md"}]
)
def test_segments_may_be_adapted(given):
    PredictionArguments(model="m", audio=["a.wav"], adapt_to_speakers="unknown", **given).check_division()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"embeddings": "vectors.csv"}, "--embeddings are written as .parquet, got 'vectors.csv'"),
        ({"dtype": "float17"}, "--dtype is one of auto, float32, float16, bfloat16, float64, got 'float17'"),
    ],
)
def test_what_cannot_be_written_or_computed_with(given, message):
    with pytest.raises(ValueError, match=message):
        PredictionArguments(model="m", audio=["a.wav"], **given)


def test_a_table_of_dialogues_as_a_spreadsheet_writes_it(tmp_path):
    (tmp_path / "d.csv").write_bytes("Text;Dialogue;Turn;Speaker\r\nHi.;d1;1;Joey\r\nYes?;d1;2;\r\n".encode("utf-16"))
    assert read_utterance_table(str(tmp_path / "d.csv")) == [
        {"audio": None, "text": "Hi.", "dialogue": "d1", "turn": 1.0, "speaker": "Joey"},
        {"audio": None, "text": "Yes?", "dialogue": "d1", "turn": 2.0, "speaker": None},
    ]
    (tmp_path / "d.csv").write_text("text,turn\nHi.,one\n")
    with pytest.raises(ValueError, match="d.csv, line 2: the turn is no number: 'one'"):
        read_utterance_table(str(tmp_path / "d.csv"))
