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


@pytest.fixture
def calls(tmp_path):
    """A table with labels that the model calls otherwise, does not know, and with nothing of its `happy`."""
    labels = ["anger"] * 3 + ["sad"] * 2 + ["bored"] * 4
    rows = "".join(f"c{number},how nice,{label}\n" for number, label in enumerate(labels))
    (tmp_path / "calls").mkdir()
    (tmp_path / "calls" / "train.csv").write_text("id,text,label\n" + rows)
    return tmp_path / "calls"


@pytest.fixture
def prefers_happy(always_sad):
    """Of angry, happy and sad it answers happy; of angry and sad, sad."""
    model = EmoBertForSequenceClassification.from_pretrained(always_sad)
    with torch.no_grad():
        model.classifier.bias.copy_(torch.tensor([0.0, 5.0, 2.0]))
    model.save_pretrained(always_sad)
    return always_sad


def test_a_corpus_that_the_model_was_not_trained_on(prefers_happy, calls, tmp_path, capsys):
    given = ["--model_name_or_path", prefers_happy, "--corpus", "csv", "--data_dir", calls]
    given += ["--output_dir", tmp_path / "out", "--modalities", "text", "--num_resamples", 10]
    run_command("evaluate", [str(part) for part in [*given, "--label_map", "anger=angry"]])
    printed = capsys.readouterr().out
    assert "bored: 4 utterances left out, the model has no such label" in printed
    assert "Shared labels: angry, sad." in printed and "| text, shared labels | 5 |" in printed
    record = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert (record["n"], record["split"], record["left_out"]) == (5, "all", {"bored": 4})
    # Happy is never right; without it the answer is sad: two of five rows, one of two classes.
    assert record["metrics"]["text"]["wa"] == 0
    assert record["shared_labels"] == ["angry", "sad"]
    assert record["metrics_of_shared_labels"]["text"]["wa"] == pytest.approx(0.4)
    assert record["metrics_of_shared_labels"]["text"]["ua"] == pytest.approx(0.5)
    with (tmp_path / "out" / "predictions.csv").open(newline="") as file:
        assert [(row["label"], row["prediction"]) for row in csv.DictReader(file)][-1] == ("sad", "happy")


def test_what_a_corpus_cannot_be_tested_for(prefers_happy, calls, tmp_path):
    given = [str(part) for part in ("--model", prefers_happy, "--data_dir", calls, "--output_dir", tmp_path / "out")]
    with pytest.raises(ValueError, match="corpus_options and label_map are for a corpus that is read here"):
        run_command("evaluate", [*given, "--label_map", "anger=angry"])
    with pytest.raises(ValueError, match="leave protocol and calibrate out"):
        run_command("evaluate", [*given, "--corpus", "csv", "--calibrate", "true"])
    (calls / "train.csv").write_text("id,text,label\na,how nice,calm\nb,how nice,bored\n")
    with pytest.raises(ValueError, match=r"knows none of the labels of csv \(bored, calm\).*\n.*bored=angry"):
        run_command("evaluate", [*given, "--corpus", "csv"])


def test_the_probabilities_of_several_models_are_averaged(always_sad, tmp_path):
    """sad .97 and .02: together .5 sad, and .47 and .02 for happy and angry."""
    other = tmp_path / "other"
    model = EmoBertForSequenceClassification.from_pretrained(always_sad)
    for place, bias in ((always_sad, [0.0, 0.0, 5.0]), (other, [0.0, 4.0, 0.0])):
        with torch.no_grad():
            model.classifier.bias.copy_(torch.tensor(bias))
        model.save_pretrained(place)
    tiny_processor().save_pretrained(other)
    data = prepare(tmp_path, ["sad", "happy"])
    given = ["--model", always_sad, "--ensemble", other, "--data_dir", data, "--output_dir", tmp_path / "out"]
    run_command("evaluate", [str(part) for part in (*given, "--modalities", "text", "--num_resamples", 2)])
    record = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert record["ensemble"] == [str(always_sad), str(other)]
    with (tmp_path / "out" / "predictions.csv").open(newline="") as file:
        row = next(csv.DictReader(file))
    expected = [np.exp(bias) / np.exp(bias).sum() for bias in ([0.0, 0.0, 5.0], [0.0, 4.0, 0.0])]
    found = [float(row[f"score_{name}"]) for name in ("angry", "happy", "sad")]
    assert found == pytest.approx(np.mean(expected, axis=0), abs=1e-6)
