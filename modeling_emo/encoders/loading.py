"""Building and loading sub-encoders: any model that `AutoModel` knows, of encoder-decoder families the encoder."""

from __future__ import annotations

import inspect

import torch
from transformers import MODEL_MAPPING, AutoConfig, AutoModel, PreTrainedConfig, PreTrainedModel


def build_encoder(config: PreTrainedConfig) -> PreTrainedModel:
    """A Transformers encoder with new weights; of an encoder-decoder family only the encoder.

    Args:
        config (`PreTrainedConfig`): configuration of any model that `AutoModel` knows.
    """
    model = AutoModel.from_config(config, **_without_pooler(config))
    return model.get_encoder() if config.is_encoder_decoder else model


def load_encoder(name_or_path: str, **kwargs) -> PreTrainedModel:
    """A pretrained Transformers encoder; of an encoder-decoder family only the encoder.

    Args:
        name_or_path (`str`): a folder or Hub id. A folder may hold an encoder alone (its `architectures` then name the
            encoder's class) or the whole model.
        kwargs: passed to `from_pretrained`.

    Raises:
        ValueError: the checkpoint lacks weights of the encoder.
    """
    hub_kwargs = {
        name: kwargs[name] for name in ("revision", "token", "cache_dir", "local_files_only") if name in kwargs
    }
    config = AutoConfig.from_pretrained(name_or_path, **hub_kwargs)
    kwargs = {"config": config, "output_loading_info": True, **_without_pooler(config), **kwargs}
    architecture = (config.architectures or [""])[0]
    if config.is_encoder_decoder and architecture.endswith("Encoder"):
        with torch.device("meta"):
            encoder_class = type(build_encoder(config))
        model, info = encoder_class.from_pretrained(name_or_path, **kwargs)
    else:
        model, info = AutoModel.from_pretrained(name_or_path, **kwargs)
        model = model.get_encoder() if config.is_encoder_decoder else model
    if info["missing_keys"]:
        raise ValueError(
            f"{name_or_path} lacks {len(info['missing_keys'])} weights of {type(model).__name__}, the first is "
            f"{sorted(info['missing_keys'])[0]!r}: it is not a whole checkpoint of this encoder."
        )
    return model


def _without_pooler(config: PreTrainedConfig) -> dict[str, bool]:
    """BERT-like models carry a pooler that nobody reads; its unused weights would stop distributed training."""
    model_class = MODEL_MAPPING.get(type(config), None)
    takes_pooler = (
        model_class is not None and "add_pooling_layer" in inspect.signature(model_class.__init__).parameters
    )
    return {"add_pooling_layer": False} if takes_pooler else {}
