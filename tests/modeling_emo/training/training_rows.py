"""A dataset of five labelled rows for tests that run the Trainer."""

import torch

from tests.tiny_models import ragged_batch


class Rows(torch.utils.data.Dataset):
    """The rows of `ragged_batch(family)`, padded as they are there, with labels."""

    def __init__(self, family="moonshine"):
        self.batch = {**ragged_batch(family), "labels": torch.tensor([0, 1, 2, 0, 1])}

    def __len__(self):
        return len(self.batch["labels"])

    def __getitem__(self, index):
        return {name: values[index] for name, values in self.batch.items()}
