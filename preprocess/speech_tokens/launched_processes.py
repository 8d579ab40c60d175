"""The processes that `accelerate launch` started, and a check that there are as many as were asked for."""

from __future__ import annotations

import os
from datetime import timedelta

import torch
from accelerate import PartialState
from accelerate.utils import parse_flag_from_env


# How long processes wait for each other. The default, half an hour, is less than one corpus may take.
PATIENCE = timedelta(days=7)


def launched_processes(expected: int | None = None) -> PartialState:
    """
    This process among those that work together.

    Args:
        expected (`int`, *optional*): how many there should be. When None, as many as the launcher says.

    Returns:
        `accelerate.PartialState`: `num_processes`, `process_index`, `is_main_process`, `wait_for_everyone()`, ...

    Raises:
        ValueError: there is another number of processes.

    Example:

    ```python
    >>> from preprocess import launched_processes

    >>> launched_processes().num_processes
    1

    ```"""
    use_cpu = parse_flag_from_env("ACCELERATE_USE_CPU") or not torch.accelerator.is_available()
    launched = int(os.environ.get("WORLD_SIZE", 1))
    # A process on its own has no group, and takes no options of one.
    state = PartialState(cpu=use_cpu, **({"timeout": PATIENCE} if launched > 1 else {}))
    expected = launched if expected is None else expected
    if state.num_processes != expected:
        raise ValueError(
            f"{expected} processes were asked for, but {state.num_processes} work together. On CPUs "
            f"`accelerate launch --cpu --num_processes {expected}` starts one without a word: use "
            f"`ACCELERATE_USE_CPU=true accelerate launch --multi_gpu --num_processes {expected}`."
        )
    return state
