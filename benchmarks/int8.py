"""What int8 costs and gains: a trained model in float32 and in int8, by PyTorch and by ONNX Runtime, on a CPU.

    python benchmarks/int8.py --model outputs/demo --data_dir outputs/data --output outputs/benchmarks/int8.json

Every backend predicts the whole split. Each batch goes through all of them, one right after the other in changing
order, so that whatever else the machine does meets them alike. The first batches warm up and are not timed. A speed is
the median over batches of the time of PyTorch's float32 (or of the same runtime's) over the backend's own.
"""

import time
from collections.abc import Callable
from copy import deepcopy
from statistics import median
from tempfile import TemporaryDirectory

import numpy as np
import torch
from report import argument_parser, parse_arguments, report
from torch.utils.data import DataLoader

from modeling_emo import (
    QUANTIZED_PARTS,
    EmoBertForSequenceClassification,
    EmoBertOnnxModel,
    export_onnx,
    metric_function_for,
    quantize_int8,
    quantize_onnx_int8,
)
from preprocess import EmoBertDataCollator, EmoBertProcessor, load_prepared


REFERENCE = "PyTorch float32"
# Whose speed each backend is compared with besides the reference: its own runtime in float32.
OWN_FLOAT = dict.fromkeys(("ONNX Runtime float32", "ONNX Runtime int8"), "ONNX Runtime float32")
WARM_UP_BATCHES = 3


def torchao_int8(model: EmoBertForSequenceClassification) -> EmoBertForSequenceClassification:
    """torchao's dynamic int8 of the same layers as [`quantize_int8`], without compilation."""
    from torchao.quantization import Int8DynamicActivationInt8WeightConfig, quantize_

    quantized = deepcopy(model)
    for part in QUANTIZED_PARTS:
        quantize_(getattr(quantized.emobert, part), Int8DynamicActivationInt8WeightConfig())
    return quantized


def make_backends(model: EmoBertForSequenceClassification, folder: str, num_threads: int) -> dict[str, Callable]:
    """All that is compared, by name; ONNX files are written into the folder."""
    path = export_onnx(model, folder)
    int8_path = quantize_onnx_int8(path)
    backends: dict[str, Callable] = {
        REFERENCE: model,
        "PyTorch int8": quantize_int8(model),
        "PyTorch int8, text feed-forward too": quantize_int8(model, text_feed_forward=True),
    }
    try:
        backends["torchao int8"] = torchao_int8(model)
    except ImportError:
        print("torchao is not installed: left out.")
    backends["ONNX Runtime float32"] = EmoBertOnnxModel.from_pretrained(folder, num_threads=num_threads)
    backends["ONNX Runtime int8"] = EmoBertOnnxModel.from_pretrained(
        folder, file_name=int8_path.name, num_threads=num_threads
    )
    return backends


@torch.inference_mode()
def run_interleaved(backends: dict[str, Callable], batches: DataLoader) -> tuple[dict, dict, np.ndarray]:
    """Logits `(utterances, num_labels[, 2])` and seconds per timed batch of each backend, and the labels."""
    logits: dict[str, list] = {name: [] for name in backends}
    seconds: dict[str, list] = {name: [] for name in backends}
    labels = []
    names = list(backends)
    for index, batch in enumerate(batches):
        labels.append(batch.pop("labels"))
        for name in names[index % len(names) :] + names[: index % len(names)]:
            start = time.perf_counter()
            output = backends[name](**batch).logits
            elapsed = time.perf_counter() - start
            logits[name].append(output.numpy())
            if index >= WARM_UP_BATCHES:
                seconds[name].append(elapsed)
    return {name: np.concatenate(rows) for name, rows in logits.items()}, seconds, torch.cat(labels).numpy()


def speed(seconds: dict[str, list[float]], name: str, reference: str) -> float:
    """How many times faster than the reference, the median over batches."""
    return median(slow / own for slow, own in zip(seconds[reference], seconds[name], strict=True))


def main():
    parser = argument_parser(__doc__)
    parser.add_argument("--model", default="outputs/demo", help="folder of a trained classifier")
    parser.add_argument("--data_dir", default="outputs/data", help="prepared data")
    parser.add_argument("--split", default="test")
    parser.add_argument("--task", default="spoken_sentiment", help="set of metrics")
    parser.add_argument("--batch_size", type=int, default=8)
    parser.set_defaults(threads=1)
    parser.add_argument("--limit", type=int, help="first rows of the split only")
    arguments = parse_arguments(parser)

    model = EmoBertForSequenceClassification.from_pretrained(arguments.model).eval()
    processor = EmoBertProcessor.from_pretrained(arguments.model)
    rows = load_prepared(arguments.data_dir).datasets[arguments.split]
    if arguments.limit is not None:
        rows = rows.select(range(min(arguments.limit, len(rows))))
    collator = EmoBertDataCollator(processor, problem_type=model.config.problem_type)
    batches = DataLoader(rows, batch_size=arguments.batch_size, collate_fn=collator)
    with TemporaryDirectory() as folder:
        backends = make_backends(model, folder, arguments.threads)
        logits, seconds, labels = run_interleaved(backends, batches)

    metric_function = metric_function_for(model.config, arguments.task)
    results = {
        name: {
            "metrics": metric_function(logits[name], labels),
            "rms_difference": float(np.square(logits[name] - logits[REFERENCE]).mean() ** 0.5),
            "largest_difference": float(np.abs(logits[name] - logits[REFERENCE]).max()),
            "median_ms_per_batch": 1000 * median(seconds[name]),
            "speed": speed(seconds, name, REFERENCE),
            "speed_of_own_float32": speed(seconds, name, OWN_FLOAT.get(name, REFERENCE)),
        }
        for name in backends
    }
    columns = list(results[REFERENCE]["metrics"])
    print(f"{len(rows)} rows in batches of {arguments.batch_size}, {arguments.threads} thread(s)")
    header = ["backend", *columns, "rms difference", "largest", "ms per batch", "speed", "speed of own float32"]
    table = [
        [
            name,
            *(f"{result['metrics'][column]:.4f}" for column in columns),
            *(f"{result[of]:.1e}" for of in ("rms_difference", "largest_difference")),
            f"{result['median_ms_per_batch']:.1f}",
            *(f"{result[of]:.2f}" for of in ("speed", "speed_of_own_float32")),
        ]
        for name, result in results.items()
    ]
    report(arguments, results, header=header, rows=table, utterances=len(rows))


if __name__ == "__main__":
    main()
