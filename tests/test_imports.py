"""Imports run one way, and importing has no side effect but registration."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest


ROOT = Path(__file__).resolve().parent.parent
FORBIDDEN = {
    "configuration_emo": {"modeling_emo", "preprocess", "examples", "torch", "datasets"},
    "modeling_emo": {"preprocess", "examples"},
    "preprocess": {"modeling_emo", "examples"},
}


def imported_packages(path):
    """Top-level packages that a file imports, wherever in the file; relative imports stay inside."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield node.module.split(".")[0]


@pytest.mark.parametrize("package", FORBIDDEN)
def test_imports_run_one_way(package):
    files = sorted((ROOT / package).rglob("*.py"))
    assert files
    broken = {
        str(path.relative_to(ROOT)): sorted(set(imported_packages(path)) & FORBIDDEN[package])
        for path in files
        if set(imported_packages(path)) & FORBIDDEN[package]
    }
    assert broken == {}


def test_inside_a_package_imports_are_relative():
    broken = [
        str(path.relative_to(ROOT))
        for package in FORBIDDEN
        for path in (ROOT / package).rglob("*.py")
        if package in set(imported_packages(path))
    ]
    assert broken == []


def test_importing_prints_nothing_and_registers():
    script = (
        "import modeling_emo, preprocess\n"
        "from transformers import AutoConfig, AutoModelForSequenceClassification\n"
        "from transformers.models.auto.processing_auto import PROCESSOR_MAPPING\n"
        "config = AutoConfig.for_model('emobert')\n"
        "assert type(config) in AutoModelForSequenceClassification._model_mapping\n"
        "assert type(config) in PROCESSOR_MAPPING\n"
        "assert 'av' not in __import__('sys').modules and 'matplotlib.pyplot' not in __import__('sys').modules\n"
    )
    result = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert result.stdout == ""


def test_the_version_is_stated_once():
    assert "0.1.0" in (ROOT / "setup.py").read_text(encoding="utf-8")
    assert "0.1.0" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
