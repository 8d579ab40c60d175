"""A recording folder and two tiny encoders on disk, for the example scripts to work on."""

import csv
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from matplotlib.image import imread
from transformers import BertConfig, BertModel, BertTokenizer, MoonshineModel, Wav2Vec2FeatureExtractor

from tests.tiny_models import speech_config


ROOT = Path(__file__).resolve().parent.parent.parent
WORDS = ["bad", "sad", "dull", "fine", "good", "great", "the", "day", "was"]
SCORES = {"bad": -3.0, "sad": -2.0, "dull": -1.0, "fine": 1.0, "good": 2.0, "great": 3.0}


def run_script(name, *arguments):
    """Runs `examples/<name>` as a person does; returns what it printed."""
    command = [sys.executable, str(ROOT / "examples" / name), *map(str, arguments)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=environment)
    assert result.returncode == 0, result.stderr[-4000:]
    return result.stdout


def is_a_picture(path):
    """Whether a plot was drawn there, of many colours; what is on it is for the tests of plots."""
    pixels = imread(path)
    return min(pixels.shape[:2]) > 200 and len(np.unique(pixels.reshape(-1, pixels.shape[2]), axis=0)) > 10


@pytest.fixture(scope="session")
def encoders(tmp_path_factory):
    """Folders of a text encoder with its tokenizer and of a Moonshine encoder with its feature extractor."""
    folder = tmp_path_factory.mktemp("encoders")
    vocabulary = {word: index for index, word in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS])}
    torch.manual_seed(0)
    sizes = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    BertModel(BertConfig(vocab_size=len(vocabulary), **sizes)).save_pretrained(folder / "text")
    BertTokenizer(vocab=vocabulary).save_pretrained(folder / "text")
    MoonshineModel(speech_config("moonshine")).get_encoder().save_pretrained(folder / "speech")
    Wav2Vec2FeatureExtractor(do_normalize=False, return_attention_mask=True).save_pretrained(folder / "speech")
    return folder


@pytest.fixture(scope="session")
def recordings(tmp_path_factory):
    """A table of 60 rated utterances over three splits, their tones, and three rows that cannot be used."""
    folder = tmp_path_factory.mktemp("recordings")
    generator = np.random.default_rng(0)
    for split, count in (("train", 36), ("validation", 12), ("test", 13)):
        rows = []
        for index in range(count):
            word = list(SCORES)[index % len(SCORES)]
            time = np.arange(int(16_000 * generator.uniform(0.2, 0.5))) / 16_000
            name = f"{split}_{index}.wav"
            soundfile.write(folder / name, 0.3 * np.sin(2 * np.pi * (400 + 100 * SCORES[word]) * time), 16_000)
            rows.append(
                {"id": f"{split}_{index}", "audio": name, "text": f"the day was {word}", "label": SCORES[word]}
            )
        if split == "train":
            (folder / "empty.wav").write_bytes(b"")
            rows.append({"id": "empty", "audio": "empty.wav", "text": "the day was fine", "label": 1.0})
            rows.append({"id": "absent", "audio": "absent.wav", "text": "the day was fine", "label": 1.0})
            rows.append({"id": "beyond", "audio": rows[0]["audio"], "text": "the day was great", "label": 5.0})
        with (folder / f"{split}.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, fieldnames=["id", "audio", "text", "label"])
            writer.writeheader()
            writer.writerows(rows)
    return folder
