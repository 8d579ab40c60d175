"""What a feature extractor makes of one waveform, and how rows of that become a padded batch.

Every waveform is extracted alone and padded afterwards. A batched call of a Transformers feature extractor may
normalise over padding (wav2vec2-base's settings do); a row here never depends on other rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from .padding import Layout, pad_sequences


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


def model_input_name(feature_extractor: FeatureExtractor) -> str:
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
    values = np.asarray(output[model_input_name(feature_extractor)][0], dtype=np.float32)
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
    feature_extractor: FeatureExtractor, rows: Sequence[SpeechFeatures | None], layout: Layout
) -> tuple[Any, Any]:
    """Rows as one array, padded with the extractor's own value.

    Args:
        feature_extractor: whose `padding_value` is used. Fixed-length features (Whisper) are padded by repeating their
            last frame instead, which is silence (see `trim_constant_tail`), and to no multiple.
        rows (sequence of [`SpeechFeatures`] or None): None is an utterance without sound; at least one is not None.
        layout ([`Layout`]): how long they become.

    Returns:
        `tuple[np.ndarray, np.ndarray]`: float32 values `(rows, samples)`, `(rows, frames, bins)` or, of fixed length,
        `(rows, bins, frames)`, and the int64 mask `(rows, samples or frames)`: 1 is sound, 0 is padding, and a row
        without sound is all 0. Two lists of arrays of the rows' own lengths, time first, when the layout does not pad.
    """
    lengths = [0 if row is None else row.length for row in rows]
    values = [None if row is None else row.values for row in rows]
    if not layout.pads:
        own = [np.zeros(0, dtype=np.float32) if row is None else row for row in values]
        return own, [(np.arange(len(row)) < length).astype(int) for row, length in zip(own, lengths, strict=True)]
    fixed = has_fixed_length(feature_extractor)
    return pad_sequences(
        values,
        feature_extractor.padding_value,
        layout._replace(pad_to_multiple_of=None) if fixed else layout,
        lengths=lengths,
        repeat_last=fixed,
        time_last=fixed,
    )
