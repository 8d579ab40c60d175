"""A run that is killed again and again ends as the one that was not, to the last bit."""

import pytest
import torch

from modeling_emo import last_whole_checkpoint
from tests.resume.runs import Run, outcome, seen, start


KILLED = -9
# Where to be killed, and the checkpoint that the next start has to go on from. An epoch has 4 steps.
PLACES = [
    (("substep", 3), 2),  # in an accumulation window; goes on in the middle of epoch 0
    (("step end", 4), 2),  # at the end of an epoch, before it is evaluated
    (("substep", 5), 4),  # goes on at the beginning of an epoch
    (("evaluated", 6), 4),  # between evaluation and saving
    (("writing", 8), 6),  # a torn checkpoint; goes on in the middle of epoch 1
    (("unsealed", 10), 8),
    (("saved", 12), 12),  # nothing is left to do but to load the best model
]


def same(one, other):
    """Equal to the last bit, tensors in nested containers included."""
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(same(*pair) for pair in zip(one, other, strict=True))
    return bool((one == other).all()) if hasattr(one, "all") else one == other


def check_same_end(folder, expected, processes=1, but=()):
    """Outcomes and the rows of every step, those that were done again included, are the same."""
    for rank in range(processes):
        reference, resumed = outcome(expected, rank), outcome(folder, rank)
        assert reference["world_size"] == processes
        assert [name for name in reference if not same(reference[name], resumed[name])] == list(but)
        rows = seen(expected, rank)[1]
        for place, batches in seen(folder, rank)[1].items():
            assert all(batch == rows[place][0] for batch in batches), place


def check_killed_and_resumed(tmp_path, places, processes=1, **options):
    assert start(Run(str(tmp_path / "whole"), options=options), processes) == [0] * processes
    folder = tmp_path / "killed"
    for place, step in places:
        codes = start(Run(str(folder), resume=True, kill=place, options=options), processes)
        assert codes == [KILLED] * processes, place
        whole = last_whole_checkpoint(folder)
        assert (0 if whole is None else int(whole.name.split("-")[1])) == step, place
    assert start(Run(str(folder), resume=True, options=options), processes) == [0] * processes
    check_same_end(folder, tmp_path / "whole", processes)
    assert len(list(folder.glob("checkpoint-*"))) <= 2  # save_total_limit
    for rank in range(processes):
        assert seen(folder, rank)[0] == [0, *(step for _, step in places)]


def test_killed_and_resumed_is_as_never_killed(tmp_path):
    check_killed_and_resumed(tmp_path, PLACES)


# With two processes an epoch has 2 steps of 2 batches each.
PLACES_OF_TWO = [
    (("substep", 2), 0),  # before anything was saved: from the beginning
    (("substep", 4), 3),  # goes on in the middle of epoch 1
    (("writing", 6), 3),
]
GROUPED = {
    "train_sampling_strategy": "group_by_length",
    "dataloader_num_workers": 2,
    "dataloader_persistent_workers": True,
}


def test_two_processes_killed_and_resumed_are_as_never_killed(tmp_path):
    check_killed_and_resumed(
        tmp_path, PLACES_OF_TWO, processes=2, save_steps=3, eval_steps=3, logging_steps=2, **GROUPED
    )


# The loss falls; asked for a greater one, those after step 4 are worse: patience 2 stops after step 8 of 12.
STOPPED_EARLY = {"greater_is_better": True, "early_stopping_patience": 2}


def test_early_stopping_goes_on_counting_and_stays_stopped(tmp_path):
    places = [(("substep", 7), 6), (("saved", 8), 8)]
    check_killed_and_resumed(tmp_path, places, **STOPPED_EARLY, **GROUPED)
    end = outcome(tmp_path / "whole")
    assert (end["step"], end["best"][0], end["early stopping"]) == (8, 4, [2])


def test_what_is_due_at_the_end_of_an_epoch_is_not_lost(tmp_path):
    """Steps save, epochs evaluate and log: a checkpoint of the last step comes after those."""
    options = {"eval_strategy": "epoch", "logging_strategy": "epoch", "load_best_model_at_end": False}
    # And of one checkpoint that is kept, the older one is removed when the newer one is sealed, not before.
    options["save_total_limit"] = 1
    places = [(("substep", 5), 4), (("unsealed", 8), 6), (("saved", 8), 8)]
    check_killed_and_resumed(tmp_path, places, **options)
    evaluated = [entry["step"] for entry in outcome(tmp_path / "killed")["history"] if "eval_loss" in entry]
    assert evaluated == [4, 8, 12]


def test_a_run_that_ended_inside_an_epoch_is_not_trained_further(tmp_path):
    check_killed_and_resumed(tmp_path, [(("saved", 6), 6)], max_steps=6, save_steps=3, eval_steps=3)


@pytest.mark.slow
@pytest.mark.parametrize("processes", [1, 2])
@pytest.mark.parametrize("sampling", ["random", "group_by_length", "batch_rebalance"])
@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("persistent", [False, True])
def test_every_way_of_loading(tmp_path, processes, sampling, workers, persistent):
    if persistent and not workers:
        pytest.skip("Without workers none persist.")
    options = {
        "train_sampling_strategy": sampling,
        "dataloader_num_workers": workers,
        "dataloader_persistent_workers": persistent,
    }
    if processes == 1:
        check_killed_and_resumed(tmp_path, PLACES, **options)
    else:
        check_killed_and_resumed(tmp_path, PLACES_OF_TWO, 2, save_steps=3, eval_steps=3, logging_steps=2, **options)
