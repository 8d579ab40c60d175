"""A whole corpus -> a prepared dataset on disk: once, in parallel, with every unusable row listed."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

import datasets
import numpy as np
import pyarrow.compute as pc
from datasets import Audio, Dataset, DatasetDict
from transformers.utils import logging

from configuration_emo.sealing import find_damage, seal

from ..labels.label_encoder import LabelEncoder
from ..processing_emobert import EmoBertProcessor
from ..schema import SOFT_LABEL, Problem
from ..skipped import SKIPPED_FILE, write_skipped
from .preparation_fingerprint import preparation_fingerprint
from .prepared import PREPARATION_FILE, PROCESSOR_FOLDER, load_prepared
from .sealed_cache import sealed_cache
from .utterance_preparation import PreparationOptions, UtterancePreparer
from .work_folder import work_folder


logger = logging.get_logger(__name__)

# Rows held in memory by each process while it writes; a long sound is about 1 MB.
_WRITER_BATCH_SIZE = 64


def prepare_dataset(
    dataset: Dataset | DatasetDict,
    processor: EmoBertProcessor,
    label_encoder: LabelEncoder,
    *,
    output_dir: str | Path | None = None,
    num_proc: int | None = None,
    max_audio_seconds: float | None = None,
    min_audio_seconds: float = 0.1,
    max_text_length: int | None = None,
    max_speech_ids: int | None = None,
    too_long: Literal["truncate", "skip"] = "truncate",
    problems: Iterable[Problem] = (),
    info: Mapping[str, Any] | None = None,
) -> DatasetDict:
    """Tokenises, decodes and encodes every utterance, in one pass over the corpus.

    Each row is prepared alone, so the result does not depend on `num_proc` or on other rows. A row that cannot
    be used (missing, damaged or silent file, unknown label, neither text nor audio, ...) is left out and listed in
    `skipped.jsonl`; an utterance that was cut is listed there as kept. Memory does not grow with the corpus.

    Args:
        dataset (`Dataset` or `DatasetDict`): rows of the schema: `id`, `label` and at least one of `audio` and `text`;
            `speaker` and `session` are carried along. Rows with `input_ids` or `speech_input_ids` keep those (for
            `speech_input_ids`, in the whole dataset, `audio` is not read). A lone `Dataset` becomes the split `train`.
        processor (`EmoBertProcessor`): text and sound.
        label_encoder (`LabelEncoder`): labels.
        output_dir (`str` or `Path`, *optional*): where the prepared dataset goes, with `preparation.json`,
            `skipped.jsonl` and `processor/`. A folder prepared from the same rows, files, processor, labels and
            options is used as it is if it is whole (see `load_prepared`); another prepared folder is replaced, and
            only when the new one is complete. Without it the rows are kept in the datasets cache.
        num_proc (`int`, *optional*): processes.
        max_audio_seconds, min_audio_seconds, max_text_length, max_speech_ids, too_long: limits, see
            `PreparationOptions`. Texts are cut to the processor's `max_text_length` in any case; where the tokenizer
            states no limit, give the encoder's as `max_text_length`, or limit the processor (`limit_text`).
        problems (iterable of `Problem`): what the corpus reader found, to be listed in the same `skipped.jsonl`.
        info (`dict`, *optional*): what else `preparation.json` should record (corpus, protocol, fold, ...).

    Returns:
        `DatasetDict` in numpy format, with `id, input_ids, attention_mask, labels, text_length, speech_length,
        speaker, session, gender, seconds, snr` (the last two of the whole sound, see [`signal_to_noise`]) and one of
        `input_values` `(samples,)`, `input_features` `(frames, bins)` and `speech_input_ids`; `votes` `(num_labels,)`,
        the annotators' votes as shares, where the dataset has them (`soft_label`) and classes exclude each other.
        A modality that an utterance lacks is a sequence of length 0; `speech_length` is in samples, frames or ids.
        Sounds are stored as float32: 4 bytes a sample (230 MB an hour at 16 kHz).

    Raises:
        ValueError: a column is missing (the ones present are listed), no row of a split can be used, or `output_dir`
            holds something that is not a prepared dataset.

    Example:
        >>> prepared = prepare_dataset(  # doctest: +SKIP
        ...     load_corpus("csv", "my_recordings/"), processor, label_encoder, output_dir="prepared", num_proc=4
        ... )
    """
    options = PreparationOptions(
        max_audio_seconds=max_audio_seconds,
        min_audio_seconds=min_audio_seconds,
        max_text_length=max_text_length,
        max_speech_ids=max_speech_ids,
        too_long=too_long,
    )
    splits = dataset if isinstance(dataset, DatasetDict) else DatasetDict({"train": dataset})
    splits = DatasetDict({name: _undecoded(split) for name, split in splits.items()})
    speech_column = _check_columns(splits, processor)
    problems = list(problems)
    with_context = any("context" in split.column_names for split in splits.values())
    if with_context and processor.context_turns is None:
        # For whoever predicts with a model of these rows: it is to be given as many turns.
        processor = copy.copy(processor)
        processor.context_turns = (
            max(len(turns or []) for split in splits.values() for turns in split["context"]) or None
        )
    fingerprint = preparation_fingerprint(splits, processor, label_encoder, asdict(options), problems)
    # Votes are for classes that exclude each other; for other kinds of problem the label says all.
    with_votes = label_encoder.problem.is_exclusive and any(
        SOFT_LABEL in split.column_names for split in splits.values()
    )
    preparer = UtterancePreparer(
        processor, label_encoder, options, speech_column, with_votes=with_votes, with_context=with_context
    )

    if output_dir is None:
        cache_dir = Path(datasets.config.HF_DATASETS_CACHE) / f"emobert-{fingerprint}"
        with sealed_cache(cache_dir):
            return _prepare_splits(splits, preparer, cache_dir, num_proc, fingerprint)[0]

    output_dir = Path(output_dir)
    if _is_up_to_date(output_dir, fingerprint):
        logger.info(f"{output_dir} was prepared from the same corpus, processor and options: it is used as it is.")
        return load_prepared(output_dir, check=False).datasets
    output_dir.parent.mkdir(parents=True, exist_ok=True)
    with work_folder(output_dir) as work:
        finished = work / "prepared"
        prepared, skipped, counts = _prepare_splits(splits, preparer, work, num_proc, fingerprint)
        prepared.save_to_disk(finished)
        preparer.processor.save_pretrained(finished / PROCESSOR_FOLDER)
        write_skipped(finished / SKIPPED_FILE, [*problems, *skipped])
        record = {
            **(info or {}),
            **label_encoder.to_dict(),
            "speech_column": speech_column,
            "options": asdict(options),
            "counts": counts,
            "fingerprint": fingerprint,
        }
        text = json.dumps(record, indent=2, ensure_ascii=False) + "\n"
        (finished / PREPARATION_FILE).write_text(text, encoding="utf-8")
        seal(finished)
        if output_dir.exists():
            output_dir.rename(work / "replaced")
        finished.rename(output_dir)
    return load_prepared(output_dir, check=False).datasets


def _prepare_splits(
    splits: DatasetDict, preparer: UtterancePreparer, cache_dir: Path, num_proc: int | None, fingerprint: str
) -> tuple[DatasetDict, list[Problem], dict[str, dict[str, int]]]:
    """The prepared splits, the problems of their rows, and how many rows there were, were kept, skipped and cut."""
    prepared, problems, counts = DatasetDict(), [], {}
    for index, (name, split) in enumerate(splits.items()):
        mapped = split.map(
            preparer,
            with_indices=True,
            features=preparer.features,
            remove_columns=split.column_names,
            num_proc=None if num_proc is None else max(1, min(num_proc, len(split))),
            cache_file_name=str(cache_dir / f"{name}.arrow"),
            writer_batch_size=_WRITER_BATCH_SIZE,
            new_fingerprint=f"{fingerprint[:16]}-{index}",
            desc=f"Preparing {name}",
        )
        of_split = list(_problems_of(mapped, name))
        problems.extend(of_split)
        kept = np.flatnonzero(pc.is_null(mapped.data.column("problem")).to_numpy())
        cut = sum(problem.kept for problem in of_split)
        counts[name] = {"rows": len(split), "kept": len(kept), "skipped": len(split) - len(kept), "cut": cut}
        if not len(kept):
            examples = " ".join(f"{problem.id}: {problem.reason}" for problem in of_split[:3])
            raise ValueError(f"No row of the split {name!r} can be used ({len(split)} rows). The first: {examples}")
        selected = mapped if len(kept) == len(split) else mapped.select(kept)
        prepared[name] = selected.remove_columns(["problem", "note"]).with_format("numpy")
    return prepared, problems, counts


def _problems_of(mapped: Dataset, split: str) -> Iterator[Problem]:
    columns = mapped.select_columns(["id", "problem", "note"])
    for index, row in enumerate(columns):
        reason = row["problem"] or row["note"]
        if reason is not None:
            place = f"{split}, row {index}"
            yield Problem(id=row["id"], place=place, reason=reason, split=split, kept=row["problem"] is None)


def _undecoded(split: Dataset) -> Dataset:
    """The split with its sound as path and bytes: decoding is `load_audio`'s."""
    if isinstance(split.features.get("audio"), Audio):
        return split.cast_column("audio", Audio(decode=False))
    return split


