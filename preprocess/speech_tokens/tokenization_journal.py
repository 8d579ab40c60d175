"""The record of rows already tokenised: what makes a killed run resume where it stopped."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path


@dataclass
class TokenizedRow:
    """
    What became of one row's sound.

    Args:
        pieces (`list[list[int]]`): token ids; none for a row without speech, several for a sound that was split.
        num_ids (`int`): ids before anything was cut.
        problem (`str`, *optional*): why the sound cannot be used.
    """

    pieces: list[list[int]] = field(default_factory=list)
    num_ids: int = 0
    problem: str | None = None


class TokenizationJournal:
    """
    One line of JSON for each finished row of a shard, in the order of the rows, written at once and only appended to.
    A run that is killed loses at most the line it was writing, which `resume` removes.

    Args:
        path (`Path`): the file.
    """

    def __init__(self, path: Path):
        self.path = path

    def resume(self) -> int:
        """
        Removes a line that was not finished, or is damaged, and those after it.

        Returns:
            `int`: the number of rows that are.
        """
        if not self.path.exists():
            return 0
        num_rows, end = 0, 0
        with self.path.open("rb+") as file:
            for line in file:
                if not _is_whole(line):
                    break
                num_rows += 1
                end += len(line)
            file.truncate(end)
        return num_rows

    def append(self, row: TokenizedRow) -> None:
        """Adds the next row; it outlives the process from here on."""
        with self.path.open("ab") as file:
            file.write(json.dumps(asdict(row)).encode() + b"\n")

    def __iter__(self) -> Iterator[TokenizedRow]:
        with self.path.open("rb") as file:
            for line in file:
                yield TokenizedRow(**json.loads(line))


def _is_whole(line: bytes) -> bool:
    """Whether a line is one that `append` wrote."""
    try:
        TokenizedRow(**json.loads(line))
    except (ValueError, TypeError):
        return False
    return line.endswith(b"\n")
