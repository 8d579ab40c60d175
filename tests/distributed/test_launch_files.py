"""The files in examples/configs/accelerate, read by accelerate itself."""

import pytest
from accelerate.commands.config.config_args import load_config_from_file
from accelerate.utils import DistributedType

from tests.distributed.launch import ROOT


FOLDER = ROOT / "examples" / "configs" / "accelerate"
EXPECTED = {
    "cpu.yaml": (DistributedType.MULTI_GPU, 1, 2),
    "deepspeed_zero2.yaml": (DistributedType.DEEPSPEED, 1, 8),
    "deepspeed_zero3.yaml": (DistributedType.DEEPSPEED, 1, 8),
    "fsdp2.yaml": (DistributedType.FSDP, 1, 8),
    "multi_gpu.yaml": (DistributedType.MULTI_GPU, 1, 8),
    "one_gpu.yaml": (DistributedType.NO, 1, 1),
    "two_nodes.yaml": (DistributedType.MULTI_GPU, 2, 16),
}


def test_every_file_is_listed_here():
    assert {path.name for path in FOLDER.glob("*.yaml")} == set(EXPECTED)


@pytest.mark.parametrize("name", EXPECTED)
def test_accelerate_reads_the_file(name):
    """accelerate refuses keys that it does not know."""
    config = load_config_from_file(str(FOLDER / name))
    assert (DistributedType(config.distributed_type), config.num_machines, config.num_processes) == EXPECTED[name]
    assert config.mixed_precision == ("no" if name == "cpu.yaml" else "bf16")


def test_zero_stages_and_fsdp_version():
    for stage in (2, 3):
        assert (
            load_config_from_file(str(FOLDER / f"deepspeed_zero{stage}.yaml")).deepspeed_config["zero_stage"] == stage
        )
    assert load_config_from_file(str(FOLDER / "fsdp2.yaml")).fsdp_config["fsdp_version"] == 2
