"""The Gradio example as a process of its own, with a tiny model, and a record of whom it wanted to reach."""

import os
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from tests.tiny import tiny_processor
from tests.tiny_models import emobert


ROOT = Path(__file__).resolve().parent.parent.parent
APP = ROOT / "examples" / "gradio_demo" / "app.py"
START_SECONDS = 180


@dataclass
class Server:
    """A running app.

    Args:
        url (`str`): where it listens.
        log (`Path`): what it printed.
        uploads (`Path`): its folder of uploads and pictures.
        outside (`list[str]`): first lines of its requests to other hosts.
    """

    url: str
    log: Path
    uploads: Path
    outside: list[str]


def save_tiny_model(folder, **config):
    """A model of three emotions, or whatever `config` says, with its processor, as `from_pretrained` wants it."""
    labels = {0: "angry", 1: "happy", 2: "sad"}
    emobert("moonshine", **{"id2label": labels, **config}).save_pretrained(folder)
    tiny_processor().save_pretrained(folder)
    return folder


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@contextmanager
def running_app(folder, model, **options):
    """Starts `examples/gradio_demo/app.py` on 127.0.0.1 and stops it at the end.

    Args:
        folder (`Path`): for its files and its log.
        model (`Path`): of `save_tiny_model`.
        **options: its flags.
    """
    port = free_port()
    flags = {"model": model, "server_port": port, **options}
    command = [sys.executable, str(APP), *(str(part) for name in flags for part in (f"--{name}", flags[name]))]
    with _refusing_proxy() as (proxy, outside), (folder / "server.log").open("w") as log:
        environment = {
            **os.environ,
            **dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), proxy),
            **dict.fromkeys(("NO_PROXY", "no_proxy"), "127.0.0.1,localhost"),
            "PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]),
            "GRADIO_TEMP_DIR": str(folder / "uploads"),
            "TMPDIR": str(folder),
            "OMP_NUM_THREADS": "1",
        }
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=subprocess.STDOUT)
        server = Server(f"http://127.0.0.1:{port}", folder / "server.log", folder / "uploads", outside)
        try:
            _wait_for(server, process)
            yield server
        finally:
            process.terminate()
            process.wait(30)


def _wait_for(server, process):
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urlopen(server.url, timeout=10):
                return
        except (URLError, ConnectionError, TimeoutError):
            time.sleep(0.2)
    raise AssertionError(f"The app did not start:\n{server.log.read_text()[-4000:]}")


@contextmanager
def _refusing_proxy():
    """A proxy that notes what it is asked for and refuses it: what a process that keeps to itself never uses."""
    asked = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def refuse():
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    asked.append(connection.recv(200).decode(errors="replace").splitlines()[0])
                    connection.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")

        threading.Thread(target=refuse, daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", asked
        listener.shutdown(socket.SHUT_RDWR)
