"""A test corpus prepared on its own, scored against the classes that it names."""

import csv
import json

import numpy as np
import pytest
import torch
from datasets import Dataset, DatasetDict

from commands_emo import run_command
from modeling_emo import EmoBertForSequenceClassification, EmotionRecognitionPipeline
from preprocess import EmoBertProcessor, LabelEncoder, prepare_dataset
from tests.examples.conftest import run_script
from tests.tiny import tiny_feature_extractor, tiny_processor, tiny_tokenizer
from tests.tiny_models import emobert


@pytest.fixture
def always_sad(tmp_path):
    """A saved model that knows angry, happy and sad, and answers sad."""
    model = emobert("wav2vec2-layer-norm", id2label={0: "angry", 1: "happy", 2: "sad"})
    with torch.no_grad():
        model.classifier.weight.zero_()
        model.classifier.bias.copy_(torch.tensor([0.0, 0.0, 5.0]))
    model.save_pretrained(tmp_path / "model")
    tiny_processor().save_pretrained(tmp_path / "model")
    return tmp_path / "model"


def prepare(folder, labels, processor=None):
    common = {"text": "how nice", "audio": None}
    rows = [{"id": f"u{index}", "label": label, **common} for index, label in enumerate(labels)]
    data = DatasetDict({"test": Dataset.from_list(rows)})
    encoder = LabelEncoder.from_dataset(data, "single_label_classification")
    info = {"corpus": "other", "protocol": "all of it"}
    prepare_dataset(data, processor or tiny_processor(), encoder, output_dir=folder / "data", info=info)
    return folder / "data"


def test_labels_are_matched_by_name(always_sad, tmp_path):
    truth = ["sad"] * 6 + ["happy"] * 2
    data = prepare(tmp_path, truth)
    given = ("--model", always_sad, "--data_dir", data, "--output_dir", tmp_path / "out", "--modalities", "text")
    run_script("evaluate_emotion_recognition.py", *given, "--num_resamples", 10)
    record = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert record["metrics"]["text"]["wa"] == 0.75 and record["metrics"]["text"]["ua"] == 0.5
    with (tmp_path / "out" / "predictions.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["label"] for row in rows] == truth and {row["prediction"] for row in rows} == {"sad"}


@pytest.mark.parametrize(
    ("labels", "extractor", "said"),
    [
        (["sad", "bored"], "waveform", "the labels bored, sad, the model angry, happy, sad"),
        (["sad", "happy"], "normalized", "was prepared with another feature extractor than that of"),
    ],
)
def test_data_of_another_model_are_refused(always_sad, tmp_path, labels, extractor, said):
    data = prepare(tmp_path, labels, EmoBertProcessor(tiny_feature_extractor(extractor), tiny_tokenizer()))
    given = ["--model", always_sad, "--data_dir", data, "--output_dir", tmp_path / "out", "--modalities", "text"]
    with pytest.raises(ValueError, match=said):
        run_command("evaluate", [str(part) for part in given])


def test_a_temperature_is_fitted_on_validation_and_saved_with_the_model(always_sad, tmp_path):
    """A model that is 98.7 % sure (logits 0, 0, 5) and right 3 times of 4: softmax(5 / T) is 3 / 4 at T = 2.79."""
    labels = ["sad"] * 6 + ["happy"] * 2
    rows = [
        {"id": f"u{index}", "label": label, "text": "how nice", "audio": None} for index, label in enumerate(labels)
    ]
    data = DatasetDict({"validation": Dataset.from_list(rows), "test": Dataset.from_list(rows)})
    encoder = LabelEncoder.from_dataset(data, "single_label_classification")
    info = {"corpus": "other", "protocol": "all of it"}
    prepare_dataset(data, tiny_processor(), encoder, output_dir=tmp_path / "data", info=info)
    (always_sad / "training_record.json").write_text(json.dumps({"seed": 1, "checkpoint_selection": "the last one"}))
    given = ["--model", always_sad, "--data_dir", tmp_path / "data", "--output_dir", tmp_path / "out"]
    given = [str(part) for part in [*given, "--modalities", "text", "--num_resamples", 10, "--calibrate", "true"]]
    before = json.loads((always_sad / "config.json").read_text())
    with pytest.raises(
        ValueError, match="--calibrate is for data that was not trained on and is not tested on, got test"
    ):
        run_command("evaluate", given)
    run_command("evaluate", [*given, "--split", "validation", "--model_card", "true"])
    after = json.loads((always_sad / "config.json").read_text())
    assert after.pop("temperature") == pytest.approx(5 / np.log(6), rel=1e-3)
    before.pop("temperature", None)
    assert after == before
    assert "0.237, 0.000 with the temperature" in (tmp_path / "out" / "README.md").read_text()
    recognise = EmotionRecognitionPipeline(
        model=EmoBertForSequenceClassification.from_pretrained(always_sad), processor=tiny_processor(), device=-1
    )
    assert recognise(text="how nice", top_k=1)[0]["score"] == pytest.approx(0.75, abs=1e-3)
