"""The notebooks run from their first cell to their last, with tiny models, and show what they say."""

import re
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from tests.examples.conftest import ROOT, encoders  # noqa: F401
from tests.tiny import tiny_processor, write_tone
from tests.tiny_models import emobert


NOTEBOOKS = ROOT / "examples" / "notebooks"


def run(name: str, folder: Path) -> dict[str, list]:
    """Runs a notebook in a folder; returns what each code cell put out, by its source."""
    notebook = nbformat.read(NOTEBOOKS / name, as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(not cell.outputs and cell.execution_count is None for cell in code)
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(folder)}}).execute()
    return {cell.source: cell.outputs for cell in code}


def text_of(outputs: dict[str, list]) -> str:
    parts = [
        output.get("text") or output.get("data", {}).get("text/plain", "") for of in outputs.values() for output in of
    ]
    return "\n".join(parts)


def pictures(outputs: dict[str, list]) -> int:
    return sum("image/png" in output.get("data", {}) for of in outputs.values() for output in of)


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


def test_first_prediction(tmp_path, monkeypatch):
    emobert("wav2vec2-group-norm", id2label={0: "sad", 1: "happy", 2: "calm"}).save_pretrained(tmp_path / "model")
    tiny_processor().save_pretrained(tmp_path / "model")
    write_tone(tmp_path / "call.wav", seconds=2.6)
    monkeypatch.setenv("EMOBERT_MODEL", str(tmp_path / "model"))
    shown = run("first_prediction.ipynb", tmp_path)
    assert pictures(shown) == 2
    printed = text_of(shown)
    assert printed.count("'label': 'happy'") == 3
    assert "00:00:02 0 days 00:00:02.600000" in printed  # the third window of the table
    assert {path.name for path in tmp_path.glob("*.png")} == {"timeline.png", "why.png"}


def test_own_corpus(tmp_path, encoders, monkeypatch):  # noqa: F811
    monkeypatch.setenv("TEXT_MODEL", str(encoders / "text"))
    monkeypatch.setenv("SPEECH_MODEL", str(encoders / "speech"))
    shown = run("own_corpus.ipynb", tmp_path)
    assert pictures(shown) == 2
    printed = text_of(shown)
    assert re.search(r"train: \d+ utterances\nvalidation: 8 utterances\ntest: \d+ utterances", printed)
    assert "left out: 0" in printed and "'label': 'happy'" in printed
    assert (tmp_path / "my_results" / "README.md").is_file()
    assert (tmp_path / "my_model" / "model.safetensors").is_file()


def test_every_notebook_is_run():
    source = Path(__file__).read_text(encoding="utf-8")
    assert all(f'run("{path.name}"' in source for path in NOTEBOOKS.glob("*.ipynb"))
