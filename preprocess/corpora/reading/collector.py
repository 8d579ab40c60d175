"""What all corpus readers do alike: collect utterances and problems, check recordings, refuse duplicated ids."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from ...audio.check import AUDIO_CHECKS, check_audio_file
from ...recordings.text_files import Line, clean_text
from ...schema import MISSING_FOLDER, SPLITS, CorpusReading, Problem, Turn, Utterance


# Cutting tools round to frames and leave margins: so much more or less is no wrong cut, however short the utterance.
CUT_TOLERANCE_SECONDS = 2.0


class UtteranceCollector:
    """Collects one corpus's utterances; whatever cannot be used becomes a `Problem`.

    An utterance without a usable recording stays as text only, and one without a transcript as speech only, each with
    a `Problem` that says `kept`. One with neither is left out.

    Args:
        check_audio (`str`, defaults to `"header"`): how closely recordings are looked at, see `check_audio_file`.
        keep_without_audio (`bool`, *optional*): False leaves utterances without a usable recording out, otherwise they
            stay as text. Only True lets `CorpusReading.check` pass a corpus without any recording.
        keep_wrongly_cut (`bool`, defaults to `True`): False takes recordings that are far from as long as they should
            be (see `add`) for broken ones.
        expects_text (`bool`, defaults to `True`): whether an utterance without a transcript is a problem.

    Example:
        >>> collector = UtteranceCollector()
        >>> collector.add(Utterance("a", text="Hello.", label="joy"), place="list.csv, line 2")
        >>> collector.add(Utterance("a", text="Hello?", label="joy"), place="list.csv, line 3")
        >>> [problem.reason for problem in collector.reading().problems]
        ['duplicated id: it was already used at list.csv, line 2']
    """

    def __init__(
        self,
        check_audio: str = "header",
        *,
        keep_without_audio: bool | None = None,
        keep_wrongly_cut: bool = True,
        expects_text: bool = True,
    ):
        check_option("check_audio", check_audio, AUDIO_CHECKS)
        self.check_audio = check_audio
        self.keep_without_audio = keep_without_audio
        self.keep_wrongly_cut = keep_wrongly_cut
        self.expects_text = expects_text
        self.splits: dict[str, list[Utterance]] = {}
        self.problems: list[Problem] = []
        self.dialogues: dict[str, list[Turn]] = {}
        self._places: dict[str, str] = {}

    def add(
        self,
        utterance: Utterance,
        place: str,
        split: str = "train",
        *,
        remark: str | None = None,
        expected_seconds: float | None = None,
        known_seconds: tuple[float, float] | None = None,
        check_audio: str | None = None,
    ) -> None:
        """Takes one labelled utterance, after checking its id, its recording and its transcript.

        Args:
            utterance (`Utterance`): as read; `audio` may be a path where nothing is. Its `extra` may state a
                `duration`, which is otherwise filled from the recording's header.
            place (`str`): where it is listed, for the problems.
            split (`str`, defaults to `"train"`).
            remark (`str`, *optional*): what the reader found about the recording; becomes a problem that says `kept`.
            expected_seconds (`float`, *optional*): how long the annotations say that the utterance is. A recording
                that is far from that is remarked on, see `is_wrongly_cut`.
            known_seconds (`(float, float)`, *optional*): all recordings of the corpus are longer and shorter than
                that. Another one is remarked on, and broken where `keep_wrongly_cut` is False.
            check_audio (`str`, *optional*): for this recording, in place of the collector's.
        """
        if utterance.id in self._places:
            self.problem(
                utterance.id, place, f"duplicated id: it was already used at {self._places[utterance.id]}", split
            )
            return
        self._places[utterance.id] = place
        problems = len(self.problems)
        if remark is not None:
            self.problem(utterance.id, place, remark, split, kept=True)
        utterance = self._with_checked_audio(
            utterance, place, split, expected_seconds, known_seconds, check_audio or self.check_audio
        )
        utterance = self._with_checked_text(utterance, place, split)
        if utterance.audio is None and (utterance.text is None or self.keep_without_audio is False):
            found = self.problems[problems:]
            reason = "; ".join(problem.reason for problem in found) or "nothing usable: no recording and no transcript"
            self.problems[problems:] = [Problem(utterance.id, place, reason, split)]
            return
        self.splits.setdefault(split, []).append(utterance)

    def problem(self, id: str, place: str, reason: str, split: str | None = None, *, kept: bool = False) -> None:
        """Notes one item that cannot be used, or (`kept`) only in part."""
        self.problems.append(Problem(id, place, reason, split, kept))

    def turn(self, dialogue: str, turn: Turn) -> None:
        """Notes one turn of a dialogue, with or without a label, for the context of later ones."""
        self.dialogues.setdefault(dialogue, []).append(turn)

    def note_encoding(self, id: str, place: str, line: Line, split: str | None = None) -> None:
        """Notes a line whose bytes are not UTF-8."""
        if not line.is_utf8:
            self.problem(id, place, "undecodable bytes: not UTF-8, read as Windows-1252", split, kept=True)

    def reading(self) -> CorpusReading:
        """What was collected, the splits in the order train, validation, test, others."""
        names = sorted(self.splits, key=lambda name: SPLITS.index(name) if name in SPLITS else len(SPLITS))
        splits = {name: self.splits[name] for name in names}
        without_audio = self.keep_without_audio is True
        return CorpusReading(splits, self.problems, without_audio=without_audio, dialogues=self.dialogues)

    def _with_checked_audio(
        self,
        utterance: Utterance,
        place: str,
        split: str,
        expected_seconds: float | None,
        known_seconds: tuple[float, float] | None,
        check_audio: str,
    ) -> Utterance:
        seconds, reason = utterance.extra.get("duration"), None
        if utterance.audio is not None:
            header_seconds, reason = check_audio_file(utterance.audio, check_audio)
            seconds = header_seconds if seconds is None else seconds
        usable = reason is None
        if usable and seconds is not None and is_wrongly_cut(seconds, expected_seconds):
            usable = self.keep_wrongly_cut
            reason = f"wrongly cut recording: {seconds:.2f} s long where the annotations say {expected_seconds:.2f} s"
        elif usable and seconds is not None and known_seconds is not None and not _is_between(seconds, known_seconds):
            usable = self.keep_wrongly_cut
            low, high = known_seconds
            reason = f"wrongly cut recording: {seconds:.2f} s long, all of the release are from {low:g} to {high:g} s"
        if reason is not None:
            self.problem(utterance.id, place, reason, split, kept=True)
        audio = utterance.audio if usable else None
        return utterance.replace(
            audio=audio, extra={**utterance.extra, "duration": None if audio is None else seconds}
        )

    def _with_checked_text(self, utterance: Utterance, place: str, split: str) -> Utterance:
        text = None if utterance.text is None else clean_text(utterance.text) or None
        if text is None and self.expects_text:
            reason = "no transcript" if utterance.text is None else "empty transcript"
            self.problem(utterance.id, place, reason, split, kept=True)
        return utterance.replace(text=text)


def _is_between(seconds: float, known_seconds: tuple[float, float]) -> bool:
    return known_seconds[0] <= seconds <= known_seconds[1]


def is_wrongly_cut(seconds: float, expected_seconds: float | None) -> bool:
    """Whether a recording is far from as long as its annotation says: more than twice or less than half as long, and
    by more than `CUT_TOLERANCE_SECONDS`.

    Args:
        seconds (`float`): of the recording.
        expected_seconds (`float`, *optional*): of the annotation; None, or no positive length, tells nothing.

    Example:
        >>> [is_wrongly_cut(seconds, 1.1) for seconds in (240.0, 3.0, 1.0, 0.2)], is_wrongly_cut(1.0, 20.0)
        ([True, False, False, False], True)
    """
    if expected_seconds is None or not expected_seconds > 0:
        return False
    is_far = abs(seconds - expected_seconds) > CUT_TOLERANCE_SECONDS
    return is_far and not expected_seconds / 2 <= seconds <= 2 * expected_seconds


def missing_folders(**options: str | Path | None) -> list[Problem]:
    """A problem for each option that names a folder which is none; `CorpusReading.check` refuses these.

    Example:
        >>> [problem.reason for problem in missing_folders(audio_dir="no_such_folder", token_dir=None)]
        ["missing folder: audio_dir='no_such_folder' is not a folder. Correct it, or leave it out"]
    """
    return [
        Problem(
            name, str(value), f"{MISSING_FOLDER}: {name}={str(value)!r} is not a folder. Correct it, or leave it out"
        )
        for name, value in options.items()
        if value is not None and not Path(value).expanduser().is_dir()
    ]


def corpus_folder(data_dir: str | Path, layout: str) -> Path:
    """The folder of a corpus.

    Raises:
        ValueError: it is not a folder; the message says what is expected there.
    """
    folder = Path(data_dir).expanduser()
    if not folder.is_dir():
        raise ValueError(f"data_dir={str(data_dir)!r} is not a folder. Expected: {layout}.")
    return folder


def check_option(name: str, value: str, choices: Collection[str]) -> None:
    """Raises a ValueError where an option's value is not one of the choices."""
    if value not in choices:
        raise ValueError(f"{name}={value!r} is unknown. Choose one of: {', '.join(choices)}.")
