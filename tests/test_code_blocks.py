"""Code blocks of the pages run, or it is said why not; names and flags are checked in all of them."""

import ast
import inspect
import re
import shlex
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import soundfile

import emobert
from commands_emo.command_line import COMMANDS, OTHERS, parse_command
from modeling_emo.inference.pipeline_options import PipelineOptions
from preprocess.corpora.loading import corpus_reader
from tests.tiny import tiny_processor, tone
from tests.tiny_models import emobert as tiny_emobert


ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([ROOT / "README.md", *ROOT.glob("docs/*.md"), *ROOT.glob("metrics/*/*.md")])
# By a part of a block: why it is not run here.
NOT_RUN = {
    '"openai/whisper': "weights of the Hub",
    '"FacebookAI/': "weights of the Hub",
    "push_to_hub": "tests/hub pushes",
    '"me/emobert-demo"': "tests/hub loads from a Hub",
    "outputs/emotion2vec": "converted weights; tests/modeling_emo/emotion2vec runs the same",
    "AutoModelForAudioClassification": "goes on with converted weights of emotion2vec",
    "frame_logits": "goes on with converted weights of emotion2vec",
    "dynamic_shapes": "goes on with converted weights of emotion2vec",
    "IEMOCAP_full_release": "a corpus that is not ours to share",
    "EmoBertOnnxModel": "tests/modeling_emo/export runs it",
    "export_program": "tests/modeling_emo/export runs it",
    "write_parquet_shards": "tests/preprocess/preparation/test_row_stream.py runs it",
    "FrameDiarizer": "tests/modeling_emo/inference/test_frame_diarizer.py runs it",
    "import ray": "a cluster's engine, which is no dependency; it was run by hand",
    "websockets": "tests/examples/test_stream_socket.py runs it against a server",
    "gradio_client": "tests/examples/test_gradio_endpoints.py runs it against a server",
}


class Block(NamedTuple):
    page: Path
    line: int
    language: str
    code: str

    def __str__(self):
        return f"{self.page.name}:{self.line}"

    def reason(self) -> str | None:
        return next((reason for part, reason in NOT_RUN.items() if part in self.code), None)


