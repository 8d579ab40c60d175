"""`skipped.jsonl`: every item of a corpus that could not be used, one JSON object a line."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from .schema import Problem


SKIPPED_FILE = "skipped.jsonl"


def write_skipped(path: str | Path, problems: Iterable[Problem]) -> int:
    """Writes problems, one JSON object a line, and returns how many there were.

    Args:
        path (`str` or `Path`): the file to write, replaced where it exists. Its folder is made.
        problems (iterable of `Problem`): read once, so it may be a generator.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    count = 0
    # A file name need not be UTF-8; what is not is written as JSON writes it, and comes back when it is read.
    with path.open("w", encoding="utf-8", errors="backslashreplace") as file:
        for problem in problems:
            file.write(json.dumps(problem.to_row(), ensure_ascii=False) + "\n")
            count += 1
    return count


def count_skipped(path: str | Path, shown: int = 12) -> str:
    """What `skipped.jsonl` holds, as lines for a terminal: how many were left out or kept in part, by reason.

    Args:
        path (`str` or `Path`): the file.
        shown (`int`): most reasons of each.

    Raises:
        ValueError: as `read_skipped`.
    """
    problems = read_skipped(path)
    lines = []
    for kept, what in ((False, "left out"), (True, "kept, with a remark")):
        reasons = Counter(problem.reason.partition(":")[0].rstrip(".") for problem in problems if problem.kept == kept)
        lines.append(f"{what}: {reasons.total()}")
        lines += [f"  {count} x {reason:.100}" for reason, count in reasons.most_common(shown)]
        if len(reasons) > shown:
            lines.append(f"  {sum(count for _, count in reasons.most_common()[shown:])} x other reasons")
    return "\n".join(lines)


def read_skipped(path: str | Path) -> list[Problem]:
    """The problems that `write_skipped` wrote.

    Raises:
        ValueError: the file is damaged; names it and the line.
    """
    problems = []
    with Path(path).open(encoding="utf-8", errors="backslashreplace") as file:
        for number, line in enumerate(file, start=1):
            try:
                problems.append(Problem(**json.loads(line)))
            except (ValueError, TypeError, RecursionError) as error:
                raise ValueError(f"{path}, line {number}: it is damaged ({error}). Make the file again.") from error
    return problems
