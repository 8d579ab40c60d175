"""Reads every corpus whose file names say all (see `FileNames` in the table of corpora)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from configuration_emo.corpora import CORPORA, Corpus, FileNames

from ..audio.check import audio_files
from ..recordings.text_files import read_lines
from ..schema import CorpusReading, Utterance
from .reading.collector import UtteranceCollector, check_option, corpus_folder
from .reading.known_counts import note_known_counts
from .reading.side_table import read_side_table, read_vote_table


ALL_PARTS = "all"


@dataclass(frozen=True)
class _Recording:
    """A recording, its id, what its name says by group, and what is odd about the name."""

    path: Path
    id: str
    says: Mapping[str, str]
    remark: str | None


def read_coded_file_names(
    name: str,
    data_dir: str | Path,
    *,
    label_set: str | None = None,
    part: str | None = None,
    votes: bool = False,
    check_audio: str = "header",
    keep_without_audio: bool = False,
) -> CorpusReading:
    """Reads a corpus whose file names say who speaks and with which emotion. There is no official split: all
    utterances are in `train`, see `preprocess.make_folds`.

    Args:
        name (`str`): of the corpus, such as `"ravdess"`.
        data_dir (`str` or `Path`): its folder. Recordings are found in all folders below it.
        label_set (`str`, *optional*): one of the corpus's label sets; the first of them if not given.
        part (`str`, *optional*): one of the corpus's parts (`"speech"` or `"song"` of RAVDESS) or `"all"`; the first
            part if not given. Recordings of others are listed among the problems.
        votes (`bool`, defaults to `False`): also reads the annotators' votes for each label into `soft_label`, of a
            corpus that has them (CREMA-D's `tabulatedVotes.csv`, of the voice alone).
        check_audio (`str`, defaults to `"header"`): `"exists"`, `"header"` or `"decode"`, see `check_audio_file`.
            Recordings that are known to be silent or broken in the release are decoded in any case.
        keep_without_audio (`bool`, defaults to `False`): True keeps an utterance with a broken recording as text only,
            where the text is known.

    Returns:
        `CorpusReading`: `id` is what the pattern of the corpus matches, mostly the file's stem. What names tell
        beside speaker, label and text is in further columns (`intensity`, `gender`). Of several recordings with one id
        a wav file is read, otherwise the first by path, and the others are among the problems.

    Raises:
        ValueError: `data_dir` is not a folder or holds no recording, an option is unknown, or the table of a label set
            is missing.

    Example:
        >>> reading = read_coded_file_names("ravdess", "RAVDESS", label_set="calm-as-neutral")  # doctest: +SKIP
        >>> reading.splits["train"][0].speaker  # doctest: +SKIP
        '01'
    """
    corpus = CORPORA[name]
    assert corpus.files is not None  # loading calls this for such corpora only
    label_set = next(iter(corpus.label_sets)) if label_set is None else label_set
    check_option("label_set", label_set, corpus.label_sets)
    part = _checked_part(corpus, part)
    if votes and corpus.files.votes is None:
        raise ValueError(f"{name} comes without its annotators' votes: leave votes out.")
    collector = UtteranceCollector(
        check_audio, keep_without_audio=keep_without_audio, expects_text=corpus.files.has_texts()
    )
    layout = f"the recordings of {name}, such as {corpus.files.example}"
    folder = corpus_folder(data_dir, layout)
    inner = folder / (corpus.files.folder or "")
    paths = list(audio_files(inner if inner.is_dir() else folder))
    if not paths:
        raise ValueError(f"{folder} holds no recording. Expected: {layout}.")
    paths = _without_other_forms(paths, folder, corpus.files, collector)
    recordings = {path: _parse(path, corpus.files) for path in paths}
    used = _one_of_each_id([recording for recording in recordings.values() if recording is not None])
    reader = _Reader(corpus, label_set, part, folder, collector)
    if votes and corpus.files.votes is not None:
        reader.votes = read_vote_table(folder, corpus.files.votes, collector)
    for path, recording in recordings.items():
        if recording is None:
            expected = Path(corpus.files.example).name
            collector.problem(path.stem, str(path), f"malformed file name: expected such as {expected}")
        elif used[recording.id] is not recording:
            reason = f"duplicated id: it was already used at {used[recording.id].path}"
            collector.problem(recording.id, str(path), reason, "train")
        else:
            reader.read(recording)
    published = None if part == next(iter(corpus.files.parts), ALL_PARTS) else _counts_of_part(corpus.files, part)
    return note_known_counts(collector.reading(), name, label_set, folder, published=published)


class _Reader:
    """Makes utterances of recordings, with what the tables beside them say."""

    def __init__(self, corpus: Corpus, label_set: str, part: str, folder: Path, collector: UtteranceCollector):
        assert corpus.files is not None
        self.files = corpus.files
        self.label_set = label_set
        self.labels = corpus.label_sets[label_set].labels
        self.required = self.files.parts.get(part, {})
        self.part = part
        self.collector = collector
        self.tables = [
            (table, read_side_table(folder, table, collector))
            for table in self.files.tables
            if table.label_set in (None, label_set)
        ]
        from_tables = {table.label_set for table in self.files.tables}
        # What may stand in a name: the codes of all label sets that do not come from a table.
        self.codes = {
            code.casefold(): code
            for other, found in corpus.label_sets.items()
            if other not in from_tables
            for code in found.labels or {}
        }
        self.votes: dict[str, dict[str, float]] | None = None
        self.extra_columns = [
            *self.files.values,
            *(["gender"] if self.files.genders else []),
            *(column for table, _ in self.tables for column in table.columns if column not in ("text", "label")),
        ]

    def read(self, recording: _Recording) -> None:
        """Adds one recording to the collector, as an utterance or as a problem."""
        says, place = recording.says, str(recording.path)
        speaker = says.get("speaker")
        if speaker is not None:
            speaker = _canonical(speaker, self.files.genders)
        told: dict[str, str | None] = dict.fromkeys(self.extra_columns)
        told["gender"] = self.files.genders.get(speaker or "")
        for table, rows in self.tables:
            key = recording.id if table.by == "id" else says[table.by]
            told.update(rows.get(key, {}))
        label, reason = self._label(says, told)
        for group, names in self.files.values.items():
            told[group] = names.get(says[group].upper())
            if told[group] is None and reason is None:
                reason = f"unknown {group}: {says[group]!r} is none of {', '.join(names)}"
        if reason is not None:
            self.collector.problem(recording.id, place, reason)
            return
        self.collector.add(
            Utterance(
                id=recording.id,
                audio=place,
                text=told.get("text") or self._text(recording),
                label=label,
                speaker=speaker,
                session=says.get("session"),
                extra={column: told[column] for column in self.extra_columns},
                soft_label=None if self.votes is None else self.votes.get(recording.id),
            ),
            place,
            remark=recording.remark,
            known_seconds=self.files.seconds,
            check_audio="decode" if recording.id in self.files.suspects else None,
        )

    def _label(self, says: Mapping[str, str], told: Mapping[str, Any]) -> tuple[str | None, str | None]:
        """A recording's label, and why it has none."""
        code = self.codes.get(says["label"].casefold())
        if code is None:
            return None, f"unknown label: {says['label']!r} stands for no emotion"
        for group, value in self.required.items():
            if says[group] != value:
                return None, f"not in the part {self.part}: {group} is {says[group]}, there it is {value}"
        table = next((table for table, _ in self.tables if "label" in table.columns), None)
        if table is not None:
            code = told.get("label")
            if code is None:
                return None, f"no label: {table.file} says nothing of it"
            if ":" in code:
                return None, f"no agreement: {table.file} says {code}"
        if self.labels is None:
            return code, None
        label = self.labels.get(code)
        return label, f"not among the labels of {self.label_set}: {code}" if label is None else None

    def _text(self, recording: _Recording) -> str | None:
        sentence = recording.says.get("sentence")
        if self.files.text_beside:
            path = recording.path.with_suffix(".txt")
            return " ".join(line.text for line in read_lines(path)) if path.is_file() else None
        if self.files.text_template is not None:
            return self.files.text_template.format(sentence=sentence)
        return self.files.texts.get(_canonical(sentence or "", self.files.texts))


def _parse(path: Path, files: FileNames) -> _Recording | None:
    """What a recording's name says, None where it is not of the corpus's form."""
    remarks = []
    stem = path.absolute().with_suffix("")
    if stem.name in files.misspelt:
        stem = stem.with_name(files.misspelt[stem.name])
        remarks.append(f"irregular file name: {path.name} is read as {stem.name}")
    found = re.fullmatch(rf"(?:.*/)?(?P<whole_name>{files.pattern})", stem.as_posix(), re.IGNORECASE)
    if found is None:
        return None
    says = {group: value for group, value in found.groupdict().items() if value is not None}
    lies_in = files.own_folder and re.fullmatch(files.own_folder, path.parent.name, re.IGNORECASE)
    if lies_in and lies_in["speaker"].lstrip("0") != says["speaker"].lstrip("0"):
        remarks.append(f"in another's folder: it lies in {path.parent.name}, its name says {says['speaker']}")
    return _Recording(path, says.pop("whole_name").replace("/", "_"), says, "; ".join(remarks) or None)


def _one_of_each_id(recordings: list[_Recording]) -> dict[str, _Recording]:
    """One recording of each id: a wav file if there is one, otherwise the first."""
    used: dict[str, _Recording] = {}
    for recording in recordings:
        first = used.setdefault(recording.id, recording)
        if _is_wav(recording) and not _is_wav(first):
            used[recording.id] = recording
    return used


def _is_wav(recording: _Recording) -> bool:
    return recording.path.suffix.lower() == ".wav"


def _without_other_forms(
    paths: list[Path], folder: Path, files: FileNames, collector: UtteranceCollector
) -> list[Path]:
    """The recordings without those in folders that hold them in another form, unless there are no others."""
    names = {name.casefold(): name for name in files.beside}
    inside = [
        next((part for part in path.relative_to(folder).parts if part.casefold() in names), None) for path in paths
    ]
    if all(inside):
        return paths
    for name, count in Counter(name for name in inside if name is not None).items():
        reason = f"passed over: the folder holds the same in another form ({count} files)"
        collector.problem(name, str(folder / name), reason, kept=True)
    return [path for path, name in zip(paths, inside, strict=True) if name is None]


def _checked_part(corpus: Corpus, part: str | None) -> str:
    assert corpus.files is not None
    parts = [*corpus.files.parts, ALL_PARTS]
    if part is None:
        return parts[0]
    if part not in parts:
        raise ValueError(f"part={part!r} is unknown. {corpus.name} has: {', '.join(parts)}.")
    return part


def _counts_of_part(files: FileNames, part: str) -> dict[str, int]:
    return {"all": files.part_counts[part]} if part in files.part_counts else {}


def _canonical(value: str, known: Collection[str]) -> str:
    """The known value that differs in case only; itself where there is none."""
    return next((other for other in known if other.casefold() == value.casefold()), value)
