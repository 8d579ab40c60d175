"""A prepared dataset on disk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc
from datasets import Dataset, DatasetDict

from configuration_emo.sealing import find_damage
from configuration_emo.structured_text import read_json

from ..labels.label_encoder import LabelEncoder
from ..schema import Problem
from ..skipped import SKIPPED_FILE, read_skipped


PREPARATION_FILE = "preparation.json"
PROCESSOR_FOLDER = "processor"


@dataclass
class PreparedDataset:
    """What `prepare_dataset` left in a folder.

    Args:
        datasets (`DatasetDict`): the prepared splits, in numpy format.
        label_encoder (`LabelEncoder`): how their labels were made.
        processor_dir (`Path`): a folder for `EmoBertProcessor.from_pretrained`.
        info (`dict`): the whole of `preparation.json`: corpus, protocol, label order, options, counts, fingerprint.
        problems (`list[Problem]`): the whole of `skipped.jsonl`.
    """

    datasets: DatasetDict
    label_encoder: LabelEncoder
    processor_dir: Path
    info: dict[str, Any]
    problems: list[Problem]


def load_prepared(output_dir: str | Path, *, check: bool = True) -> PreparedDataset:
    """Opens a folder that `prepare_dataset` wrote; the rows stay on disk.

    Args:
        output_dir (`str` or `Path`): the folder.
        check (`bool`, defaults to True): compares every file with the seal that it was given when it was complete,
            about 1 GB a second.

    Raises:
        ValueError: it is not a prepared dataset, or damaged.

    Example:
        >>> prepared = load_prepared("prepared/spoken_sentiment")  # doctest: +SKIP
        >>> prepared.datasets["train"].num_rows  # doctest: +SKIP
        1200
    """
    output_dir = Path(output_dir)
    record = output_dir / PREPARATION_FILE
    if not record.is_file():
        raise ValueError(
            f"{output_dir} is not a prepared dataset: there is no {PREPARATION_FILE}. Give the "
            "output_dir of `emobert prepare`, or of prepare_dataset."
        )
    damage = find_damage(output_dir) if check else None
    if damage is not None:
        raise ValueError(f"{output_dir} is damaged: {damage}. Run prepare_dataset again.")
    info = read_json(record)
    return PreparedDataset(
        datasets=DatasetDict.load_from_disk(str(output_dir)),
        label_encoder=LabelEncoder.from_dict(info),
        processor_dir=output_dir / PROCESSOR_FOLDER,
        info=info,
        problems=read_skipped(output_dir / SKIPPED_FILE),
    )


def rows_with(dataset: Dataset, modalities: Sequence[str]) -> Dataset:
    """The rows of a prepared split that have at least one of these modalities, in their order.

    Args:
        dataset (`Dataset`): a split of a prepared dataset.
        modalities (sequence of `str`): `"text"`, `"speech"` or both.
    """
    lengths = dataset.select_columns([f"{modality}_length" for modality in modalities]).with_format("arrow")[:]
    present = [np.asarray(pc.fill_null(column, 0)) > 0 for column in lengths.columns]
    kept = np.flatnonzero(np.logical_or.reduce(present))
    return dataset if len(kept) == len(dataset) else dataset.select(kept)
