"""Addresses, read from a real server on 127.0.0.1."""

import asyncio
import contextlib
import re
import sys
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import fsspec
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
            if self.path == "/round":
                self.send_response(302)
                self.send_header("Location", "/round")
                self.end_headers()
            elif self.path == "/elsewhere":
                self.send_response(302)
                self.send_header("Location", "file:///etc/passwd")
                self.end_headers()
            elif self.path == "/slow-head":  # a byte now and then, and so never a timeout
                for byte in b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 1000:
                    self.wfile.write(bytes([byte]))
                    time.sleep(0.05)
            elif self.path == "/slow-body":
                self.send_response(200)
                self.end_headers()
                for _ in range(1000):
                    self.wfile.write(b"x")
                    time.sleep(0.05)
            elif self.path.startswith("/moved"):
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


@pytest.mark.parametrize("name", ["/slow-head", "/slow-body"])
def test_a_server_that_is_slow_on_purpose_holds_nobody(server, tmp_path, name):
    with (
        pytest.raises(ValueError, match=f"{name}: not fetched within 0.5 s"),
        local_copy(server + name, max_total_seconds=0.5),
    ):
        pass
    assert not list((tmp_path / "temporary").iterdir())


@pytest.mark.parametrize("name", ["/round", "/elsewhere"])
def test_redirects_are_few_and_stay_on_the_web(server, name):
    with pytest.raises(ValueError, match=f"{name}: cannot be fetched"), local_copy(server + name):
        pass


@pytest.mark.parametrize(
    "address", ["http://", "http://[", "https://\u2028.example", "http://a" + "a" * 300 + ".example"]
)
def test_addresses_that_are_none(address):
    with pytest.raises(ValueError, match="cannot be fetched"), local_copy(address):
        pass


def test_addresses_may_be_refused(server):
    with (
        pytest.raises(ValueError, match="/tone.wav: addresses are not read here"),
        local_copy(server + "/tone.wav", allow_addresses=False),
    ):
        pass
    with local_copy("a.wav", allow_addresses=False) as source:
        assert source == "a.wav"


def test_inside_a_running_event_loop(server, tmp_path):
    async def handler():
        with local_copy(server + "/tone.wav") as path:
            return path.read_bytes()

    assert asyncio.run(handler()) == (tmp_path / "tone.wav").read_bytes()


class TestOtherSchemes:
    @pytest.fixture
    def address(self):
        """A file in fsspec's own memory, which is read as those of hf:// and s3:// are."""
        fsspec.filesystem("memory").pipe_file("/bucket/a.wav", b"RIFF" * 1000)
        yield "memory://bucket/a.wav"
        fsspec.filesystem("memory").rm("/bucket/a.wav")

    @pytest.fixture(autouse=True)
    def _own_temporary_folder(self, tmp_path, monkeypatch):
        (tmp_path / "temporary").mkdir()
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))

    def test_are_read_by_fsspec(self, address, tmp_path):
        with local_copy(address) as path:
            assert path.read_bytes() == b"RIFF" * 1000
        assert not path.exists()
        (tmp_path / "a b.wav").write_bytes(b"local")
        with local_copy(f"file://{tmp_path}/a b.wav") as path:
            assert path.read_bytes() == b"local"

    def test_have_the_same_limits(self, address, tmp_path):
        with pytest.raises(ValueError, match="a.wav: more than 3,999 bytes"), local_copy(address, max_bytes=3999):
            pass
        with (
            pytest.raises(ValueError, match="a.wav: not fetched within 0 s"),
            local_copy(address, max_total_seconds=0),
        ):
            pass
        with pytest.raises(ValueError, match="not read here"), local_copy(address, allow_addresses=False):
            pass
        with pytest.raises(ValueError, match="not read here"), local_copy("file:///etc/hosts", allow_addresses=False):
            pass
        assert not list((tmp_path / "temporary").iterdir())

    @pytest.mark.parametrize(
        ("address", "said"),
        [
            ("memory://bucket/absent.wav", "absent.wav: cannot be fetched (FileNotFoundError"),
            ("nosuch://a.wav", "nosuch://a.wav: cannot be fetched (ValueError: Protocol not known"),
            ("file:///no/such/folder/a.wav", "a.wav: cannot be fetched (FileNotFoundError"),
        ],
    )
    def test_what_cannot_be_fetched_is_named(self, address, said):
        with pytest.raises(ValueError, match=re.escape(said)), local_copy(address):
            pass

    def test_a_system_that_is_not_installed_is_named(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "s3fs", None)
        said = "s3://b/a.wav: cannot be fetched without s3fs. Install it"
        with pytest.raises(ValueError, match=said), local_copy("s3://b/a.wav"):
            pass

    def test_a_drive_is_no_scheme(self):
        assert is_url("hf://datasets/lab/calls/a.wav") and not is_url("C://calls/a.wav") and not is_url("a.wav")
