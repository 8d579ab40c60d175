"""What was said before: the previous turns of a dialogue as the context of an utterance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..schema import CorpusReading, Problem, Turn, Utterance
from .reading.table_columns import DIALOGUE, TURN


CONTEXT = "context"


def with_dialogue_context(reading: CorpusReading, turns: int) -> CorpusReading:
    """A corpus whose utterances have the columns `context` and `dialogue`.

    `context` is a list of the previous turns, each as `speaker: text`, the last one before the utterance at its end.
    Turns without a label count, too. A turn that is an utterance of another split is left out, so that nothing of one
    split is seen in another.

    Args:
        reading (`CorpusReading`): with `dialogues`; left as it is.
        turns (`int`): how many previous turns, at least 1.

    Raises:
        ValueError: `turns` is below 1, or the corpus tells no dialogues.

    Example:
        >>> rows = [Utterance("a", text="Hi.", label="joy"), Utterance("b", text="No!", label="anger")]
        >>> said = [Turn("a", "Hi.", "Joey", 0), Turn("b", "No!", "Ross", 1)]
        >>> reading = with_dialogue_context(CorpusReading({"train": rows}, dialogues={"d": said}), 3)
        >>> [utterance.extra["context"] for utterance in reading.splits["train"]]
        [[], ['Joey: Hi.']]
    """
    if turns < 1:
        raise ValueError(f"context_turns must be at least 1, got {turns}; leave it out for no context.")
    if not reading.dialogues:
        raise ValueError(
            "context_turns: this corpus tells no dialogues (MELD and IEMOCAP do, and tables with the columns "
            f"{DIALOGUE} and {TURN})."
        )
    split_of = {row.id: split for split, rows in reading.splits.items() for row in rows}
    places: dict[str, tuple[str | None, list[Turn]]] = {}
    for name, said in reading.dialogues.items():
        said = sorted(said, key=lambda turn: turn.position)
        for index, turn in enumerate(said):
            places.setdefault(turn.id, (name, said[:index]))
    splits: dict[str, list[Utterance]] = {}
    lacking: list[str] = []
    nowhere: tuple[str | None, list[Turn]] = (None, [])
    for split, rows in reading.splits.items():
        splits[split] = []
        for row in rows:
            dialogue, before = places.get(row.id, nowhere)
            if dialogue is None:
                lacking.append(row.id)
            seen = [turn for turn in before if split_of.get(turn.id, split) == split and turn.text]
            told = {CONTEXT: [_said(turn) for turn in seen[-turns:]], DIALOGUE: dialogue}
            splits[split].append(row.replace(extra={**row.extra, **told}))
    problems = list(reading.problems)
    if lacking:
        reason = (
            f"no dialogue: {len(lacking)} utterances belong to none and have no context, the first is {lacking[0]}"
        )
        problems.append(Problem(lacking[0], reading.source, reason, kept=True))
    return reading.replace(splits=splits, problems=problems)


def dialogues_of_tables(splits: Mapping[str, Sequence[Utterance]]) -> dict[str, list[Turn]]:
    """The dialogues of utterances with the columns `dialogue` and `turn`; each split has its own."""
    dialogues: dict[str, list[Turn]] = {}
    for split, rows in splits.items():
        for row in rows:
            dialogue, position = row.extra.get(DIALOGUE), row.extra.get(TURN)
            if dialogue is not None and position is not None:
                turn = Turn(row.id, row.text, row.speaker, float(position), split)
                dialogues.setdefault(f"{split}/{dialogue}", []).append(turn)
    return dialogues


def _said(turn: Turn) -> str:
    return f"{turn.speaker}: {turn.text}" if turn.speaker is not None else str(turn.text)
