"""One hash of everything that a prepared dataset is made from."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from datasets import DatasetDict

from ..audio.check import file_state
from ..labels.label_encoder import LabelEncoder
from ..processing_emobert import EmoBertProcessor
from ..schema import COLUMNS, SOFT_LABEL, Problem


# To be raised whenever the same input would be prepared differently.
_PREPARATION_VERSION = 3

# A fast tokenizer keeps the padding and truncation of its last call; neither where a processor was loaded from nor how
# others are to load it matters.
_WITHOUT_EFFECT = ("padding", "truncation", "name_or_path", "auto_map")

_COLUMNS_READ = (*COLUMNS, SOFT_LABEL, "context", "dialogue", "input_ids", "speech_input_ids", "problem")


def preparation_fingerprint(
    splits: DatasetDict,
    processor: EmoBertProcessor,
    label_encoder: LabelEncoder,
    options: Mapping[str, Any],
    problems: Iterable[Problem] = (),
) -> str:
    """Hash of the rows, the sizes and times of their sound files, the processor, the labels and the options.

    Returns:
        `str`: 32 hexadecimal digits.
    """
    digest = hashlib.sha256()

    def add(value: Any) -> None:
        digest.update(json.dumps(value, sort_keys=True, ensure_ascii=False).encode() + b"\n")

    add([_PREPARATION_VERSION, label_encoder.to_dict(), dict(options), processor_fingerprint(processor)])
    for problem in problems:
        add(problem.to_row())
    for name, split in splits.items():
        add(name)
        columns = [column for column in _COLUMNS_READ if column in split.column_names]
        for row in split.select_columns(columns).with_format(None):
            add({key: _describe(value) for key, value in row.items()})
            add(file_state(row.get("audio")))
    return digest.hexdigest()[:32]


def processor_fingerprint(processor: EmoBertProcessor) -> str:
    """Hash of a processor's saved files but for its code, whatever it was used for before.

    Returns:
        `str`: 32 hexadecimal digits.
    """
    digest = hashlib.sha256()
    with tempfile.TemporaryDirectory() as folder:
        processor.save_pretrained(folder)
        for path in sorted(Path(folder).rglob("*")):
            if path.is_file() and path.suffix != ".py":
                digest.update(str(path.relative_to(folder)).encode())
                for part in _content(path):
                    digest.update(part)
    return digest.hexdigest()[:32]


def _content(path: Path) -> Iterator[bytes]:
    if path.suffix != ".json":
        yield path.read_bytes()
        return
    values = json.loads(path.read_text(encoding="utf-8"))
    if isinstance(values, dict):
        values = {key: value for key, value in values.items() if key not in _WITHOUT_EFFECT}
    yield json.dumps(values, sort_keys=True).encode()


def _describe(value: Any) -> Any:
    if isinstance(value, bytes):
        return hashlib.sha256(value).hexdigest()
    if isinstance(value, Mapping):
        return {key: _describe(inner) for key, inner in value.items()}
    return value
