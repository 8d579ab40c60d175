"""Small things that tests of all packages share: tokenizers, feature extractors, sounds. Nothing is downloaded."""

from pathlib import Path

import numpy as np
import soundfile as sf
from transformers import (
    BertTokenizerFast,
    SeamlessM4TFeatureExtractor,
    Wav2Vec2FeatureExtractor,
    WhisperFeatureExtractor,
)

from preprocess import EmoBertProcessor


WORDS = (
    *("how", "nice", "bad", "day", "a", "what", "i", "am", "so"),
    *("happy", "sad", "angry", "this", "is", "it", "!", "."),
)
SPECIAL_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


def tiny_tokenizer(model_max_length: int = 16, **kwargs) -> BertTokenizerFast:
    """A WordPiece tokenizer of 22 tokens: [PAD] is 0, [UNK] 1, [CLS] 2, [SEP] 3."""
    vocabulary = {token: index for index, token in enumerate(SPECIAL_TOKENS + WORDS)}
    return BertTokenizerFast(vocab=vocabulary, model_max_length=model_max_length, **kwargs)


def tiny_feature_extractor(kind: str = "waveform"):
    """`waveform` (as it is), `normalized` (as wav2vec2-base), `whisper` (1 s, 8 bins) or `mel` (as wav2vec2-bert)."""
    if kind == "waveform":
        return Wav2Vec2FeatureExtractor(do_normalize=False)
    if kind == "normalized":
        return Wav2Vec2FeatureExtractor(do_normalize=True, return_attention_mask=False)
    if kind == "whisper":
        return WhisperFeatureExtractor(feature_size=8, chunk_length=1)
    if kind == "mel":
        return SeamlessM4TFeatureExtractor(feature_size=8, num_mel_bins=8, padding_value=1.0)
    raise ValueError(f"Unknown kind {kind!r}.")


def tiny_processor(kind: str = "waveform") -> EmoBertProcessor:
    """A processor of `tiny_feature_extractor(kind)` and `tiny_tokenizer()`."""
    return EmoBertProcessor(tiny_feature_extractor(kind), tiny_tokenizer())


def tone(seconds: float, rate: int = 16_000, channels: int = 1, frequency: float = 220.0) -> np.ndarray:
    """A tone with noise, the same on every call, float32 `(samples,)` or `(samples, channels)`; channels differ."""
    samples = round(seconds * rate)
    noise = np.random.default_rng(samples + channels).uniform(-0.1, 0.1, (samples, channels))
    phases = 2 * np.pi * frequency * np.arange(samples)[:, None] / rate + np.arange(channels)
    sound = (0.4 * np.sin(phases) + noise).astype(np.float32)
    return sound[:, 0] if channels == 1 else sound


def write_tone(path: str | Path, seconds: float = 0.5, rate: int = 16_000, channels: int = 1, **kwargs) -> np.ndarray:
    """Writes `tone(...)` to a file that libsndfile can write, makes its folder, and returns the samples.

    Further arguments are those of `soundfile.write` (`subtype`, `format`).
    """
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    sound = tone(seconds, rate, channels)
    sf.write(path, sound, rate, **kwargs)
    return sound
