"""The mean and deviation of each channel of encoded speech over the training data, for `standardize_speech`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch

from ..modeling_emobert import SPEECH_ARGUMENTS, EmoBertForSequenceClassification, EmoBertModel
from ..modeling_outputs import EncodedSequence


# Channels that hardly vary would be blown up; their deviation is taken as this share of the mean deviation.
SMALLEST_RELATIVE_DEVIATION = 1e-3


@torch.no_grad()
def fit_speech_standardization(
    model: EmoBertForSequenceClassification | EmoBertModel, batches: Iterable[Mapping[str, torch.Tensor]]
) -> int:
    """Measures the encoded speech of the training data and stores its statistics in the model, in place.

    The statistics are over all valid frames of all batches, in float64. They are buffers: saved with the model, not
    trained, and the same at test time.

    Args:
        model ([`EmoBertForSequenceClassification`] or [`EmoBertModel`]): with `config.standardize_speech`.
        batches (iterable of `dict[str, torch.Tensor]`): collated training rows; those without speech are passed over.

    Returns:
        `int`: the number of frames.

    Raises:
        ValueError: the model does not standardise, or no row has speech.

    Example:

    ```python
    >>> import torch
    >>> from transformers import RobertaConfig
    >>> from configuration_emo import EmoBertConfig
    >>> from modeling_emo import EmoBertForSequenceClassification, fit_speech_standardization

    >>> encoder = RobertaConfig(vocab_size=50, hidden_size=16, num_hidden_layers=1, num_attention_heads=2)
    >>> config = EmoBertConfig.from_text_speech_configs(encoder, encoder, standardize_speech=True)
    >>> model = EmoBertForSequenceClassification(config)
    >>> fit_speech_standardization(model, [{"speech_input_ids": torch.randint(4, 50, (2, 7))}])
    14

    ```
    """
    base = model.emobert if isinstance(model, EmoBertForSequenceClassification) else model
    standardization = base.speech_standardization
    if standardization is None:
        raise ValueError("This model does not standardise its speech: build it with `standardize_speech=True`.")
    was_training = base.training
    base.eval()
    count = 0
    total, squares = (torch.zeros_like(standardization.mean, dtype=torch.float64) for _ in range(2))
    for batch in batches:
        frames = _valid_frames(base, batch, standardization.mean.device)
        count += len(frames)
        total += frames.sum(0)
        squares += frames.square().sum(0)
    base.train(was_training)
    if not count:
        raise ValueError("No row of the training data has speech: set `standardize_speech=False`.")
    mean = total / count
    deviation = (squares / count - mean.square()).clamp(min=0).sqrt()
    smallest = SMALLEST_RELATIVE_DEVIATION * deviation.mean(-1, keepdim=True)
    standardization.mean.copy_(mean)
    standardization.std.copy_(torch.maximum(deviation, smallest))
    return count


def _valid_frames(base: EmoBertModel, batch: Mapping[str, torch.Tensor], device: torch.device) -> torch.Tensor:
    """Encoded frames `(frames, states, hidden)` of the rows that have speech, in float64."""
    name = next((name for name in SPEECH_ARGUMENTS if batch.get(name) is not None), None)
    if name is None:
        return torch.zeros(0, 1, 1, dtype=torch.float64, device=device)
    inputs = batch[name].to(device)
    mask = batch.get("speech_attention_mask")
    if mask is not None:
        present = mask.bool().any(-1)
        inputs, mask = inputs[present.to(device)], mask[present].to(device)
    if not len(inputs):
        return torch.zeros(0, 1, 1, dtype=torch.float64, device=device)
    is_encoded = name == "encoded_speech"
    encoded = EncodedSequence.of_states(inputs, mask) if is_encoded else base.encode_speech(inputs, mask)
    # (batch, frames[, states], hidden) to (valid frames, states, hidden)
    frames = encoded.hidden_states[encoded.mask].double()
    return frames if frames.dim() == 3 else frames.unsqueeze(1)
