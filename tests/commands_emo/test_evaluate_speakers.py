"""`emobert evaluate` fits how speakers differ, and adapts to them."""

import json

import numpy as np
import pytest
import torch
from datasets import Dataset, DatasetDict

from commands_emo import run_command
from modeling_emo import EmoBertForSequenceClassification, adapt_to_speakers, fit_speaker_statistics
from preprocess import LabelEncoder, prepare_dataset
from tests.tiny import tiny_processor
from tests.tiny_models import emobert


WORDS = ["how nice", "what a bad day", "so it is", "nice !", "bad", "what is it", "a day"]


@pytest.fixture
def folder(tmp_path):
    """A model, and data of five speakers whose texts, labels and voices go round."""
    model = emobert("wav2vec2-layer-norm", id2label={0: "angry", 1: "happy", 2: "sad"})
    with torch.no_grad():
        model.classifier.weight.mul_(20)
    model.save_pretrained(tmp_path / "model")
    tiny_processor().save_pretrained(tmp_path / "model")
    rows = [
        {
            "id": f"u{number}",
            "label": ("angry", "happy", "sad")[number % 3],
            "text": WORDS[number * number % 7],
            "audio": None,
            "speaker": f"s{number % 5}",
        }
        for number in range(40)
    ]
    data = DatasetDict({"validation": Dataset.from_list(rows), "test": Dataset.from_list(rows[:30])})
    encoder = LabelEncoder.from_dataset(data, "single_label_classification")
    info = {"corpus": "other", "protocol": "all of it"}
    prepare_dataset(data, tiny_processor(), encoder, output_dir=tmp_path / "data", info=info)
    (tmp_path / "model" / "training_record.json").write_text('{"seed": 1, "checkpoint_selection": "the last one"}')
    return tmp_path


def evaluate(folder, *given):
    places = ["--model", folder / "model", "--data_dir", folder / "data", "--output_dir", folder / "out"]
    common = [*places, "--modalities", "text", "--num_resamples", 10, *given]
    run_command("evaluate", [str(part) for part in common])


def logits_of(folder, rows):
    model = EmoBertForSequenceClassification.from_pretrained(folder / "model").eval()
    texts = [WORDS[number * number % 7] for number in range(rows)]
    batch = tiny_processor()(text=texts, return_tensors="pt")
    with torch.no_grad():
        return model(**batch).logits.numpy(), model.config


def test_statistics_of_validation_are_saved_and_used(folder, capsys):
    with pytest.raises(ValueError, match="no speaker statistics to adapt with"):
        evaluate(folder, "--adapt_to_speakers", "equal")
    with pytest.raises(ValueError, match="--calibrate_speakers is for data that was not trained on"):
        evaluate(folder, "--calibrate_speakers", "true")
    evaluate(folder, "--split", "validation", "--calibrate_speakers", "true")
    assert "speaker statistics of 40 rows of 5 speakers, validation" in capsys.readouterr().out
    logits, config = logits_of(folder, 40)
    labels, speakers = np.arange(40) % 3, [f"s{number % 5}" for number in range(40)]
    expected = fit_speaker_statistics(logits, labels, speakers, config).to_dict()
    for name, values in expected.items():
        np.testing.assert_allclose(config.speaker_statistics[name], values, atol=1e-4)
    record = json.loads((folder / "model" / "training_record.json").read_text())
    assert record["hyper_parameters"]["speaker statistics"] == "40 rows of 5 speakers, validation"

    evaluate(folder, "--adapt_to_speakers", "unknown", "--model_card", "true")
    metrics = json.loads((folder / "out" / "metrics.json").read_text())
    assert list(metrics["metrics"]) == ["text", "adapted"] and metrics["adapt_to_speakers"] == "unknown"
    adapted = adapt_to_speakers(logits[:30], speakers[:30], config).argmax(-1)
    assert metrics["metrics"]["adapted"]["wa"] == pytest.approx((adapted == labels[:30]).mean())
    assert metrics["metrics"]["text"]["wa"] == pytest.approx((logits[:30].argmax(-1) == labels[:30]).mean())
    assert (adapted != logits[:30].argmax(-1)).any()
    assert "adapted to speakers" in (folder / "out" / "README.md").read_text()


def test_an_ensemble_has_no_speakers_of_its_own(folder):
    with pytest.raises(ValueError, match="no calibration, adapt_to_speakers or model_card"):
        evaluate(folder, "--ensemble", folder / "model", "--adapt_to_speakers", "equal")


def test_groups_by_the_columns_of_the_data(folder, capsys):
    evaluate(folder, "--groups", "speaker", "sex")
    groups = json.loads((folder / "out" / "metrics.json").read_text())["groups"]
    assert groups["speaker"]["sizes"] == {f"s{number}": 6 for number in range(5)} and list(groups) == ["speaker"]
    assert "sex: the corpus does not tell it, no groups are compared" in capsys.readouterr().out
    (folder / "model" / "config.json").unlink()  # refused before the model is read
    with pytest.raises(ValueError, match="Unknown groups age; valid are speaker, sex, length, snr"):
        evaluate(folder, "--groups", "age")
