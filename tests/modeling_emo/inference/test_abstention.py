"""No label where the best score is too low, and a word where training never showed the model such an input."""

import csv
import json

import numpy as np
import pytest
import torch
from datasets import Dataset

from modeling_emo import EmotionRecognitionPipeline, predict_to_file, to_vtt
from modeling_emo.training.trained_inputs import trained_inputs
from tests.tiny import tiny_processor, tone, write_tone
from tests.tiny_models import emobert, emobert_config


LABELS = {0: "angry", 1: "happy", 2: "sad"}
RATE = 16_000


def pipeline(**config):
    model = emobert("moonshine", **{"id2label": LABELS, "temperature": 1.0, **config})
    with torch.no_grad():  # how sure it is depends on the temperature alone
        model.classifier.weight.zero_()
        model.classifier.bias.copy_(torch.tensor([0.0, 2.0, 1.0]))
    return EmotionRecognitionPipeline(model=model, processor=tiny_processor(), device=-1)


SURE = float(torch.tensor([0.0, 2.0, 1.0]).softmax(0)[1])  # 0.665


def test_below_the_threshold_there_is_no_label_and_the_scores_stay():
    recognise = pipeline()
    alone = recognise(text="how nice")
    labelled = recognise(text="how nice", abstain_below=SURE - 0.01)
    assert labelled == {"label": "happy", "abstained": False, "predictions": alone}
    unsure = recognise(text="how nice", abstain_below=SURE + 0.01, top_k=1)
    assert unsure == {"label": None, "abstained": True, "predictions": alone[:1]}
    assert pipeline(temperature=4.0)(text="how nice", abstain_below=SURE - 0.01)["abstained"]


def test_a_timeline_with_silence():
    sound = np.concatenate([tone(1.0), np.zeros(RATE, np.float32)])
    result = pipeline()((sound, RATE), chunk_length_s=1.0, stride_length_s=0.0, abstain_below=0.9)
    assert [(chunk["label"], chunk["abstained"]) for chunk in result["chunks"]] == [(None, True), (None, False)]
    assert result["chunks"][1]["predictions"] is None and result["abstained"]
    assert "[unsure]" in to_vtt(result)


def test_chosen_labels_are_what_is_compared():
    """Angry and happy alone: 0.88 of what is left."""
    result = pipeline()(text="how nice", labels=["angry", "happy"], abstain_below=0.8)
    assert result["label"] == "happy" and result["predictions"][0]["score"] == pytest.approx(0.8808, abs=1e-4)


@pytest.mark.parametrize(
    ("config", "threshold", "message"),
    [
        ({}, 1.5, "abstain_below must be a number from 0 to 1, got 1.5"),
        ({}, True, "abstain_below must be a number"),
        ({"problem_type": "regression", "temperature": None}, 0.5, "problem_type is 'regression'"),
        ({"problem_type": "multi_label_classification"}, 0.5, "problem_type is 'multi_label_classification'"),
    ],
)
def test_what_is_refused(config, threshold, message):
    with pytest.raises(ValueError, match=message):
        pipeline(**config)(text="how nice", abstain_below=threshold)


def test_an_untrained_input_is_told_of(tmp_path):
    recognise = pipeline(trained_inputs=["both"])
    sound = (tone(1.0), RATE)
    assert "untrained_input" not in recognise(sound, "how nice", return_text=True)
    assert recognise(sound, return_text=True)["untrained_input"] == "speech"
    assert recognise(text="how nice", return_text=True)["untrained_input"] == "text"
    assert "untrained_input" not in pipeline(trained_inputs=["both", "speech"])(sound, return_text=True)
    assert "untrained_input" not in pipeline()(sound, return_text=True)  # an older model does not say
    words = [{"text": "nice", "timestamp": (0.1, 0.4)}]
    timeline = recognise({"audio": sound, "words": words})
    assert "untrained_input" not in timeline["chunks"][0]

    write_tone(tmp_path / "a.wav", 0.5)
    write_tone(tmp_path / "b.wav", 0.5)
    given = [{"audio": str(tmp_path / "a.wav"), "text": None}, {"audio": str(tmp_path / "b.wav"), "text": "nice"}]
    predict_to_file(recognise, given, tmp_path / "out.csv", settings={}, abstain_below=0.9)
    first, second = map(json.loads, (tmp_path / "out.jsonl").read_text().splitlines())
    assert first["untrained_input"] == "speech" and "untrained_input" not in second
    rows = list(csv.DictReader((tmp_path / "out.csv").open()))
    assert [row["untrained_input"] for row in rows] == ["speech", ""]
    assert [(row["label"], row["abstained"]) for row in rows] == [("", "True")] * 2


def test_what_training_shows():
    def of(rows, modalities=None, **config):
        lengths = {"text_length": [text for text, _ in rows], "speech_length": [speech for _, speech in rows]}
        return trained_inputs(Dataset.from_dict(lengths), modalities, emobert_config(**config))

    assert of([(3, 100), (2, 50)]) == ["both"]
    assert of([(3, 100), (0, 50)]) == ["both", "speech"]
    assert of([(3, 100)], modality_dropout=0.3) == ["both", "text", "speech"]
    assert of([(3, 100)], unimodal_loss_weight=0.5) == ["both", "text", "speech"]
    assert of([(3, 100)], ("text",), modality_dropout=0.3) == ["text"]
    assert of([(3, 100)], modality_dropout=1.0) == ["text", "speech"]
    assert trained_inputs(Dataset.from_dict({"labels": [0]}), None, emobert_config()) is None
