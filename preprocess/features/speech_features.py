"""What a feature extractor makes of one waveform, and how rows of that become a padded batch.

Every waveform is extracted alone and padded afterwards. A batched call of a Transformers feature extractor may
normalise over padding (wav2vec2-base's settings do); a row here never depends on other rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np


SPEECH_INPUT_NAMES = ("input_values", "input_features")

# Any Transformers audio feature extractor; their common base class declares neither the call nor the attributes.
FeatureExtractor = Any


class SpeechFeatures(NamedTuple):
    """One utterance for a speech encoder.

    Args:
        values (`np.ndarray`): float32, a waveform `(samples,)` or features `(frames, bins)`, time first.
        length (`int`): how many positions, from the first, are sound; the rest is the extractor's own padding.
    """

    values: np.ndarray
    length: int


def speech_input_name(feature_extractor: FeatureExtractor) -> str:
    """`"input_values"` (waveforms) or `"input_features"`, what this extractor produces.

    Raises:
        ValueError: it produces something else.
    """
    name = feature_extractor.model_input_names[0]
    if name not in SPEECH_INPUT_NAMES:
        raise ValueError(
            f"{type(feature_extractor).__name__} produces {name!r}; EmoBERT takes extractors that produce one of "
            f"{', '.join(SPEECH_INPUT_NAMES)}, such as Wav2Vec2FeatureExtractor or WhisperFeatureExtractor."
        )
    return name


def has_fixed_length(feature_extractor: FeatureExtractor) -> bool:
    """True for Whisper's kind: every sound is padded or cut to one length, and bins come first, `(bins, frames)`."""
    return hasattr(feature_extractor, "nb_max_frames")


def max_samples(feature_extractor: FeatureExtractor) -> int | None:
    """Longest waveform that the extractor keeps whole, in samples; None where it has no limit."""
    return feature_extractor.n_samples if has_fixed_length(feature_extractor) else None


def extract_speech_features(
    feature_extractor: FeatureExtractor, waveform: np.ndarray, sampling_rate: int, **kwargs: Any
) -> SpeechFeatures:
    """Calls the extractor on one waveform.

    Args:
        feature_extractor: any Transformers audio feature extractor.
        waveform (`np.ndarray`): float, shape `(samples,)`.
        sampling_rate (`int`): its rate in Hz.
        **kwargs: further arguments of the extractor, such as `max_length` and `truncation`.

    Raises:
        ValueError: the extractor refuses the waveform (wrong rate, too short for one frame).
    """
    try:
        output = feature_extractor(
            waveform, sampling_rate=sampling_rate, return_attention_mask=True, return_tensors="np", **kwargs
        )
    except ValueError as error:
        raise ValueError(
            f"{type(feature_extractor).__name__} cannot take a sound of {len(waveform)} samples ({error}). If it is "
            "too short, leave the audio of this utterance out (None)."
        ) from error
    values = np.asarray(output[speech_input_name(feature_extractor)][0], dtype=np.float32)
    if has_fixed_length(feature_extractor):
        values = values.T
    mask_name = next((name for name in output if name.endswith("mask")), None)
    length = len(values) if mask_name is None else int(np.sum(output[mask_name][0]))
    if length == 0:
        raise ValueError(
            f"The sound of {len(waveform)} samples is too short for {type(feature_extractor).__name__}: "
            "it gives no frame. Leave the audio of this utterance out (None)."
        )
    return SpeechFeatures(values, length)


def normalize_waveform(feature_extractor: FeatureExtractor, waveform: np.ndarray) -> np.ndarray:
    """A waveform `(samples,)` that was changed after its extraction, normalised as the extractor would have done."""
    if not getattr(feature_extractor, "do_normalize", False):
        return waveform
    return feature_extractor.zero_mean_unit_var_norm([waveform], None)[0].astype(np.float32)


def trim_constant_tail(values: np.ndarray, length: int) -> np.ndarray:
    """Drops trailing frames that repeat the one before them; repeating the last row gives exactly `values` again.

    Whisper pads a sound to 30 s before it takes the spectrum, so most frames of a short utterance are one and the same
    frame of silence. Storing it once makes a prepared corpus several times smaller.

    Args:
        values (`np.ndarray`): `(frames, bins)`.
        length (`int`): frames that are kept in any case.
    """
    differs = np.flatnonzero((values != values[-1]).any(axis=1))
    keep = max(length, (differs[-1] + 2 if len(differs) else 1))
    return values[:keep]


def pad_speech_features(
    feature_extractor: FeatureExtractor,
    rows: Sequence[SpeechFeatures | None],
    *,
    length: int | None = None,
    pad_to_multiple_of: int | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Rows as one array, padded with the extractor's own value on its own side.

    Args:
        feature_extractor: whose `padding_value` and `padding_side` are used. Fixed-length features (Whisper) are
            padded by repeating their last frame instead, which is silence (see `trim_constant_tail`).
        rows (sequence of `SpeechFeatures` or None): None is an utterance without sound; at least one is not None.
        length (`int`, *optional*): the length to pad to, where the longest row is shorter.
        pad_to_multiple_of (`int`, *optional*): rounds the length up. Not used for fixed-length features.

    Returns:
        `tuple[np.ndarray, np.ndarray]`: float32 values `(rows, samples)`, `(rows, frames, bins)` or, of fixed length,
        `(rows, bins, frames)`, and the int64 mask `(rows, samples or frames)`: 1 is sound, 0 is padding, and a row
        without sound is all 0.
    """
    fixed = has_fixed_length(feature_extractor)
    present = [row for row in rows if row is not None]
    width = max(len(row.values) for row in present)
    width = width if length is None else max(width, length)
    if pad_to_multiple_of is not None and not fixed:
        width = -(-width // pad_to_multiple_of) * pad_to_multiple_of

    shape = (len(rows), width, *present[0].values.shape[1:])
    values = np.full(shape, feature_extractor.padding_value, dtype=np.float32)
    mask = np.zeros((len(rows), width), dtype=np.int64)
    left = feature_extractor.padding_side == "left" and not fixed
    for index, row in enumerate(rows):
        if row is None:
            continue
        start = width - len(row.values) if left else 0
        values[index, start : start + len(row.values)] = row.values
        mask[index, start : start + row.length] = 1
        if fixed:
            values[index, len(row.values) :] = row.values[-1]
    return (values.swapaxes(1, 2) if fixed else values), mask
