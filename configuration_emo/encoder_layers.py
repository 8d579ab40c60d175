"""Which hidden states of the encoders are used: how many there are, and whether those that are named exist."""

from typing import Any

from transformers import PreTrainedConfig


def num_layers(config: PreTrainedConfig, side: str) -> int:
    """Transformer layers of an encoder (not of a decoder that its configuration may describe too).

    Args:
        config (`PreTrainedConfig`): of the encoder.
        side (`str`): `"text"` or `"speech"`, for the message.

    Raises:
        ValueError: the configuration does not say.

    Example:

    ```python
    >>> from transformers import BertConfig

    >>> num_layers(BertConfig(num_hidden_layers=6), "text")
    6

    ```
    """
    for name in ("encoder_num_hidden_layers", "encoder_layers", "num_hidden_layers"):
        if getattr(config, name, None) is not None:
            return getattr(config, name)
    raise ValueError(f"The {side} encoder {config.model_type!r} does not say how many layers it has.")


def chosen_layers(given: int | list[int] | None) -> list[int]:
    """`text_layer` or `speech_layer` as a list; where none is given, of one layer, since one is used."""
    return given if isinstance(given, list) else [given or 0]


def check_sequences(config: Any) -> None:
    """The sequences of text and speech can be made as an `EmoBertConfig` asks for.

    Args:
        config (`EmoBertConfig`): whose `text_layer`, `speech_layer`, `use_weighted_layer_sum` and
            `context_separator_id` are meant.

    Raises:
        ValueError: a hidden state does not exist, none is named, or one twice; two options exclude each other.
    """
    chooses_layers = config.use_weighted_layer_sum or config.speech_layer is not None
    if chooses_layers and getattr(config.speech_config, "add_adapter", False):
        raise ValueError(
            "`speech_layer` and `use_weighted_layer_sum` read the layers below the speech encoder's adapter, "
            "which would not be used: set add_adapter=False in its configuration."
        )
    if config.speech_layer is not None and config.use_weighted_layer_sum:
        raise ValueError("`speech_layer` and `use_weighted_layer_sum` exclude each other: set only one of them.")
    _check_layers(config.speech_layer, config.speech_config, "speech")
    _check_layers(config.text_layer, config.text_config, "text")
    if config.context_separator_id is not None and (config.fusion != "shallow" or config.text_pooling == "cls"):
        raise ValueError(
            "`context_separator_id` needs fusion='shallow' and a text_pooling other than 'cls', such as 'mean', got "
            f"{config.fusion!r} and {config.text_pooling!r}."
        )


def _check_layers(given: int | list[int] | None, config: PreTrainedConfig, side: str) -> None:
    if given is None:
        return
    layers, count = chosen_layers(given), num_layers(config, side)
    if not layers or len(set(layers)) < len(layers) or not all(0 <= layer <= count for layer in layers):
        raise ValueError(
            f"`{side}_layer` must lie between 0 and {count}, the layers of the {side} encoder, one or several "
            f"different ones, got {given}."
        )
