"""Labels that are two classes by an oversight: `Sad` and `sad`, `very-sad` and `very sad`."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

from ..schema import Problem, Utterance
from .label_names import label_name


NEAR_EQUAL = "near-equal labels"
_BETWEEN_WORDS = re.compile(r"(?<=\w)[\s_-]+(?=\w)")


def near_equal_labels(utterances: Iterable[Utterance], place: str) -> list[Problem]:
    """A problem for each group of labels that differ in case, or in what stands between words, only.

    Args:
        utterances (iterable of `Utterance`): of all splits.
        place (`str`): where they are from, for the problems.

    Returns:
        `list[Problem]`: with counts and the map that makes one class of each group; nothing is changed.

    Example:
        >>> rows = [Utterance(str(index), label=label) for index, label in enumerate(("Sad", "sad ", "sad", "glad"))]
        >>> [problem.reason for problem in near_equal_labels(rows, "calls.csv")]
        ["near-equal labels: 'sad' (2), 'Sad' (1) are different classes. To make them one: label_map Sad=sad"]
    """
    counts: Counter[str] = Counter()
    for utterance in utterances:
        for label in utterance.label if isinstance(utterance.label, list) else [utterance.label]:
            name = label_name(label) if isinstance(label, str) else None
            if name:
                counts[name] += 1
    groups: dict[str, list[str]] = {}
    for name, _ in counts.most_common():
        groups.setdefault(_BETWEEN_WORDS.sub(" ", name.casefold()), []).append(name)
    problems = []
    for names in groups.values():
        if len(names) > 1:
            told = ", ".join(f"{name!r} ({counts[name]})" for name in names)
            pairs = ",".join(f"{name}={names[0]}" for name in names[1:])
            reason = f"{NEAR_EQUAL}: {told} are different classes. To make them one: label_map {pairs}"
            problems.append(Problem(names[0], place, reason, kept=True))
    return problems
