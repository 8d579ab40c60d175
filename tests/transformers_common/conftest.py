"""What the suites take for granted: their pytest markers, and our classes among Transformers' own."""

import pytest
from transformers.models.auto import modeling_auto


SUITE_MARKERS = (
    "accelerate_tests",
    "flash_attn_test",
    "flash_attn_3_test",
    "flash_attn_4_test",
    "order",
    "torch_compile_test",
)


def pytest_configure(config):
    for marker in SUITE_MARKERS:
        config.addinivalue_line("markers", f"{marker}: set by Transformers' common suites")


@pytest.fixture(autouse=True)
def listed_among_transformers_models(monkeypatch):
    """The suites recognise a class by its name in these tables, which registering does not change: without this they
    would never pass labels."""
    monkeypatch.setitem(modeling_auto.MODEL_MAPPING_NAMES, "emobert", "EmoBertModel")
    monkeypatch.setitem(modeling_auto.MODEL_MAPPING_NAMES, "emotion2vec", "Emotion2VecModel")
    monkeypatch.setitem(modeling_auto.MODEL_MAPPING_NAMES, "vq_wav2vec", "VqWav2VecModel")
    monkeypatch.setitem(
        modeling_auto.MODEL_FOR_AUDIO_CLASSIFICATION_MAPPING_NAMES, "emotion2vec", "Emotion2VecForAudioClassification"
    )
    monkeypatch.setitem(
        modeling_auto.MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES, "emobert", "EmoBertForSequenceClassification"
    )
