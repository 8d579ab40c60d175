"""One Hub, one machine that pushes to it, and two that know nothing of EmoBERT and load from it."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from tests.hub_server import TOKEN, HubServer


ROOT = Path(__file__).resolve().parents[2]


@dataclass
class RoundTrip:
    """What was pushed, what it computes where EmoBERT is installed, and what the other machines made of it."""

    hub: HubServer
    folder: Path
    pushed: dict
    expected: dict[str, np.ndarray]
    loaded: dict[str, np.ndarray]
    first: dict
    second: dict


@pytest.fixture(scope="session")
def round_trip(tmp_path_factory) -> RoundTrip:
    folder = tmp_path_factory.mktemp("hub")
    given, result, empty = folder / "given", folder / "result", folder / "empty"
    for path in (given, result, empty):
        path.mkdir()
    with HubServer() as hub:
        run(["-m", "tests.hub.push", given], hub, home=folder / "home", cwd=ROOT, PYTHONPATH=str(ROOT))
        elsewhere = ROOT / "tests" / "hub" / "elsewhere.py"
        for turn in ("first", "second"):
            run(["-I", elsewhere, turn, given, result], hub, home=folder / f"{turn}-home", cwd=empty)
        yield RoundTrip(
            hub,
            folder,
            pushed=json.loads((given / "pushed.json").read_text()),
            expected=dict(np.load(given / "expected.npz")),
            loaded=dict(np.load(result / "outputs.npz")),
            first=json.loads((result / "report.json").read_text()),
            second=json.loads((result / "second.json").read_text()),
        )


def run(arguments, hub: HubServer, *, home: Path, cwd: Path, **environment: str) -> None:
    """A fresh Python process with caches of its own, for which `hub` is the Hub."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "PYTHON"))}
    environment |= {"HF_ENDPOINT": hub.address, "HF_TOKEN": TOKEN, "HF_HOME": str(home)}
    environment |= {"HF_HUB_DISABLE_XET": "1", "HF_HUB_DISABLE_PROGRESS_BARS": "1", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, *map(str, arguments)]
    # Without an input, so that Transformers' question whether to trust the code is answered with an error.
    result = subprocess.run(
        command, cwd=cwd, env={**inherited, **environment}, stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr[-5000:]
