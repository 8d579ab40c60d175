"""A linear probe in closed form as the model's last layer, and one beside the model, over folds by speaker."""

import numpy as np
import pytest
import soundfile
from datasets import Dataset, DatasetDict
from transformers import AutoFeatureExtractor, AutoTokenizer

from commands_emo import DataArguments, ModelArguments, set_up_training
from commands_emo.linear_probe import PROBE, check_probe, probe_folds
from configuration_emo import parse_arguments
from modeling_emo import EmoBertTrainingArguments
from preprocess import EmoBertProcessor, LabelEncoder, load_prepared, prepare_dataset, prepared_folds
from tests.examples.conftest import encoders  # noqa: F401


NAMES = ["high", "low", "middle"]
PITCHES = (300, 1200, 3000)
SPEAKERS = ("anna", "bo", "carl")
OPTIONS = {"validation_fraction": 0, "allow": ["text"]}


@pytest.fixture(scope="module")
def data_dir(encoders, tmp_path_factory):  # noqa: F811
    """Three speakers say the same nine things, at three pitches."""
    folder = tmp_path_factory.mktemp("probe")
    generator, rows = np.random.default_rng(0), []
    for speaker in SPEAKERS:
        for number in range(9):
            time = np.arange(4000 + 200 * number) / 16_000
            tone = 0.3 * np.sin(2 * np.pi * PITCHES[number % 3] * time) + 0.01 * generator.normal(size=len(time))
            name = f"{speaker}{number}"
            soundfile.write(folder / f"{name}.wav", tone, 16_000)
            audio = str(folder / f"{name}.wav")
            label = NAMES[number % 3]
            rows.append({"id": name, "audio": audio, "text": "the day", "label": label, "speaker": speaker})
    processor = EmoBertProcessor(
        AutoFeatureExtractor.from_pretrained(encoders / "speech"), AutoTokenizer.from_pretrained(encoders / "text")
    )
    label_encoder = LabelEncoder("single_label_classification", {name: index for index, name in enumerate(NAMES)})
    splits = DatasetDict(train=Dataset.from_list(rows))
    info = {"corpus": "test", "protocol": "none"}
    prepare_dataset(splits, processor, label_encoder, output_dir=folder / "data", info=info)
    return folder / "data"


def set_up(data_dir, encoders, output_dir, fold):  # noqa: F811
    model_arguments = ModelArguments(
        text_model=str(encoders / "text"),
        speech_model=str(encoders / "speech"),
        fusion="shallow",
        text_pooling="mean",
        speech_pooling="mean",
        speech_layer=[0, 1, 2],
        init_head="linear_probe",
    )
    data_arguments = DataArguments(
        data_dir=str(data_dir),
        cache_encoder_states=True,
        protocol="leave-one-speaker-out",
        fold=f"speaker={fold}",
        protocol_options=OPTIONS,
    )
    training_arguments = EmoBertTrainingArguments(
        output_dir=str(output_dir),
        use_cpu=True,
        report_to="none",
        eval_strategy="no",
        freeze_text_encoder=True,
        freeze_speech_encoder=True,
    )
    return set_up_training(model_arguments, data_arguments, training_arguments)


def test_the_head_is_fitted_and_rows_are_encoded_once_for_all_folds(data_dir, encoders, tmp_path):  # noqa: F811
    setup = set_up(data_dir, encoders, tmp_path, "bo")
    assert setup.linear_head.shares == {"text": 0.0, "speech": 1.0}
    assert sorted(set(setup.train_dataset["speaker"][:])) == ["anna", "carl"]
    batch = setup.collator([setup.train_dataset[row] for row in range(len(setup.train_dataset))])
    labels = batch.pop("labels")
    assert (setup.model.eval()(**batch).logits.argmax(-1) == labels).float().mean() > 0.9
    cached = sorted(path.name for path in (data_dir / "encoder_states").iterdir())
    times = [path.stat().st_mtime_ns for path in (data_dir / "encoder_states").rglob("*.arrow")]
    other = set_up(data_dir, encoders, tmp_path, "anna")
    assert sorted(set(other.train_dataset["speaker"][:])) == ["bo", "carl"]
    assert sorted(path.name for path in (data_dir / "encoder_states").iterdir()) == cached
    assert [path.stat().st_mtime_ns for path in (data_dir / "encoder_states").rglob("*.arrow")] == times


def test_the_probe_stands_in_the_report(data_dir, encoders, tmp_path):  # noqa: F811
    prepared = load_prepared(data_dir)
    folds = prepared_folds(prepared, "leave-one-speaker-out", **OPTIONS)
    setup = set_up(data_dir, encoders, tmp_path, "bo")
    speakers = {f"{speaker}{number}": speaker for speaker in SPEAKERS for number in range(9)}
    train = {"text_model": str(encoders / "text"), "speech_model": str(encoders / "speech")}
    results, chosen = probe_folds(prepared, folds, setup.model.config, train, tmp_path, speakers=speakers)
    assert list(results) == [PROBE]
    assert list(chosen) == ["speaker=anna", "speaker=bo", "speaker=carl"]
    assert results[PROBE].pooled["ua"].mean > 0.9
    assert results[PROBE].fold_sizes == dict.fromkeys(chosen, 9)
    assert all(np.isfinite(results[PROBE].pooled["ua"].interval))
    (statistics,) = tmp_path.glob("probe_*.npz")
    written = statistics.stat().st_mtime_ns
    again, _ = probe_folds(prepared, folds, setup.model.config, train, tmp_path, speakers=speakers)
    assert again[PROBE].pooled["ua"].mean == results[PROBE].pooled["ua"].mean
    assert statistics.stat().st_mtime_ns == written


def test_what_has_no_probe_is_refused():
    with pytest.raises(ValueError, match="--probe is for one label of several, not for 'regression'"):
        check_probe("regression")
    with pytest.raises(
        ValueError, match="init_head must be one of random, linear_probe, logistic_regression, got 'ridge'"
    ):
        ModelArguments(text_model="t", speech_model="s", init_head="ridge")


@pytest.mark.parametrize(
    ("flags", "expected"), [([], None), (["--speech_layer", "2"], 2), (["--speech_layer", "1", "2"], [1, 2])]
)
def test_one_speech_layer_or_several(flags, expected):
    flags = ["--text_model", "t", "--speech_model", "s", *flags]
    (arguments,) = parse_arguments("train", ModelArguments, arguments=flags)
    assert arguments.speech_layer == expected


def test_one_speech_layer_in_yaml(tmp_path):
    file = tmp_path / "config.yaml"
    file.write_text("train: {text_model: t, speech_model: s, speech_layer: 2}\n")
    (arguments,) = parse_arguments("train", ModelArguments, arguments=[str(file)])
    assert arguments.speech_layer == 2
