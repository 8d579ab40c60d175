"""Rows of token ids as a padded batch, with rows that have no text."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
from transformers import PreTrainedTokenizerBase

from .padding import Layout, pad_sequences


# A fast tokenizer keeps its truncation settings in itself while it works: two threads at a time are an error there.
_tokenizing = threading.Lock()


def tokenize(tokenizer: PreTrainedTokenizerBase, text: str, **kwargs: Any) -> list[int]:
    """The token ids of one text; may be called from several threads.

    Args:
        tokenizer: the text tokenizer.
        text (`str`): a text.
        **kwargs: arguments of the tokenizer.

    Raises:
        ValueError: the text cannot be tokenised, such as one with half a character.
    """
    with _tokenizing:
        try:
            return tokenizer(text, **kwargs)["input_ids"]
        except (TypeError, UnicodeError, OverflowError) as error:
            raise ValueError(
                f"The text {text[:60]!r} cannot be tokenised ({type(error).__name__}: {error}). Correct it, or leave "
                "it out."
            ) from error


def tokenize_with_context(
    tokenizer: PreTrainedTokenizerBase, context: Sequence[str], text: str, max_length: int
) -> list[int] | None:
    """The token ids of a text behind what was said before it, as a pair of segments.

    The context is cut from the left, whole turns first, then words of the last one; the text never is.

    Args:
        tokenizer: the text tokenizer.
        context (sequence of `str`): previous turns, the last one at the end.
        text (`str`): the text.
        max_length (`int`): most token ids.

    Returns:
        `list[int]`: None where not one word of context fits.

    Raises:
        ValueError: as `tokenize`.
    """
    words = " ".join(context[-1:]).split()
    # From all turns down to one, then that one without its first words.
    parts = [*(" ".join(context[start:]) for start in range(len(context)))]
    parts += [" ".join(words[start:]) for start in range(1, len(words))]
    for part in parts:
        ids = tokenize(tokenizer, part, text_pair=text, truncation=False, verbose=False)
        if len(ids) <= max_length:
            return ids
    return None


def is_text(text: Any) -> bool:
    """True for a string with more than white space in it."""
    return isinstance(text, str) and bool(text.strip())


def pad_token_ids(
    tokenizer: PreTrainedTokenizerBase, rows: Sequence[Sequence[int] | None], layout: Layout
) -> tuple[Any, Any]:
    """Token ids and their mask.

    Args:
        tokenizer: the text tokenizer, whose pad id is used.
        rows (sequence of id sequences or None): None is an utterance without text; at least one is not None.
        layout ([`Layout`]): how long they become.

    Returns:
        Two int64 arrays `(rows, tokens)`, ids and mask (a row without text is all 0); two lists of lists of the rows'
        own lengths when the layout does not pad.

    Raises:
        ValueError: the tokenizer has no pad token.
    """
    if not layout.pads:
        ids = [[] if row is None else [int(token) for token in row] for row in rows]
        return ids, [[1] * len(row) for row in ids]
    if tokenizer.pad_token_id is None:
        raise ValueError(
            f"{type(tokenizer).__name__} has no pad token, which batches of texts need. Set one that is in its "
            "vocabulary, for example tokenizer.pad_token = tokenizer.eos_token."
        )
    arrays = [None if row is None else np.asarray(row, dtype=np.int64) for row in rows]
    return pad_sequences(arrays, tokenizer.pad_token_id, layout)
