"""Low-rank adapters (LoRA) on the encoders, through PEFT; everything that fuses them is trained in full."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from torch import nn
from transformers import PreTrainedModel

from ..encoders.families import family_of
from ..encoders.layers import transformer_layers
from ..modeling_emobert import EmoBertForSequenceClassification, EmoBertModel


if TYPE_CHECKING:
    from peft import PeftModel


# Children of `EmoBertModel` that are pretrained; all others are new weights, or statistics of the training data.
PRETRAINED = ("text_encoder", "speech_encoder", "speech_tokenizer")


def add_lora(
    model: EmoBertForSequenceClassification,
    encoders: Sequence[str] = ("text", "speech"),
    *,
    r: int = 8,
    alpha: int = 16,
    dropout: float = 0.05,
    target_modules: Mapping[str, Sequence[str]] | None = None,
) -> PeftModel:
    """Puts low-rank adapters (arXiv 2106.09685) into the encoders and freezes the encoders' own weights.

    The fusion, the stand-ins, the pooling, the layer mix and the head are trained in full. They are saved with the
    adapter, and so are the statistics of `standardize_speech`, which are to be fitted before. The result trains with
    [`EmoBertTrainer`]; `save_pretrained` writes the adapter only, and `merge_and_unload` gives a plain
    [`EmoBertForSequenceClassification`] with the same logits.

    Args:
        model ([`EmoBertForSequenceClassification`]): is changed in place.
        encoders (sequence of `str`): `"text"`, `"speech"` or both. An encoder that is not named is frozen.
        r (`int`): rank of the adapters.
        alpha (`int`): the adapters' outputs are scaled by `alpha / r`.
        dropout (`float`): on the adapters' inputs.
        target_modules (mapping of `str` to sequences of `str`, *optional*): last names of the Linear layers to adapt,
            by encoder, such as `{"speech": ["q_proj", "v_proj"]}`; for encoders that it does not name those of
            [`Family`], mostly the query and value projections.

    Returns:
        `PeftModel`: around `model`.

    Raises:
        ImportError: PEFT is not installed.
        ValueError: an encoder is not known, it is not known what to adapt in its family, no Linear layer has that
            name, or an adapter there would have no effect.

    Example:

    ```python
    >>> from transformers import RobertaConfig
    >>> from configuration_emo import EmoBertConfig
    >>> from modeling_emo import EmoBertForSequenceClassification, add_lora

    >>> encoder = RobertaConfig(vocab_size=50, hidden_size=16, num_hidden_layers=1, num_attention_heads=2)
    >>> config = EmoBertConfig.from_text_speech_configs(encoder, encoder, num_labels=4)
    >>> model = add_lora(EmoBertForSequenceClassification(config), ["text"], r=2)
    >>> sum(p.numel() for name, p in model.named_parameters() if "lora_" in name)  # 2 layers x 2 x (16 x 2)
    128

    ```
    """
    try:
        from peft import LoraConfig, get_peft_model
    except ImportError as error:
        raise ImportError('LoRA needs PEFT: pip install "emobert[peft]"') from error

    encoders = list(dict.fromkeys(encoders))
    unknown = sorted({*encoders, *(target_modules or {})} - {"text", "speech"})
    if unknown or not encoders:
        raise ValueError(f"`encoders` must be some of text, speech, got {unknown or encoders}.")
    patterns, excluded = [], []
    for side in encoders:
        name = f"{side}_encoder"
        encoder: PreTrainedModel = getattr(model.emobert, name)
        names = _checked_targets(encoder, side, (target_modules or {}).get(side))
        patterns.append(rf"{name}\..*\b({'|'.join(map(re.escape, names))})")
        excluded += [rf"{name}\.{re.escape(layer)}\..*" for layer in _layers_without_use(model, side)]
    config = LoraConfig(
        r=r,
        lora_alpha=alpha,
        lora_dropout=dropout,
        target_modules=rf"emobert\.({'|'.join(patterns)})",
        exclude_modules=rf"emobert\.({'|'.join(excluded)})" if excluded else None,
        modules_to_save=_new_modules(model),
    )
    return get_peft_model(model, config)


def _checked_targets(encoder: PreTrainedModel, side: str, names: Sequence[str] | None) -> list[str]:
    """Last names of the Linear layers to adapt, all of which exist."""
    family = encoder.config.model_type
    linear = {name.rpartition(".")[2] for name, module in encoder.named_modules() if isinstance(module, nn.Linear)}
    unheard = family_of(encoder.config).read_not_called
    choices = f"The Linear layers of {type(encoder).__name__} are {', '.join(sorted(linear - set(unheard)))}."
    remedy = f'Name some with `target_modules={{"{side}": [...]}}`. {choices}'
    if names is None:
        names = family_of(encoder.config).lora
        if not names:
            raise ValueError(f"It is not known which layers of a {family!r} encoder to adapt. {remedy}")
    missing = sorted(set(names) - linear)
    if missing or not names:
        raise ValueError(f"The {side} encoder has no Linear layer {', '.join(missing) or list(names)}. {remedy}")
    deaf = sorted(set(names) & set(unheard))
    if deaf:
        raise ValueError(
            f"An adapter on {', '.join(deaf)} of a {family!r} encoder would have no effect: its attention reads their "
            f"weights directly. {remedy}"
        )
    return list(names)


def _layers_without_use(model: EmoBertForSequenceClassification, side: str) -> list[str]:
    """Layers above `text_layer` or `speech_layer`, whose adapters would never see a gradient."""
    if getattr(model.config, f"{side}_layer") is None:
        return []
    name, layers = transformer_layers(getattr(model.emobert, f"{side}_encoder"))
    return [f"{name}.{index}" for index in range(max(getattr(model.config, f"{side}_layers")), len(layers))]


def _new_modules(model: EmoBertForSequenceClassification) -> list[str]:
    """Whatever is not pretrained and holds weights or statistics."""
    base: EmoBertModel = model.emobert
    children = [name for name, child in base.named_children() if name not in PRETRAINED and child.state_dict()]
    return [*(f"{model.base_model_prefix}.{name}" for name in children), "classifier"]
