"""What a processor's fingerprint depends on."""

from configuration_emo import hub_code
from preprocess.preparation.preparation_fingerprint import processor_fingerprint
from tests.tiny import tiny_processor


def test_the_code_beside_a_processor_does_not_count(monkeypatch):
    fingerprint = processor_fingerprint(tiny_processor())
    monkeypatch.setattr(hub_code, "flat_sources", lambda *files: {"processing_emobert": "# another version of it"})
    assert processor_fingerprint(tiny_processor()) == fingerprint


def test_settings_count_and_earlier_use_does_not():
    processor = tiny_processor()
    fingerprint = processor_fingerprint(processor)
    processor(text=["how nice", "so sad"], return_tensors="np")
    assert processor_fingerprint(processor) == fingerprint
    assert processor_fingerprint(processor.limit_text(8)) != fingerprint
    assert processor_fingerprint(tiny_processor("normalized")) != fingerprint
