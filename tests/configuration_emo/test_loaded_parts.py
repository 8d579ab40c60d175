"""Where nothing can be loaded from, the place, the reason and what to do are said in two lines."""

import pytest
from transformers import AutoTokenizer, BertConfig

from configuration_emo import NoSuchModel, named_place


def reason(what, place, error):
    with pytest.raises(NoSuchModel) as caught, named_place(what, place):
        raise error
    assert isinstance(caught.value, ValueError) and isinstance(caught.value, OSError)
    lines = str(caught.value).splitlines()
    assert len(lines) == 2 and all(len(line) < 400 for line in lines)
    return lines


def test_a_place_that_there_is_not():
    first, second = reason("tokenizer", "my/tokeniser", OSError("404"))
    assert first.startswith("my/tokeniser: there is no such folder here") and "(OSError)" in first
    assert "Check the path" in second


def test_a_folder_without_it(tmp_path):
    assert reason("tokenizer", tmp_path, KeyError("vocab"))[0].endswith("no tokenizer that can be loaded: 'vocab'.")
    assert reason("tokenizer", tmp_path, ValueError("one of:\n(1) a\n(2) b"))[0].endswith("that can be loaded.")
    assert "…" in reason("tokenizer", tmp_path, ValueError("x" * 10_000))[0]
    with pytest.raises(NoSuchModel, match="holds no tokenizer that can be loaded"), named_place("tokenizer", tmp_path):
        AutoTokenizer.from_pretrained(tmp_path)


def test_a_file(tmp_path):
    (tmp_path / "a.wav").write_bytes(b"")
    assert reason("model", tmp_path / "a.wav", OSError("x"))[0].endswith("is a file, and not the folder of a model.")


def test_what_can_be_loaded_is(tmp_path):
    BertConfig().save_pretrained(tmp_path)
    with named_place("configuration", tmp_path):
        assert BertConfig.from_pretrained(tmp_path).model_type == "bert"
    with pytest.raises(NoSuchModel, match="^inner$"), named_place("outer", tmp_path):
        raise NoSuchModel("inner")
