"""Rows of any table -> utterances of the schema, by the names of its columns."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...labels.label_names import ABSENT_WORDS, holds_several_names, listed_label, looks_like_a_list
from ...schema import Problem, Utterance, is_absent


# The names under which tables and datasets give the three splits.
SPLIT_NAMES = {
    "train": ("train", "training"),
    "validation": ("validation", "valid", "val", "dev"),
    "test": ("test", "eval"),
}


# Columns of tables of dialogues: which one, and the number of the turn in it.
DIALOGUE, TURN = "dialogue", "turn"
# The split that a row names, among an utterance's extra values until the rows are divided.
OWN_SPLIT = "split of the row"
_SHOWN_COLUMNS = 12

_DECIMAL_COMMA = re.compile(r"[+-]?[0-9]+,[0-9]+")


@dataclass(frozen=True)
class TableColumns:
    """Which column holds what.

    Args:
        audio, text, id, speaker, session (`str`): names of columns; the last three need not exist.
        label (`str` or sequence of `str`): one column, or several whose values make a list (valence, arousal, ...).
        numeric_labels (`bool`): labels are scores: text is read as a number, and a row where that fails is a problem.
        votes (sequence of `str`): columns that are called after labels and hold annotators' votes for them.
        split (`str`, *optional*): the column that says which split a row belongs to; it need not exist.
    """

    audio: str = "audio"
    text: str = "text"
    label: str | Sequence[str] = "label"
    id: str = "id"
    speaker: str = "speaker"
    session: str = "session"
    numeric_labels: bool = False
    votes: Sequence[str] = ()
    split: str | None = None

    def missing(self, present: Sequence[str]) -> list[str]:
        """The columns that a table must have and does not."""
        missing = [column for column in (*self.labels(), *self.votes) if column not in present]
        if self.audio not in present and self.text not in present:
            missing.append(f"{self.audio} or {self.text}")
        return missing

    def check(self, present: Sequence[str], table: str) -> None:
        """Checks a table's columns.

        Raises:
            ValueError: a label column, or both audio and text, are not among those present (which are listed), or one
                that is read is there twice.
        """
        missing = self.missing(present)
        if missing:
            raise ValueError(
                f"{table} has no column {', '.join(missing)}; its columns are {', '.join(map(str, present))}. "
                "Name yours with audio_column, text_column and label_column."
            )
        read = [self.audio, self.text, self.id, self.speaker, self.session, *self.labels()]
        twice = sorted({column for column in read if list(present).count(column) > 1})
        if twice:
            raise ValueError(f"{table} has several columns {', '.join(twice)}. Rename all but one.")

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
            problems (`list[Problem]`): rows with neither audio nor text, and columns that nothing is read from, are
                added to it.

        Raises:
            ValueError: as `check`, on the first row.
        """
        one_name: list[tuple[str, str]] = []
        said_nothing: list[tuple[str, str]] = []
        present: dict[str, None] = {}
        for index, (place, cells) in enumerate(rows):
            if index == 0:
                self.check(list(cells), place)
            present.update(dict.fromkeys(cells))
            name = _text(cells.get(self.id)) or f"{table}-{index:06d}"
            audio, text = _text(cells.get(self.audio)), _text(cells.get(self.text))
            if audio is None and text is None:
                problems.append(Problem(name, place, "The row has neither audio nor text.", split))
                continue
            try:
                label = self._label(cells, place)
                soft_label = self._soft_label(cells, place)
                of_row = self._split(cells, place)
            except ValueError as error:
                problems.append(Problem(name, place, str(error).removeprefix(f"{place}: "), split))
                continue
            if isinstance(label, str) and (holds_several_names(label) or looks_like_a_list(label)):
                one_name.append((place, label))
            if text is not None and text.strip() in ABSENT_WORDS:
                said_nothing.append((place, text.strip()))
            extra: dict[str, Any] = {}
            if DIALOGUE in cells and TURN in cells:
                try:
                    extra = {DIALOGUE: _text(cells[DIALOGUE]), TURN: _number(cells[TURN])}
                except (TypeError, ValueError, OverflowError):
                    reason = f"the turn is no number: {cells[TURN]!r:.60}; its dialogue is not known"
                    problems.append(Problem(name, place, reason, split, kept=True))
                    extra = {DIALOGUE: None, TURN: None}
            if of_row is not None:
                extra[OWN_SPLIT] = of_row
            yield Utterance(
                id=name,
                audio=None if audio is None else str(audio_dir / audio),
                text=text,
                label=label,
                speaker=_text(cells.get(self.speaker)),
                session=_text(cells.get(self.session)),
                extra=extra,
                soft_label=soft_label,
            )
        if one_name:
            place, label = one_name[0]
            reason = (
                f"labels with separators or brackets: {len(one_name)} such as {label!r:.60} are one name each, and "
                "several where the problem type takes several (multi_label_classification)"
            )
            problems.append(Problem(table, place, reason, split, kept=True))
        if said_nothing:
            place, text = said_nothing[0]
            reason = (
                f"texts that say {text!r}, which programs write where there is nothing: {len(said_nothing)}, taken as "
                "they stand; leave the cells empty if nothing is known"
            )
            problems.append(Problem(table, place, reason, split, kept=True))

        unused = self.unused(present)
        if unused:
            problems.append(Problem(table, table, f"unused columns: {self._hint(unused, present)}", split, kept=True))

    def unused(self, present: Iterable[str]) -> list[str]:
        """The columns that are not read."""
        read = {
            self.audio,
            self.text,
            self.id,
            self.speaker,
            self.session,
            self.split,
            DIALOGUE,
            TURN,
            *self.labels(),
            *self.votes,
        }
        return [str(column) for column in present if column not in read]

    def _hint(self, unused: Sequence[str], present: Collection[str]) -> str:
        """Columns that are not read, and the option for one that may have been meant."""
        meant = [
            f"{option}_column={column}"
            for option in ("audio", "text", "speaker", "session")
            if getattr(self, option) not in present
            for column in unused
            if option in str(column).lower()
        ]
        shown = ", ".join(unused[:_SHOWN_COLUMNS]) + (
            f" and {len(unused) - _SHOWN_COLUMNS} more" if len(unused) > _SHOWN_COLUMNS else ""
        )
        return shown + (f". Perhaps meant: {', '.join(meant)}" if meant else "")

    def labels(self) -> list[str]:
        """The columns that labels are read from."""
        return [self.label] if isinstance(self.label, str) else list(self.label)

    def _split(self, cells: Mapping[str, Any], place: str) -> str | None:
        """The split that a row names, None where there is no such column.

        Raises:
            ValueError: it names none, or another; names the place.
        """
        if self.split is None or self.split not in cells:
            return None
        said = _text(cells[self.split])
        for split, names in SPLIT_NAMES.items():
            if said is not None and said.strip().lower() in names:
                return split
        told = "nothing" if said is None else repr(said)[:60]
        raise ValueError(
            f"{place}: no split: the column {self.split!r} says {told}, which is none of {', '.join(SPLIT_NAMES)}. "
            "Correct it, or call the column otherwise."
        )

    def _soft_label(self, cells: Mapping[str, Any], place: str) -> dict[str, float] | None:
        """A row's votes, None where all of its cells are empty.

        Raises:
            ValueError: one is no number from 0; names the place.
        """
        votes = {column: cells.get(column) for column in self.votes if not is_absent(cells.get(column))}
        try:
            found = {column: _number(count) for column, count in votes.items()}
        except (TypeError, ValueError, OverflowError):
            found = {"": -1.0}
        if any(not isinstance(count, float) or count < 0 for count in found.values()):
            raise ValueError(f"{place}: votes must be numbers from 0, got {str(list(votes.values())):.80}.")
        return found or None

    def _label(self, cells: Mapping[str, Any], place: str) -> Any:
        """A row's label, None where it has none.

        Raises:
            ValueError: it cannot be read; names the place.
        """
        absent: Collection[str] = () if self.numeric_labels else ABSENT_WORDS
        found = [_label_in(cells.get(column), absent, place) for column in self.labels()]
        if all(label is None for label in found):
            return None
        if self.numeric_labels:
            try:
                found = [_number(label) for label in found]
            except (TypeError, ValueError, OverflowError):
                comma = any(isinstance(label, str) and _DECIMAL_COMMA.fullmatch(label) for label in found)
                remedy = " Write decimals with a point." if comma else ""
                raise ValueError(f"{place}: The label is not a number: {str(found):.80}.{remedy}") from None
        return found[0] if isinstance(self.label, str) else found


