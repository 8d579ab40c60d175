"""Reading the model files of CTranslate2 (`model.bin`): little endian, named tensors, then aliases."""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np


# The format's numbers for its types of data. int8 weights come with scales, which nothing here reads.
DTYPES = {0: "<f4", 1: "<i1", 2: "<i2", 3: "<i4", 4: "<f2"}
FILE_VERSION = 6


@dataclass(frozen=True)
class CTranslate2File:
    """What a file holds.

    Args:
        spec (`str`): the kind of model, such as `"WhisperSpec"`.
        tensors (`dict[str, np.ndarray]`): by name, in the stored type and shape.
        aliases (`dict[str, str]`): further names of tensors.
    """

    spec: str
    tensors: dict[str, np.ndarray]
    aliases: dict[str, str]


def parse_ctranslate2(content: bytes) -> CTranslate2File:
    """The tensors of a `model.bin`.

    Args:
        content (`bytes`): the whole file.

    Raises:
        ValueError: it is no such file, is cut short, has bytes left over, or a type that is not known here.
    """
    reader = _Reader(content)
    version = reader.number("I")
    if version != FILE_VERSION:
        raise ValueError(f"A CTranslate2 file of version {FILE_VERSION} is expected, this one says {version}.")
    spec = reader.text()
    reader.number("I")  # the revision of the kind of model
    tensors = {}
    for _ in range(reader.number("I")):
        name = reader.text()
        shape = [reader.number("I") for _ in range(reader.number("B"))]
        kind, size = reader.number("B"), reader.number("I")
        data = reader.take(size)
        if kind not in DTYPES:
            raise ValueError(f"The tensor {name!r} is of type {kind}, known are {', '.join(map(str, DTYPES))}.")
        if size != int(np.prod(shape)) * np.dtype(DTYPES[kind]).itemsize:
            raise ValueError(f"The tensor {name!r} has {size} bytes, which do not fit its shape {shape}.")
        tensors[name] = np.frombuffer(data, DTYPES[kind]).reshape(shape)
    aliases = {reader.text(): reader.text() for _ in range(reader.number("I"))}
    if reader.rest:
        raise ValueError(
            f"{reader.rest} bytes of the CTranslate2 file are left over: it is not read as it was written."
        )
    return CTranslate2File(spec, tensors, aliases)


class _Reader:
    """Walks through the bytes of a file."""

    def __init__(self, content: bytes):
        self.content = content
        self.place = 0

    @property
    def rest(self) -> int:
        """Bytes that are not read yet."""
        return len(self.content) - self.place

    def take(self, size: int) -> bytes:
        """The next bytes."""
        if size > self.rest:
            raise ValueError(f"The CTranslate2 file ends after {len(self.content)} bytes, in the middle of a value.")
        self.place += size
        return self.content[self.place - size : self.place]

    def number(self, kind: str) -> int:
        """The next number, of a type of `struct`."""
        return int(struct.unpack(f"<{kind}", self.take(struct.calcsize(kind)))[0])

    def text(self) -> str:
        """The next text: its length with a final zero, and its bytes."""
        return self.take(self.number("H")).rstrip(b"\0").decode()
