"""What training shows a model of its utterances: both modalities, text alone, speech alone."""

from __future__ import annotations

from typing import Any

import numpy as np

from configuration_emo.configuration_emobert import MODALITIES, EmoBertConfig


def trained_inputs(dataset: Any, modalities: Any, config: EmoBertConfig) -> list[str] | None:
    """The inputs that occur in training, some of `both`, `text` and `speech`.

    Args:
        dataset (`Dataset`): prepared training rows; whether a row has a modality say `text_length`, `speech_length`.
        modalities (sequence of `str`, *optional*): those that batches are made of; both if left out.
        config ([`EmoBertConfig`]): modality dropout and the losses of one modality show each alone.

    Returns:
        `list[str]`: None where the dataset does not say, as streams and datasets of one's own.
    """
    columns = [f"{modality}_length" for modality in MODALITIES]
    if not set(columns) <= set(getattr(dataset, "column_names", None) or ()):
        return None
    rows = dataset.select_columns(columns).with_format("numpy")[:]
    used = MODALITIES if modalities is None else modalities
    has_text, has_speech = (
        (np.nan_to_num(np.asarray(rows[f"{modality}_length"], dtype=np.float64)) > 0) & (modality in used)
        for modality in MODALITIES
    )
    both = bool((has_text & has_speech).any())
    hides = both and (config.modality_dropout > 0 or config.unimodal_loss_weight > 0)
    seen = {
        "both": both and config.modality_dropout < 1,
        "text": hides or bool((has_text & ~has_speech).any()),
        "speech": hides or bool((has_speech & ~has_text).any()),
    }
    return [name for name, is_seen in seen.items() if is_seen]
