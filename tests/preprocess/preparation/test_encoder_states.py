"""Cached states of frozen encoders: the same logits, losses and gradients as from the raw rows, computed once."""

import numpy as np
import pytest
import torch
from datasets import Dataset
from torch.testing import assert_close

from preprocess import EmoBertDataCollator, LabelEncoder, cache_encoder_states, prepare_dataset
from preprocess.preparation import encoder_states
from tests.tiny import tiny_processor, write_tone
from tests.tiny_models import emobert


TEXTS = ["how nice", "what a bad day", None, "i am so happy !"]
SECONDS = [0.3, 0.5, 0.4, None]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """Four rows, one without text and one without sound."""
    folder = tmp_path_factory.mktemp("corpus")
    rows = []
    for index, (text, seconds) in enumerate(zip(TEXTS, SECONDS, strict=True)):
        path = folder / f"{index}.wav"
        if seconds is not None:
            write_tone(path, seconds)
        audio = None if seconds is None else str(path)
        rows.append({"id": f"u{index}", "audio": audio, "text": text, "label": ["happy", "sad"][index % 2]})
    encoder = LabelEncoder("single_label_classification", {"happy": 0, "sad": 1})
    return prepare_dataset(Dataset.from_list(rows), tiny_processor(), encoder, output_dir=folder / "data")["train"]


def frozen(**kwargs):
    model = emobert("moonshine", num_labels=2, speech_pooling="mean_std", **kwargs)
    model.freeze_text_encoder()
    model.freeze_speech_encoder()
    return model


@pytest.mark.parametrize("layers", [{}, {"speech_layer": 1, "text_layer": [0, 2]}, {"use_weighted_layer_sum": True}])
def test_logits_and_gradients_are_those_of_the_raw_rows(prepared, tmp_path, layers):
    model = frozen(classifier_dropout=0.0, co_attention_dropout=0.0, **layers).train()
    collator = EmoBertDataCollator(tiny_processor())
    cached = cache_encoder_states(
        prepared, model, collator, modalities=("text", "speech"), cache_dir=tmp_path, batch_size=3
    )
    assert not {"input_ids", "attention_mask", "input_values"} & set(cached.column_names)

    def run(rows):
        model.zero_grad()
        output = model(**collator([rows[index] for index in range(len(rows))]))
        output.loss.backward()
        gradients = {name: weight.grad for name, weight in model.named_parameters() if weight.grad is not None}
        return output.logits.detach(), gradients

    logits, gradients = run(prepared)
    cached_logits, cached_gradients = run(cached)
    assert_close(cached_logits, logits, atol=1e-5, rtol=1e-5)
    assert cached_gradients.keys() == gradients.keys() and gradients
    for name, gradient in gradients.items():
        assert_close(cached_gradients[name], gradient, atol=1e-5, rtol=1e-4)


def test_the_stored_states_are_the_encoders_own(prepared, tmp_path):
    model = frozen(speech_layer=1)
    collator = EmoBertDataCollator(tiny_processor())
    cached = cache_encoder_states(prepared, model, collator, modalities=("speech",), cache_dir=tmp_path)
    assert {"input_ids", "speech_length", "labels"} <= set(cached.column_names)
    with torch.no_grad():
        values = torch.from_numpy(np.asarray(prepared[1]["input_values"]))[None]
        expected = model.emobert.speech_encoder(values, output_hidden_states=True).hidden_states[1][0]
    assert_close(torch.from_numpy(cached[1]["encoded_speech"]), expected, atol=1e-5, rtol=1e-5)
    assert cached[3]["encoded_speech"].shape == (0, 32)


def test_a_cache_is_used_again_and_not_for_other_weights_or_layers(prepared, tmp_path):
    collator = EmoBertDataCollator(tiny_processor())

    def files(model):
        cache_encoder_states(prepared, model, collator, modalities=("speech",), cache_dir=tmp_path)
        return {path: path.stat().st_mtime_ns for path in tmp_path.glob("*/*.arrow")}

    first = files(frozen(speech_layer=1))
    assert len(first) == 1
    assert files(frozen(speech_layer=1)) == first
    assert len(files(frozen(speech_layer=2))) == 2
    changed = frozen(speech_layer=1)
    with torch.no_grad():
        changed.emobert.speech_encoder.conv1.weight[0, 0, 0] += 1e-3
    assert len(files(changed)) == 3


def test_an_unknown_modality_is_refused(prepared, tmp_path):
    collator = EmoBertDataCollator(tiny_processor())
    with pytest.raises(ValueError, match="got 'video'"):
        cache_encoder_states(prepared, frozen(), collator, modalities=("video",), cache_dir=tmp_path)


@pytest.mark.parametrize(("held", "rows"), [(64, 2), (32 * 64, 4), (1, 1)])
def test_the_wider_the_states_the_fewer_rows_are_held(prepared, tmp_path, monkeypatch, held, rows):
    monkeypatch.setattr(encoder_states, "_VALUES_HELD", held)  # states are 32 wide
    seen = []

    class Counting(encoder_states._RowEncoder):
        def __call__(self, batch):
            seen.append(len(batch["id"]))
            return super().__call__(batch)

    monkeypatch.setattr(encoder_states, "_RowEncoder", Counting)
    collator = EmoBertDataCollator(tiny_processor())
    cache_encoder_states(prepared, frozen(), collator, modalities=("speech",), cache_dir=tmp_path, batch_size=1)
    assert max(seen) == rows and sum(seen) == 4
