"""Rows of token ids as a padded batch, with rows that have no text."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
from transformers import PreTrainedTokenizerBase
from transformers.data.data_collator import pad_without_fast_tokenizer_warning


# A fast tokenizer keeps its truncation settings in itself while it works: two threads at a time are an error there.
_tokenizing = threading.Lock()


def tokenize(tokenizer: PreTrainedTokenizerBase, text: str, **kwargs: Any) -> list[int]:
    """The token ids of one text; may be called from several threads.

    Args:
        tokenizer: the text tokenizer.
        text (`str`): a text.
        **kwargs: arguments of the tokenizer.
    """
    with _tokenizing:
        return tokenizer(text, **kwargs)["input_ids"]


def is_text(text: Any) -> bool:
    """True for a string with more than white space in it."""
    return isinstance(text, str) and bool(text.strip())


def pad_token_ids(
    tokenizer: PreTrainedTokenizerBase,
    rows: Sequence[Sequence[int] | None],
    *,
    padding: bool | str = True,
    max_length: int | None = None,
    pad_to_multiple_of: int | None = None,
) -> tuple[Any, Any]:
    """Token ids and their mask, padded by the tokenizer (its pad id, its side).

    Args:
        tokenizer: the text tokenizer.
        rows (sequence of id sequences or None): None is an utterance without text.
        padding, max_length, pad_to_multiple_of: as in `tokenizer.pad`.

    Returns:
        Two int64 arrays `(rows, tokens)`, ids and mask (a row without text is all 0); two lists of lists of the rows'
        own lengths when `padding` is off.

    Raises:
        ValueError: the tokenizer has no pad token.
    """
    ids = [[] if row is None else [int(token) for token in row] for row in rows]
    encodings = {"input_ids": ids, "attention_mask": [[1] * len(row) for row in ids]}
    if padding in (False, "do_not_pad"):
        return encodings["input_ids"], encodings["attention_mask"]
    batch = pad_without_fast_tokenizer_warning(
        tokenizer,
        encodings,
        padding=padding,
        max_length=max_length if padding == "max_length" else None,
        pad_to_multiple_of=pad_to_multiple_of,
    )
    return np.asarray(batch["input_ids"], dtype=np.int64), np.asarray(batch["attention_mask"], dtype=np.int64)
