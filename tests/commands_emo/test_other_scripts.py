"""Flags of `run_audio_classification.py`: each does what it says, or is refused with what to type instead."""

import json
import re
from pathlib import Path

import pytest
from datasets import Dataset, DatasetDict
from transformers import AutoModelForSequenceClassification

from commands_emo import DataArguments, ModelArguments, parse_command, run_command, set_up_training
from modeling_emo import EmoBertTrainingArguments
from tests.commands_emo.test_training_setup import data_dir  # noqa: F401
from tests.examples.conftest import encoders, recordings  # noqa: F401
from tests.tiny_models import emobert


TABLE = (Path(__file__).resolve().parents[2] / "docs" / "coming_from.md").read_text(encoding="utf-8")
# All arguments that the script has of its own.
NAMES = {
    *("dataset_name", "dataset_config_name", "train_split_name", "eval_split_name", "audio_column_name"),
    *("label_column_name", "max_length_seconds", "max_train_samples", "max_eval_samples", "model_name_or_path"),
    *("config_name", "cache_dir", "model_revision", "revision", "feature_extractor_name", "freeze_feature_encoder"),
    *("token", "trust_remote_code", "attn_implementation", "ignore_mismatched_sizes"),
    *("do_train", "do_eval", "do_predict"),
}
PREPARE = ["--text_model", "t", "--output_dir", "o"]
TRAIN = ["--text_model", "t", "--speech_model", "s", "--data_dir", "d", "--output_dir", "o"]
EVALUATE = ["--model", "m", "--data_dir", "d", "--output_dir", "o"]


def refusal(command, flags):
    with pytest.raises(ValueError) as error:
        parse_command(command, flags)
    assert len(str(error.value).splitlines()) == 2
    return str(error.value)


def test_the_page_names_them_all():
    assert set(re.findall(r"`--(\w+)`", TABLE.split("## The flags of")[1])) >= NAMES


def test_a_dataset_by_the_names_of_the_script(tmp_path):
    flags = ["--model_name_or_path", "wav2vec2", "--dataset_name", "superb", "--dataset_config_name", "er"]
    flags += ["--train_split_name", "session1", "--eval_split_name", "session2", "--audio_column_name", "file"]
    flags += ["--label_column_name", "emotion", "--max_length_seconds", "5"]
    names, given = parse_command("prepare", [*PREPARE, *flags])
    assert names.speech_model == "wav2vec2"
    assert (given.corpus, given.data_dir, given.max_audio_seconds) == ("hub", "superb", 5.0)
    assert (
        given.corpus_options
        == given.record()["corpus_options"]
        == {
            "config": "er",
            "splits": {"train": "session1", "validation": "session2"},
            "audio_column": "file",
            "label_column": "emotion",
        }
    )
    # The same in a file.
    path = tmp_path / "there.json"
    values = dict(zip((flag[2:] for flag in flags[::2]), flags[1::2], strict=True))
    path.write_text(json.dumps(values))
    assert parse_command("prepare", [str(path), *PREPARE])[1] == given
    path.write_text(json.dumps({**values, "max_audio_seconds": 3}))
    with pytest.raises(ValueError, match="max_length_seconds is another name of max_audio_seconds"):
        parse_command("prepare", [str(path), *PREPARE])


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--dataset_name", "a", "--corpus", "csv"], "dataset_name='a' is a dataset of the Hub, corpus='csv'"),
        (["--dataset_name", "a", "--data_dir", "b"], "data_dir='b' are another"),
        ([], "Give --corpus, such as csv, or --dataset_name"),
        (["--dataset_name", "a", "--train_split_name", "b"], "train_split_name and eval_split_name go together"),
    ],
)
def test_what_contradicts_itself(flags, message):
    with pytest.raises(ValueError, match=message):
        parse_command("prepare", [*PREPARE, "--speech_model", "s", *flags])


def test_the_hub_dataset_is_read_by_these_names(tmp_path, encoders):  # noqa: F811
    rows = [{"said": f"the day {index}", "feeling": ("sad", "happy")[index % 2]} for index in range(4)]
    DatasetDict({"one": Dataset.from_list(rows), "two": Dataset.from_list(rows[:2])}).save_to_disk(tmp_path / "there")
    options = {"text_column": "said"}
    flags = ["--dataset_name", tmp_path / "there", "--train_split_name", "one", "--eval_split_name", "two"]
    flags += ["--label_column_name", "feeling", "--corpus_options", json.dumps(options)]
    flags += ["--text_model", encoders / "text", "--model_name_or_path", encoders / "speech"]
    run_command("prepare", [*map(str, flags), "--output_dir", str(tmp_path / "out")])
    report = json.loads((tmp_path / "out" / "data_report.json").read_text())
    assert {name: split["labels"] for name, split in report["splits"].items()} == {
        "train": {"happy": 2, "sad": 2},
        "validation": {"happy": 1, "sad": 1},
    }


