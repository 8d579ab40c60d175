"""Code beside the weights: which files, how they import each other, and who may claim them."""

import ast
import json
import sys
from pathlib import Path

import pytest
from transformers.dynamic_module_utils import get_relative_import_files, get_relative_imports

from configuration_emo import EmoBertConfig, Emotion2VecConfig, VqWav2VecConfig, hub_code
from configuration_emo.hub_code import PACKAGES, flat_sources, write_code
from modeling_emo import (
    EmoBertForSequenceClassification,
    Emotion2VecForAudioClassification,
    EmotionRecognitionPipeline,
    VqWav2VecModel,
)
from preprocess import EmoBertProcessor, Emotion2VecFeatureExtractor
from tests.tiny import tiny_processor


ROOT = Path(__file__).resolve().parents[2]
SAVED = (
    EmoBertConfig,
    Emotion2VecConfig,
    VqWav2VecConfig,
    EmoBertForSequenceClassification,
    Emotion2VecForAudioClassification,
    VqWav2VecModel,
    EmoBertProcessor,
    Emotion2VecFeatureExtractor,
)


@pytest.fixture
def packages(tmp_path, monkeypatch):
    """Two small packages in the place of ours: a function that writes files into them, by path."""
    monkeypatch.setattr(hub_code, "_ROOT", tmp_path)
    monkeypatch.setattr(hub_code, "PACKAGES", ("low", "high"))

    def write(**files):
        for name, source in files.items():
            path = tmp_path.joinpath(*name.split("__")).with_suffix(".py")
            if name.endswith("__init"):
                path = path.with_name("__init__.py")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(source)
        return tmp_path

    return write


