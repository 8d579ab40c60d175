"""EmoBertConfig: derived sizes, refusals, and a JSON round trip."""

import json

import pytest
from transformers import AutoConfig

from configuration_emo import EmoBertConfig, configuration_emobert
from tests.tiny_models import emobert_config, speech_config, text_config, text_family_config


def test_derived_sizes():
    config = emobert_config(speech_pooling="mean_std", problem_type="one_vs_rest_classification", num_labels=4)
    assert (config.hidden_size, config.text_pooled_size, config.speech_pooled_size) == (32, 32, 64)
    assert config.num_logits == 8
    assert config.get_text_config() is config.text_config


@pytest.mark.parametrize(("family", "layers"), [("roberta", 2), ("moonshine", 2), ("whisper", 2)])
def test_layers_are_those_of_the_encoder(family, layers):
    assert emobert_config(family).num_speech_layers == layers


def test_problem_type_follows_from_the_number_of_labels_unless_given():
    assert emobert_config(num_labels=1).problem_type == "regression"
    assert emobert_config(num_labels=3).problem_type == "single_label_classification"
    assert emobert_config(num_labels=3, problem_type="regression").problem_type == "regression"


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"fusion": "early"}, "`fusion` must be one of co_attention, shallow, got 'early'"),
        ({"text_pooling": "max"}, "`text_pooling` must be one of"),
        ({"problem_type": "ranking"}, "`problem_type` must be one of"),
        ({"regression_loss": "huber"}, "`regression_loss` must be one of mse, l1, ccc"),
        ({"modality_dropout": 1.5}, "`modality_dropout` is a probability"),
        ({"num_co_attention_heads": 5}, "=5 does not divide the pooled text size 32"),
        ({"num_co_attention_layers": 0}, "use fusion='shallow'"),
        ({"speech_layer": 3}, "must lie between 0 and 2"),
        ({"text_layer": [1, 5]}, r"`text_layer` must lie between 0 and 2, .* got \[1, 5\]"),
        ({"context_separator_id": 2}, "needs fusion='shallow'"),
        ({"context_separator_id": 2, "fusion": "shallow", "text_pooling": "cls"}, "other than 'cls'"),
        ({"speech_layer": [1, 3]}, r"one or several different ones, got \[1, 3\]"),
        ({"speech_layer": [1, 1]}, r"one or several different ones, got \[1, 1\]"),
        ({"speech_layer": []}, r"one or several different ones, got \[\]"),
        ({"speech_layer": 1, "use_weighted_layer_sum": True}, "exclude each other"),
        ({"class_weights": [1.0]}, "3 labels, 1 weights"),
        ({"class_weights": [1.0, -1.0, 1.0]}, "finite, >= 0 and not all 0"),
        ({"class_weights": [1.0], "num_labels": 1}, "does not apply to problem_type='regression'"),
        ({"label_range": [3.0, -3.0]}, r"`label_range` is \[smallest, largest\]"),
    ],
)
def test_bad_combinations_are_refused_at_construction(kwargs, message):
    with pytest.raises(ValueError, match=message):
        emobert_config(**kwargs)


def test_json_round_trip_keeps_every_field(tmp_path):
    config = emobert_config(
        "moonshine",
        id2label={0: "neutral", 1: "sad", 2: "angry"},
        label2id={"neutral": 0, "sad": 1, "angry": 2},
        problem_type="one_vs_rest_classification",
        class_weights=[1.0, 2.0, 3.0],
    )
    config.save_pretrained(tmp_path)
    loaded = AutoConfig.from_pretrained(tmp_path)
    assert isinstance(loaded, EmoBertConfig)
    assert loaded.to_json_string() == config.to_json_string()
    assert loaded.id2label == {0: "neutral", 1: "sad", 2: "angry"}
    assert type(loaded.speech_config) is type(speech_config("moonshine"))
    assert type(loaded.text_config) is type(text_config())


def test_the_default_is_the_papers_pair():
    config = EmoBertConfig()
    assert (config.text_config.model_type, config.speech_config.model_type) == ("roberta", "roberta")
    assert config.speech_config.max_position_embeddings == 2050  # 2048 positions after the padding id
    assert config.fusion == "co_attention" and config.speech_tokenizer_config is None


