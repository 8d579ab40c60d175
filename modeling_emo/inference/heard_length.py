"""Whether a model hears all of a sound."""

from __future__ import annotations

from typing import Any

import numpy as np
from transformers.utils import logging

from .processor_protocol import UtteranceProcessor


logger = logging.get_logger(__name__)


def check_heard_length(waveform: np.ndarray | None, config: Any, processor: UtteranceProcessor) -> None:
    """Refuses a sound that gives no frame, since it would end the whole batch, and warns of one that is cut.

    Args:
        waveform (`np.ndarray` of shape `(samples,)`, *optional*): at the rate of the processor; None passes.
        config ([`EmoBertConfig`] or [`Emotion2VecConfig`]): of the model.
        processor ([`UtteranceProcessor`]): of the model.

    Raises:
        ValueError: it is shorter than a frame.
    """
    if waveform is None:
        return
    rate = processor.feature_extractor.sampling_rate
    shortest = getattr(getattr(config, "speech_config", config), "receptive_field", 1)
    if len(waveform) < shortest:
        raise ValueError(
            f"A sound of {len(waveform)} samples is too short: a frame of this model is {shortest}. Leave it out."
        )
    limits = getattr(config, "max_speech_seconds", None), processor.max_audio_seconds
    limit = min((seconds for seconds in limits if seconds is not None), default=None)
    if limit is not None and len(waveform) > limit * rate:
        logger.warning(
            f"Of a sound of {len(waveform) / rate:.1f} s this model hears the first {limit:g} s. "
            f"Pass chunk_length_s={limit:g} or less to have all of it predicted."
        )
