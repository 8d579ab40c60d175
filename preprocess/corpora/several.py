"""Several corpora as one: with one set of labels, by name, and the corpus before every id, speaker and session.

Rows whose label the other corpora lack are left out, and each is listed with its label. The protocol `cross-corpus`
trains on some of the corpora and tests on others.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..labels.label_maps import AnyLabelMap, apply_label_map
from ..protocols.cross_corpus import CORPUS_SIGN
from ..schema import CorpusReading, Problem, Utterance
from .loading import read_corpus


# How the reason begins that a row is left out because of its label.
NO_COUNTERPART = "no counterpart"
OWN = "several"


def read(
    data_dir: str | Path | None = None,
    *,
    corpora: Mapping[str, Mapping[str, Any] | None] | Sequence[str],
    common_label_map: AnyLabelMap | None = None,
    labels: Sequence[str] | None = None,
) -> CorpusReading:
    """Reads corpora into one.

    Args:
        data_dir (`str` or `Path`, *optional*): the folder in which the corpora's folders are; this one if left out.
        corpora (`dict[str, dict]` or list of `str`): by the name that is put before ids, the arguments of
            `read_corpus`: `corpus` (the name if left out), `data_dir` (a path, from the folder `data_dir` on; the name
            if left out), `label_map` and the reader's own options.
        common_label_map (*optional*): of all corpora, after their own.
        labels (`list[str]`, *optional*): rows of other labels are left out; if left out itself, those that all
            corpora have. Labels that are no names (scores, several at once) leave nothing out.

    Returns:
        `CorpusReading`: the splits of the same name together; further columns as far as all corpora have them.

    Raises:
        ValueError: there are fewer than two corpora, a name has a sign that it cannot have, the corpora share fewer
            than two labels, or none has one of `labels`.

    Example:
        >>> reading = read(  # doctest: +SKIP
        ...     "data", corpora=["emodb", "ravdess"], common_label_map={"happiness": "happy", "anger": "angry"}
        ... )
    """
    given = dict.fromkeys(corpora) if not isinstance(corpora, Mapping) else corpora
    if len(given) < 2:
        raise ValueError(f"corpora: {', '.join(given) or 'none'}: give two or more, by names of your own.")
    wrong = [name for name in given if not name or CORPUS_SIGN in name or "+" in name]
    if wrong:
        raise ValueError(f"corpora: the name {wrong[0]!r} must not be empty or have {CORPUS_SIGN!r} or '+' in it.")
    readings = {
        name: _one(name, dict(options or {}), Path(data_dir or "."), common_label_map)
        for name, options in given.items()
    }
    found = {name: _labels_of(reading) for name, reading in readings.items()}
    if all(names is not None for names in found.values()):
        kept = set.intersection(*(set(names or ()) for names in found.values())) if labels is None else set(labels)
        told = "; ".join(f"{name}: {', '.join(sorted(names or ()))}" for name, names in found.items())
        absent = sorted(kept - set().union(*(names or () for names in found.values())))
        if labels is not None and absent:
            raise ValueError(f"labels: no corpus has {', '.join(absent)}. They have: {told}.")
        if len(kept) < 2:
            raise ValueError(
                f"The corpora share {len(kept)} labels; they have {told}.\nMap names to each other with "
                "common_label_map, or with a label_map of a corpus."
            )
        readings = {name: keep_labels(reading, kept) for name, reading in readings.items()}
    merged = CorpusReading({}, without_audio=any(reading.without_audio for reading in readings.values()))
    columns = set.intersection(*(_extra_columns(reading) for reading in readings.values()))
    for name, reading in readings.items():
        one = _prefixed(name, reading, columns)
        for split, rows in one.splits.items():
            merged.splits.setdefault(split, []).extend(rows)
        merged.problems.extend(one.problems)
        merged.dialogues.update(one.dialogues)
    return merged


def keep_labels(reading: CorpusReading, labels: Collection[str]) -> CorpusReading:
    """A corpus without the rows of other labels, each of which becomes a `Problem`.

    Args:
        reading (`CorpusReading`): with one name a row, or None; left as it is.
        labels (collection of `str`): those that stay.

    Example:
        >>> rows = [Utterance("a", text="Ha!", label="happy"), Utterance("b", text="Hm.", label="calm")]
        >>> kept = keep_labels(CorpusReading({"train": rows}), ["happy", "sad"])
        >>> [row.id for row in kept.splits["train"]], kept.problems[0].reason
        (['a'], "no counterpart: 'calm'")
    """
    splits: dict[str, list[Utterance]] = {}
    problems = list(reading.problems)
    for split, rows in reading.splits.items():
        splits[split] = [row for row in rows if row.label is None or row.label in labels]
        problems += [
            Problem(row.id, f"labels, split {split}", f"{NO_COUNTERPART}: {row.label!r}", split)
            for row in rows
            if row.label is not None and row.label not in labels
        ]
    return reading.replace(splits={split: rows for split, rows in splits.items() if rows}, problems=problems)


def count_left_out(problems: Sequence[Problem]) -> dict[str, dict[str, int]]:
    """How many rows of each corpus were left out because of their label.

    Args:
        problems (`list[Problem]`): of a corpus that was read here, also as `load_prepared` gives them.

    Returns:
        `dict[str, dict[str, int]]`: by corpus and label, as the corpus has it after its own map.

    Example:
        >>> count_left_out([Problem("ravdess/03-01-02", "train", "no counterpart: 'calm'")])
        {'ravdess': {'calm': 1}}
    """
    counts = Counter(
        (problem.id.partition(CORPUS_SIGN)[0], problem.reason.partition("'")[2].removesuffix("'"))
        for problem in problems
        if problem.reason.startswith(NO_COUNTERPART)
    )
    found: dict[str, dict[str, int]] = {}
    for (corpus, label), count in sorted(counts.items()):
        found.setdefault(corpus, {})[label] = count
    return found


def _one(name: str, options: dict[str, Any], base: Path, common: AnyLabelMap | None) -> CorpusReading:
    corpus = options.pop("corpus", name)
    if corpus == OWN:
        raise ValueError(f"corpora: {name} is several corpora again: list them one by one.")
    reading = read_corpus(corpus, base / options.pop("data_dir", name), **options)
    return reading if common is None else apply_label_map(reading, common)


def _labels_of(reading: CorpusReading) -> list[str] | None:
    """The names of a corpus's labels; None where they are no names."""
    labels = [row.label for rows in reading.splits.values() for row in rows if row.label is not None]
    return sorted(set(labels)) if all(isinstance(label, str) for label in labels) else None  # type: ignore[arg-type,type-var]


def _extra_columns(reading: CorpusReading) -> set[str]:
    """Columns beside those of the schema that every row has."""
    columns = [set(row.extra) for rows in reading.splits.values() for row in rows]
    return set.intersection(*columns) if columns else set()


def _prefixed(name: str, reading: CorpusReading, columns: set[str]) -> CorpusReading:
    def mark(value: str | None) -> str | None:
        return None if value is None else f"{name}{CORPUS_SIGN}{value}"

    def marked(row: Utterance) -> Utterance:
        extra = {column: value for column, value in row.extra.items() if column in columns}
        return row.replace(id=str(mark(row.id)), speaker=mark(row.speaker), session=mark(row.session), extra=extra)

    return reading.replace(
        splits={split: [marked(row) for row in rows] for split, rows in reading.splits.items()},
        problems=[dataclasses.replace(problem, id=str(mark(problem.id))) for problem in reading.problems],
        dialogues={
            str(mark(dialogue)): [dataclasses.replace(turn, id=str(mark(turn.id))) for turn in said]
            for dialogue, said in reading.dialogues.items()
        },
    )
