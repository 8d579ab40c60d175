"""A text model with the context apart and a logistic regression, by the commands alone."""

import json

import pytest

from commands_emo import run_command
from modeling_emo import EmoBertForSequenceClassification, EmotionRecognitionPipeline
from preprocess import EmoBertProcessor
from tests.examples.conftest import encoders  # noqa: F401


BEFORE = {"angry": "bad", "sad": "dull", "happy": "great"}


def prepare(encoders, folder, *more):  # noqa: F811
    """36 dialogues of two turns: the first one tells what the second, which is always the same, feels like."""
    lines = ["id,text,label,speaker,dialogue,turn"]
    for index in range(36):
        label = list(BEFORE)[index % 3]
        lines.append(f"a{index},the {BEFORE[label]} day,neutral,s{index % 6},d{index},0")
        lines.append(f"b{index},the day was fine,{label},s{index % 6},d{index},1")
    (folder / "rows.csv").write_text("\n".join(lines))
    models = ["--text_model", str(encoders / "text"), "--speech_model", str(encoders / "speech")]
    data = ["--corpus", "csv", "--data_dir", str(folder / "rows.csv"), "--output_dir", str(folder / "data")]
    run_command("prepare", [*models, *data, *more])
    return models


def train(models, folder, *more):
    flags = ["--data_dir", str(folder / "data"), "--output_dir", str(folder / "model"), "--modalities", "text"]
    frozen = ["--freeze_text_encoder", "true", "--freeze_speech_encoder", "true", "--num_train_epochs", "0"]
    head = ["--fusion", "shallow", "--text_pooling", "mean", "--init_head", "logistic_regression"]
    common = ["--report_to", "none", "--use_cpu", "true", "--context_apart", "true", "--text_layer", "0", "1"]
    run_command("train", [*models, *flags, *frozen, *head, *common, *more])


@pytest.mark.parametrize("cached", ["false", "true"])
def test_what_was_said_before_tells_the_label(encoders, tmp_path, cached):  # noqa: F811
    models = prepare(encoders, tmp_path, "--corpus_options", '{"context_turns": 1}')
    train(models, tmp_path, "--cache_encoder_states", cached)
    model = EmoBertForSequenceClassification.from_pretrained(tmp_path / "model")
    assert model.config.context_separator_id == 3 and model.config.text_pooled_size == 2 * 2 * 32
    record = json.loads((tmp_path / "model" / "training_record.json").read_text())
    assert record["hyper_parameters"]["linear_head"]["shares"] == {"text": 1.0}
    recognise = EmotionRecognitionPipeline(
        model=model.eval(), processor=EmoBertProcessor.from_pretrained(tmp_path / "model")
    )
    for label, word in BEFORE.items():
        found = recognise(text="the day was fine", context=[f"s0: the {word} day"])
        assert max(found, key=lambda entry: entry["score"])["label"] == label


def test_texts_without_a_context_are_refused(encoders, tmp_path):  # noqa: F811
    models = prepare(encoders, tmp_path)
    with pytest.raises(ValueError, match="context_apart: the texts were prepared without a context"):
        train(models, tmp_path)
