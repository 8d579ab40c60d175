"""Live sound over WebSockets: how long after a segment ended its event comes, and what a connection costs in memory.

    python benchmarks/live_streams.py --model outputs/demo --output outputs/benchmarks/live_streams.json

The app runs as a process of its own on 127.0.0.1. Each client sends bursts of 2 s with pauses of 1.5 s in real time,
100 ms at a time, each beginning at another moment. The latency of an event counts from the moment at which the last
sample of the pause that ends its segment was sent; half a second of pause is part of the method and not of it. Each
answer is compared with the pipeline's over the whole recording.
"""

import json
import statistics
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import psutil
from report import argument_parser, parse_arguments, report
from serving import running_app
from transformers import pipeline
from websockets.sync.client import connect

import modeling_emo  # noqa: F401  registers the model and the pipeline
import preprocess  # noqa: F401  registers the processor


RATE = 16_000
BLOCK_SECONDS = 0.1
BURST_SECONDS, GAP_SECONDS, PAUSE_SECONDS = 2.0, 1.5, 0.5
TOLERANCE = 1e-5


def make_sound(seconds: float, shift: float) -> np.ndarray:
    """Noise in bursts, over little noise."""
    random = np.random.default_rng(round(1000 * shift))
    sound = 0.002 * random.standard_normal(round(seconds * RATE))
    start = 0.3 + shift
    while start + BURST_SECONDS < seconds:
        begin, length = round(start * RATE), round(BURST_SECONDS * RATE)
        sound[begin : begin + length] += 0.2 * random.standard_normal(length)
        start += BURST_SECONDS + GAP_SECONDS
    return sound.astype(np.float32)


def stream(url: str, sound: np.ndarray, said: list[dict], latencies: list[float], together: threading.Barrier) -> None:
    """Sends one sound in real time, and notes what comes back and when."""
    with connect(url.replace("http", "ws") + "/stream") as socket:
        socket.send(json.dumps({"sampling_rate": RATE}))
        socket.recv(timeout=60)
        together.wait()
        began = time.perf_counter()

        def listen() -> None:
            while not said or said[-1]["type"] == "event":
                said.append(json.loads(socket.recv(timeout=120)))
                if said[-1]["type"] == "event":
                    # The block with the end of the pause, less the margin that a segment has at its end.
                    known = said[-1]["timestamp"][1] - 0.1 + PAUSE_SECONDS
                    sent = np.ceil(known / BLOCK_SECONDS - 1e-6) * BLOCK_SECONDS
                    latencies.append(time.perf_counter() - began - sent)

        listener = threading.Thread(target=listen)
        listener.start()
        block = round(BLOCK_SECONDS * RATE)
        for index, begin in enumerate(range(0, len(sound), block)):
            time.sleep(max(0.0, began + (index + 1) * BLOCK_SECONDS - time.perf_counter()))
            socket.send(sound[begin : begin + block].tobytes())
        socket.send(json.dumps({"type": "close"}))
        listener.join()


def largest_difference(said: list[dict], expected: dict) -> float:
    """Between the events of a stream and the pipeline over the whole.

    Raises:
        RuntimeError: there are other segments.
    """
    if not said or said[-1]["type"] != "end":
        raise RuntimeError(f"A stream ended with {said[-1:]}.")
    spans = [event["timestamp"] for event in said[:-1]]
    if spans != [list(chunk["timestamp"]) for chunk in expected["chunks"]]:
        raise RuntimeError(f"{len(spans)} events came, of {len(expected['chunks'])} segments, or at other times.")
    differences = [0.0]
    for event, chunk in zip(said, expected["chunks"], strict=False):
        scores = {entry["label"]: entry["score"] for entry in event["predictions"]}
        differences += [abs(scores[entry["label"]] - entry["score"]) for entry in chunk["predictions"]]
    return max(differences)


def main():
    parser = argument_parser(__doc__)
    parser.add_argument("--model", required=True, help="folder or Hub id of a trained model")
    parser.add_argument("--connections", type=int, nargs="+", default=[1, 16])
    parser.add_argument("--seconds", type=float, default=30.0, help="of sound, of each connection")
    arguments = parse_arguments(parser)

    recognise = pipeline("emotion-recognition", model=arguments.model)
    options = {"segmentation": "voice", "voice_detector": "causal", "chunk_length_s": 10.0}
    results, rows = [], []
    with tempfile.TemporaryDirectory() as folder, running_app(arguments.model, 16, Path(folder)) as (url, number):
        process, first = psutil.Process(number), None
        for count in arguments.connections:
            sounds = [make_sound(arguments.seconds, index * 3.0 / count) for index in range(count)]
            said: list[list[dict]] = [[] for _ in sounds]
            latencies: list[float] = []
            together = threading.Barrier(count)
            threads = [
                threading.Thread(target=stream, args=(url, sound, heard, latencies, together))
                for sound, heard in zip(sounds, said, strict=True)
            ]
            for thread in threads:
                thread.start()
            peak = 0
            while any(thread.is_alive() for thread in threads):
                peak = max(peak, process.memory_info().rss)
                time.sleep(0.2)
            first = first or (count, peak)
            differences = [
                largest_difference(heard, recognise((sound, RATE), **options))
                for sound, heard in zip(sounds, said, strict=True)
            ]
            if not max(differences) <= TOLERANCE:
                raise RuntimeError(f"Events differ from the whole recording by up to {max(differences):.1e}.")
            p50, p95 = np.percentile(latencies, [50, 95])
            more = (peak - first[1]) / max(1, count - first[0])
            result = {
                "connections": count,
                "events": len(latencies),
                "latency_p50_s": p50,
                "latency_p95_s": p95,
                "latency_max_s": max(latencies),
                "latency_mean_s": statistics.fmean(latencies),
                "peak_memory_bytes": peak,
                "bytes_of_a_further_connection": more,
                "largest_difference": max(differences),
            }
            results.append(result)
            of_each = "" if count == first[0] else f"{more / 1e6:.1f}"
            numbers = (f"{value:.2f}" for value in (p50, p95, max(latencies)))
            rows.append([count, len(latencies), *numbers, f"{peak / 1e6:.0f}", of_each, f"{max(differences):.0e}"])
    header = ["connections", "events", "p50, s", "p95, s", "longest, s", "peak, MB", "of each further one, MB"]
    report(arguments, results, header=[*header, "largest difference"], rows=rows)


if __name__ == "__main__":
    main()
