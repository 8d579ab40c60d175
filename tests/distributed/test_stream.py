"""Training on streamed shards in two real processes: no row is lost or doubled, and both end with one model."""

import torch
from datasets import Dataset

from tests.distributed.launch import ROOT, two_processes


ROWS = 17


def test_two_processes_see_each_streamed_row_once_in_an_epoch(tmp_path):
    rows = Dataset.from_list(
        [
            {"input_ids": [5, 6, 7 + number], "speech_input_ids": [5] * (3 + number), "labels": float(number)}
            for number in range(ROWS)
        ]
    )
    for shard in range(4):
        rows.shard(4, shard, contiguous=True).to_parquet(str(tmp_path / f"train-{shard}.parquet"))
    two_processes(ROOT / "tests" / "distributed" / "stream_worker.py", tmp_path)

    results = [torch.load(tmp_path / f"{rank}.pt") for rank in (0, 1)]
    assert [result["world_size"] for result in results] == [2, 2]
    batches = len(results[0]["seen"])
    assert [result["steps"] for result in results] == [batches, batches] and batches == 2 * 3
    epochs = []
    for epoch in (0, 1):
        of_epoch = [batch for result in results for batch in result["seen"][epoch * 3 : epoch * 3 + 3]]
        assert sorted(sum(of_epoch, [])) == list(range(ROWS))
        epochs.append(of_epoch)
    assert epochs[0] != epochs[1]
    torch.testing.assert_close(results[0]["weights"], results[1]["weights"], rtol=0, atol=0)
