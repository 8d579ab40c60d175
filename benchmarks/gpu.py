"""The whole pair of encoders on one GPU: equality, speed, memory and a short fine-tuning, in less than 8 minutes.

    python benchmarks/gpu.py --output outputs/benchmarks/gpu.json [--full] [--repeats 5] [--batch 32]

Lengths and models are those of `benchmarks/pair.py`, here with bfloat16 weights in batches of 32. Ways: padded, packed
(sdpa, one call for each row), packed with FlashAttention's kernels for rows of different lengths where
`flash_attn` is installed, and padded with torch.compile. A way that fails is named with its error. Tokens are those
that are no padding; MFU is the useful share of what a bfloat16 matrix product reaches in the same run. *Segments* is
attention alone: one call of sdpa for each row, one over a nested (jagged) tensor, flex attention with a mask by row.
*Fine-tuning* trains a small model with `EmoBertTrainer` in bf16 and fp16 on rows whose label is in their text.

`--device cpu --tiny` tries the program.
"""

from __future__ import annotations

import argparse
import gc
import importlib.util
import multiprocessing
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from typing import Any

import torch
from pair_model import Batch, draw_lengths, make_batches, pair_config, useful_flops
from report import argument_parser, parse_arguments, report
from torch.nn.attention.flex_attention import create_block_mask, flex_attention
from torch.nn.functional import scaled_dot_product_attention
from torch.nn.utils.rnn import pad_sequence
from transformers import RobertaConfig

from configuration_emo import EmoBertConfig
from modeling_emo import EmoBertForSequenceClassification, EmoBertTrainer, EmoBertTrainingArguments


Result = dict[str, Any]


def main(given: Sequence[str] | None = None) -> None:
    parser = argument_parser(__doc__, repeats=5)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--batch", type=int, default=32, help="rows")
    parser.add_argument("--full", dest="size", action="store_const", const="full", help="all layers: 465 M weights")
    parser.add_argument("--tiny", dest="size", action="store_const", const="tiny", help="to try this program")
    parser.add_argument("--steps", type=int, default=60, help="of fine-tuning")
    parser.set_defaults(size="quarter")
    arguments = parse_arguments(parser, given)
    if arguments.device == "cuda" and not torch.cuda.is_available():
        raise SystemExit("There is no GPU. --device cpu --tiny tries the program without one.")

    results: dict[str, Any] = {"equality": attempt(partial(compare_packed, arguments))}
    peak = product_flops(arguments.device, 256 if arguments.size == "tiny" else 8192)
    results["product_tflops"] = peak / 1e12
    for way in ("padded", "packed", "flash", "compiled"):
        for work in ("inference", "training"):
            results[f"{work}, {way}"] = attempt(partial(measure_way, arguments, way, work, peak))
    results |= measure_segments(arguments)
    for precision in ("bf16", "fp16"):
        results[f"fine-tuning, {precision}"] = attempt(partial(alone, fine_tune, arguments, precision))
    table = []
    for name, result in results.items():
        if isinstance(result, dict):
            columns = ("tokens_per_second", "mfu", "peak_gigabytes", "milliseconds", "difference", "losses")
            table.append([name, *(shown(result.get(column)) for column in columns), result.get("error", "")])
    header = ["what", "tokens/s", "MFU", "GB", "ms", "largest difference", "loss, first and last", "error"]
    report(arguments, results, header=header, rows=table)
    print(f"bfloat16 product: {peak / 1e12:.1f} TFLOP/s")


def shown(value: Any) -> str:
    if value is None:
        return ""
    return ", ".join(map(shown, value)) if isinstance(value, list) else f"{value:.3g}"


def attempt(function: Callable[[], Result]) -> Result:
    """What a function returns, or its error: one way that fails must not end the others."""
    try:
        return function()
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}".splitlines()[0][:150]}
    finally:
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()


