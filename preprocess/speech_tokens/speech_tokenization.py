"""A corpus's sounds to Speech-BERT's token ids, once: in several processes, and resumed where a killed run stopped."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from datasets import Audio, Dataset, DatasetDict, Features, List, Value, load_from_disk
from transformers import PreTrainedModel
from transformers.utils import logging

from configuration_emo.sealing import find_damage, seal

from ..schema import Problem
from ..skipped import SKIPPED_FILE, read_skipped, write_skipped
from .launched_processes import launched_processes
from .speech_row_encoder import SpeechRowEncoder
from .speech_tokenizer import LONG_AUDIO, SpeechTokenizer
from .tokenization_fingerprint import tokenization_fingerprint
from .tokenization_journal import TokenizationJournal, TokenizedRow
from .tokenization_lock import only_run


logger = logging.get_logger(__name__)

TOKENIZATION_FILE = "tokenization.json"
DATASET_FOLDER = "dataset"
JOURNAL_FOLDER = "journal"
# Rows that one process takes at a time. Small, so that processes finish together.
_ROWS_PER_SHARD = 32


@dataclass(frozen=True)
class Shard:
    """
    Consecutive rows of a split, the work of one process at a time.

    Args:
        split (`str`): the split.
        start, stop (`int`): its rows.
        journal ([`TokenizationJournal`]): where its results go.
    """

    split: str
    start: int
    stop: int
    journal: TokenizationJournal


@dataclass
class SpeechTokenization:
    """
    A corpus with token ids instead of sounds.

    Args:
        datasets (`DatasetDict`): the corpus's rows in their order with `speech_input_ids`, empty where there is no
            speech, `speech_length` (ids) and `problem`, None where the sound could be used. `audio` is left out.
        problems (`list[Problem]`): rows that were cut or split. (Rows that cannot be used have a `problem`, which
            `prepare_dataset` lists.)
    """

    datasets: DatasetDict
    problems: list[Problem]


def tokenize_speech(
    dataset: Dataset | DatasetDict,
    model: PreTrainedModel,
    tokenizer: SpeechTokenizer,
    output_dir: str | Path,
    *,
    long_audio: str = "truncate",
    batch_size: int = 8,
    num_processes: int | None = None,
) -> SpeechTokenization:
    """
    Tokenises every sound of a corpus with vq-wav2vec, in all processes that `accelerate launch` started.

    Sounds are read, encoded and written one batch at a time, so that memory does not grow with the corpus. Finished
    rows are kept in `output_dir`: a run that was killed goes on after them, in as many processes as it then has. The
    result does not depend on the number of processes, on interruptions or on `batch_size`.

    Args:
        dataset (`Dataset` or `DatasetDict`): rows with `id` and `audio` (anything that `load_audio` reads, or None). A
            lone `Dataset` becomes the split `train`.
        model (`PreTrainedModel`): a `VqWav2VecModel`; it is moved to the process's device.
        tokenizer ([`SpeechTokenizer`]): the dictionary.
        output_dir (`str` or `Path`): where the tokenised corpus goes. A folder tokenised from the same sounds, with
            the same model, dictionary and options is used as it is if it is whole, and made again if it is damaged.
        long_audio (`str`, defaults to `"truncate"`): what happens to more than `tokenizer.max_length` ids:
            `"truncate"` cuts as the original does, `"split"` makes several rows `id#0`, `id#1`, ... with the same text
            and label.
        batch_size (`int`, defaults to 8): sounds in memory at a time.
        num_processes (`int`, *optional*): the number of processes that there should be, which is checked.

    Returns:
        [`SpeechTokenization`], the same in every process.

    Raises:
        ValueError: a column is missing, another number of processes is running, or `output_dir` holds something else.

    Example:
        >>> tokenization = tokenize_speech(  # doctest: +SKIP
        ...     load_corpus("iemocap", "IEMOCAP_full_release"), model, tokenizer, "tokens/iemocap"
        ... )
    """
    if long_audio not in LONG_AUDIO:
        raise ValueError(f"long_audio must be one of {', '.join(LONG_AUDIO)}, got {long_audio!r}.")
    state = launched_processes(num_processes)
    splits = _with_undecoded_sound(dataset)
    output_dir = Path(output_dir)
    record = {"fingerprint": tokenization_fingerprint(splits, model, tokenizer, long_audio), "long_audio": long_audio}
    if state.is_main_process:
        _make_folder(output_dir)
    state.wait_for_everyone()
    with only_run(output_dir, state):
        if state.is_main_process:
            _open_folder(output_dir, record)
        state.wait_for_everyone()
        _check_record(output_dir, record)  # in every process: they might have read different corpora
        if not (output_dir / DATASET_FOLDER).exists():
            shards = _shards(splits, output_dir)
            encoder = SpeechRowEncoder(model.eval().to(state.device), tokenizer, long_audio)
            for shard in shards[state.process_index :: state.num_processes]:
                _tokenize_shard(splits[shard.split], shard, encoder, batch_size)
            state.wait_for_everyone()
            if state.is_main_process:
                _merge(splits, shards, output_dir)
        state.wait_for_everyone()
    datasets = load_from_disk(str(output_dir / DATASET_FOLDER))
    assert isinstance(datasets, DatasetDict)
    return SpeechTokenization(datasets, read_skipped(output_dir / SKIPPED_FILE))


def _with_undecoded_sound(dataset: Dataset | DatasetDict) -> DatasetDict:
    """The splits, with `id` and `audio` checked and sounds left to `load_audio`."""
    splits = dataset if isinstance(dataset, DatasetDict) else DatasetDict({"train": dataset})
    checked = DatasetDict()
    for name, split in splits.items():
        missing = [column for column in ("id", "audio") if column not in split.column_names]
        if missing:
            raise ValueError(
                f"The split {name!r} has no column {', '.join(missing)}; its columns are "
                f"{', '.join(split.column_names)}."
            )
        is_audio = isinstance(split.features["audio"], Audio)
        checked[name] = split.cast_column("audio", Audio(decode=False)) if is_audio else split
    return checked


def _make_folder(output_dir: Path) -> None:
    """Makes the folder, or finds that of an earlier run.

    Raises:
        ValueError: it holds something that is no tokenisation, which is not touched.
    """
    journal = output_dir / JOURNAL_FOLDER
    journal.parent.mkdir(parents=True, exist_ok=True)
    if not (output_dir / TOKENIZATION_FILE).is_file():
        # What a run leaves that was killed before it wrote its record.
        others = [
            path for path in output_dir.iterdir() if path != journal and path.suffix not in (".lock", ".unfinished")
        ]
        if others or (journal.exists() and any(journal.iterdir())):
            raise ValueError(
                f"{output_dir} exists and is not a tokenised corpus (it has no {TOKENIZATION_FILE}). Give another "
                "output_dir."
            )


def _open_folder(output_dir: Path, record: dict[str, str]) -> None:
    """Makes sure that the folder is of this tokenisation, or of none yet.

    Raises:
        ValueError: it is of another one, which is not replaced.
    """
    path = output_dir / TOKENIZATION_FILE
    if path.is_file():
        _check_record(output_dir, record)
    for leftover in output_dir.glob("merge-*"):
        shutil.rmtree(leftover)
    dataset = output_dir / DATASET_FOLDER
    damage = find_damage(dataset) if dataset.exists() else None
    if damage is not None:
        logger.warning(f"{output_dir} was tokenised before and is damaged ({damage}): it is tokenised again.")
        shutil.rmtree(dataset)
    if not (output_dir / DATASET_FOLDER).exists():
        (output_dir / JOURNAL_FOLDER).mkdir(exist_ok=True)
    unfinished = path.with_suffix(".unfinished")
    unfinished.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    unfinished.replace(path)


def _check_record(output_dir: Path, record: dict[str, str]) -> None:
    """Refuses a folder of another tokenisation, or with a damaged record."""
    try:
        found = json.loads((output_dir / TOKENIZATION_FILE).read_text(encoding="utf-8"))
    except ValueError:
        found = None
    if found != record:
        raise ValueError(
            f"{output_dir} holds tokens of other sounds, or made with another model, dictionary or options. Give "
            "another output_dir, or remove it."
        )


def _shards(splits: DatasetDict, output_dir: Path) -> list[Shard]:
    """All rows of the corpus, cut without regard to the number of processes, so that this may change on a restart."""
    return [
        Shard(
            name,
            start,
            min(start + _ROWS_PER_SHARD, len(split)),
            TokenizationJournal(output_dir / JOURNAL_FOLDER / f"{name}-{start:08d}.jsonl"),
        )
        for name, split in splits.items()
        for start in range(0, len(split), _ROWS_PER_SHARD)
    ]


def _tokenize_shard(split: Dataset, shard: Shard, encoder: SpeechRowEncoder, batch_size: int) -> None:
    """Tokenises those rows of a shard that are not in its journal yet."""
    start = shard.start + shard.journal.resume()
    for first in range(start, shard.stop, batch_size):
        rows = split.select(range(first, min(first + batch_size, shard.stop))).with_format(None)
        for tokenized in encoder([row["audio"] for row in rows]):
            shard.journal.append(tokenized)


def _merge(splits: DatasetDict, shards: list[Shard], output_dir: Path) -> None:
    """Joins the journals to the rows, in their order, and saves the tokenised corpus; then the journals go."""
    problems: list[Problem] = []
    with tempfile.TemporaryDirectory(prefix="merge-", dir=output_dir) as work:
        merged = DatasetDict()
        for name, split in splits.items():
            own = [shard for shard in shards if shard.split == name]
            merged[name] = Dataset.from_generator(
                _merged_rows, features=_features(split), cache_dir=work, gen_kwargs={"split": split, "shards": [own]}
            )
            problems.extend(_problems_of(split, own))
        merged.save_to_disk(Path(work) / DATASET_FOLDER)
        seal(Path(work) / DATASET_FOLDER)
        write_skipped(output_dir / SKIPPED_FILE, problems)
        (Path(work) / DATASET_FOLDER).rename(output_dir / DATASET_FOLDER)
    shutil.rmtree(output_dir / JOURNAL_FOLDER)


def _features(split: Dataset) -> Features:
    """Column types of the tokenised split."""
    kept = {name: feature for name, feature in split.features.items() if name != "audio"}
    own = {"speech_input_ids": List(Value("int32")), "speech_length": Value("int32"), "problem": Value("string")}
    return Features({**kept, **own})


def _merged_rows(split: Dataset, shards: list[list[Shard]]) -> Iterator[dict[str, Any]]:
    for row, tokenized in _rows_with_tokens(split, shards[0]):
        del row["audio"]
        several = len(tokenized.pieces) > 1
        for number, ids in enumerate(tokenized.pieces or [[]]):
            piece_id = f"{row['id']}#{number}" if several else row["id"]
            tokens = {"speech_input_ids": ids, "speech_length": len(ids), "problem": tokenized.problem}
            yield {**row, "id": piece_id, **tokens}


def _problems_of(split: Dataset, shards: list[Shard]) -> Iterator[Problem]:
    """The rows that were cut or split."""
    ids = split.select_columns(["id"])
    for index, (row, tokenized) in enumerate(_rows_with_tokens(ids, shards)):
        num_pieces = len(tokenized.pieces)
        place = f"{shards[0].split}, row {index}"
        if num_pieces > 1:
            reason = f"The {tokenized.num_ids} speech ids were split into {num_pieces} rows."
        elif num_pieces and len(tokenized.pieces[0]) < tokenized.num_ids:
            reason = f"The {tokenized.num_ids} speech ids were cut to {len(tokenized.pieces[0])}."
        else:
            continue
        yield Problem(row["id"], place, reason, shards[0].split, kept=True)


def _rows_with_tokens(split: Dataset, shards: list[Shard]) -> Iterator[tuple[dict[str, Any], TokenizedRow]]:
    rows = iter(split.with_format(None))
    for shard in shards:
        for tokenized in shard.journal:
            yield next(rows), tokenized
