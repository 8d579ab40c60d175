"""MSP-Podcast: spontaneous speech of podcasts (Lotfian and Busso, IEEE Transactions on Affective Computing 2019).

`Audios/MSP-PODCAST_0001_0008.wav` (or `Audio/`), `Labels/labels_consensus.csv` (up to release 1.11 also spelt
`labels_concensus.csv`) with the columns FileName, EmoClass, EmoAct, EmoVal, EmoDom, SpkrID, Gender and Split_Set, and
`Transcripts/MSP-PODCAST_0001_0008.txt`.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

from configuration_emo.corpora import CORPORA
from configuration_emo.structured_text import read_json

from ..audio.check import audio_files
from ..recordings.text_files import TableRow, files_with_suffix, read_lines, read_table
from ..schema import CorpusReading, Label, Utterance
from .reading.collector import UtteranceCollector, check_option, corpus_folder


CORPUS = CORPORA["msp_podcast"]
LAYOUT = "MSP-Podcast's Labels/labels_consensus.csv, Audios/ and Transcripts/"
LABEL_FILES = ("labels_consensus.csv", "labels_concensus.csv")
VOTE_FILE = "labels_detailed"
COLUMNS = ("file_name", "emo_class", "emo_act", "emo_val", "emo_dom", "spkr_id", "gender", "split_set")
# Its partitions, as the schema calls them; the second and the third test part are splits of their own.
PARTITIONS = MappingProxyType(
    {
        **{"train": "train", "validation": "validation", "development": "validation"},
        **{"test1": "test", "test2": "test2", "test3": "test3"},
    }
)


# The annotators' words for the codes.
_CODES = {label: code for code, label in (CORPUS.label_sets["8-class"].labels or {}).items()}


def read(
    data_dir: str | Path,
    *,
    label_set: str = "8-class",
    votes: bool = False,
    check_audio: str = "header",
    keep_without_audio: bool | None = None,
) -> CorpusReading:
    """Reads MSP-Podcast, in its own split: `train`, `validation`, `test` (Test1), `test2` and `test3`, as far as the
    labels have them.

    Args:
        data_dir (`str` or `Path`): the folder with `Labels` and `Audios`.
        label_set (`str`, defaults to `"8-class"`):

            - `"8-class"`: angry, sad, happy, surprise, fear, disgust, contempt, neutral, which challenges score.
            - `"4-class"`: angry, sad, happy, neutral.
            - `"10-class"`: with `other` (O) and `no agreement` (X), on which the best systems train, too.
            - `"vad"`: valence, activation, dominance, the annotators' means on a scale from 1 to 7.
        votes (`bool`, defaults to `False`): also reads each annotator's answer from `labels_detailed.json` (or `.csv`)
            into `soft_label`. Of the label sets with names only.
        check_audio (`str`, defaults to `"header"`): `"exists"`, `"header"` or `"decode"`, see `check_audio_file`.
        keep_without_audio (`bool`, *optional*): False leaves out utterances without a usable recording; otherwise they
            stay as text. True is needed where not one recording is there.

    Returns:
        `CorpusReading`: `id` is the file's stem. A speaker who is `Unknown` is None, which no check can keep apart;
        how many these are is among the problems. The column `gender` is the table's.

    Raises:
        ValueError: `data_dir` is not a folder, has no label file or one without its columns, or an option is unknown.

    Example:
        >>> reading = read("MSP-PODCAST-Publish-1.11", label_set="vad")  # doctest: +SKIP
        >>> reading.splits["test"][0].label  # doctest: +SKIP
        [4.0, 2.2, 2.6]
    """
    check_option("label_set", label_set, CORPUS.label_sets)
    folder = corpus_folder(data_dir, LAYOUT)
    if votes and label_set == "vad":
        raise ValueError("votes are for label sets with names, got label_set='vad'.")
    table = next((path for path in files_with_suffix(folder, ".csv") if path.name.lower() in LABEL_FILES), None)
    if table is None:
        raise ValueError(f"{folder} holds no {' or '.join(LABEL_FILES)}. Expected: {LAYOUT}.")
    recordings = {path.stem: path for path in audio_files(folder)}
    texts = {path.stem: path for path in files_with_suffix(folder, ".txt") if path.stem.startswith("MSP-PODCAST")}
    collector = UtteranceCollector(check_audio, keep_without_audio=keep_without_audio, expects_text=bool(texts))
    if not texts:
        collector.problem("Transcripts", str(folder), "no transcripts: there is no MSP-PODCAST_*.txt", kept=True)
    counted = _read_votes(folder, CORPUS.label_sets[label_set].labels or {}, collector) if votes else {}
    labelled = set()
    for row in read_table(table):
        place = f"{table}, line {row.line.number}"
        if row.error is not None:
            collector.problem(table.stem, place, f"malformed line: {row.error}")
            continue
        _check_columns(row, table)
        id = Path(row.cells["file_name"].strip()).stem
        labelled.add(id)
        _add_row(row.cells, id, place, label_set, recordings, folder, texts, counted.get(id), collector)
    for id in sorted(set(recordings) - labelled):
        collector.problem(id, str(recordings[id]), f"no label: {table.name} does not list it")
    reading = collector.reading()
    unknown = Counter({split: sum(row.speaker is None for row in rows) for split, rows in reading.splits.items()})
    if unknown.total():
        counts = ", ".join(f"{count} in {split}" for split, count in unknown.items() if count)
        reason = f"unknown speakers: {counts}; whether they are also in another split, no check can say"
        collector.problem(table.stem, str(table), reason, kept=True)
    return reading


def _check_columns(row: TableRow, table: Path) -> None:
    missing = [column for column in COLUMNS if column not in row.cells]
    if missing:
        raise ValueError(
            f"{table} has no column {', '.join(missing)}; its columns are {', '.join(row.cells)} (in lower case)."
        )


def _add_row(
    cells: Mapping[str, str],
    id: str,
    place: str,
    label_set: str,
    recordings: Mapping[str, Path],
    folder: Path,
    texts: Mapping[str, Path],
    votes: Mapping[str, float] | None,
    collector: UtteranceCollector,
) -> None:
    split = PARTITIONS.get(cells["split_set"].strip().lower())
    if split is None:
        collector.problem(
            id, place, f"unknown split: {cells['split_set']!r} is none of Train, Development, Test1 to 3"
        )
        return
    label, reason = _ratings(cells) if label_set == "vad" else _emotion(cells["emo_class"].strip(), label_set)
    if reason is not None:
        collector.problem(id, place, reason, split)
        return
    speaker = cells["spkr_id"].strip()
    text = " ".join(line.text for line in read_lines(texts[id])) if id in texts else None
    collector.add(
        Utterance(
            id=id,
            audio=str(recordings.get(id, folder / "Audios" / f"{id}.wav")),
            text=text,
            label=label,
            speaker=None if speaker.lower() in ("", "unknown") else speaker,
            extra={"gender": cells["gender"].strip() or None},
            soft_label=votes,
        ),
        place,
        split,
    )


def _read_votes(folder: Path, labels: Mapping[str, str], collector: UtteranceCollector) -> dict[str, dict[str, float]]:
    """How many annotators chose each of the labels, by the recording's id."""
    paths = files_with_suffix(folder, ".json", ".csv")
    path = next((found for found in paths if found.stem.lower() == VOTE_FILE), None)
    if path is None:
        raise ValueError(f"{folder} holds no {VOTE_FILE}.json or .csv, in which the votes are.")
    found: dict[str, dict[str, float]] = {}
    for name, answer in _answers(path, collector):
        # Others are written as Other-..., whatever they are.
        label = labels.get(_CODES.get(answer.strip().lower(), "O"))
        if label is not None:
            votes = found.setdefault(Path(name.strip()).stem, {})
            votes[label] = votes.get(label, 0.0) + 1
    return found


