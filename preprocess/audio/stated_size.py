"""What a sound file states about its own size, against the bytes that there are.

Writers that could not seek back, recorders that were cut off and programs that join files leave headers that state
less or more than there is. Decoders believe them without a word.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from .sound_bytes import SoundBytes


# Sizes from here on are the placeholders that streaming writers leave in a wav header.
_STREAMED_WAV_SIZE = 0x7FFF0000
_UNKNOWN_AU_SIZE = 0xFFFFFFFF
# A file of these that follows upon a sound is another one, joined to it, and no chunk of the first.
_FILE_IDS = (b"RIFF", b"RIFX", b"RF64", b"BW64", b"FORM", b"caff")
_MOST_CHUNKS = 10_000


class SampleBytes(NamedTuple):
    """Where a container holds its samples.

    Args:
        stated (`int`, *optional*): how many bytes of samples the header states; None where it leaves that open.
        present (`int`): how many of these there are.
        following (`int`): bytes behind them that belong to nothing that the container knows.
        start (`int`, *optional*): where they begin, of a little-endian wav or RF64.
    """

    stated: int | None
    present: int
    following: int
    start: int | None = None


def sample_bytes(data: SoundBytes) -> SampleBytes | None:
    """The samples of a container of chunks (wav, RF64, AIFF, CAF) or of an AU file; None for other formats."""
    head = data.read_at(0, 12)
    if head[:4] in (b"RIFF", b"RIFX", b"RF64", b"BW64") and head[8:12] == b"WAVE":
        return _in_chunks(data, 12, ">4sI" if head[:4] == b"RIFX" else "<4sI", b"data")
    if head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"):
        return _in_chunks(data, 12, ">4sI", b"SSND", skipped=8)
    if head[:4] == b"caff":
        return _in_chunks(data, 8, ">4sq", b"data", skipped=4)
    if head[:4] == b".snd" and len(head) == 12:
        start, stated = struct.unpack(">II", head[4:])
        if stated == _UNKNOWN_AU_SIZE:
            return SampleBytes(None, max(0, data.size - start), 0)
        present = max(0, min(stated, data.size - start))
        return SampleBytes(stated, present, _not_empty(data, start + stated))
    return None


def _in_chunks(data: SoundBytes, position: int, header: str, name: bytes, skipped: int = 0) -> SampleBytes | None:
    """The chunk of the samples.

    Args:
        position: where the first chunk begins.
        header: of a chunk, its name and its size, for `struct`.
        name: of the samples' chunk.
        skipped: bytes at its beginning that are no samples.
    """
    length = struct.calcsize(header)
    long_size = None  # what RF64 states elsewhere, as it is too large for a chunk's header
    for _ in range(_MOST_CHUNKS):
        chunk = data.read_at(position, length)
        if len(chunk) < length:
            return None
        found, size = struct.unpack(header, chunk)
        start = position + length
        if found == name:
            break
        if found == b"ds64":
            long_size = struct.unpack("<Q", data.read_at(start + 8, 8).ljust(8, b"\0"))[0]
        if size < 0:
            return None
        position = start + size + (size & 1 if length == 8 else 0)
    else:
        return None
    if length == 8 and size == 0xFFFFFFFF and long_size is not None:
        size = long_size
    elif size < 0 or (length == 8 and size >= _STREAMED_WAV_SIZE):
        return SampleBytes(None, max(0, data.size - start - skipped), 0)
    stated = max(0, size - skipped)
    present = max(0, min(stated, data.size - start - skipped))
    begin = start if header.startswith("<") else None
    return SampleBytes(stated, present, _outside_chunks(data, start + size, header), begin)


def _outside_chunks(data: SoundBytes, end: int, header: str) -> int:
    """Bytes from `end` on that are not chunks, and neither zeros nor tags."""
    length = struct.calcsize(header)
    # Chunks begin at even positions, which not every writer minds.
    position = max(_end_of_chunks(data, start, header) for start in {end, end + (end & 1 if length == 8 else 0)})
    return _not_empty(data, position)


def _end_of_chunks(data: SoundBytes, position: int, header: str) -> int:
    length = struct.calcsize(header)
    for _ in range(_MOST_CHUNKS):
        chunk = data.read_at(position, length)
        if len(chunk) < length:
            return position
        name, size = struct.unpack(header, chunk)
        is_chunk = name.isascii() and name.decode("ascii").isprintable() and name not in _FILE_IDS
        if not is_chunk or size < 0 or position + length + size > data.size:
            return position
        position += length + size + (size & 1 if length == 8 else 0)
    return position


def _not_empty(data: SoundBytes, start: int) -> int:
    """Bytes from `start` on but for the zeros at the end and for tags."""
    count = data.size - trailing_tag_bytes(data) - start
    if count <= 0:
        return 0
    for offset in range(0, count, 1 << 20):
        piece = data.read_at(start + offset, min(1 << 20, count - offset))
        if piece.strip(b"\0"):
            return count
    return 0


def trailing_tag_bytes(data: SoundBytes) -> int:
    """Bytes of ID3v1, APE and appended ID3v2 tags at the end of a file."""
    end = data.size
    if end >= 128 and data.read_at(end - 128, 3) == b"TAG":
        end -= 128
    footer = data.read_at(end - 32, 32) if end >= 32 else b""
    if footer[:8] == b"APETAGEX":
        size, _, flags = struct.unpack("<III", footer[12:24])
        end -= min(end, size + (32 if flags & (1 << 31) else 0))
    footer = data.read_at(end - 10, 10) if end >= 10 else b""
    if footer[:3] == b"3DI":
        end -= min(end, id3_size(footer) + 20)
    return data.size - end


def is_chained_ogg(data: SoundBytes) -> bool:
    """Whether several Ogg streams follow each other in one file, of which libsndfile reads the first."""
    position, saw_sound = 0, False
    while (page := data.read_at(position, 27))[:4] == b"OggS" and len(page) == 27:
        begins = bool(page[5] & 2)
        if begins and saw_sound:
            return True
        saw_sound |= not begins
        position += 27 + page[26] + sum(data.read_at(position + 27, page[26]))
    return False


def is_raw_gsm(data: SoundBytes) -> bool:
    """Whether these are frames of GSM 06.10 without a header: 33 bytes each, whose first four bits are 1101."""
    starts = data.read_at(0, 33 * 500)[::33]
    return data.size >= 33 * 4 and all(byte >> 4 == 0xD for byte in starts)


def id3_size(head: bytes) -> int:
    """The size that an ID3v2 header of 10 bytes states, without these: seven bits a byte."""
    return sum((byte & 0x7F) << shift for byte, shift in zip(head[6:10], (21, 14, 7, 0), strict=True))
