"""What each of two processes runs in test_two_process_recipe.py: `torchrun --nproc_per_node 2 <this> <folder>`."""

import json
import sys
from pathlib import Path

import torch

from tests.modeling_emo.training.test_batch_sampling import trainer


def weights(model):
    return {name: parameter.detach().clone() for name, parameter in model.named_parameters()}


def main(folder: Path):
    options = {"max_padded_length": 18, "save_strategy": "steps", "save_steps": 1, "gradual_unfreezing_epochs": 1}
    run, collator = trainer(folder, **options)
    before = weights(run.model)
    run.train()
    steps = run.state.global_step
    resumed, rest = trainer(folder, **options)
    resumed.train(resume_from_checkpoint=str(folder / f"checkpoint-{steps - 2}"))
    report = {
        "world_size": run.args.world_size,
        "steps": steps,
        "batches": collator.batches,
        "batches_after_resume": rest.batches,
        "moved": sorted(name for name, p in run.model.named_parameters() if not torch.equal(p, before[name])),
        "resumed_equal": all(
            torch.equal(a, b) for a, b in zip(run.model.parameters(), resumed.model.parameters(), strict=True)
        ),
        "checksum": sum(p.double().sum().item() for p in run.model.parameters()),
    }
    (folder / f"rank{run.args.process_index}.json").write_text(json.dumps(report))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