@pytest.mark.parametrize(("command", "required"), [("prepare", PREPARE), ("train", TRAIN), ("evaluate", EVALUATE)])
@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("token", "HF_TOKEN"),
        ("cache_dir", "HF_HOME"),
        ("trust_remote_code", "Leave it out"),
        ("model_revision", "hf download NAME --revision REVISION --local-dir FOLDER"),
        ("config_name", "Leave it out"),
        ("feature_extractor_name", "Leave it out"),
        ("ignore_mismatched_sizes", "Leave it out"),
    ],
)
def test_what_no_command_takes(command, required, name, remedy):
    said = refusal(command, [*required, f"--{name.replace('_', '-')}", "x"])
    assert said.startswith(f"--{name.replace('_', '-')} ") and remedy in said
    assert refusal(command, [*required, f"--{name}=x"]).startswith(f"--{name} ")


def test_what_another_command_takes(tmp_path):
    for name in ("dataset_name", "audio_column_name", "max_length_seconds"):
        assert "`emobert prepare`" in refusal("train", [*TRAIN, f"--{name}", "x"])
    for name in ("max_train_samples", "freeze_feature_encoder", "attn_implementation"):
        assert "`emobert train`" in refusal("prepare", [*PREPARE, f"--{name}", "1"])
    assert "emobert evaluate --split test" in refusal("evaluate", [*EVALUATE, "--do_predict"])
    path = tmp_path / "there.json"
    path.write_text('{"dataset_name": "superb"}')
    assert refusal("train", [str(path), *TRAIN]).startswith("dataset_name belongs to `emobert prepare`")
    assert "dataset" in refusal("prepare", [*PREPARE, "--revision", "v1"])


@pytest.mark.parametrize(
    ("flags", "command"),
    [
        (["--do_predict"], "emobert evaluate --model {out} --data_dir d --output_dir RESULTS"),
        (["--do_eval"], "emobert evaluate --model {out} --data_dir d --output_dir RESULTS --split validation"),
    ],
)
def test_evaluation_is_another_command(tmp_path, flags, command):
    given = [*TRAIN[:-1], str(tmp_path / "out"), *flags]
    with pytest.raises(ValueError) as error:
        run_command("train", given)
    assert str(error.value).splitlines()[1] == command.format(out=tmp_path / "out")
    first, second = command.format(out="m").split(" --output_dir")
    parse_command("evaluate", [*first.split()[2:], "--output_dir", *second.split()])


def training_setup(data_dir, encoders, output_dir, **model_options):  # noqa: F811
    options = {"max_eval_samples": model_options.pop("max_eval_samples", None)}
    return set_up_training(
        ModelArguments(str(encoders / "text"), str(encoders / "speech"), **model_options),
        DataArguments(data_dir=str(data_dir), max_train_samples=3, **options),
        EmoBertTrainingArguments(output_dir=str(output_dir), report_to="none"),
    )


def test_samples_and_attention(data_dir, encoders, tmp_path):  # noqa: F811
    setup = training_setup(data_dir, encoders, tmp_path, attn_implementation="eager", max_eval_samples=2)
    assert (len(setup.train_dataset), len(setup.eval_dataset)) == (3, 2)
    parts = (setup.model.emobert.text_encoder, setup.model.emobert.speech_encoder)
    assert {part.config._attn_implementation for part in parts} == {"eager"}
    usual = training_setup(data_dir, encoders, tmp_path)
    assert usual.model.emobert.text_encoder.config._attn_implementation == "sdpa"
    assert len(usual.eval_dataset) == 8


def test_frozen_feature_encoder(data_dir, encoders, tmp_path):  # noqa: F811
    model = emobert("wav2vec2-group-norm").train()
    model.freeze_feature_encoder()
    convolutions = {id(weight) for weight in model.emobert.speech_encoder.feature_extractor.parameters()}
    assert convolutions and {id(weight) for weight in model.parameters() if not weight.requires_grad} == convolutions
    with pytest.raises(ValueError, match="MoonshineEncoder has no convolutional feature encoder.*freeze_speech_enc"):
        training_setup(data_dir, encoders, tmp_path, freeze_feature_encoder=True)


def test_do_train_and_do_eval_leave_their_files(data_dir, encoders, tmp_path):  # noqa: F811
    out = tmp_path / "out"
    flags = ["--text_model", encoders / "text", "--model_name_or_path", encoders / "speech", "--data_dir", data_dir]
    flags += ["--output_dir", out, "--max_steps", 1, "--max_train_samples", 2, "--max_eval_samples", 3, "--do_train"]
    flags += ["--do_eval", "--report_to", "none", "--save_strategy", "no", "--disable_tqdm", "true"]
    run_command("train", list(map(str, flags)))
    results = {name: json.loads((out / f"{name}_results.json").read_text()) for name in ("train", "eval", "all")}
    assert results["train"]["train_loss"] > 0 and results["eval"]["eval_loss"] > 0
    assert results["all"] == {**results["train"], **results["eval"]}
    assert AutoModelForSequenceClassification.from_pretrained(out).config.num_labels == 3
