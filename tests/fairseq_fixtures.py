"""The reference numbers of the original system, and checkpoints of other members of its family with random weights."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch


REFERENCE = Path(__file__).parent / "fixtures" / "reference"
VQ_VARIANTS = ("tiny_kmeans_readme", "tiny_kmeans_relulog", "tiny_gumbel_readme")


def reference_waves() -> list[np.ndarray]:
    """The six clips of the reference, float32 at 16 kHz."""
    waves = np.load(REFERENCE / "vq_wav2vec" / "waves.npz")
    return [waves[f"wav_{index}"] for index in range(6)]


def padded_batch(clips: list[np.ndarray], *, extra: int = 0, fill: float = 0.0) -> tuple[torch.Tensor, torch.Tensor]:
    """Clips padded on the right with `fill`, and their mask."""
    length = max(len(clip) for clip in clips) + extra
    values = torch.full((len(clips), length), fill)
    mask = torch.zeros(len(clips), length, dtype=torch.long)
    for row, clip in enumerate(clips):
        values[row, : len(clip)] = torch.from_numpy(clip)
        mask[row, : len(clip)] = 1
    return values, mask


def vq_args(**changes) -> dict:
    """fairseq's arguments of a tiny k-means vq-wav2vec."""
    args = {
        "conv_feature_layers": "[(16, 10, 5), (16, 8, 4)] + [(16, 4, 2)] * 3 + [(16, 1, 1)]",
        "conv_aggregator_layers": "[(16, 2, 1), (16, 3, 1)]",
        "activation": "gelu",
        "skip_connections_agg": True,
        "vq_type": "kmeans",
        "vq_groups": 2,
        "vq_vars": 8,
        "combine_groups": True,
    }
    return {**args, **changes}


def vq_state(args: dict, feature_layers, aggregator_layers, seed: int = 0) -> dict[str, torch.Tensor]:
    """Random tensors under the names that fairseq's wav2vec model with `args` gives them."""
    torch.manual_seed(seed)
    state: dict[str, torch.Tensor] = {}
    affine = not args.get("non_affine_group_norm", False)

    def norm(name: str, dim: int) -> None:
        state[f"{name}.weight"] = 1 + 0.2 * torch.randn(dim)
        state[f"{name}.bias"] = 0.2 * torch.randn(dim)

    before = 1
    for index, (dim, kernel, _) in enumerate(feature_layers):
        name = f"feature_extractor.conv_layers.{index}"
        state[f"{name}.0.weight"] = torch.randn(dim, before, kernel) * (before * kernel) ** -0.5
        if affine:
            norm(f"{name}.2", dim)
        before = dim
    embed, groups, codewords = before, args["vq_groups"], args["vq_vars"]
    width = (args.get("vq_dim") or embed) // groups
    codebooks = 1 if args.get("combine_groups") else groups
    if args["vq_type"] == "kmeans":
        state["vector_quantizer.embedding"] = torch.randn(codewords, codebooks, width)
        state["vector_quantizer.projection.0.weight"] = torch.randn(embed, embed // groups, 1) * width**-0.5
        norm("vector_quantizer.projection.1", embed)
    else:
        state["vector_quantizer.vars"] = torch.rand(1, codebooks * codewords, width)
        depth, inputs = args.get("vq_depth", 1), embed
        for layer in range(depth):
            last = layer == depth - 1
            outputs = groups * codewords if last else 2 * embed
            place = ("" if depth == 1 else f".{layer}") + ("" if last else ".0")
            state[f"vector_quantizer.weight_proj{place}.weight"] = torch.randn(outputs, inputs)
            state[f"vector_quantizer.weight_proj{place}.bias"] = torch.randn(outputs)
            inputs = outputs
    if args.get("aggregator", "cnn") == "gru":
        gru = torch.nn.GRU(embed, args["gru_dim"])
        state.update({f"feature_aggregator.1.{name}": tensor.detach() for name, tensor in gru.named_parameters()})
    else:
        before = embed
        for index, (dim, kernel, _) in enumerate(aggregator_layers):
            name = f"feature_aggregator.conv_layers.{index}"
            state[f"{name}.1.weight"] = torch.randn(dim, before, kernel) * (before * kernel) ** -0.5
            if not args.get("no_conv_bias"):
                state[f"{name}.1.bias"] = 0.2 * torch.randn(dim)
            if affine:
                norm(f"{name}.3", dim)
            if args.get("skip_connections_agg") and before != dim:
                state[f"feature_aggregator.residual_proj.{index}.weight"] = torch.randn(dim, before, 1) * 0.1
            before = dim
    state["wav2vec_predictions.project_to_steps.bias"] = torch.zeros(embed)
    return state


def save_checkpoint(path: Path, args: dict | None, state: dict[str, torch.Tensor], **extra) -> Path:
    """Writes a checkpoint as fairseq does."""
    namespace = None if args is None else argparse.Namespace(**args)
    torch.save({"args": namespace, "model": state, **extra}, path)
    return path
