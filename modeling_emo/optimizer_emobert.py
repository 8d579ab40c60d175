"""Parameter groups: pretrained encoders and new weights learn at their own rates."""

from __future__ import annotations

from torch import nn


ENCODERS = ("text_encoder", "speech_encoder")


def parameter_groups(
    model: nn.Module,
    *,
    learning_rate: float,
    new_weights_learning_rate: float | None = None,
    weight_decay: float = 0.0,
) -> list[dict]:
    """Groups for a torch optimiser.

    Args:
        model (`nn.Module`): an EmoBERT model.
        learning_rate (`float`): of the two encoders.
        new_weights_learning_rate (`float`, *optional*): of the fusion, the stand-ins and the head, which start from
            random weights; the encoders' rate when None.
        weight_decay (`float`): of matrices; biases, norms and single vectors are not decayed.

    Returns:
        `list[dict]`: groups with `params`, `lr` and `weight_decay`, without empty ones and without frozen weights.

    Example:

    ```python
    >>> import torch
    >>> from modeling_emo.optimizer_emobert import parameter_groups

    >>> groups = parameter_groups(torch.nn.Linear(2, 2), learning_rate=1e-5, new_weights_learning_rate=1e-3)
    >>> [(len(group["params"]), group["lr"]) for group in groups]
    [(1, 0.001), (1, 0.001)]
    ```
    """
    rates = {
        True: learning_rate,
        False: learning_rate if new_weights_learning_rate is None else new_weights_learning_rate,
    }
    groups: dict[tuple[bool, bool], list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            in_encoder = any(part in ENCODERS for part in name.split("."))
            groups.setdefault((in_encoder, parameter.dim() > 1), []).append(parameter)
    return [
        {"params": parameters, "lr": rates[in_encoder], "weight_decay": weight_decay if decayed else 0.0}
        for (in_encoder, decayed), parameters in groups.items()
    ]
