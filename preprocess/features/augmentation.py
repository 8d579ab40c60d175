"""Random changes to the speech of training rows: noise, speed, level, and masked stretches of time or frequency."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np
import soxr

from .speech_features import FeatureExtractor, model_input_name


@dataclass
class WaveformAugmentation:
    """Changes a waveform; each kind of change is off until its range is given.

    Speed changes length and pitch alike, as a tape does (Ko et al., "Audio Augmentation for Speech Recognition",
    Interspeech 2015). Pitch carries emotion too: keep the range small, or leave it out.

    Args:
        noise_snr_db (`[low, high]`, *optional*): white noise at a signal-to-noise ratio from this range, in dB. A
            silent sound gets none.
        speed (`[low, high]`, *optional*): factor of the speed; above 1 is shorter and higher.
        gain_db (`[low, high]`, *optional*): change of the level, in dB. Without effect for encoders whose feature
            extractor normalises each waveform.
        time_mask_seconds (`float`): longest stretch of silence that is put in, in seconds.
        num_time_masks (`int`): how many of them (SpecAugment's time masking, arXiv 1904.08779, section 2).
        max_mask_share (`float`): such a stretch is at most this share of the sound.
        probability (`float`): of each kind of change, on its own.
        sampling_rate (`int`): of the waveforms, in Hz.

    Raises:
        ValueError: a value is out of its range.

    Example:
        >>> import numpy as np
        >>> augment = WaveformAugmentation(speed=(0.5, 0.5), probability=1.0)
        >>> augment(np.ones(100, dtype=np.float32), np.random.default_rng(0)).shape
        (200,)
    """

    noise_snr_db: Sequence[float] | None = None
    speed: Sequence[float] | None = None
    gain_db: Sequence[float] | None = None
    time_mask_seconds: float = 0.0
    num_time_masks: int = 0
    max_mask_share: float = 0.2
    probability: float = 0.5
    sampling_rate: int = 16_000

    def __post_init__(self) -> None:
        for name in ("noise_snr_db", "speed", "gain_db"):
            _check_range(name, getattr(self, name))
        if self.speed is not None and self.speed[0] <= 0:
            raise ValueError(f"speed must be above 0, got {list(self.speed)}.")
        _check_not_negative(self)

    def __call__(self, waveform: np.ndarray, generator: np.random.Generator) -> np.ndarray:
        """Changes one waveform.

        Args:
            waveform (`np.ndarray`): float32, shape `(samples,)`.
            generator (`np.random.Generator`): all that is random comes from it.

        Returns:
            `np.ndarray`: float32, shape `(samples,)`, or `(round(samples / speed),)` where the speed was changed.
        """
        waveform = np.array(waveform, dtype=np.float32)
        # Every number is drawn in any case, and stretches from a generator of their own (noise takes as many numbers
        # as there are samples), so that one kind of change does not depend on whether another is on.
        (of_masks,) = generator.spawn(1)
        chosen = generator.random(4) < self.probability
        speed, gain, snr = (_draw(generator, bounds) for bounds in (self.speed, self.gain_db, self.noise_snr_db))
        if chosen[0] and speed is not None:
            waveform = change_speed(waveform, speed)
        if chosen[1] and gain is not None:
            waveform = waveform * np.float32(10 ** (gain / 20))
        if chosen[2] and snr is not None:
            waveform = add_noise(waveform, snr, generator)
        if chosen[3]:
            width = min(self.time_mask_seconds * self.sampling_rate, self.max_mask_share * len(waveform))
            for start, end in _stretches(of_masks, len(waveform), width, self.num_time_masks):
                waveform[start:end] = 0
        return waveform


@dataclass
class SpectrogramAugmentation:
    """Masks stretches of time and of frequency in log-mel features by their mean (SpecAugment, arXiv 1904.08779).

    Args:
        time_mask_frames (`int`): longest stretch of time, in feature frames.
        num_time_masks (`int`): how many.
        frequency_mask_bins (`int`): widest band, in mel bins.
        num_frequency_masks (`int`): how many.
        max_mask_share (`float`): a stretch of time is at most this share of the sound.
        probability (`float`): of time masks, and of frequency masks.
        stacked_frames (`int`): spectral frames that the extractor puts side by side in one feature frame (2 for
            wav2vec2-bert's); a band is masked in each of them.

    Raises:
        ValueError: a value is negative, or a share or probability is above 1.

    Example:
        >>> import numpy as np
        >>> augment = SpectrogramAugmentation(time_mask_frames=2, num_time_masks=1)
        >>> augment(np.ones((10, 8), dtype=np.float32), 10, np.random.default_rng(0)).shape
        (10, 8)
    """

    time_mask_frames: int = 0
    num_time_masks: int = 0
    frequency_mask_bins: int = 0
    num_frequency_masks: int = 0
    max_mask_share: float = 0.2
    probability: float = 0.5
    stacked_frames: int = 1

    def __post_init__(self) -> None:
        _check_not_negative(self)

    def __call__(self, features: np.ndarray, length: int, generator: np.random.Generator) -> np.ndarray:
        """Masks one utterance.

        Args:
            features (`np.ndarray`): float32, shape `(frames, bins)`.
            length (`int`): how many frames, from the first, are sound; the others stay as they are.
            generator (`np.random.Generator`): all that is random comes from it.

        Returns:
            `np.ndarray` of the same shape.
        """
        features = np.array(features, dtype=np.float32)
        sound = features[:length]
        mean = sound.mean()
        # (frames, stacked frames, bins), a view
        stacked = sound.reshape(len(sound), self.stacked_frames, -1)
        chosen = generator.random(2) < self.probability
        width = min(self.time_mask_frames, self.max_mask_share * len(sound))
        of_times, of_bands = generator.spawn(2)  # how many stretches of time are drawn moves no band
        times = _stretches(of_times, len(sound), width, self.num_time_masks)
        bands = _stretches(
            of_bands, stacked.shape[2], min(self.frequency_mask_bins, stacked.shape[2]), self.num_frequency_masks
        )
        for start, end in times if chosen[0] else []:
            stacked[start:end] = mean
        for start, end in bands if chosen[1] else []:
            stacked[:, :, start:end] = mean
        return features


def make_augmentation(
    options: Mapping[str, Any], feature_extractor: FeatureExtractor
) -> WaveformAugmentation | SpectrogramAugmentation:
    """The augmentation for what a feature extractor makes, from options such as a YAML's.

    Args:
        options (mapping): fields of [`WaveformAugmentation`] for waveforms, of [`SpectrogramAugmentation`] for log-mel
            features; rate and stacking come from the extractor.
        feature_extractor: of the speech encoder.

    Raises:
        ValueError: an option does not exist there; the valid ones are named.
    """
    augmentation_class: type = WaveformAugmentation
    given: dict[str, Any] = {"sampling_rate": feature_extractor.sampling_rate}
    if model_input_name(feature_extractor) == "input_features":
        augmentation_class, given = (
            SpectrogramAugmentation,
            {"stacked_frames": getattr(feature_extractor, "stride", 1)},
        )
    valid = [field.name for field in fields(augmentation_class) if field.name not in given]
    unknown = sorted(set(options) - set(valid))
    if unknown:
        raise ValueError(
            f"Unknown augmentation {', '.join(unknown)} for the {model_input_name(feature_extractor)} of "
            f"{type(feature_extractor).__name__}; valid are {', '.join(valid)}."
        )
    return augmentation_class(**options, **given)


def row_generator(seed: int, epoch: int, row_id: str) -> np.random.Generator:
    """The random numbers of one row in one epoch, whatever its batch, its process and the rows before it.

    Args:
        seed (`int`): of the run.
        epoch (`int`): counts from 0.
        row_id (`str`): the row's `id`.
    """
    digest = hashlib.sha256(row_id.encode()).digest()
    return np.random.default_rng([seed, epoch, int.from_bytes(digest[:8], "big")])


def change_speed(waveform: np.ndarray, speed: float) -> np.ndarray:
    """`(samples,)` to `(round(samples / speed),)`, at least one sample: resampled and played at the old rate."""
    length = max(1, round(len(waveform) / speed))
    changed = soxr.resample(waveform, speed, 1.0, quality="HQ")[:length]
    return np.pad(changed, (0, length - len(changed)))


def add_noise(waveform: np.ndarray, snr_db: float, generator: np.random.Generator) -> np.ndarray:
    """White noise whose mean power is exactly `snr_db` decibels below the waveform's, shape `(samples,)`."""
    noise = generator.standard_normal(len(waveform), dtype=np.float32)
    powers = [np.mean(np.square(values, dtype=np.float64)) for values in (waveform, noise)]
    return waveform + noise * np.float32(np.sqrt(powers[0] / powers[1] / 10 ** (snr_db / 10)))


def _draw(generator: np.random.Generator, bounds: Sequence[float] | None) -> float | None:
    share = generator.random()
    return None if bounds is None else bounds[0] + share * (bounds[1] - bounds[0])


def _stretches(generator: np.random.Generator, length: int, width: float, count: int) -> list[tuple[int, int]]:
    """Start and end of `count` stretches of up to `width` positions, as SpecAugment draws them."""
    stretches = []
    for _ in range(count):
        size = int(generator.integers(0, int(width) + 1))
        start = int(generator.integers(0, length - size + 1))
        stretches.append((start, start + size))
    return stretches


def _check_range(name: str, bounds: Sequence[float] | None) -> None:
    if bounds is not None and (not isinstance(bounds, (list, tuple)) or len(bounds) != 2 or bounds[0] > bounds[1]):
        raise ValueError(f"{name} must be [low, high], got {bounds!r}.")


def _check_not_negative(augmentation: WaveformAugmentation | SpectrogramAugmentation) -> None:
    for name, value in asdict(augmentation).items():
        if isinstance(value, (int, float)) and value < 0:
            raise ValueError(f"{name} must not be negative, got {value}.")
        if name in ("probability", "max_mask_share") and value > 1:
            raise ValueError(f"{name} must be at most 1, got {value}.")
