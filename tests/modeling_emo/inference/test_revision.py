"""A revision is asked for wherever something is loaded from the Hub: from its cache, which holds two of each."""

import pytest
from transformers import BertConfig, BertModel, pipeline

from modeling_emo import Emotion2VecForAudioClassification
from modeling_emo.encoders.loading import load_encoder
from modeling_emo.inference.loaders import Emotion2VecLoader
from tests.emotion2vec_fixtures import tiny_model as tiny_emotion2vec
from tests.tiny import tiny_processor
from tests.tiny_models import emobert


def cache(folder, name, **revisions):
    """The Hub's cache as it lies on a disk, with a branch or tag for each of the things that can be saved."""
    repository = folder / f"models--{name.replace('/', '--')}"
    (repository / "refs").mkdir(parents=True)
    for number, (revision, things) in enumerate(revisions.items(), start=1):
        commit = f"{number:040}"
        (repository / "refs" / revision).write_text(commit)
        for thing in things:
            thing.save_pretrained(repository / "snapshots" / commit)
    return {"cache_dir": str(folder)}


def test_of_an_encoder(tmp_path):
    sizes = {"num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 8, "vocab_size": 9}
    small, large = (BertModel(BertConfig(hidden_size=size, **sizes)) for size in (4, 8))
    there = cache(tmp_path, "lab/encoder", main=[small], v1=[large])
    assert load_encoder("lab/encoder", **there).config.hidden_size == 4
    assert load_encoder("lab/encoder", revision="v1", **there).config.hidden_size == 8


def test_of_an_emotion2vec(tmp_path):
    names = [{0: "angry", 1: "sad"}, {0: "calm", 1: "glad", 2: "tired"}]
    old, new = (tiny_emotion2vec(Emotion2VecForAudioClassification, id2label=labels) for labels in names)
    bert = BertModel(BertConfig(hidden_size=4, num_hidden_layers=1, num_attention_heads=2, vocab_size=9))
    there = cache(tmp_path, "lab/emotion2vec", main=[new], v1=[old], v2=[bert])
    assert Emotion2VecLoader.from_pretrained("lab/emotion2vec", **there).config.id2label == names[1]
    assert Emotion2VecLoader.from_pretrained("lab/emotion2vec", revision="v1", **there).config.id2label == names[0]
    with pytest.raises(ValueError, match="is a bert, neither EmoBERT nor emotion2vec"):
        Emotion2VecLoader.from_pretrained("lab/emotion2vec", revision="v2", **there)


def test_of_the_pipeline(tmp_path, monkeypatch):
    labels = [{0: "angry", 1: "sad", 2: "happy"}, {0: "calm", 1: "glad", 2: "tired"}]
    old, new = (emobert("moonshine", id2label=names) for names in labels)
    there = cache(tmp_path, "lab/emobert", main=[new, tiny_processor()], v1=[old, tiny_processor()])
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", there["cache_dir"])
    for options, names in (({}, labels[1]), ({"revision": "v1"}, labels[0])):
        recognise = pipeline("emotion-recognition", model="lab/emobert", model_kwargs=there, **options)
        assert recognise.model.config.id2label == names
