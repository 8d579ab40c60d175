"""The paper's YAML files as a person runs them, with full-size encoders of random weights, in 12 GB of memory."""

import resource
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import RobertaConfig, RobertaModel, RobertaTokenizer, Wav2Vec2FeatureExtractor

from preprocess.corpora.token_files import write_token_file
from tests.examples.conftest import run_script


CONFIGS = Path(__file__).parents[2] / "examples" / "configs"
LABELS = {"iemocap": ["neu", "sad", "ang", "hap", "exc"], "mosei": ["-1.0", "0.5", "2.0"], "mosi": ["-3.0", "0.0"]}
SPEECH_VOCABULARY = 23_600
LIMIT = 12e9


@pytest.fixture(scope="module")
def encoders(tmp_path_factory):
    """Folders like those of roberta-large, with a tokenizer of a few words, and of a converted Speech-BERT."""
    folder = tmp_path_factory.mktemp("full_size")
    torch.manual_seed(0)
    large = {"hidden_size": 1024, "num_hidden_layers": 24, "num_attention_heads": 16, "intermediate_size": 4096}
    text = RobertaConfig(vocab_size=50_265, max_position_embeddings=514, **large)
    RobertaModel(text, add_pooling_layer=False).save_pretrained(folder / "text")
    words = {word: index for index, word in enumerate(["<s>", "<pad>", "</s>", "<unk>", "<mask>", "a", "b"])}
    RobertaTokenizer(vocab=words, merges=[]).save_pretrained(folder / "text")
    speech = RobertaConfig(vocab_size=SPEECH_VOCABULARY, max_position_embeddings=2050)
    RobertaModel(speech, add_pooling_layer=False).save_pretrained(folder / "speech")
    Wav2Vec2FeatureExtractor(do_normalize=False).save_pretrained(folder / "speech")
    return folder


def write_corpus(folder, labels):
    """Manifests and token files of 16 training, 3 validation and 3 test utterances, lengths as in the corpora."""
    generator = np.random.default_rng(0)
    for split, count in (("train", 16), ("valid", 3), ("test", 3)):
        ids = [f"{split}_{index}" for index in range(count)]
        lines = {"_a.tsv": [], "_t.tsv": [], "_size.tsv": []}
        for name in ids:
            text = [0, *generator.integers(4, 50_000, generator.integers(3, 60)), 2]
            speech = [0, *generator.integers(4, SPEECH_VOCABULARY, generator.integers(150, 900)), 2]
            write_token_file(folder / "tokens" / split / "text" / f"{name}.txt", [int(token) for token in text])
            write_token_file(folder / "tokens" / split / "audio_token" / f"{name}.txt", [int(id) for id in speech])
            lines["_a.tsv"].append(f"{name}.wav")
            lines["_t.tsv"].append(f"{name}.txt")
            lines["_size.tsv"].append(f"{name},{len(text)},{len(speech)}")
        for ending, rows in lines.items():
            (folder / f"{split}{ending}").write_text("".join(f"{row}\n" for row in rows))
        rows = [f"{name},{labels[index % len(labels)]}\n" for index, name in enumerate(ids)]
        (folder / f"label_file_{split}.csv").write_text("".join(rows))


@pytest.mark.slow
@pytest.mark.parametrize("name", LABELS)
def test_a_few_steps_fit_in_12_gb(name, encoders, tmp_path):
    write_corpus(tmp_path, LABELS[name])
    config = CONFIGS / f"paper_{name}.yaml"
    both = ("--text_model", encoders / "text", "--speech_model", encoders / "speech")
    options = f'{{"token_dir": "{tmp_path / "tokens"}"}}'
    data = ("--data_dir", tmp_path, "--corpus_options", options, "--output_dir", tmp_path / "data")
    run_script("prepare_dataset.py", config, *both, *data)
    printed = run_script(
        *("run_emotion_recognition.py", config, *both, "--data_dir", tmp_path / "data"),
        *("--output_dir", tmp_path / "model", "--max_steps", 2, "--logging_steps", 1, "--use_cpu"),
        *("--save_strategy", "no", "--eval_strategy", "no", "--load_best_model_at_end", "false"),
    )
    losses = [line for line in printed.splitlines() if "'loss'" in line]
    assert len(losses) == 2 and "nan" not in " ".join(losses)
    # Of all processes so far, so an upper bound of this one's; weights, gradients and Adam's state alone are 7 GB.
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
    assert 7e9 < peak < LIMIT
    print(f"paper_{name}: peak {peak / 1e9:.2f} GB at most")
