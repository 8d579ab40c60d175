"""One hash of everything that a corpus's speech tokens are made from."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from datasets import DatasetDict
from transformers import PreTrainedModel

from ..audio.check import file_state
from .speech_tokenizer import SpeechTokenizer


# To be raised whenever the same input would be tokenised differently.
_TOKENIZATION_VERSION = 2
# What a configuration says about the files that it came from, not about the model.
_CONFIG_KEYS_OF_FILES = frozenset({"_name_or_path", "architectures", "dtype", "transformers_version"})


def tokenization_fingerprint(
    splits: DatasetDict, model: PreTrainedModel, tokenizer: SpeechTokenizer, long_audio: str
) -> str:
    """
    Hash of the rows, the sizes and times of their sound files, the weights, the dictionary and the options.

    Args:
        splits (`DatasetDict`): the corpus, its sounds not decoded.
        model (`PreTrainedModel`): the `VqWav2VecModel`.
        tokenizer ([`SpeechTokenizer`]): the dictionary.
        long_audio (`str`): what is done with long sounds.

    Returns:
        `str`: 32 hexadecimal digits.
    """
    digest = hashlib.sha256()

    def add(value: Any) -> None:
        digest.update(json.dumps(value, sort_keys=True, default=str).encode() + b"\n")

    add([_TOKENIZATION_VERSION, long_audio, tokenizer.max_length, tokenizer.dictionary.symbols])
    add({key: value for key, value in model.config.to_dict().items() if key not in _CONFIG_KEYS_OF_FILES})
    for name, tensor in model.state_dict().items():
        add(name)
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    for name, split in splits.items():
        add(name)
        for row in split.with_format(None):
            sound = row["audio"] if isinstance(row["audio"], Mapping) else {"path": row["audio"]}
            content = sound.get("bytes")
            add({key: value for key, value in row.items() if key != "audio"})
            add([sound.get("path"), file_state(sound.get("path"))])
            add(hashlib.sha256(content).hexdigest() if content is not None else sound.get("array"))
    return digest.hexdigest()[:32]
