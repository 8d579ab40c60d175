"""The server for programs that speak plain HTTP: answers of the pipeline, limits, counts, a description."""

import contextlib
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from modeling_emo import EmotionRecognitionPipeline
from tests.examples.gradio_server import free_port
from tests.tiny import tiny_processor, write_tone
from tests.tiny_models import emobert


pytest.importorskip("gradio", reason="needs gradio: pip install 'emobert[test]'")

PATIENCE_SECONDS = 30
CARD = "---\nlanguage:\n- en\n- de\nlicense: apache-2.0\n---\n# A model\n"


@pytest.fixture(scope="module")
def recognise():
    return EmotionRecognitionPipeline(model=emobert("moonshine"), processor=tiny_processor(), device=-1)


@pytest.fixture(scope="module")
def sounds(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sounds")
    for index in range(4):
        write_tone(folder / f"{index}.wav", 0.3 + 0.2 * index)
    (folder / "corrupt.wav").write_bytes(b"RIFF and nothing else")
    write_tone(folder / "long.wav", 4.0)
    return folder


@pytest.fixture(scope="module")
def files(sounds):
    """A server of the sounds on another port, and one that leads on to it."""
    quiet = type("Quiet", (SimpleHTTPRequestHandler,), {"log_message": lambda *_: None})
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(quiet, directory=str(sounds)))

    class Redirect(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(302)
            self.send_header("Location", f"http://127.0.0.1:{server.server_port}/0.wav")
            self.end_headers()

        def log_message(self, *_):
            pass

    leading = ThreadingHTTPServer(("127.0.0.1", 0), Redirect)
    for one in (server, leading):
        threading.Thread(target=one.serve_forever, daemon=True).start()
    yield f"127.0.0.1:{server.server_port}", f"127.0.0.1:{leading.server_port}"
    for one in (server, leading):
        one.shutdown()
        one.server_close()


@pytest.fixture(scope="module")
def service(recognise):
    from commands_emo.serving.service import EmotionService

    return EmotionService(recognise, max_audio_seconds=3.0, max_text_length=100)


@pytest.fixture(scope="module")
def uploads(tmp_path_factory):
    return tmp_path_factory.mktemp("uploads")


@pytest.fixture(scope="module")
def url(service, uploads, files, tmp_path_factory):
    from commands_emo import ServeArguments
    from commands_emo.serving.app import build_app, launch_options

    model = tmp_path_factory.mktemp("models") / "tiny"
    model.mkdir()
    (model / "README.md").write_text(CARD)
    patch = pytest.MonkeyPatch()
    patch.setenv("GRADIO_TEMP_DIR", str(uploads))
    arguments = ServeArguments(
        model=str(model),
        server_port=free_port(),
        max_batch_size=8,
        max_queue_size=8,
        max_file_mb=0.3,
        allowed_hosts=",".join(files),
    )
    service.warm_up()
    built = build_app(service, arguments)
    built.launch(prevent_thread_lock=True, quiet=True, **launch_options(arguments, service))
    yield built.local_url.rstrip("/")
    built.close()
    patch.undo()
    assert not list(uploads.rglob("predict-*"))


def form(url, audio=None, **fields):
    parts = [(name, (None, value)) for name, value in fields.items()]
    if audio is not None:
        parts.append(("audio", (Path(audio).name, Path(audio).read_bytes())))
    return httpx.post(f"{url}/predict", files=parts, timeout=PATIENCE_SECONDS)


def counts(url):
    lines = httpx.get(f"{url}/metrics").text.splitlines()
    return {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1]) for line in lines if line[0] != "#"}


def scores(result):
    return {entry["label"]: pytest.approx(entry["score"], abs=1e-5) for entry in result["predictions"]}


