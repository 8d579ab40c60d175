"""The encoder folders of the demonstration."""

import pytest
import torch
from transformers import AutoModel, AutoTokenizer

from modeling_emo.conversion.demo_encoders import find_minilm, make_demo_encoders


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    return make_demo_encoders(tmp_path_factory.mktemp("encoders"))


def test_minilm_is_an_ordinary_folder(folders):
    model, info = AutoModel.from_pretrained(folders["text"], output_loading_info=True)
    assert not any(info.values())
    assert type(model).__name__ == "BertModel"
    source = AutoModel.from_pretrained(find_minilm())
    batch = AutoTokenizer.from_pretrained(folders["text"])(
        ["so lucky :)", "bad mood"], padding=True, return_tensors="pt"
    )
    assert batch["input_ids"][1].tolist() == [101, 2919, 6888, 102, 0, 0]
    with torch.no_grad():
        torch.testing.assert_close(model(**batch)[0], source(**batch)[0], rtol=0, atol=0)


def test_existing_folders_are_kept(folders):
    weights = [folder / "model.safetensors" for folder in folders.values()]
    before = [path.stat().st_mtime_ns for path in weights]
    assert make_demo_encoders(folders["text"].parent) == folders
    assert [path.stat().st_mtime_ns for path in weights] == before
    assert sorted(path.name for path in folders["text"].parent.iterdir()) == ["minilm", "moonshine-tiny-encoder"]
