"""Whether an encoder can be the text or the speech encoder of EmoBERT, asked when a model is built."""

from __future__ import annotations

import torch
from transformers import PreTrainedConfig, PreTrainedModel

from .families import FAMILIES, UNKNOWN, Side, families_for, family_of


def check_config(config: PreTrainedConfig, side: Side) -> None:
    """Refuses a configuration whose encoder cannot serve, before it is built.

    Args:
        config (`PreTrainedConfig`): of the encoder.
        side (`str`): `"text"` or `"speech"`.

    Raises:
        ValueError: the encoder cannot serve on this side, with the reason and what can.
    """
    family = FAMILIES.get(config.model_type)
    known = ", ".join(families_for(side))
    if family is None and side == "speech":
        raise ValueError(
            f"{config.model_type!r} is not known as a speech encoder: nothing would keep the padding out of its "
            f"results. Known are {known}."
        )
    if family is not None and side not in family.sides:
        other = "speech" if side == "text" else "text"
        raise ValueError(
            f"{config.model_type!r} is a {other} encoder and was given as the {side} encoder. The {side} encoder is "
            f"one of {known}."
        )
    reason = family_of(config).refusal(config)
    if reason is not None:
        raise ValueError(f"{config.model_type!r} cannot be the {side} encoder with this configuration: {reason}.")


def check_encoder(encoder: PreTrainedModel, side: Side) -> None:
    """Tries an encoder of a family that is not known on one short text; others pass at once.

    Without weights (on the meta device, where a saved model is loaded) nothing is tried: it was, when the model was
    built first. The random state stays as it is.

    Args:
        encoder (`PreTrainedModel`): just built, or loaded.
        side (`str`): `"text"` or `"speech"`.

    Raises:
        ValueError: it does not turn token ids into one state each.
    """
    if side == "speech" or family_of(encoder.config) is not UNKNOWN or encoder.device.type == "meta":
        return
    name, size = encoder.config.model_type, encoder.config.hidden_size
    ids = torch.arange(3, device=encoder.device)[None]
    was_training = encoder.training
    devices = [encoder.device] if encoder.device.type == "cuda" else []
    try:
        with torch.no_grad(), torch.random.fork_rng(devices):
            output = encoder.eval()(input_ids=ids, attention_mask=torch.ones_like(ids), return_dict=True)
        shape = tuple(output.last_hidden_state.shape)
    except Exception as error:
        raise ValueError(
            f"{name!r} cannot be the text encoder: it did not run on three token ids ({type(error).__name__}: "
            f"{str(error)[:200]}). Known are {', '.join(families_for('text'))}."
        ) from error
    finally:
        encoder.train(was_training)
    if shape != (1, 3, size):
        raise ValueError(
            f"{name!r} cannot be the text encoder: of three token ids it made states of shape {shape}, not "
            f"{(1, 3, size)}. Known are {', '.join(families_for('text'))}."
        )
