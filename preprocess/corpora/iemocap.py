"""IEMOCAP, acted dialogues of ten speakers in five sessions (Busso et al., 2008), in the layout of the full release.

Below `Session1` to `Session5` are

- `dialog/EmoEvaluation/<dialogue>.txt`, emotion and valence, activation, dominance, with tabs between its columns:
  `[6.2901 - 8.2357]  Ses01F_impro01_F000  neu  [2.5000, 2.5000, 2.5000]`;
- `dialog/transcriptions/<dialogue>.txt`: `Ses01F_impro01_F000 [006.2901-008.2357]: Excuse me.`;
- `sentences/wav/<dialogue>/<turn>.wav`.

The letter after the last underscore of a turn's name is the gender of who speaks, and with the session it names the
speaker; the letter after the session number only says whose motion was captured. `xxx` (the annotators did not agree)
and `oth` are no labels.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from configuration_emo.corpora import CORPORA

from ..audio.check import recordings_by_name
from ..labels.label_maps import LABEL_MAPS
from ..recordings.text_files import Line, clean_text, files_with_suffix, read_lines
from ..schema import CorpusReading, Label, Turn, Utterance
from .reading.collector import UtteranceCollector, check_option, corpus_folder
from .reading.known_counts import note_known_counts


CORPUS = CORPORA["iemocap"]
LAYOUT = "IEMOCAP_full_release with Session1 to Session5"
CODES = ("neu", "hap", "sad", "ang", "sur", "fea", "dis", "fru", "exc")
UNLABELLED_CODES = ("xxx", "oth")
# A few means of the release lie half a step beyond the ends of the scale.
RATING_TOLERANCE = 0.5

_TURN_NAME = re.compile(r"(?P<session>Ses\d\d)[FM]_\w+_(?P<gender>[FM])[A-Z]*\d+")
_EVALUATION = re.compile(
    r"\[\s*(?P<start>[\d.]+)\s*-\s*(?P<end>[\d.]+)\s*\]\s+(?P<turn>\S+)\s+(?P<code>\S+)\s+\[(?P<ratings>[^\]]*)\]\s*"
)
# Some lines of the release have no interval: `Ses01F_impro01_M000: Do you have your forms?`
_TRANSCRIPT = re.compile(r"(?P<turn>Ses\w+)\s*(?:\[[\d.]+\s*-\s*[\d.]+\]\s*:?|:)\s*(?P<text>.*)")
# What stands between the turns: the description of the format, and what each annotator said (C-E1, A-F2, ...).
_BESIDE_TURNS = re.compile(r"\s*(%.*|[AC]-\w+:.*)?")


@dataclass(frozen=True)
class _Turn:
    """One evaluated turn: its name, its code, its three ratings as written, and where it stands."""

    name: str
    code: str
    ratings: str
    place: str
    line: Line


def read(
    data_dir: str | Path,
    *,
    label_set: str = "4-class",
    check_audio: str = "header",
    keep_without_audio: bool | None = None,
) -> CorpusReading:
    """Reads IEMOCAP. There is no official split: all turns are in `train`, see `preprocess.make_folds`.

    Args:
        data_dir (`str` or `Path`): the folder with `Session1` to `Session5` (fewer are read too).
        label_set (`str`, defaults to `"4-class"`):

            - `"4-class"`: neutral, sad, angry, happy (with excited), 5531 turns.
            - `"6-class"`: happy, sad, neutral, angry, excited, frustrated.
            - `"all"`: the corpus's nine codes (neu, hap, sad, ang, sur, fea, dis, fru, exc), for a label map of yours.
            - `"vad"`: valence, activation, dominance, the annotators' means on a scale from 1 to 5, for every turn.
        check_audio (`str`, defaults to `"header"`): `"exists"`, `"header"` or `"decode"`, see `check_audio_file`.
        keep_without_audio (`bool`, *optional*): False leaves out turns without a usable recording; otherwise
            they stay as text. True is needed where not one recording is there.

    Returns:
        `CorpusReading`: `id` the turn (`Ses01F_impro01_M003`), `speaker` session and gender (`Ses01M`), `session` such
        as `Ses01`, and the column `gender`. Turns whose code is not in the label set are among the problems.

    Raises:
        ValueError: `data_dir` is not a folder or holds no evaluation, or an option is unknown.

    Example:
        >>> reading = read("IEMOCAP_full_release", label_set="6-class")  # doctest: +SKIP
        >>> reading.splits["train"][0].speaker  # doctest: +SKIP
        'Ses01F'
    """
    check_option("label_set", label_set, CORPUS.label_sets)
    collector = UtteranceCollector(check_audio, keep_without_audio=keep_without_audio)
    folder = corpus_folder(data_dir, LAYOUT)
    evaluations = _text_files(folder, "EmoEvaluation")
    if not evaluations:
        raise ValueError(f"{folder} holds no Session*/dialog/EmoEvaluation/*.txt. Expected: {LAYOUT}.")
    texts, places = _read_transcripts(_text_files(folder, "transcriptions"), collector)
    recordings = {
        Path(name).name: path
        for sentences in sorted(folder.glob("Session*/sentences/wav"))
        for name, path in recordings_by_name(sentences).items()
    }
    evaluated = set()
    for path in evaluations:
        for turn in _read_evaluations(path, collector):
            evaluated.add(turn.name)
            nominal = path.parents[2] / "sentences" / "wav" / turn.name.rpartition("_")[0] / f"{turn.name}.wav"
            audio = recordings.get(turn.name, nominal)
            _add_turn(turn, audio, texts.get(turn.name), label_set, collector)
    found = places | {name: str(path) for name, path in recordings.items()}
    for name in sorted(set(found) - evaluated):
        collector.problem(name, found[name], "no label: no evaluation lists this turn")
    return note_known_counts(collector.reading(), CORPUS.name, label_set, folder)


def _text_files(folder: Path, kind: str) -> list[Path]:
    """A kind's files, one a dialogue, without its subfolders (single annotators) and macOS's `._` companions."""
    folders = sorted(folder.glob(f"Session*/dialog/{kind}"))
    return [path for kind_folder in folders for path in files_with_suffix(kind_folder, ".txt", deep=False)]


def _read_transcripts(paths: list[Path], collector: UtteranceCollector) -> tuple[dict[str, str], dict[str, str]]:
    """The transcript of every turn, and where it stands."""
    texts: dict[str, str] = {}
    places: dict[str, str] = {}
    for path in paths:
        for line in read_lines(path):
            if not line.text.strip():
                continue
            place = f"{path}, line {line.number}"
            parts = _TRANSCRIPT.fullmatch(line.text.strip())
            if parts is None:
                # The release has some of these: breaths and interjections without a turn of their own.
                reason = f"transcript without a turn: {line.text.strip()[:60]!r}"
                collector.problem(path.stem, place, reason)
            elif parts["turn"] in texts:
                collector.problem(parts["turn"], place, "duplicated transcript: the first one is read", kept=True)
            else:
                collector.note_encoding(parts["turn"], place, line)
                name = _TURN_NAME.fullmatch(parts["turn"])
                if name is not None:
                    speaker = name["session"] + name["gender"]
                    turn = Turn(parts["turn"], clean_text(parts["text"]) or None, speaker, float(line.number))
                    collector.turn(parts["turn"].rpartition("_")[0], turn)
                texts[parts["turn"]], places[parts["turn"]] = parts["text"], place
    return texts, places


def _read_evaluations(path: Path, collector: UtteranceCollector) -> Iterator[_Turn]:
    for line in read_lines(path):
        if _BESIDE_TURNS.fullmatch(line.text):
            continue
        place = f"{path}, line {line.number}"
        parts = _EVALUATION.fullmatch(line.text.strip())
        if parts is None:
            named = _TURN_NAME.search(line.text)
            collector.problem(named[0] if named else path.stem, place, f"malformed line: {line.text[:60]!r}")
        elif _TURN_NAME.fullmatch(parts["turn"]) is None:
            collector.problem(parts["turn"], place, "malformed turn name: expected such as Ses01F_impro01_M003")
        else:
            yield _Turn(parts["turn"], parts["code"], parts["ratings"], place, line)


def _add_turn(turn: _Turn, audio: Path, text: str | None, label_set: str, collector: UtteranceCollector) -> None:
    label, reason = _ratings(turn.ratings) if label_set == "vad" else _emotion(turn.code, label_set)
    if reason is not None:
        collector.problem(turn.name, turn.place, reason)
        return
    collector.note_encoding(turn.name, turn.place, turn.line)
    name = _TURN_NAME.fullmatch(turn.name)
    assert name is not None  # _read_evaluations gives no other names
    collector.add(
        Utterance(
            id=turn.name,
            audio=str(audio),
            text=text,
            label=label,
            speaker=name["session"] + name["gender"],
            session=name["session"],
            extra={"gender": "female" if name["gender"] == "F" else "male"},
        ),
        turn.place,
    )


def _emotion(code: str, label_set: str) -> tuple[Label, str | None]:
    """A code's label, and why it has none."""
    if code in UNLABELLED_CODES:
        return None, f"unlabelled: {code}"
    if code not in CODES:
        return None, f"unknown label: {code!r}"
    label_map = CORPUS.label_sets[label_set].label_map
    label = code if label_map is None else LABEL_MAPS[label_map].apply(code)
    return label, f"not among the labels of {label_set}: {code}" if label is None else None


def _ratings(written: str) -> tuple[Label, str | None]:
    """Valence, activation and dominance, and why they cannot be used."""
    try:
        ratings = [float(rating) for rating in written.split(",")]
    except ValueError:
        return None, f"malformed ratings: {written!r}"
    if len(ratings) != 3:
        return None, f"malformed ratings: expected 3, got {written!r}"
    low, high = CORPUS.scale()
    if not all(low - RATING_TOLERANCE <= rating <= high + RATING_TOLERANCE for rating in ratings):  # NaN is out, too
        return None, f"out of range: valence, activation and dominance go from {low:g} to {high:g}, got {written!r}"
    return ratings, None
