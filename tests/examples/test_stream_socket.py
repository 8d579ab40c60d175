"""Live sound over a real WebSocket: the numbers of the whole recording, limits, and nothing left of who went away."""

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager

import httpx
import numpy as np
import pytest

from modeling_emo import EmotionRecognitionPipeline
from tests.examples.gradio_server import free_port
from tests.tiny import tiny_processor, tone
from tests.tiny_models import emobert


pytest.importorskip("gradio", reason="needs gradio: pip install 'emobert[test]'")
client = pytest.importorskip("websockets.sync.client", reason="needs websockets: pip install 'emobert[test]'")
exceptions = pytest.importorskip("websockets.exceptions", reason="needs websockets: pip install 'emobert[test]'")

RATE = 16_000
PATIENCE_SECONDS = 30
MAX_STREAMS = 16


def call(shift=0.0):
    """Three bursts, the second longer than the longest segment."""
    sound = 0.002 * np.random.default_rng(0).standard_normal(round(7 * RATE))
    for start, seconds in ((0.3 + shift, 0.8), (1.8 + shift, 2.9), (5.5 + shift, 0.4)):
        sound[round(start * RATE) : round(start * RATE) + round(seconds * RATE)] += tone(seconds)
    return sound.astype(np.float32)


@pytest.fixture(scope="module")
def recognise():
    return EmotionRecognitionPipeline(model=emobert("moonshine"), processor=tiny_processor(), device=-1)


@pytest.fixture(scope="module")
def service(recognise):
    from commands_emo.serving.service import EmotionService

    return EmotionService(recognise, chunk_length_s=1.5)


@pytest.fixture(scope="module")
def url(service, tmp_path_factory):
    from commands_emo import ServeArguments
    from commands_emo.serving.app import build_app, launch_options

    patch = pytest.MonkeyPatch()
    patch.setenv("GRADIO_TEMP_DIR", str(tmp_path_factory.mktemp("uploads")))
    arguments = ServeArguments(
        model="tiny", server_port=free_port(), max_streams=MAX_STREAMS, max_stream_seconds=20, chunk_length_s=1.5
    )
    built = build_app(service, arguments)
    built.launch(prevent_thread_lock=True, quiet=True, **launch_options(arguments, service))
    yield built.local_url.rstrip("/").removeprefix("http://")
    built.close()
    patch.undo()


@contextmanager
def connect(url, **first):
    with client.connect(f"ws://{url}/stream", open_timeout=PATIENCE_SECONDS) as socket:
        if first:
            socket.send(json.dumps(first))
        yield socket


def receive(socket):
    return json.loads(socket.recv(timeout=PATIENCE_SECONDS))


def streamed(url, sound, block=1_600, pause=0.0, **first):
    """Everything that the server says of this sound."""
    with connect(url, **{"sampling_rate": RATE, **first}) as socket:
        assert receive(socket)["type"] == "ready"
        for begin in range(0, len(sound), block):
            socket.send(sound[begin : begin + block].tobytes())
            time.sleep(pause)
        socket.send(json.dumps({"type": "close"}))
        said = []
        while not said or said[-1]["type"] == "event":
            said.append(receive(socket))
        return said


def values(predictions):
    return {entry["label"]: entry["score"] for entry in predictions}


def assert_is_the_whole(said, recognise, sound, rate=RATE):
    options = {"segmentation": "voice", "voice_detector": "causal", "chunk_length_s": 1.5}
    offline = recognise((sound, rate), **options)
    *events, end = said
    assert [event["timestamp"] for event in events] == [list(chunk["timestamp"]) for chunk in offline["chunks"]]
    assert len(events) == 5
    for event, chunk in zip(events, offline["chunks"], strict=True):
        assert values(event["predictions"]) == pytest.approx(values(chunk["predictions"]), abs=1e-9)
    assert end["type"] == "end" and end["seconds"] == len(sound) / rate
    assert values(end["so_far"]) == pytest.approx(values(offline["predictions"]), abs=1e-9)


def counts(url):
    lines = httpx.get(f"http://{url}/metrics").text.splitlines()
    return {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1]) for line in lines if line[0] != "#"}


def wait_for_none(url):
    deadline = time.monotonic() + PATIENCE_SECONDS
    while counts(url)["emobert_streams"] and time.monotonic() < deadline:
        time.sleep(0.05)
    assert counts(url)["emobert_streams"] == 0


