"""Frames of MPEG audio (mp3, mp2): whether there is more sound than the beginning of the file says."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

from .sound_bytes import SoundBytes
from .stated_size import id3_size, trailing_tag_bytes


_KBIT_RATES = {
    ("1", 3): (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    ("1", 2): (0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    ("2", 3): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_KBIT_RATES["2", 2] = _KBIT_RATES["2", 3]
_VERSIONS = {0: "2.5", 2: "2", 3: "1"}


class _Frame(NamedTuple):
    rate: int  # Hz
    samples: int
    kbit: int  # in a second
    size: int  # bytes
    side_information: int  # where a Xing header would stand


def holds_more_mp3(data: SoundBytes, tolerance_seconds: float) -> bool:
    """Whether an MPEG file holds more sound than its beginning says, as joined files do, or may do so: where the bit
    rate varies and nothing states the number of samples, libsndfile makes an estimate.

    Args:
        data ([`SoundBytes`]): of any file.
        tolerance_seconds (`float`): so much is an encoder's inaccuracy.
    """
    start = 0
    while (head := data.read_at(start, 10))[:3] == b"ID3" and len(head) == 10:
        start += 10 + id3_size(head)
    block = data.read_at(start, 200)
    frame = _frame(block)
    if frame is None or len(block) < 200:
        return False
    end = data.size - trailing_tag_bytes(data)
    count, frames = _stated(block, frame)
    if count and frames:
        bytes_per_second = count * frame.rate / (frames * frame.samples)
        return end - start - count > tolerance_seconds * bytes_per_second
    # The first frame may hold nothing but such a header.
    frames_after = _frames(data, start + frame.size, end)
    second = next(frames_after, None)
    return any((other.rate, other.kbit) != (second.rate, second.kbit) for other in frames_after if second is not None)


def _stated(block: bytes, frame: _Frame) -> tuple[int, int]:
    """Bytes and frames that a Xing, Info or VBRI header states; 0 where there is none or it leaves one out."""
    tag = block[frame.side_information :]
    if tag[:4] in (b"Xing", b"Info"):
        flags, frames, count = struct.unpack(">III", tag[4:16])
        return (count, frames) if flags & 3 == 3 else (0, 0)
    if block[36:40] == b"VBRI":
        count, frames = struct.unpack(">II", block[46:54])
        return count, frames
    return 0, 0


def _frames(data: SoundBytes, position: int, end: int) -> Iterator[_Frame]:
    """All frames from a position on."""
    begin, block = position, b""
    while position < end - 4:
        if position + 4 > begin + len(block):
            begin, block = position, data.read_at(position, 1 << 20)
        found = _frame(block[position - begin : position - begin + 4])
        if found is not None:
            yield found
            position += found.size
        else:
            position += 1


def _frame(head: bytes) -> _Frame | None:
    """The frame of layer II or III that begins so, None where none does."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return None
    version, layer = _VERSIONS.get((head[1] >> 3) & 3), 4 - ((head[1] >> 1) & 3)
    bit_rate, rate = head[2] >> 4, (44_100, 48_000, 32_000, 0)[(head[2] >> 2) & 3]
    if version is None or layer not in (2, 3) or bit_rate in (0, 15) or not rate:
        return None
    kbit = _KBIT_RATES["1" if version == "1" else "2", layer][bit_rate]
    rate >>= {"1": 0, "2": 1, "2.5": 2}[version]
    samples = 576 if layer == 3 and version != "1" else 1152
    mono = head[3] >> 6 == 3
    side = 4 + ((17 if mono else 32) if version == "1" else (9 if mono else 17))
    return _Frame(rate, samples, kbit, samples // 8 * kbit * 1000 // rate + ((head[2] >> 1) & 1), side)
