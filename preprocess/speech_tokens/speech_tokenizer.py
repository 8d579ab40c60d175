"""Codes of vq-wav2vec to Speech-BERT's token ids, outside any model."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from transformers import AutoConfig
from transformers.utils.hub import cached_file

from configuration_emo.speech_dictionary import DICTIONARY_FILE, EOS_ID, SpeechDictionary
from configuration_emo.structured_text import read_json_object
from configuration_emo.token_positions import max_token_positions


TOKENIZER_FILE = "speech_tokenizer.json"
LONG_AUDIO = ("truncate", "split")


class SpeechTokenizer:
    """
    Looks codes up in fairseq's dictionary, the same ids as EmoBERT makes inside the model.

    Args:
        dictionary ([`SpeechDictionary`]): the vocabulary of the speech encoder.
        max_length (`int`, defaults to 2048): ids that the speech encoder takes, `<s>` and `</s>` among them.

    Example:

    ```python
    >>> from configuration_emo import SpeechDictionary
    >>> from preprocess import SpeechTokenizer

    >>> tokenizer = SpeechTokenizer(SpeechDictionary([("2-3", 301, False), ("6-5", 74, False)]), max_length=4)
    >>> ids = tokenizer.encode([[2, 3], [6, 5], [7, 7]])
    >>> ids, tokenizer.truncate(ids), tokenizer.split(ids)
    ([0, 4, 5, 3, 2], [0, 4, 5, 2], [[0, 4, 5, 2], [0, 3, 2]])

    ```"""

    def __init__(self, dictionary: SpeechDictionary, max_length: int = 2048):
        if max_length < 3:
            raise ValueError(f"max_length must leave room for <s>, one frame and </s>, got {max_length}.")
        self.dictionary = dictionary
        self.max_length = max_length

    @classmethod
    def from_pretrained(cls, folder: str | Path, *, max_length: int | None = None) -> SpeechTokenizer:
        """
        Reads what `save_pretrained` wrote, or the dictionary beside a converted Speech-BERT.

        Args:
            folder (`str` or `Path`): a folder or Hub id with `dict.txt` and `speech_tokenizer.json`, or with
                `dict.txt` and the `config.json` of the speech encoder (or of an EmoBERT around it), whose positions
                bound the length.
            max_length (`int`, *optional*): takes the place of what the folder says.

        Returns:
            [`SpeechTokenizer`]

        Raises:
            ValueError: the folder has no dictionary, or nothing that tells the length.
        """
        dictionary_file = _find(folder, DICTIONARY_FILE)
        if dictionary_file is None:
            raise ValueError(f"{folder} has no {DICTIONARY_FILE}: give the folder of a converted Speech-BERT.")
        dictionary = SpeechDictionary.from_file(dictionary_file)
        if max_length is not None:
            return cls(dictionary, max_length)
        tokenizer_file = _find(folder, TOKENIZER_FILE)
        if tokenizer_file is not None:
            return cls(dictionary, read_json_object(tokenizer_file, "max_length")["max_length"])
        if _find(folder, "config.json") is not None:
            config = AutoConfig.from_pretrained(folder)
            return cls(dictionary, max_token_positions(getattr(config, "speech_config", config)))
        raise ValueError(f"{folder} has neither {TOKENIZER_FILE} nor config.json, which would tell the longest input.")

    def save_pretrained(self, folder: str | Path) -> None:
        """
        Writes `dict.txt` and `speech_tokenizer.json`.

        Args:
            folder (`str` or `Path`): made where needed.
        """
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        self.dictionary.save(folder)
        text = json.dumps({"max_length": self.max_length}, indent=2) + "\n"
        (folder / TOKENIZER_FILE).write_text(text, encoding="utf-8")

    def encode(self, codes: np.ndarray | list[list[int]]) -> list[int]:
        """
        All ids of a clip, as the original writes them to its token files.

        Args:
            codes (`np.ndarray` of shape `(frames, groups)`): the codes.

        Returns:
            `list[int]`: `<s>`, one id for each frame, `</s>`.
        """
        words = ["-".join(map(str, frame)) for frame in np.asarray(codes).tolist()]
        return [self.dictionary.bos_id, *(self.dictionary.index(word) for word in words), EOS_ID]

    def truncate(self, ids: list[int]) -> list[int]:
        """
        The ids that the speech encoder takes, as the original cuts them.

        Args:
            ids (`list[int]`): of `encode`.

        Returns:
            `list[int]`: at most `max_length` ids; the last of a longer clip becomes `</s>`.
        """
        return ids if len(ids) <= self.max_length else [*ids[: self.max_length - 1], EOS_ID]

    def split(self, ids: list[int]) -> list[list[int]]:
        """
        The ids of a clip in pieces of about equal length that the speech encoder takes.

        Args:
            ids (`list[int]`): of `encode`.

        Returns:
            `list[list[int]]`: pieces of at most `max_length` ids, each with its own `<s>` and `</s>`.
        """
        frames = ids[1:-1]
        num_pieces = max(1, -(-len(frames) // (self.max_length - 2)))
        pieces = np.array_split(np.asarray(frames, dtype=np.int64), num_pieces)
        return [[ids[0], *piece.tolist(), EOS_ID] for piece in pieces]


def _find(folder: str | Path, name: str) -> Path | None:
    """A file of a folder or of a repository on the Hub; None where it has none of that name, or cannot be reached."""
    try:
        found = cached_file(
            str(folder),
            name,
            _raise_exceptions_for_missing_entries=False,
            _raise_exceptions_for_connection_errors=False,
            _raise_exceptions_for_gated_repo=False,
        )
    except OSError:  # neither a folder nor the id of a repository
        return None
    return None if found is None else Path(found)
