import pytest

from configuration_emo import Emotion2VecConfig


def test_the_published_stack_makes_50_frames_a_second_and_needs_400_samples():
    config = Emotion2VecConfig()
    assert (config.hop_length, config.frame_rate, config.receptive_field) == (320, 50.0, 400)
    assert [config.num_frames(samples) for samples in (0, 399, 400, 719, 720, 16_000)] == [0, 0, 1, 1, 2, 49]


def test_it_survives_saving(tmp_path):
    config = Emotion2VecConfig(
        conv_dim=(16, 16), conv_kernel=(10, 3), conv_stride=(5, 2), num_alibi_heads=0, disallowed_labels=["LABEL_1"]
    )
    config.save_pretrained(tmp_path)
    assert Emotion2VecConfig.from_pretrained(tmp_path).to_dict() == config.to_dict()


def test_every_head_minds_distances_unless_told_otherwise():
    assert Emotion2VecConfig(num_attention_heads=6).num_alibi_heads == 6
    assert Emotion2VecConfig(num_alibi_heads=0).num_alibi_heads == 0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"conv_kernel": [10]}, "the same number of layers"),
        ({"conv_dim": [], "conv_kernel": [], "conv_stride": []}, "the same number of layers"),
        ({"conv_stride": [0] * 7}, "conv_stride must hold positive numbers"),
        ({"feat_extract_norm": "batch"}, "feat_extract_norm must be one of layer, group, got 'batch'"),
        ({"hidden_size": 0}, "hidden_size must be at least 1, got 0"),
        ({"num_hidden_layers": 0}, "num_hidden_layers must be at least 1, got 0"),
        ({"num_conv_pos_embeddings": 0}, "num_conv_pos_embeddings must be at least 1"),
        ({"num_extra_tokens": -1}, "num_extra_tokens must be at least 0, got -1"),
        ({"num_attention_heads": 5}, "num_attention_heads must divide hidden_size, got 5 and 768"),
        ({"num_conv_pos_embedding_groups": 7}, "num_conv_pos_embedding_groups must divide hidden_size"),
        ({"num_alibi_heads": 13}, "num_alibi_heads must not exceed num_attention_heads, got 13 and 12"),
        ({"hidden_dropout": 1.5}, "hidden_dropout is a probability between 0 and 1, got 1.5"),
        ({"layerdrop": -0.1}, "layerdrop is a probability"),
        ({"layer_norm_eps": 0.0}, "layer_norm_eps must be positive, got 0.0"),
        ({"disallowed_labels": ["sad"]}, r"disallowed_labels names 'sad', but the labels are 'LABEL_0', 'LABEL_1'"),
        ({"disallowed_labels": ["LABEL_0", "LABEL_1"]}, "leave no label to predict"),
        (
            {"disallowed_labels": ["LABEL_0"], "problem_type": "multi_label_classification"},
            "are for problem_type='single_label_classification', got 'multi_label_classification'",
        ),
    ],
)
def test_values_that_do_not_fit_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        Emotion2VecConfig(**changes)


def test_labels_that_share_a_name_are_disallowed_together():
    labels = {0: "sad", 1: "unuse", 2: "glad", 3: "unuse"}
    assert Emotion2VecConfig(id2label=labels, disallowed_labels=["unuse"]).disallowed_label_ids == [1, 3]


def test_a_new_number_of_labels_allows_them_all(tmp_path):
    labels = {0: "sad", 1: "unuse", 2: "glad"}
    Emotion2VecConfig(id2label=labels, disallowed_labels=["unuse"]).save_pretrained(tmp_path)
    config = Emotion2VecConfig.from_pretrained(tmp_path, num_labels=4)
    assert (config.num_labels, config.disallowed_label_ids) == (4, [])
    assert Emotion2VecConfig.from_pretrained(tmp_path, num_labels=3).disallowed_label_ids == [1]
