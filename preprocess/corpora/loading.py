"""Reads any corpus by its name, as utterances of the one schema or as a `DatasetDict`."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from typing import Any

from datasets import DatasetDict

from configuration_emo.corpora import CORPORA

from ..data_report.report import write_data_report
from ..labels.label_maps import AnyLabelMap, apply_label_map
from ..labels.near_equal_labels import near_equal_labels
from ..protocols.validation_split import held_out_test
from ..protocols.validation_split import validation_from_train as take_validation
from ..schema import SPLITS, CorpusReading, Problem, Utterance
from ..skipped import SKIPPED_FILE, write_skipped
from .dialogue_context import with_dialogue_context
from .file_name_reader import read_coded_file_names


# An id that is a number, alone or behind a name.
_COUNTED = re.compile(r"(?P<name>.*?)(?P<number>[0-9]{1,18})", flags=re.DOTALL)


def corpus_reader(name: str) -> Callable[..., CorpusReading]:
    """The function that reads a corpus from its folder, before labels are mapped and ids are compared.

    Args:
        name (`str`): one of `preprocess.CORPORA`.

    Raises:
        ValueError: the corpus is unknown; near names, or all of them, are listed.
    """
    if name not in CORPORA:
        near = get_close_matches(str(name), CORPORA, n=1)
        hint = f" Did you mean {near[0]}?" if near else ""
        raise ValueError(f"Unknown corpus {name!r}; the known ones are {', '.join(CORPORA)}.{hint}")
    if CORPORA[name].files is not None:
        return partial(read_coded_file_names, name)
    return importlib.import_module(f".{name}", __package__).read


def read_corpus(
    name: str,
    data_dir: str | Path,
    *,
    label_map: AnyLabelMap | None = None,
    only_mapped: bool = False,
    validation_from_train: Mapping[str, Any] | None = None,
    test_from_train: Mapping[str, Any] | None = None,
    context_turns: int | None = None,
    **options: Any,
) -> CorpusReading:
    """Reads a corpus into the one schema.

    Args:
        name (`str`): one of `preprocess.CORPORA`.
        data_dir (`str` or `Path`): where the corpus is.
        label_map (*optional*): new names for labels, such as `{"exc": "hap"}` or `"iemocap-4-class"`; a label mapped
            to None takes its utterances out of the corpus. See `preprocess.LABEL_MAPS`.
        only_mapped (`bool`): also take out utterances whose label is not in the mapping; otherwise it keeps its name.
        validation_from_train (`Mapping`, *optional*): `{"by": "session", "fraction": 0.1, "seed": 0}` takes a
            validation part out of `train`, and the corpus's own one becomes the split `dev`, by whole sessions or
            speakers.
        test_from_train (`Mapping`, *optional*): the same for a test part, where there is none; taken first.
        context_turns (`int`, *optional*): so many previous turns of the dialogue become the column `context`, which is
            the first segment of the text when a dataset is prepared; never a turn of another split. Of MELD, IEMOCAP
            and tables with the columns `dialogue` and `turn`.
        **options: those of the corpus's own reader (see its module).

    Returns:
        `CorpusReading`: utterances by split, and every item that cannot be used: the reader's, those of labels taken
        out, repeated ids (the first one, in the order train, validation, test, stays), and labels that differ in case
        or spaces only, which are kept as they are. Where ids are numbers that
        begin anew in each split (`0`, `1`, ... or `clip_1`, `clip_2`, ...), they get the split's name in front.
        Whether anything is left is checked by `CorpusReading.check`.

    Raises:
        ValueError: the corpus or an option is unknown, or what its `read` raises.

    Example:
        >>> reading = read_corpus("iemocap", "IEMOCAP_full_release", label_map={"exc": "hap"})  # doctest: +SKIP
    """
    read = corpus_reader(name)
    takes = list(inspect.signature(read).parameters)[1:]
    unknown = [option for option in options if option not in takes]
    if unknown:
        raise ValueError(f"The corpus {name} has no option {', '.join(unknown)}; it takes {', '.join(takes)}.")
    if only_mapped and label_map is None:
        raise ValueError("only_mapped needs a label_map.")
    reading = read(data_dir, **options)
    if label_map is not None:
        reading = apply_label_map(reading, label_map, only_mapped=only_mapped)
    reading = _drop_repeated_ids(_with_ids_of_splits(reading)).replace(source=f"{name} in {data_dir}")
    rows = (row for split in reading.splits.values() for row in split)
    reading.problems.extend(near_equal_labels(rows, str(data_dir)))
    if test_from_train is not None:
        reading = held_out_test(reading, **test_from_train)
    if validation_from_train is not None:
        reading = take_validation(reading, **validation_from_train)
    return reading if context_turns is None else with_dialogue_context(reading, context_turns)


def load_corpus(
    name: str,
    data_dir: str | Path,
    *,
    label_map: AnyLabelMap | None = None,
    only_mapped: bool = False,
    validation_from_train: Mapping[str, Any] | None = None,
    test_from_train: Mapping[str, Any] | None = None,
    context_turns: int | None = None,
    report_dir: str | Path | None = None,
    **options: Any,
) -> DatasetDict:
    """Reads a corpus as a `DatasetDict` with the columns `id, audio, text, label, speaker, session`.

    Args:
        name, data_dir, label_map, only_mapped, validation_from_train, test_from_train, context_turns, **options: as
            for `read_corpus`.
        report_dir (`str` or `Path`, *optional*): where to write `skipped.jsonl` (every unusable item) and
            the data report (see `write_data_report`).

    Raises:
        ValueError: as `read_corpus` and `CorpusReading.check`: nothing is left of the corpus or of one of its splits,
            or not one of its recordings. The report is there all the same.

    Example:
        >>> corpus = load_corpus("csv", "my_recordings/", report_dir="outputs/data")  # doctest: +SKIP
        >>> corpus["train"][0]["text"]  # doctest: +SKIP
        'how nice of you'
    """
    reading = read_corpus(
        name,
        data_dir,
        label_map=label_map,
        only_mapped=only_mapped,
        validation_from_train=validation_from_train,
        test_from_train=test_from_train,
        context_turns=context_turns,
        **options,
    )
    if report_dir is not None:
        write_skipped(Path(report_dir) / SKIPPED_FILE, reading.problems)
        write_data_report(reading, report_dir)
    return reading.to_dataset_dict()


def _drop_repeated_ids(reading: CorpusReading) -> CorpusReading:
    first_places: dict[str, str] = {}
    splits: dict[str, list[Utterance]] = {}
    problems = list(reading.problems)
    order = [split for split in SPLITS if split in reading.splits]
    for split in order + [split for split in reading.splits if split not in SPLITS]:
        splits[split] = []
        for utterance in reading.splits[split]:
            place = _place(split, utterance)
            if utterance.id in first_places:
                reason = f"The id {utterance.id!r} is already used in {first_places[utterance.id]}; the first is kept."
                problems.append(Problem(utterance.id, place, reason, split))
            else:
                first_places[utterance.id] = place
                splits[split].append(utterance)
    return reading.replace(splits=splits, problems=problems)


def _with_ids_of_splits(reading: CorpusReading) -> CorpusReading:
    """Ids with their split's name in front, where they are counted anew in each split."""
    if not _are_counted_anew(reading.splits):
        return reading
    names = {split: {row.id: f"{split}-{row.id}" for row in rows} for split, rows in reading.splits.items()}
    splits = {split: [row.replace(id=names[split][row.id]) for row in rows] for split, rows in reading.splits.items()}
    problems = [
        dataclasses.replace(problem, id=names.get(str(problem.split), {}).get(problem.id, problem.id))
        for problem in reading.problems
    ]
    dialogues = {
        dialogue: [dataclasses.replace(turn, id=names.get(str(turn.split), {}).get(turn.id, turn.id)) for turn in said]
        for dialogue, said in reading.dialogues.items()
    }
    return reading.replace(splits=splits, problems=problems, dialogues=dialogues)


def _are_counted_anew(splits: Mapping[str, Sequence[Utterance]]) -> bool:
    """Whether several splits count their utterances from 0 or 1, and what has one number is not the same utterance."""
    contents: dict[str, set[tuple[str | None, str | None]]] = {}
    has_shared = False
    for rows in splits.values():
        starts: dict[str, int] = {}
        for row in rows:
            counted = _COUNTED.fullmatch(row.id)
            if counted is None:
                return False
            starts[counted["name"]] = min(starts.get(counted["name"], 2), int(counted["number"]))
        if max(starts.values(), default=0) > 1:
            return False
        for utterance_id, content in {row.id: (row.audio, row.text) for row in rows}.items():
            if content in contents.get(utterance_id, ()):
                return False
            has_shared |= utterance_id in contents
            contents.setdefault(utterance_id, set()).add(content)
    return has_shared


def _place(split: str, utterance: Utterance) -> str:
    return f"{split}: {utterance.audio}" if utterance.audio is not None else split
