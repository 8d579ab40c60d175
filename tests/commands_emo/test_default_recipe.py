"""Training without any option: what is filled in, and when nothing is."""

import json

import pytest
import torch
from datasets import Dataset, DatasetDict
from transformers import AutoFeatureExtractor, AutoTokenizer

from commands_emo import run_command
from commands_emo.command_line import parse_command
from commands_emo.default_recipe import MAX_ROWS, fill_in
from modeling_emo import EmoBertForSequenceClassification
from preprocess import EmoBertProcessor, LabelEncoder, prepare_dataset
from tests.examples.conftest import encoders, recordings  # noqa: F401


@pytest.fixture(scope="module")
def data_dir(encoders, recordings, tmp_path_factory):  # noqa: F811
    """36 recordings whose pitch tells one of three labels, of six speakers."""
    names = ["low", "middle", "high"]
    rows = [
        {
            "id": f"u{index}",
            "audio": str(recordings / f"train_{index}.wav"),
            "text": "the day",
            "label": names[index % 6 // 2],
            "speaker": f"s{index // 6}",
        }
        for index in range(36)
    ]
    processor = EmoBertProcessor(
        AutoFeatureExtractor.from_pretrained(encoders / "speech"), AutoTokenizer.from_pretrained(encoders / "text")
    )
    encoder = LabelEncoder("single_label_classification", {name: index for index, name in enumerate(names)})
    folder = tmp_path_factory.mktemp("prepared") / "data"
    corpus = DatasetDict({"train": Dataset.from_list(rows), "test": Dataset.from_list(rows)})
    prepare_dataset(corpus, processor, encoder, output_dir=folder, info={"corpus": "tones", "protocol": "none"})
    return folder


def given(encoders, data_dir, folder, *more):  # noqa: F811
    flags = ["--text_model", encoders / "text", "--speech_model", encoders / "speech", "--data_dir", data_dir]
    return [str(part) for part in (*flags, "--output_dir", folder / "model", "--use_cpu", "true", *more)]


def test_without_any_option_the_last_layer_is_fitted(encoders, data_dir, tmp_path):  # noqa: F811
    run_command("train", given(encoders, data_dir, tmp_path, "--report_to", "none", "--seed", 3))
    model = EmoBertForSequenceClassification.from_pretrained(tmp_path / "model")
    config = model.config
    assert (config.fusion, config.speech_pooling, config.text_pooling) == ("shallow", "mean", "mean")
    assert config.speech_layer == [1, 2] and config.class_weights == pytest.approx([1, 1, 1])
    assert not config.speech_own_length
    record = json.loads((tmp_path / "model" / "training_record.json").read_text())
    assert record["hyper_parameters"]["num_train_epochs"] == 0 and "linear_head" in record["hyper_parameters"]
    # Frozen: the encoder is the pretrained one.
    from transformers import AutoModel

    before = AutoModel.from_pretrained(encoders / "text").state_dict()
    after = model.emobert.text_encoder.state_dict()
    assert all(torch.equal(after[name], before[name]) for name in after)
    out = ["--model", tmp_path / "model", "--data_dir", data_dir, "--output_dir", tmp_path / "out"]
    run_command("evaluate", [str(part) for part in (*out, "--modalities", "speech", "--num_resamples", 5)])
    ua = json.loads((tmp_path / "out" / "metrics.json").read_text())["metrics"]["speech"]["ua"]
    assert ua > 0.8  # of rows that it was fitted to; guessing is 0.33


@pytest.mark.parametrize(
    "option",
    [
        ("--recipe", "given"),
        ("--fusion", "shallow"),
        ("--learning_rate", "1e-3"),
        ("--num_train_epochs", "1"),
        ("--freeze_text_encoder", "true"),
        ("--class_weights", "balanced"),
        ("--lora", "true"),
        ("--augmentation", '{"speed": [0.9, 1.1]}'),
        ("--eval_strategy", "epoch"),
    ],
)
def test_one_option_and_nothing_is_filled_in(encoders, data_dir, tmp_path, option):  # noqa: F811
    arguments = parse_command("train", given(encoders, data_dir, tmp_path, *option))
    assert not fill_in(*arguments)
    assert arguments[0].init_head == "random" and arguments[2].num_train_epochs > 0


def test_what_says_nothing_of_training_changes_nothing(encoders, data_dir, tmp_path):  # noqa: F811
    options = ("--seed", 5, "--per_device_eval_batch_size", 4, "--max_train_samples", 20, "--save_strategy", "no")
    arguments = parse_command("train", given(encoders, data_dir, tmp_path, *options))
    assert fill_in(*arguments)
    assert (arguments[0].init_head, arguments[2].num_train_epochs) == ("linear_probe", 0)


def test_a_large_corpus_is_fine_tuned(encoders, data_dir, tmp_path, monkeypatch, caplog):  # noqa: F811
    assert MAX_ROWS == 5000
    monkeypatch.setattr("commands_emo.default_recipe.MAX_ROWS", 35)
    assert not fill_in(*parse_command("train", given(encoders, data_dir, tmp_path)))
    assert "There are 36 training rows, more than the 35" in caplog.text


def test_a_recipe_that_there_is_not(encoders, data_dir, tmp_path):  # noqa: F811
    with pytest.raises(ValueError, match="recipe must be one of auto, given, got 'best'"):
        parse_command("train", given(encoders, data_dir, tmp_path, "--recipe", "best"))
