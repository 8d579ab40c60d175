"""What importing costs: CPU seconds of fresh processes, against PyTorch and Transformers alone.

    python benchmarks/start.py --output outputs/benchmarks/start.json

Each import runs in several processes, in turn with the others. A row is the median of their CPU time (user and
system, start of Python included); `ratio` is the median over rounds of an import's time over that of the first row.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from statistics import median


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


def measure(rounds: int) -> list[dict]:
    """Rows of the table; the first import of each warms the disk's cache and is not counted."""
    seconds: dict[str, list[float]] = {name: [] for name in IMPORTS}
    for index in range(rounds + 1):
        for name, script in IMPORTS.items():
            elapsed = cpu_seconds(script)
            if index > 0:
                seconds[name].append(elapsed)
    alone = next(iter(seconds.values()))
    return [
        {
            "import": name,
            "cpu_seconds": median(times),
            "ratio": median(own / base for own, base in zip(times, alone, strict=True)),
        }
        for name, times in seconds.items()
    ]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="counted processes per import")
    parser.add_argument("--output", type=Path, help="JSON file to write")
    arguments = parser.parse_args()

    rows = measure(arguments.rounds)
    print("| import | CPU s | ratio |\n|---|---|---|")
    for row in rows:
        print(f"| {row['import']} | {row['cpu_seconds']:.2f} | {row['ratio']:.2f} |")
    if arguments.output is not None:
        versions = {name: version(name) for name in ("torch", "transformers")}
        facts = {"python": platform.python_version(), **versions, "cpus": os.cpu_count()}
        arguments.output.parent.mkdir(parents=True, exist_ok=True)
        arguments.output.write_text(json.dumps({**facts, "rounds": arguments.rounds, "rows": rows}, indent=2) + "\n")


if __name__ == "__main__":
    main()
