"""Real processes for tests."""

import os
import subprocess
import sys
from pathlib import Path


ROOT = Path(__file__).resolve().parents[2]


def run(command, *, expect_failure=False, **variables):
    """Runs a command from the repository's root; returns what it printed, or its errors if it has to fail."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("ACCELERATE_", "MASTER_"))}
    environment = {
        **inherited,
        "OMP_NUM_THREADS": "1",
        "TOKENIZERS_PARALLELISM": "false",
        "PYTHONPATH": str(ROOT),
        **variables,
    }
    result = subprocess.run(
        list(map(str, command)), cwd=ROOT, capture_output=True, text=True, env=environment, timeout=300
    )
    assert (result.returncode != 0) == expect_failure, result.stderr[-6000:]
    return result.stderr if expect_failure else result.stdout


def two_processes(script, *arguments, **kwargs):
    """Runs a script in two processes that work together (gloo)."""
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    return run([*torchrun, script, *arguments], **kwargs)


def accelerate_launch(config, script, *arguments, **kwargs):
    """Runs a script with one of the files in `examples/configs/accelerate`."""
    file = ROOT / "examples" / "configs" / "accelerate" / config
    command = [sys.executable, "-m", "accelerate.commands.launch", "--config_file", file, "--main_process_port", "0"]
    return run([*command, script, *arguments], **kwargs)
