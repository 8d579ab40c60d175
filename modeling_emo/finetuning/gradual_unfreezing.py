"""Gradual unfreezing: the encoders' layers are released from the top, one after the other."""

from __future__ import annotations

from torch import nn
from transformers import TrainerCallback

from ..encoders.depth import find_encoders, weight_depths


class GradualUnfreezingCallback(TrainerCallback):
    """Starts with frozen encoders and releases one more layer from the top every few epochs (arXiv 1801.06146,
    section 3.3).

    The first epochs train fusion and head only; then the last layer of each encoder joins, then the one below it, and
    at last the embeddings or convolutions. What was frozen before the training stays frozen. The state follows from
    the epoch alone, so that a resumed run goes on as it would have. The optimiser holds all weights from the start;
    AdamW leaves those without a gradient as they are, weight decay included. A whole encoder without released weights
    is in evaluation mode.

    Args:
        epochs_per_layer (`int`): epochs until the first release, and between releases.

    Raises:
        ValueError: `epochs_per_layer` is below 1, or an encoder's layers are not found.

    Example:

    ```python
    >>> from modeling_emo import GradualUnfreezingCallback

    >>> trainer.add_callback(GradualUnfreezingCallback(epochs_per_layer=1))  # doctest: +SKIP

    ```
    """

    def __init__(self, epochs_per_layer: int = 1):
        if epochs_per_layer < 1:
            raise ValueError(f"`epochs_per_layer` must be at least 1, got {epochs_per_layer}.")
        self.epochs_per_layer = epochs_per_layer
        # Layers of its encoder from each weight to the top, the weight's own included: released after so many steps.
        self._steps: list[tuple[nn.Parameter, int]] = []

    def on_train_begin(self, args, state, control, model=None, **kwargs):
        """Notes what there is to train; the optimiser has been made by now."""
        self._steps = list(self._release_steps(model))
        self._release(state)

    def on_epoch_begin(self, args, state, control, **kwargs):
        """Releases what this epoch trains."""
        self._release(state)

    def on_train_end(self, args, state, control, **kwargs):
        """Leaves the model as trainable as it was before."""
        for parameter, _ in self._steps:
            parameter.requires_grad_(True)

    @staticmethod
    def _release_steps(model: nn.Module):
        for _, _, encoder in find_encoders(model):
            weights = {name: weight for name, weight in encoder.named_parameters() if weight.requires_grad}
            if weights:
                depths, count = weight_depths(encoder)
                yield from ((weight, count - depths[name] + 1) for name, weight in weights.items())

    def _release(self, state):
        released = int(state.epoch or 0) // self.epochs_per_layer
        for parameter, step in self._steps:
            parameter.requires_grad_(step <= released)
