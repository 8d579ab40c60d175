"""Load on the interface for programs of examples/gradio_demo: batches against one by one, and every answer checked.

    python benchmarks/serving.py --model outputs/demo --audio_dir outputs/corpora/spoken_sentiment \\
        --output outputs/benchmarks/serving.json

The app runs as a process of its own on 127.0.0.1, once with batches and once with `--max_batch_size 1`, each called
through Gradio's client and by plain HTTP (`POST /predict`). Clients are threads that each send one request after the
other, all with different inputs: a recording with a text, a recording, a text, in turn. Each answer is compared with a
single call of the pipeline.
"""

import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path

import httpx
import numpy as np
import soundfile as sf
from gradio_client import Client, handle_file
from report import argument_parser, parse_arguments, report
from transformers import pipeline

import modeling_emo  # noqa: F401  registers the model and the pipeline
import preprocess  # noqa: F401  registers the processor


ROOT = Path(__file__).resolve().parent.parent
APP = ROOT / "examples" / "gradio_demo" / "app.py"
START_SECONDS = 300
TOLERANCE = 1e-5
WORDS = ("thank", "you", "so", "much", "this", "was", "really", "bad", "day", "love", "not", "at", "all", "never")


def make_utterances(count: int, audio_dir: Path | None, folder: Path, seed: int) -> list[dict]:
    """Utterances that all differ: a recording with a text, a recording, a text, in turn.

    Args:
        count (`int`): how many.
        audio_dir (`Path`, *optional*): a folder with wav files, taken in order; noise of 1 to 6 s if left out.
        folder (`Path`): where the noise is written.
        seed (`int`): of the noise and the texts.
    """
    random = np.random.default_rng(seed)
    recordings = [] if audio_dir is None else sorted(audio_dir.rglob("*.wav"))
    utterances = []
    for index in range(count):
        path = recordings[index % len(recordings)] if recordings else folder / f"{index}.wav"
        if not recordings:
            sf.write(path, random.uniform(-0.3, 0.3, int(16_000 * random.uniform(1, 6))), 16_000)
        text = f"{index} {' '.join(random.choice(WORDS, random.integers(2, 25)))}"
        kept = (("audio", "text"), ("audio",), ("text",))[index % 3]
        utterances.append({name: value for name, value in (("audio", str(path)), ("text", text)) if name in kept})
    return utterances


@contextmanager
def running_app(model: str, max_batch_size: int, folder: Path):
    """The app in a process of its own; gives its address and the number of the process."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    command = [sys.executable, str(APP), "--model", model, "--server_port", str(port)]
    command += ["--max_batch_size", str(max_batch_size), "--max_queue_size", "100000"]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])),
        "GRADIO_TEMP_DIR": str(folder / "uploads"),
    }
    url = f"http://127.0.0.1:{port}"
    with (folder / "server.log").open("w") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT)
    try:
        deadline = time.monotonic() + START_SECONDS
        while True:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"The app did not start:\n{(folder / 'server.log').read_text()[-2000:]}")
            try:
                httpx.get(url, timeout=5)
                break
            except httpx.TransportError:
                time.sleep(0.5)
        yield url, process.pid
    finally:
        process.terminate()
        process.wait(30)


def gradio_sender(url: str) -> Callable[[dict], dict]:
    """Sends one request through a client of Gradio's."""
    # Without certificates, whose loading for every request would cost the clients more than the server's work.
    client = Client(url, verbose=False, ssl_verify=False)

    def send(utterance: dict) -> dict:
        request = dict(utterance)
        if "audio" in request:
            request["audio"] = handle_file(request["audio"])
        return client.predict(request, api_name="/predict")

    return send


def http_sender(url: str) -> Callable[[dict], dict]:
    """Sends one request as a form."""
    client = httpx.Client(timeout=START_SECONDS, verify=False)

    def send(utterance: dict) -> dict:
        parts = [("text", (None, utterance["text"]))] if "text" in utterance else []
        if "audio" in utterance:
            parts.append(("audio", (Path(utterance["audio"]).name, Path(utterance["audio"]).read_bytes())))
        return client.post(f"{url}/predict", files=parts).json()

    return send


SENDERS = {"Gradio": gradio_sender, "HTTP": http_sender}


def load(
    url: str, utterances: list[dict], num_clients: int, make_sender: Callable[[str], Callable[[dict], dict]]
) -> tuple[list[dict], list[float], float]:
    """Sends all utterances, as many at a time as there are clients.

    Returns:
        The answers in the order of the utterances, the seconds that each took (upload included), and the seconds
        of all.
    """
    answers: list[dict] = [{} for _ in utterances]
    seconds = [float("nan")] * len(utterances)
    senders = [make_sender(url) for _ in range(num_clients)]
    start = threading.Barrier(num_clients + 1)

    def work(number: int) -> None:
        start.wait()
        for index in range(number, len(utterances), num_clients):
            began = time.perf_counter()
            answers[index] = senders[number](utterances[index])
            seconds[index] = time.perf_counter() - began

    threads = [threading.Thread(target=work, args=(number,)) for number in range(num_clients)]
    for thread in threads:
        thread.start()
    start.wait()
    began = time.perf_counter()
    for thread in threads:
        thread.join()
    return answers, seconds, time.perf_counter() - began


