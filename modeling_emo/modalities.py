"""Which modality a batch and each of its rows has: checks of what is given, and modality dropout."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch


# What Trainer, Accelerate and Transformers' decorators may pass to any model's `forward`.
OTHERS_ARGUMENTS = ("num_items_in_batch", "return_dict")


def refuse_unknown(arguments: Mapping[str, Any]) -> None:
    """Refuses arguments of `forward` that nobody reads, such as a misspelt one.

    Raises:
        ValueError: an argument is neither the model's nor one of `OTHERS_ARGUMENTS`.
    """
    unknown = [name for name, value in arguments.items() if name not in OTHERS_ARGUMENTS and value is not None]
    if unknown:
        raise ValueError(
            f"`forward` has no argument {', '.join(f'`{name}`' for name in unknown)}. Speech has "
            "`speech_attention_mask`, text `attention_mask`, and the targets are `labels`."
        )


def select_input(given: Mapping[str, torch.Tensor | None], accepted: set[str], modality: str) -> torch.Tensor | None:
    """The one tensor that holds a modality, among the arguments of `forward` that may.

    Args:
        given (mapping of `str` to `torch.Tensor`): by argument; None where it is not given.
        accepted (set of `str`): the arguments that the model takes, besides the encoded modality.
        modality (`str`): `"text"` or `"speech"`.

    Returns:
        `torch.Tensor`, or None without the modality.

    Raises:
        ValueError: there are two, or one that the model does not take.
    """
    present = [name for name, value in given.items() if value is not None]
    encoded = f"encoded_{modality}"
    if len(present) > 1:
        raise ValueError(
            f"{modality.capitalize()} is given twice, as {' and '.join(f'`{name}`' for name in present)}: pass one of "
            "them."
        )
    if set(present) - accepted - {encoded}:
        raise ValueError(
            f"This model takes {modality} as {' or '.join(f'`{name}`' for name in sorted(accepted))}, "
            f"got `{present[0]}`."
        )
    return given[present[0]] if present else None


def check_mask(
    name: str, mask: torch.Tensor | None, inputs: torch.Tensor | None, time_axis: int = 1, *, encoded: bool = False
) -> None:
    """Refuses a mask that does not belong to its input.

    Args:
        name (`str`): the mask's argument of `forward`.
        mask (`torch.Tensor` of shape `(batch, length)`, *optional*): 1 where valid.
        inputs (`torch.Tensor`, *optional*): what it masks.
        time_axis (`int`, defaults to 1): where `inputs` has its length.
        encoded (`bool`, defaults to `False`): an encoder has seen the input before: any position may be left out.

    Raises:
        ValueError: the shapes differ, or the padding is not on the right.
    """
    if mask is None or inputs is None:
        return
    expected = (inputs.shape[0], inputs.shape[time_axis])
    if tuple(mask.shape) != expected:
        raise ValueError(
            f"`{name}` has the shape {tuple(mask.shape)}, which must be {expected} for an input of the shape "
            f"{tuple(inputs.shape)}: one entry for each position of the input, as the processor returns it."
        )
    if encoded or not has_values(mask):
        return
    gaps = (mask[:, 1:].bool() & ~mask[:, :-1].bool()).any(-1)
    if gaps.any():
        raise ValueError(
            f"`{name}` has zeros before ones in row {int(gaps.int().argmax())}: padding must be on the right "
            "(padding_side='right')."
        )


def has_values(tensor: torch.Tensor) -> bool:
    """Whether what is computed may depend on the values of a tensor: a trace has shapes only."""
    return not (torch.compiler.is_compiling() or torch.jit.is_tracing() or tensor.is_meta)


def check_rows(**tensors: torch.Tensor | None) -> None:
    """Refuses inputs that do not have the same number of rows.

    Args:
        tensors (`torch.Tensor`, *optional*): by argument of `forward`.

    Raises:
        ValueError: the numbers of rows differ.
    """
    shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items() if tensor is not None}
    rows = [shape[0] for shape in shapes.values()]
    if any(number != rows[0] for number in rows[1:]):
        listed = ", ".join(f"`{name}` {shape}" for name, shape in shapes.items())
        raise ValueError(f"The inputs have different numbers of rows: {listed}. A row of each is one utterance.")


def present_rows(
    inputs: torch.Tensor | None, mask: torch.Tensor | None, reference: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Which rows have a modality, and a mask for its encoder, which must not be empty in any row.

    Args:
        inputs (`torch.Tensor`, *optional*): the modality's input.
        mask (`torch.Tensor` of shape `(batch, length)`, *optional*): 1 where valid; a row of zeros lacks the modality.
        reference (`torch.Tensor`): any input of the batch.

    Returns:
        `tuple[torch.Tensor, torch.Tensor | None]`: booleans `(batch,)`, and the mask, full in rows that lack the
        modality.
    """
    if inputs is None:
        return torch.zeros(reference.shape[0], dtype=torch.bool, device=reference.device), None
    if mask is None:
        return torch.ones(reference.shape[0], dtype=torch.bool, device=reference.device), None
    present = mask.bool().any(-1)
    return present, mask.masked_fill(~present[:, None], 1)


def hide_modalities(
    has_text: torch.Tensor, has_speech: torch.Tensor, probability: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """Hides one modality, text or speech with even odds, of some of the rows that have both.

    Args:
        has_text, has_speech (`torch.Tensor` of shape `(batch,)`): which rows have what.
        probability (`float`): of a row to lose one of them; with 0 no random number is drawn.

    Returns:
        `tuple[torch.Tensor, torch.Tensor]`: the same with less.
    """
    if probability == 0:
        return has_text, has_speech
    draw = torch.rand(has_text.shape, device=has_text.device)
    both = has_text & has_speech
    text_hidden = draw < probability / 2
    speech_hidden = draw >= 1 - probability / 2
    return has_text & ~(both & text_hidden), has_speech & ~(both & speech_hidden)
