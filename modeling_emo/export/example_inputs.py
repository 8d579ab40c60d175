"""Random inputs of the shapes that a model takes: to trace it for an export, and to check what was exported."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from transformers import PreTrainedModel

from configuration_emo.configuration_emobert import MODALITIES

from ..encoders.families import family_of
from ..encoders.speech import speech_input_name
from ..modeling_emobert import EmoBertForSequenceClassification


# Token ids below are often special; 5 is past the padding, start and end ids of every tokenizer in use.
FIRST_PLAIN_ID = 5
# What a length is when none is asked for: odd and all different, so that an export mistakes none for another.
TEXT_LENGTH = 7
SPEECH_LENGTHS = {"speech_input_ids": 11, "input_values": 16_001, "input_features": 13}


def check_modalities(modalities: Sequence[str]) -> tuple[str, ...]:
    """`modalities` in the order of `MODALITIES`.

    Raises:
        ValueError: there are none, or unknown ones.
    """
    unknown = sorted(set(modalities) - set(MODALITIES))
    if unknown or not modalities or isinstance(modalities, str):
        raise ValueError(f"modalities must be some of {', '.join(MODALITIES)}, got {modalities!r}.")
    return tuple(modality for modality in MODALITIES if modality in modalities)


def exported_speech_name(model: EmoBertForSequenceClassification) -> str:
    """The argument of `forward` that takes the speech in an exported model.

    A speech tokenizer inside the model goes through the clips one by one and is not exported: such a model takes the
    token ids that it makes.
    """
    return speech_input_name(model.emobert.speech_encoder)


def takes_fixed_length(encoder: PreTrainedModel) -> bool:
    """Whether a speech encoder takes clips of one length only (Whisper: 30 s of log-mel frames)."""
    return family_of(encoder.config).fixed_length


def example_inputs(
    model: EmoBertForSequenceClassification,
    modalities: Sequence[str] = MODALITIES,
    *,
    batch_size: int = 3,
    text_length: int | None = None,
    speech_length: int | None = None,
    ragged: bool = False,
    seed: int = 0,
) -> dict[str, torch.Tensor]:
    """A batch of random utterances on the model's device.

    Args:
        model ([`EmoBertForSequenceClassification`]): whose encoders say what their inputs look like.
        modalities (sequence of `str`): `"text"`, `"speech"` or both.
        batch_size (`int`): utterances.
        text_length (`int`, *optional*): token ids.
        speech_length (`int`, *optional*): token ids, samples at 16 kHz or log-mel frames, by the encoder. An encoder
            of fixed length (Whisper) has its own.
        ragged (`bool`, defaults to `False`): whether rows have lengths of their own, the first row the full one. With
            both modalities the last row but one then lacks its text and the last its speech.
        seed (`int`): of the random numbers.

    Returns:
        `dict[str, torch.Tensor]`: `input_ids` and `attention_mask` `(batch, text_length)`; `speech_input_ids`
        `(batch, speech_length)`, `input_values` `(batch, speech_length)` or `input_features` (`(batch, frames, bins)`,
        Whisper `(batch, bins, frames)`); `speech_attention_mask` `(batch, speech_length)`.

    Raises:
        ValueError: a modality is unknown.
    """
    modalities = check_modalities(modalities)
    generator = torch.Generator().manual_seed(seed)
    inputs = {}
    if "text" in modalities:
        shape = (batch_size, text_length or TEXT_LENGTH)
        inputs["input_ids"] = _token_ids(shape, model.config.text_config.vocab_size, generator)
        inputs["attention_mask"] = _mask(shape, ragged, generator)
    if "speech" in modalities:
        name = exported_speech_name(model)
        encoder = model.emobert.speech_encoder
        length = speech_length or SPEECH_LENGTHS[name]
        if takes_fixed_length(encoder):
            length = 2 * encoder.config.max_source_positions
        speech = _speech(encoder, name, batch_size, length, generator)
        mask = _mask((batch_size, length), ragged, generator)
        # As a processor pads: with silence, which the only frame of a very short clip reaches into.
        inputs[name] = speech * mask if name == "input_values" else speech
        inputs["speech_attention_mask"] = mask
    if ragged and len(modalities) == len(MODALITIES) and batch_size > 2:
        inputs["attention_mask"][-2] = 0
        inputs["speech_attention_mask"][-1] = 0
    return {name: tensor.to(model.device) for name, tensor in inputs.items()}


def _speech(
    encoder: PreTrainedModel, name: str, batch_size: int, length: int, generator: torch.Generator
) -> torch.Tensor:
    if name == "speech_input_ids":
        return _token_ids((batch_size, length), encoder.config.vocab_size, generator)
    if name == "input_values":
        return torch.randn(batch_size, length, generator=generator)
    family = family_of(encoder.config)
    num_bins = getattr(encoder.config, family.num_bins)
    shape = (num_bins, length) if family.bins_first else (length, num_bins)
    return torch.randn(batch_size, *shape, generator=generator)


def _token_ids(shape: tuple[int, int], vocab_size: int, generator: torch.Generator) -> torch.Tensor:
    return torch.randint(min(FIRST_PLAIN_ID, vocab_size - 1), vocab_size, shape, generator=generator)


def _mask(shape: tuple[int, int], ragged: bool, generator: torch.Generator) -> torch.Tensor:
    batch_size, length = shape
    lengths = torch.full((batch_size,), length)
    if ragged:
        lengths[1:] = torch.randint(1, length + 1, (batch_size - 1,), generator=generator)
    return (torch.arange(length) < lengths[:, None]).long()
