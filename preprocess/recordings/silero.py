"""How sure Silero's model is that somebody speaks, from the weights that its package brings."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch


# The model hears 512 samples at a time, at one rate.
SILERO_RATE, SILERO_FRAME = 16_000, 512


def silero_probabilities(pieces: Iterator[np.ndarray]) -> Iterator[float]:
    """The probability of voice in each frame of 32 ms, the last one padded with zeros.

    Args:
        pieces (iterator of `np.ndarray`): the sound at 16,000 Hz, consecutive samples.

    Raises:
        ValueError: the package is not installed.
    """
    threads = torch.get_num_threads()
    try:
        import silero_vad
    except ImportError as error:
        raise ValueError(
            "voice_detector='silero' needs the package silero-vad: pip install 'emobert[silero]', or leave it out."
        ) from error
    model = silero_vad.load_silero_vad()
    torch.set_num_threads(threads)  # importing it sets them to one
    model.reset_states()
    kept = np.zeros(0, dtype=np.float32)
    with torch.inference_mode():
        for piece in pieces:
            kept = np.concatenate([kept, piece])
            for begin in range(0, len(kept) - SILERO_FRAME + 1, SILERO_FRAME):
                yield _probability(model, kept[begin : begin + SILERO_FRAME])
            kept = kept[len(kept) // SILERO_FRAME * SILERO_FRAME :]
        if len(kept):
            yield _probability(model, np.pad(kept, (0, SILERO_FRAME - len(kept))))


def _probability(model, samples: np.ndarray) -> float:
    return float(model(torch.from_numpy(np.array(samples, dtype=np.float32)), SILERO_RATE))
