"""emotion2vec of the released sizes, with random weights: built, saved, loaded and run on 20 s within 6 GB."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest


SCRIPT = """
import json, resource, sys

import torch

from configuration_emo import Emotion2VecConfig
from modeling_emo import Emotion2VecForAudioClassification

torch.manual_seed(0)
model = Emotion2VecForAudioClassification(Emotion2VecConfig(**json.loads(sys.argv[2]), num_labels=9)).eval()
waveform = torch.randn(1, 20 * 16_000)
with torch.no_grad():
    before = model(waveform).logits
model.save_pretrained(sys.argv[1])
counts = model.emotion2vec.num_parameters(), model.num_parameters()
del model
model = Emotion2VecForAudioClassification.from_pretrained(sys.argv[1]).eval()
with torch.no_grad():
    output = model(waveform, output_frame_logits=True)
print(json.dumps({
    "difference": (before - output.logits).abs().max().item(), "frames": list(output.frame_logits.shape),
    "parameters": counts, "spread": output.frame_logits.std(1).min().item(),
    "peak_gb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9,
}))
"""
SIZES = {
    "base": ({}, 93_171_212, 93_178_133),
    "plus_large": (
        {"hidden_size": 1024, "num_attention_heads": 16, "intermediate_size": 4096},
        162_130_960,
        162_140_185,
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("size", SIZES)
def test_a_released_size_fits_in_6_gb(size, tmp_path):
    changes, without_head, with_head = SIZES[size]
    root = Path(__file__).parents[2]
    result = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path), json.dumps(changes)],
        env={**os.environ, "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        timeout=1200,
    )
    assert result.returncode == 0, result.stderr
    measured = json.loads(result.stdout.splitlines()[-1])
    print(measured)
    assert measured["difference"] < 1e-5 < measured["spread"], measured
    assert measured["frames"] == [1, 999, 9]
    assert measured["parameters"] == [without_head, with_head]
    assert measured["peak_gb"] < 6, measured
