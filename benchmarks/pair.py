"""The whole pair of encoders: packed, padded and the original's way of computing, in one run.

    python benchmarks/pair.py --work inference --output outputs/benchmarks/pair_inference.json
    python benchmarks/pair.py --work training --output outputs/benchmarks/pair_training.json
    python benchmarks/pair.py --work absent --output outputs/benchmarks/pair_absent.json
    python benchmarks/pair.py --work frozen --output outputs/benchmarks/pair_frozen.json

Options: `--full`, `--order random grouped`, `--batches 2`, `--rows 8`, `--repeats 3`, `--threads 1`. The original's
way is its arithmetic on the same weights: batches padded to their longest row, attention weights kept, no fused
kernels. Lengths in token ids: speech log-normal, 451 in the mean (sigma 0.6, 150 to 1800), text 18 (sigma 0.6, 3 to
112). Batches of 8 rows at random, and of similar lengths. By default a quarter of the layers at full width, which
keeps every ratio (6 of 24 x 1024, 3 of 12 x 768). Times are CPU times, all ways in turn, after a comparison of all
ways' logits and gradients without dropout.

A training step is forward, backward and AdamW, the same for all, with dropout 0.1. Its memory is the peak of a process
of its own, of one step on the longest batch, less what PyTorch takes before there is a model. `absent` runs eight rows
of which one has 4 s of speech, against eight rows that all have it, with a speech encoder of waveforms (wav2vec2 base)
and a text encoder of MiniLM's size. `frozen` is a training step of fusion and head over frozen encoders whose states
were kept, against one of the whole pair.
"""

from __future__ import annotations

import argparse
import copy
import multiprocessing
import statistics
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import torch
from pair_model import (
    WAYS,
    Batch,
    draw_lengths,
    fairseq_state,
    logits,
    make_batches,
    pair_config,
    ragged_ids,
    useful_flops,
    waveform_config,
)
from report import argument_parser, gemm_peak, parse_arguments, report, seconds_in_turn, undisturbed_median

from modeling_emo import EmoBertForSequenceClassification


SAMPLES_OF_4_S = 64_000


def main(given: Sequence[str] | None = None) -> None:
    parser = argument_parser(__doc__, repeats=3)
    parser.add_argument("--full", dest="size", action="store_const", const="full", help="all layers: 465 M weights")
    parser.add_argument("--tiny", dest="size", action="store_const", const="tiny", help="to try this program")
    parser.add_argument("--batches", type=int, default=2, help="per repeat")
    parser.add_argument("--rows", type=int, default=8, help="of a batch; fewer where the original does not fit")
    parser.add_argument("--order", nargs="+", choices=("random", "grouped"), default=["random", "grouped"])
    parser.add_argument("--work", choices=("inference", "training", "absent", "frozen"), default="inference")
    parser.set_defaults(threads=1, size="quarter")
    arguments = parse_arguments(parser, given)
    if arguments.work == "absent":
        measure_absent(arguments)
    elif arguments.work == "frozen":
        measure_frozen(arguments)
    else:
        measure_ways(arguments)


