"""The reference numbers of emotion2vec, and tiny configurations of other members of its family."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import torch
import yaml

from configuration_emo import Emotion2VecConfig
from modeling_emo import Emotion2VecForAudioClassification, Emotion2VecModel
from modeling_emo.conversion.convert_emotion2vec_to_hf import convert_emotion2vec
from modeling_emo.conversion.emotion2vec_checkpoint import load_checkpoint
from modeling_emo.conversion.fairseq_checkpoint import parse_layers
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


def taken_clips(variant: str) -> list[int]:
    """The clips that the original takes; the others are shorter than a frame."""
    return [clip for clip in range(8) if f"frames_{clip}" in reference_numbers(variant)]


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


def funasr_settings(audio: dict | None = None, **model_conf) -> dict:
    """FunASR's configuration of a tiny emotion2vec, with changes to `modalities.audio` and to the rest."""
    settings = yaml.safe_load((REFERENCE / "base.config.yaml").read_text())
    settings["model_conf"].update({"embed_dim": 24, "num_heads": 6, "mlp_ratio": 2.0, **model_conf})
    spec = "[(8, 10, 5)] + [(8, 3, 2)] * 2"
    defaults = {"num_alibi_heads": 6, "num_extra_tokens": 2, "feature_encoder_spec": spec, "conv_pos_width": 15}
    settings["model_conf"]["modalities"]["audio"].update({**defaults, **(audio or {})})
    return settings


def funasr_state(settings: dict, num_labels: int = 0, seed: int = 0) -> dict[str, torch.Tensor]:
    """Random tensors under the names that the original gives them, those of a classifier with its prefix."""
    conf = settings["model_conf"]
    audio, width = conf["modalities"]["audio"], conf["embed_dim"]
    generator = torch.Generator().manual_seed(seed)
    state: dict[str, torch.Tensor] = {}

    def weights(name: str, *shape: int, bias: bool = True) -> None:
        state[f"{name}.weight"] = torch.randn(shape, generator=generator) * 1.5 * np.prod(shape[1:]) ** -0.5
        if bias:
            state[f"{name}.bias"] = 0.3 * torch.randn(shape[0], generator=generator)

    def norm(name: str, size: int, affine: bool = True) -> None:
        if affine:
            state[f"{name}.weight"] = 1 + 0.3 * torch.randn(size, generator=generator)
            state[f"{name}.bias"] = 0.3 * torch.randn(size, generator=generator)

    place, before = "modality_encoders.AUDIO", 1
    for index, (dim, kernel, _) in enumerate(parse_layers(audio["feature_encoder_spec"])):
        name = f"{place}.local_encoder.conv_layers.{index}"
        weights(f"{name}.0", dim, before, kernel, bias=False)
        if audio["extractor_mode"] == "layer_norm":
            norm(f"{name}.2.1", dim)
        elif index == 0:
            norm(f"{name}.2", dim)
        before = dim
    norm(f"{place}.project_features.1", before)
    weights(f"{place}.project_features.2", width, before)
    positions = f"{place}.relative_positional_encoder"
    if audio["conv_pos_pre_ln"]:
        norm(f"{positions}.0", width)
        positions = f"{positions}.1"
    kernel = max(3, audio["conv_pos_width"] // audio["conv_pos_depth"])
    for index in range(1, audio["conv_pos_depth"] + 1):
        weights(f"{positions}.{index}.0", width, width // audio["conv_pos_groups"], kernel)
    if audio["num_extra_tokens"]:
        state[f"{place}.extra_tokens"] = torch.randn(1, audio["num_extra_tokens"], width, generator=generator)
    layers = audio["prenet_depth"] + conf["depth"]
    if audio["use_alibi_encoder"]:
        heads = audio["num_alibi_heads"] if audio["learned_alibi_scale_per_head"] else 1
        shape = (layers if audio["learned_alibi_scale_per_layer"] else 1, 1, heads, 1, 1)
        state[f"{place}.alibi_scale"] = 0.5 + torch.randn(shape, generator=generator)
    affine = conf["norm_affine"]
    norm("norm" if conf["layer_norm_first"] else f"{place}.context_encoder.norm", width, affine)
    inner = int(width * conf["mlp_ratio"])
    for layer in range(layers):
        prenet = layer < audio["prenet_depth"]
        name = f"{place}.context_encoder.blocks.{layer}" if prenet else f"blocks.{layer - audio['prenet_depth']}"
        norm(f"{name}.norm1", width, affine)
        weights(f"{name}.attn.qkv", 3 * width, width)
        weights(f"{name}.attn.proj", width, width)
        norm(f"{name}.norm2", width, affine)
        weights(f"{name}.mlp.fc1", inner, width)
        weights(f"{name}.mlp.fc2", width, inner)
    if num_labels:
        state = {f"d2v_model.{name}": tensor for name, tensor in state.items()}
        weights("proj", num_labels, width)
    return state


def write_checkpoint(folder: Path, settings: dict, state: dict[str, torch.Tensor], **extra) -> tuple[Path, Path]:
    """Checkpoint and configuration as files, as FunASR has them."""
    torch.save({"model": state, **extra}, folder / "model.pt")
    (folder / "config.yaml").write_text(yaml.safe_dump(settings))
    return folder / "model.pt", folder / "config.yaml"
