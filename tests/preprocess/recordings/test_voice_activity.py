"""Stretches with voice: where bursts of known times are found, whatever their level and what lies between them."""

import numpy as np
import pytest

from preprocess import find_voice, read_segments
from tests.tiny import tone


RATE = 16_000
BURSTS = [(1.0, 2.0), (3.0, 3.2), (3.5, 4.5)]  # the last two are closer than a pause


def bursts(background=0.0, gain=1.0, seconds=6.0):
    """Tones at `BURSTS` over white noise."""
    sound = background * np.random.default_rng(0).standard_normal(round(seconds * RATE)).astype(np.float32)
    for start, end in BURSTS:
        begin, length = round(start * RATE), round((end - start) * RATE)
        sound[begin : begin + length] += gain * tone(end - start)[:length]
    return sound


def pieces(sound, length):
    return (sound[begin : begin + length] for begin in range(0, len(sound), length))


class TestEnergy:
    @pytest.mark.parametrize(("background", "gain"), [(0.0, 1.0), (0.0, 0.003), (1e-4, 0.05), (0.02, 1.0), (0.1, 2.0)])
    def test_bursts_are_found_over_a_background(self, background, gain):
        found = find_voice(iter([bursts(background, gain)]), RATE)
        assert np.allclose([stretch[:2] for stretch in found], [(0.9, 2.1), (2.9, 4.6)], atol=0.021)

    @pytest.mark.parametrize("length", [1, 333, 5_000])
    def test_pieces_of_any_length_give_the_same(self, length):
        sound = bursts(0.01)[: RATE * 2 if length == 1 else None]
        assert find_voice(pieces(sound, length), RATE) == find_voice(iter([sound]), RATE)

    def test_a_recording_without_a_pause_is_one_stretch(self):
        (stretch,) = find_voice(iter([tone(3.0)]), RATE)
        assert stretch[:2] == (0.0, 3.0)

    def test_an_offset_is_no_sound_and_a_click_no_voice(self):
        sound = np.full(3 * RATE, 0.5, dtype=np.float32)
        assert find_voice(iter([sound]), RATE) == []
        sound[RATE] = -0.5
        assert find_voice(iter([sound]), RATE) == []


def test_wrong_detectors_are_refused():
    with pytest.raises(ValueError, match="detector must be one of energy, causal, silero, got 'ear'"):
        find_voice(iter([tone(0.1)]), RATE, "ear")
    with pytest.raises(ValueError, match="The detector silero hears 16000 Hz, got 8000 Hz"):
        find_voice(iter([tone(0.1)]), 8_000, "silero")


def test_each_stretch_is_a_segment():
    segments = list(read_segments((bursts(0.01), RATE), segmentation="voice", chunk_length_s=1.5))
    assert np.allclose([(one.start, one.end) for one in segments], [(0.9, 2.1), (2.9, 3.75), (3.75, 4.6)], atol=0.021)
    with pytest.raises(ValueError, match="No voice was found in the recording"):
        click = np.zeros(RATE, dtype=np.float32)
        click[100] = 0.5
        list(read_segments((click, RATE), segmentation="voice"))


def test_channels_have_voices_of_their_own():
    stereo = np.zeros((5 * RATE, 2), dtype=np.float32)
    stereo[RATE : 2 * RATE, 0] = tone(1.0)
    stereo[3 * RATE : 4 * RATE, 1] = tone(1.0)
    segments = read_segments((stereo, RATE), segmentation="voice", channels="each")
    assert [(one.speaker, one.start, one.end) for one in segments] == [
        ("channel 0", 0.9, 2.1),
        ("channel 1", 2.9, 4.1),
    ]


def test_silero_hears_no_voice_in_a_tone_and_keeps_the_number_of_threads():
    pytest.importorskip("silero_vad", reason="needs the extra silero")
    import torch

    threads = torch.get_num_threads()
    assert find_voice(iter([bursts(0.01)]), RATE, "silero") == []
    assert torch.get_num_threads() == threads
