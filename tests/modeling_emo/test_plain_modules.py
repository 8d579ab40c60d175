"""Everything that may stand between a module and its weights makes it no longer plain."""

import pytest
import torch
from torch import nn
from torch.nn.modules.module import register_module_forward_hook
from torch.nn.utils import parametrizations, prune

from modeling_emo.plain_modules import is_plain


class Doubled(nn.Linear):
    def forward(self, input):
        return 2 * super().forward(input)


class Marked(torch.Tensor):
    """As quantised and distributed weights are: a tensor with behaviour of its own."""


def with_forward_of_its_own(layer):
    layer.forward = lambda input: 2 * nn.Linear.forward(layer, input)


CHANGES = {
    "forward hook": lambda layer: layer.register_forward_hook(lambda *_: None),
    "forward pre-hook": lambda layer: layer.register_forward_pre_hook(lambda *_: None),
    "backward hook": lambda layer: layer.register_full_backward_hook(lambda *_: None),
    "backward pre-hook": lambda layer: layer.register_full_backward_pre_hook(lambda *_: None),
    "pruned": lambda layer: prune.l1_unstructured(layer, "weight", 0.5),
    "parametrised": parametrizations.weight_norm,
    "a forward of its own": with_forward_of_its_own,
    "a weight of another class": lambda layer: setattr(
        layer, "weight", nn.Parameter(layer.weight.detach().as_subclass(Marked))
    ),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_changed_layers_are_not_plain(change):
    layer = nn.Linear(4, 4)
    assert is_plain(layer, nn.Linear)
    change(layer)
    assert not is_plain(layer, nn.Linear)


def test_other_classes_are_not_plain_and_missing_biases_are():
    assert not is_plain(Doubled(4, 4), nn.Linear)
    assert is_plain(Doubled(4, 4), Doubled)
    assert is_plain(nn.Linear(4, 4, bias=False).requires_grad_(False), nn.Linear)


def test_nothing_is_plain_while_all_modules_are_hooked():
    layer = nn.Linear(4, 4)
    handle = register_module_forward_hook(lambda *_: None)
    try:
        assert not is_plain(layer, nn.Linear)
    finally:
        handle.remove()
    assert is_plain(layer, nn.Linear)
