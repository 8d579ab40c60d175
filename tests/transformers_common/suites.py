"""Transformers' own common test-suites, imported from where `fetch.py` put them.

The source distribution lacks four small modules that the suites import. `absent_from_sdist.py` stands in for them.
"""

from __future__ import annotations

import importlib
import importlib.machinery
import importlib.util
import sys
from collections.abc import Callable
from fnmatch import fnmatchcase
from types import ModuleType

import pytest

from . import absent_from_sdist
from .fetch import COMMAND, suites_folder


# Not "tests", which is the name of our own.
PACKAGE = "transformers_sdist_tests"
ABSENT_MODULES = (
    f"{PACKAGE}.exporters.test_export",
    f"{PACKAGE}.generation.test_utils",
    f"{PACKAGE}.utils.test_configuration_utils",
    "fetch_hub_objects_for_ci",
)


def import_suite(name: str) -> ModuleType:
    """One module of the suites, such as `"test_modeling_common"`; fails the importing test module if not fetched."""
    folder = suites_folder()
    if not folder.is_dir():
        pytest.fail(f"Transformers' test-suites are not in {folder}: run `{COMMAND}`.", pytrace=False)
    if PACKAGE not in sys.modules:
        spec = importlib.machinery.ModuleSpec(PACKAGE, loader=None, is_package=True)
        spec.submodule_search_locations = [str(folder)]
        sys.modules[PACKAGE] = importlib.util.module_from_spec(spec)
    for module in ABSENT_MODULES:
        sys.modules.setdefault(module, absent_from_sdist)
    return importlib.import_module(f"{PACKAGE}.{name}")


def leave_out(reasons: dict[str, tuple[str, ...]]) -> Callable[[type], type]:
    """Class decorator that takes tests out which ask for what a class does not have, so that the skips that are left
    name what the machine lacks.

    Args:
        reasons (`dict[str, tuple[str, ...]]`): why a test does not apply -> names of tests, `*` for any characters.
    """

    def without_them(suite: type) -> type:
        patterns = [pattern for group in reasons.values() for pattern in group]
        for name in dir(suite):
            if any(fnmatchcase(name, pattern) for pattern in patterns):
                setattr(suite, name, None)
        return suite

    return without_them


ConfigTester = import_suite("test_configuration_common").ConfigTester
modeling = import_suite("test_modeling_common")
processing = import_suite("test_processing_common")
