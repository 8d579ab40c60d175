"""The folds of a protocol over a prepared dataset, checked for leaks like those of a corpus."""

from __future__ import annotations

from typing import Any

from datasets import Dataset, DatasetDict, Features, Value
from transformers import PreTrainedTokenizerBase

from ..processing_emobert import EmoBertProcessor
from ..protocols.fold import OVERLAP_COLUMNS, Fold
from ..protocols.folds import make_folds
from .prepared import PreparedDataset


# What protocols and the overlap check look at, beside the text.
_PLACE_COLUMNS = ("id", "speaker", "session")


def prepared_folds(prepared: PreparedDataset, protocol: str, **options: Any) -> list[Fold]:
    """The folds of a protocol over the rows of a prepared dataset; a fold that leaks is refused.

    A prepared dataset holds no text, so texts are compared as their token ids say them: texts that differ only in
    what the tokenizer does not see (or behind `max_text_length`) count as the same. Rows that were prepared with
    dialogue context are compared by dialogue, too.

    Args:
        prepared (`PreparedDataset`): of `load_prepared`.
        protocol (`str`): one of `preprocess.PROTOCOLS`.
        **options: of `make_folds`: `by`, `allow` (`("text",)` for EmoDB, whose actors all speak the same sentences)
            and those of the protocol, for example `validation_fraction`.

    Returns:
        `list[Fold]`: with the row numbers of `pooled(prepared.datasets)`.

    Raises:
        ValueError: as `make_folds`.

    Example:
        >>> prepared = load_prepared("outputs/emodb/data")  # doctest: +SKIP
        >>> folds = prepared_folds(prepared, "leave-one-speaker-out", allow=("text",))  # doctest: +SKIP
        >>> folds[0].name  # doctest: +SKIP
        'speaker=03'
    """
    if any("dialogue" in split.column_names for split in prepared.datasets.values()):
        # Each row has been given what others said before: these are not to be on another side.
        options = {**options, "by": (*options.get("by", OVERLAP_COLUMNS), "dialogue")}
    tokenizer = EmoBertProcessor.from_pretrained(prepared.processor_dir).tokenizer
    places = DatasetDict({name: _places(split, tokenizer) for name, split in prepared.datasets.items()})
    return make_folds(places, protocol, **options)


def select_fold(
    prepared: PreparedDataset,
    protocol: str,
    fold: str | None = None,
    *,
    rows: DatasetDict | None = None,
    **options: Any,
) -> DatasetDict:
    """One fold's rows of a prepared dataset as `train`, `validation` (where the fold has one) and `test`.

    Args:
        prepared (`PreparedDataset`): of `load_prepared`.
        protocol (`str`): one of `preprocess.PROTOCOLS`.
        fold (`str`, *optional*): its name, for example `"speaker=03"`; may be left out where there is only one.
        rows (`DatasetDict`, *optional*): the same splits and rows in another form, such as encoded, to take the fold's
            from in the place of `prepared.datasets`.
        **options: as for `prepared_folds`.

    Raises:
        ValueError: the protocol has no such fold (those there are are listed), or as `make_folds`.

    Example:
        >>> splits = select_fold(  # doctest: +SKIP
        ...     prepared, "leave-one-speaker-out", "speaker=03", allow=("text",), validation_fraction=0
        ... )
        >>> sorted(splits)  # doctest: +SKIP
        ['test', 'train']
    """
    folds = {candidate.name: candidate for candidate in prepared_folds(prepared, protocol, fold=fold, **options)}
    if fold is None and len(folds) == 1:
        (fold,) = folds
    if fold is None:
        raise ValueError(f"No fold is named: {protocol} has the folds {', '.join(folds)} here. Choose one of them.")
    return folds[fold].select(prepared.datasets if rows is None else rows)


def _places(split: Dataset, tokenizer: PreTrainedTokenizerBase) -> Dataset:
    """Id, speaker, session, text and class of each row; a row without text has None. Scores are left out."""
    rows = split.with_format(None)
    # Special tokens stay in: a text of nothing but unknown words is not an empty one.
    texts = [tokenizer.decode(ids) if len(ids) else None for ids in rows["input_ids"][:]]
    names = [name for name in (*_PLACE_COLUMNS, "dialogue") if name in rows.column_names]
    columns = {**{name: rows[name][:] for name in names}, "text": texts}
    if _holds_classes(rows):
        columns["label"] = [str(label) for label in rows["labels"][:]]
    # Without types, a column of None only could not be pooled with the same column of another split.
    return Dataset.from_dict(columns, features=Features(dict.fromkeys(columns, Value("string"))))


def _holds_classes(rows: Dataset) -> bool:
    feature = rows.features.get("labels")
    return isinstance(feature, Value) and feature.dtype.startswith("int")
