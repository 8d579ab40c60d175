"""What is written for readers holds: examples of docstrings run, files and commands that a page names are there."""

import doctest
import re
from importlib import import_module
from pathlib import Path

import pytest

from commands_emo.command_line import COMMANDS, OTHERS
from tests.test_imports import LAYERS, files


ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("metrics/**/*.md")])
WITH_EXAMPLES = [
    module
    for package in LAYERS
    for module, path in files(package).items()
    if ">>> " in path.read_text(encoding="utf-8")
]


@pytest.mark.parametrize("module", WITH_EXAMPLES)
def test_examples_of_docstrings(module):
    flags = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
    failed, tried = doctest.testmod(import_module(module), optionflags=flags)
    assert failed == 0


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_and_commands_of_a_page(page):
    text = page.read_text(encoding="utf-8")
    links = [link.split("#")[0] for link in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in link]
    # The reference is made when the site is.
    missing = [link for link in links if link and not link.startswith("api/") and not (page.parent / link).exists()]
    assert missing == []
    commands = re.findall(r"(?:^|`)emobert ([a-z][a-z-]*)(?: ([a-z][a-z0-9-]*))?", text, re.MULTILINE)
    unknown = [command for command in commands if command[0] not in COMMANDS and command not in OTHERS]
    assert unknown == []
    scripts = re.findall(r"\b((?:examples|benchmarks|tests)/[\w/]+\.(?:py|yaml))\b", text)
    assert [script for script in scripts if not (ROOT / script).exists()] == []
    modules = re.findall(r"python -m ((?:modeling_emo|preprocess|commands_emo)[\w.]*)", text)
    known = {module for package in LAYERS for module in files(package)}
    assert [module for module in modules if module not in known and not module.endswith("_")] == []
