"""Building and loading sub-encoders: any model that `AutoModel` knows, of encoder-decoder families the encoder."""

from __future__ import annotations

import copy
import functools
import inspect
from typing import Any

import torch
from transformers import MODEL_MAPPING, AutoConfig, AutoModel, PreTrainedConfig, PreTrainedModel

from configuration_emo.loaded_parts import named_place

from ..emotion2vec.modeling_emotion2vec import Emotion2VecModel


# Encoders of our own, by `model_type`: beside the weights of a saved model no auto class knows them.
OWN_ENCODERS: dict[str, type[PreTrainedModel]] = {"emotion2vec": Emotion2VecModel}


def build_encoder(config: PreTrainedConfig) -> PreTrainedModel:
    """A Transformers encoder with new weights; of an encoder-decoder family only the encoder.

    Args:
        config (`PreTrainedConfig`): configuration of any model that `AutoModel` knows. Weights are of torch's default
            type, whatever type the configuration remembers from a checkpoint.
    """
    dtype = torch.get_default_dtype()
    if config.model_type in OWN_ENCODERS:
        return OWN_ENCODERS[config.model_type]._from_config(config, dtype=dtype)
    model = AutoModel.from_config(config, dtype=dtype, **_without_pooler(config))
    return model.get_encoder() if config.is_encoder_decoder else model


def load_encoder(name_or_path: str, **kwargs) -> PreTrainedModel:
    """A pretrained Transformers encoder; of an encoder-decoder family only the encoder.

    Args:
        name_or_path (`str`): a folder or Hub id. A folder may hold an encoder alone or the whole model.
        kwargs: passed to `from_pretrained`.

    Raises:
        ValueError: there is no such encoder, or the checkpoint lacks weights of it.
    """
    hub_kwargs = {
        name: kwargs[name] for name in ("revision", "token", "cache_dir", "local_files_only") if name in kwargs
    }
    with named_place("pretrained encoder", name_or_path):
        config = AutoConfig.from_pretrained(name_or_path, **hub_kwargs)
    # What T5EncoderModel saves denies that there was a decoder; AutoModel builds one all the same.
    config.is_encoder_decoder = config.is_encoder_decoder or type(config)().is_encoder_decoder
    kwargs = {"config": config, "output_loading_info": True, **_without_pooler(config), **kwargs}
    model_class: Any = AutoModel
    if config.is_encoder_decoder and (config.architectures or [""])[0].endswith("Encoder"):
        model_class = type(_outline(config))
    whole, info = model_class.from_pretrained(name_or_path, **kwargs)
    model = whole.get_encoder() if model_class is AutoModel and config.is_encoder_decoder else whole
    # Of a checkpoint without the decoder, the decoder's weights are missing: they are not needed.
    needed = {id(weight) for weight in model.state_dict(keep_vars=True).values()}
    weights = whole.state_dict(keep_vars=True)
    missing = {name for name in info["missing_keys"] if name not in weights or id(weights[name]) in needed}
    if missing:
        raise ValueError(
            f"{name_or_path} lacks {len(missing)} weights of {type(model).__name__}, the first is "
            f"{sorted(missing)[0]!r}: it is not a whole checkpoint of this encoder."
        )
    return model


def encoder_to_own(model: str | PreTrainedModel, dtype: torch.dtype | str) -> PreTrainedModel:
    """An encoder that a new model can take in and change: loaded, or a copy of what the caller has loaded.

    Args:
        model (`str` or `PreTrainedModel`): folder, Hub id, or a loaded model, which stays as it is. Of a model with a
            head, a pooler or a decoder only the encoder is copied.
        dtype (`torch.dtype` or `"auto"`): of the weights; `"auto"` for what they were saved in.

    Returns:
        `PreTrainedModel`: on the CPU where it was copied.
    """
    if isinstance(model, str):
        return load_encoder(model, dtype=dtype)
    encoder: Any = model.base_model
    if type(encoder.config)().is_encoder_decoder and hasattr(encoder, "encoder"):
        encoder = encoder.get_encoder()
    encoder = copy.deepcopy(encoder).cpu()
    if _without_pooler(encoder.config) and getattr(encoder, "pooler", None) is not None:
        encoder.pooler = None
    return encoder if dtype == "auto" else encoder.to(as_dtype(dtype))


def config_of(encoder: PreTrainedModel) -> PreTrainedConfig:
    """The configuration from which [`build_encoder`] builds an encoder of this class.

    Raises:
        ValueError: there is none, or what it builds has other weights.
    """
    config = encoder.config
    for is_encoder_decoder in (config.is_encoder_decoder, True):
        if is_encoder_decoder != config.is_encoder_decoder:  # T5's encoder forgets that there was a decoder
            config = copy.deepcopy(config)
            config.is_encoder_decoder = is_encoder_decoder
        built = _outline(config)
        if type(built) is type(encoder):
            missing = sorted(built.state_dict().keys() - encoder.state_dict().keys())
            if missing:
                raise ValueError(
                    f"{type(encoder).__name__} lacks {len(missing)} weights, the first is {missing[0]!r}."
                )
            return config
    raise ValueError(
        f"{type(encoder).__name__} is not what its configuration describes, {type(built).__name__}: give the whole "
        "model, or the folder that it was saved in."
    )


def as_dtype(dtype: torch.dtype | str) -> torch.dtype:
    """A type by its name, such as `"bfloat16"`, or as it is."""
    return getattr(torch, dtype) if isinstance(dtype, str) else dtype


def common_dtype(*encoders: PreTrainedModel) -> torch.dtype:
    """The narrowest type that holds the weights of all of these encoders without loss."""
    return functools.reduce(torch.promote_types, (encoder.dtype for encoder in encoders))


def _outline(config: PreTrainedConfig) -> PreTrainedModel:
    """What [`build_encoder`] builds, without weights; the configuration stays as it is."""
    with torch.device("meta"):
        return build_encoder(copy.deepcopy(config))


def _without_pooler(config: PreTrainedConfig) -> dict[str, bool]:
    """BERT-like models carry a pooler that nobody reads; its unused weights would stop distributed training."""
    model_class: Any = MODEL_MAPPING.get(type(config), None)
    takes_pooler = (
        model_class is not None and "add_pooling_layer" in inspect.signature(model_class.__init__).parameters
    )
    return {"add_pooling_layer": False} if takes_pooler else {}
