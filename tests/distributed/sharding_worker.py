"""Trains a tiny model fully sharded over two processes, saves it, and loads it again.

torchrun --nproc_per_node 2 tests/distributed/sharding_worker.py <folder>
"""

import sys
from pathlib import Path

import torch
from torch import distributed
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FSDPModule
from torch.distributed.tensor import DTensor

from modeling_emo.training.sharding import full_state_dict, load_full_state_dict, shard_model
from tests.distributed.trainer_worker import model_without_dropout
from tests.tiny_models import ragged_batch


FAMILIES = ("roberta", "moonshine", "hubert")
LABELS = torch.tensor([0, 2, 1, 1])
STEPS = 3


def train(model, rows):
    """Three steps on these of four utterances; returns the losses."""
    optimizer = torch.optim.AdamW([weight for weight in model.parameters() if weight.requires_grad], lr=1e-3, eps=1e-3)
    family = "roberta" if model.emobert.speech_input_name == "speech_input_ids" else "moonshine"
    batch = {name: value[rows] for name, value in ragged_batch(family).items()}
    losses = []
    for _ in range(STEPS):
        loss = model(**batch, labels=LABELS[rows]).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.detach())
    return torch.stack(losses)


def main(folder):
    distributed.init_process_group("gloo")
    rank = distributed.get_rank()
    mesh = init_device_mesh("cpu", (distributed.get_world_size(),))
    for family in FAMILIES:
        model = shard_model(model_without_dropout(family).train(), mesh)
        units = {
            type(module).__name__.removeprefix("FSDP") for module in model.modules() if isinstance(module, FSDPModule)
        }
        assert all(isinstance(weight, DTensor) for weight in model.parameters())
        losses = train(model, [0, 1] if rank == 0 else [2, 3])
        distributed.all_reduce(losses)
        weights = full_state_dict(model)
        if rank == 0:
            model.save_pretrained(folder / family, state_dict=dict(weights))  # which empties it
        # A new sharded model, other weights, takes the checkpoint; only the first process has read it.
        other = model_without_dropout(family)
        with torch.no_grad():
            for weight in other.parameters():
                weight.zero_()
        other = shard_model(other, mesh)
        load_full_state_dict(other, weights)
        reloaded = full_state_dict(other)
        if rank == 0:
            result = {
                "world_size": distributed.get_world_size(),
                "units": units,
                "losses": losses / 2,
                "weights": weights,
                "reloaded": reloaded,
            }
            torch.save(result, folder / f"{family}.pt")
        assert rank == 0 or not weights
    distributed.destroy_process_group()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