def votes_of(columns: Sequence[str]) -> tuple[str, ...]:
    """The names of columns with votes, as options give them.

    Raises:
        ValueError: it is one text, or a name comes twice.
    """
    if isinstance(columns, str) or len(set(columns)) < len(columns):
        raise ValueError(f"soft_label_columns must be a list of different names of columns, got {columns!r}.")
    return tuple(columns)


def _text(value: Any) -> str | None:
    return None if is_absent(value) else str(value)


def _label_in(value: Any, absent_words: Collection[str], place: str) -> Any:
    """The label in one cell: None where it says nothing, a list where it is written as one."""
    if is_absent(value):
        return None
    if isinstance(value, str):
        value = listed_label(value, place)
    elements = value if isinstance(value, list) else [value]
    for element in elements:
        if isinstance(element, str) and element.strip() in absent_words:
            raise ValueError(
                f"{place}: no label: the cell says {element.strip()!r}, which programs write where there is nothing. "
                "Leave it empty, or give a class of that name another one."
            )
        if isinstance(element, int) and abs(element) >= 2**63:
            raise ValueError(f"{place}: the label is a number of more than 64 bits: {str(element):.60}.")
        if isinstance(element, (list, dict)):
            raise ValueError(f"{place}: the label holds a list or a mapping: {str(value):.60}. Give names or numbers.")
    return value


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
