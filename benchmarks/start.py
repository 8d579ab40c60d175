"""What importing costs: CPU seconds of fresh processes, against PyTorch and Transformers alone.

    python benchmarks/start.py --output outputs/benchmarks/start.json

Each import runs in several processes, in turn with the others. A row is the median of their CPU time (user and
system, start of Python included); `ratio` is the median over rounds of an import's time over that of the first row.
"""

import subprocess
import sys
from pathlib import Path
from statistics import median

from report import argument_parser, parse_arguments, report


ROOT = Path(__file__).resolve().parent.parent
ALONE = "import torch, transformers; from transformers import PreTrainedModel"
IMPORTS = {
    "PyTorch and Transformers": ALONE,
    "the packages": f"{ALONE}; import modeling_emo, preprocess",
    "and the trainer": f"{ALONE}; import preprocess; from modeling_emo import EmoBertTrainer",
    "and every public name": f"{ALONE}; from modeling_emo import *; from preprocess import *",
}


def cpu_seconds(script: str) -> float:
    """CPU time of a fresh process that runs the script, in seconds."""
    script += "; import time; print(time.process_time())"
    run = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    return float(run.stdout)


def measure(rounds: int) -> dict[str, dict[str, float]]:
    """CPU seconds and ratio of each import; its first process warms the disk's cache and is not counted."""
    seconds: dict[str, list[float]] = {name: [] for name in IMPORTS}
    for index in range(rounds + 1):
        for name, script in IMPORTS.items():
            elapsed = cpu_seconds(script)
            if index > 0:
                seconds[name].append(elapsed)
    alone = next(iter(seconds.values()))
    return {
        name: {
            "cpu_seconds": median(times),
            "ratio": median(own / base for own, base in zip(times, alone, strict=True)),
        }
        for name, times in seconds.items()
    }


def main() -> None:
    arguments = parse_arguments(argument_parser(__doc__, repeats=5))
    results = measure(arguments.repeats)
    rows = [[name, f"{row['cpu_seconds']:.2f}", f"{row['ratio']:.2f}"] for name, row in results.items()]
    report(arguments, results, header=["import", "CPU s", "ratio"], rows=rows)


if __name__ == "__main__":
    main()
