"""What a run warned of: collected while it runs, kept in its folder, told in the terminal and in the results."""

from __future__ import annotations

import json
import logging
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from configuration_emo.structured_text import read_json_object


WARNINGS_FILE = "warnings.json"
# Of the packages that compute a result; what others log is in the run's log.
_LOGGERS = ("transformers", "datasets", "accelerate")
_LENGTH = 300


class _Collector(logging.Handler):
    def __init__(self, found: Counter[str]):
        super().__init__(logging.WARNING)
        self.found = found

    def emit(self, record: logging.LogRecord) -> None:
        self.found[_shortened(record.getMessage())] += 1


@contextmanager
def collected_warnings(folder: Path) -> Iterator[None]:
    """Writes what is warned of inside, with how often, to `warnings.json` in the folder; it is shown as ever, too.

    Deprecations are left out: they tell developers of the next release, and nothing of this result.
    """
    found: Counter[str] = Counter()
    show, collector = warnings.showwarning, _Collector(found)

    def note(message, category, *args, **kwargs):
        if not issubclass(category, DeprecationWarning | PendingDeprecationWarning | FutureWarning):
            found[_shortened(str(message))] += 1
        show(message, category, *args, **kwargs)

    loggers = [logging.getLogger(name) for name in _LOGGERS]
    warnings.showwarning = note
    for logger in loggers:
        logger.addHandler(collector)
    try:
        yield
    finally:
        warnings.showwarning = show
        for logger in loggers:
            logger.removeHandler(collector)
        (folder / WARNINGS_FILE).write_text(json.dumps(dict(found), indent=2) + "\n", encoding="utf-8")


def warnings_of_runs(folders: Iterable[Path]) -> dict[str, int]:
    """In how many of these runs something was warned of, by message, the most frequent first."""
    runs: Counter[str] = Counter()
    for folder in folders:
        if (folder / WARNINGS_FILE).is_file():
            runs.update(read_json_object(folder / WARNINGS_FILE).keys())
    return dict(runs.most_common())


def _shortened(message: str) -> str:
    line = " ".join(message.split())
    return line if len(line) <= _LENGTH else f"{line[: _LENGTH - 3]}..."
