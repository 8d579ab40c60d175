"""What `pip install emobert` brings: declared dependencies, every file that is needed, and a page whose links lead."""

import ast
import os
import re
import subprocess
import sys
import tarfile
import zipfile
from importlib.metadata import packages_distributions
from pathlib import Path
from shutil import copytree, ignore_patterns

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.test_imports import LAYERS, OPTIONAL, files, imported_packages


ROOT = Path(__file__).resolve().parent.parent
SOURCES = {
    **{module: path for package in LAYERS for module, path in files(package).items()},
    **{str(path.relative_to(ROOT)): path for path in ROOT.glob("metrics/*/*.py")},
}
# What only an extra brings, and where it may be imported.
OF_EXTRAS = dict.fromkeys((*OPTIONAL, "espeakng_loader"), "")
OF_EXTRAS |= dict.fromkeys(("fastapi", "gradio", "pydantic", "starlette"), "commands_emo.serving")
IGNORED = ignore_patterns(".*", "outputs", "build", "dist", "*.egg-info", "__pycache__", "fixtures")
BUILD = (
    "import sys; from setuptools import build_meta as backend; target = sys.argv[1];"
    "backend.build_sdist(target); backend.build_wheel(target)"
)


def declared() -> tuple[set[str], set[str]]:
    """Distributions that are always installed, and those of the extras."""
    tree = ast.parse((ROOT / "setup.py").read_text(encoding="utf-8"))
    always: list[str] = []
    extras: dict[str, list[str]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.keyword) and node.arg == "install_requires":
            always = ast.literal_eval(node.value)
        elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "EXTRAS":
            extras = ast.literal_eval(node.value)
    of_extras = [line for lines in extras.values() for line in lines]
    first, second = ({canonicalize_name(Requirement(line).name) for line in lines} for lines in (always, of_extras))
    return first, second


def test_all_that_is_imported_is_declared():
    always, of_extras = declared()
    distributions = packages_distributions()
    missing = []
    for module, path in SOURCES.items():
        for name in set(imported_packages(path)) - sys.stdlib_module_names - {*LAYERS, "emobert"}:
            owners = {canonicalize_name(owner) for owner in distributions[name]}
            optional = name in OF_EXTRAS and module.startswith(OF_EXTRAS[name])
            if not owners & (of_extras if optional else always):
                missing.append(f"{module}: {name}")
    assert missing == []


def test_every_dependency_states_its_lower_bound():
    always, of_extras = declared()
    source = (ROOT / "setup.py").read_text(encoding="utf-8").replace("_", "-").lower()
    unbounded = [name for name in always | of_extras if not re.search(rf'"{name}(\[\w+\])?>=', source)]
    assert unbounded == ["types-pyyaml"]  # stubs; they follow mypy


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Path:
    """A folder with the source distribution and the wheel."""
    copy, target = tmp_path_factory.mktemp("source") / "emobert", tmp_path_factory.mktemp("dist")
    copytree(ROOT, copy, ignore=IGNORED)
    environment = {"EMOBERT_REPOSITORY": "https://code.example/emobert/"}
    ended = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", BUILD, str(target)],
        cwd=copy,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 0, ended.stderr
    return target


def test_source_distribution_has_what_a_reader_needs(built):
    (path,) = built.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    pages = {
        str(path.relative_to(ROOT))
        for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("metrics/*/*"))
    }
    pages = {name for name in pages if "__pycache__" not in name}
    assert pages | {"CITATION.cff", "LICENSE", "mkdocs.yml", "Makefile", "emobert.py"} <= names


def test_wheel_has_every_module_and_the_metrics(built):
    (path,) = built.glob("*.whl")
    with zipfile.ZipFile(path) as archive:
        names = set(archive.namelist())
        (metadata,) = [archive.read(name).decode() for name in names if name.endswith("METADATA")]
    assert {str(path.relative_to(ROOT)) for package in LAYERS for path in files(package).values()} <= names
    metrics = {
        f"modeling_emo/metric_modules/{path.relative_to(ROOT / 'metrics')}" for path in ROOT.glob("metrics/*/*.*")
    }
    assert len(metrics) == 10
    assert {name for name in names if "metric_modules" in name} == metrics
    assert not any(name.startswith(("tests", "examples", "metrics", "docs")) for name in names)
    links = re.findall(r"\]\(([^)\s]+)\)", metadata)
    assert len(links) > 20
    assert [link for link in links if not link.startswith("https://")] == []
    assert "https://code.example/emobert/blob/main/docs/encoders.md" in links
    assert "Project-URL: Source, https://code.example/emobert\n" in metadata
    assert "Author: The EmoBERT contributors\n" in metadata


def test_without_an_address_the_page_has_no_dead_links():
    shown = subprocess.run(
        [sys.executable, "setup.py", "--long-description"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    links = re.findall(r"\]\(([^)\s]+)\)", shown)
    assert [link for link in links if not link.startswith("https://")] == []
    assert "the table" in shown


def test_wheel_alone_loads_its_metrics(built, tmp_path):
    (path,) = built.glob("*.whl")
    with zipfile.ZipFile(path) as archive:
        archive.extractall(tmp_path / "site")
    script = (
        "import sys\n"
        "sys.path.insert(0, sys.argv[1])\n"
        "import evaluate, modeling_emo\n"
        "assert modeling_emo.__file__.startswith(sys.argv[1])\n"
        "metric = evaluate.load(modeling_emo.metric_path('emotion_accuracy'), cache_dir=sys.argv[2])\n"
        "print(metric.compute(predictions=[0, 1, 1], references=[0, 1, 0], label_names=['happy', 'sad'])['ua'])\n"
    )
    ended = subprocess.run(
        [sys.executable, "-I", "-c", script, str(tmp_path / "site"), str(tmp_path / "cache")],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert ended.stdout == "0.75\n", ended.stderr
