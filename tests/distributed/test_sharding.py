"""Fully sharded over two processes: the same training, and whole checkpoints that load anywhere."""

import pytest
import torch

from modeling_emo import EmoBertForSequenceClassification
from tests.distributed.launch import ROOT, two_processes
from tests.distributed.sharding_worker import FAMILIES, train
from tests.distributed.trainer_worker import model_without_dropout
from tests.tiny_models import CORE_FAMILIES, emobert


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sharded")
    two_processes(ROOT / "tests" / "distributed" / "sharding_worker.py", folder)
    return folder


@pytest.mark.parametrize("family", FAMILIES)
def test_sharded_training_is_unsharded_training_and_its_checkpoint_loads(family, folder):
    result = torch.load(folder / f"{family}.pt")
    assert result["world_size"] == 2
    model = model_without_dropout(family).train()
    losses = train(model, [0, 1, 2, 3])
    torch.testing.assert_close(result["losses"], losses, rtol=1e-5, atol=1e-5)
    assert losses[-1] < losses[0]
    torch.testing.assert_close(result["weights"], dict(model.state_dict()), rtol=1e-5, atol=1e-5)
    # Bit for bit: loaded into a sharded model, and from disk into an unsharded one.
    saved = EmoBertForSequenceClassification.from_pretrained(folder / family).state_dict()
    assert set(saved) == set(result["weights"]) == set(result["reloaded"])
    for name, weight in result["weights"].items():
        assert torch.equal(weight, saved[name]) and torch.equal(weight, result["reloaded"][name]), name
    layer = {"roberta": "RobertaLayer", "moonshine": "MoonshineEncoderLayer", "hubert": "HubertEncoderLayer"}[family]
    assert {"BertLayer", "CoAttentionLayer", "EmoBertForSequenceClassification", layer} <= result["units"]


# Layers that do not call themselves an encoder's.
WITHOUT_ENCODER = ("RobertaLayer", "Emotion2VecLayer")


@pytest.mark.parametrize("family", CORE_FAMILIES)
def test_every_class_to_shard_is_in_the_model_and_layers_are_among_them(family):
    """accelerate's FSDP2 stops at a name that it does not find."""
    model = emobert(family)
    present = {type(module).__name__ for module in model.modules()}
    assert model._no_split_modules <= present and {"BertLayer", "CoAttentionLayer"} <= model._no_split_modules
    speech = {type(module).__name__ for module in model.emobert.speech_encoder.modules()}
    layers = {name for name in speech if "Layer" in name and ("Encoder" in name or name in WITHOUT_ENCODER)}
    assert layers & model._no_split_modules
