"""Recordings shared by two real processes, killed and gone on with."""

import csv
import json
import os
import signal
import subprocess
import sys
import time

import pytest
from filelock import FileLock

from tests.distributed.launch import ROOT, two_processes
from tests.distributed.predict_worker import main
from tests.tiny import write_tone


WORKER = ROOT / "tests" / "distributed" / "predict_worker.py"
COUNT = 11


@pytest.fixture
def folder(tmp_path):
    """Eleven recordings of different lengths, one of which is given twice and one of which is none."""
    names = []
    for index in range(COUNT):
        names.append(f"{index}.wav")
        write_tone(tmp_path / names[-1], 0.2 + 0.1 * (index * 7 % COUNT))
    (tmp_path / "4.wav").write_bytes(b"no sound")
    with (tmp_path / "table.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["audio"], *([name] for name in [*names, "2.wav"])])
    return tmp_path


def rows(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def names(path):
    return [row["input"]["audio"].rpartition("/")[2] for row in rows(path)]


EXPECTED = [f"{index}.wav" for index in range(COUNT) if index != 4]


def stopped_and_killed(folder):
    """Two processes that have each finished two recordings and are killed in their third."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), "TOKENIZERS_PARALLELISM": "false"}
    process = subprocess.Popen(
        [*command, str(WORKER), str(folder), str(folder / "gate")],
        cwd=ROOT,
        env=environment,
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        while not all((folder / f"stopped-{rank}").exists() for rank in (0, 1)):
            assert process.poll() is None
            time.sleep(0.1)
    finally:
        # torchrun starts each worker in a session of its own: they are found by what they write.
        children = subprocess.run(["pgrep", "-f", str(folder / "gate")], capture_output=True, text=True).stdout
        for child in map(int, children.split()):
            os.kill(child, signal.SIGKILL)
        process.wait()
        # The lock is free when the last thread of those that are no children of this process has ended.
        with FileLock(folder / "out.lock", timeout=60):
            pass


def test_killed_and_gone_on_with_by_two_processes(folder, tmp_path_factory):
    stopped_and_killed(folder)
    parts = [folder / f"out.part-0000{rank}.jsonl" for rank in (0, 1)]
    finished = [names(part) for part in parts]
    # What cannot be read asks no recogniser: whoever has it may have finished it as well.
    assert [len(one) for one in finished] == [2, 2] and not set(finished[0]) & set(finished[1])
    assert not (folder / "out.csv").exists()
    with parts[1].open("a") as file:
        file.write('{"input": {"audio": "torn')
    whole = [line for part in parts for line in part.read_text().splitlines()[:2]]
    before = {row["input"]["audio"]: row for row in map(json.loads, whole)}

    said = two_processes(WORKER, folder)
    assert "2 processes: PredictionCounts(predicted=10, resumed=4, skipped=1)" in said
    assert names(folder / "out.jsonl") == EXPECTED  # nothing lost or doubled, in the order of the table
    assert [row["id"].rpartition("/")[2] for row in rows(folder / "out_skipped.jsonl")] == ["4.wav"]
    after = {row["input"]["audio"]: row for row in rows(folder / "out.jsonl")}
    assert all(after[name] == row for name, row in before.items())
    left = {path.name for path in folder.iterdir() if path.name.startswith("out")}
    assert left == {"out.csv", "out.jsonl", "out.lock", "out_settings.json", "out_skipped.jsonl"}

    alone = tmp_path_factory.mktemp("alone")
    (alone / "table.csv").write_text((folder / "table.csv").read_text().replace("\n", "\n" + f"{folder}/", COUNT + 1))
    main(alone)
    for one, two in zip(rows(alone / "out.jsonl"), rows(folder / "out.jsonl"), strict=True):
        assert one["text"] == two["text"]
        scores = [{entry["label"]: entry["score"] for entry in row["predictions"]} for row in (one, two)]
        assert scores[0] == pytest.approx(scores[1], abs=1e-6)
    assert [row["audio"] for row in csv.DictReader((folder / "out.csv").open())] == list(after)


def test_one_process_goes_on_with_what_two_have_left(folder, capsys):
    stopped_and_killed(folder)
    main(folder)
    assert "1 processes: PredictionCounts(predicted=10, resumed=4, skipped=1)" in capsys.readouterr().out
    assert sorted(names(folder / "out.jsonl")) == sorted(EXPECTED)
    assert not list(folder.glob("out.part-*")) and not (folder / "out.dealing.npz").exists()
