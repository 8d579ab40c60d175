"""One division of a corpus, and the check that nothing is on both sides.

Fold indices are rows of `pooled(dataset)`: a `Dataset` as it is, or the splits of a `DatasetDict` one after the other.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from datasets import Dataset, DatasetDict, concatenate_datasets

from ..schema import SPLITS


OVERLAP_COLUMNS = ("speaker", "id", "text")
_SHOWN = 10


@dataclass(frozen=True)
class Fold:
    """One division of a corpus.

    Args:
        name (`str`): what is tested, for example `speaker=03`.
        train, validation, test (`tuple[int, ...]`): row numbers of `pooled(dataset)`, ascending.
    """

    name: str
    train: tuple[int, ...]
    validation: tuple[int, ...]
    test: tuple[int, ...]

    def select(self, dataset: Dataset | DatasetDict) -> DatasetDict:
        """The rows of this fold as a `DatasetDict`; a part without rows is left out.

        Args:
            dataset (`Dataset` or `DatasetDict`): the one that the fold was made from.
        """
        rows = pooled(dataset)
        return DatasetDict({name: rows.select(indices) for name, indices in self.parts().items() if indices})

    def parts(self) -> dict[str, tuple[int, ...]]:
        """Row numbers by `train`, `validation`, `test`."""
        return {name: getattr(self, name) for name in SPLITS}


def fold_of(name: str, train: Iterable[int], validation: Iterable[int], test: Iterable[int]) -> Fold:
    """A fold of these rows."""
    return Fold(name, tuple(train), tuple(validation), tuple(test))


def pooled(dataset: Dataset | DatasetDict) -> Dataset:
    """The rows that fold indices number: the dataset, or its splits in the order train, validation, test, others."""
    if isinstance(dataset, Dataset):
        return dataset
    return concatenate_datasets([dataset[name] for name in ordered_splits(dataset)])


def ordered_splits(dataset: DatasetDict) -> list[str]:
    """The names of the splits, train, validation and test first."""
    return [name for name in SPLITS if name in dataset] + [name for name in dataset if name not in SPLITS]


def column_of(dataset: Dataset | DatasetDict, column: str) -> list[Any]:
    """The cells of a column over all rows.

    Raises:
        ValueError: there is no such column; those there are are listed.
    """
    rows = pooled(dataset)
    if column not in rows.column_names:
        raise ValueError(f"The dataset has no column {column!r}; its columns are {', '.join(rows.column_names)}.")
    return rows.with_format(None)[column][:]


def complete_column(dataset: Dataset | DatasetDict, column: str) -> list[str]:
    """The cells of a column over all rows as text.

    Raises:
        ValueError: there is no such column, or a cell of it is empty.
    """
    values = column_of(dataset, column)
    empty = [row for row, value in enumerate(values) if value is None]
    if empty:
        raise ValueError(
            f"{len(empty)} rows have no {column} (the first is row {empty[0]}): this protocol cannot place them. Give "
            "them one, or leave them out."
        )
    return [str(value) for value in values]


def check_no_overlap(
    fold: Fold, dataset: Dataset | DatasetDict, *, by: Sequence[str] = OVERLAP_COLUMNS, allow: Sequence[str] = ()
) -> None:
    """Refuses a fold whose parts share speakers, utterances or texts.

    Texts are compared without regard to case and white space. Empty cells are not compared.

    Args:
        fold (`Fold`): train, validation and test are compared pairwise, by row number too.
        dataset (`Dataset` or `DatasetDict`): the one that the fold was made from.
        by (`Sequence[str]`, defaults to speaker, id and text): the columns to compare.
        allow (`Sequence[str]`): columns that may overlap, where a corpus is made so: `("text",)` for EmoDB, whose
            actors all speak the same ten sentences.

    Raises:
        ValueError: something is shared (the message says what, between which parts), or a column is absent.

    Example:
        >>> rows = Dataset.from_dict({"id": ["1", "2"], "speaker": ["anna", "anna"]})
        >>> check_no_overlap(Fold("leaky", (0,), (), (1,)), rows, by=("speaker", "id"))
        Traceback (most recent call last):
        ...
        ValueError: Fold 'leaky' leaks: train and test share 1 speaker (anna). Divide the corpus otherwise, or say ...
    """
    leaks = []
    for column in ("row", *by):
        if column in allow:
            continue
        values = range(len(pooled(dataset))) if column == "row" else column_of(dataset, column)
        for (first, first_rows), (second, second_rows) in combinations(fold.parts().items(), 2):
            shared = _values(values, first_rows, column) & _values(values, second_rows, column)
            if shared:
                shown = ", ".join(sorted(map(str, shared))[:_SHOWN]) + (", ..." if len(shared) > _SHOWN else "")
                leaks.append((column, f"{first} and {second} share {len(shared)} {column} ({shown})"))
    if leaks:
        columns = tuple(dict.fromkeys(column for column, _ in leaks))
        raise ValueError(
            f"Fold {fold.name!r} leaks: {'; '.join(leak for _, leak in leaks)}. Divide the corpus otherwise, or say "
            f"allow={columns!r} if the corpus is made so."
        )


def _values(values: Sequence[Any], rows: Iterable[int], column: str) -> set[Hashable]:
    found = (values[row] for row in rows)
    return {_comparable(value, column) for value in found if value is not None}


def _comparable(value: Any, column: str) -> Hashable:
    if isinstance(value, list):
        return tuple(value)
    return " ".join(value.casefold().split()) if column == "text" else value
