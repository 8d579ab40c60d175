"""fairseq's RoBERTa, the text encoder and Speech-BERT alike, as Transformers' `RobertaModel`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import torch
from transformers import RobertaConfig

from .fairseq_checkpoint import KeyTable
from .fairseq_reference import PADDING_ID


# fairseq's name of each activation, and Transformers'.
TRANSFORMERS_ACTIVATIONS = {
    "gelu": "gelu",
    "gelu_accurate": "gelu_new",
    "gelu_fast": "gelu_new",
    "relu": "relu",
    "tanh": "tanh",
    "linear": "linear",
}

_LAYER_KEYS = {
    r"self_attn\.q_proj": "attention.self.query",
    r"self_attn\.k_proj": "attention.self.key",
    r"self_attn\.v_proj": "attention.self.value",
    r"self_attn\.out_proj": "attention.output.dense",
    r"self_attn_layer_norm": "attention.output.LayerNorm",
    r"fc1": "intermediate.dense",
    r"fc2": "output.dense",
    r"final_layer_norm": "output.LayerNorm",
}


def roberta_keys(prefix: str = "", target: str = "") -> KeyTable:
    """
    The keys of a RoBERTa inside a checkpoint.

    Args:
        prefix (`str`): what precedes `decoder.` or `encoder.` (as newer fairseq versions call it).
        target (`str`): what precedes the keys of `RobertaModel` in the new model.

    Returns:
        [`KeyTable`] for tensors with separate query, key and value projections.
    """
    start = re.escape(prefix) + r"(?:de|en)coder\."
    encoder = start + r"sentence_encoder\."
    embeddings = f"{target}embeddings."
    renames = [
        (encoder + r"embed_tokens\.weight", f"{embeddings}word_embeddings.weight"),
        (encoder + r"embed_positions\.weight", f"{embeddings}position_embeddings.weight"),
        (encoder + r"(?:emb_layer_norm|layernorm_embedding)\.(weight|bias)", rf"{embeddings}LayerNorm.\1"),
    ]
    for old, new in _LAYER_KEYS.items():
        renames.append((encoder + rf"layers\.(\d+)\.{old}\.(weight|bias)", rf"{target}encoder.layer.\1.{new}.\2"))
    ignored = [
        (start + r"lm_head\..*", "language-model head"),
        (re.escape(prefix) + r"classification_heads\..*", "head of another task"),
    ]
    return KeyTable(renames, ignored)


def sentence_encoder_prefix(state_dict: Mapping[str, torch.Tensor], prefix: str = "") -> str:
    """
    What precedes `embed_tokens.weight` in a checkpoint.

    Args:
        state_dict (`Mapping[str, torch.Tensor]`): fairseq's tensors.
        prefix (`str`): what precedes `decoder.` or `encoder.`.

    Returns:
        `str`: for example `"decoder.sentence_encoder."`.

    Raises:
        ValueError: there is no such RoBERTa.
    """
    for name in (f"{prefix}decoder.sentence_encoder.", f"{prefix}encoder.sentence_encoder."):
        if f"{name}embed_tokens.weight" in state_dict:
            return name
    raise ValueError(f"The checkpoint has no RoBERTa under {prefix or 'its top level'!r}: no `embed_tokens.weight`.")


def roberta_config(
    state_dict: Mapping[str, torch.Tensor],
    args: Mapping[str, Any],
    *,
    prefix: str = "",
    num_attention_heads: int | None = None,
) -> RobertaConfig:
    """
    The configuration of a RoBERTa, from the shapes of its tensors.

    Args:
        state_dict (`Mapping[str, torch.Tensor]`): fairseq's tensors.
        args (`Mapping[str, Any]`): activation and dropouts, where the checkpoint knows them.
        prefix (`str`): what precedes `decoder.` or `encoder.`.
        num_attention_heads (`int`, *optional*): heads of each layer, which no shape tells; one for each 64 channels
            when None.

    Returns:
        `RobertaConfig`

    Raises:
        ValueError: the heads do not divide the width, or the activation is unknown.
    """
    name = sentence_encoder_prefix(state_dict, prefix)
    vocab_size, hidden_size = state_dict[f"{name}embed_tokens.weight"].shape
    heads = num_attention_heads if num_attention_heads is not None else hidden_size // 64
    if heads < 1 or hidden_size % heads:
        raise ValueError(
            f"The RoBERTa under {name!r} has {hidden_size} channels, which {heads} attention heads do not divide: "
            "give the number of heads that it was trained with."
        )
    activation = args.get("activation_fn", "gelu")
    if activation not in TRANSFORMERS_ACTIVATIONS:
        raise ValueError(f"activation_fn must be one of {', '.join(TRANSFORMERS_ACTIVATIONS)}, got {activation!r}.")
    layers = {int(match[1]) for key in state_dict if (match := re.match(re.escape(name) + r"layers\.(\d+)\.", key))}
    return RobertaConfig(
        vocab_size=vocab_size,
        hidden_size=hidden_size,
        num_hidden_layers=len(layers),
        num_attention_heads=heads,
        intermediate_size=state_dict[f"{name}layers.0.fc1.weight"].shape[0],
        hidden_act=TRANSFORMERS_ACTIVATIONS[activation],
        hidden_dropout_prob=args.get("dropout", 0.1),
        attention_probs_dropout_prob=args.get("attention_dropout", 0.1),
        max_position_embeddings=state_dict[f"{name}embed_positions.weight"].shape[0],
        type_vocab_size=1,
        layer_norm_eps=1e-5,
        bos_token_id=0,
        pad_token_id=PADDING_ID,
        eos_token_id=2,
    )


def add_token_types(state_dict: dict[str, torch.Tensor], target: str = "") -> None:
    """
    Adds the token-type embedding that Transformers' RoBERTa has and fairseq's has not: one row of zeros.

    Args:
        state_dict (`dict[str, torch.Tensor]`): renamed tensors, changed in place.
        target (`str`): what precedes the keys of `RobertaModel`.
    """
    words = state_dict[f"{target}embeddings.word_embeddings.weight"]
    state_dict[f"{target}embeddings.token_type_embeddings.weight"] = words.new_zeros(1, words.shape[1])
