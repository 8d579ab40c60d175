"""How far a voice stands out from what is heard in its pauses."""

from __future__ import annotations

import numpy as np


FRAME_SECONDS = 0.02
# Of so many of the frames, the quietest, noise is taken to be all there is.
NOISE_SHARE = 0.1
LARGEST = 100.0


def signal_to_noise(waveform: np.ndarray, rate: int) -> float:
    """An estimate of the signal-to-noise ratio in dB, between -20 and 100.

    The power of the noise is taken to be the mean power of the quietest tenth of the frames of 20 ms, that of the
    signal what the mean power of all frames is above it. Too low an estimate where nobody pauses for a tenth of the
    time, and blind to noise that stops with the voice (MP3, noise gates); it orders recordings, and is no measurement.

    Args:
        waveform (`np.ndarray` of shape `(samples,)`): the sound.
        rate (`int`): in Hz.

    Returns:
        `float`: NaN of less than ten frames.

    Example:
        >>> generator = np.random.default_rng(0)
        >>> voice = np.sin(np.arange(16_000) / 5) * (np.arange(16_000) < 8_000)  # half a second, power 0.25 in all
        >>> round(signal_to_noise(voice + generator.normal(0, 0.05, 16_000), 16_000))
        21
    """
    length = round(FRAME_SECONDS * rate)
    count = len(waveform) // length
    if count < 10:
        return float("nan")
    powers = waveform[: count * length].astype(np.float64).reshape(count, length).var(axis=1)
    noise = np.sort(powers)[: max(1, round(count * NOISE_SHARE))].mean()
    signal = max(float(powers.mean() - noise), 0.0)
    smallest, largest = 10.0**-2, 10.0 ** (LARGEST / 10)
    return float(10 * np.log10(np.clip(signal / max(float(noise), 1e-20), smallest, largest)))
