"""Gradual unfreezing in the Trainer: which weights move in which epoch, also after a resume."""

import pytest
import torch
from transformers import TrainerCallback

from modeling_emo import EmoBertTrainer, EmoBertTrainingArguments
from modeling_emo.finetuning.gradual_unfreezing import GradualUnfreezingCallback
from tests.modeling_emo.training.training_rows import Rows
from tests.tiny_models import emobert


class Snapshots(TrainerCallback):
    """The weights at the end of each epoch, and whether each encoder was in training mode."""

    def __init__(self, model):
        self.weights = [{name: p.detach().clone() for name, p in model.named_parameters()}]
        self.modes = []

    def on_epoch_end(self, args, state, control, model=None, **kwargs):
        self.weights.append({name: p.detach().clone() for name, p in model.named_parameters()})
        self.modes.append((model.emobert.text_encoder.training, model.emobert.speech_encoder.training))

    def moved(self, epoch):
        """Parts of the model that have other weights than before this epoch."""
        before, after = self.weights[epoch], self.weights[epoch + 1]
        return {part(name) for name in before if not torch.equal(before[name], after[name])}


def part(name):
    """`text 2` for a weight of the second layer of the text encoder, `text 0` below, `new` outside."""
    for side in ("text", "speech"):
        if f".{side}_encoder." in name:
            after = "layers" if side == "speech" else "layer"
            if f".{after}." in name:
                return f"{side} {int(name.split(f'.{after}.')[1][0]) + 1}"
            return f"{side} 2" if ".layer_norm." in name else f"{side} 0"
    return "new"


def trainer(folder, epochs=4, model=None, **kwargs):
    model = emobert("moonshine") if model is None else model
    arguments = EmoBertTrainingArguments(
        output_dir=str(folder),
        num_train_epochs=epochs,
        per_device_train_batch_size=2,
        learning_rate=1e-3,
        weight_decay=0.1,
        lr_scheduler_type="constant",
        gradual_unfreezing_epochs=1,
        save_strategy="steps",
        save_steps=5,
        report_to="none",
        disable_tqdm=True,
        use_cpu=True,
        **kwargs,
    )
    snapshots = Snapshots(model)
    return EmoBertTrainer(model=model, args=arguments, train_dataset=Rows(), callbacks=[snapshots]), snapshots


EXPECTED = [
    {"new"},
    {"new", "text 2", "speech 2"},
    {"new", "text 2", "speech 2", "text 1", "speech 1"},
    {"new", "text 2", "speech 2", "text 1", "speech 1", "text 0", "speech 0"},
]


def test_a_layer_more_each_epoch_and_the_same_after_a_resume(tmp_path):
    """Frozen weights are equal bit by bit: no gradient, no weight decay. Checkpoint 5 is in the middle of epoch 1."""
    run, snapshots = trainer(tmp_path / "whole")
    run.train()
    assert [snapshots.moved(epoch) for epoch in range(4)] == EXPECTED
    assert snapshots.modes == [(False, False), (True, True), (True, True), (True, True)]
    assert all(p.requires_grad for p in run.model.parameters())

    resumed, snapshots = trainer(tmp_path / "whole")
    resumed.train(resume_from_checkpoint=str(tmp_path / "whole" / "checkpoint-5"))
    assert [snapshots.moved(epoch) for epoch in (1, 2)] == EXPECTED[2:]
    for (name, whole), again in zip(run.model.named_parameters(), resumed.model.parameters(), strict=True):
        assert torch.equal(whole, again), name


def test_what_is_frozen_before_stays_frozen(tmp_path):
    model = emobert("moonshine", speech_layer=1)
    model.freeze_text_encoder()
    run, snapshots = trainer(tmp_path, epochs=3, model=model)
    run.train()
    # One layer of speech in use: released in epoch 1; the convolutions in epoch 2.
    assert [snapshots.moved(epoch) for epoch in range(3)] == [
        {"new"},
        {"new", "speech 1"},
        {"new", "speech 1", "speech 0"},
    ]
    assert not any(p.requires_grad for p in model.emobert.text_encoder.parameters())
    assert not any(p.requires_grad for p in model.emobert.speech_encoder.layers[1].parameters())


@pytest.mark.parametrize(("epoch", "released"), [(0, 0), (1.5, 0), (2.0, 1), (3.99, 1), (4, 2), (6, 3)])
def test_every_second_epoch(epoch, released):
    callback, model = GradualUnfreezingCallback(2), emobert("moonshine")

    class State:
        pass

    state = State()
    state.epoch = epoch
    callback.on_train_begin(None, state, None, model=model)
    trainable = {part(name) for name, p in model.named_parameters() if p.requires_grad}
    assert trainable == EXPECTED[released]


def test_a_number_below_one_is_refused():
    with pytest.raises(ValueError, match="`epochs_per_layer` must be at least 1, got 0"):
        GradualUnfreezingCallback(0)
