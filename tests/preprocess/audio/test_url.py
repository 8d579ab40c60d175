"""Addresses, read from a real server on 127.0.0.1."""

import contextlib
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from preprocess.audio.url import is_url, local_copy
from tests.tiny import write_tone


@pytest.fixture
def server(tmp_path, monkeypatch):
    """Serves `tone.wav`, an endless answer, and a detour; the address of its root."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    write_tone(tmp_path / "tone.wav", 0.5)
    content = (tmp_path / "tone.wav").read_bytes()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            if self.path.startswith("/moved"):
                self.send_response(302)
                self.send_header("Location", "/tone.wav")
                self.end_headers()
            elif self.path.startswith("/tone.wav"):
                self.send_response(200)
                self.end_headers()
                self.wfile.write(content)
            elif self.path == "/endless":
                self.send_response(200)
                self.end_headers()
                for _ in range(1000):  # 64 MB, if nobody hangs up
                    self.wfile.write(bytes(65_536))
            else:
                self.send_error(404)

        def log_message(self, *args):
            pass

        def handle(self):
            with contextlib.suppress(ConnectionError):  # a client that has enough hangs up
                super().handle()

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=http.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{http.server_port}"
    http.shutdown()
    http.server_close()


@pytest.mark.parametrize("name", ["/tone.wav", "/tone.wav?token=a/../b", "/moved"])
def test_an_address_is_a_temporary_file(server, tmp_path, name):
    with local_copy(server + name) as path:
        assert path.read_bytes() == (tmp_path / "tone.wav").read_bytes()
        assert path.parent == tmp_path / "temporary"
        assert path.suffix == ("" if name == "/moved" else ".wav")
    assert not path.exists()


def test_anything_else_is_handed_on():
    assert not is_url(Path("http:/a")) and not is_url("httpx.wav") and is_url("HTTPS://a/b.wav")
    with local_copy(b"RIFF") as source:
        assert source == b"RIFF"


def test_more_bytes_than_allowed_are_refused_and_removed(server, tmp_path):
    with (
        pytest.raises(ValueError, match="/endless: more than 1,000,000 bytes"),
        local_copy(server + "/endless", max_bytes=1_000_000),
    ):
        pass
    assert not list((tmp_path / "temporary").iterdir())


def test_what_cannot_be_fetched_is_named(server, tmp_path):
    with pytest.raises(ValueError, match="/absent.wav: cannot be fetched .*404"), local_copy(server + "/absent.wav"):
        pass
    nobody = "http://127.0.0.1:1/a.wav"
    with pytest.raises(ValueError, match=f"{nobody}: cannot be fetched"), local_copy(nobody):
        pass
    assert not list((tmp_path / "temporary").iterdir())


def test_the_copy_is_removed_when_its_use_fails(server):
    with pytest.raises(RuntimeError), local_copy(server + "/tone.wav") as path:
        raise RuntimeError("used wrongly")
    assert not path.exists()
