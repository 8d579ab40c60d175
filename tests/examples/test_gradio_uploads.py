"""The server's folder of uploads: what is deleted of it, also of an upload that broke off."""

import os
import socket
import time

import pytest

from tests.examples.gradio_server import running_app, save_tiny_model


def files(folder):
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def wait_until(condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "It did not come to pass."
        time.sleep(0.05)


class TestSweep:
    @pytest.fixture
    def folder(self, tmp_path):
        (tmp_path / "part").mkdir()
        for age, name in ((300, "old"), (200, "part/middle"), (100, "young"), (0, "new")):
            (tmp_path / name).write_bytes(bytes(1000))
            os.utime(tmp_path / name, (time.time() - age,) * 2)
        return tmp_path

    @pytest.mark.parametrize(
        ("keep_seconds", "max_bytes", "left"),
        [
            (3600, 4000, ["middle", "new", "old", "young"]),
            (250, 4000, ["middle", "new", "young"]),
            (3600, 3999, ["middle", "new", "young"]),
            (3600, 2000, ["new", "young"]),
            # Of the last minute, so it may be in use.
            (3600, 0, ["new"]),
            (0, 4000, []),
        ],
    )
    def test_deletes_by_age_and_by_size(self, folder, keep_seconds, max_bytes, left):
        from commands_emo.serving.upload_folder import sweep

        sweep(folder, keep_seconds, max_bytes)
        assert files(folder) == left

    def test_deletes_links_and_not_what_they_lead_to(self, tmp_path):
        from commands_emo.serving.upload_folder import sweep

        (tmp_path / "kept").write_bytes(b"1")
        (tmp_path / "uploads").mkdir()
        (tmp_path / "uploads" / "link").symlink_to(tmp_path / "kept")
        sweep(tmp_path / "uploads", 0, 0)
        assert files(tmp_path) == ["kept"] and not list((tmp_path / "uploads").iterdir())


def test_an_upload_that_breaks_off_leaves_nothing(tmp_path):
    with running_app(tmp_path, save_tiny_model(tmp_path / "model"), keep_files_seconds=2) as server:
        host, port = server.url.removeprefix("http://").split(":")
        head = b'--b\r\nContent-Disposition: form-data; name="files"; filename="a.wav"\r\n\r\n'
        with socket.create_connection((host, int(port))) as client:
            client.sendall(
                b"POST /gradio_api/upload HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n"
                b"Content-Type: multipart/form-data; boundary=b\r\n\r\n" + head + bytes(300_000)
            )
            wait_until(lambda: files(server.uploads))
        wait_until(lambda: not files(server.uploads))
    assert not list(server.uploads.glob("emobert-*"))  # the server's own folder is gone as well
    assert "Traceback" not in server.log.read_text()
