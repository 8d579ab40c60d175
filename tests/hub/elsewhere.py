"""Another machine: loads from the Hub of HF_ENDPOINT what was pushed, where EmoBERT cannot be imported.

Run as `python -I tests/hub/elsewhere.py first|second <folder> <result>`. It uses nothing of this repository.
"""

import importlib.abc
import json
import sys
from pathlib import Path


PACKAGES = ("commands_emo", "configuration_emo", "emobert", "modeling_emo", "preprocess", "examples", "tests")


class NotInstalled(importlib.abc.MetaPathFinder):
    """Before all other finders, so that it does not matter how the packages are installed: editable, as a wheel, or
    by a path. They are then missing as they are on a machine that never heard of them."""

    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in PACKAGES:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return None


sys.meta_path.insert(0, NotInstalled())

import numpy as np  # noqa: E402
import torch  # noqa: E402
from transformers import (  # noqa: E402
    AutoConfig,
    AutoModel,
    AutoModelForSequenceClassification,
    AutoProcessor,
    pipeline,
)


UTTERANCE = {"audio": "clip.wav", "text": "how nice this is !"}
TRUST = {"trust_remote_code": True}


def first(folder: Path, result: Path) -> None:
    """Loads all that was pushed, computes with it, and saves and pushes some of it again."""
    report = {"imports": not_importable(), "refusals": refusals()}
    inputs = np.load(folder / "inputs.npz")
    outputs = {}
    for name in ("tokens", "waveform", "speech-tokens"):
        model = AutoModelForSequenceClassification.from_pretrained(f"tester/{name}", **TRUST)
        outputs[name] = logits(model, inputs, name)
    model = AutoModelForSequenceClassification.from_pretrained("tester/waveform", revision="v1", **TRUST)
    outputs["waveform-v1"] = logits(model, inputs, "waveform-v1")
    model = AutoModelForSequenceClassification.from_pretrained("lab/trained", **TRUST)
    outputs["trained"] = logits(model, inputs, "trained")

    base = AutoModel.from_pretrained("tester/waveform", **TRUST)
    vq_wav2vec = AutoModel.from_pretrained("lab/vq_wav2vec", **TRUST)
    batch = tensors(inputs, "speech-tokens")
    codes = vq_wav2vec.encode(batch["input_values"], batch["speech_attention_mask"])
    outputs["vq_wav2vec"] = codes.audio_codes.numpy()

    processor = AutoProcessor.from_pretrained("tester/waveform", **TRUST)
    encoded = processor(text=[UTTERANCE["text"]], audio=[str(folder / "clip.wav")], return_tensors="np")
    outputs.update({f"processor/{key}": value for key, value in encoded.items()})

    config = AutoConfig.from_pretrained("tester/waveform", **TRUST)
    recognise = pipeline("emotion-recognition", model="tester/pipe", **TRUST)
    report["pipeline"] = recognise({**UTTERANCE, "audio": str(folder / "clip.wav")})
    things = (config, model, base, vq_wav2vec, processor, recognise)
    report["classes"] = [f"{type(thing).__module__}.{type(thing).__name__}" for thing in things]

    save_again(recognise, vq_wav2vec, result)
    np.savez(result / "outputs.npz", **outputs)
    (result / "report.json").write_text(json.dumps(report))


def save_again(recognise, vq_wav2vec, result: Path) -> None:
    """With the code from the Hub as the running classes."""
    recognise.model.push_to_hub("tester/again")
    recognise.processor.push_to_hub("tester/again")
    recognise.model.config.push_to_hub("tester/again")
    recognise.save_pretrained(result / "pipe")
    recognise.save_pretrained(result / "pipe")
    recognise.model.save_pretrained(result / "model")
    recognise.model.save_pretrained(result / "model", push_to_hub=True, repo_id="tester/again-at-once")
    vq_wav2vec.save_pretrained(result / "vq_wav2vec")


def second(folder: Path, result: Path) -> None:
    """Loads what was saved and pushed again, on yet another machine."""
    utterance = {**UTTERANCE, "audio": str(folder / "clip.wav")}
    report = {"pipelines": {}}
    for place in ("tester/again", str(result / "pipe")):
        recognise = pipeline("emotion-recognition", model=place, **TRUST)
        report["pipelines"][place] = recognise(utterance)
    AutoModel.from_pretrained(str(result / "vq_wav2vec"), **TRUST)
    AutoModelForSequenceClassification.from_pretrained("tester/again-at-once", **TRUST)
    recognise.save_pretrained(result / "third")  # of classes that came from a folder
    report["third"] = pipeline("emotion-recognition", model=str(result / "third"), **TRUST)(utterance)
    (result / "second.json").write_text(json.dumps(report))


def not_importable() -> list[str]:
    missing = []
    for package in PACKAGES:
        try:
            __import__(package)
        except ModuleNotFoundError as error:
            missing.append(error.name)
    return missing


def refusals() -> dict[str, str]:
    """What is said without `trust_remote_code`."""
    loaders = {
        "config": AutoConfig.from_pretrained,
        "model": AutoModelForSequenceClassification.from_pretrained,
        "processor": AutoProcessor.from_pretrained,
        "pipeline": lambda repository: pipeline("emotion-recognition", model=repository),
    }
    said = {}
    for name, load in loaders.items():
        try:
            load("tester/waveform")
        except ValueError as error:
            said[name] = str(error)
    return said


def tensors(inputs, name: str) -> dict[str, torch.Tensor]:
    return {key.split("/")[1]: torch.from_numpy(inputs[key]) for key in inputs if key.startswith(f"{name}/")}


@torch.no_grad()
def logits(model, inputs, name: str) -> np.ndarray:
    return model.eval()(**tensors(inputs, name)).logits.numpy()


if __name__ == "__main__":
    {"first": first, "second": second}[sys.argv[1]](Path(sys.argv[2]), Path(sys.argv[3]))
