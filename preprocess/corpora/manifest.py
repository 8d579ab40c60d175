"""The original system's own data files: manifests, labels and token files.

    <data_dir>/<split>_a.tsv           one sound a line, `<id>.wav`
    <data_dir>/<split>_t.tsv           one text a line, `<id>.txt`
    <data_dir>/<split>_size.tsv        `id,text ids,speech ids`
    <data_dir>/label_file_<split>.csv  `id,label`
    <token_dir>/<split>/audio_token/<id>.txt and <token_dir>/<split>/text/<id>.txt   token ids

with `train`, `valid` and `test` for `<split>`. Everything is joined by utterance id: the order of the files, headers,
a root folder in the first line, CRLF and byte-order marks do not matter.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from ..recordings.text_files import normalise_header, read_lines
from ..schema import CorpusReading, Label, Problem, Utterance
from .reading.collector import corpus_folder, missing_folders
from .token_files import read_token_file


# The original's name of each split, and ours.
MANIFEST_SPLITS = {"train": "train", "valid": "validation", "test": "test"}
SPEECH_FOLDER, TEXT_FOLDER = "audio_token", "text"
FILE_SUFFIXES = frozenset({".wav", ".txt", ".pt", ".npy", ".flac", ".mp3", ".mp4", ".ogg", ".m4a"})
HEADER_WORDS = frozenset(
    {"id", "file", "file_name", "filename", "name", "path", "utterance", "utterance_id", "audio", "text"}
)


def read(
    data_dir: str | Path, *, token_dir: str | Path | None = None, label_column: int = 1, keep_partial: bool = False
) -> CorpusReading:
    """
    Reads the manifests, and the token files where there are any.

    Args:
        data_dir (`str` or `Path`): the folder that the original calls `--data`.
        token_dir (`str` or `Path`, *optional*): the folder that it calls `--data-raw`. Without it the utterances carry
            ids, lengths and labels only.
        label_column (`int`, defaults to 1): which cell of the label files holds the label, counted from 0.
        keep_partial (`bool`, defaults to `False`): keep an utterance that only one of the two manifests lists, or of
            which one token file cannot be read, with the modality that it has. The original needs both.

    Returns:
        `CorpusReading`: labels are scores where all of them are numbers, else names. `extra` of each utterance holds
        `text_length` and `speech_length` (token ids), and with `token_dir` `input_ids` and `speech_input_ids`. Every
        id that one file has and another lacks, every duplicate and every unreadable line or file is a `Problem`.

    Raises:
        ValueError: the folder has none of these files.

    Example:
        >>> reading = read("T_data/iemocap", token_dir="iemocap_data")  # doctest: +SKIP
        >>> [len(utterances) for utterances in reading.splits.values()]  # doctest: +SKIP
        [3228, 1030, 1241]
    """
    layout = "<split>_a.tsv, <split>_t.tsv, <split>_size.tsv and label_file_<split>.csv of train, valid or test"
    folder = corpus_folder(data_dir, layout)
    splits: dict[str, list[Utterance]] = {}
    problems = missing_folders(token_dir=token_dir)
    found = False
    for name, split in MANIFEST_SPLITS.items():
        manifests = _SplitFiles.read(folder, name, label_column)
        if manifests is None:
            continue
        found = True
        tokens = None if token_dir is None else Path(token_dir).expanduser() / name
        reader = _SplitReader(manifests, split, tokens, keep_partial)
        utterances = reader.utterances()
        if utterances:
            splits[split] = utterances
        problems.extend([*manifests.problems, *reader.problems])
    if not found:
        raise ValueError(f"{folder} has no manifests. Expected: {layout}.")
    return CorpusReading(_with_typed_labels(splits), problems)


@dataclass
class _Entry:
    """One line of a file: the cells after the id, and the line's place."""

    cells: list[str]
    place: str


