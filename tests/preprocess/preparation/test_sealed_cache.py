"""Damage that a disk or a kill did to prepared, sharded, tokenised and encoded rows is found, and made good."""

import datasets
import numpy as np
import pytest
from datasets import Dataset

from preprocess import EmoBertDataCollator, LabelEncoder, cache_encoder_states, load_prepared, prepare_dataset
from preprocess.preparation.parquet_shards import shard_files, write_parquet_shards
from preprocess.preparation.sealed_cache import sealed_cache
from tests.tiny import tiny_processor, write_tone
from tests.tiny_models import emobert


ENCODER = LabelEncoder("single_label_classification", {"happy": 0, "sad": 1})


@pytest.fixture
def rows(tmp_path):
    rows = []
    for index in range(4):
        write_tone(tmp_path / "wav" / f"{index}.wav", 0.3)
        audio = str(tmp_path / "wav" / f"{index}.wav")
        rows.append({"id": f"u{index}", "audio": audio, "text": "how nice", "label": ["happy", "sad"][index % 2]})
    return Dataset.from_list(rows)


def zero_half(path):
    """Half of a file's content gone, its size as before."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2 :] = bytes(len(content) - len(content) // 2)
    assert path.read_bytes() != content
    path.write_bytes(content)


def prepare(rows, folder):
    return prepare_dataset(rows, tiny_processor(), ENCODER, output_dir=folder)["train"]


def test_a_sealed_folder_is_kept_and_a_damaged_one_is_emptied(tmp_path, caplog):
    folder = tmp_path / "cache"

    def fill(content):
        with sealed_cache(folder):
            if not (folder / "rows").exists():
                (folder / "rows").write_text(content)
        return (folder / "rows").read_text()

    assert [fill("abcd"), fill("no")] == ["abcd", "abcd"] and not caplog.text
    zero_half(folder / "rows")
    assert fill("new") == "new" and "rows has another content than when it was sealed" in caplog.text
    with pytest.raises(KeyError), sealed_cache(folder):  # as a kill would leave it
        (folder / "seal.json").unlink()
        raise KeyError
    assert fill("again") == "again"


class TestPrepared:
    @pytest.mark.parametrize(
        "name", ["train/data-00000-of-00001.arrow", "preparation.json", "skipped.jsonl", "processor/tokenizer.json"]
    )
    def test_damage_is_named_and_prepared_again(self, rows, tmp_path, name):
        (tmp_path / "wav" / "3.wav").write_bytes(b"no sound")  # one line in skipped.jsonl
        expected = [row["input_values"].tolist() for row in prepare(rows, tmp_path / "data")]
        zero_half(tmp_path / "data" / name)
        with pytest.raises(ValueError, match=f"data is damaged: .*{name} has another content.*Run prepare_dataset"):
            load_prepared(tmp_path / "data")
        assert [row["input_values"].tolist() for row in prepare(rows, tmp_path / "data")] == expected
        assert len(load_prepared(tmp_path / "data").problems) == 1

    def test_a_folder_that_is_whole_is_used_as_it_is(self, rows, tmp_path):
        prepare(rows, tmp_path / "data")
        before = (tmp_path / "data" / "seal.json").stat().st_mtime_ns
        (tmp_path / "data" / "report.md").write_text("files that came later are no damage")
        prepare(rows, tmp_path / "data")
        assert (tmp_path / "data" / "seal.json").stat().st_mtime_ns == before

    def test_in_the_cache_of_datasets(self, rows, tmp_path, monkeypatch):
        monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
        expected = prepare(rows, None)[0]["input_values"].tolist()
        (arrow,) = (tmp_path / "cache").glob("emobert-*/train.arrow")
        zero_half(arrow)
        assert prepare(rows, None)[0]["input_values"].tolist() == expected


def test_encoder_states(rows, tmp_path):
    prepared, model = prepare(rows, tmp_path / "data"), emobert("moonshine")
    model.freeze_speech_encoder()

    def states():
        cached = cache_encoder_states(
            prepared, model, EmoBertDataCollator(tiny_processor()), modalities=("speech",), cache_dir=tmp_path / "c"
        )
        return [np.array(row["encoded_speech"]) for row in cached]

    expected = states()
    (arrow,) = (tmp_path / "c").glob("*/states.arrow")
    zero_half(arrow)
    for found, before in zip(states(), expected, strict=True):
        np.testing.assert_array_equal(found, before)


def test_shards(rows, tmp_path):
    prepare(rows, tmp_path / "data")
    write_parquet_shards(tmp_path / "data", tmp_path / "shards", rows_per_shard=2)
    files = shard_files(tmp_path / "shards", "train")
    content = files[1].read_bytes()
    files[1].write_bytes(content[:-10])
    with pytest.raises(ValueError, match="shards is damaged: .*train-00001-of-00002.parquet has .* bytes instead of"):
        shard_files(tmp_path / "shards", "train")
    zero_half(files[1])
    write_parquet_shards(tmp_path / "data", tmp_path / "shards", rows_per_shard=2)
    assert files[1].read_bytes() == content and not list((tmp_path / "shards").glob(".*"))
    zero_half(tmp_path / "shards" / "preparation.json")
    write_parquet_shards(tmp_path / "data", tmp_path / "shards", rows_per_shard=2)
    assert [file.read_bytes() for file in shard_files(tmp_path / "shards", "train")][1] == content
    assert load_prepared(tmp_path / "data").info["fingerprint"] in (tmp_path / "shards/preparation.json").read_text()
