"""Integrated gradients of the voice against their definition."""

import numpy as np
import pytest
import torch

from modeling_emo.explanation.explain import explain_prediction
from modeling_emo.explanation.explained_value import explained_value
from tests.modeling_emo.explanation.test_explain import (
    FAMILIES,
    TEXT,
    model_and_processor,
    model_with_speech_tokenizer,
)
from tests.tiny import tiny_processor, tone


OPTIONS = {"label": 1, "span_method": "integrated_gradients", "span_s": 0.1}


@pytest.mark.parametrize("family", FAMILIES)
def test_contributions_add_up_to_what_the_voice_makes_different(family):
    model, processor = model_and_processor(family)
    inputs = {"audio": tone(0.45), "text": TEXT}
    explanation = explain_prediction(model, processor, inputs, num_steps=200, **OPTIONS)
    values = [span.attribution for span in explanation.spans]
    assert len(values) == 5 and np.isfinite(values).all() and min(map(abs, values)) > 0

    batch = processor(text=[TEXT], audio=[inputs["audio"]], sampling_rate=16_000, return_tensors="pt")
    name = processor.speech_input_name
    whole = batch[name].clone()
    time_axis = 2 if family == "whisper" else 1
    heard = int(batch["speech_attention_mask"].sum())
    silence = whole.clone()
    sound = silence.narrow(time_axis, 0, heard)
    sound[:] = 0 if whole.dim() == 2 else sound.amin(time_axis, keepdim=True)
    with torch.no_grad():
        value = explained_value(model(**batch).logits, 1, model.config).item()
        batch[name] = silence
        silent_value = explained_value(model(**batch).logits, 1, model.config).item()
    assert explanation.span_baseline_value == pytest.approx(silent_value, abs=1e-5)
    assert sum(values) == pytest.approx(value - silent_value + explanation.span_convergence_delta, abs=1e-4)
    if whole.dim() == 3:  # encoders of waveforms normalise loudness away: the straight line jumps at silence
        assert abs(explanation.span_convergence_delta) < 0.05 * np.abs(values).sum()


def test_a_span_is_the_sum_of_its_samples():
    model, processor = model_and_processor("wav2vec2-layer-norm")
    fine, coarse = (
        explain_prediction(model, processor, {"audio": tone(0.4)}, **{**OPTIONS, "span_s": span_s})
        for span_s in (0.1, 0.2)
    )
    pairs = np.array([span.attribution for span in fine.spans]).reshape(2, 2).sum(1)
    assert [span.attribution for span in coarse.spans] == pytest.approx(pairs.tolist(), abs=1e-6)


def test_silencing_has_no_sum():
    model, processor = model_and_processor("moonshine")
    explanation = explain_prediction(model, processor, {"audio": tone(0.4)})
    assert explanation.span_baseline_value is None and explanation.span_convergence_delta is None


def test_what_has_no_gradient_is_refused():
    model, processor = model_with_speech_tokenizer(), tiny_processor()
    with pytest.raises(ValueError, match="Speech token ids have no gradient"):
        explain_prediction(model, processor, {"audio": tone(0.4)}, **OPTIONS)
    with pytest.raises(ValueError, match="span_method must be one of silencing, integrated_gradients, got 'ig'"):
        explain_prediction(model, processor, {"audio": tone(0.4)}, span_method="ig")
