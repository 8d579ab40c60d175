"""Training on fewer processes than were asked for is refused."""

from __future__ import annotations

import os


def check_world_size(num_processes: int) -> None:
    """Compares the processes that work together with what the launcher was asked for.

    `accelerate launch --cpu --num_processes 2` starts one process, without a word. Processes that were started without
    a common backend would each train the whole model on all data.

    Args:
        num_processes (`int`): those that work together.

    Raises:
        ValueError: their number is not the launcher's.

    Example:

    ```python
    >>> check_world_size(1)

    ```
    """
    launched = os.environ.get("WORLD_SIZE")
    if launched is not None and int(launched) != num_processes:
        raise ValueError(
            f"{launched} processes were launched, but {num_processes} work together. On CPUs add `--use_cpu true`, or "
            "set ACCELERATE_USE_CPU=true."
        )
    # accelerate's launcher names a main process only where there are several, and never starts the others on CPUs.
    by_accelerate = "ACCELERATE_MIXED_PRECISION" in os.environ and "MASTER_ADDR" in os.environ
    if launched is None and num_processes == 1 and by_accelerate:
        raise ValueError(
            "`accelerate launch` was asked for several processes and started one, as it does on CPUs. Use "
            "`accelerate launch --config_file examples/configs/accelerate/cpu.yaml`, or `torchrun --nproc_per_node N`."
        )
