"""How the server is doing, in the text format of Prometheus."""

import threading
import time
from bisect import bisect_left
from collections.abc import Iterator
from contextlib import contextmanager


# Upper ends of the histogram's steps, in seconds.
STEPS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
_HELP = {
    "requests_total": "Requests to POST /predict that were answered, whatever the answer.",
    "failures_total": "Of these, those that could not be predicted.",
    "refused_total": "Requests and streams turned away because the server was busy.",
    "in_flight": "Requests to POST /predict that are being worked on.",
    "streams": "Open connections of /stream.",
    "streams_total": "Connections of /stream since the start.",
    "stream_events_total": "Segments predicted of streams.",
    "stream_audio_seconds_total": "Seconds of sound that came through streams.",
}


class Counters:
    """Counts from any thread; `text` is what `/metrics` answers."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._values = dict.fromkeys(_HELP, 0.0)
        self._steps = [0] * (len(STEPS) + 1)
        self._seconds = 0.0

    def __getitem__(self, name: str) -> float:
        with self._lock:
            return self._values[name]

    def add(self, name: str, amount: float = 1) -> None:
        """Adds to one of the counts."""
        with self._lock:
            self._values[name] += amount

    @contextmanager
    def request(self) -> Iterator[None]:
        """Counts one request, how long it takes, and whether it fails with an exception."""
        began = time.perf_counter()
        self.add("in_flight")
        try:
            yield
        except BaseException:
            self.add("failures_total")
            raise
        finally:
            seconds = time.perf_counter() - began
            with self._lock:
                self._values["in_flight"] -= 1
                self._values["requests_total"] += 1
                self._steps[bisect_left(STEPS, seconds)] += 1
                self._seconds += seconds

    def text(self) -> str:
        """All counts, version 0.0.4 of the format."""
        with self._lock:
            values, steps, total = dict(self._values), list(self._steps), self._seconds
        lines = []
        for name, value in values.items():
            kind = "counter" if name.endswith("_total") else "gauge"
            lines += [f"# HELP emobert_{name} {_HELP[name]}", f"# TYPE emobert_{name} {kind}"]
            lines.append(f"emobert_{name} {value:g}")
        lines += ["# HELP emobert_request_seconds How long requests to POST /predict took."]
        lines += ["# TYPE emobert_request_seconds histogram"]
        below = 0
        for end, count in zip((*(f"{step:g}" for step in STEPS), "+Inf"), steps, strict=True):
            below += count
            lines.append(f'emobert_request_seconds_bucket{{le="{end}"}} {below}')
        lines += [f"emobert_request_seconds_sum {total:g}", f"emobert_request_seconds_count {below}"]
        return "\n".join(lines) + "\n"