@dataclass
class _SplitFiles:
    """The four files of a split by id, each None where there is no such file."""

    sounds: dict[str, _Entry] | None
    texts: dict[str, _Entry] | None
    sizes: dict[str, _Entry] | None
    labels: dict[str, _Entry] | None
    folder: Path
    name: str
    label_column: int
    problems: list[Problem] = field(default_factory=list)

    @classmethod
    def read(cls, folder: Path, name: str, label_column: int) -> _SplitFiles | None:
        """The files of a split; None where it has not one of them."""
        files = cls(None, None, None, None, folder, name, label_column)
        files.sounds = files._entries(f"{name}_a.tsv", "\t")
        files.texts = files._entries(f"{name}_t.tsv", "\t")
        files.sizes = files._entries(f"{name}_size.tsv", ",", num_cells=3)
        files.labels = files._entries(f"label_file_{name}.csv", ",", num_cells=label_column + 1)
        if all(entries is None for entries in (files.sounds, files.texts, files.sizes, files.labels)):
            return None
        return files

    def _entries(self, file_name: str, separator: str, num_cells: int = 1) -> dict[str, _Entry] | None:
        path = self.folder / file_name
        if not path.is_file():
            return None
        entries: dict[str, _Entry] = {}
        lines = [line for line in read_lines(path) if line.text.strip()]
        for line in lines[_is_header(lines[0].text, separator) if lines else 0 :]:
            cells = [cell.strip() for cell in line.text.split(separator)]
            place = f"{path}, line {line.number}"
            utterance_id = utterance_id_of(cells[0])
            if len(cells) < num_cells:
                self._problem(utterance_id, place, f"{len(cells)} cells where there should be {num_cells}")
            elif utterance_id in entries:
                same = "the same" if entries[utterance_id].cells == cells[1:] else "another"
                self._problem(
                    utterance_id, place, f"duplicated id: {entries[utterance_id].place} has {same} line; it is kept"
                )
            else:
                entries[utterance_id] = _Entry(cells[1:], place)
        return entries

    def _problem(self, utterance_id: str, place: str, reason: str) -> None:
        self.problems.append(Problem(utterance_id, place, reason, MANIFEST_SPLITS[self.name]))


def utterance_id_of(name: str) -> str:
    """
    The utterance that a line of a manifest names.

    Args:
        name (`str`): a file name, with or without folders and ending.

    Returns:
        `str`: the name alone.

    Example:
        >>> [utterance_id_of(name) for name in ("12_s_4_neu.wav", "valid/12_s_4_neu.txt", "12_s_4_neu", "a.b")]
        ['12_s_4_neu', '12_s_4_neu', '12_s_4_neu', 'a.b']
    """
    base = name.strip().replace("\\", "/").rpartition("/")[2]
    path = Path(base)
    return path.stem if path.suffix.lower() in FILE_SUFFIXES else base


def _is_header(line: str, separator: str) -> bool:
    """Whether the first line names columns, or the root folder as fairseq's manifests do."""
    first = line.split(separator)[0].strip()
    is_folder = ("/" in first or "\\" in first) and Path(first).suffix.lower() not in FILE_SUFFIXES
    return is_folder or normalise_header(first) in HEADER_WORDS


