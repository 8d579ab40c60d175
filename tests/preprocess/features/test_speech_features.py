import numpy as np
import pytest

from preprocess.features.padding import Layout
from preprocess.features.speech_features import (
    SpeechFeatures,
    extract_speech_features,
    max_samples,
    pad_speech_features,
    trim_constant_tail,
)
from tests.tiny import tiny_feature_extractor, tone


def test_trimmed_tail_is_what_repeating_the_last_frame_restores():
    extractor = tiny_feature_extractor("whisper")
    whole, length = extract_speech_features(extractor, tone(0.3), 16_000)
    trimmed = trim_constant_tail(whole, length)
    assert whole.shape == (100, 8) and 30 <= len(trimmed) <= 33 and length == 30
    values, mask = pad_speech_features(extractor, [SpeechFeatures(trimmed, length)], Layout("max_length", 100))
    np.testing.assert_array_equal(values[0].T, whole)
    assert mask[0].tolist() == [1] * 30 + [0] * 70


def test_sound_that_is_constant_keeps_its_length():
    assert len(trim_constant_tail(np.ones((50, 4), dtype=np.float32), 20)) == 20
    assert len(trim_constant_tail(np.ones((50, 4), dtype=np.float32), 50)) == 50


def test_tail_that_differs_is_kept():
    values = np.zeros((10, 2), dtype=np.float32)
    values[8] = 1
    assert len(trim_constant_tail(values, 3)) == 10
    values[8], values[5] = 0, 1
    np.testing.assert_array_equal(trim_constant_tail(values, 3), values[:7])


def test_padding_comes_behind_whatever_the_extractor_is_used_to():
    extractor = tiny_feature_extractor("waveform")
    extractor.padding_side, extractor.padding_value = "left", -1.0
    rows = [SpeechFeatures(np.array([1.0, 2.0], dtype=np.float32), 2), None]
    values, mask = pad_speech_features(extractor, rows, Layout("max_length", 3))
    assert values.tolist() == [[1, 2, -1], [-1, -1, -1]]
    assert mask.tolist() == [[1, 1, 0], [0, 0, 0]]


def test_half_frame_of_the_extractor_is_masked():
    # 51 frames of 10 ms are stacked in twos: the 26th pair is half padding, which the extractor masks.
    extractor = tiny_feature_extractor("mel")
    sound = tone(0.53)
    values, length = extract_speech_features(extractor, sound, 16_000)
    expected = extractor(sound, sampling_rate=16_000, return_tensors="np", return_attention_mask=True)
    np.testing.assert_array_equal(values, expected["input_features"][0])
    assert length == expected["attention_mask"].sum() == len(values) - 1


@pytest.mark.parametrize(("kind", "expected"), [("waveform", None), ("mel", None), ("whisper", 16_000)])
def test_longest_sound_that_is_kept_whole(kind, expected):
    assert max_samples(tiny_feature_extractor(kind)) == expected
