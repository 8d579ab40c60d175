"""Imports run one way, names come from the packages that publish them, and importing costs little."""

import ast
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path
from typing import NamedTuple

import pytest
from packaging.version import Version


ROOT = Path(__file__).resolve().parent.parent
ABOVE = {"commands_emo", "emobert", "examples"}
FORBIDDEN = {
    "configuration_emo": {*ABOVE, "modeling_emo", "preprocess", "torch", "datasets"},
    "modeling_emo": {*ABOVE, "preprocess"},
    "preprocess": {*ABOVE, "modeling_emo"},
    "commands_emo": ABOVE - {"commands_emo"},
}
# Wings, and modules that stand beside them: each imports from the lines above its own only.
LAYERS = {
    "configuration_emo": (
        {
            "convolution_frames",
            "encoder_layers",
            "corpora",
            "hub_code",
            "lazy_names",
            "plot_style",
            "problem_types",
            "sealing",
            "summary_position",
            "text_encoding",
            "shown_values",
            "text_tables",
            "token_positions",
        },
        {
            "configuration_emotion2vec",
            "configuration_vq_wav2vec",
            "loaded_parts",
            "option_kinds",
            "speech_dictionary",
            "structured_text",
        },
        {"argument_files"},
        {"configuration_emobert"},
    ),
    "modeling_emo": (
        {
            *("cpu_convolution", "hub", "loss", "metrics", "modalities", "modeling_outputs", "plain_modules"),
            "vector_quantizer",
        },
        {"fusion", "speaker_adaptation"},
        {"emotion2vec", "inference", "modeling_vq_wav2vec"},
        {"speech_tokenizer_module"},
        {"encoders"},
        {"pretrained_model"},
        {"modeling_emobert"},
        {"conversion", "explanation", "export", "finetuning", "resuming"},
        {"plots"},
        {"evaluation"},
        {"registration"},
        {"training"},
    ),
    "preprocess": (
        {"audio", "features", "schema"},
        {"feature_extraction_emotion2vec", "labels", "processor_files", "protocols", "recordings", "skipped"},
        {"data_report", "processing_emobert", "processing_emotion2vec"},
        {"collator", "corpora", "registration"},
        {"preparation"},
        {"speech_tokens"},
    ),
    "commands_emo": (
        {
            *("changed_arguments", "dataset_arguments", "group_columns", "other_scripts", "prediction_arguments"),
            *("run_warnings", "runs_arguments", "score_arguments", "search_arguments"),
        },
        {"arguments"},
        {"command_line", "load_pipeline"},
        {"__main__", "other_corpus", "serving", "training_setup"},
        {"default_recipe", "search"},
        {"evaluate", "predict", "prepare", "score", "serve", "train"},
        {"fold_runs"},
        {"linear_probe"},
        {"cross_validate"},
        {"cross_corpus"},
    ),
}
# Readers of the public names, beside the docstrings of the packages themselves.
READERS = ("README.md", "CONTRIBUTING.md", "docs/*.md", "examples/**/*", "benchmarks/*.py", "metrics/**/*.py")
OPTIONAL = (
    "av",
    "captum",
    "gradio",
    "h5py",
    "moonshine_voice",
    "onnx",
    "onnxruntime",
    "onnxscript",
    "optuna",
    "peft",
    "silero_vad",
)
HEAVY = {
    *(*OPTIONAL, "datasets", "evaluate", "httpx", "librosa", "matplotlib", "pandas", "pyarrow"),
    *("scipy", "sklearn", "soundfile"),
}
DOTTED = re.compile(rf"(?<!-m\s)\b({'|'.join(LAYERS)})\.(?!md\b)([a-zA-Z]\w*)(?!\w*\.(py|md)\b)")


# Imports each of its arguments, `package.name`, in a child that has imported the package and no other of its names.
EACH_ALONE = f"""
import importlib, itertools, os, sys

sys.modules.update(dict.fromkeys({OPTIONAL}))
# Not ours: imported once, and not in every child.
import datasets, matplotlib.figure, scipy.stats, sklearn.metrics, transformers.pipelines
from transformers import AutoProcessor, ProcessorMixin, Trainer


def in_a_child(act, place, *rest):
    if (child := os.fork()) == 0:
        try:
            act(place, *rest)
        except BaseException as error:
            print(place, repr(error), flush=True)
        os._exit(0)
    os.waitpid(child, 0)


def import_each(package, places):
    module = importlib.import_module(package)
    for place in places:
        in_a_child(lambda place: getattr(module, place.split(".")[1]), place)


for package, places in itertools.groupby(sys.argv[1:], lambda place: place.split(".")[0]):
    in_a_child(import_each, package, list(places))
print(len(sys.argv) - 1, "tried")
"""


class Import(NamedTuple):
    """Two modules, and whether the second is imported as soon as the first is."""

    importer: str
    module: str
    at_once: bool


