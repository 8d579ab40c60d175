"""A folder of emotion2vec, converted or saved, where EmoBERT cannot be imported."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from modeling_emo.conversion.convert_emotion2vec_to_hf import main
from tests.emotion2vec_fixtures import REFERENCE, converted, extracted, extractor_of, reference_clips
from tests.tiny_models import emobert, ragged_batch


ELSEWHERE = Path(__file__).with_name("elsewhere.py")
SCRIPT = """
import json, runpy, sys

runpy.run_path(sys.argv[1])  # from here on none of our packages can be imported
import numpy as np
import torch
from transformers import AutoFeatureExtractor, AutoModel, AutoModelForAudioClassification, pipeline

folder, result = sys.argv[2:]
clips = [np.load(f"{result}/clips.npz")[name] for name in ("first", "second")]
extractor = AutoFeatureExtractor.from_pretrained(folder, trust_remote_code=True)
classifier = AutoModelForAudioClassification.from_pretrained(folder, trust_remote_code=True).eval()
base = AutoModel.from_pretrained(folder, trust_remote_code=True).eval()
inputs = extractor(clips, sampling_rate=16_000, padding=True, return_tensors="pt")
with torch.no_grad():
    output = classifier(**inputs)
    states = base(**inputs).last_hidden_state
np.savez(f"{result}/outputs.npz", logits=output.logits, states=states, mask=output.frame_attention_mask)
classify = pipeline("audio-classification", model=folder, trust_remote_code=True)
report = {"best": classify(clips[0], top_k=1)[0]["label"], "classes": [], "refusal": ""}
report["classes"] = [f"{type(thing).__module__}.{type(thing).__name__}" for thing in (extractor, classifier, base)]
try:
    AutoModel.from_pretrained(folder)
except ValueError as error:
    report["refusal"] = str(error)
classifier.save_pretrained(f"{result}/again")
extractor.save_pretrained(f"{result}/again")
json.dump(report, open(f"{result}/report.json", "w"))
"""


def run_elsewhere(folder: Path, result: Path) -> None:
    """Loads the folder in a process that has nothing of ours."""
    result.mkdir()
    np.savez(result / "clips.npz", first=reference_clips()[0], second=reference_clips()[2])
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    environment |= {"HF_HOME": str(result / "home"), "HF_HUB_OFFLINE": "1"}
    command = [sys.executable, "-I", "-c", SCRIPT, str(ELSEWHERE), str(folder), str(result)]
    finished = subprocess.run(
        command, cwd=result, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    assert finished.returncode == 0, finished.stderr[-5000:]


@pytest.fixture(scope="module", params=["plus_large", "edge_pre_norm"])
def variant(request):
    return request.param


@pytest.fixture(scope="module", params=["converted", "saved"])
def folders(variant, request, tmp_path_factory):
    """Where the model is, and what another machine made of it."""
    place = tmp_path_factory.mktemp("emotion2vec")
    if request.param == "saved":
        converted(variant).save_pretrained(place / "model")
        extractor_of(variant).save_pretrained(place / "model")
    else:
        suffix = "pt" if variant == "plus_large" else "safetensors"
        main(
            [
                *("--checkpoint", str(REFERENCE / f"{variant}.{suffix}")),
                *("--config", str(REFERENCE / f"{variant}.config.yaml")),
                *("--tokens", str(REFERENCE / f"{variant}.tokens.txt")),
                *("--output_dir", str(place / "model")),
            ]
        )
    run_elsewhere(place / "model", place / "result")
    return place / "model", place / "result"


def test_it_computes_the_same(variant, folders):
    outputs = np.load(folders[1] / "outputs.npz")
    with torch.no_grad():
        expected = converted(variant)(**extracted(variant, [reference_clips()[0], reference_clips()[2]]))
    np.testing.assert_allclose(outputs["logits"], expected.logits, rtol=0, atol=1e-6)
    np.testing.assert_array_equal(outputs["mask"], expected.frame_attention_mask)
    np.testing.assert_allclose(outputs["states"][0], expected.last_hidden_state[0], rtol=0, atol=1e-6)
    report = json.loads((folders[1] / "report.json").read_text())
    assert report["best"] == converted(variant).config.id2label[int(expected.logits[0].argmax())]


def test_the_code_is_that_of_the_folder(folders):
    report = json.loads((folders[1] / "report.json").read_text())
    assert [name.rpartition(".")[2] for name in report["classes"]] == [
        *("Emotion2VecFeatureExtractor", "Emotion2VecForAudioClassification", "Emotion2VecModel")
    ]
    assert all(name.startswith("transformers_modules.") for name in report["classes"])
    assert "trust_remote_code=True" in report["refusal"]


def test_what_it_saves_is_what_it_was_given(folders):
    model, again = folders[0], folders[1] / "again"
    written = {path.name: path.read_text() for path in model.glob("*.py")}
    assert {path.name: path.read_text() for path in again.glob("*.py")} == written
    assert "modeling_emotion2vec.py" in written and "modeling_emobert.py" not in written
    for name in ("config.json", "preprocessor_config.json"):
        assert json.loads((again / name).read_text())["auto_map"] == json.loads((model / name).read_text())["auto_map"]


AS_AN_ENCODER = """
import runpy, sys

runpy.run_path(sys.argv[1])  # from here on none of our packages can be imported
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForSequenceClassification

model = AutoModelForSequenceClassification.from_pretrained(sys.argv[2], trust_remote_code=True)
with torch.no_grad():
    save_file({"logits": model(**load_file(f"{sys.argv[3]}/batch.safetensors")).logits}, f"{sys.argv[3]}/logits")
"""


def test_an_emobert_over_it_computes_the_same_elsewhere(tmp_path):
    model, batch = emobert("emotion2vec"), ragged_batch("emotion2vec")
    model.save_pretrained(tmp_path / "model")
    save_file(batch, tmp_path / "batch.safetensors")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    environment |= {"HF_HOME": str(tmp_path / "home"), "HF_HUB_OFFLINE": "1"}
    command = [sys.executable, "-I", "-c", AS_AN_ENCODER, str(ELSEWHERE), str(tmp_path / "model"), str(tmp_path)]
    finished = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert finished.returncode == 0, finished.stderr[-3000:]
    with torch.no_grad():
        torch.testing.assert_close(load_file(tmp_path / "logits")["logits"], model(**batch).logits)
