"""Rows of a `datasets.Dataset`, from the Hugging Face Hub or a Parquet file -> utterances of the schema."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import soundfile as sf
from datasets import Audio, ClassLabel, Dataset, DatasetDict, load_dataset, load_from_disk
from datasets.exceptions import DatasetNotFoundError

from ...schema import Problem, Utterance
from .table_columns import SPLIT_NAMES, TableColumns


def load_hub_splits(
    name: str, *, config: str | None = None, revision: str | None = None, splits: Mapping[str, str] | None = None
) -> dict[str, Dataset]:
    """Downloads (or finds in the cache) the splits of a Hub dataset.

    Args:
        name (`str`): `owner/dataset`.
        config (`str`, *optional*): its configuration.
        revision (`str`, *optional*): its branch, tag or commit.
        splits (`dict[str, str]`, *optional*): what train, validation and test are made of, for datasets that name
            their splits otherwise: `{"train": "session1+session2", "test": "session3"}`.

    Raises:
        ValueError: there is no such dataset, it cannot be reached, or no split has a known name.
    """
    if splits is not None:
        there = load_all_splits(name, config=config, revision=revision, split=splits)
        return {split: there[split] for split in splits}
    loaded = load_all_splits(name, config=config, revision=revision)
    known = {alias: split for split, aliases in SPLIT_NAMES.items() for alias in aliases}
    found = {known[split]: dataset for split, dataset in loaded.items() if split in known}
    if not found:
        raise ValueError(
            f"{name} has the splits {', '.join(loaded)}. Say which are train, validation and test: "
            f"splits={{'train': {next(iter(loaded))!r}}}. Where they are several corpora: split_by='speaker' of the "
            "corpus hub."
        )
    return found


def load_all_splits(
    name: str, *, config: str | None = None, revision: str | None = None, split: Mapping[str, str] | None = None
) -> dict[str, Dataset]:
    """Downloads (or finds in the cache) the splits of a dataset, by their own names.

    Args:
        name (`str`): `owner/dataset`, or a folder: of a repository's files, or one that `save_to_disk` wrote.
        config, revision: as for `load_hub_splits`.
        split (`dict[str, str]`, *optional*): which splits, by the name that each shall have.

    Raises:
        ValueError: there is no such dataset, it cannot be reached, or a split is unknown.
    """
    folder = Path(name).expanduser()
    saved = any((folder / file).is_file() for file in ("dataset_dict.json", "state.json"))
    try:
        if saved:
            loaded = load_from_disk(str(folder))
            if isinstance(loaded, Dataset):
                loaded = DatasetDict({"train": loaded})
            if split is not None:
                unknown = [of for of in split.values() if of not in loaded]
                if unknown:
                    raise ValueError(f"{name} has no split {', '.join(unknown)}, it has {', '.join(loaded)}.")
                return {new: loaded[of] for new, of in split.items()}
        elif split is not None:
            return {new: load_dataset(name, config, revision=revision, split=of) for new, of in split.items()}
        else:
            loaded = load_dataset(name, config, revision=revision)
    except (DatasetNotFoundError, ConnectionError, FileNotFoundError) as error:
        raise ValueError(
            f"{name}: there is no such table or folder here, and the Hub gives no such dataset ({error})."
        ) from error
    return dict(loaded)


def dataset_utterances(
    dataset: Dataset,
    columns: TableColumns,
    *,
    name: str,
    split: str,
    problems: list[Problem],
    audio_dir: Path = Path(),
    embedded_dir: Path | None = None,
) -> Iterator[Utterance]:
    """The utterances of a dataset.

    Args:
        dataset (`Dataset`): one split.
        columns (`TableColumns`): its columns. Numbers of a `ClassLabel` become its names.
        name (`str`): what rows without an id, and messages, are called after.
        split (`str`): the split they belong to.
        problems (`list[Problem]`): what cannot be used is added to it.
        audio_dir (`Path`): what relative audio paths start from.
        embedded_dir (`Path`, *optional*): where sounds that are embedded in the dataset are written as files, once; a
            folder in the datasets cache if not given.

    Raises:
        ValueError: a column is missing.
    """
    columns.check(dataset.column_names, name)
    if isinstance(dataset.features.get(columns.audio), Audio):
        dataset = dataset.cast_column(columns.audio, Audio(decode=False))
    folder = embedded_dir or Path(datasets.config.HF_DATASETS_CACHE) / "emobert-audio" / dataset._fingerprint
    rows = _rows(dataset, columns, name, folder / split)
    return columns.utterances(rows, table=Path(name).stem, audio_dir=audio_dir, split=split, problems=problems)


def _rows(dataset: Dataset, columns: TableColumns, name: str, folder: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    names = {column: found for column, feature in dataset.features.items() if (found := _class_label(feature))}
    for index, row in enumerate(dataset):
        cells = dict(row)
        for column, feature in names.items():
            cells[column] = _class_names(cells[column], feature)
        audio = cells.get(columns.audio)
        if isinstance(audio, Mapping):
            cells[columns.audio] = _audio_file(audio, folder, f"{index:07d}")
        yield f"{name}, row {index}", cells


def _class_label(feature: Any) -> ClassLabel | None:
    """The class labels of a column, or of the lists in it."""
    inner = getattr(feature, "feature", feature)
    return inner if isinstance(inner, ClassLabel) else None


def _class_names(value: Any, feature: ClassLabel) -> Any:
    """Names instead of numbers; None for a number that is no class, as -1 often marks what is not labelled."""
    if isinstance(value, list):
        return [_class_names(inner, feature) for inner in value]
    return feature.int2str(value) if value is not None and 0 <= value < feature.num_classes else None


def _audio_file(audio: Mapping[str, Any], folder: Path, stem: str) -> str | None:
    """The path of a sound, which is written to `folder` where the dataset only has its bytes."""
    if audio.get("array") is not None:
        return _array_file(audio, folder, stem)
    content, path = audio.get("bytes"), audio.get("path")
    if content is None:
        return path
    suffix = Path(path or "").suffix
    target = folder / (stem + (suffix if re.fullmatch(r"\.\w{1,5}", suffix) else ""))
    if not target.exists() or target.stat().st_size != len(content):
        folder.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    return str(target.absolute())


def _array_file(audio: Mapping[str, Any], folder: Path, stem: str) -> str:
    """The path of samples that a dataset holds decoded, written as 32-bit floats."""
    target = folder / f"{stem}.wav"
    if not target.exists():
        folder.mkdir(parents=True, exist_ok=True)
        samples = np.asarray(audio["array"], dtype=np.float32)
        sf.write(target, samples.T if samples.ndim == 2 else samples, int(audio["sampling_rate"]), subtype="FLOAT")
    return str(target.absolute())
