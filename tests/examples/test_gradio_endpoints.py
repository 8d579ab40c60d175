"""The interface for programs: batches over all callers, what one of them sends does not reach the others."""

import asyncio
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from modeling_emo import EmotionRecognitionPipeline
from tests.examples.gradio_server import free_port
from tests.tiny import tiny_processor, write_tone
from tests.tiny_models import emobert


gr = pytest.importorskip("gradio", reason="needs gradio: pip install 'emobert[test]'")
gradio_client = pytest.importorskip("gradio_client", reason="needs gradio: pip install 'emobert[test]'")

UPLOADED = {"meta": {"_type": "gradio.FileData"}}
PATIENCE_SECONDS = 30


@pytest.fixture(scope="module")
def recognise():
    return EmotionRecognitionPipeline(model=emobert("moonshine"), processor=tiny_processor(), device=-1)


@pytest.fixture(scope="module")
def service(recognise):
    from commands_emo.serving.service import EmotionService

    return EmotionService(recognise, max_audio_seconds=3.0, max_text_length=100)


@pytest.fixture(scope="module")
def app(service, tmp_path_factory):
    from commands_emo import ServeArguments
    from commands_emo.serving.app import build_app, launch_options

    patch = pytest.MonkeyPatch()
    patch.setenv("GRADIO_TEMP_DIR", str(tmp_path_factory.mktemp("uploads")))
    arguments = ServeArguments(
        model="tiny", server_port=free_port(), max_batch_size=8, max_queue_size=8, keep_files_seconds=3600
    )
    built = build_app(service, arguments)
    built.launch(prevent_thread_lock=True, quiet=True, **launch_options(arguments, service))
    yield built
    built.close()
    patch.undo()


@pytest.fixture(scope="module")
def url(app):
    return app.local_url.rstrip("/")


@pytest.fixture(scope="module")
def client(url):
    return gradio_client.Client(url, verbose=False)


@pytest.fixture(scope="module")
def sounds(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sounds")
    for index in range(4):
        write_tone(folder / f"{index}.wav", 0.3 + 0.2 * index)
    (folder / "corrupt.wav").write_bytes(b"RIFF and nothing else")
    return folder


class Gate:
    """Holds batches until it is opened, at the latest at its end; `sizes` are those of the batches that came."""

    def __init__(self, predict):
        self.predict = predict
        self.opened, self.reached = threading.Event(), threading.Event()
        self.sizes = []

    def __call__(self, requests):
        self.sizes.append(len(requests))
        self.reached.set()
        self.opened.wait(PATIENCE_SECONDS)
        return self.predict(requests)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.opened.set()


@pytest.fixture
def gate(service, monkeypatch):
    gate = Gate(service.predict_batch)
    monkeypatch.setattr(service, "predict_batch", gate)
    return gate


def utterances(sounds):
    """Requests of every kind, and what the pipeline gets for them; None for those that are refused."""
    texts = ("so happy", "what a bad day , i am so sad", "this is it", "how nice")
    for index, text in enumerate(texts):
        path = str(sounds / f"{index}.wav")
        yield {"audio": gradio_client.handle_file(path), "text": text}, {"audio": path, "text": text}
        yield {"audio": gradio_client.handle_file(path)}, {"audio": path}
        yield {"text": text}, {"text": text}
    words = [{"text": "happy", "timestamp": [0.0, 0.3]}, {"text": "day.", "timestamp": [0.3, 0.5]}]
    yield {"words": words}, {"words": words}
    yield {"audio": gradio_client.handle_file(str(sounds / "corrupt.wav"))}, None
    yield {"text": "x" * 101}, None
    yield {}, None


def scores(result):
    return {entry["label"]: pytest.approx(entry["score"], abs=1e-5) for entry in result["predictions"]}


def wait_until(condition):
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.02)


def call(url, data):
    """One call without a client of Gradio's: the HTTP status, and the result where there is one."""
    response = httpx.post(f"{url}/gradio_api/call/predict", json={"data": data}, timeout=PATIENCE_SECONDS)
    if response.status_code != 200:
        return response.status_code, response.json()["detail"]
    events = httpx.get(f"{url}/gradio_api/call/predict/{response.json()['event_id']}", timeout=PATIENCE_SECONDS).text
    name, content = events.strip().splitlines()[-2:]
    return name.removeprefix("event: "), json.loads(content.removeprefix("data: "))


def test_each_caller_gets_what_the_pipeline_gives_alone(client, recognise, service, sounds):
    requests, given = zip(*utterances(sounds), strict=True)
    before = service.counts
    with ThreadPoolExecutor(6) as pool:
        results = list(pool.map(lambda request: client.predict(request, api_name="/predict"), requests))
    for result, utterance in zip(results, given, strict=True):
        if utterance is None:
            assert list(result) == ["error"]
            continue
        expected = recognise(utterance, chunk_length_s=30)
        assert {entry["label"]: entry["score"] for entry in result["predictions"]} == scores(expected)
        assert [chunk["timestamp"] for chunk in result["chunks"]] == [
            list(chunk["timestamp"]) for chunk in expected["chunks"]
        ]
    after = client.predict(api_name="/statistics")
    assert after["requests"] - before["requests"] == len(requests)
    assert after["errors"] - before["errors"] == 3
    assert 1 <= after["batches"] - before["batches"] <= len(requests)


