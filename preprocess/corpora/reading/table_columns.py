"""Rows of any table -> utterances of the schema, by the names of its columns."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...schema import Problem, Utterance


# The names under which tables and datasets give the three splits.
SPLIT_NAMES = {
    "train": ("train", "training"),
    "validation": ("validation", "valid", "val", "dev"),
    "test": ("test", "eval"),
}


@dataclass(frozen=True)
class TableColumns:
    """Which column holds what.

    Args:
        audio, text, id, speaker, session (`str`): names of columns; the last three need not exist.
        label (`str` or sequence of `str`): one column, or several whose values make a list (valence, arousal, ...).
        numeric_labels (`bool`): labels are scores: text is read as a number, and a row where that fails is a problem.
    """

    audio: str = "audio"
    text: str = "text"
    label: str | Sequence[str] = "label"
    id: str = "id"
    speaker: str = "speaker"
    session: str = "session"
    numeric_labels: bool = False

    def check(self, present: Iterable[str], table: str) -> None:
        """Checks a table's columns.

        Raises:
            ValueError: a label column, or both audio and text, are not among those present (which are listed).
        """
        present = list(present)
        missing = [column for column in self._labels() if column not in present]
        if self.audio not in present and self.text not in present:
            missing.append(f"{self.audio} or {self.text}")
        if missing:
            raise ValueError(
                f"{table} has no column {', '.join(missing)}; its columns are {', '.join(map(str, present))}. "
                "Name yours with audio_column, text_column and label_column."
            )

    def utterances(
        self,
        rows: Iterable[tuple[str, Mapping[str, Any]]],
        *,
        table: str,
        audio_dir: Path,
        split: str,
        problems: list[Problem],
    ) -> Iterator[Utterance]:
        """The utterances of a table.

        Args:
            rows (iterable of `(place, cells)`): where each row is, and its cells by column name.
            table (`str`): the table's name, from which rows without an id get theirs.
            audio_dir (`Path`): what relative audio paths start from.
            split (`str`): the split they belong to.
            problems (`list[Problem]`): rows with neither audio nor text are added to it.

        Raises:
            ValueError: as `check`, on the first row.
        """
        for index, (place, cells) in enumerate(rows):
            if index == 0:
                self.check(cells, table)
            name = _text(cells.get(self.id)) or f"{table}-{index:06d}"
            audio, text = cells.get(self.audio), _text(cells.get(self.text))
            audio = None if isinstance(audio, str) and not audio.strip() else audio
            if audio is None and (text is None or not text.strip()):
                problems.append(Problem(name, place, "The row has neither audio nor text.", split))
                continue
            labels = [cells.get(column) for column in self._labels()]
            if self.numeric_labels:
                try:
                    labels = [_number(label) for label in labels]
                except (TypeError, ValueError):
                    problems.append(Problem(name, place, f"The label is not a number: {labels}.", split))
                    continue
            yield Utterance(
                id=name,
                audio=None if audio is None else str(audio_dir / str(audio)),
                text=text,
                label=labels[0] if isinstance(self.label, str) else labels,  # type: ignore[arg-type]
                speaker=_text(cells.get(self.speaker)),
                session=_text(cells.get(self.session)),
            )

    def _labels(self) -> list[str]:
        return [self.label] if isinstance(self.label, str) else list(self.label)


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _number(value: Any) -> Any:
    """A finite number, a list of them, or None."""
    if isinstance(value, list):
        return [_number(inner) for inner in value]
    if value is None:
        return None
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(f"{value!r} is not finite")
    return number
