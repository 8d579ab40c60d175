"""Settings of a configuration that were fitted to a model's logits, and end with them."""

from __future__ import annotations

from configuration_emo.configuration_emobert import EmoBertConfig


# Each by what fits it again.
FITTED_SETTINGS = {
    "temperature": "emobert evaluate --split validation --calibrate",
    "speaker_statistics": "emobert evaluate --split validation --calibrate_speakers",
}


def drop_fitted_settings(config: EmoBertConfig) -> list[str]:
    """Sets what was fitted to a model's logits to None, in place: for a model whose weights are about to change.

    Args:
        config ([`EmoBertConfig`]): of the model.

    Returns:
        `list[str]`: a sentence for each setting that there was, with the command that fits it again.

    Example:
        >>> from configuration_emo import EmoBertConfig
        >>> config = EmoBertConfig(temperature=1.7)
        >>> len(drop_fitted_settings(config)), config.temperature, drop_fitted_settings(config)
        (1, None, [])
    """
    told = []
    for name, command in FITTED_SETTINGS.items():
        if getattr(config, name, None) is not None:
            setattr(config, name, None)
            told.append(f"`{name}` is of the logits before and is dropped: {command} fits it again.")
    return told