class _SplitReader:
    """Joins the files of one split."""

    def __init__(self, files: _SplitFiles, split: str, token_dir: Path | None, keep_partial: bool):
        self.files = files
        self.split = split
        self.token_dir = token_dir
        self.keep_partial = keep_partial
        self.problems: list[Problem] = []

    def utterances(self) -> list[Utterance]:
        """The utterances that can be used, in the order of the list of sounds."""
        files = self.files
        listed = dict.fromkeys([*(files.sounds or {}), *(files.texts or {})])
        for kind, entries in (("size", files.sizes), ("label", files.labels)):
            for utterance_id, entry in (entries or {}).items():
                if utterance_id not in listed:
                    self._problem(utterance_id, entry.place, f"it has a {kind}, but no manifest lists it")
        joined = (self._utterance(utterance_id) for utterance_id in listed)
        return [utterance for utterance in joined if utterance is not None]

    def _utterance(self, utterance_id: str) -> Utterance | None:
        has_speech = self._is_listed(utterance_id, self.files.sounds, "a")
        has_text = self._is_listed(utterance_id, self.files.texts, "t")
        if not (has_speech and has_text) and not self.keep_partial:
            return None
        label = self._label(utterance_id)
        if label is None:
            return None
        text_length, speech_length = self._sizes(utterance_id)
        extra: dict[str, int | list[int] | None] = {"text_length": text_length, "speech_length": speech_length}
        if self.token_dir is not None:
            input_ids = self._tokens(utterance_id, TEXT_FOLDER, text_length) if has_text else None
            speech_ids = self._tokens(utterance_id, SPEECH_FOLDER, speech_length) if has_speech else None
            usable = [ids for ids in (input_ids, speech_ids) if ids is not None]
            if not usable or (len(usable) < 2 and not self.keep_partial):
                return None
            extra["input_ids"], extra["speech_input_ids"] = input_ids, speech_ids
            for name, ids in (("text_length", input_ids), ("speech_length", speech_ids)):
                extra[name] = None if ids is None else len(ids)
        return Utterance(utterance_id, label=label, extra=extra)

    def _is_listed(self, utterance_id: str, entries: dict[str, _Entry] | None, kind: str) -> bool:
        if entries is not None and utterance_id in entries:
            return True
        listing = self.files.folder / f"{self.files.name}_{kind}.tsv"
        reason = "the file is missing" if entries is None else "the other manifest lists it, this one does not"
        self._problem(utterance_id, str(listing), reason, kept=self.keep_partial)
        return False

    def _label(self, utterance_id: str) -> str | None:
        labels = self.files.labels
        if labels is not None and utterance_id in labels:
            label = labels[utterance_id].cells[self.files.label_column - 1]
            if label:
                return label
        file = self.files.folder / f"label_file_{self.files.name}.csv"
        self._problem(utterance_id, str(file), "the file is missing" if labels is None else "it has no label")
        return None

    def _sizes(self, utterance_id: str) -> tuple[int | None, int | None]:
        """Stated lengths of text and speech."""
        sizes = self.files.sizes
        if sizes is None:
            return None, None
        if utterance_id not in sizes:
            file = self.files.folder / f"{self.files.name}_size.tsv"
            self._problem(utterance_id, str(file), "it has no size", kept=True)
            return None, None
        entry = sizes[utterance_id]
        try:
            return int(entry.cells[0]), int(entry.cells[1])
        except ValueError:
            self._problem(utterance_id, entry.place, f"the sizes {entry.cells[:2]} are not numbers", kept=True)
            return None, None

    def _tokens(self, utterance_id: str, kind: str, stated: int | None) -> list[int] | None:
        assert self.token_dir is not None
        path = self.token_dir / kind / f"{utterance_id}.txt"
        try:
            ids = read_token_file(path)
        except ValueError as error:
            self._problem(utterance_id, str(path), str(error), kept=self.keep_partial)
            return None
        if stated is not None and stated != len(ids):
            reason = f"the size file says {stated} ids, the token file has {len(ids)}"
            self._problem(utterance_id, str(path), reason, kept=True)
        return ids

    def _problem(self, utterance_id: str, place: str, reason: str, *, kept: bool = False) -> None:
        self.problems.append(Problem(utterance_id, place, reason, self.split, kept))


def _with_typed_labels(splits: dict[str, list[Utterance]]) -> dict[str, list[Utterance]]:
    """Labels as scores where every one of them is a number."""
    labels = [utterance.label for utterances in splits.values() for utterance in utterances]
    if not _are_numbers(labels):
        return splits
    return {
        split: [utterance.replace(label=float(str(utterance.label))) for utterance in utterances]
        for split, utterances in splits.items()
    }


def _are_numbers(labels: Iterable[Label]) -> bool:
    try:
        for label in labels:
            float(str(label))
    except ValueError:
        return False
    return True
