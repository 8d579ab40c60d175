"""Every file of examples/configs is read by its commands, prepares, and trains two steps on tiny encoders."""

import csv
import json

import pytest
import soundfile
import torch
import yaml
from transformers import (
    MoonshineModel,
    RobertaConfig,
    RobertaModel,
    Wav2Vec2FeatureExtractor,
    WhisperFeatureExtractor,
    WhisperModel,
)

from commands_emo import parse_command, run_command
from modeling_emo.conversion import convert_speech_bert_fairseq_to_hf, convert_vq_wav2vec_fairseq_to_hf
from tests.examples.conftest import ROOT
from tests.fairseq_fixtures import REFERENCE
from tests.tiny import tiny_tokenizer, tone
from tests.tiny_models import speech_config


CONFIGS = sorted((ROOT / "examples" / "configs").glob("*.yaml"))
SECTIONS = {"prepare": "prepare", "train": "train", "evaluate": "evaluate", "cross_validation": "cross-validate"}
SECTIONS |= {"predict": "predict", "cross_corpus": "cross-corpus"}


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """A folder for each encoder that the files name, with as many layers as they read."""
    folder = tmp_path_factory.mktemp("encoders")
    torch.manual_seed(0)
    sizes = {"hidden_size": 32, "num_hidden_layers": 8, "num_attention_heads": 2, "intermediate_size": 32}
    RobertaModel(RobertaConfig(vocab_size=30, **sizes, max_position_embeddings=40)).save_pretrained(folder / "text")
    tiny_tokenizer(model_max_length=30).save_pretrained(folder / "text")
    moonshine = speech_config("moonshine")
    moonshine.encoder_num_hidden_layers = 3
    MoonshineModel(moonshine).get_encoder().save_pretrained(folder / "moonshine")
    Wav2Vec2FeatureExtractor(do_normalize=False, return_attention_mask=True).save_pretrained(folder / "moonshine")
    whisper = speech_config("whisper")
    whisper.encoder_layers = 6
    WhisperModel(whisper).save_pretrained(folder / "whisper")
    WhisperFeatureExtractor(feature_size=8, chunk_length=1).save_pretrained(folder / "whisper")
    vq_wav2vec = REFERENCE / "vq_wav2vec" / "tiny_kmeans_readme.pt"
    convert_vq_wav2vec_fairseq_to_hf.main(["--checkpoint", str(vq_wav2vec), "--output_dir", str(folder / "vq")])
    tokenization = REFERENCE / "tokenization"
    convert_speech_bert_fairseq_to_hf.main(
        ["--checkpoint", str(tokenization / "bert_kmeans.pt"), "--dict", str(tokenization / "dict.txt")]
        + ["--output_dir", str(folder / "speech_bert")]
    )
    return folder


def write_corpus(folder, prepare):
    """A table for each part, with the file's labels, or scores in its range."""
    folder.mkdir()
    low, high = prepare.get("label_range", (-1, 1))
    names = prepare.get("labels") or ["sad", "happy"]
    is_score = prepare["problem_type"] == "regression"
    for part, split in enumerate(("train", "validation", "test")):
        rows = []
        for row in range(max(6, len(names))):
            soundfile.write(folder / f"{split}_{row}.wav", tone(0.5, frequency=200 + 50 * row), 16_000)
            label = low + (high - low) * row / 6 if is_score else names[row % len(names)]
            rows.append(
                [f"{split}_{row}.wav", "how nice this is !", label, f"{part}{row % 3}", f"{part}{row % 2}", row]
            )
        with (folder / f"{split}.csv").open("w", newline="") as file:
            csv.writer(file).writerows([["audio", "text", "label", "speaker", "dialogue", "turn"], *rows])
    options = {"numeric_labels": is_score}
    options |= {name: value for name, value in prepare.get("corpus_options", {}).items() if name == "context_turns"}
    return {"corpus": "csv", "data_dir": folder, "corpus_options": json.dumps(options)}


def flags(**options):
    return [part for name, value in options.items() for part in (f"--{name}", str(value))]


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_section_is_read(path):
    sections = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert {"prepare", "train", "evaluate"} <= set(sections) <= set(SECTIONS)
    for section in sections:
        parse_command(SECTIONS[section], [str(path)])
    # What one section writes, the next reads.
    assert sections["train"]["data_dir"] == sections["evaluate"]["data_dir"] == sections["prepare"]["output_dir"]
    assert sections["evaluate"]["model"] == sections["train"]["output_dir"]


# The others are trained on trees of their corpora by test_corpus_recipes.py.
TRAINED = [path for path in CONFIGS if path.stem not in ("iemocap", "msp_podcast")]


@pytest.mark.parametrize("path", TRAINED, ids=lambda path: path.stem)
def test_prepares_and_trains_two_steps(path, models, tmp_path):
    sections = yaml.safe_load(path.read_text(encoding="utf-8"))
    kind = next(name for name in ("whisper", "moonshine", "speech_bert") if name in sections["train"]["speech_model"])
    encoders = {"text_model": models / "text", "speech_model": models / kind}
    given = write_corpus(tmp_path / "corpus", sections["prepare"])
    if kind == "speech_bert":
        given["speech_tokenizer"] = models / "vq"
    places = flags(**encoders, **given, output_dir=tmp_path / "data", label_map="{}", num_proc=1)
    run_command("prepare", [str(path), *places])
    run_command(
        "train",
        [str(path), *flags(**encoders, data_dir=tmp_path / "data", output_dir=tmp_path / "model", max_steps=2)]
        + ["--disable_tqdm", "true"],
    )
    state = json.loads((tmp_path / "model" / "trainer_state.json").read_text())
    assert state["global_step"] == 2
    record = json.loads((tmp_path / "model" / "training_record.json").read_text())
    assert record["train"]["max_steps"] == 2 and (tmp_path / "model" / "model.safetensors").is_file()
