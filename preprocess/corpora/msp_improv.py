"""MSP-IMPROV, acted dialogues of twelve speakers in six sessions (Busso et al., 2017).

`session1/S01A/P/MSP-IMPROV-S01A-F01-P-FM01.wav`, and `Evalution.txt` (as the release spells it) with lines such as
`UTD-IMPROV-S01A-F01-P-FM01.avi; A; A:2.6; V:2.2; D:2.8 ; N:3.2;`, each followed by what the annotators said. The
letter after the number of the sentence (`S01A`) is the emotion that was acted, not the one that was perceived.
"""

from __future__ import annotations

import math
import re
from pathlib import Path

from configuration_emo.corpora import CORPORA

from ..audio.check import audio_files
from ..recordings.text_files import files_with_suffix, read_lines
from ..schema import CorpusReading, Label, Utterance
from .reading.collector import UtteranceCollector, check_option, corpus_folder
from .reading.known_counts import note_known_counts


CORPUS = CORPORA["msp_improv"]
LAYOUT = "MSP-IMPROV's Evalution.txt and session1/S01A/P/MSP-IMPROV-S01A-F01-P-FM01.wav"
LABEL_FILES = ("evalution.txt", "evaluation.txt")
# Natural interaction, target sentence read, target sentence improvised, and the other turns of improvisations.
KINDS = "PRST"

_NAME = re.compile(r"S\d\d[A-Z]-(?P<speaker>[FM](?P<pair>\d\d))-(?P<kind>[A-Z])-[A-Z]+\d+")
_NUMBER = r"\s*([\d.]+|NaN)\s*"
_EVALUATION = re.compile(
    rf"UTD-IMPROV-(?P<name>[\w-]+)\.avi\s*;\s*(?P<code>\w)\s*;\s*A:{_NUMBER};\s*V:{_NUMBER};\s*D:{_NUMBER}(;.*)?", re.I
)


def read(
    data_dir: str | Path,
    *,
    label_set: str = "4-class",
    kinds: str = KINDS,
    check_audio: str = "header",
    keep_without_audio: bool | None = None,
) -> CorpusReading:
    """Reads MSP-IMPROV. There is no official split: all turns are in `train`, see `preprocess.make_folds`.

    Args:
        data_dir (`str` or `Path`): the folder with `Evalution.txt` and the recordings.
        label_set (`str`, defaults to `"4-class"`): `"4-class"` (angry, happy, neutral, sad; turns of other emotions
            and without agreement are among the problems) or `"vad"` (valence, activation, dominance, the annotators'
            means on a scale from 1 to 5).
        kinds (`str`, defaults to `"PRST"`): which turns: P natural interaction, R target sentences as read, S as
            improvised, T other improvised turns.
        check_audio (`str`, defaults to `"header"`): `"exists"`, `"header"` or `"decode"`, see `check_audio_file`.
        keep_without_audio (`bool`, *optional*): False leaves out turns without a usable recording; otherwise they stay
            as text, where a `.txt` file of the recording's name says it.

    Returns:
        `CorpusReading`: `id` such as `MSP-IMPROV-S01A-F01-P-FM01`, `speaker` `F01`, `session` `Ses01` (of F01 and
        M01); the column `kind` is a letter of `kinds`.

    Raises:
        ValueError: `data_dir` is not a folder or has no label file, or an option is unknown.

    Example:
        >>> reading = read("MSP-IMPROV", kinds="ST")  # doctest: +SKIP
        >>> reading.splits["train"][0].session  # doctest: +SKIP
        'Ses01'
    """
    check_option("label_set", label_set, CORPUS.label_sets)
    if not kinds or set(kinds) - set(KINDS):
        raise ValueError(f"kinds={kinds!r} is unknown. Give some letters of {KINDS}.")
    folder = corpus_folder(data_dir, LAYOUT)
    table = next((path for path in files_with_suffix(folder, ".txt") if path.name.lower() in LABEL_FILES), None)
    if table is None:
        raise ValueError(f"{folder} holds no Evalution.txt. Expected: {LAYOUT}.")
    recordings = {path.stem: path for path in audio_files(folder)}
    texts = {path.stem: path for path in files_with_suffix(folder, ".txt") if path.stem.startswith("MSP-IMPROV-")}
    collector = UtteranceCollector(check_audio, keep_without_audio=keep_without_audio, expects_text=bool(texts))
    labelled = set()
    for line in read_lines(table):
        if not line.text.startswith("UTD-IMPROV-"):
            continue  # an annotator's own answer
        place = f"{table}, line {line.number}"
        found = _EVALUATION.fullmatch(line.text.strip())
        name = None if found is None else _NAME.fullmatch(found["name"])
        if found is None or name is None:
            collector.problem(line.text.partition(".")[0], place, f"malformed line: {line.text[:60]!r}")
            continue
        id = f"MSP-IMPROV-{found['name']}"
        labelled.add(id)
        if name["kind"] not in kinds:
            reason: str | None = f"not among the kinds {kinds}: {name['kind']}"
            label: Label = None
        elif label_set == "vad":
            label, reason = _ratings(found[4], found[3], found[5])
        else:
            label, reason = _emotion(found["code"], label_set)
        if reason is not None:
            collector.problem(id, place, reason)
            continue
        collector.add(
            Utterance(
                id=id,
                audio=str(recordings.get(id, folder / f"{id}.wav")),
                text=" ".join(row.text for row in read_lines(texts[id])) if id in texts else None,
                label=label,
                speaker=name["speaker"],
                session=f"Ses{name['pair']}",
                extra={"kind": name["kind"]},
            ),
            place,
        )
    for id in sorted(set(recordings) - labelled):
        collector.problem(id, str(recordings[id]), f"no label: {table.name} does not list it")
    return note_known_counts(collector.reading(), CORPUS.name, label_set, folder)


def _emotion(code: str, label_set: str) -> tuple[Label, str | None]:
    """A code's label, and why it has none."""
    if code == "X":
        return None, "unlabelled: X, the annotators do not agree"
    label = (CORPUS.label_sets[label_set].labels or {}).get(code)
    if label is None and code != "O":
        return None, f"unknown label: {code!r}"
    return label, f"not among the labels of {label_set}: {code}" if label is None else None


def _ratings(*written: str) -> tuple[Label, str | None]:
    """Valence, activation and dominance, and why they cannot be used."""
    low, high = CORPUS.scale()
    try:
        ratings = [float(rating) for rating in written]
    except ValueError:
        return None, f"malformed ratings: valence, activation and dominance are {', '.join(written)}"
    if any(math.isnan(rating) for rating in ratings):
        return None, "NaN label: a rating is not a number"
    if not all(low <= rating <= high for rating in ratings):
        return None, f"out of range: ratings go from {low:g} to {high:g}, got {', '.join(written)}"
    return ratings, None
