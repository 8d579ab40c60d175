"""The data report as tables for a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from configuration_emo.text_tables import plain_table


_SHOWN_IDS = 5
_SHOWN_TEXTS = 5
_COUNTS = ("utterances", "with_audio", "with_text", "hours", "speakers", "sessions")
_LENGTHS = ("count", "min", "median", "mean", "p95", "max")


def format_report(report: Mapping[str, Any]) -> str:
    """The tables of a report, in the order in which one looks at them.

    Args:
        report (`dict`): what `data_report.summarise` returns.
    """
    splits = report["splits"]
    parts = [
        _table(["split", *_COUNTS], ([name, *(split[key] for key in _COUNTS)] for name, split in splits.items())),
        _label_table(splits),
        _agreement(splits),
        *(_length_table(splits, name) for name in ("seconds", "words")),
        _shared_table(report["shared"]),
        _repeated_texts(report["repeated_texts"]),
        *report["known_counts"],
        _problem_table(report["problems"]),
    ]
    return "\n\n".join(part for part in parts if part)


def _label_table(splits: Mapping[str, Any]) -> str:
    """One row a label with its count in each split, or one row a statistic of scores."""
    names = list(dict.fromkeys(name for split in splits.values() for name in split["labels"]))
    rows = [[name, *(split["labels"].get(name, 0) for split in splits.values())] for name in names]
    if any(split["unlabelled"] for split in splits.values()):
        rows.append(["(no label)", *(split["unlabelled"] for split in splits.values())])
    return _table(["label", *splits], rows)


def _agreement(splits: Mapping[str, Any]) -> str:
    told = [f"{split} {numbers['agreement']:.3f}" for split, numbers in splits.items() if numbers.get("agreement")]
    return f"mean share of votes for the most chosen label: {', '.join(told)}" if told else ""


def _length_table(splits: Mapping[str, Any], name: str) -> str:
    rows = [
        [split, *(numbers[name][key] for key in _LENGTHS)]
        for split, numbers in splits.items()
        if "max" in numbers[name]
    ]
    return _table([name, *_LENGTHS], rows) if rows else f"{name}: none known"


def _shared_table(shared: Mapping[str, Mapping[str, int]]) -> str:
    keys = ("speakers", "sessions", "texts")
    return _table(["shared by", *keys], ([pair, *(counts[key] for key in keys)] for pair, counts in shared.items()))


def _repeated_texts(repeated: Mapping[str, Any]) -> str:
    if not repeated["texts"]:
        return "no text occurs twice"
    shown = ", ".join(
        f"{entry['text']!r} ({sum(count for key, count in entry.items() if key != 'text')})"
        for entry in repeated["most_frequent"][:_SHOWN_TEXTS]
    )
    return f"{repeated['texts']} texts occur more than once, in {repeated['utterances']} utterances: {shown}"


def _problem_table(problems: Mapping[str, Any]) -> str:
    if not problems["by_reason"]:
        return "no problems"
    rows = []
    for reason, found in problems["by_reason"].items():
        more = ", ..." if found["count"] > _SHOWN_IDS else ""
        rows.append([reason, found["count"], ", ".join(found["ids"][:_SHOWN_IDS]) + more])
    heading = f"problems: {problems['left_out']} items left out, {problems['kept']} kept in part"
    return heading + "\n" + _table(["reason", "count", "ids"], rows)


def _table(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Empty without rows."""
    cells = [[_cell(value) for value in row] for row in rows]
    return plain_table(header, cells) if cells else ""


def _cell(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(f"{number:.3f}" for number in value)
    return f"{value:.2f}" if isinstance(value, float) else str(value)
