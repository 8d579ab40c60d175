"""A fingerprint changes with what a model says, and with nothing else."""

import torch

from modeling_emo import EmoBertForSequenceClassification
from modeling_emo.inference.fingerprints import model_fingerprint, recording_state
from tests.tiny_models import emobert


def test_is_of_weights_and_configuration(tmp_path):
    model = emobert("moonshine")
    fingerprint = model_fingerprint(model)
    model.save_pretrained(tmp_path / "a")
    assert model_fingerprint(EmoBertForSequenceClassification.from_pretrained(tmp_path / "a")) == fingerprint
    with torch.no_grad():
        model.classifier.bias[0] += 1e-6
    assert model_fingerprint(model) != fingerprint
    with torch.no_grad():
        model.classifier.bias[0] = emobert("moonshine").classifier.bias[0]
    assert model_fingerprint(model) == fingerprint
    model.config.id2label = {0: "a", 1: "b", 2: "c"}
    assert model_fingerprint(model) != fingerprint
    assert model_fingerprint(emobert("moonshine").to(torch.bfloat16)) != fingerprint


def test_state_of_a_recording(tmp_path):
    path = tmp_path / "a.wav"
    path.write_bytes(b"1234")
    assert recording_state(path) == recording_state(str(path)) == [4, path.stat().st_mtime_ns]
    for audio in (None, tmp_path / "absent.wav", "https://example.org/a.wav", b"1234", "a\0b", "x" * 9999):
        assert recording_state(audio) is None
