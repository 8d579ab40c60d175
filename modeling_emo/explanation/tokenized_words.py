"""The words of a text and the tokens that each of them became."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from ..inference.processor_protocol import UtteranceProcessor


# Scripts that put no space between words: there each token stands for itself.
UNSPACED_SCRIPTS = ("CJK", "HIRAGANA", "KATAKANA", "THAI", "LAO", "KHMER", "MYANMAR")


@dataclass(frozen=True)
class Word:
    """A word of a text.

    Args:
        text (`str`): as written, with the punctuation that touches it.
        start, end (`int`): characters `[start, end)` of the whole text.
    """

    text: str
    start: int
    end: int


@dataclass(frozen=True)
class TokenizedWords:
    """A text as the model reads it.

    Args:
        input_ids (`list[int]`): its token ids with special tokens, cut as the processor cuts them.
        words (`list[Word]`): the words that the model read, in order. What was cut off is not among them.
        word_of_token (`list[int | None]`): the index of each token's word, None for special tokens.
    """

    input_ids: list[int]
    words: list[Word]
    word_of_token: list[int | None]

    def sum_by_word(self, values: np.ndarray) -> np.ndarray:
        """Sums of per-token values `(..., tokens)` over the tokens of each word, `(..., words)`; what special tokens
        have is left out."""
        totals = np.zeros((*values.shape[:-1], len(self.words)))
        for token, word in enumerate(self.word_of_token):
            if word is not None:
                totals[..., word] += values[..., token]
        return totals


def tokenize_words(processor: UtteranceProcessor, text: str) -> TokenizedWords:
    """Splits a text into words and finds the tokens of each.

    Args:
        processor ([`EmoBertProcessor`]): its tokenizer must be a fast one, which knows where a token came from.
        text (`str`): the text.

    Raises:
        ValueError: the tokenizer is not a fast one.

    Example:
        >>> tokens = tokenize_words(processor, "how nice!")  # doctest: +SKIP
        >>> [word.text for word in tokens.words]  # doctest: +SKIP
        ['how', 'nice!']
    """
    tokenizer = processor.tokenizer
    if not tokenizer.is_fast:
        raise ValueError(
            f"{type(tokenizer).__name__} does not say which characters a token came from, so words cannot be "
            "explained: load the processor with a fast tokenizer (one that has a tokenizer.json)."
        )
    encoding = tokenizer(
        text,
        truncation=True,
        max_length=processor.max_text_length,
        return_offsets_mapping=True,
        return_special_tokens_mask=True,
    )
    tokens = [
        None if special else _without_spaces(text, start, end)
        for (start, end), special in zip(encoding["offset_mapping"], encoding["special_tokens_mask"], strict=True)
    ]
    candidates = _word_spans(text, [token for token in tokens if token is not None])
    places = [None if token is None else _index_at(candidates, token[0]) for token in tokens]
    read = sorted({place for place in places if place is not None})
    words = [Word(text[slice(*candidates[place])], *candidates[place]) for place in read]
    return TokenizedWords(
        encoding["input_ids"], words, [None if place is None else read.index(place) for place in places]
    )


def _without_spaces(text: str, start: int, end: int) -> tuple[int, int] | None:
    """The token's characters without the spaces around them (some tokenizers count the space before a word in), None
    where nothing is left."""
    while start < end and text[start].isspace():
        start += 1
    while start < end and text[end - 1].isspace():
        end -= 1
    return (start, end) if start < end else None


def _word_spans(text: str, tokens: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Where each word begins and ends: between spaces, and at every token of a script without spaces."""
    spans = []
    for match in re.finditer(r"\S+", text):
        start, end = match.span()
        borders = {start, end}
        for token_start, token_end in tokens:
            if start <= token_start < end and any(map(_is_unspaced, text[token_start:token_end])):
                borders |= {token_start, min(token_end, end)}
        spans += list(pairwise(sorted(borders)))
    return spans


def _is_unspaced(character: str) -> bool:
    return unicodedata.name(character, "").startswith(UNSPACED_SCRIPTS)


def _index_at(spans: list[tuple[int, int]], position: int) -> int | None:
    return next((index for index, (start, end) in enumerate(spans) if start <= position < end), None)