class TestNumbers:
    @pytest.mark.parametrize(("block", "pause"), [(4_001, 0.0), (len(call()), 0.0), (3_200, 0.02)])
    def test_are_those_of_the_whole_recording(self, url, recognise, block, pause):
        assert_is_the_whole(streamed(url, call(), block, pause), recognise, call())

    def test_slower_than_real_time_events_come_as_segments_end(self, url, recognise):
        sound = call()
        with connect(url, sampling_rate=RATE) as socket:
            assert receive(socket)["type"] == "ready"
            # A burst and the pause after it: the event comes before anything else is sent.
            socket.send(sound[: round(1.7 * RATE)].tobytes())
            first = receive(socket)
            time.sleep(2.0)
            socket.send(sound[round(1.7 * RATE) :].tobytes())
            socket.send(json.dumps({"type": "close"}))
            said = [first]
            while said[-1]["type"] == "event":
                said.append(receive(socket))
        assert_is_the_whole(said, recognise, sound)

    def test_of_stereo_integers(self, url, recognise):
        stereo = (np.stack([call(), call(0.05)], axis=1) * 20_000).astype(np.int16)
        said = streamed(url, stereo, format="int16", num_channels=2)
        assert_is_the_whole(said, recognise, stereo)

    def test_of_sixteen_at_once(self, url, recognise):
        before = counts(url)
        sounds = [call(0.01 * index) for index in range(MAX_STREAMS)]
        with ThreadPoolExecutor(MAX_STREAMS) as pool:
            together = threading.Barrier(MAX_STREAMS)

            def one(sound):
                together.wait(PATIENCE_SECONDS)
                return streamed(url, sound, 8_000)

            answers = list(pool.map(one, sounds))
        for said, sound in zip(answers, sounds, strict=True):
            assert_is_the_whole(said, recognise, sound)
        after = counts(url)
        assert after["emobert_stream_events_total"] - before["emobert_stream_events_total"] == 5 * MAX_STREAMS
        heard = after["emobert_stream_audio_seconds_total"] - before["emobert_stream_audio_seconds_total"]
        assert heard == pytest.approx(7 * MAX_STREAMS, rel=1e-3)
        wait_for_none(url)


class TestLimits:
    def test_one_connection_too_many(self, url):
        with ExitStack() as opened:
            for _ in range(MAX_STREAMS):
                socket = opened.enter_context(connect(url, sampling_rate=RATE))
                assert receive(socket)["type"] == "ready"
            with connect(url) as refused:
                assert receive(refused) == {"type": "error", "error": "The server is busy. Try again later."}
                with pytest.raises(exceptions.ConnectionClosed):
                    refused.recv(timeout=PATIENCE_SECONDS)
                assert refused.close_code == 1013
        wait_for_none(url)

    def test_the_longest_duration(self, url):
        with connect(url, sampling_rate=RATE) as socket:
            assert receive(socket) == {"type": "ready", "max_seconds": 20}
            for _ in range(25):
                socket.send(np.zeros(RATE, dtype=np.float32).tobytes())
            assert receive(socket) == {"type": "end", "seconds": 20.0, "so_far": None}

    def test_who_is_silent_is_sent_away(self, url, monkeypatch):
        monkeypatch.setattr("commands_emo.serving.stream_socket.PATIENCE_SECONDS", 0.2)
        with connect(url, sampling_rate=RATE) as socket:
            assert receive(socket)["type"] == "ready"
            assert receive(socket)["error"] == "No sound came. The limit is 0.2 s."
        wait_for_none(url)

    @pytest.mark.parametrize("first", [True, False])
    def test_cut_connections_leave_nothing(self, url, first):
        for _ in range(5):
            with connect(url, **({"sampling_rate": RATE} if first else {})) as socket:
                if first:
                    assert receive(socket)["type"] == "ready"
                    socket.send(call()[: 3 * RATE].tobytes())
                socket.close_socket()  # without a word
        wait_for_none(url)
        assert streamed(url, call())[-1]["type"] == "end"


class TestWhatIsSent:
    @pytest.mark.parametrize(
        ("first", "said"),
        [
            ("no json", "The first message is like"),
            ('{"sampling_rate": true}', "The first message is like"),
            ('{"sampling_rate": 16000, "format": "mp3"}', "The first message is like"),
            ('{"sampling_rate": 12}', "a sampling rate of 12 Hz is none of a sound"),
            ('{"sampling_rate": 16000, "num_channels": 0}', "num_channels must be a number from 1 to 64"),
            (b"\0\0", "The first message is like"),
        ],
    )
    def test_a_wrong_beginning(self, url, first, said):
        with connect(url) as socket:
            socket.send(first)
            assert said in receive(socket)["error"]

    @pytest.mark.parametrize(
        ("message", "said"),
        [
            (b"\0\0\0", "3 bytes are no whole number of samples."),
            (np.array([np.nan], dtype=np.float32).tobytes(), "1 of its samples are NaN or infinite"),
            ("hello", "Send samples as binary messages"),
            (bytes(2**20 + 4), "A message has at most 1,048,576 bytes."),
        ],
    )
    def test_a_wrong_message_ends_it_for_its_sender_alone(self, url, recognise, message, said):
        with connect(url, sampling_rate=RATE) as neighbour, connect(url, sampling_rate=RATE) as socket:
            assert receive(neighbour)["type"] == receive(socket)["type"] == "ready"
            socket.send(message)
            assert said in receive(socket)["error"]
            neighbour.send(call()[: round(1.7 * RATE)].tobytes())
            assert receive(neighbour)["type"] == "event"

    def test_pages_of_other_hosts_are_refused(self, url):
        with client.connect(f"ws://{url}/stream", origin="http://example.org") as socket:
            assert receive(socket)["error"] == "Pages of other hosts may not use this server."
        with client.connect(f"ws://{url}/stream", origin=f"http://{url}") as socket:
            socket.send(json.dumps({"sampling_rate": RATE}))
            assert receive(socket)["type"] == "ready"


def test_a_fault_of_the_model_is_not_told(url, service, monkeypatch):
    monkeypatch.setattr(service, "open_stream", lambda *given: 1 / 0)
    with connect(url, sampling_rate=RATE) as socket:
        assert receive(socket) == {"type": "error", "error": "The stream failed (ZeroDivisionError)."}
    wait_for_none(url)