class TestOurPackages:
    @pytest.mark.parametrize("cls", [*SAVED, EmotionRecognitionPipeline])
    def test_files_import_only_each_other(self, tmp_path, cls):
        files = write_code(tmp_path, cls)
        assert f"{cls.__module__.split('.')[-1]}.py" in {file.name for file in files}
        for file in files:
            assert {f"{name}.py" for name in get_relative_imports(file)} <= {other.name for other in files}
            modules = [
                name
                for node in ast.walk(ast.parse(file.read_text()))
                for name in ([node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else [])
            ]
            assert [name for name in modules if name.split(".")[0] in PACKAGES] == []

    def test_transformers_follows_them_all(self, tmp_path):
        files = write_code(tmp_path, EmoBertForSequenceClassification)
        followed = set(map(Path, get_relative_import_files(tmp_path / "modeling_emobert.py")))
        assert followed | {tmp_path / "modeling_emobert.py"} == set(files)
        assert tmp_path / "pipeline.py" in followed

    def test_all_of_it_fits_into_one_folder(self):
        """Models, configurations and processors are saved beside each other, each with its own code."""
        saved = [
            path
            for package in PACKAGES
            for path in (ROOT / package).rglob("*.py")
            if "_auto_map_classes" in path.read_text(encoding="utf-8") and path.stem != "hub_code"
        ]
        assert {Path(sys.modules[cls.__module__].__file__) for cls in SAVED} <= set(saved)
        apart = [name for path in saved for name in flat_sources(str(path))]
        assert {"pipeline", "processing_emobert"} <= set(apart)
        assert sorted(flat_sources(*map(str, saved))) == sorted(set(apart))  # or two modules have one name: an error

    def test_a_class_brings_no_more_than_it_needs(self, tmp_path):
        names = {file.stem for file in write_code(tmp_path, VqWav2VecModel)}
        assert names == {
            *("configuration_vq_wav2vec", "convolution_frames", "hub_code", "hub", "loaded_parts"),
            *("cpu_convolution", "modeling_vq_wav2vec", "vector_quantizer"),
        }

    def test_what_was_written_is_written_again_the_same(self, tmp_path):
        first = {file.name: file.read_text() for file in write_code(tmp_path, EmoBertForSequenceClassification)}
        assert flat_sources(str(tmp_path / "modeling_emobert.py")) == {
            name.removesuffix(".py"): source for name, source in first.items()
        }


class TestImports:
    def test_across_packages_in_functions_and_through_init(self, packages):
        root = packages(
            low____init="from .numbers import ONE as FIRST, TWO\nfrom .words import WORD\n",
            low__numbers="ONE, TWO = 1, 2\n",
            low__words="WORD = 'word'\n",
            low__part____init="from .inner import INNER\n",
            low__part__inner="from ..words import WORD\nINNER = WORD\n",
            high____init="",
            high__main=(
                '"""from low import nothing"""\n'
                "import os, numpy\n"
                "from low.words import (\n    WORD,\n)\n"
                "def late():\n"
                "    from low import (\n        FIRST,\n        TWO as second,  # the second\n    )\n"
                "    from low.part import INNER\n"
                "    return FIRST, second, INNER, WORD\n"
            ),
        )
        sources = flat_sources(str(root / "high" / "main.py"))
        assert sorted(sources) == ["inner", "main", "numbers", "words"]
        assert sources["main"] == (
            '"""from low import nothing"""\n'
            "import os, numpy\n"
            "from .words import (\n    WORD,\n)\n"
            "def late():\n"
            "    from .numbers import ONE as FIRST\n"
            "    from .numbers import TWO as second\n"
            "    from .inner import INNER\n"
            "    return FIRST, second, INNER, WORD\n"
        )
        assert sources["inner"] == "from .words import WORD\nINNER = WORD\n"

    def test_through_an_init_that_imports_nothing_yet(self, packages):
        root = packages(
            low____init=(
                "from typing import TYPE_CHECKING\n"
                "if TYPE_CHECKING:\n    from .numbers import ONE\nelse:\n    __getattr__ = len\n"
            ),
            low__numbers="ONE = 1\n",
            high__main="from low import ONE\n",
        )
        assert flat_sources(str(root / "high" / "main.py"))["main"] == "from .numbers import ONE\n"

    def test_circles_end(self, packages):
        root = packages(low__a="from .b import x\n", low__b="def f():\n    from .a import y\n")
        assert sorted(flat_sources(str(root / "low" / "a.py"))) == ["a", "b"]

    def test_two_modules_of_one_name_are_refused(self, packages):
        root = packages(low__audio="", high__audio="", high__main="from low.audio import x\nfrom .audio import y\n")
        with pytest.raises(ValueError, match=r"low/audio\.py.*high/audio\.py|high/audio\.py.*low/audio\.py"):
            flat_sources(str(root / "high" / "main.py"))

    @pytest.mark.parametrize(
        ("source", "message"),
        [
            ("import low.words\n", "line 1: write `from package.module import name`"),
            ("\nfrom . import words\n", "line 2: write `from .module import name`"),
            ("from low import missing\n", "does not import 'missing'"),
            ("from .nowhere import x\n", "line 1: there is neither"),
        ],
    )
    def test_what_cannot_be_followed_is_refused(self, packages, source, message):
        root = packages(low____init="", low__words="", high__main=source)
        with pytest.raises(ValueError, match=message):
            flat_sources(str(root / "high" / "main.py"))


class TestSaving:
    def test_a_configuration_names_and_writes_its_own_code(self, tmp_path):
        VqWav2VecConfig().save_pretrained(tmp_path)
        assert json.loads((tmp_path / "config.json").read_text())["auto_map"] == {
            "AutoConfig": "configuration_vq_wav2vec.VqWav2VecConfig"
        }
        assert {path.name for path in tmp_path.iterdir()} == {
            *("config.json", "configuration_vq_wav2vec.py", "convolution_frames.py", "hub_code.py")
        }

    def test_a_processor_names_and_writes_its_own_code(self, tmp_path):
        tiny_processor().save_pretrained(tmp_path)
        saved = json.loads((tmp_path / "processor_config.json").read_text())
        assert saved["auto_map"] == {"AutoProcessor": "processing_emobert.EmoBertProcessor"}
        code = {path.stem for path in tmp_path.glob("*.py")}
        assert {"processing_emobert", "load_audio", "decoding", "hub_code"} <= code
        assert "modeling_emobert" not in code

    def test_a_class_of_somebody_else_is_saved_without_our_code(self, tmp_path):
        class TheirConfig(EmoBertConfig):
            pass

        class TheirProcessor(EmoBertProcessor):
            pass

        ours = EmoBertConfig()
        ours.save_pretrained(tmp_path / "ours")
        assert ours.auto_map == {"AutoConfig": "configuration_emobert.EmoBertConfig"}
        theirs = TheirConfig.from_pretrained(tmp_path / "ours")
        theirs.save_pretrained(tmp_path / "theirs")
        assert json.loads((tmp_path / "theirs" / "config.json").read_text()).get("auto_map", {}) == {}
        processor = tiny_processor()
        TheirProcessor(processor.feature_extractor, processor.tokenizer).save_pretrained(tmp_path / "theirs")
        assert "auto_map" not in json.loads((tmp_path / "theirs" / "processor_config.json").read_text())
        assert list((tmp_path / "theirs").glob("*.py")) == []

    def test_a_class_that_its_author_registered_brings_its_own_code(self, tmp_path, monkeypatch):
        (tmp_path / "their_module.py").write_text(
            "from configuration_emo import VqWav2VecConfig\n\n\nclass TheirConfig(VqWav2VecConfig):\n    pass\n"
        )
        monkeypatch.syspath_prepend(str(tmp_path))
        from their_module import TheirConfig

        TheirConfig.register_for_auto_class()
        TheirConfig().save_pretrained(tmp_path / "theirs")
        saved = json.loads((tmp_path / "theirs" / "config.json").read_text())
        assert saved["auto_map"] == {"AutoConfig": "their_module.TheirConfig"}
        assert {path.name for path in (tmp_path / "theirs").glob("*.py")} == {"their_module.py"}
        sys.modules.pop("their_module")

    def test_pipelines_stay_in_the_file_and_out_of_transformers_sight(self, tmp_path):
        pipelines = {"emotion-recognition": {"impl": "pipeline.EmotionRecognitionPipeline", "pt": ["AutoModel"]}}
        config = EmoBertConfig(custom_pipelines=pipelines)
        assert not hasattr(config, "custom_pipelines")  # by which `pipeline()` would insist on remote code
        for folder in ("first", "second"):
            config.save_pretrained(tmp_path / folder)
            assert json.loads((tmp_path / folder / "config.json").read_text())["custom_pipelines"] == pipelines
            config = EmoBertConfig.from_pretrained(tmp_path / folder)
        assert EmoBertConfig(**config.to_dict()).to_dict() == config.to_dict()
        assert "custom_pipelines" not in EmoBertConfig().to_dict()
