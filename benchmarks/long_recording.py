"""Memory and time of `examples/predict.py` by the length of the recording.

    make demo
    python benchmarks/long_recording.py --model outputs/demo --audio outputs/corpora/spoken_sentiment \
        --output outputs/benchmarks/long_recording.json

The recordings are a folder's files played one after the other (stereo, 44,100 Hz, 16 bit). Each length runs in a
process of its own, whose peak resident memory the system reports.
"""

import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import soundfile as sf
import soxr
from report import argument_parser, parse_arguments, report

from preprocess import find_recordings, load_audio


RATE = 44_100
PREDICT = Path(__file__).resolve().parent.parent / "examples" / "predict.py"


def write_recording(path: Path, seconds: float, sounds: list[str]) -> None:
    """A recording of a given length, `sounds` one after the other and from the first again."""
    remaining = round(seconds * RATE)
    with sf.SoundFile(path, "w", RATE, 2) as file:
        for name in itertools.cycle(sounds):
            sound = soxr.resample(load_audio(name), 16_000, RATE)[:remaining]
            file.write(np.stack([sound, sound], axis=1))
            remaining -= len(sound)
            if remaining == 0:
                return


def measure(model: str, recording: Path, options: list[str]) -> dict[str, float]:
    """Seconds and peak memory, in bytes, of predicting a recording."""
    command = [sys.executable, str(PREDICT), "--model", model, "--audio", str(recording), *options]
    start = time.perf_counter()
    process = subprocess.Popen([*command, "--output", str(recording.with_suffix(".jsonl"))], stderr=subprocess.PIPE)
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        raise RuntimeError(process.stderr.read().decode() if process.stderr else f"predict.py ended with {status}")
    chunks = json.loads(recording.with_suffix(".jsonl").read_text())["chunks"]
    return {
        "seconds": time.perf_counter() - start,
        "peak_bytes": usage.ru_maxrss * 1024,
        "chunks": len(chunks),
        "predicted_until_s": chunks[-1]["timestamp"][1],
    }


def main() -> None:
    parser = argument_parser(__doc__)
    parser.add_argument("--model", required=True, help="folder or Hub id of a trained model")
    parser.add_argument("--audio", required=True, help="folder of recordings to join")
    parser.add_argument("--minutes", type=float, nargs="+", default=[1, 10, 60])
    parser.add_argument("--chunk_length_s", type=float, default=10.0)
    parser.add_argument("--batch_size", type=int, default=4)
    arguments = parse_arguments(parser)

    sounds = [recording["audio"] for recording in find_recordings([arguments.audio])]
    options = ["--chunk_length_s", str(arguments.chunk_length_s), "--batch_size", str(arguments.batch_size)]
    results, rows = [], []
    for minutes in arguments.minutes:
        with tempfile.TemporaryDirectory() as folder:
            recording = Path(folder) / "recording.wav"
            write_recording(recording, minutes * 60, sounds)
            result = {"minutes": minutes, **measure(arguments.model, recording, options)}
        results.append(result)
        numbers = [f"{result['seconds']:.1f}", f"{minutes * 60 / result['seconds']:.1f}"]
        rows.append([f"{minutes:g}", result["chunks"], *numbers, f"{result['peak_bytes'] / 1e6:.0f}"])
    header = ["minutes", "chunks", "seconds", "x real time", "peak memory, MB"]
    report(arguments, results, header=header, rows=rows)


if __name__ == "__main__":
    main()
