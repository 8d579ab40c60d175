"""Public names: each is imported when it is first asked for, and no other is offered."""

import importlib
import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

import configuration_emo
import modeling_emo
import preprocess
from modeling_emo.training.trainer import EmoBertTrainer


FACES = (configuration_emo, modeling_emo, preprocess)


@pytest.fixture
def shop(tmp_path, monkeypatch):
    """A package with two public names, in two modules that say when they are imported."""
    folder = tmp_path / "shop"
    folder.mkdir()
    (folder / "__init__.py").write_text(
        "from typing import TYPE_CHECKING\n"
        "from configuration_emo.lazy_names import lazy_names\n"
        "if TYPE_CHECKING:\n"
        "    from .bread import bake, price as bread_price\n"
        "    from .cellar.wine import pour\n"
        "else:\n"
        "    __getattr__, __dir__ = lazy_names(__name__)\n"
        "__all__ = ['bake', 'bread_price', 'pour']\n"
    )
    (folder / "bread.py").write_text("def bake():\n    return 'bread'\nprice = 3\n")
    (folder / "cellar").mkdir()
    (folder / "cellar" / "wine.py").write_text("import no_such_package\ndef pour(): pass\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield importlib.import_module("shop")
    for name in [name for name in sys.modules if name.split(".")[0] == "shop"]:
        del sys.modules[name]


class TestLazyNames:
    def test_a_name_is_imported_when_it_is_asked_for_and_kept(self, shop):
        assert "shop.bread" not in sys.modules
        assert shop.bake() == "bread"
        assert vars(shop)["bake"] is sys.modules["shop.bread"].bake
        assert "shop.cellar" not in sys.modules

    def test_a_name_may_be_another_one_in_its_module(self, shop):
        assert shop.bread_price == 3
        assert not hasattr(shop, "price")

    def test_modules_are_no_names_until_they_are_imported(self, shop):
        assert not hasattr(shop, "bread")
        from shop import bread

        assert bread.price == 3
        assert shop.bread is bread

    def test_dir_has_the_names_and_python_s_own(self, shop):
        shop.bake()
        assert [name for name in dir(shop) if not name.startswith("__")] == ["bake", "bread_price", "pour"]
        assert {"__all__", "__doc__", "__path__"} <= set(dir(shop))

    @pytest.mark.parametrize(
        ("name", "message"),
        [
            ("bakes", "module 'shop' has no attribute 'bakes': did you mean bake?"),
            ("nonexistent", "module 'shop' has no attribute 'nonexistent'"),
        ],
    )
    def test_other_names_are_refused_with_those_that_are_near(self, shop, name, message):
        with pytest.raises(AttributeError) as caught:
            getattr(shop, name)
        assert str(caught.value) == message
        with pytest.raises(ImportError, match=f"cannot import name '{name}' from 'shop'"):
            exec(f"from shop import {name}")

    def test_a_missing_package_is_named(self, shop):
        with pytest.raises(ModuleNotFoundError, match="no_such_package"):
            _ = shop.pour


class TestOurPackages:
    @pytest.mark.parametrize("face", FACES)
    def test_dir_and_all_are_the_names(self, face):
        assert [name for name in dir(face) if not name.startswith("__")] == sorted(face.__all__)

    @pytest.mark.parametrize("face", FACES)
    def test_a_star_brings_them_all(self, face):
        brought: dict[str, object] = {}
        exec(f"from {face.__name__} import *", brought)
        assert {name for name in brought if name != "__builtins__"} == set(face.__all__)

    def test_a_name_is_the_one_of_its_module(self):
        assert modeling_emo.EmoBertTrainer is EmoBertTrainer

    def test_pickles_name_the_module(self):
        assert pickle.loads(pickle.dumps(modeling_emo.EmoBertTrainer)) is EmoBertTrainer
        utterance = preprocess.Utterance("a", text="Oh.")
        assert pickle.loads(pickle.dumps(utterance)) == utterance

    def test_type_checkers_see_types(self, tmp_path):
        pytest.importorskip("mypy", reason="mypy is part of the extra `quality`")
        (tmp_path / "reader.py").write_text(
            "import modeling_emo\n"
            "from modeling_emo import metric_function_for, read_training_record\n"
            "from preprocess import Utterance\n"
            "reveal_type(metric_function_for)\n"
            "reveal_type(Utterance('a').text)\n"
            "modeling_emo.nonexistent\n"
        )
        others = ("torch", "numpy", "transformers", "datasets", "sklearn", "matplotlib", "huggingface_hub", "httpx")
        (tmp_path / "mypy.ini").write_text(
            "[mypy]\nignore_missing_imports = true\n"
            + "".join(f"[mypy-{name}.*]\nfollow_imports = skip\n" for name in others)
        )
        options = ["--config-file", "mypy.ini", "--no-implicit-reexport", "--follow-imports", "silent"]
        command = [sys.executable, "-m", "mypy", *options, "--cache-dir", "cache", "reader.py"]
        environment = os.environ | {"MYPYPATH": str(Path(modeling_emo.__path__[0]).parent)}
        result = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
        function, attribute, error, _ = result.stdout.splitlines()
        assert "EmoBertConfig" in function and '-> modeling_emo.metrics.two_steps.TwoStepMetrics"' in function
        assert attribute.endswith('Revealed type is "str | None"')
        assert error.endswith('Module has no attribute "nonexistent"  [attr-defined]')
