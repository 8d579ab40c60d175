"""The order of the data depends on seed and epoch, however the loader is wrapped."""

import signal
import subprocess

import torch
from accelerate.data_loader import prepare_data_loader, skip_first_batches
from torch.utils.data import DataLoader, Dataset, RandomSampler
from transformers.trainer_pt_utils import get_length_grouped_indices

from modeling_emo.resuming.data_order import EpochLengthGroupedSampler, isolate_workers, set_epoch


LENGTHS = [(7 * index) % 23 + 1 for index in range(40)]


class Numbers(Dataset):
    """0 to 39."""

    def __len__(self):
        return 40

    def __getitem__(self, index):
        return index


def test_length_groups_depend_on_seed_and_epoch_only():
    sampler = EpochLengthGroupedSampler(4, LENGTHS, seed=5)
    first = list(sampler)
    assert first == get_length_grouped_indices(LENGTHS, 4, generator=torch.Generator().manual_seed(5))
    state = torch.get_rng_state()
    torch.rand(1)
    assert list(sampler) == first
    for epoch in (4, 2):
        sampler.set_epoch(epoch)
    assert list(sampler) == get_length_grouped_indices(LENGTHS, 4, generator=torch.Generator().manual_seed(7))
    torch.set_rng_state(state)
    list(sampler)
    assert torch.equal(torch.get_rng_state(), state)


def batches_of(process, epoch, skip=0, sampler=None):
    torch.manual_seed(3)
    sampler = RandomSampler(Numbers()) if sampler is None else sampler
    loader = DataLoader(Numbers(), batch_size=5, sampler=sampler)
    prepared = prepare_data_loader(loader, num_processes=2, process_index=process, use_seedable_sampler=True)
    set_epoch(prepared, epoch)
    if skip:
        prepared = skip_first_batches(prepared, skip)
        prepared.set_epoch(epoch)  # as Trainer does
    return [batch.tolist() for batch in prepared]


def test_the_epoch_reaches_the_sampler_through_all_wrappers():
    for kind in (lambda: None, lambda: EpochLengthGroupedSampler(5, LENGTHS, seed=3)):
        whole = batches_of(0, 1, sampler=kind())
        assert whole != batches_of(0, 0, sampler=kind())
        assert batches_of(0, 1, skip=2, sampler=kind()) == whole[2:]
        both = [number for process in (0, 1) for batch in batches_of(process, 1, sampler=kind()) for number in batch]
        assert sorted(both) == list(range(40))


def test_collator_and_dataset_are_told_the_epoch():
    class Told:
        def set_epoch(self, epoch):
            self.epoch = epoch

    collator, dataset = Told(), Numbers()
    dataset.set_epoch = Told.set_epoch.__get__(dataset)
    set_epoch(DataLoader(dataset), 4, collator)
    assert (collator.epoch, dataset.epoch) == (4, 4)


def test_iterating_leaves_the_global_generator_alone():
    loader = DataLoader(Numbers(), batch_size=5)
    isolate_workers(loader, seed=0)
    state = torch.get_rng_state()
    assert len(list(loader)) == 8
    assert torch.equal(torch.get_rng_state(), state)


def test_workers_obey_sigterm_of_their_parent_only():
    loader = DataLoader(Numbers(), batch_size=5, num_workers=1)
    isolate_workers(loader, seed=0)
    batches = iter(loader)
    assert next(batches).tolist() == [0, 1, 2, 3, 4]
    (worker,) = batches._workers
    subprocess.run(["kill", "-TERM", str(worker.pid)], check=True)
    assert len(list(batches)) == 7  # it lives on and delivers the rest
    batches = iter(loader)
    next(batches)
    (worker,) = batches._workers
    worker.terminate()
    worker.join(timeout=20)
    assert worker.exitcode == 0
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    del batches