class TestAnswers:
    def test_are_those_of_the_pipeline_for_all_at_once(self, url, recognise, sounds):
        texts = ("so happy", "what a bad day , i am so sad", "this is it", "how nice")
        given = []
        for index, text in enumerate(texts):
            path = str(sounds / f"{index}.wav")
            given += [{"audio": path, "text": text}, {"audio": path}, {"text": text}]
        bad = [{"audio": str(sounds / "corrupt.wav")}, {"text": "x" * 101}, {"text": " "}]
        before = counts(url)
        with ThreadPoolExecutor(6) as pool:
            answers = list(pool.map(lambda utterance: form(url, **utterance), given + bad))
        for answer, utterance in zip(answers, given, strict=False):
            expected = recognise(utterance, chunk_length_s=30)
            assert answer.status_code == 200
            result = answer.json()
            assert {e["label"]: e["score"] for e in result["predictions"]} == scores(expected)
            assert [c["timestamp"] for c in result["chunks"]] == [list(c["timestamp"]) for c in expected["chunks"]]
        assert [answer.status_code for answer in answers[len(given) :]] == [400] * 3
        assert answers[len(given)].json()["error"].startswith("corrupt.wav: ")
        after = counts(url)
        assert after["emobert_requests_total"] - before["emobert_requests_total"] == len(given + bad)
        assert after["emobert_failures_total"] - before["emobert_failures_total"] == 3
        assert after["emobert_in_flight"] == 0
        assert after["emobert_request_seconds_count"] == after["emobert_requests_total"]
        assert after['emobert_request_seconds_bucket{le="+Inf"}'] == after["emobert_requests_total"]

    def test_more_than_may_wait_are_refused(self, url, service, monkeypatch):
        opened, reached, predict = threading.Event(), threading.Event(), service.recognise

        def held(*given, **options):
            reached.set()
            opened.wait(PATIENCE_SECONDS)
            return predict(*given, **options)

        monkeypatch.setattr(service, "recognise", type("Held", (), {"__call__": staticmethod(held)})())
        monkeypatch.setattr(service, "read_utterance", lambda path, text: {"audio": None, "text": text})
        refused = counts(url)["emobert_refused_total"]
        with ThreadPoolExecutor(8) as pool:
            waiting = [pool.submit(form, url, text="so happy") for _ in range(8)]
            try:
                assert reached.wait(PATIENCE_SECONDS)
                deadline = time.monotonic() + PATIENCE_SECONDS
                while counts(url)["emobert_in_flight"] < 8 and time.monotonic() < deadline:
                    time.sleep(0.02)
                answer = form(url, text="so sad")
                assert answer.status_code == 503 and answer.headers["retry-after"] == "1"
            finally:
                opened.set()
            assert [job.result().status_code for job in waiting] == [200] * 8
        assert counts(url)["emobert_refused_total"] == refused + 1


class TestRefusals:
    @pytest.mark.parametrize(
        ("fields", "said"),
        [
            ({"sound": "x"}, "Unknown field sound: send some of audio, address, text."),
            ({"text": "x" * 101}, "The text has 101 characters, the limit is 100."),
            ({"address": "http://169.254.169.254/latest"}, "This address is not fetched."),
            ({"address": "file:///etc/passwd"}, "This address is not fetched."),
            ({"address": "http://user@127.0.0.1/a.wav"}, "This address is not fetched."),
        ],
    )
    def test_say_what_is_wrong(self, url, fields, said):
        answer = form(url, **fields)
        assert answer.status_code == 400 and said in answer.json()["error"]

    def test_of_what_is_no_form(self, url):
        answer = httpx.post(f"{url}/predict", json={"text": "so happy"})
        assert answer.status_code == 400 and "multipart/form-data" in answer.json()["error"]
        kind = {"content-type": "multipart/form-data; boundary=x"}
        answer = httpx.post(f"{url}/predict", content=b"nothing of a form", headers=kind)
        assert answer.status_code == 400
        assert httpx.get(f"{url}/predict").status_code == 405

    def test_of_what_is_too_long_or_too_large(self, url, sounds):
        answer = form(url, audio=sounds / "long.wav")
        assert answer.status_code == 400 and "4.0 s long, the limit is 3 s" in answer.json()["error"]
        write_tone(sounds / "large.wav", 2.0, rate=48_000, channels=2)
        assert form(url, audio=sounds / "large.wav").status_code == 413

        def endless():
            head = b'--x\r\nContent-Disposition: form-data; name="audio"; filename="a"\r\n\r\n'
            yield head
            for _ in range(100):
                yield bytes(100_000)

        kind = {"content-type": "multipart/form-data; boundary=x"}
        with contextlib.suppress(httpx.WriteError):  # the server may hang up while it is still being sent
            assert httpx.post(f"{url}/predict", content=endless(), headers=kind).status_code == 413

    def test_an_upload_that_breaks_off_leaves_nothing(self, url, uploads):
        host, port = url.removeprefix("http://").split(":")
        before = {path for path in uploads.rglob("*") if path.is_file()}
        with socket.create_connection((host, int(port))) as sender:
            sender.sendall(
                b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=x\r\n"
                b'Content-Length: 200000\r\n\r\n--x\r\nContent-Disposition: form-data; name="audio"; filename="a"\r\n'
                b"\r\n" + bytes(100_000)
            )
        deadline = time.monotonic() + PATIENCE_SECONDS
        while counts(url)["emobert_in_flight"] and time.monotonic() < deadline:
            time.sleep(0.02)
        assert counts(url)["emobert_in_flight"] == 0
        assert {path for path in uploads.rglob("*") if path.is_file()} == before
        assert form(url, text="so happy").status_code == 200