def _answers(path: Path, collector: UtteranceCollector) -> Iterator[tuple[str, str]]:
    """The recording's name and what one annotator chose, for each answer."""
    if path.suffix.lower() == ".csv":
        for row in read_table(path):
            if row.error is not None or not {"file_name", "emo_class_major"} <= set(row.cells):
                place = f"{path}, line {row.line.number}"
                collector.problem(path.stem, place, f"malformed votes: {row.error or 'no EmoClass_Major'}", kept=True)
            else:
                yield row.cells["file_name"], row.cells["emo_class_major"]
        return
    content = read_json(path)
    for name, answers in (content if isinstance(content, dict) else {}).items():
        for worker, answer in (answers if isinstance(answers, dict) else {"": answers}).items():
            chosen = answer.get("EmoClass_Major") if isinstance(answer, dict) else None
            if isinstance(chosen, str):
                yield name, chosen
            else:
                place = f"{path}, {name}, {worker}"
                collector.problem(Path(name).stem, place, "malformed votes: no EmoClass_Major", kept=True)


def _emotion(code: str, label_set: str) -> tuple[Label, str | None]:
    """A code's label, and why it has none."""
    if code not in (CORPUS.label_sets["10-class"].labels or {}):
        return None, f"unknown label: {code!r}"
    label = (CORPUS.label_sets[label_set].labels or {}).get(code)
    return label, f"not among the labels of {label_set}: {code}" if label is None else None


def _ratings(cells: Mapping[str, str]) -> tuple[Label, str | None]:
    """Valence, activation and dominance, and why they cannot be used."""
    written = [cells[column].strip() for column in ("emo_val", "emo_act", "emo_dom")]
    low, high = CORPUS.scale()
    try:
        ratings = [float(rating) for rating in written]
    except ValueError:
        return None, f"malformed ratings: valence, activation and dominance are {', '.join(written)}"
    if any(math.isnan(rating) or not low <= rating <= high for rating in ratings):
        return None, f"out of range: ratings go from {low:g} to {high:g}, got {', '.join(written)}"
    return ratings, None
