"""The reference numbers of emotion2vec, and tiny configurations of other members of its family."""

from __future__ import annotations

from functools import cache

import numpy as np
import torch

from configuration_emo import Emotion2VecConfig
from modeling_emo import Emotion2VecForAudioClassification, Emotion2VecModel
from modeling_emo.conversion.convert_emotion2vec_to_hf import convert_emotion2vec
from modeling_emo.conversion.emotion2vec_checkpoint import load_checkpoint
from modeling_emo.conversion.funasr_config import read_funasr_config, read_labels
from preprocess import Emotion2VecFeatureExtractor
from tests.fairseq_fixtures import REFERENCE as ALL_REFERENCES


REFERENCE = ALL_REFERENCES / "emotion2vec"
CHECKPOINTS = {
    "base": "base.pt",
    "plus_large": "plus_large.pt",
    "edge_pre_norm": "edge_pre_norm.safetensors",
    "edge_per_layer": "edge_per_layer.safetensors",
}
VARIANTS = tuple(CHECKPOINTS)

TINY = {
    "hidden_size": 32,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "intermediate_size": 48,
    "num_extra_tokens": 3,
    "conv_dim": [16, 16, 16],
    "conv_kernel": [10, 3, 3],
    "conv_stride": [5, 4, 2],
    "num_conv_pos_embeddings": 2,
    "conv_pos_kernel_size": 5,
    "num_conv_pos_embedding_groups": 4,
}


def tiny_config(**changes) -> Emotion2VecConfig:
    """A frame of 60 samples every 40, 32 channels, 3 layers."""
    return Emotion2VecConfig(**{**TINY, **changes})


def tiny_model(model_class=Emotion2VecModel, seed: int = 0, **changes):
    """A model in evaluation mode, its weights far enough from zero for differences to show."""
    torch.manual_seed(seed)
    return model_class(tiny_config(initializer_range=0.3, **changes)).eval()


def reference_clips() -> list[np.ndarray]:
    """The eight clips of the reference, float32 at 16 kHz; the last one is too short for every variant."""
    waves = np.load(REFERENCE / "waves.npz")
    return [waves[f"pcm_{index}"].astype(np.float32) / 32768 for index in range(8)]


def reference_numbers(variant: str) -> dict[str, np.ndarray]:
    """What the original computed, by name and clip."""
    return dict(np.load(REFERENCE / f"{variant}.npz"))


@cache
def converted(variant: str) -> Emotion2VecModel | Emotion2VecForAudioClassification:
    """The converted checkpoint of a variant; not to be changed."""
    tokens = REFERENCE / f"{variant}.tokens.txt"
    return convert_emotion2vec(
        load_checkpoint(REFERENCE / CHECKPOINTS[variant]),
        read_funasr_config(REFERENCE / f"{variant}.config.yaml"),
        read_labels(tokens) if tokens.is_file() else None,
    )


def extractor_of(variant: str) -> Emotion2VecFeatureExtractor:
    """The feature extractor that belongs to it."""
    config = read_funasr_config(REFERENCE / f"{variant}.config.yaml")
    return Emotion2VecFeatureExtractor(do_normalize=config.do_normalize)


def extracted(variant: str, clips: list[np.ndarray], noise: float = 0.0) -> dict[str, torch.Tensor]:
    """Clips as the variant's model takes them, with noise of that deviation in the padding."""
    batch = extractor_of(variant)(clips, sampling_rate=16_000, padding=True, return_tensors="pt")
    values, mask = batch["input_values"], batch["attention_mask"]
    generator = torch.Generator().manual_seed(0)
    values = torch.where(mask.bool(), values, noise * torch.randn(values.shape, generator=generator))
    return {"input_values": values, "attention_mask": mask}


def ragged_batch(lengths: list[int], seed: int = 0) -> dict[str, torch.Tensor]:
    """Noise of these lengths, and louder noise behind it."""
    generator = torch.Generator().manual_seed(seed)
    values = torch.randn(len(lengths), max(lengths), generator=generator)
    mask = (torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]).long()
    return {"input_values": torch.where(mask.bool(), values, 5 * values), "attention_mask": mask}
