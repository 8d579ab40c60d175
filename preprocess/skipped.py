"""`skipped.jsonl`: every item of a corpus that could not be used, one JSON object a line."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from configuration_emo.structured_text import read_json_lines

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
    with path.open("w", encoding="utf-8") as file:
        for problem in problems:
            file.write(json.dumps(problem.to_row(), ensure_ascii=False) + "\n")
            count += 1
    return count


def read_skipped(path: str | Path) -> list[Problem]:
    """The problems that `write_skipped` wrote.

    Raises:
        ValueError: the file cannot be read, or a line is not such a problem.
    """
    problems = []
    for place, row in read_json_lines(path):
        try:
            problems.append(Problem(**row))
        except TypeError as error:
            raise ValueError(f"{place} does not say what was skipped: {error}. Prepare the corpus again.") from error
    return problems
