"""What every benchmark tells: machine, settings, versions and results, as a table and as JSON."""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from configuration_emo import markdown_table
from modeling_emo import installed_versions


def argument_parser(description: str, *, repeats: int | None = None) -> argparse.ArgumentParser:
    """A parser with what all benchmarks take: `--output`, `--seed`, `--threads`, and some `--repeats`.

    Args:
        description (`str`): the benchmark's docstring.
        repeats (`int`, *optional*): by default so many repeats of whatever is timed.
    """
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, help="JSON file to write")
    parser.add_argument("--seed", type=int, default=0, help="of whatever is drawn at random")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="of PyTorch")
    if repeats is not None:
        parser.add_argument("--repeats", type=int, default=repeats, help="of whatever is timed")
    return parser


def parse_arguments(parser: argparse.ArgumentParser, given: Sequence[str] | None = None) -> argparse.Namespace:
    """The arguments, by default those of the command line, with the seed and the number of threads set."""
    arguments = parser.parse_args(given)
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(arguments.seed)
    return arguments


def machine() -> dict[str, Any]:
    """The machine that the numbers are of."""
    return {
        "processor": _processor(),
        "cpus": os.cpu_count(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "system": platform.system(),
    }


def seconds_in_turn(
    functions: Mapping[str, Callable[[], Any]],
    repeats: int,
    *,
    clock: Callable[[], float] = time.perf_counter,
    warm_up: bool = True,
) -> dict[str, list[float]]:
    """Seconds of each call, all functions in turn so that what else the machine does meets them alike.

    Args:
        functions (`dict[str, Callable]`): by name.
        repeats (`int`): timed calls of each.
        clock (`Callable`, defaults to `time.perf_counter`): `time.process_time` for the CPU time of all threads, on a
            machine that others use as well.
        warm_up (`bool`, defaults to `True`): call each once before anything is timed.
    """
    for function in functions.values() if warm_up else ():
        function()
    seconds: dict[str, list[float]] = {name: [] for name in functions}
    for _ in range(repeats):
        for name, function in functions.items():
            start = clock()
            function()
            seconds[name].append(clock() - start)
    return seconds


def gemm_peak(repeats: int, size: int = 2048, *, clock: Callable[[], float] = time.perf_counter) -> float:
    """GFLOP/s of a float32 matrix product; with `time.process_time` of one thread."""
    a, b = torch.randn(size, size), torch.randn(size, size)
    seconds = seconds_in_turn({"product": lambda: a @ b}, max(repeats, 5), clock=clock)["product"]
    return 2 * size**3 / min(seconds) / 1e9


def undisturbed_median(seconds: Sequence[float], *, at_most: float = 1.5) -> float:
    """The median of the repeats that took at most `at_most` times as long as the fastest."""
    return statistics.median(value for value in seconds if value <= at_most * min(seconds))


def report(
    arguments: argparse.Namespace,
    results: Any,
    *,
    header: Sequence[str],
    rows: Iterable[Sequence[Any]],
    **facts: Any,
) -> None:
    """Prints the results as a table and writes them to `arguments.output`, where it is given.

    Args:
        arguments (`argparse.Namespace`): of [`parse_arguments`]; all of them are recorded.
        results (`dict` or `list`): the numbers, in JSON's types.
        header, rows: the table.
        facts: more to record.
    """
    print(markdown_table(header, rows))
    if arguments.output is None:
        return
    settings = {name: value for name, value in vars(arguments).items() if name != "output"}
    about = {"machine": machine(), "versions": installed_versions(), "settings": settings, **facts}
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text(
        json.dumps({**about, "results": results}, indent=2, default=str) + "\n", encoding="utf-8"
    )


def _processor() -> str:
    """The processor's name, where the system tells it."""
    information = Path("/proc/cpuinfo")
    if information.is_file():
        for line in information.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