def blocks(page: Path) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    found = re.finditer(r"^```(\w+)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [Block(page, text.count("\n", 0, one.start()) + 1, one[1], one[2]) for one in found]


ALL = [block for page in PAGES for block in blocks(page)]
PYTHON = [block for block in ALL if block.language == "python"]
WITH_CODE = [page for page in PAGES if any(block.page == page and block.reason() is None for block in PYTHON)]


def test_every_block_says_its_language():
    """Of fences that say none, none would be checked."""
    for page in PAGES:
        fences = re.findall(r"^```(\w*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
        assert all(fences[::2]) and not any(fences[1::2]), page.name
    assert {block.language for block in ALL} <= {"python", "bash", "yaml", "json", "text"}
    assert all(any(part in block.code for block in PYTHON) for part in NOT_RUN)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder in which the pages' names mean something: a model, recordings, a list of turns."""
    folder = tmp_path_factory.mktemp("page")
    statistics = {
        "class_means": [[1, 0], [0, 1], [-1, -1]],
        "within": np.eye(2).tolist(),
        "between": np.eye(2).tolist(),
    }
    labels = {0: "hap", 1: "ang", 2: "exc"}
    model = tiny_emobert("wav2vec2-group-norm", id2label=labels, speaker_statistics=statistics)
    model.save_pretrained(folder / "outputs" / "demo")
    tiny_processor().save_pretrained(folder / "outputs" / "demo")
    for name, seconds, channels in (("call.wav", 2.5, 2), ("a.wav", 1, 1), ("b.wav", 1, 1), ("hour.mp3", 12, 1)):
        soundfile.write(folder / name, tone(seconds, channels=channels), 16_000)
    rows = [f"SPEAKER {name} 1 0.1 0.5 <NA> <NA> anna <NA> <NA>" for name in ("a", "b")]
    (folder / "meetings.rttm").write_text("\n".join(rows) + "\n")
    return folder


@pytest.mark.parametrize("page", WITH_CODE, ids=lambda page: f"{page.parent.name}/{page.name}")
def test_python_runs(page, place, monkeypatch):
    monkeypatch.chdir(place)
    monkeypatch.setattr("evaluate.config.HF_EVALUATE_OFFLINE", True)
    timeline = {"chunks": [{"timestamp": (0.0, 1.0), "text": None, "predictions": [{"label": "hap", "score": 1.0}]}]}
    names = {
        "Path": Path,
        "np": np,
        "recordings": ["a.wav", "b.wav"],
        "logits": np.eye(3),
        "speakers": ["anna", "anna", "ben"],
        "microphone": [tone(0.5, 48_000)] * 3,
        "diarize": lambda sound: [{"start": 0.0, "end": 1.0, "speaker": "anna"}],
        **dict.fromkeys(("result", "first", "second"), timeline),
    }
    for block in blocks(page):
        if block.language == "python" and block.reason() is None:
            exec(compile(block.code, str(block), "exec"), names)


@pytest.mark.parametrize("block", PYTHON, ids=str)
def test_python_names_what_there_is(block):
    """Also where it does not run: imports are published, and calls of ours have no unknown argument."""
    tree = ast.parse(block.code)
    known = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module in (
            "modeling_emo",
            "preprocess",
            "commands_emo",
            "emobert",
        ):
            for alias in node.names:
                known[alias.name] = getattr(__import__(node.module), alias.name)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            unknown = {keyword.arg for keyword in node.keywords} - arguments_of(node, known)
            assert unknown == set(), f"{block}: {ast.unparse(node.func)} has no {unknown}"


def arguments_of(call: ast.Call, known: dict) -> set[str | None]:
    """The names that a call takes; those that it has where nothing is known of it."""
    own = {keyword.arg for keyword in call.keywords}
    name = ast.unparse(call.func)
    if name == "recognise":
        takes = set(inspect.signature(emobert.EmotionRecognitionPipeline.__call__).parameters)
        return takes | set(PipelineOptions.__annotations__)
    if name.endswith("from_text_speech_pretrained"):
        takes = inspect.signature(emobert.EmoBertForSequenceClassification.from_text_speech_pretrained)
        return set(takes.parameters) | set(emobert.EmoBertConfig().to_dict()) | {"num_labels"}
    if name == "load_corpus":
        reader = corpus_reader(ast.literal_eval(call.args[0]))
        return {*inspect.signature(emobert.load_corpus).parameters, *inspect.signature(reader).parameters}
    target = known.get(name)
    if target is None:
        return own
    parameters = inspect.signature(target).parameters
    return own if any(one.kind is one.VAR_KEYWORD for one in parameters.values()) else set(parameters)


def command_lines() -> list[tuple[str, list[str]]]:
    """Every `emobert ...` of the pages, and of the docstrings of the commands, in words."""
    texts = {f"{page.name}": page.read_text(encoding="utf-8") for page in [*PAGES, *ROOT.glob("examples/**/*.md")]}
    texts |= {path.name: path.read_text(encoding="utf-8") for path in (ROOT / "commands_emo").glob("*.py")}
    texts |= {path.name: path.read_text(encoding="utf-8") for path in (ROOT / "examples" / "configs").glob("*.yaml")}
    found = []
    for name, text in texts.items():
        joined = re.sub(r"\\\n[ #]*", "", text)
        for line in re.findall(r"^[ #]*(emobert [a-z].*)$", joined, re.MULTILINE):
            words = shlex.split(line, comments=True)
            if not any(word.startswith(("<", "...")) or word == "|" for word in words):
                found.append((f"{name}: {line[:60]}", words[1:]))
    return found


@pytest.mark.parametrize("line", [pytest.param(words, id=name) for name, words in command_lines()])
def test_command_line(line, monkeypatch):
    monkeypatch.chdir(ROOT)
    if tuple(line[:2]) in OTHERS:
        source = (ROOT / "modeling_emo" / (OTHERS[line[0], line[1]].replace(".", "/") + ".py")).read_text()
        assert [flag for flag in line[2:] if flag.startswith("--") and f'"{flag}"' not in source] == []
    else:
        assert line[0] in COMMANDS
        # A file that a run of the demonstration writes holds the values of its configuration.
        words = ["examples/configs/demo.yaml" if re.match(r"outputs/.*\.json$", word) else word for word in line[1:]]
        if words not in (["--help"], ["[FILE.yaml]"]):
            parse_command(line[0], words)


def test_there_are_blocks():
    assert len(PYTHON) > 25 and len(command_lines()) > 25 and len(WITH_CODE) >= 8
