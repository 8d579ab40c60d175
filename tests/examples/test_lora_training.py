"""The training script with `--lora`: the adapter, and the merged model that the other scripts take."""

import json

import numpy as np
import pytest
import torch
import yaml
from peft import PeftModel
from torch.testing import assert_close
from transformers import AutoModel

from commands_emo.arguments import LoraArguments
from modeling_emo import EmoBertForSequenceClassification
from preprocess import EmoBertDataCollator, EmoBertProcessor, load_prepared
from tests.examples.conftest import run_script


# Fields of EmoBertConfig.
MODEL = {"text_pooling": "mean", "speech_pooling": "mean_std", "standardize_speech": True, "regression_loss": "l1"}


@pytest.fixture(scope="module")
def config_file(encoders, recordings, tmp_path_factory):
    folder = tmp_path_factory.mktemp("lora")
    both = {"text_model": str(encoders / "text"), "speech_model": str(encoders / "speech")}
    sections = {
        "prepare": {
            **both,
            "corpus": "csv",
            "data_dir": str(recordings),
            "problem_type": "regression",
            "labels": ["sentiment"],
            "output_dir": str(folder / "data"),
        },
        "train": {
            **both,
            **MODEL,
            "lora": True,
            "lora_r": 4,
            "freeze_speech_encoder": True,
            "augmentation": {"noise_snr_db": [10, 20], "speed": [0.9, 1.1], "probability": 1.0},
            "data_dir": str(folder / "data"),
            "output_dir": str(folder / "model"),
            "learning_rate": "5e-3",
            "num_train_epochs": 10,
            "per_device_train_batch_size": 8,
            "eval_strategy": "epoch",
            "save_strategy": "epoch",
            "save_total_limit": 1,
            "load_best_model_at_end": True,
            "metric_for_best_model": "mae",
            "greater_is_better": False,
            "logging_steps": 1,
            "report_to": "none",
            "use_cpu": True,
            "seed": 3,
        },
    }
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(sections), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def trained(config_file):
    run_script("prepare_dataset.py", config_file)
    run_script("run_emotion_recognition.py", config_file)
    return config_file.parent / "model"


@torch.no_grad()
def test_the_merged_model_is_the_adapter_on_a_fresh_model(trained, encoders):
    history = json.loads((trained / "trainer_state.json").read_text())["log_history"]
    losses = [entry["loss"] for entry in history if "loss" in entry]
    assert np.mean(losses[-5:]) < 0.7 * np.mean(losses[:5])
    options = json.loads((trained / "training_record.json").read_text())["hyper_parameters"]
    assert options["lora_r"] == 4 and options["augmentation"]["speed"] == [0.9, 1.1]

    merged = EmoBertForSequenceClassification.from_pretrained(trained)
    before = AutoModel.from_pretrained(encoders / "text").state_dict()
    after = merged.emobert.text_encoder.state_dict()
    attention = "encoder.layer.0.attention.self."
    update = after[attention + "query.weight"] - before[attention + "query.weight"]
    assert torch.linalg.matrix_rank(update, atol=1e-6) == 4
    assert torch.equal(after[attention + "key.weight"], before[attention + "key.weight"])
    assert merged.emobert.speech_standardization.std.std() > 0

    fresh = EmoBertForSequenceClassification.from_text_speech_pretrained(
        str(encoders / "text"), str(encoders / "speech"), num_labels=1, **MODEL
    )
    adapted = PeftModel.from_pretrained(fresh, trained / "adapter").eval()
    collator = EmoBertDataCollator(EmoBertProcessor.from_pretrained(trained))
    rows = load_prepared(trained.parent / "data").datasets["test"]
    batch = collator([rows[index] for index in range(5)])
    assert_close(merged(**batch).logits, adapted(**batch).logits, atol=1e-5, rtol=1e-5)


def test_prediction_takes_the_merged_model(trained, tmp_path):
    output = tmp_path / "out.jsonl"
    run_script("predict.py", "--model", trained, "--text", "the day was great", "--output", output)
    model = EmoBertForSequenceClassification.from_pretrained(trained)
    inputs = EmoBertProcessor.from_pretrained(trained)(text=["the day was great"], return_tensors="pt")
    result = json.loads(output.read_text())
    assert result["predictions"][0]["score"] == pytest.approx(model(**inputs).logits.item(), abs=1e-5)


def test_lora_on_a_frozen_encoder_is_refused():
    frozen = {"text": False, "speech": True}
    assert LoraArguments(lora=True).encoders(frozen) == ["text"]
    assert LoraArguments(lora=True, lora_encoders=["text"]).encoders(frozen) == ["text"]
    with pytest.raises(ValueError, match="an encoder that freeze_speech_encoder freezes"):
        LoraArguments(lora=True, lora_encoders=["speech"]).encoders(frozen)
    with pytest.raises(ValueError, match="freeze_text_encoder, freeze_speech_encoder freezes"):
        LoraArguments(lora=True).encoders({"text": True, "speech": True})
