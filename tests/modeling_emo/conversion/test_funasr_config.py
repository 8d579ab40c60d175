"""FunASR's configuration: what is read, and how damage is named."""

import pytest
import yaml

from modeling_emo.conversion.funasr_config import read_funasr_config
from tests.emotion2vec_fixtures import REFERENCE, funasr_settings


AUDIO = "model_conf.modalities.audio"
REQUIRED = [
    *(f"model_conf.{key}" for key in ("embed_dim", "num_heads", "depth", "mlp_ratio", "norm_eps", "norm_affine")),
    *("model_conf.layer_norm_first", "model_conf.normalize"),
    *(f"{AUDIO}.{key}" for key in ("prenet_depth", "num_extra_tokens", "extractor_mode", "feature_encoder_spec")),
    *(f"{AUDIO}.{key}" for key in ("conv_pos_width", "conv_pos_depth", "conv_pos_groups", "conv_pos_pre_ln")),
    *(f"{AUDIO}.{key}" for key in ("use_alibi_encoder", "alibi_scale", "num_alibi_heads", "learned_alibi_scale")),
    *(f"{AUDIO}.learned_alibi_scale_per_{key}" for key in ("head", "layer")),
]


def written(tmp_path, settings):
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(settings))
    return path


def place_of(settings, key):
    *parents, name = key.split(".")
    for parent in parents:
        settings = settings[parent]
    return settings, name


def test_a_released_configuration(tmp_path):
    """The published base, whose own file describes what the defaults do."""
    spec = "[(512, 10, 5)] + [(512, 3, 2)] * 4 + [(512,2,2)] + [(512,2,2)]"
    audio = {"prenet_depth": 4, "num_extra_tokens": 10, "num_alibi_heads": 12, "feature_encoder_spec": spec}
    audio |= {"conv_pos_width": 95, "conv_pos_groups": 16}
    settings = funasr_settings(audio, embed_dim=768, num_heads=12, mlp_ratio=4.0, depth=8)
    funasr = read_funasr_config(written(tmp_path, settings))
    config = type(funasr.model)()
    assert funasr.model.to_dict() == config.to_dict()
    assert (funasr.num_prenet_layers, funasr.do_normalize, funasr.notes) == (4, True, [])


def test_the_edges():
    funasr = read_funasr_config(REFERENCE / "edge_pre_norm.config.yaml")
    config = funasr.model
    assert (config.conv_dim, config.conv_kernel, config.conv_stride) == ([12] * 5, [10, 8, 4, 4, 4], [5, 4, 2, 2, 2])
    assert (config.feat_extract_norm, config.conv_pos_kernel_size, config.conv_pos_pre_norm) == ("group", 10, True)
    assert (config.layer_norm_first, config.layer_norm_eps, config.intermediate_size) == (True, 1e-6, 60)
    assert (config.alibi_scale, config.learned_alibi_scale, config.alibi_scale_per_head) == (0.5, False, False)
    assert (config.hop_length, config.receptive_field) == (160, 465)
    assert not read_funasr_config(REFERENCE / "edge_per_layer.config.yaml").do_normalize


@pytest.mark.parametrize("key", REQUIRED)
def test_a_missing_key_is_named(tmp_path, key):
    settings = funasr_settings()
    place, name = place_of(settings, key)
    del place[name]
    with pytest.raises(ValueError, match=f"config.yaml has no `{key}`: use the config.yaml that belongs"):
        read_funasr_config(written(tmp_path, settings))


@pytest.mark.parametrize("key", ["model_conf", "model_conf.modalities", AUDIO])
@pytest.mark.parametrize("value", [None, [], "audio", 3])
def test_a_section_of_another_kind(tmp_path, key, value):
    settings = funasr_settings()
    place, name = place_of(settings, key)
    place[name] = value
    with pytest.raises(ValueError, match="config.yaml has no `model_conf"):
        read_funasr_config(written(tmp_path, settings))


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("model_conf.embed_dim", "wide", "must be a whole number, got 'wide'"),
        ("model_conf.embed_dim", 24.5, "must be a whole number"),
        ("model_conf.num_heads", True, "must be a whole number, got True"),
        ("model_conf.norm_eps", "small", "must be a number, got 'small'"),
        ("model_conf.norm_eps", float("nan"), "must be a number, got nan"),
        ("model_conf.mlp_ratio", None, "must be a number, got None"),
        ("model_conf.layer_norm_first", 1, "must be true or false, got 1"),
        (f"{AUDIO}.feature_encoder_spec", [[8, 10, 5]], "must be a text"),
        (f"{AUDIO}.feature_encoder_spec", "__import__('os').getcwd()", "is not a list of"),
        (f"{AUDIO}.feature_encoder_spec", "[(8, 10)]", "is not a list of"),
        (f"{AUDIO}.extractor_mode", "batch_norm", "must be one of layer_norm, default, got 'batch_norm'"),
        (f"{AUDIO}.conv_pos_depth", 0, "must be at least 1, got 0"),
        (f"{AUDIO}.learned_alibi", True, "is on"),
        ("model", "Paraformer", "is 'Paraformer', expected 'Emotion2vec'"),
    ],
)
def test_a_value_that_cannot_be_is_named(tmp_path, key, value, message):
    settings = funasr_settings()
    place, name = place_of(settings, key)
    place[name] = value
    with pytest.raises(ValueError, match=f"config.yaml: `{key}`.*{message}"):
        read_funasr_config(written(tmp_path, settings))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("model_conf.num_heads", 5),
        ("model_conf.embed_dim", 0),
        ("model_conf.norm_eps", -1.0),
        ("model_conf.encoder_dropout", 1.5),
        (f"{AUDIO}.conv_pos_groups", 7),
        (f"{AUDIO}.num_alibi_heads", 7),
        (f"{AUDIO}.num_extra_tokens", -1),
        (f"{AUDIO}.feature_encoder_spec", "[(8, 0, 5)]"),
        (f"{AUDIO}.feature_encoder_spec", "[]"),
    ],
)
def test_values_that_do_not_fit_are_named_as_they_are_called_there(tmp_path, key, value):
    settings = funasr_settings()
    place, name = place_of(settings, key)
    place[name] = value
    with pytest.raises(ValueError, match=f"config.yaml describes a model that cannot be built: .*{key}"):
        read_funasr_config(written(tmp_path, settings))


@pytest.mark.parametrize("content", ["model_conf: [", "- a\n- b\n", "", "\x00"])
def test_a_file_that_is_no_configuration(tmp_path, content):
    (tmp_path / "config.yaml").write_text(content)
    with pytest.raises(ValueError, match="config.yaml"):
        read_funasr_config(tmp_path / "config.yaml")
    (tmp_path / "config.json").write_text(content)
    with pytest.raises(ValueError, match="config.json cannot be read as JSON"):
        read_funasr_config(tmp_path / "config.json")


def test_no_file(tmp_path):
    with pytest.raises(ValueError, match="nothing.yaml cannot be read as YAML"):
        read_funasr_config(tmp_path / "nothing.yaml")


def test_training_values_may_be_missing(tmp_path):
    settings = funasr_settings()
    for key in ("encoder_dropout", "attention_dropout", "activation_dropout", "layerdrop"):
        del settings["model_conf"][key]
    funasr = read_funasr_config(written(tmp_path, settings))
    assert (funasr.model.hidden_dropout, funasr.model.layerdrop) == (0.1, 0.05)
