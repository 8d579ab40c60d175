"""EmoBertTrainer: two processes with batches of b are one process with batches of 2b."""

import pytest
import torch

from tests.distributed.launch import ROOT, two_processes
from tests.distributed.trainer_worker import SCENARIOS, train


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("two")
    two_processes(ROOT / "tests" / "distributed" / "trainer_worker.py", folder)
    return folder


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    return lambda name: train(name, 4, str(tmp_path_factory.mktemp("one")))


@pytest.mark.parametrize("name", [name for name in SCENARIOS if name != "concordance"])
def test_two_processes_are_one_with_twice_the_batch(name, folder, alone):
    expected = alone(name)
    results = [torch.load(folder / f"{name}-{rank}.pt") for rank in (0, 1)]
    assert [result["world_size"] for result in results] == [2, 2] and expected["world_size"] == 1
    for result in results:
        assert result["losses"] == pytest.approx(expected["losses"], rel=1e-5, abs=1e-5)
        assert result["metrics"] == pytest.approx(expected["metrics"], rel=1e-5, abs=1e-5)
        assert len(result["gradients"]) == len(expected["gradients"]) == len(expected["losses"]) > 1
        for step, reference in zip(result["gradients"], expected["gradients"], strict=True):
            torch.testing.assert_close(step, reference, rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(result["weights"], expected["weights"], rtol=1e-5, atol=1e-5)


def test_concordance_is_the_mean_of_the_processes_own(folder, alone, tmp_path):
    """The CCC of two utterances is another number than that of four: two processes are two micro-batches."""
    two = torch.load(folder / "concordance-0.pt")
    accumulated = train("concordance", 2, str(tmp_path), gradient_accumulation_steps=2)
    assert two["losses"] == pytest.approx(accumulated["losses"], rel=1e-5)
    torch.testing.assert_close(two["gradients"][0], accumulated["gradients"][0], rtol=1e-5, atol=1e-5)
    assert abs(two["losses"][0] - alone("concordance")["losses"][0]) > 1e-3
