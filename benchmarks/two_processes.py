"""What a second process brings: training steps of the pair in one process, and in two that average their gradients.

    python benchmarks/two_processes.py --output outputs/benchmarks/two_processes.json

Each process computes with one thread on batches of 8 rows of its own, as many in either case, and averages gradients
(DistributedDataParallel over gloo, set as EmoBertTrainer sets it) once in `--accumulation` batches, before AdamW
steps. Efficiency is the time of one process alone over that of two at work together, 1 where the second costs the
first nothing: wall time, medians over `--repeats` turns. The machine must have two idle cores.

Two processes that have nothing to do with each other, side by side, tell what the machine itself takes for the second
(memory that both read, a core's two threads sold as two); the rest is the price of averaging.
"""

import contextlib
import multiprocessing
import os
import socket
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from statistics import median

import torch
from pair import loss_of, trained_weights
from pair_model import draw_lengths, fairseq_state, make_batches, pair_config
from report import argument_parser, parse_arguments, report
from torch.nn.parallel import DistributedDataParallel

from modeling_emo import EmoBertForSequenceClassification


class Loss(torch.nn.Module):
    """The loss of a batch as a module's forward, which averages gradients behind it."""

    def __init__(self, model: EmoBertForSequenceClassification):
        super().__init__()
        self.model = model

    def forward(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        return loss_of(self.model, {}, batch, "packed")


# Processes, and whether they average their gradients.
WAYS = {"one alone": (1, False), "two side by side": (2, False), "two that average": (2, True)}


def train(
    rank: int, world_size: int, averages: bool, port: int, size: str, accumulation: int, steps: int, seed: int
) -> float:
    """Seconds of all steps but the first, from when all processes are ready to when all are done."""
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    model = EmoBertForSequenceClassification(pair_config(size)).train()
    fairseq_state(model)  # without types of tokens, as the other benchmarks
    batches = make_batches(draw_lengths(8 * accumulation, seed))  # the same work for each
    loss: torch.nn.Module = Loss(model)
    optimizer = torch.optim.AdamW(trained_weights(model), lr=1e-8, fused=True)
    if world_size > 1:
        os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
        torch.distributed.init_process_group("gloo", rank=rank, world_size=world_size)
    if averages:
        loss = DistributedDataParallel(loss, find_unused_parameters=True)
    began = 0.0
    for step in range(steps + 1):
        if step == 1:
            if world_size > 1:
                torch.distributed.barrier()
            began = time.perf_counter()
        for index, batch in enumerate(batches):
            is_last = index == len(batches) - 1
            waits = isinstance(loss, DistributedDataParallel) and not is_last
            with loss.no_sync() if waits else contextlib.nullcontext():
                (loss(batch) / accumulation).backward()
        optimizer.step()
        optimizer.zero_grad()
    if world_size > 1:
        torch.distributed.barrier()
    seconds = time.perf_counter() - began
    if world_size > 1:
        torch.distributed.destroy_process_group()
    return seconds


def measure(world_size: int, averages: bool, *settings) -> float:
    """Seconds of the slowest of so many processes."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    with ProcessPoolExecutor(world_size, mp_context=multiprocessing.get_context("spawn")) as pool:
        runs = [pool.submit(train, rank, world_size, averages, port, *settings) for rank in range(world_size)]
        return max(run.result() for run in runs)


def main(given: Sequence[str] | None = None) -> None:
    parser = argument_parser(__doc__, repeats=3)
    parser.add_argument("--accumulation", type=int, default=4, help="batches between two steps of the optimizer")
    parser.add_argument("--steps", type=int, default=2, help="timed steps of the optimizer")
    parser.add_argument("--tiny", action="store_const", const="tiny", default="quarter", dest="size")
    arguments = parse_arguments(parser, given)
    settings = arguments.size, arguments.accumulation, arguments.steps, arguments.seed
    seconds: dict[str, list[float]] = {way: [] for way in WAYS}
    for _ in range(arguments.repeats):
        for way, taken in seconds.items():
            taken.append(measure(*WAYS[way], *settings))

    def efficiency(way: str, other: str) -> float:
        return median(theirs / own for own, theirs in zip(seconds[way], seconds[other], strict=True))

    efficiencies = {way: efficiency(way, "one alone") for way in WAYS}
    of_averaging = efficiency("two that average", "two side by side")
    report(
        arguments,
        {"seconds": seconds, "efficiency": efficiencies, "efficiency_of_averaging": of_averaging},
        header=["processes", "s for the same work of each", "efficiency"],
        rows=[[way, f"{median(taken):.2f}", f"{efficiencies[way]:.2f}"] for way, taken in seconds.items()],
    )
    print(f"Two that average against two side by side: {of_averaging:.2f}")


if __name__ == "__main__":
    main()
