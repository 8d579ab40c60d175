"""fairseq's `dict.txt`: which id a speech code has in Speech-BERT's vocabulary."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from .text_encoding import read_text


BOS, PAD, EOS, UNK, MASK = "<s>", "<pad>", "</s>", "<unk>", "<mask>"
PAD_ID, EOS_ID, UNK_ID = 1, 2, 3
NUM_LEADING_SPECIALS = 4
OVERWRITE_FLAG = "#fairseq:overwrite"
DICTIONARY_FILE = "dict.txt"

_CODE_WORD = re.compile(r"(0|[1-9]\d*)(-(0|[1-9]\d*))*")


class SpeechDictionary:
    """
    A vocabulary of speech codes with the ids that fairseq gives them: `<s>` 0, `<pad>` 1, `</s>` 2, `<unk>` 3, the
    words of the file in its order from 4, and `<mask>` last. A frame with codes 3 and 17 is the word `3-17`.

    Args:
        words (`list[tuple[str, int, bool]]`): word, count and overwrite flag of each line, in order.
        place (`str`): where the words come from, for messages.

    Raises:
        ValueError: a word occurs twice and the second is not flagged `#fairseq:overwrite`.

    Example:

    ```python
    >>> from configuration_emo import SpeechDictionary

    >>> dictionary = SpeechDictionary([("2-3", 301, False), ("6-5", 74, False)])
    >>> len(dictionary), dictionary.mask_id, dictionary.encode_line("<s> 6-5 7-7")
    (7, 6, [0, 5, 3, 2])

    ```"""

    def __init__(self, words: list[tuple[str, int, bool]], place: str = "the dictionary"):
        self.place = place
        self.symbols: list[str] = []
        self.counts: list[int] = []
        self.indices: dict[str, int] = {}
        self._lines = [
            f"{word} {count}{' ' + OVERWRITE_FLAG if overwrite else ''}\n" for word, count, overwrite in words
        ]
        for special in (BOS, PAD, EOS, UNK):
            self._add(special, 1)
        for line, (word, count, overwrite) in enumerate(words, start=1):
            if word in self.indices and not overwrite:
                raise ValueError(
                    f"{place}, line {line}: the word {word!r} is there already, with id {self.indices[word]}. Remove "
                    f"one of the lines, or end this one with {OVERWRITE_FLAG} to let it replace the earlier word."
                )
            self._add(word, count)
        if MASK not in self.indices:
            self._add(MASK, 1)

    def _add(self, word: str, count: int) -> None:
        self.indices[word] = len(self.symbols)
        self.symbols.append(word)
        self.counts.append(count)

    @classmethod
    def from_file(cls, path: str | Path) -> SpeechDictionary:
        """
        Reads a `dict.txt`: lines `word count`, or `word count #fairseq:overwrite`.

        Args:
            path (`str` or `Path`): the file, or a folder that holds `dict.txt`.

        Returns:
            [`SpeechDictionary`]

        Raises:
            ValueError: the file cannot be read or is not UTF-8, a line is malformed, or a word occurs twice; the line
                is named.
        """
        path = Path(path)
        if path.is_dir():
            path = path / DICTIONARY_FILE
        try:
            lines = read_text(path).split("\n")
        except ValueError as error:
            raise ValueError(f"{path} is not a UTF-8 text file as fairseq's dict.txt is: {error}") from error
        if lines[-1] == "":
            lines.pop()
        return cls([_parse_line(line, f"{path}, line {number}") for number, line in enumerate(lines, 1)], str(path))

    def save(self, path: str | Path) -> None:
        """
        Writes the words back in fairseq's format, without the special ones.

        Args:
            path (`str` or `Path`): the file, or an existing folder, where it is called `dict.txt`.
        """
        path = Path(path)
        if path.is_dir():
            path = path / DICTIONARY_FILE
        path.write_text("".join(self._lines), encoding="utf-8")

    def __len__(self) -> int:
        return len(self.symbols)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SpeechDictionary) and self._lines == other._lines

    def __contains__(self, word: str) -> bool:
        return word in self.indices

    @property
    def mask_id(self) -> int:
        """Id of `<mask>`."""
        return self.indices[MASK]

    @property
    def bos_id(self) -> int:
        """Id of the word `<s>`, which begins every line: 0, unless the file overwrites it."""
        return self.indices[BOS]

    def index(self, word: str) -> int:
        """The id of `word`, or that of `<unk>`."""
        return self.indices.get(word, UNK_ID)

    def encode_line(self, line: str) -> list[int]:
        """
        The ids of the words of `line`, which white space separates, and of a final `</s>`.

        Args:
            line (`str`): for example `"<s> 2-3 6-5"`.

        Returns:
            `list[int]`: one id for each word, then 2.
        """
        return [self.index(word) for word in line.split()] + [EOS_ID]

    def code_to_id(self, num_codevectors: int, num_groups: int) -> np.ndarray:
        """
        The id of every combination of codes, as a table to index with them.

        Args:
            num_codevectors (`int`): codewords of each group.
            num_groups (`int`): codes of each frame.

        Returns:
            `np.ndarray` of shape `(num_codevectors,) * num_groups`, int64: `<unk>` (3) where there is no such word.
        """
        table = np.full((num_codevectors,) * num_groups, UNK_ID, dtype=np.int64)
        for word, index in self.indices.items():
            if not _CODE_WORD.fullmatch(word):
                continue
            if any(len(code) > len(str(num_codevectors)) for code in word.split("-")):
                continue  # a longer number is a larger one
            codes = tuple(int(code) for code in word.split("-"))
            if len(codes) == num_groups and max(codes) < num_codevectors:
                table[codes] = index
        return table

    def check_embedding(self, num_embeddings: int) -> None:
        """
        Refuses an embedding that was trained with another dictionary.

        Args:
            num_embeddings (`int`): rows of the token embedding.

        Raises:
            ValueError: the sizes differ; both are named.
        """
        if num_embeddings != len(self):
            raise ValueError(
                f"{self.place} makes {len(self)} ids ({NUM_LEADING_SPECIALS} special ones, {len(self._lines)} lines "
                f"and {MASK}), but the token embedding has {num_embeddings} rows. Use the dict.txt "
                "that belongs to the checkpoint."
            )


def _parse_line(line: str, place: str) -> tuple[str, int, bool]:
    """Word, count and overwrite flag of one line."""
    word, space, field = line.rstrip().rpartition(" ")
    overwrite = field == OVERWRITE_FLAG
    if overwrite:
        word, space, field = word.rpartition(" ")
    try:
        count = int(field)
    except ValueError:
        space = ""
    if not space:
        raise ValueError(f"{place}: expected `word count`, with an optional {OVERWRITE_FLAG}, got {line!r}.")
    return word, count, overwrite
