"""Parameter groups: encoders, their layers and new weights learn at their own rates."""

from __future__ import annotations

from torch import nn

from ..encoders.depth import encoder_of, find_encoders, weight_depths


def parameter_groups(
    model: nn.Module,
    *,
    learning_rate: float,
    text_encoder_learning_rate: float | None = None,
    speech_encoder_learning_rate: float | None = None,
    new_weights_learning_rate: float | None = None,
    layerwise_lr_decay: float = 1.0,
    weight_decay: float = 0.0,
) -> list[dict]:
    """Groups for a torch optimiser.

    With `layerwise_lr_decay` the weights of layer i of an encoder's n layers learn at its rate times
    `layerwise_lr_decay ** (n - i)`, embeddings and convolutions as layer 0 (discriminative fine-tuning,
    arXiv 1801.06146, section 3.2; BEiT and ELECTRA decay by layer in this form). Adapters (LoRA) count as weights of
    their encoder.

    Args:
        model (`nn.Module`): an EmoBERT model.
        learning_rate (`float`): of whatever has no rate of its own below.
        text_encoder_learning_rate, speech_encoder_learning_rate (`float`, *optional*): of that encoder.
        new_weights_learning_rate (`float`, *optional*): of the fusion, the stand-ins and the head, which start from
            random weights.
        layerwise_lr_decay (`float`): factor per layer, in (0, 1]; 1 gives all layers of an encoder the same rate.
        weight_decay (`float`): of matrices; biases, norms and single vectors are not decayed.

    Returns:
        `list[dict]`: groups with `params`, `lr` and `weight_decay`, without empty ones and without frozen weights;
        within an encoder the highest rate comes first.

    Raises:
        ValueError: `layerwise_lr_decay` is out of its range, or an encoder's layers are not found.

    Example:

    ```python
    >>> import torch
    >>> from modeling_emo import parameter_groups

    >>> groups = parameter_groups(torch.nn.Linear(2, 2), learning_rate=1e-5, new_weights_learning_rate=1e-3)
    >>> [(len(group["params"]), group["lr"]) for group in groups]
    [(1, 0.001), (1, 0.001)]

    ```
    """
    if not 0 < layerwise_lr_decay <= 1:
        raise ValueError(f"`layerwise_lr_decay` must be above 0 and at most 1, got {layerwise_lr_decay}.")
    given = {
        "text_encoder": text_encoder_learning_rate,
        "speech_encoder": speech_encoder_learning_rate,
        None: new_weights_learning_rate,
    }
    rates = {side: learning_rate if rate is None else rate for side, rate in given.items()}
    layers_above = _layers_above(model) if layerwise_lr_decay < 1 else {}

    groups: dict[tuple[str, int, bool], dict] = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            side, above, decayed = encoder_of(name), layers_above.get(name, 0), parameter.dim() > 1
            group = {"lr": rates[side] * layerwise_lr_decay**above, "weight_decay": weight_decay if decayed else 0.0}
            groups.setdefault((side or "", above, decayed), {"params": [], **group})["params"].append(parameter)
    # Trainer logs the first group's rate: the text encoder's own one, if it is trained.
    order = {"text_encoder": 0, "speech_encoder": 1, "": 2}
    return [groups[key] for key in sorted(groups, key=lambda key: (order[key[0]], key[1], not key[2]))]


def _layers_above(model: nn.Module) -> dict[str, int]:
    """How many layers of its encoder lie above each weight of an encoder."""
    above = {}
    for prefix, _, encoder in find_encoders(model):
        if any(weight.requires_grad for weight in encoder.parameters()):
            depths, count = weight_depths(encoder)
            above.update({f"{prefix}.{name}": count - depth for name, depth in depths.items()})
    return above
