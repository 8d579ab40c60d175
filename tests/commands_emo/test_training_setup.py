"""What the training scripts start from: class weights and augmentation as the arguments have them."""

import numpy as np
import pytest
import torch
from datasets import Dataset, DatasetDict
from sklearn.utils.class_weight import compute_class_weight
from transformers import AutoFeatureExtractor, AutoTokenizer

from commands_emo import DataArguments, ModelArguments, set_up_training
from configuration_emo import parse_arguments
from modeling_emo import EmoBertTrainer, EmoBertTrainingArguments
from modeling_emo.resuming.data_order import set_epoch
from preprocess import EmoBertProcessor, LabelEncoder, WaveformAugmentation, prepare_dataset
from tests.examples.conftest import encoders, recordings  # noqa: F401


NAMES = ["angry", "happy", "sad"]
LABELS = [0, 0, 0, 0, 0, 1, 1, 2]


@pytest.fixture
def data_dir(encoders, recordings, tmp_path):  # noqa: F811
    """Eight labelled recordings, five of them angry."""
    rows = [
        {"id": f"u{index}", "audio": str(recordings / f"train_{index}.wav"), "text": "the day", "label": NAMES[label]}
        | {"speaker": "abcd"[index % 4]}
        for index, label in enumerate(LABELS)
    ]
    splits = DatasetDict({name: Dataset.from_list(rows) for name in ("train", "validation")})
    processor = EmoBertProcessor(
        AutoFeatureExtractor.from_pretrained(encoders / "speech"), AutoTokenizer.from_pretrained(encoders / "text")
    )
    label_encoder = LabelEncoder("single_label_classification", {name: index for index, name in enumerate(NAMES)})
    info = {"corpus": "test", "protocol": "none"}
    prepare_dataset(splits, processor, label_encoder, output_dir=tmp_path / "data", info=info)
    return tmp_path / "data"


def test_balanced_weights_and_augmented_training_rows(data_dir, encoders, tmp_path):  # noqa: F811
    arguments = EmoBertTrainingArguments(output_dir=str(tmp_path / "out"), use_cpu=True, report_to="none", seed=7)
    setup = set_up_training(
        ModelArguments(
            text_model=str(encoders / "text"), speech_model=str(encoders / "speech"), class_weights="balanced"
        ),
        DataArguments(data_dir=str(data_dir), augmentation='{"speed": [0.5, 0.5], "probability": 1.0}'),
        arguments,
    )
    expected = compute_class_weight("balanced", classes=np.arange(3), y=LABELS)
    assert setup.model.config.class_weights == pytest.approx(expected)

    trainer = EmoBertTrainer(
        model=setup.model,
        args=arguments,
        data_collator=setup.collator,
        train_data_collator=setup.train_collator,
        train_dataset=setup.train_dataset,
        eval_dataset=setup.eval_dataset,
    )
    row = setup.train_dataset[0]
    lengths = {}
    for name, loader in (("train", trainer.get_train_dataloader()), ("eval", trainer.get_eval_dataloader())):
        lengths[name] = sorted(length.item() for batch in loader for length in batch["speech_attention_mask"].sum(1))
    assert lengths["train"] == [2 * length for length in lengths["eval"]]  # at half the speed

    assert setup.train_collator.seed == 7 and setup.collator.augmentation is None
    assert isinstance(setup.train_collator.augmentation, WaveformAugmentation)
    setup.train_collator.augmentation.noise_snr_db = [10, 10]
    epochs = []
    for epoch in (0, 1, 0):
        set_epoch(trainer.get_train_dataloader(), epoch, setup.train_collator)
        epochs.append(setup.train_collator([row])["input_values"])
    assert torch.equal(epochs[0], epochs[2]) and not torch.equal(epochs[0], epochs[1])


@pytest.mark.parametrize(
    ("given", "expected"),
    [(["--class_weights", "balanced"], "balanced"), (["--class_weights", "1", "2.5"], [1.0, 2.5]), ([], None)],
)
def test_class_weights_as_flags(given, expected):
    flags = ["--text_model", "t", "--speech_model", "s", *given]
    (arguments,) = parse_arguments("train", ModelArguments, arguments=flags)
    assert arguments.class_weights == expected


@pytest.mark.parametrize(("given", "expected"), [("balanced", "balanced"), ("[1.0, 2]", [1.0, 2.0])])
def test_class_weights_in_yaml(given, expected, tmp_path):
    file = tmp_path / "config.yaml"
    file.write_text(f"train: {{text_model: t, speech_model: s, class_weights: {given}}}\n")
    (arguments,) = parse_arguments("train", ModelArguments, arguments=[str(file)])
    assert arguments.class_weights == expected


@pytest.mark.parametrize(("epochs", "kept"), [(0, True), (1, False)])
def test_statistics_of_the_fitted_layer_are_kept_where_it_stays_as_it_is(data_dir, encoders, tmp_path, epochs, kept):  # noqa: F811
    arguments = EmoBertTrainingArguments(
        output_dir=str(tmp_path / "out"), use_cpu=True, report_to="none", num_train_epochs=epochs
    )
    places = {"text_model": str(encoders / "text"), "speech_model": str(encoders / "speech")}
    setup = set_up_training(
        ModelArguments(**places, fusion="shallow", init_head="linear_probe"),
        DataArguments(data_dir=str(data_dir)),
        arguments,
    )
    assert setup.linear_head.speaker_statistics == "fitted"
    assert (setup.model.config.speaker_statistics is not None) is kept


@pytest.mark.parametrize(
    ("model", "data", "message"),
    [
        ({}, {"max_train_samples": -5}, "max_train_samples must be a whole number of at least 1, got -5"),
        ({}, {"max_eval_samples": 0}, "max_eval_samples must be a whole number of at least 1, got 0"),
        ({"regression_loss": "ccc"}, {}, "regression_loss='ccc' is for scores, and the prepared labels are classes"),
        ({"text_model": "nowhere/at-all"}, {}, "nowhere/at-all: there is no such folder here"),
    ],
)
def test_what_is_refused(data_dir, encoders, tmp_path, monkeypatch, model, data, message):  # noqa: F811
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    places = {"text_model": str(encoders / "text"), "speech_model": str(encoders / "speech")}
    with pytest.raises(ValueError, match=message):
        set_up_training(
            ModelArguments(**{**places, **model}),
            DataArguments(data_dir=str(data_dir), **data),
            EmoBertTrainingArguments(output_dir=str(tmp_path / "out"), use_cpu=True, report_to="none"),
        )


def test_class_weights_that_are_no_numbers():
    with pytest.raises(ValueError, match="class_weights must be numbers, with a point for decimals, got 'heavy'"):
        ModelArguments(text_model="t", speech_model="s", class_weights=["heavy"])
