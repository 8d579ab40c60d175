"""What emotion2vec is given: waveforms of zero mean and unit variance, each normalised by itself."""

from __future__ import annotations

import numpy as np
from transformers import Wav2Vec2FeatureExtractor

from configuration_emo.hub_code import SelfContained


# Transformers' own extractor has 1e-7. A clip at -76 dBFS would come out twice as loud with it.
NORM_EPS = 1e-5


class Emotion2VecFeatureExtractor(SelfContained, Wav2Vec2FeatureExtractor):
    """
    Normalises waveforms as emotion2vec does, and pads them to a batch.

    Args:
        feature_size (`int`, defaults to 1): channels; emotion2vec takes mono.
        sampling_rate (`int`, defaults to 16000): of the waveforms, in Hz.
        padding_value (`float`, defaults to 0.0): what is behind shorter clips of a batch.
        return_attention_mask (`bool`, defaults to `True`): whether to return the mask, which the model needs for
            clips of different lengths.
        do_normalize (`bool`, defaults to `True`): subtract a clip's mean and divide by `sqrt(variance + 1e-5)`, over
            its own samples. The published models were trained so.

    Called as `extractor(waveforms, sampling_rate=16_000, padding=True, return_tensors="pt")` with one waveform
    `(samples,)` or a list of them, floats at full scale 1. Returns `input_values` and `attention_mask`, both
    `(batch, samples)`.

    Raises:
        ValueError: the rate is another one, or samples are whole numbers.

    Example:

    ```python
    >>> import numpy as np
    >>> from preprocess import Emotion2VecFeatureExtractor

    >>> extractor = Emotion2VecFeatureExtractor()
    >>> clips = [np.sin(np.arange(length) / 9) for length in (800, 400)]
    >>> batch = extractor(clips, sampling_rate=16_000, padding=True, return_tensors="np")
    >>> batch["input_values"].shape, batch["attention_mask"].sum(1).tolist()
    ((2, 800), [800, 400])

    ```"""

    _auto_map_classes = {"AutoFeatureExtractor": "Emotion2VecFeatureExtractor"}
    _config_file = "preprocessor_config.json"

    def __init__(
        self,
        feature_size: int = 1,
        sampling_rate: int = 16_000,
        padding_value: float = 0.0,
        return_attention_mask: bool = True,
        do_normalize: bool = True,
        **kwargs,
    ):
        super().__init__(
            feature_size=feature_size,
            sampling_rate=sampling_rate,
            padding_value=padding_value,
            return_attention_mask=return_attention_mask,
            do_normalize=do_normalize,
            **kwargs,
        )

    def __call__(self, raw_speech, *args, **kwargs):
        """See the class."""
        first = raw_speech if isinstance(raw_speech, np.ndarray) else next(iter(raw_speech), None)
        if isinstance(first, np.ndarray) and not np.issubdtype(first.dtype, np.floating):
            raise ValueError(
                f"Samples must be floats at full scale 1, got {first.dtype}. Divide 16-bit samples by 32768."
            )
        return super().__call__(raw_speech, *args, **kwargs)

    @staticmethod
    def zero_mean_unit_var_norm(
        input_values: list[np.ndarray], attention_mask: list[np.ndarray] | None, padding_value: float = 0.0
    ) -> list[np.ndarray]:
        """
        Normalises each waveform over its own samples.

        Args:
            input_values (`list[np.ndarray]`): waveforms `(samples,)`, padded on the right.
            attention_mask (`list[np.ndarray]`, *optional*): 1 for samples, 0 for padding.
            padding_value (`float`): what the padding becomes.

        Returns:
            `list[np.ndarray]`: arrays of the same shapes.
        """
        normalized = []
        for row, values in enumerate(input_values):
            length = len(values) if attention_mask is None else int(np.sum(attention_mask[row]))
            clip = values[:length]
            result = np.full_like(values, padding_value)
            result[:length] = (clip - clip.mean()) / np.sqrt(clip.var() + NORM_EPS)
            normalized.append(result)
        return normalized


__all__ = ["Emotion2VecFeatureExtractor"]
