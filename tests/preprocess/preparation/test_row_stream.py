"""Parquet shards and the stream over them: every row once, in every process and epoch."""

import json

import numpy as np
import pytest
from datasets import Dataset

from preprocess import EmoBertDataCollator, EmoBertProcessor, LabelEncoder, load_prepared, prepare_dataset
from preprocess.preparation.parquet_shards import shard_files, write_parquet_shards
from preprocess.preparation.row_stream import RowStream
from tests.tiny import tiny_processor, write_tone


ROWS = 23


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    """23 rows whose labels are their numbers; every fifth has no sound."""
    folder = tmp_path_factory.mktemp("streamed")
    rows = []
    for index in range(ROWS):
        path = folder / f"{index}.wav"
        write_tone(path, 0.11 + 0.01 * (index % 7))
        audio = None if index % 5 == 0 else str(path)
        rows.append({"id": f"u{index}", "audio": audio, "text": "how nice", "label": float(index)})
    encoder = LabelEncoder("regression", {"score": 0})
    prepare_dataset(Dataset.from_list(rows), tiny_processor(), encoder, output_dir=folder / "data")
    return folder / "data"


def numbers(stream):
    """The labels of all batches, one list per batch."""
    return [np.atleast_1d(batch["labels"].flatten()).astype(int).tolist() for batch in stream]


@pytest.mark.parametrize(("world_size", "batch_size", "shards"), [(1, 4, 5), (2, 4, 5), (3, 2, 7), (2, 5, 2)])
def test_each_row_comes_once_in_an_epoch_and_each_process_has_as_many_batches(
    data_dir, tmp_path, world_size, batch_size, shards
):
    write_parquet_shards(data_dir, tmp_path, min_shards=shards)
    files = shard_files(tmp_path, "train")
    assert len(files) == shards
    collator = EmoBertDataCollator(tiny_processor())
    orders = []
    for epoch in (0, 1):
        streams = [
            RowStream(files, collator, batch_size=batch_size, shuffle_buffer=8, rank=rank, world_size=world_size)
            for rank in range(world_size)
        ]
        batches = []
        for stream in streams:
            stream.set_epoch(epoch)
            batches.append(numbers(stream))
            assert len(batches[-1]) == len(stream)
        assert len({len(of_process) for of_process in batches}) == 1
        assert all(1 <= len(batch) <= batch_size for of_process in batches for batch in of_process)
        assert sorted(number for of_process in batches for batch in of_process for number in batch) == list(
            range(ROWS)
        )
        orders.append(batches)
        again = RowStream(files, collator, batch_size=batch_size, shuffle_buffer=8, rank=0, world_size=world_size)
        again.set_epoch(epoch)
        assert numbers(again) == batches[0]
    assert orders[0] != orders[1]


def test_streamed_batches_hold_the_prepared_rows(data_dir, tmp_path):
    write_parquet_shards(data_dir, tmp_path, rows_per_shard=10)
    collator = EmoBertDataCollator(EmoBertProcessor.from_pretrained(tmp_path / "processor"))
    stream = RowStream(shard_files(tmp_path, "train"), collator, batch_size=6, shuffle_buffer=0)
    prepared = load_prepared(data_dir).datasets["train"]
    start = 0
    for batch, size in zip(stream, stream.batch_sizes(), strict=True):
        expected = collator([prepared[index] for index in range(start, start + size)])
        assert batch.keys() == expected.keys()
        for name, tensor in expected.items():
            np.testing.assert_array_equal(batch[name], tensor)
        start += size
    assert start == ROWS


def test_shards_that_are_there_are_not_written_again(data_dir, tmp_path):
    write_parquet_shards(data_dir, tmp_path, rows_per_shard=10)
    files = shard_files(tmp_path, "train")
    before = [file.stat().st_mtime_ns for file in files]
    files[1].unlink()
    with pytest.raises(ValueError, match="2 of 3 shards"):
        shard_files(tmp_path, "train")
    write_parquet_shards(data_dir, tmp_path, rows_per_shard=10)
    after = [file.stat().st_mtime_ns for file in shard_files(tmp_path, "train")]
    assert (after[0], after[2]) == (before[0], before[2]) and after[1] != before[1]


def test_bad_numbers_and_foreign_folders_are_refused(data_dir, tmp_path):
    with pytest.raises(ValueError, match="fewer than 24 shards"):
        write_parquet_shards(data_dir, tmp_path, min_shards=24)
    write_parquet_shards(data_dir, tmp_path, min_shards=2)
    collator = EmoBertDataCollator(tiny_processor())
    with pytest.raises(ValueError, match="min_shards=3"):
        RowStream(shard_files(tmp_path, "train"), collator, batch_size=2, world_size=3)
    with pytest.raises(ValueError, match="no shard of the split 'test'"):
        shard_files(tmp_path, "test")
    record = json.loads((tmp_path / "preparation.json").read_text())
    (tmp_path / "preparation.json").write_text(json.dumps({**record, "fingerprint": "other"}))
    with pytest.raises(ValueError, match="another preparation"):
        write_parquet_shards(data_dir, tmp_path)
