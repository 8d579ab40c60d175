"""What was said before an utterance: given with it, found in the rows of a table, or in a recording's own timeline."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from .utterance_inputs import Given, is_labelled, is_missing


CONTEXT = "context"
# Columns of a row that say where in a dialogue it is, and who speaks.
PLACE_COLUMNS = ("dialogue", "turn", "speaker")


def with_contexts(utterances: Iterator[Any], turns: int | None) -> Iterator[Any]:
    """The utterances, those with a column `dialogue` with the previous turns of their dialogue as `context`.

    Args:
        utterances (iterator of [`Given`]): rows of a dialogue one after the other, others between them or not.
        turns (`int`, *optional*): how many previous turns the model was trained with; None leaves rows as they are.

    Yields:
        [`Given`]: a row has `context` in the place of `dialogue`, `turn` and `speaker`. A row whose dialogue is empty
        has no turns before it.

    Raises:
        ValueError: the turns of a dialogue are not in ascending order.

    Example:
        >>> rows = [Given({"text": "Hi.", "dialogue": 1, "speaker": "Joey"}), Given({"text": "No!", "dialogue": 1})]
        >>> [given.inputs["context"] for given in with_contexts(iter(rows), 3)]
        [[], ['Joey: Hi.']]
    """
    said: dict[Any, list[str]] = {}
    last: dict[Any, float] = {}
    for given in utterances:
        row = given.inputs if isinstance(given, Given) else given
        is_row = isinstance(row, Mapping) or is_labelled(row)
        if turns is None or not is_row or "dialogue" not in row:
            yield given
            continue
        cells = {str(name): None if is_missing(value) else value for name, value in row.items()}
        dialogue, turn, speaker = (cells.pop(name, None) for name in PLACE_COLUMNS)
        before: list[str] = []
        if dialogue is not None:
            if turn is not None and float(turn) <= last.get(dialogue, float("-inf")):
                raise ValueError(
                    f"dialogue {dialogue}: turn {turn:g} comes after turn {last[dialogue]:g}. Sort the rows by turn."
                )
            if turn is not None:
                last[dialogue] = float(turn)
            before = said.setdefault(dialogue, [])
        found = {CONTEXT: list(before), **cells}
        yield Given(found, *given[1:]) if isinstance(given, Given) else found
        text = cells.get("text") if not isinstance(given, Given) or given.text is None else given.text
        if isinstance(text, str) and text.strip():
            before.append(as_turn(text, speaker))
            del before[:-turns]


def as_turn(text: str, speaker: Any = None) -> str:
    """A turn as models see it in training: `Joey: Hi.`, or the text alone where nobody is named."""
    return text if speaker is None else f"{speaker}: {text}"


class SaidBefore:
    """The context of the segments of one input.

    Args:
        processor: of the model; its `context_turns` says how many previous turns the model was trained with.
        context (`list[str]`, *optional*): what was said before, the last turn at the end.
        is_timeline (`bool`): whether segments of one recording follow each other: what was said in one stands before
            the next.

    Raises:
        ValueError: there is context for a model that was trained without, or it is no list of texts.
    """

    def __init__(self, processor: Any, context: Any, is_timeline: bool):
        turns = getattr(processor, "context_turns", None)
        if context is not None and not turns:
            raise ValueError("This model was trained without the turns before an utterance: leave `context` out.")
        if context is not None and (isinstance(context, str) or not all(isinstance(turn, str) for turn in context)):
            raise ValueError("`context` is a list of the previous turns, such as ['Joey: Hi.', 'Ross: What?'].")
        self.turns = [] if context is None and turns and is_timeline else context
        if self.turns is not None:
            self.turns = list(self.turns)

    def options(self) -> dict[str, list[str]]:
        """What `extract_utterance` is given of it; nothing where there is nothing known."""
        return {} if self.turns is None else {CONTEXT: list(self.turns)}

    def add(self, text: str | None, speaker: str | None) -> None:
        """Remembers what a segment said."""
        if self.turns is not None and text is not None and text.strip():
            self.turns.append(as_turn(text, speaker))