@pytest.mark.parametrize(
    ("text", "speech", "poolings"),
    [
        ("bert", "roberta", ("cls", "cls")),
        ("gpt2", "moonshine", ("last", "mean_std")),
        ("xlnet", "whisper", ("last", "mean_std")),
        ("t5", "wav2vec2-bert", ("mean_std", "mean_std")),
        ("qwen2", "wavlm", ("last", "mean_std")),
        ("modernbert", "sew", ("cls", "mean_std")),
    ],
)
def test_pooling_follows_the_encoders_and_is_saved_resolved(text, speech, poolings, tmp_path):
    config = EmoBertConfig.from_text_speech_configs(text_family_config(text), speech_config(speech))
    assert (config.text_pooling, config.speech_pooling) == poolings
    config.save_pretrained(tmp_path)
    loaded = EmoBertConfig.from_pretrained(tmp_path)
    assert (loaded.text_pooling, loaded.speech_pooling) == poolings


def test_the_paper_s_encoders_are_pooled_at_their_first_token():
    assert (EmoBertConfig().text_pooling, EmoBertConfig().speech_pooling) == ("cls", "cls")


def test_a_file_without_a_pooling_means_the_first_position(tmp_path):
    """It was the default, and defaults are left out of files."""
    emobert_config("moonshine").save_pretrained(tmp_path)
    fields = json.loads((tmp_path / "config.json").read_text())
    del fields["text_pooling"], fields["speech_pooling"]
    (tmp_path / "config.json").write_text(json.dumps(fields))
    loaded = EmoBertConfig.from_pretrained(tmp_path)
    assert (loaded.text_pooling, loaded.speech_pooling) == ("cls", "cls")


@pytest.fixture
def warnings(monkeypatch):
    """What the configuration warns of."""
    messages = []
    monkeypatch.setattr(configuration_emobert.logger, "warning", messages.append)
    return messages


def test_the_first_position_is_warned_of_where_it_stands_for_nothing(warnings):
    options = {"text_pooling": "cls", "speech_pooling": "cls"}
    EmoBertConfig.from_text_speech_configs(text_config(), speech_config(), **options)
    assert warnings == []
    EmoBertConfig.from_text_speech_configs(text_family_config("gpt2"), speech_config("moonshine"), **options)
    assert [message.split(" ")[0] for message in warnings] == ["text_pooling='cls'", "speech_pooling='cls'"]
    assert "'last' or 'attention'" in warnings[0] and "'mean_std' or 'attention'" in warnings[1]


def test_a_problem_type_left_from_other_labels_is_warned_of(tmp_path, warnings):
    emobert_config(num_labels=4).save_pretrained(tmp_path)
    EmoBertConfig.from_pretrained(tmp_path, num_labels=7)
    EmoBertConfig.from_pretrained(tmp_path, num_labels=1, problem_type="regression")
    assert warnings == []
    EmoBertConfig.from_pretrained(tmp_path, num_labels=1)
    assert "changed to 1 on loading, and problem_type='single_label_classification' is left" in warnings[0]
    emobert_config(num_labels=1).save_pretrained(tmp_path)
    EmoBertConfig.from_pretrained(tmp_path, num_labels=3)
    assert "changed to 3 on loading, and problem_type='regression' is left" in warnings[1]


@pytest.mark.parametrize(
    "values",
    [
        {"unimodal_loss_weight": float("nan")},
        {"unimodal_loss_weight": float("inf")},
        {"class_weights": [1, 1, float("nan")]},
        {"class_weights": [1, 1, float("inf")]},
        {"class_weights": [0, 0, 0]},
        {"initializer_range": float("nan")},
        {"initializer_range": -0.1},
        {"label_range": [0, float("inf")], "problem_type": "regression", "num_labels": 1},
        {"num_labels": 0},
        {"num_labels": "3"},
        {"id2label": {0: "a", 1: "a"}},
        {"id2label": ["a", "b"]},
        {"modality_dropout": "0.3"},
        {"text_config": "bert"},
    ],
)
def test_values_that_cannot_be_used_are_refused_by_name(values):
    options = {"text_config": text_config(), "speech_config": speech_config(), "num_labels": 3, **values}
    with pytest.raises(ValueError, match=next(iter(values))):
        EmoBertConfig(**options)


def test_an_adapter_sets_the_width_of_the_speech_sequence():
    config = emobert_config("wav2vec2-adapter", speech_pooling="mean")
    assert (config.speech_config.hidden_size, config.speech_pooled_size) == (32, 24)
