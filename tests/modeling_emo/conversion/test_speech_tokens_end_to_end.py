"""Converted vq-wav2vec and Speech-BERT in one model: waveforms in, the original's token ids inside."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from modeling_emo import EmoBertForSequenceClassification
from modeling_emo.encoders.loading import build_encoder
from tests.fairseq_fixtures import REFERENCE, padded_batch, reference_waves
from tests.tiny_models import text_config


ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """The two checkpoints of the original, converted by the commands that the guide names."""
    folder = tmp_path_factory.mktemp("converted")
    tokenization = REFERENCE / "tokenization"
    commands = {
        "vq_wav2vec": ["--checkpoint", REFERENCE / "vq_wav2vec" / "tiny_kmeans_readme.pt"],
        "speech_bert": ["--checkpoint", tokenization / "bert_kmeans.pt", "--dict", tokenization / "dict.txt"],
    }
    for name, arguments in commands.items():
        module = f"modeling_emo.conversion.convert_{name}_fairseq_to_hf"
        command = [sys.executable, "-m", module, *map(str, arguments), "--output_dir", str(folder / name)]
        result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        assert result.returncode == 0, result.stderr[-3000:]
    return folder


@torch.no_grad()
def test_waveforms_and_the_original_s_token_ids_give_the_same_logits(folders, tmp_path):
    torch.manual_seed(0)
    model = EmoBertForSequenceClassification.from_text_speech_pretrained(
        build_encoder(text_config()),
        str(folders / "speech_bert"),
        str(folders / "vq_wav2vec"),
        num_labels=4,
        num_co_attention_heads=2,
        initializer_range=0.3,
    )
    assert model.emobert.speech_input_name == "input_values"
    expected_ids = original_ids()
    clips = reference_waves()[: len(expected_ids)]
    values, mask = padded_batch(clips, extra=700)
    together = model(input_values=values, speech_attention_mask=mask).logits
    for clip, ids, logits in zip(clips, expected_ids, together, strict=True):
        offline = model(speech_input_ids=torch.tensor([ids])).logits[0]
        torch.testing.assert_close(logits, offline, atol=1e-5, rtol=0)
        torch.testing.assert_close(model(input_values=torch.tensor(clip)[None]).logits[0], offline, atol=1e-5, rtol=0)
    assert together.std(0).min() > 1e-3, "the clips must differ, or the comparison shows nothing"
    model.save_pretrained(tmp_path)
    loaded = EmoBertForSequenceClassification.from_pretrained(tmp_path)
    assert torch.equal(loaded(input_values=values, speech_attention_mask=mask).logits, together)


def original_ids():
    """The ids that the original wrote for each clip, in the clips' order."""
    entries = json.loads((REFERENCE / "tokenization" / "token_ids.json").read_text())["tiny_kmeans_readme"]
    return [entry["ids"] for entry in sorted(entries, key=lambda entry: entry["clip"]) if entry["kind"] == "f32"]