class TestAddresses:
    def test_of_an_allowed_host_are_fetched(self, url, files, sounds, recognise):
        answer = form(url, address=f"http://{files[0]}/1.wav")
        expected = recognise(str(sounds / "1.wav"), chunk_length_s=30)
        assert {e["label"]: e["score"] for e in answer.json()["predictions"]} == scores(expected)
        answer = form(url, address=f"http://{files[0]}/absent.wav")
        assert answer.status_code == 400 and "The address answered 404" in answer.json()["error"]

    def test_do_not_lead_elsewhere(self, url, files):
        answer = form(url, address=f"http://{files[1]}/0.wav")
        assert answer.status_code == 400 and "The address answered 302" in answer.json()["error"]


class TestDescription:
    def test_health_names_the_model(self, url):
        health = httpx.get(f"{url}/health").json()
        assert health["status"] == "ok"
        assert health["model"] == {
            **{"name": "tiny", "languages": "en, de", "licence": "apache-2.0", "datasets": "not stated"},
            "labels": ["LABEL_0", "LABEL_1", "LABEL_2"],
            "meaning": "a probability; all of them sum to 1",
        }

    def test_openapi_has_typed_answers(self, url):
        described = httpx.get(f"{url}/openapi.json").json()
        assert set(described["paths"]) == {"/predict", "/health", "/metrics"}
        answers = described["paths"]["/predict"]["post"]["responses"]
        names = {status: answer["content"]["application/json"]["schema"]["$ref"] for status, answer in answers.items()}
        assert names == {
            "200": "#/components/schemas/Prediction",
            **dict.fromkeys(("400", "413", "422", "503"), "#/components/schemas/Failure"),
        }

    def test_the_page_is_still_there(self, url):
        assert "Emotion in speech and text" in httpx.get(url).text


@pytest.mark.parametrize(
    ("card", "stated"),
    [
        ("---\nlicense: mit\nlanguage: en\n---\nx", ("en", "mit")),
        ("no head", ("not stated", "not stated")),
        ("---\n: [\n---\n", ("not stated", "not stated")),
        (None, ("not stated", "not stated")),
    ],
)
def test_what_a_card_does_not_state_is_said(tmp_path, card, stated):
    from commands_emo.serving.model_facts import model_facts

    if card is not None:
        (tmp_path / "README.md").write_text(card)
    facts = model_facts(str(tmp_path), emobert("moonshine").config)
    assert (facts.languages, facts.licence) == stated


def test_a_model_that_cannot_predict_does_not_start(recognise, monkeypatch):
    from commands_emo.serving.service import EmotionService

    service = EmotionService(recognise)
    monkeypatch.setattr(service, "predict_read", lambda utterances: [{"error": "It is broken."}])
    with pytest.raises(ValueError, match=r"The model cannot predict: It is broken\."):
        service.warm_up()
