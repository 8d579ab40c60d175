"""Whether a model is given what training never showed it."""

from __future__ import annotations

from typing import Any

from transformers.utils import logging


logger = logging.get_logger(__name__)

_GIVEN = {"both": "text with speech", "text": "text alone", "speech": "speech alone"}


def untrained_input(*, has_text: bool, has_speech: bool, config: Any) -> str | None:
    """What is given, where training never showed the model that: `"both"`, `"text"` or `"speech"`; warns once.

    Args:
        has_text, has_speech (`bool`): what the utterance has.
        config ([`EmoBertConfig`] or [`Emotion2VecConfig`]): its `trained_inputs`.

    Returns:
        `str`: None where training showed it, or where that was not recorded.

    Example:
        >>> from configuration_emo import EmoBertConfig
        >>> untrained_input(has_text=False, has_speech=True, config=EmoBertConfig(trained_inputs=["both"]))
        'speech'
        >>> untrained_input(has_text=False, has_speech=True, config=EmoBertConfig()) is None
        True
    """
    trained = getattr(config, "trained_inputs", None)
    given = "both" if has_text and has_speech else "text" if has_text else "speech"
    if trained is None or given in trained:
        return None
    logger.warning_once(
        f"There is {_GIVEN[given]}, which training never showed this model (it knows "
        f"{', '.join(_GIVEN[name] for name in trained)}): do not rely on its predictions. Train with modality_dropout "
        "above 0, or give what it knows."
    )
    return given