def measure_ways(arguments: argparse.Namespace) -> None:
    """Inference or training in all ways."""
    model = EmoBertForSequenceClassification(pair_config(arguments.size))
    work, is_training = arguments.work, arguments.work == "training"
    state = fairseq_state(model)
    size = arguments.rows
    rows = draw_lengths(size * arguments.batches, arguments.seed)
    orders = {"random": rows, "grouped": sorted(rows)}
    peak = gemm_peak(arguments.repeats, clock=time.process_time) * arguments.threads
    results: dict = {"lengths": rows, "gemm_gflops": peak}
    table = []
    for order in arguments.order:
        lengths = orders[order]
        batches = make_batches(lengths, size)
        memory = {}
        if is_training:  # before this process has moments of its own
            longest = max((lengths[start : start + size] for start in range(0, len(lengths), size)), key=max)
            memory = {way: alone(peak_bytes, way, arguments.size, longest, arguments.threads) for way in WAYS}
        entry: dict = differences(model.eval(), state, batches, gradients=is_training)
        model.train(is_training)
        functions = ways_to_run(model, state, batches, work)
        seconds = seconds_in_turn(functions, arguments.repeats, clock=time.process_time, warm_up=False)
        medians = {way: undisturbed_median(values) for way, values in seconds.items()}
        entry |= {"seconds": seconds, "medians": medians, "peak_bytes": memory}
        flops = (3 if is_training else 1) * sum(useful_flops(model.config, *pair) for pair in lengths)
        for way in WAYS:
            speed = statistics.median(
                other / own for other, own in zip(seconds["original"], seconds[way], strict=True)
            )
            share = flops / medians[way] / 1e9 / peak * arguments.threads
            entry[way] = {"ratio": speed, "useful_share_of_peak": share}
            held = [f"{memory[way] / 1e9:.2f}", f"{memory[way] / memory['original']:.2f}"] if memory else ["", ""]
            table.append([work, order, way, f"{medians[way]:.2f}", f"{speed:.2f}", f"{share:.2f}", *held])
        results[f"{work}_{order}"] = entry
    header = ["work", "batches", "way", "CPU s", "times the original", "useful share of peak", "peak GB", "share"]
    report(arguments, results, header=header, rows=table)
    print(f"GEMM peak {peak:.0f} GFLOP/s; largest differences between any two ways, without dropout:")
    for order in arguments.order:
        entry = results[f"{work}_{order}"]
        words = [f"logits {entry['largest_difference']:.1e}"]
        if is_training:
            words.append(f"gradients {entry['largest_gradient_difference']:.1e} of their tensor's largest")
        print(f"  {order}: {', '.join(words)}")


def measure_absent(arguments: argparse.Namespace) -> None:
    """Eight rows with text: one of them, and all of them, with 4 s of speech."""
    model = EmoBertForSequenceClassification(waveform_config(arguments.size)).eval()
    ids, mask = ragged_ids(tuple(text for _, text in draw_lengths(8, arguments.seed)), 30_000)
    text = {"input_ids": ids, "attention_mask": mask}
    sound = torch.randn(8, SAMPLES_OF_4_S) * 0.1
    has_speech = (torch.arange(8) == 0).long()[:, None].expand(sound.shape)
    everywhere = {**text, "input_values": sound, "speech_attention_mask": torch.ones_like(has_speech)}
    only_one = {**text, "input_values": sound * has_speech, "speech_attention_mask": has_speech}

    @torch.inference_mode()
    def run(batch: Batch) -> torch.Tensor:
        return model(**batch).logits

    # Each row against itself where no other is computed in another way.
    expected = torch.cat([run(everywhere)[:1], run(text)[1:]])
    results: dict = {"largest_difference": (run(only_one) - expected).abs().max().item()}
    functions = {"one has speech": partial(run, only_one), "all have speech": partial(run, everywhere)}
    seconds = seconds_in_turn(functions, arguments.repeats, clock=time.process_time)
    medians = {name: undisturbed_median(values) for name, values in seconds.items()}
    ratio = medians["all have speech"] / medians["one has speech"]
    results |= {"seconds": seconds, "medians": medians, "ratio": ratio}
    table = [[name, f"{value:.2f}"] for name, value in medians.items()]
    report(arguments, results, header=["eight rows", "CPU s"], rows=table)
    print(f"Ratio {ratio:.2f}; largest difference of a row's logits {results['largest_difference']:.1e}")


def measure_frozen(arguments: argparse.Namespace) -> None:
    """A training step on states that frozen encoders made before, and one that trains the encoders too."""
    model = EmoBertForSequenceClassification(pair_config(arguments.size)).eval()
    state = fairseq_state(model)
    batches = make_batches(draw_lengths(8 * arguments.batches, arguments.seed))
    kept = [encoded(model, batch) for batch in batches]
    with torch.inference_mode():
        expected = [model(**batch).logits for batch in batches]
        differences = [(model(**own).logits - logits).abs().max() for own, logits in zip(kept, expected, strict=True)]
    model.train()
    whole = ways_to_run(model, state, batches, "training")["packed"]
    head = copy.deepcopy(model)
    head.emobert.text_encoder.requires_grad_(False)
    head.emobert.speech_encoder.requires_grad_(False)
    functions = {"encoders too": whole, "kept states": ways_to_run(head.train(), {}, kept, "training")["packed"]}
    seconds = seconds_in_turn(functions, arguments.repeats, clock=time.process_time)
    medians = {name: undisturbed_median(values) for name, values in seconds.items()}
    ratio = medians["encoders too"] / medians["kept states"]
    results = {"seconds": seconds, "medians": medians, "ratio": ratio, "largest_difference": max(differences).item()}
    report(arguments, results, header=["training step", "CPU s"], rows=[[n, f"{v:.3f}"] for n, v in medians.items()])
    print(f"Ratio {ratio:.1f}; largest difference of logits {results['largest_difference']:.1e}")


