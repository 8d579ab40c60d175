"""A prepared dataset as sharded Parquet: for corpora that do not fit a disk, and for training from remote storage."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

from datasets import Dataset
from transformers.utils import logging

from configuration_emo.sealing import SEAL_FILE, damaged_files, find_damage, read_seal, seal

from .prepared import PREPARATION_FILE, PROCESSOR_FOLDER, load_prepared
from .work_folder import work_folder


logger = logging.get_logger(__name__)

# Shards of a few hundred MB are read well by streams and object stores.
ROWS_PER_SHARD = 1000


def write_parquet_shards(
    data_dir: str | Path, output_dir: str | Path, *, rows_per_shard: int = ROWS_PER_SHARD, min_shards: int = 1
) -> dict[str, list[Path]]:
    """Writes `<split>-00000-of-00012.parquet` files beside the processor and `preparation.json`.

    Shards of a split differ by one row at most. A shard that is there is not written again, so a run that was stopped
    goes on where it was; when all are there the folder is sealed, and written again where it is damaged later.

    Args:
        data_dir (`str` or `Path`): a folder that `prepare_dataset` wrote.
        output_dir (`str` or `Path`): where the shards go.
        rows_per_shard (`int`): at most so many rows in a shard.
        min_shards (`int`): at least so many shards of each split, for that many processes to read one each.

    Returns:
        `dict[str, list[Path]]`: the shards of each split, in order.

    Raises:
        ValueError: `data_dir` is not a prepared dataset, a number is not positive, a split has fewer rows than
            `min_shards`, or `output_dir` holds shards of another preparation.

    Example:
        >>> write_parquet_shards("outputs/iemocap", "outputs/iemocap_shards", min_shards=8)  # doctest: +SKIP
    """
    if rows_per_shard < 1 or min_shards < 1:
        raise ValueError(f"rows_per_shard and min_shards must be at least 1, got {rows_per_shard} and {min_shards}.")
    prepared, output_dir = load_prepared(data_dir), Path(output_dir)
    for split, dataset in prepared.datasets.items():
        if len(dataset) < min_shards:
            raise ValueError(f"The split {split!r} has {len(dataset)} rows, fewer than {min_shards} shards.")
    _open_folder(output_dir, Path(data_dir), prepared.info)
    shards = {
        split: _write_split(dataset, split, output_dir, max(min_shards, -(-len(dataset) // rows_per_shard)))
        for split, dataset in prepared.datasets.items()
    }
    if read_seal(output_dir) is None:
        seal(output_dir)
    return shards


def shard_files(shard_dir: str | Path, split: str) -> list[Path]:
    """The shards of a split in order.

    Args:
        shard_dir (`str` or `Path`): the folder that `write_parquet_shards` wrote.
        split (`str`): for example `train`.

    Raises:
        ValueError: there is none, one is missing, or not of the size that it was sealed with.
    """
    files = sorted(Path(shard_dir).glob(f"{split}-*-of-*.parquet"))
    if not files:
        raise ValueError(f"{shard_dir} holds no shard of the split {split!r}; write_parquet_shards makes them.")
    expected = int(files[0].stem.rpartition("-")[2])
    if len(files) != expected:
        raise ValueError(f"{shard_dir}: {len(files)} of {expected} shards of {split!r} are there; copy the others.")
    damage = find_damage(shard_dir, contents=False) if read_seal(shard_dir) is not None else None
    if damage is not None:
        raise ValueError(f"{shard_dir} is damaged: {damage}. Copy it again, or run write_parquet_shards again.")
    return files


def _open_folder(output_dir: Path, data_dir: Path, info: dict[str, Any]) -> None:
    """Copies what belongs to the shards, or finds it there for the same preparation."""
    record = output_dir / PREPARATION_FILE
    damaged = dict(damaged_files(output_dir))
    if record.is_file():
        try:
            fingerprint = json.loads(record.read_text(encoding="utf-8"))["fingerprint"]
        except (ValueError, KeyError, TypeError):  # then nobody knows what the shards are of
            damaged |= dict.fromkeys([record, *output_dir.glob("*-*-of-*.parquet")], f"{record} is damaged")
        else:
            if fingerprint != info["fingerprint"]:
                raise ValueError(
                    f"{output_dir} holds shards of another preparation. Give another output_dir or remove it."
                )
            if not damaged:
                return
    for path, damage in damaged.items():
        logger.warning(f"{damage}: {path.name} is written again.")
        path.unlink(missing_ok=True)
    (output_dir / SEAL_FILE).unlink(missing_ok=True)
    output_dir.mkdir(parents=True, exist_ok=True)
    shutil.copytree(data_dir / PROCESSOR_FOLDER, output_dir / PROCESSOR_FOLDER, dirs_exist_ok=True)
    shutil.copyfile(data_dir / PREPARATION_FILE, record)


def _write_split(dataset: Dataset, split: str, output_dir: Path, count: int) -> list[Path]:
    files = [output_dir / f"{split}-{index:05d}-of-{count:05d}.parquet" for index in range(count)]
    for index, path in enumerate(files):
        if path.exists():
            continue
        with work_folder(path) as folder:
            written = folder / path.name
            dataset.shard(count, index, contiguous=True).to_parquet(str(written))
            os.replace(written, path)
        logger.info(f"{path.name}: shard {index + 1} of {count}")
    return files
