"""What `emobert predict` refuses before it loads a model."""

import pytest

from commands_emo.prediction_arguments import PredictionArguments


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"adapt_to_speakers": "equal"}, "nothing divides it: give --segmentation"),
        ({"adapt_to_speakers": "equal", "channels": "0"}, "nothing divides it"),
        ({"segmentation": "sentence"}, "segmentation must be one of windows, sentences, voice, turns"),
        ({"segmentation": "voice", "voice_detector": "ear"}, "one of energy, causal, silero, got 'ear'"),
    ],
)
def test_what_no_recording_can_be_divided_by(given, message):
    with pytest.raises(ValueError, match=message) as caught:
        PredictionArguments(model="m", audio=["a.wav"], **given).check_division()
    assert str(caught.value).count("\n") < 2


@pytest.mark.parametrize(
    "given", [{"chunk_length_s": 3.0}, {"segmentation": "voice"}, {"channels": "each"}, {"turns": "a.rttm"}]
)
def test_segments_may_be_adapted(given):
    PredictionArguments(model="m", audio=["a.wav"], adapt_to_speakers="unknown", **given).check_division()
