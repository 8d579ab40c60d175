"""
fairseq's forward passes, computed straight from a checkpoint's tensors under fairseq's own names.

They share no code with the models of this package, so that a conversion can be checked without fairseq.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F

from .fairseq_checkpoint import parse_layers


State = Mapping[str, torch.Tensor]
ACTIVATION_FUNCTIONS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "gelu": F.gelu,
    "gelu_accurate": partial(F.gelu, approximate="tanh"),
    "gelu_fast": partial(F.gelu, approximate="tanh"),
    "relu": F.relu,
    "tanh": torch.tanh,
    "linear": lambda x: x,
}
PADDING_ID = 1
# Where the original's fused model keeps its encoders.
EMOBERT_ENCODERS = {"text": "model_text2vec", "speech": "roberta_vqwav2vec"}


def vq_wav2vec_features(args: Mapping[str, Any], state: State, waveform: torch.Tensor) -> torch.Tensor:
    """
    The feature extractor of vq-wav2vec.

    Args:
        args (`Mapping[str, Any]`): the checkpoint's arguments, defaults filled in.
        state (`Mapping[str, torch.Tensor]`): its tensors.
        waveform (`torch.Tensor` of shape `(1, samples)`): one clip at 16 kHz.

    Returns:
        `torch.Tensor` of shape `(1, channels, frames)`.
    """
    x = waveform.unsqueeze(1)
    for index, (_, _, stride) in enumerate(parse_layers(args["conv_feature_layers"])):
        name = f"feature_extractor.conv_layers.{index}"
        y = F.conv1d(x, state[f"{name}.0.weight"], stride=stride)
        y = F.group_norm(y, 1, state.get(f"{name}.2.weight"), state.get(f"{name}.2.bias"))
        y = ACTIVATION_FUNCTIONS[args["activation"]](y)
        if args["skip_connections_feat"] and y.shape[1] == x.shape[1]:
            step, frames = x.shape[2] // y.shape[2], y.shape[2]
            y = (y + x[:, :, ::step][:, :, :frames]) * math.sqrt(args["residual_scale"])
        x = y
    return torch.log(torch.abs(x) + 1) if args["log_compression"] else x


def vq_wav2vec_codes(args: Mapping[str, Any], state: State, features: torch.Tensor) -> torch.Tensor:
    """
    The quantiser of vq-wav2vec, outside training.

    Args:
        args (`Mapping[str, Any]`): the checkpoint's arguments, defaults filled in.
        state (`Mapping[str, torch.Tensor]`): its tensors.
        features (`torch.Tensor` of shape `(1, channels, frames)`): the feature extractor's output.

    Returns:
        `torch.LongTensor` of shape `(1, frames, groups)`.
    """
    groups, frames = args["vq_groups"], features.shape[2]
    if args["vq_type"] == "gumbel":
        x = features.transpose(1, 2)
        for layer in range(args["vq_depth"] - 1):
            name = f"vector_quantizer.weight_proj.{layer}.0"
            x = ACTIVATION_FUNCTIONS[args["activation"]](F.linear(x, state[f"{name}.weight"], state[f"{name}.bias"]))
        last = f".{args['vq_depth'] - 1}" if args["vq_depth"] > 1 else ""
        name = f"vector_quantizer.weight_proj{last}"
        x = F.linear(x, state[f"{name}.weight"], state[f"{name}.bias"])
        return x.view(1, frames, groups, -1).max(dim=-1).indices
    x = F.conv1d(features, state["vector_quantizer.projection.0.weight"], groups=groups)
    x = F.group_norm(
        x, groups, state["vector_quantizer.projection.1.weight"], state["vector_quantizer.projection.1.bias"]
    )
    x = x.view(1, groups, -1, frames).permute(0, 3, 1, 2)  # (1, frames, groups, width)
    codewords = state["vector_quantizer.embedding"].expand(-1, groups, -1)  # (codewords, groups, width)
    distances = (x.unsqueeze(0) - codewords.unsqueeze(1).unsqueeze(1)).norm(dim=-1)
    return distances.argmin(dim=0)


def roberta_hidden_states(
    state: State,
    prefix: str,
    input_ids: torch.Tensor,
    num_heads: int,
    *,
    activation: str = "gelu",
    dropout: float = 0.0,
) -> torch.Tensor:
    """
    fairseq's RoBERTa without its language-model head.

    Args:
        state (`Mapping[str, torch.Tensor]`): tensors with `q_proj`, `k_proj` and `v_proj`.
        prefix (`str`): what precedes `embed_tokens.weight`.
        input_ids (`torch.LongTensor` of shape `(batch, length)`): padded with 1.
        num_heads (`int`): attention heads.
        activation (`str`): of the feed-forward layers, as fairseq calls it.
        dropout (`float`, defaults to 0.0): on embeddings, attention weights and the outputs of sublayers, as in
            training.

    Returns:
        `torch.Tensor` of shape `(batch, length, hidden)`; values at padded positions mean nothing.
    """
    valid = input_ids.ne(PADDING_ID)
    positions = valid.cumsum(dim=1) * valid + PADDING_ID
    x = state[f"{prefix}embed_tokens.weight"][input_ids] + state[f"{prefix}embed_positions.weight"][positions]
    norm = "emb_layer_norm" if f"{prefix}emb_layer_norm.weight" in state else "layernorm_embedding"
    x = F.dropout(_layer_norm(state, f"{prefix}{norm}", x), dropout) * valid.unsqueeze(-1)
    layer = 0
    while f"{prefix}layers.{layer}.fc1.weight" in state:
        name = f"{prefix}layers.{layer}."
        attended = multi_head_attention(state, f"{name}self_attn.", x, x, valid, num_heads, dropout=dropout)
        x = _layer_norm(state, f"{name}self_attn_layer_norm", x + F.dropout(attended, dropout))
        inner = ACTIVATION_FUNCTIONS[activation](_linear(state, f"{name}fc1", x))
        outer = F.dropout(_linear(state, f"{name}fc2", inner), dropout)
        x = _layer_norm(state, f"{name}final_layer_norm", x + outer)
        layer += 1
    return x


def multi_head_attention(
    state: State,
    prefix: str,
    queries: torch.Tensor,
    keys: torch.Tensor,
    valid: torch.Tensor,
    num_heads: int,
    *,
    dropout: float = 0.0,
) -> torch.Tensor:
    """
    fairseq's attention, where the width of keys and values may differ from that of the queries.

    Args:
        state (`Mapping[str, torch.Tensor]`): the tensors.
        prefix (`str`): what precedes `q_proj.weight`.
        queries (`torch.Tensor` of shape `(batch, queries, hidden)`): what asks.
        keys (`torch.Tensor` of shape `(batch, length, key_hidden)`): what is looked at.
        valid (`torch.BoolTensor` of shape `(batch, length)`): False at padding.
        num_heads (`int`): attention heads.
        dropout (`float`, defaults to 0.0): on the attention weights.

    Returns:
        `torch.Tensor` of shape `(batch, queries, hidden)`.
    """
    batch, num_queries, hidden = queries.shape
    head_dim = hidden // num_heads
    q = _linear(state, f"{prefix}q_proj", queries) * head_dim**-0.5
    q = q.view(batch, num_queries, num_heads, head_dim).transpose(1, 2)
    k = _linear(state, f"{prefix}k_proj", keys).view(batch, -1, num_heads, head_dim).transpose(1, 2)
    v = _linear(state, f"{prefix}v_proj", keys).view(batch, -1, num_heads, head_dim).transpose(1, 2)
    scores = (q @ k.transpose(2, 3)).masked_fill(~valid[:, None, None, :], -math.inf)
    attended = (F.dropout(scores.softmax(dim=-1), dropout) @ v).transpose(1, 2).reshape(batch, num_queries, hidden)
    return _linear(state, f"{prefix}out_proj", attended)


def _linear(state: State, name: str, x: torch.Tensor) -> torch.Tensor:
    return F.linear(x, state[f"{name}.weight"], state[f"{name}.bias"])


def _layer_norm(state: State, name: str, x: torch.Tensor) -> torch.Tensor:
    return F.layer_norm(x, x.shape[-1:], state[f"{name}.weight"], state[f"{name}.bias"])


def emobert_logits(
    state: State,
    text: torch.Tensor,
    speech: torch.Tensor,
    *,
    co_attention: bool,
    num_heads: dict[str, int],
    dropout: float = 0.0,
) -> torch.Tensor:
    """
    The original's fused model, with the head of the paper.

    Args:
        state (`Mapping[str, torch.Tensor]`): the tensors, with `q_proj`, `k_proj` and `v_proj`.
        text (`torch.LongTensor` of shape `(batch, length)`): text ids, padded with 1.
        speech (`torch.LongTensor` of shape `(batch, length)`): speech ids, padded with 1.
        co_attention (`bool`): False for shallow fusion.
        num_heads (`dict[str, int]`): attention heads of `text`, `speech` and `fusion`.
        dropout (`float`, defaults to 0.0): in the encoders and on the weights of the co-attention, as in training.

    Returns:
        `torch.Tensor` of shape `(batch, classes)`.
    """
    prefixes = {name: re.escape(module) for name, module in EMOBERT_ENCODERS.items()}
    hidden = {}
    for name, input_ids in (("text", text), ("speech", speech)):
        pattern = prefixes[name] + r"\.(?:model\.)?(?:de|en)coder\.sentence_encoder\.(?=embed_tokens\.weight)"
        prefix = next(match[0] for key in state if (match := re.match(pattern, key)))
        hidden[name] = roberta_hidden_states(state, prefix, input_ids, num_heads[name], dropout=dropout)
    vectors = {name: states[:, :1] for name, states in hidden.items()}  # (batch, 1, width)
    results = dict(vectors)
    if co_attention:
        for name, other, other_ids in (("text", "speech", speech), ("speech", "text", text)):
            layers = "layers_ta" if name == "text" else "layers_at"
            layer = 0
            while f"decoder.sentence_encoder.{layers}.{layer}.self_cross_attn.q_proj.weight" in state:
                prefix = f"decoder.sentence_encoder.{layers}.{layer}.self_cross_attn."
                valid = other_ids.ne(PADDING_ID)
                attended = multi_head_attention(
                    state, prefix, results[name], hidden[other], valid, num_heads["fusion"], dropout=dropout
                )
                results[name] = results[name] + attended
                layer += 1
    fused = torch.cat([results["text"], results["speech"]], dim=-1).squeeze(1)
    head = next(key for key in state if key.startswith("classification_heads.") and key.endswith(".out_proj.weight"))
    return _linear(state, head.removesuffix(".weight"), fused)
