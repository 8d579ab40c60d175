"""Benchmarks run, at sizes at which their times say nothing, and both sides of each compute the same."""

import importlib
import json
from pathlib import Path

import pytest


FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture
def results(tmp_path, monkeypatch):
    """A function that runs a benchmark and returns what it writes."""
    monkeypatch.syspath_prepend(str(FOLDER))

    def run(name, *arguments):
        output = tmp_path / "results.json"
        importlib.import_module(name).main([*arguments, "--repeats", "1", "--threads", "1", "--output", str(output)])
        return json.loads(output.read_text(encoding="utf-8"))["results"]

    return run


def test_pair_inference(results):
    found = results("pair", "--tiny", "--batches", "1")
    for order in ("random", "grouped"):
        assert found[f"inference_{order}"]["largest_difference"] < 1e-6


@pytest.mark.slow  # three processes
def test_pair_training(results):
    found = results("pair", "--tiny", "--batches", "1", "--order", "random", "--work", "training")["training_random"]
    assert found["largest_difference"] < 1e-6 and found["largest_gradient_difference"] < 1e-3
    assert found["peak_bytes"]["packed"] < found["peak_bytes"]["padded"]


def test_pair_absent(results):
    assert results("pair", "--tiny", "--work", "absent")["largest_difference"] < 1e-6


def test_pair_frozen(results):
    found = results("pair", "--tiny", "--batches", "1", "--work", "frozen")
    assert found["largest_difference"] < 1e-6


@pytest.mark.slow  # two processes
def test_two_processes(results):
    found = results("two_processes", "--tiny", "--steps", "1", "--accumulation", "2")
    assert min(found["efficiency"].values()) > 0 and found["efficiency"]["one alone"] == 1


def test_data(results):
    found = results("data", "--rows", "20", "--sounds", "1", "--metric_rows", "50")
    assert all(one["equal"] for name, one in found.items() if name != "metrics")
    assert len(found) == 16


@pytest.mark.slow  # all of its parts, two of them in processes of their own
def test_gpu_program_on_a_cpu(results):
    found = results("gpu", "--device", "cpu", "--tiny", "--batch", "4", "--steps", "6")
    assert max(found["equality"]["difference"]) < 1e-5
    for way in ("padded", "packed"):
        assert found[f"inference, {way}"]["tokens_per_second"] > 0
        assert found[f"training, {way}"]["tokens_per_second"] > 0
    for way in ("one by one", "nested", "flex"):
        assert found[f"segments, {way}"]["difference"] < 1e-5
    for precision in ("bf16", "fp16"):
        assert len(found[f"fine-tuning, {precision}"]["losses"]) == 2