def test_requests_that_wait_are_one_batch_and_more_are_refused(app, url, client, gate, recognise):
    texts = ["i am so happy", "bad day", "", "nice", "sad", "angry", "what is this", "it is a day", "how sad"]
    with ThreadPoolExecutor(len(texts)) as pool, gate:
        first = pool.submit(client.predict, {"text": texts[0]}, api_name="/predict")
        assert gate.reached.wait(PATIENCE_SECONDS)
        others = [pool.submit(client.predict, {"text": text}, api_name="/predict") for text in texts[1:]]
        wait_until(lambda: len(app._queue) == 8)
        assert call(url, [{"text": "one too many"}])[0] == 503
        gate.opened.set()
        results = [job.result(PATIENCE_SECONDS) for job in (first, *others)]
    assert gate.sizes == [1, 8]
    for text, result in zip(texts, results, strict=True):
        if not text:
            assert "neither sound nor text" in result["error"]
        else:
            assert {e["label"]: e["score"] for e in result["predictions"]} == scores(
                {"predictions": recognise({"text": text})}
            )


def test_what_gradio_itself_refuses_does_not_reach_a_batch(app, url, client, gate):
    with ThreadPoolExecutor(4) as pool, gate:
        first = pool.submit(client.predict, {"text": "happy"}, api_name="/predict")
        assert gate.reached.wait(PATIENCE_SECONDS)
        neighbours = [pool.submit(client.predict, {"text": text}, api_name="/predict") for text in ("sad", "nice")]
        wait_until(lambda: len(app._queue) == 2)
        status, message = call(url, [{"audio": {"path": __file__, **UPLOADED}}])
        assert status == 400 and "not uploaded by a user" in message
        status, message = call(url, [{"audio": {"path": "https://example.org/a.wav", **UPLOADED}}])
        assert status == 400 and "Addresses are not fetched" in message
        assert call(url, [])[0] == 400
        assert call(url, [{"audio": {"path": "a.wav", "meta": "none"}}])[0] == 400
        gate.opened.set()
        results = [job.result(PATIENCE_SECONDS) for job in (first, *neighbours)]
    assert all("predictions" in result for result in results) and gate.sizes == [1, 2]


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({"audio": __file__}, "`audio` must be an uploaded file: handle_file"),
        ({"audio": {"path": __file__}}, "paths of the server are not read"),
        ({"audio": "https://example.org/a.wav"}, "`audio` must be an uploaded file"),
        ({"sound": "x"}, "Unknown input sound: send a dict with some of audio, text and words."),
        ({"text": 5}, "`text` must be a text, got int."),
        ({"text": "yes", "words": []}, "Give `text`, or `words` with their times, not both."),
        ({"words": [{"text": "yes"}]}, "Word 0 must be like"),
        ({"words": ["happy"] * 2000}, "too many words; the limit is 100 characters"),
        ({"text": "x" * 101}, "The text has 101 characters, the limit is 100."),
        ([1, 2], "A request is a dict with some of audio, text and words, got list."),
        (None, "got NoneType"),
    ],
)
def test_says_what_is_wrong(url, request_, message):
    name, (result,) = call(url, [request_])
    assert name == "complete" and list(result) == ["error"]
    assert message in result["error"]


def test_a_recording_beyond_the_limit(client, sounds):
    write_tone(sounds / "long.wav", 4.0)
    result = client.predict({"audio": gradio_client.handle_file(str(sounds / "long.wav"))}, api_name="/predict")
    assert result == {"error": "The recording is 4.0 s long, the limit is 3 s. Give a shorter one."}


def test_an_error_names_the_file_as_its_sender_did(client, sounds):
    result = client.predict({"audio": gradio_client.handle_file(str(sounds / "corrupt.wav"))}, api_name="/predict")
    assert result["error"].startswith("corrupt.wav: ") and "/uploads" not in result["error"]


def test_no_component_fetches_addresses(app):
    assert len(app.blocks) > 10
    for component in app.blocks.values():
        for address in ("http://127.0.0.1:1/a.wav", "HTTPS://example.org/a.wav"):
            with pytest.raises(gr.Error, match="Addresses are not fetched"):
                asyncio.run(component.async_move_resource_to_block_cache(address))


def test_programs_see_two_endpoints_and_nobody_is_told_of_the_use(client, url):
    assert set(client.view_api(return_format="dict")["named_endpoints"]) == {"/predict", "/statistics"}
    config = httpx.get(f"{url}/config").json()
    assert config["run_history"] is False


def test_uploads_are_deleted(service, tmp_path, monkeypatch, sounds):
    from commands_emo import ServeArguments
    from commands_emo.serving.app import build_app, launch_options

    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    arguments = ServeArguments(model="tiny", server_port=free_port(), keep_files_seconds=1)
    built = build_app(service, arguments)
    built.launch(prevent_thread_lock=True, quiet=True, **launch_options(arguments, service))
    address = built.local_url.rstrip("/")
    try:
        with (sounds / "0.wav").open("rb") as file:
            (path,) = httpx.post(f"{address}/gradio_api/upload", files={"files": file}).json()
        assert Path(path).is_relative_to(tmp_path)
        wait_until(lambda: not Path(path).exists())
        assert call(address, [{"text": "happy"}])[0] == "complete"
    finally:
        built.close()
