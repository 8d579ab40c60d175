import numpy as np
import pytest

from preprocess import signal_to_noise


RATE = 16_000


def bursts(noise: float, seconds: float = 4.0) -> np.ndarray:
    """A tone of power 0.5 for three of four half seconds, over white noise."""
    times = np.arange(round(seconds * RATE)) / RATE
    tone = np.sin(2 * np.pi * 220 * times) * (np.floor(times * 2) % 4 != 3)
    return tone + np.random.default_rng(0).normal(0, noise, len(times))


@pytest.mark.parametrize("expected", [30.0, 20.0, 10.0, 0.0])
def test_noise_of_a_known_level(expected):
    power = 0.5 * 3 / 4
    noise = np.sqrt(power / 10 ** (expected / 10))
    assert signal_to_noise(bursts(noise), RATE) == pytest.approx(expected, abs=1.5)


def test_it_does_not_depend_on_the_level_nor_on_an_offset():
    sound = bursts(0.05)
    assert signal_to_noise(0.01 * sound + 0.3, RATE) == pytest.approx(signal_to_noise(sound, RATE), abs=0.01)


def test_the_ends_of_the_scale():
    assert signal_to_noise(bursts(0.0), RATE) == 100.0
    assert np.isnan(signal_to_noise(np.ones(100), RATE))
    noise = np.random.default_rng(0).normal(0, 0.1, 4 * RATE)
    assert -12 < signal_to_noise(noise, RATE) < -3  # noise alone: frames differ by chance
