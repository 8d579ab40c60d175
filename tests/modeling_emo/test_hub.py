"""Models that are saved with the code that loads them."""

import json

import pytest
from transformers import BertModel

from configuration_emo import VqWav2VecConfig
from modeling_emo import (
    EmoBertForSequenceClassification,
    EmoBertModel,
    EmotionRecognitionPipeline,
    VqWav2VecModel,
    add_lora,
)
from tests.tiny import tiny_processor
from tests.tiny_models import emobert, emobert_config, text_config


AUTO_MAP = {
    "AutoConfig": "configuration_emobert.EmoBertConfig",
    "AutoModel": "modeling_emobert.EmoBertModel",
    "AutoModelForSequenceClassification": "modeling_emobert.EmoBertForSequenceClassification",
}
PIPELINES = {
    "emotion-recognition": {
        "impl": "pipeline.EmotionRecognitionPipeline",
        "pt": ["AutoModelForSequenceClassification"],
        "type": "multimodal",
    }
}


class TheirModel(EmoBertForSequenceClassification):
    """What a user makes of ours."""


def saved_config(folder):
    return json.loads((folder / "config.json").read_text())


def named_files(config):
    return {f"{reference.split('.')[0]}.py" for reference in config["auto_map"].values()}


def test_a_classifier_names_its_classes_and_its_pipeline(tmp_path):
    emobert().save_pretrained(tmp_path)
    config = saved_config(tmp_path)
    assert (config["auto_map"], config["custom_pipelines"]) == (AUTO_MAP, PIPELINES)
    assert named_files(config) | {"pipeline.py"} <= {path.name for path in tmp_path.iterdir()}


def test_a_base_model_names_no_pipeline(tmp_path):
    emobert().save_pretrained(tmp_path / "classifier")
    EmoBertModel.from_pretrained(tmp_path / "classifier").save_pretrained(tmp_path / "base")
    config = saved_config(tmp_path / "base")
    assert config["auto_map"] == AUTO_MAP
    assert "custom_pipelines" not in config


def test_a_vq_wav2vec_is_saved_with_its_own_code(tmp_path):
    features = {"conv_dim": [8], "conv_kernel": [10], "conv_stride": [5]}
    aggregator = {"agg_dim": [8], "agg_kernel": [2], "agg_stride": [1]}
    VqWav2VecModel(VqWav2VecConfig(**features, **aggregator)).save_pretrained(tmp_path)
    saved = saved_config(tmp_path)
    assert saved["auto_map"]["AutoModel"] == "modeling_vq_wav2vec.VqWav2VecModel"
    code = {path.name for path in tmp_path.glob("*.py")}
    assert named_files(saved) <= code and "modeling_emobert.py" not in code


def test_a_class_of_somebody_else_does_not_claim_our_code(tmp_path):
    emobert().save_pretrained(tmp_path / "ours")
    theirs = TheirModel.from_pretrained(tmp_path / "ours")
    theirs.save_pretrained(tmp_path / "theirs")
    config = saved_config(tmp_path / "theirs")
    assert config["auto_map"] == {"AutoConfig": AUTO_MAP["AutoConfig"]}
    assert "custom_pipelines" not in config and config["architectures"] == ["TheirModel"]
    code = {path.name for path in (tmp_path / "theirs").glob("*.py")}
    assert "configuration_emobert.py" in code and "modeling_emobert.py" not in code


def test_a_sharded_model_is_still_ours(tmp_path):
    model = emobert()
    # As `fully_shard` does: a class made in torch, in front of the model's own.
    name = "FSDPEmoBertForSequenceClassification"
    model.__class__ = type(name, (EmoBertForSequenceClassification,), {"__module__": "torch.distributed.fsdp"})
    model.save_pretrained(tmp_path)
    config = saved_config(tmp_path)
    assert config["auto_map"] == AUTO_MAP
    assert config["architectures"] == ["EmoBertForSequenceClassification"]


def test_other_processes_write_no_code(tmp_path):
    emobert().save_pretrained(tmp_path, is_main_process=False)
    assert list(tmp_path.iterdir()) == []


def test_an_adapter_is_saved_without_code(tmp_path):
    add_lora(EmoBertForSequenceClassification(emobert_config()), ["text"], r=2).save_pretrained(tmp_path)
    assert (tmp_path / "adapter_config.json").is_file()
    assert list(tmp_path.glob("*.py")) == []


def test_a_pipeline_is_saved_with_its_processor(tmp_path):
    EmotionRecognitionPipeline(model=emobert(), processor=tiny_processor()).save_pretrained(tmp_path)
    assert saved_config(tmp_path)["custom_pipelines"] == PIPELINES
    assert json.loads((tmp_path / "processor_config.json").read_text())["auto_map"] == {
        "AutoProcessor": "processing_emobert.EmoBertProcessor"
    }


def test_another_kind_of_model_is_refused_by_its_name(tmp_path):
    BertModel(text_config()).save_pretrained(tmp_path / "bert")
    with pytest.raises(ValueError, match="bert holds a model of the kind 'bert', and not 'emobert'"):
        EmoBertForSequenceClassification.from_pretrained(tmp_path / "bert")
    (tmp_path / "sounds").mkdir()
    with pytest.raises(ValueError, match="sounds holds no model that can be loaded"):
        EmoBertForSequenceClassification.from_pretrained(tmp_path / "sounds")
    (tmp_path / "a.wav").write_bytes(b"")
    with pytest.raises(ValueError, match="a.wav is a file, and not the folder of a model"):
        EmoBertForSequenceClassification.from_pretrained(tmp_path / "a.wav")
