"""
emotion2vec's forward pass, computed straight from a checkpoint's tensors under their own names, one clip at a time.

It shares no code with the models of this package, so that a conversion can be checked without FunASR.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
import torch.nn.functional as F

from .funasr_config import FunAsrConfig


State = Mapping[str, torch.Tensor]
AUDIO = "modality_encoders.AUDIO."
EPS = 1e-5


def emotion2vec_outputs(config: FunAsrConfig, state: State, waveform: torch.Tensor) -> dict[str, torch.Tensor]:
    """
    All that the original returns for a clip.

    Args:
        config ([`FunAsrConfig`]): of the checkpoint.
        state (`Mapping[str, torch.Tensor]`): its tensors, without the prefix `d2v_model.`.
        waveform (`torch.Tensor` of shape `(samples,)`): full scale 1.

    Returns:
        `dict[str, torch.Tensor]`: `frames` `(frames, hidden)`, `tokens` `(extra tokens, hidden)`, `utterance`
        `(hidden,)` and, of a checkpoint with a classifier, `logits` `(labels,)`.
    """
    x = (waveform - waveform.mean()) / (waveform.var(correction=0) + EPS).sqrt() if config.do_normalize else waveform
    x = _project(config, state, x)
    x = x + _positions(config, state, x)
    tokens = config.model.num_extra_tokens
    if tokens:
        x = torch.cat([state[f"{AUDIO}extra_tokens"][0], x])
    if not config.model.layer_norm_first:
        x = _norm(config, state, f"{AUDIO}context_encoder.norm", x)
    for layer in range(config.model.num_hidden_layers):
        x = _block(config, state, layer, x)
    if config.model.layer_norm_first:
        x = _norm(config, state, "norm", x)
    outputs = {"frames": x[tokens:], "tokens": x[:tokens], "utterance": x[tokens:].mean(0)}
    if "proj.weight" in state:
        outputs["logits"] = F.linear(outputs["utterance"], state["proj.weight"], state["proj.bias"])
    return outputs


def _project(config: FunAsrConfig, state: State, waveform: torch.Tensor) -> torch.Tensor:
    """(samples,) -> (frames, hidden)."""
    x = waveform[None]  # (channels, samples)
    for index, stride in enumerate(config.model.conv_stride):
        name = f"{AUDIO}local_encoder.conv_layers.{index}"
        x = F.conv1d(x[None], state[f"{name}.0.weight"], stride=stride)[0]
        if config.model.feat_extract_norm == "layer":
            weights = state[f"{name}.2.1.weight"], state[f"{name}.2.1.bias"]
            x = F.layer_norm(x.T, x.shape[:1], *weights, eps=EPS).T
        elif index == 0:
            x = (x - x.mean(1, keepdim=True)) / (x.var(1, correction=0, keepdim=True) + EPS).sqrt()
            x = x * state[f"{name}.2.weight"][:, None] + state[f"{name}.2.bias"][:, None]
        x = F.gelu(x)
    name = f"{AUDIO}project_features"
    x = F.layer_norm(x.T, x.shape[:1], state[f"{name}.1.weight"], state[f"{name}.1.bias"], eps=EPS)
    return F.linear(x, state[f"{name}.2.weight"], state[f"{name}.2.bias"])


def _positions(config: FunAsrConfig, state: State, x: torch.Tensor) -> torch.Tensor:
    """(frames, hidden) -> the same."""
    name = f"{AUDIO}relative_positional_encoder"
    if config.model.conv_pos_pre_norm:
        x = F.layer_norm(x, x.shape[1:], state[f"{name}.0.weight"], state[f"{name}.0.bias"], eps=EPS)
        name = f"{name}.1"
    kernel = config.model.conv_pos_kernel_size
    for index in range(1, config.model.num_conv_pos_embeddings + 1):
        weight, bias = state[f"{name}.{index}.0.weight"], state[f"{name}.{index}.0.bias"]
        groups = config.model.num_conv_pos_embedding_groups
        y = F.conv1d(x.T[None], weight, bias, padding=kernel // 2, groups=groups)[0].T
        y = y[:-1] if kernel % 2 == 0 else y
        x = F.gelu(F.layer_norm(y, y.shape[1:], eps=EPS))
    return x


def _block(config: FunAsrConfig, state: State, layer: int, x: torch.Tensor) -> torch.Tensor:
    """(extra tokens + frames, hidden) -> the same."""
    prenet = config.num_prenet_layers
    name = f"{AUDIO}context_encoder.blocks.{layer}" if layer < prenet else f"blocks.{layer - prenet}"

    def attend(y: torch.Tensor) -> torch.Tensor:
        heads = config.model.num_attention_heads
        qkv = F.linear(y, state[f"{name}.attn.qkv.weight"], state[f"{name}.attn.qkv.bias"])
        query, key, value = qkv.unflatten(1, (3, heads, -1)).permute(1, 2, 0, 3)  # (heads, length, width) each
        scores = query @ key.transpose(1, 2) / math.sqrt(query.shape[-1])
        scores = scores + _distance_bias(config, state, layer, len(y))
        y = (scores.softmax(-1) @ value).transpose(0, 1).flatten(1)
        return F.linear(y, state[f"{name}.attn.proj.weight"], state[f"{name}.attn.proj.bias"])

    def feed_forward(y: torch.Tensor) -> torch.Tensor:
        y = F.gelu(F.linear(y, state[f"{name}.mlp.fc1.weight"], state[f"{name}.mlp.fc1.bias"]))
        return F.linear(y, state[f"{name}.mlp.fc2.weight"], state[f"{name}.mlp.fc2.bias"])

    if config.model.layer_norm_first:
        x = x + attend(_norm(config, state, f"{name}.norm1", x))
        x = feed_forward(_norm(config, state, f"{name}.norm2", x))
        return x + x
    x = _norm(config, state, f"{name}.norm1", x + attend(x))
    return _norm(config, state, f"{name}.norm2", x + feed_forward(x))


def _distance_bias(config: FunAsrConfig, state: State, layer: int, length: int) -> torch.Tensor:
    """What is added to the scores, (heads, length, length)."""
    bias = torch.zeros(config.model.num_attention_heads, length, length)
    tokens, num_heads = config.model.num_extra_tokens, config.model.num_alibi_heads or 0
    if not num_heads:
        return bias
    scale = state[f"{AUDIO}alibi_scale"].clamp_min(0)
    scale = scale.reshape(-1, scale.shape[-3])  # (layers or 1, heads or 1)
    scale = scale[layer if len(scale) > 1 else 0].expand(num_heads)
    frames = torch.arange(length - tokens)
    distance = (frames[:, None] - frames).abs()
    for head, slope in enumerate(_slopes(num_heads)):
        bias[head, tokens:, tokens:] = -slope * scale[head] * distance
    return bias


def _slopes(num_heads: int) -> list[float]:
    if math.log2(num_heads).is_integer():
        return [2 ** (-8 * (head + 1) / num_heads) for head in range(num_heads)]
    power = 2 ** int(math.log2(num_heads))
    return _slopes(power) + _slopes(2 * power)[::2][: num_heads - power]


def _norm(config: FunAsrConfig, state: State, name: str, x: torch.Tensor) -> torch.Tensor:
    weights = state.get(f"{name}.weight"), state.get(f"{name}.bias")
    return F.layer_norm(x, x.shape[1:], *weights, eps=config.model.layer_norm_eps)


__all__ = ["emotion2vec_outputs"]