@torch.no_grad()
def encoded(model: EmoBertForSequenceClassification, batch: Batch) -> Batch:
    """What the encoders make of a batch, in the place of its ids."""
    text = model.emobert.encode_text(batch["input_ids"], batch["attention_mask"])
    speech = model.emobert.encode_speech(batch["speech_input_ids"], batch["speech_attention_mask"])
    return {
        **{"encoded_text": text.hidden_states, "attention_mask": batch["attention_mask"]},
        **{"encoded_speech": speech.hidden_states, "speech_attention_mask": batch["speech_attention_mask"]},
    }


def loss_of(model: EmoBertForSequenceClassification, state: dict, batch: Batch, way: str) -> torch.Tensor:
    """The loss of a batch, with labels that do not matter."""
    result = logits(model, state, batch, way)
    return torch.nn.functional.cross_entropy(result, torch.arange(len(result)) % 4)


def trained_weights(model: EmoBertForSequenceClassification) -> list[torch.Tensor]:
    return [weight for weight in model.parameters() if weight.requires_grad]


def ways_to_run(model, state, batches: list[Batch], work: str) -> dict[str, Callable]:
    """By way, a function that runs all batches."""
    if work == "inference":

        def infer(way: str) -> None:
            with torch.inference_mode():
                for batch in batches:
                    logits(model, state, batch, way)

        return {way: partial(infer, way) for way in WAYS}
    optimizer = torch.optim.AdamW(trained_weights(model), lr=1e-8, fused=True)

    def train(way: str) -> None:
        for batch in batches:
            loss_of(model, state, batch, way).backward()
            optimizer.step()
            optimizer.zero_grad()

    return {way: partial(train, way) for way in WAYS}


def differences(model, state, batches: list[Batch], *, gradients: bool) -> dict[str, float]:
    """The largest differences of logits, and of the first batch's gradients, between any two ways."""
    found = {"largest_difference": 0.0}
    with torch.inference_mode():
        for batch in batches:
            results = torch.stack([logits(model, state, batch, way) for way in WAYS])
            found["largest_difference"] = max(
                found["largest_difference"], (results.amax(0) - results.amin(0)).max().item()
            )
    if gradients:
        weights = trained_weights(model)
        first, *others = (
            torch.autograd.grad(loss_of(model, state, batches[0], way), weights, materialize_grads=True)
            for way in WAYS
        )
        # Biases of keys move all scores of a softmax alike: their gradients are 0 but for rounding.
        scale = max(gradient.abs().max().item() for gradient in first)
        found["largest_gradient_difference"] = max(
            (own - theirs).abs().max().item() / max(own.abs().max().item(), 1e-4 * scale)
            for other in others
            for own, theirs in zip(first, other, strict=True)
        )
    return found


def alone(function: Callable, *arguments) -> float:
    """What a function returns in a fresh process."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


def peak_bytes(way: str, size: str, lengths: list[tuple[int, int]], threads: int) -> int:
    """The most memory that a training step takes, weights, gradients and moments included."""
    torch.set_num_threads(threads)
    before = resident_bytes("VmRSS")
    model = EmoBertForSequenceClassification(pair_config(size)).train()
    state = fairseq_state(model)
    for function in [ways_to_run(model, state, make_batches(lengths), "training")[way]] * 2:
        function()  # twice: the moments are there from the second step on
    return resident_bytes("VmHWM") - before


def resident_bytes(field: str) -> int:
    """`VmRSS`, memory that is resident now, or `VmHWM`, at most so far, of this process (Linux)."""
    for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) * 1024
    raise ValueError(f"/proc/self/status has no {field}: run this on Linux.")


if __name__ == "__main__":
    main()
