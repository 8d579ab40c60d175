"""`import emobert`: one name for all that the three packages publish."""

import subprocess
import sys

import pytest

import configuration_emo
import emobert
import modeling_emo
import preprocess


PACKAGES = (configuration_emo, modeling_emo, preprocess)


def test_has_every_public_name_once():
    names = {name for package in PACKAGES for name in package.__all__}
    assert sorted(emobert.__all__) == dir(emobert) == sorted(names)
    assert all(getattr(emobert, name) is getattr(package, name) for package in PACKAGES for name in package.__all__)
    with pytest.raises(AttributeError, match="module 'emobert' has no attribute 'EmoBert'"):
        emobert.EmoBert  # noqa: B018


def test_registers_with_transformers():
    script = (
        "import emobert\n"
        "from transformers import AutoConfig\n"
        "from transformers.pipelines import PIPELINE_REGISTRY\n"
        "print(AutoConfig.for_model('emobert').model_type, 'emotion-recognition' in PIPELINE_REGISTRY.supported_tasks)"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert ended.stdout == "emobert True\n", ended.stderr
