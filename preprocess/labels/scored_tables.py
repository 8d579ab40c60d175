"""Tables of anybody's predictions and of labels -> scores and labels of the same utterances, row by row."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from configuration_emo.problem_types import get_problem_type
from configuration_emo.text_encoding import read_text

from ..schema import is_absent
from .label_encoder import LabelEncoder
from .label_maps import LabelMap
from .label_names import label_name, sorted_names, split_names
from .scored_tasks import ScoredTask


ID_COLUMNS = ("id", "utterance", "audio", "file", "path")
# Of these the file's name without folder and suffix is the id.
_PATHS = ("audio", "file", "path")
LABEL_COLUMNS = ("label", "emotion", "sentiment", "score")
PREDICTION_COLUMNS = ("prediction", "predicted", "pred", *LABEL_COLUMNS)
SCORE_PREFIXES = ("score_", "prob_", "probability_")
_SYNONYMS = {
    **dict.fromkeys(("arousal", "act", "aro", "a", "emoact"), "activation"),
    **dict.fromkeys(("val", "v", "emoval"), "valence"),
    **dict.fromkeys(("dom", "d", "emodom"), "dominance"),
}
# Probabilities that were written with a few decimals need not sum to 1 exactly.
_SUM_TOLERANCE = 0.02


@dataclass(frozen=True)
class ScoredTables:
    """Utterances with predictions and labels, in the order of the labels' table.

    Args:
        ids (`list[str]`): of the utterances.
        scores (`np.ndarray` of shape `(utterances, num_labels)`): float64, probabilities or predicted values.
        labels (`np.ndarray`): class indices, 0/1 rows or scores, as of `LabelEncoder`.
        encoder (`LabelEncoder`): the labels' names and kind.
        has_probabilities (`bool`): False where only what was predicted is told: the scores are 0 and 1 then.
        columns (`dict[str, list[str | None]]`): the other columns of the labels' table, None where a cell is empty.
        left_out (`int`): labelled utterances with labels that are none of the task's.
        without_prediction, without_label (`list[str]`): ids that stand in one of the tables only.
    """

    ids: list[str]
    scores: np.ndarray
    labels: np.ndarray
    encoder: LabelEncoder
    has_probabilities: bool
    columns: dict[str, list[str | None]]
    left_out: int
    without_prediction: list[str]
    without_label: list[str]


def read_scored_tables(
    predictions: str | Path, labels: str | Path, task: ScoredTask, *, allow_missing: bool = False
) -> ScoredTables:
    """Reads and joins a table of predictions and one of labels.

    Both are CSV (`,`, `;` or tabs) with a header and a column `id` (or `utterance`; or `audio`, `file` or `path`, of
    which the file's name counts). The labels' table has a column `label`, or one for each score or emotion. The
    predictions' table has a column `prediction`, or a score for each label (`score_happy`, `prob_happy`, `happy`), or
    both. Labels, and names of scores, may be the corpus's own codes: they are mapped as the task does it, and scores
    of codes with one name are added. Several labels in a cell are separated by `|`.

    Args:
        predictions, labels (`str` or `Path`): the tables.
        task ([`ScoredTask`]): what is scored.
        allow_missing (`bool`, defaults to `False`): score those that stand in both tables, and tell of the others.

    Raises:
        ValueError: a column is missing, an id stands twice in a table, or in one of them only (without
            `allow_missing`), a label is unknown, scores are no probabilities or contradict the prediction, or nothing
            is left.
    """
    truth, predicted = _read_rows(labels), _read_rows(predictions)
    problem = get_problem_type(task.problem_type)
    named = _mapped(truth, task, Path(labels))
    kept = {one: label for one, label in named.items() if not is_absent(label) or label == []}
    without_prediction = [one for one in kept if one not in predicted]
    without_label = [one for one in predicted if one not in named]
    for missing, table, other in ((without_prediction, labels, predictions), (without_label, predictions, labels)):
        if missing and not allow_missing:
            raise ValueError(
                f"{len(missing)} utterances of {table} are not in {other}, such as {missing[0]!r}. Add them, or give "
                "allow_missing to score the others."
            )
    ids = [one for one in kept if one in predicted]
    if not ids:
        raise ValueError(
            f"{predictions} and {labels} have no utterance of the task {task.name} in common: use the same ids."
        )
    encoder = _encoder(task, list(kept.values()), predicted[ids[0]])
    names = encoder.names or ["score"]
    encoded = [encoder.encode(kept[one], f"{labels}, {one!r}") for one in ids]
    columns = _score_columns(predicted[ids[0]], names, task)
    told = next((name for name in PREDICTION_COLUMNS if name in predicted[ids[0]]), None)
    if not columns and told is None:
        raise ValueError(
            f"{predictions} has the columns {', '.join(predicted[ids[0]])}: give `prediction`, or a score for each of "
            f"{', '.join(names)}."
        )
    places = [f"{predictions}, {one!r}" for one in ids]
    rows = [predicted[one] for one in ids]
    if columns:
        scores = np.array([_scores(row, columns, place) for row, place in zip(rows, places, strict=True)])
        if problem.has_classes:
            _check_probabilities(scores, places, is_exclusive=problem.is_exclusive)
    else:
        assert told is not None
        scores = np.array(
            [_told_scores(row[told], encoder, task, place) for row, place in zip(rows, places, strict=True)]
        )
    if columns and told is not None and told not in LABEL_COLUMNS and problem.predicts == "most_probable":
        for row, place, values in zip(rows, places, scores, strict=True):
            said = _told_scores(row[told], encoder, task, place)
            if values[said.argmax()] < values.max() - 1e-6:
                raise ValueError(
                    f"{place}: {told} is {row[told]!r}, and the highest score is that of {names[values.argmax()]!r}. "
                    "Leave one of them out."
                )
    others = [name for name in truth[ids[0]] if name not in LABEL_COLUMNS]
    return ScoredTables(
        ids=ids,
        scores=scores.reshape(len(ids), -1),
        labels=np.asarray(encoded),
        encoder=encoder,
        has_probabilities=bool(columns) and problem.has_classes,
        columns={name: [(truth[one][name] or "").strip() or None for one in ids] for name in others},
        left_out=len(named) - len(kept),
        without_prediction=without_prediction,
        without_label=without_label,
    )


def _read_rows(path: str | Path) -> dict[str, dict[str, str]]:
    """The rows by id, columns in lower case."""
    path = Path(path)
    if not path.is_file():
        found = "it is a folder: name a .csv file in it" if path.is_dir() else "check the path"
        raise ValueError(f"There is no table {path}: {found}.")
    text = read_text(path)
    if not text.strip():
        raise ValueError(f"{path} is empty: write a header with id and label or prediction, and a row per utterance.")
    header = text.partition("\n")[0]
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=header.count))
    reader.fieldnames = [name.strip().lower() for name in reader.fieldnames or []]
    column = next((name for name in ID_COLUMNS if name in reader.fieldnames), None)
    if column is None:
        raise ValueError(
            f"{path} has the columns {', '.join(reader.fieldnames)}: one of {', '.join(ID_COLUMNS)} is needed."
        )
    if len(set(reader.fieldnames)) < len(reader.fieldnames):
        raise ValueError(f"{path} has two columns of one name: {', '.join(reader.fieldnames)}.")
    rows: dict[str, dict[str, str]] = {}
    for row in reader:
        place = f"{path}, line {reader.line_num}"
        if None in row or None in row.values():
            raise ValueError(f"{place}: it has not {len(reader.fieldnames)} cells, as the header has.")
        one = row[column].strip()
        one = Path(one).stem if column in _PATHS else one
        if not one or one in rows:
            said = "is empty: fill it in" if not one else "is there twice: leave one of the rows out"
            if one and column in _PATHS and row[column].strip() != rows[one][column].strip():
                other = rows[one][column]
                said = f"and {other!r} have one name without folder and suffix, which counts: give a column id"
            raise ValueError(f"{place}: the {column} {row[column]!r} {said}.")
        rows[one] = row
    if not rows:
        raise ValueError(f"{path} has a header and no rows: give one per utterance.")
    return rows


def _mapped(truth: Mapping[str, Mapping[str, str]], task: ScoredTask, path: Path) -> dict[str, Any]:
    """The labels by id in the task's names; None where the task does not have them."""
    problem, first = get_problem_type(task.problem_type), next(iter(truth.values()))
    by_name = _label_columns(first, task)
    column = next((name for name in LABEL_COLUMNS if name in first), None)
    if column is None and not by_name:
        raise ValueError(
            f"{path} has the columns {', '.join(first)}: give `label`"
            + (f", or one for each of {', '.join(task.names)}." if task.names else ".")
        )
    labels: dict[str, Any] = {}
    for one, row in truth.items():
        place = f"{path}, {one!r}"
        if column is None:
            cells = [row[name] for name in by_name]
            if any(is_absent(cell) for cell in cells):
                labels[one] = None
            else:
                numbers = [_number(cell, place) for cell in cells]
                labels[one] = numbers if problem.labels == "scores" else [int(number > 0) for number in numbers]
            continue
        cell = row[column].strip()
        if not problem.has_classes:
            values = [_number(part, place) for part in cell.split("|")] if cell else None
            labels[one] = values[0] if values is not None and len(values) == 1 else values
        elif problem.predicts == "probable":
            labels[one] = [_renamed(name, task) for name in split_names(cell) or ([cell] if cell else [])]
        else:
            labels[one] = _renamed(cell, task) if cell else None
    return labels


def _renamed(label: str, task: ScoredTask) -> Any:
    """The task's name of a label: itself, or what it is mapped to; None where it is left out."""
    if task.label_map is None or label in (task.names or ()):
        return label
    return task.label_map.apply(label)


def _label_columns(row: Mapping[str, str], task: ScoredTask) -> list[str]:
    """The columns of the task's own names, in their order, if all are there."""
    found = {_SYNONYMS.get(name, name): name for name in row}
    names = [name.lower() for name in task.names or ()]
    return [found[name] for name in names] if names and all(name in found for name in names) else []


def _encoder(task: ScoredTask, labels: Sequence[Any], first: Mapping[str, str]) -> LabelEncoder:
    problem = get_problem_type(task.problem_type)
    names = task.names
    if names is None and problem.has_classes:
        found: dict[str, None] = {}
        for label in labels:
            several = label if isinstance(label, list) else split_names(str(label))
            written = [label] if problem.is_exclusive else several
            found |= dict.fromkeys(name for one in written or [str(label)] if (name := label_name(one)))
        known = {name.lower() for name in found}
        scored = [
            column.removeprefix(prefix) for prefix in SCORE_PREFIXES for column in first if column.startswith(prefix)
        ]
        names = tuple(sorted_names([*found, *(name for name in scored if name not in known)]))
    elif names is None:
        count = len(labels[0]) if isinstance(labels[0], list) else 1
        names = None if count == 1 else tuple(f"score {index}" for index in range(count))
    label2id = None if names is None else {name: index for index, name in enumerate(names)}
    # Ratings beyond the scale are the labels' own; only predictions may lie anywhere.
    if names is not None and problem.is_exclusive and len(names) < 2:
        raise ValueError(
            f"All labels are {names[0]!r}, and a task of one class scores nothing: name the task that has its other "
            "labels, or give a score for each of them."
        )
    return LabelEncoder(task.problem_type, label2id, task.label_range)


def _score_columns(row: Mapping[str, str], names: Sequence[str], task: ScoredTask) -> list[list[str]]:
    """The columns whose numbers are added to each label's score; nothing where one label has none."""
    by_name: dict[str, list[str]] = {name: [] for name in names}
    lower = {name.lower(): name for name in names}
    codes: dict[str, str] = {}
    if isinstance(task.label_map, LabelMap):
        codes = {code.lower(): new for code, new in task.label_map.mapping.items() if new is not None}
    for column in row:
        prefix = next((prefix for prefix in SCORE_PREFIXES if column.startswith(prefix)), "")
        bare = column.removeprefix(prefix)
        bare = _SYNONYMS.get(bare, bare) if "valence" in lower else bare
        label = lower.get(bare) or codes.get(bare)
        if label in by_name and (prefix or bare not in ("id",)):
            by_name[label].append(column)
    missing = [name for name, columns in by_name.items() if not columns]
    if missing and len(missing) < len(names):
        raise ValueError(f"There are scores of some labels only; missing: {', '.join(missing)}.")
    return [] if missing else list(by_name.values())


def _scores(row: Mapping[str, str], columns: Sequence[Sequence[str]], place: str) -> list[float]:
    return [math.fsum(_number(row[name], f"{place}, {name}") for name in of_label) for of_label in columns]


def _told_scores(cell: str, encoder: LabelEncoder, task: ScoredTask, place: str) -> np.ndarray:
    """What was predicted as scores: 0 and 1 of classes, else the values themselves."""
    cell = cell.strip()
    if not encoder.problem.has_classes:
        values = [_number(part, place) for part in cell.split("|")]
        if len(values) != encoder.num_labels:
            raise ValueError(f"{place}: {encoder.num_labels} scores are expected, separated by |, got {cell!r}.")
        return np.array(values)
    names = split_names(cell) or [cell] if encoder.problem.predicts == "probable" else [cell]
    row = np.zeros(encoder.num_labels)
    for name in names if cell else []:
        new = _renamed(name, task)
        known = [label_name(one) for one in encoder.names or []]
        if new is None or label_name(new) not in known:
            raise ValueError(f"{place}: unknown prediction {name!r}; the labels are {', '.join(encoder.names or [])}.")
        row[known.index(label_name(new))] = 1.0
    if encoder.problem.predicts == "most_probable" and not row.any():
        raise ValueError(f"{place}: there is no prediction. Give one, or leave the row out with allow_missing.")
    return row


def _check_probabilities(scores: np.ndarray, places: Sequence[str], *, is_exclusive: bool) -> None:
    outside = np.flatnonzero((scores < 0).any(1) | (scores > 1 + 1e-6).any(1))
    if is_exclusive:
        outside = np.union1d(outside, np.flatnonzero(np.abs(scores.sum(1) - 1) > _SUM_TOLERANCE))
    if outside.size:
        row = scores[outside[0]]
        raise ValueError(
            f"{places[outside[0]]}: scores from {row.min():g} to {row.max():g} with the sum {row.sum():g} are no "
            f"probabilities, and so are those of {outside.size - 1} others. Give softmax or sigmoid of logits."
        )
    np.clip(scores, 0.0, 1.0, out=scores)


def _number(cell: str, place: str) -> float:
    try:
        number = float(cell)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ValueError(f"{place}: a number is expected, got {cell!r}.")
    return number