def largest_difference(answers: list[dict], expected: list[dict]) -> float:
    """Between what was answered and single calls.

    Raises:
        RuntimeError: an answer is missing or an error.
    """
    lost = [index for index, answer in enumerate(answers) if "predictions" not in answer]
    if lost:
        raise RuntimeError(f"{len(lost)} of {len(answers)} answers are missing, the first: {answers[lost[0]]}.")
    differences = [0.0]
    for answer, alone in zip(answers, expected, strict=True):
        scores = {entry["label"]: entry["score"] for entry in answer["predictions"]}
        differences += [abs(scores[entry["label"]] - entry["score"]) for entry in alone["predictions"]]
    return max(differences)


def counted(url: str, interface: str) -> tuple[float, float]:
    """Requests answered so far, and batches of them (not counted of plain HTTP)."""
    lines = [line for line in httpx.get(f"{url}/metrics").text.splitlines() if line[0] != "#"]
    counts = {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines)}
    if interface == "HTTP":
        return counts["emobert_requests_total"], float("nan")
    return counts["emobert_gradio_requests_total"], counts["emobert_gradio_batches_total"]


def measure(
    url: str, interface: str, max_batch_size: int, utterances: list[dict], expected: list[dict], num_clients: int
) -> dict:
    """The app under load through one of `SENDERS`."""
    load(url, utterances[:num_clients], num_clients, SENDERS[interface])  # what is slow only once
    before = counted(url, interface)
    answers, seconds, total = load(url, utterances, num_clients, SENDERS[interface])
    requests, batches = (late - early for early, late in zip(before, counted(url, interface), strict=True))
    if requests != len(utterances):
        raise RuntimeError(f"{len(utterances)} requests were sent, {requests} were answered.")
    difference = largest_difference(answers, expected)
    if not difference <= TOLERANCE:
        raise RuntimeError(f"Answers differ from single calls by up to {difference:.1e}.")
    p50, p95, p99 = np.percentile(seconds, [50, 95, 99])
    return {
        "interface": interface,
        "max_batch_size": max_batch_size,
        "requests": requests,
        "mean_batch_size": requests / batches,
        "requests_per_second": requests / total,
        "latency_p50_s": p50,
        "latency_p95_s": p95,
        "latency_p99_s": p99,
        "latency_mean_s": statistics.fmean(seconds),
        "largest_difference": difference,
    }


def main():
    parser = argument_parser(__doc__)
    parser.add_argument("--model", required=True, help="folder or Hub id of a trained model")
    parser.add_argument("--audio_dir", type=Path, help="folder with wav files; noise of 1 to 6 s if left out")
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--requests", type=int, default=10, help="of each client")
    parser.add_argument("--max_batch_size", type=int, default=16)
    arguments = parse_arguments(parser)

    results, rows = [], []
    with tempfile.TemporaryDirectory() as folder:
        count = arguments.clients * arguments.requests
        utterances = make_utterances(count, arguments.audio_dir, Path(folder), arguments.seed)
        recognise = pipeline("emotion-recognition", model=arguments.model, chunk_length_s=30)
        began = time.perf_counter()
        expected = [recognise(utterance) for utterance in utterances]
        alone = len(utterances) / (time.perf_counter() - began)
        print(f"{len(utterances)} different requests of {arguments.clients} clients; without a server {alone:.1f} / s")
        for max_batch_size in (arguments.max_batch_size, 1):
            with running_app(arguments.model, max_batch_size, Path(folder)) as (url, _):
                for interface in SENDERS:
                    result = measure(url, interface, max_batch_size, utterances, expected, arguments.clients)
                    results.append(result)
                    rates = (f"{result[name]:.1f}" for name in ("mean_batch_size", "requests_per_second"))
                    latencies = (f"{result[f'latency_p{share}_s']:.2f}" for share in (50, 95, 99))
                    rows.append([interface, max_batch_size, *rates, *latencies, f"{result['largest_difference']:.0e}"])
    header = [
        "interface",
        "max batch",
        "mean batch",
        "requests / s",
        "p50, s",
        "p95, s",
        "p99, s",
        "largest difference",
    ]
    report(arguments, results, header=header, rows=rows, pipeline_requests_per_second=alone)


if __name__ == "__main__":
    main()