def _check_columns(splits: DatasetDict, processor: EmoBertProcessor) -> str:
    """Checks the columns up front and returns the name of the speech column to make."""
    for name, split in splits.items():
        columns = set(split.column_names)
        missing = [column for column in ("id", "label") if column not in columns]
        if not columns & {"audio", "text", "input_ids", "speech_input_ids"}:
            missing.append("audio or text")
        if missing:
            raise ValueError(
                f"The split {name!r} has no column {', '.join(missing)}; its columns are {', '.join(sorted(columns))}."
                " Rename your columns (rename_column) or read the corpus with load_corpus."
            )
    with_ids = {name for name, split in splits.items() if "speech_input_ids" in split.column_names}
    if with_ids and with_ids != set(splits):
        raise ValueError(f"Only the splits {', '.join(sorted(with_ids))} have speech_input_ids: all or none must.")
    return "speech_input_ids" if with_ids else processor.speech_input_name


def _is_up_to_date(output_dir: Path, fingerprint: str) -> bool:
    """Whether the folder holds this very preparation, undamaged.

    Raises:
        ValueError: the folder holds something else, which must not be replaced.
    """
    if not output_dir.exists():
        return False
    record = output_dir / PREPARATION_FILE
    if record.is_file():
        try:
            if json.loads(record.read_text(encoding="utf-8"))["fingerprint"] != fingerprint:
                return False
        except (ValueError, KeyError, TypeError):  # damaged
            return False
        damage = find_damage(output_dir)
        if damage is not None:
            logger.warning(f"{output_dir} was prepared before and is damaged ({damage}): it is prepared again.")
        return damage is None
    if output_dir.is_dir() and not any(output_dir.iterdir()):
        output_dir.rmdir()
        return False
    raise ValueError(
        f"{output_dir} exists and is not a prepared dataset (it has no {PREPARATION_FILE}): it is not replaced. Give "
        "another output_dir, or remove it."
    )