def files(package: str) -> dict[str, Path]:
    """Every module of a package by its dotted name."""
    found = {}
    for path in sorted((ROOT / package).rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def statements(body: list, at_once: bool = True) -> Iterator[tuple[ast.Import | ast.ImportFrom, bool]]:
    """Imports in these statements that Python may run, not those for type checkers, and whether it does so at once."""
    for node in body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node, at_once
        elif isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            yield from statements(node.orelse, at_once)
        else:
            is_late = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            for part in ("body", "handlers", "orelse", "finalbody", "cases"):
                yield from statements(getattr(node, part, []), at_once and not is_late)


def imports(package: str) -> list[Import]:
    """The imports of a package from itself."""
    found = []
    for module, path in files(package).items():
        inside = module if path.name == "__init__.py" else module.rpartition(".")[0]
        for node, at_once in statements(ast.parse(path.read_text(encoding="utf-8")).body):
            if isinstance(node, ast.ImportFrom) and node.level:
                base = ".".join(inside.split(".")[: len(inside.split(".")) - node.level + 1])
                target = f"{base}.{node.module}" if node.module else base
                found.append(Import(module, target, at_once))
    return found


def published(package: str) -> set[str]:
    """The names that a package publishes, as its source says."""
    for node in ast.parse((ROOT / package / "__init__.py").read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return set(ast.literal_eval(node.value))
    raise AssertionError(f"{package} has no __all__.")


def imported_packages(path):
    """Top-level packages that a file imports, wherever in the file; relative imports stay inside."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield node.module.split(".")[0]


def run_fresh(script: str, *arguments: str) -> str:
    """What a process of its own prints."""
    result = subprocess.run([sys.executable, "-c", script, *arguments], cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


class TestDirections:
    @pytest.mark.parametrize("package", FORBIDDEN)
    def test_packages(self, package):
        assert files(package)
        broken = {
            module: sorted(set(imported_packages(path)) & FORBIDDEN[package])
            for module, path in files(package).items()
            if set(imported_packages(path)) & FORBIDDEN[package]
        }
        assert broken == {}

    @pytest.mark.parametrize("package", LAYERS)
    def test_every_wing_has_its_layer(self, package):
        found = {module.split(".")[1] for module in files(package) if module != package}
        assert sorted(name for layer in LAYERS[package] for name in layer) == sorted(found)

    @pytest.mark.parametrize("package", LAYERS)
    def test_the_house_is_described_in_this_order(self, package):
        text = (ROOT / "docs" / "house.md").read_text(encoding="utf-8")
        table = text.split(f"## `{package}`")[1].split("##")[0]
        described = [name for row in re.findall(r"^\| (`.+?) \|", table, re.MULTILINE) for name in row.split(", ")]
        level = {f"`{name}`": height for height, layer in enumerate(LAYERS[package]) for name in layer}
        assert sorted(described) == sorted(level)
        assert [level[name] for name in described] == sorted(level.values())

    @pytest.mark.parametrize("package", LAYERS)
    def test_wings(self, package):
        level = {name: height for height, layer in enumerate(LAYERS[package]) for name in layer}
        upward = []
        for found in imports(package):
            if found.importer == package:
                continue
            importer, target = found.importer.split(".")[1], found.module.split(".")[1]
            if importer != target and level[target] >= level[importer]:
                upward.append(f"{found.importer} <- {found.module}")
        assert upward == []

    @pytest.mark.parametrize("package", LAYERS)
    def test_there_is_no_circle(self, package):
        graph: dict[str, set[str]] = {module: set() for module in files(package)}
        for found in imports(package):
            if not found.at_once:
                continue
            above = {found.importer[: place.start()] for place in re.finditer(r"\.", found.importer)}
            # Importing a.b.c runs a and a.b first, except those that the importer is in itself.
            places = [*(place.start() for place in re.finditer(r"\.", found.module)), None]
            graph[found.importer] |= {found.module[:place] for place in places} - above - {found.importer}
        TopologicalSorter(graph).prepare()  # raises where there is one, and names it

    @pytest.mark.parametrize("package", LAYERS)
    def test_inside_a_package_imports_are_relative(self, package):
        assert [module for module, path in files(package).items() if package in set(imported_packages(path))] == []

    def test_private_names_stay_where_they_are(self):
        folders = (*LAYERS, "examples", "benchmarks", "metrics")
        taken = [
            f"{path.relative_to(ROOT)}: {alias.name}"
            for folder in folders
            for path in ROOT.glob(f"{folder}/**/*.py")
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            if isinstance(node, ast.ImportFrom) and (node.level or node.module.split(".")[0] in LAYERS)
            for alias in node.names
            if alias.name.startswith("_")
        ]
        assert taken == []


class TestPublicNames:
    @pytest.mark.parametrize("package", LAYERS)
    def test_no_module_hides_one(self, package):
        assert published(package) & {module.split(".")[1] for module in files(package) if module != package} == set()

    def test_each_imports_alone_and_without_the_optional_packages(self):
        places = [f"{package}.{name}" for package in LAYERS for name in sorted(published(package))]
        assert run_fresh(EACH_ALONE, *places) == f"{len(places)} tried\n"

    def test_readers_know_no_other_place(self):
        """Neither imports nor texts name a module, but for commands (`python -m`), nor a name that is not public."""
        modules = {module for package in LAYERS for module in files(package)}
        paths = [path for pattern in READERS for path in sorted(ROOT.glob(pattern)) if path.is_file()]
        assert len(paths) > 50
        broken = []
        for path in paths:
            text = path.read_text(encoding="utf-8")
            for found in DOTTED.finditer(text):
                place = f"{path.relative_to(ROOT)}, line {text.count(chr(10), 0, found.start()) + 1}: {found[0]}"
                if f"{found[1]}.{found[2]}" in modules or found[2] not in published(found[1]):
                    broken.append(place)
            for found in re.finditer(rf"from ({'|'.join(LAYERS)}) import (?:\(([^)]+)|([\w, ]+))", text):
                names = set(re.findall(r"\w+", re.sub(r"#.*| as \w+", "", found[2] or found[3])))
                broken += [f"{path.relative_to(ROOT)}: {name}" for name in names - published(found[1])]
        assert broken == []

    def test_docstrings_and_messages_know_no_other_place(self):
        modules = {module for package in LAYERS for module in files(package)}
        broken = [
            f"{module}: {found[0]}"
            for package in LAYERS
            for module, path in files(package).items()
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            if isinstance(node, ast.Constant) and isinstance(node.value, str)
            for found in DOTTED.finditer(node.value)
            if f"{found[1]}.{found[2]}" in modules or found[2] not in published(found[1])
        ]
        assert broken == []


def test_importing_prints_nothing_registers_and_brings_no_package_that_is_not_needed_yet():
    script = (
        "import sys\n"
        "from transformers import AutoConfig, AutoModel, AutoModelForSequenceClassification, PreTrainedModel\n"
        "from transformers.models.auto.processing_auto import PROCESSOR_MAPPING\n"
        "from transformers.pipelines import PIPELINE_REGISTRY\n"
        "before = set(sys.modules)\n"  # Transformers itself brings SciPy and soundfile where they are installed
        "import modeling_emo, preprocess\n"
        "new = {name.split('.')[0] for name in set(sys.modules) - before}\n"
        "config = type(AutoConfig.for_model('emobert'))\n"
        "classifier = modeling_emo.EmoBertForSequenceClassification\n"
        "assert AutoModel._model_mapping[config] is modeling_emo.EmoBertModel\n"
        "assert AutoModelForSequenceClassification._model_mapping[config] is classifier\n"
        "assert PROCESSOR_MAPPING[config] is preprocess.EmoBertProcessor\n"
        "tokenizer = type(AutoConfig.for_model('vq_wav2vec'))\n"
        "assert AutoModel._model_mapping[tokenizer] is modeling_emo.VqWav2VecModel\n"
        "pipeline = PIPELINE_REGISTRY.supported_tasks['emotion-recognition']['impl']\n"
        "assert pipeline is modeling_emo.EmotionRecognitionPipeline\n"
        f"print(*sorted(new & {HEAVY}))\n"
    )
    assert run_fresh(script) == "\n"


def test_the_version_is_stated_once(tmp_path):
    """What is built has the version that `emobert.py` says, whichever that is."""
    for name in ("setup.py", "README.md", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path / name)
    module = (ROOT / "emobert.py").read_text(encoding="utf-8")
    changed, places = re.subn(r'(?m)^__version__ = ".+"$', '__version__ = "9.8.7"', module)
    assert places == 1
    (tmp_path / "emobert.py").write_text(changed, encoding="utf-8")
    setup = subprocess.run([sys.executable, "setup.py", "--version"], cwd=tmp_path, capture_output=True, text=True)
    assert setup.stdout.split()[-1] == "9.8.7"
    assert "version" not in (ROOT / "pyproject.toml").read_text(encoding="utf-8").partition("[tool.")[0]


def test_the_version_is_that_of_the_changelog():
    version = Version(run_fresh("import emobert; print(emobert.__version__)").strip())
    setup = subprocess.run([sys.executable, "setup.py", "--version"], cwd=ROOT, capture_output=True, text=True)
    assert Version(setup.stdout.split()[-1]) == version
    newest = re.search(r"^## \[(.+)\] - (.+)$", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert newest is not None
    assert version.base_version == newest[1]
    assert version.is_devrelease == (newest[2] == "unreleased")
