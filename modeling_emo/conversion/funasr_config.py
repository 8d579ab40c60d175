"""FunASR's description of an emotion2vec: `config.yaml` for its architecture, `tokens.txt` for its labels."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from configuration_emo.configuration_emotion2vec import Emotion2VecConfig

from .fairseq_checkpoint import parse_layers


EXTRACTOR_MODES = {"layer_norm": "layer", "default": "group"}
UNKNOWN_TOKEN, UNKNOWN_LABEL = "<unk>", "unknown"
# How labels begin that the checkpoint has a place for, but was not trained to predict.
UNUSED_PREFIX = "unuse"

AUDIO = "model_conf.modalities.audio"
# Which of their keys a field of ours comes from, for messages.
SOURCES = {
    "hidden_size": "model_conf.embed_dim",
    "num_hidden_layers": f"{AUDIO}.prenet_depth + model_conf.depth",
    "num_attention_heads": "model_conf.num_heads",
    "intermediate_size": "model_conf.mlp_ratio",
    "layer_norm_eps": "model_conf.norm_eps",
    "hidden_dropout": "model_conf.encoder_dropout",
    "attention_dropout": "model_conf.attention_dropout",
    "activation_dropout": "model_conf.activation_dropout",
    "layerdrop": "model_conf.layerdrop",
    "num_extra_tokens": f"{AUDIO}.num_extra_tokens",
    "num_alibi_heads": f"{AUDIO}.num_alibi_heads",
    **dict.fromkeys(("conv_dim", "conv_kernel", "conv_stride"), f"{AUDIO}.feature_encoder_spec"),
    "num_conv_pos_embeddings": f"{AUDIO}.conv_pos_depth",
    "num_conv_pos_embedding_groups": f"{AUDIO}.conv_pos_groups",
}


@dataclass
class FunAsrConfig:
    """
    What a conversion needs to know of a checkpoint besides its tensors.

    Args:
        path (`Path`): the file.
        model ([`Emotion2VecConfig`]): the architecture.
        num_prenet_layers (`int`): how many of its layers have the names of the prenet in the checkpoint.
        do_normalize (`bool`): whether waveforms are normalised.
        notes (`list[str]`): what the file says of training that the architecture here has no field for.
    """

    path: Path
    model: Emotion2VecConfig
    num_prenet_layers: int
    do_normalize: bool
    notes: list[str] = field(default_factory=list)


def read_funasr_config(path: str | Path) -> FunAsrConfig:
    """
    Reads FunASR's `config.yaml`, or the same as JSON.

    Args:
        path (`str` or `Path`): the file.

    Returns:
        [`FunAsrConfig`]

    Raises:
        ValueError: the file cannot be read, or one of its values is missing, of the wrong kind or impossible; file and
            key are named.
    """
    settings = _Settings(Path(path), _read_mapping(Path(path)))
    if settings.optional("model", "Emotion2vec") not in ("Emotion2vec", "emotion2vec"):
        raise ValueError(f"{path}: `model` is {settings.values['model']!r}, expected 'Emotion2vec'.")
    fields = {**_transformer_fields(settings), **_convolution_fields(settings), **_training_fields(settings)}
    try:
        model = Emotion2VecConfig(**fields)
    except ValueError as error:
        message = re.sub(r"\w+", lambda word: SOURCES.get(word[0], word[0]), str(error))
        raise ValueError(f"{path} describes a model that cannot be built: {message}") from error
    return FunAsrConfig(
        path=settings.path,
        model=model,
        num_prenet_layers=settings.integer(f"{AUDIO}.prenet_depth"),
        do_normalize=settings.boolean("model_conf.normalize"),
        notes=_training_notes(settings),
    )


def read_labels(path: str | Path, *, original: bool = False) -> tuple[list[str], list[str]]:
    """
    Reads `tokens.txt`: a label in each line, as `生气/angry`.

    Args:
        path (`str` or `Path`): the file.
        original (`bool`): whether to keep the lines as they are; else the English part is taken, and `<unk>` becomes
            `unknown`.

    Returns:
        The labels in the order of the classifier's outputs, and those of them that are never predicted.

    Raises:
        ValueError: the file is not UTF-8, is empty, or a line is empty or occurs twice.
    """
    try:
        lines = Path(path).read_text(encoding="utf-8").rstrip("\n").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} cannot be read as labels, one a line, in UTF-8: {error}.") from error
    labels: list[str] = []
    for number, line in enumerate(lines, start=1):
        label = line.strip() if original else _english(line.strip())
        if not label:
            raise ValueError(f"{path}, line {number} has no label: the order of lines is that of the classifier.")
        if label in labels and not label.startswith(UNUSED_PREFIX):
            raise ValueError(f"{path}, line {number}: the label {label!r} is there already.")
        labels.append(label)
    return labels, sorted({label for label in labels if label.startswith(UNUSED_PREFIX)})


def _english(token: str) -> str:
    return UNKNOWN_LABEL if token == UNKNOWN_TOKEN else token.rpartition("/")[2].strip()


def _read_mapping(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
        content = json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)
    except (OSError, UnicodeDecodeError, json.JSONDecodeError, yaml.YAMLError) as error:
        form = "JSON" if path.suffix == ".json" else "YAML"
        raise ValueError(f"{path} cannot be read as {form}: {error}") from error
    if not isinstance(content, dict):
        raise ValueError(f"{path} holds no keys: it is not FunASR's config.yaml.")
    return content


def _transformer_fields(settings: _Settings) -> dict[str, Any]:
    width = settings.integer("model_conf.embed_dim")
    fields = {
        "hidden_size": width,
        "num_hidden_layers": settings.integer(f"{AUDIO}.prenet_depth") + settings.integer("model_conf.depth"),
        "num_attention_heads": settings.integer("model_conf.num_heads"),
        "intermediate_size": int(width * settings.number("model_conf.mlp_ratio")),
        "layer_norm_eps": settings.number("model_conf.norm_eps"),
        "layer_norm_affine": settings.boolean("model_conf.norm_affine"),
        "layer_norm_first": settings.boolean("model_conf.layer_norm_first"),
        "num_extra_tokens": settings.integer(f"{AUDIO}.num_extra_tokens"),
    }
    if not settings.boolean(f"{AUDIO}.use_alibi_encoder"):
        return {**fields, "num_alibi_heads": 0}
    if settings.optional(f"{AUDIO}.learned_alibi", False):
        raise ValueError(
            f"{settings.path}: `{AUDIO}.learned_alibi` is on. Distances would be learned one by one, which no "
            "released model does and the original cannot run."
        )
    return {
        **fields,
        "num_alibi_heads": settings.integer(f"{AUDIO}.num_alibi_heads"),
        "alibi_scale": settings.number(f"{AUDIO}.alibi_scale"),
        "learned_alibi_scale": settings.boolean(f"{AUDIO}.learned_alibi_scale"),
        "alibi_scale_per_head": settings.boolean(f"{AUDIO}.learned_alibi_scale_per_head"),
        "alibi_scale_per_layer": settings.boolean(f"{AUDIO}.learned_alibi_scale_per_layer"),
    }


def _convolution_fields(settings: _Settings) -> dict[str, Any]:
    key = f"{AUDIO}.feature_encoder_spec"
    try:
        layers = parse_layers(settings.text(key))
    except ValueError as error:
        raise ValueError(f"{settings.path}: `{key}`: {error}") from error
    mode = settings.text(f"{AUDIO}.extractor_mode")
    if mode not in EXTRACTOR_MODES:
        raise ValueError(
            f"{settings.path}: `{AUDIO}.extractor_mode` must be one of {', '.join(EXTRACTOR_MODES)}, got {mode!r}."
        )
    depth = settings.integer(f"{AUDIO}.conv_pos_depth")
    if depth < 1:
        raise ValueError(f"{settings.path}: `{AUDIO}.conv_pos_depth` must be at least 1, got {depth}.")
    return {
        "conv_dim": [dim for dim, _, _ in layers],
        "conv_kernel": [kernel for _, kernel, _ in layers],
        "conv_stride": [stride for _, _, stride in layers],
        "feat_extract_norm": EXTRACTOR_MODES[mode],
        "num_conv_pos_embeddings": depth,
        "conv_pos_kernel_size": max(3, settings.integer(f"{AUDIO}.conv_pos_width") // depth),
        "num_conv_pos_embedding_groups": settings.integer(f"{AUDIO}.conv_pos_groups"),
        "conv_pos_pre_norm": settings.boolean(f"{AUDIO}.conv_pos_pre_ln"),
    }


def _training_fields(settings: _Settings) -> dict[str, Any]:
    """What only training looks at, and so may be missing."""
    names = {"hidden_dropout": "encoder_dropout", **{n: n for n in ("attention_dropout", "activation_dropout")}}
    names["layerdrop"] = "layerdrop"
    keys = {name: f"model_conf.{key}" for name, key in names.items()}
    return {name: settings.number(key) for name, key in keys.items() if settings.optional(key) is not None}


def _training_notes(settings: _Settings) -> list[str]:
    """Where training there differs from what these models can be told."""
    dropout = settings.optional("model_conf.encoder_dropout")
    layerdrop = settings.optional("model_conf.layerdrop")
    expected = {
        "model_conf.post_mlp_drop": dropout,
        f"{AUDIO}.prenet_dropout": dropout,
        f"{AUDIO}.prenet_layerdrop": layerdrop,
        "model_conf.dropout_input": 0,
        **{f"{place}.{end}_drop_path_rate": 0 for place in ("model_conf", AUDIO) for end in ("start", "end")},
    }
    return [
        f"for training only: `{key}` is {settings.optional(key)} there and {value} here"
        for key, value in expected.items()
        if settings.optional(key, value) != value
    ]


@dataclass
class _Settings:
    """Nested values by dotted key, checked for their kind."""

    path: Path
    values: dict[str, Any]

    def optional(self, key: str, default: Any = None) -> Any:
        """The value, or `default` where there is none."""
        value: Any = self.values
        for part in key.split("."):
            if not isinstance(value, dict) or part not in value:
                return default
            value = value[part]
        return value

    def integer(self, key: str) -> int:
        value = self._required(key)
        if isinstance(value, bool) or not isinstance(value, int):
            raise self._wrong_kind(key, value, "a whole number")
        return value

    def number(self, key: str) -> float:
        value = self._required(key)
        if isinstance(value, str):  # YAML takes 1e-5 for a text: it has no dot
            try:
                value = float(value)
            except ValueError:
                raise self._wrong_kind(key, value, "a number") from None
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
            raise self._wrong_kind(key, value, "a number")
        return float(value)

    def boolean(self, key: str) -> bool:
        value = self._required(key)
        if not isinstance(value, bool):
            raise self._wrong_kind(key, value, "true or false")
        return value

    def text(self, key: str) -> str:
        value = self._required(key)
        if not isinstance(value, str):
            raise self._wrong_kind(key, value, "a text")
        return value

    def _required(self, key: str) -> Any:
        missing = object()
        value = self.optional(key, missing)
        if value is missing:
            raise ValueError(f"{self.path} has no `{key}`: use the config.yaml that belongs to the checkpoint.")
        return value

    def _wrong_kind(self, key: str, value: Any, kind: str) -> ValueError:
        return ValueError(f"{self.path}: `{key}` must be {kind}, got {value!r}.")


__all__ = ["FunAsrConfig", "read_funasr_config", "read_labels"]
