"""How sure Silero's model is that somebody speaks, from the weights that its package brings."""

from __future__ import annotations

import numpy as np
import torch


# The model hears 512 samples at a time, at one rate.
SILERO_RATE, SILERO_FRAME = 16_000, 512


class SileroVoice:
    """The probability of voice in each frame of 32 ms of one sound at 16,000 Hz.

    Raises:
        ValueError: the package is not installed.
    """

    def __init__(self) -> None:
        threads = torch.get_num_threads()
        try:
            import silero_vad
        except ImportError as error:
            raise ValueError(
                "voice_detector='silero' needs the package silero-vad: pip install 'emobert[silero]', or leave it out."
            ) from error
        self._model = silero_vad.load_silero_vad()
        torch.set_num_threads(threads)  # importing it sets them to one
        self._model.reset_states()

    @torch.inference_mode()
    def probabilities(self, frames: np.ndarray) -> list[float]:
        """Of the next frames, float32 `(frames, 512)`."""
        return [float(self._model(torch.from_numpy(frame.copy()), SILERO_RATE)) for frame in frames]
