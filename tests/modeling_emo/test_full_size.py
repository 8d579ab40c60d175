"""A model of the published sizes, with random weights: built, saved, loaded and run end to end within 8 GB."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest


SCRIPT = """
import json, resource, sys

import torch
from transformers import RobertaConfig

from configuration_emo import EmoBertConfig, VqWav2VecConfig
from configuration_emo.speech_dictionary import SpeechDictionary
from modeling_emo import EmoBertForSequenceClassification

torch.manual_seed(0)
words = [(f"{index // 320}-{index % 320}", 1, False) for index in range(0, 102_400, 4)][:23_600]
dictionary = SpeechDictionary(words)
text = RobertaConfig(
    vocab_size=50_265, hidden_size=1024, num_hidden_layers=24, num_attention_heads=16, intermediate_size=4096,
    max_position_embeddings=514, type_vocab_size=1, layer_norm_eps=1e-5,
)
speech = RobertaConfig(
    vocab_size=len(dictionary), max_position_embeddings=2050, type_vocab_size=1, layer_norm_eps=1e-5
)
config = EmoBertConfig(
    text_config=text, speech_config=speech, speech_tokenizer_config=VqWav2VecConfig(),
    problem_type="one_vs_rest_classification", num_labels=4, num_co_attention_heads=2,
)
model = EmoBertForSequenceClassification(config).eval()
model.emobert.speech_tokenizer.codes_to_ids.load_dictionary(dictionary)
inputs = {"input_ids": torch.randint(4, 50_000, (1, 18)), "input_values": torch.randn(1, 64_000) * 0.1}
with torch.no_grad():
    before = model(**inputs).logits
model.save_pretrained(sys.argv[1])
num_parameters = model.num_parameters()
del model
model = EmoBertForSequenceClassification.from_pretrained(sys.argv[1]).eval()
with torch.no_grad():
    after = model(**inputs).logits
    ids, _ = model.emobert.speech_tokenizer(inputs["input_values"])
print(json.dumps({
    "equal": torch.equal(before, after), "shape": list(after.shape), "ids": ids.shape[1],
    "known": int((ids != 3).sum()), "parameters": num_parameters,
    "peak_gib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
}))
"""


@pytest.mark.slow
def test_a_full_size_model_fits_in_8_gb(tmp_path):
    root = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    result = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path)], env=environment, capture_output=True, text=True, timeout=1200
    )
    assert result.returncode == 0, result.stderr
    measured = json.loads(result.stdout.splitlines()[-1])
    assert measured["equal"]
    assert measured["shape"] == [1, 4, 2]
    assert measured["ids"] == 400  # 398 frames of 4 s, <s> and </s>
    assert measured["known"] > 2
    assert measured["parameters"] > 450e6
    assert measured["peak_gib"] < 8e9 / 2**30, measured
