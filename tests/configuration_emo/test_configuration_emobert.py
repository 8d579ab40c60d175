"""EmoBertConfig: derived sizes, refusals, and a JSON round trip."""

import pytest
from transformers import AutoConfig

from configuration_emo import EmoBertConfig
from tests.tiny_models import emobert_config, speech_config, text_config


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
        ({"speech_layer": 1, "use_weighted_layer_sum": True}, "exclude each other"),
        ({"class_weights": [1.0]}, "3 labels, 1 weights"),
        ({"class_weights": [1.0, -1.0, 1.0]}, "must not be negative"),
        ({"class_weights": [1.0], "num_labels": 1}, "do not apply to problem_type='regression'"),
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