def alone(function: Callable[..., Result], *given: Any) -> Result:
    """What a function returns in a fresh process: one process has one precision."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(function, *given).result()


def build(arguments: argparse.Namespace, dtype: torch.dtype) -> EmoBertForSequenceClassification:
    torch.manual_seed(arguments.seed)
    return EmoBertForSequenceClassification(pair_config(arguments.size)).to(arguments.device, dtype)


def lengths_of(arguments: argparse.Namespace, num_rows: int) -> list[tuple[int, int]]:
    """Those of the benchmark of the pair; to try the program a tenth of them."""
    divisor = 10 if arguments.size == "tiny" else 1
    return [(speech // divisor, max(3, text // divisor)) for speech, text in draw_lengths(num_rows, arguments.seed)]


def batch_of(arguments: argparse.Namespace, lengths: list[tuple[int, int]]) -> Batch:
    """All rows as one batch, with labels that do not matter."""
    parts = make_batches(lengths)
    rows: dict[str, list[torch.Tensor]] = {}
    for part in parts:
        mask_of = {"input_ids": "attention_mask", "speech_input_ids": "speech_attention_mask"}
        for name, mask in mask_of.items():
            kept = [ids[valid.bool()] for ids, valid in zip(part[name], part[mask], strict=True)]
            rows.setdefault(name, []).extend(kept)
            rows.setdefault(mask, []).extend(torch.ones_like(ids) for ids in kept)
    padding = {"input_ids": 1, "speech_input_ids": 1, "attention_mask": 0, "speech_attention_mask": 0}
    batch = {name: pad_sequence(rows[name], True, value) for name, value in padding.items()}
    batch["labels"] = torch.arange(len(lengths)) % 4
    return {name: tensor.to(arguments.device) for name, tensor in batch.items()}


def compare_packed(arguments: argparse.Namespace) -> Result:
    """Packed against padded: the largest difference of logits in float32, and of gradients by their largest."""
    model = build(arguments, torch.float32).eval()
    batch = batch_of(arguments, lengths_of(arguments, 8))
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    outputs = []
    for packing in (True, False):
        model.config.packing = packing
        output = model(**batch)
        outputs.append((output.logits, torch.autograd.grad(output.loss, weights, materialize_grads=True)))
    (packed, own), (padded, others) = outputs
    scale = max(gradient.abs().max().item() for gradient in others)
    differences = [(one - other).abs().max().item() / scale for one, other in zip(own, others, strict=True)]
    return {"difference": [(packed - padded).abs().max().item(), max(differences)]}


def product_flops(device: str, size: int) -> float:
    """FLOP/s of a bfloat16 matrix product."""
    a, b = (torch.randn(size, size, device=device, dtype=torch.bfloat16) for _ in range(2))
    return 2 * size**3 / min(seconds_of(lambda: a @ b, device, 10))


def seconds_of(function: Callable[[], Any], device: str, repeats: int) -> list[float]:
    """Seconds of each call, after two that are not timed."""
    seconds = []
    for index in range(repeats + 2):
        wait(device)
        start = time.perf_counter()
        function()
        wait(device)
        if index >= 2:
            seconds.append(time.perf_counter() - start)
    return seconds


def wait(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()


def measure_way(arguments: argparse.Namespace, way: str, work: str, peak: float) -> Result:
    """Speed and memory of one way."""
    if way == "compiled" and arguments.device == "cpu":
        return {"error": "not tried on CPUs"}
    if way == "flash" and importlib.util.find_spec("flash_attn") is None:
        return {"error": "flash_attn is not installed"}
    lengths = lengths_of(arguments, arguments.batch)
    batch = batch_of(arguments, lengths)
    model = build(arguments, torch.bfloat16).train(work == "training")
    model.config.packing = way in ("packed", "flash")
    if way == "flash":
        for encoder in (model.emobert.text_encoder, model.emobert.speech_encoder):
            encoder.set_attn_implementation("flash_attention_2")
    run = torch.compile(model) if way == "compiled" else model
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-8, fused=True)

    def infer() -> None:
        with torch.inference_mode():
            run(**batch)

    def train() -> None:
        run(**batch).loss.backward()
        optimizer.step()
        optimizer.zero_grad()

    if arguments.device == "cuda":
        torch.cuda.reset_peak_memory_stats()
    seconds = seconds_of(train if work == "training" else infer, arguments.device, arguments.repeats)
    median = statistics.median(seconds)
    flops = (3 if work == "training" else 1) * sum(useful_flops(model.config, *pair) for pair in lengths)
    result: Result = {"seconds": seconds, "milliseconds": median * 1000, "mfu": flops / median / peak}
    result["tokens_per_second"] = sum(map(sum, lengths)) / median
    if arguments.device == "cuda":
        result["peak_gigabytes"] = torch.cuda.max_memory_allocated() / 1e9
    return result


def measure_segments(arguments: argparse.Namespace) -> dict[str, Result]:
    """Attention of rows that lie one behind the other, in three ways, against the first; with a backward on a GPU."""
    device = arguments.device
    dtype = torch.bfloat16 if device == "cuda" else torch.float32
    lengths = [speech for speech, _ in lengths_of(arguments, arguments.batch)]
    total = sum(lengths)
    query, key, value = (
        torch.randn(1, 12, total, 64, device=device, dtype=dtype, requires_grad=device != "cpu") for _ in range(3)
    )
    ends = torch.tensor([0, *torch.tensor(lengths).cumsum(0).tolist()], device=device)
    rows = torch.repeat_interleave(torch.arange(len(lengths), device=device), torch.tensor(lengths, device=device))

    def one_by_one() -> torch.Tensor:
        parts = (states.split(lengths, dim=2) for states in (query, key, value))
        return torch.cat([scaled_dot_product_attention(*row) for row in zip(*parts, strict=True)], dim=2)

    def nested() -> torch.Tensor:
        jagged = [
            torch.nested.nested_tensor_from_jagged(states[0].transpose(0, 1).contiguous(), ends).transpose(1, 2)
            for states in (query, key, value)
        ]
        return scaled_dot_product_attention(*jagged).transpose(1, 2).values().transpose(0, 1)[None]

    block_mask = create_block_mask(lambda b, h, i, j: rows[i] == rows[j], None, None, total, total, device=device)
    compiled = torch.compile(flex_attention) if device == "cuda" else flex_attention

    def flex() -> torch.Tensor:
        return compiled(query, key, value, block_mask=block_mask)

    expected = one_by_one().detach().float()

    def measure(function: Callable[[], torch.Tensor]) -> Result:
        difference = (function().detach().float() - expected).abs().max().item()
        run = function if device == "cpu" else lambda: function().sum().backward()
        seconds = seconds_of(run, device, arguments.repeats)
        return {"seconds": seconds, "milliseconds": statistics.median(seconds) * 1000, "difference": difference}

    ways = {"one by one": one_by_one, "nested": nested, "flex": flex}
    return {f"segments, {name}": attempt(partial(measure, function)) for name, function in ways.items()}


def fine_tune(arguments: argparse.Namespace, precision: str) -> Result:
    """The losses of the first and the last steps of a short training in mixed precision."""
    torch.set_num_threads(arguments.threads)
    sizes = {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 128}
    text, speech = (RobertaConfig(vocab_size=60, max_position_embeddings=130, **sizes) for _ in range(2))
    torch.manual_seed(arguments.seed)
    model = EmoBertForSequenceClassification(EmoBertConfig.from_text_speech_configs(text, speech, num_labels=4))
    rows = []
    for _ in range(256):
        length, speech_length = (int(torch.randint(3, 100, ())) for _ in range(2))
        ids = torch.randint(10, 60, (length,))
        label = int(torch.randint(4, ()))
        ids[1 + int(torch.randint(length - 1, ()))] = 4 + label
        rows.append({"input_ids": ids, "speech_input_ids": torch.randint(10, 60, (speech_length,)), "labels": label})

    def collate(chosen: list[dict[str, Any]]) -> Batch:
        batch = {}
        for name, mask in (("input_ids", "attention_mask"), ("speech_input_ids", "speech_attention_mask")):
            batch[name] = pad_sequence([row[name] for row in chosen], True, 1)
            batch[mask] = pad_sequence([torch.ones_like(row[name]) for row in chosen], True, 0)
        return {**batch, "labels": torch.tensor([row["labels"] for row in chosen])}

    with tempfile.TemporaryDirectory() as folder:
        args = EmoBertTrainingArguments(
            output_dir=folder,
            max_steps=arguments.steps,
            per_device_train_batch_size=16,
            learning_rate=2e-3,
            logging_steps=max(1, arguments.steps // 6),
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
            use_cpu=arguments.device == "cpu",
            bf16=precision == "bf16",
            fp16=precision == "fp16",
        )
        trainer = EmoBertTrainer(model=model, args=args, data_collator=collate, train_dataset=rows)
        trainer.train()
    losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    return {"losses": [losses[0], losses[-1]]}


if __name__ == "__main__":
    main()
