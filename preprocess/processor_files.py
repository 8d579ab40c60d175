"""Which files of a processor a folder lacks."""

from __future__ import annotations

import os
from pathlib import Path


# By how one of them begins.
_TOKENIZER_FILES = ("tokenizer.json", "vocab", "merges", "spiece", "sentencepiece", "source.spm", "bpe", "tekken")
_EXTRACTOR_FILES = ("preprocessor_config.json", "processor_config.json")


def missing_parts(folder: str | os.PathLike) -> str | None:
    """What to do about a place that holds a part of a processor, or nothing; None where no file is missing.

    Args:
        folder (`str` or `os.PathLike`): of a model, or its name on the Hub.
    """
    place = Path(folder)
    if not place.exists():
        return (
            f"{folder}: there is no such folder here, and no such processor could be fetched from the Hub.\n"
            "Check the path, or the name and the connection."
        )
    if not place.is_dir():
        return None
    names = [path.name for path in place.iterdir()]
    if not any(name in _EXTRACTOR_FILES for name in names):
        return (
            f"{place} has no feature extractor ({' or '.join(_EXTRACTOR_FILES)}).\n"
            "Save one there: EmoBertProcessor(feature_extractor, tokenizer).save_pretrained(folder)."
        )
    if not any(name.startswith(_TOKENIZER_FILES) for name in names):
        return (
            f"{place} has no tokenizer (tokenizer.json, or a vocabulary). Save the text encoder's there:\n"
            "AutoTokenizer.from_pretrained(text_model).save_pretrained(folder); conversions do it with "
            "--text_tokenizer."
        )
    return None
