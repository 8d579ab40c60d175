"""The limit on a sound's length, on files that state it, state something else, or state nothing."""

import io

import numpy as np
import pytest
import soundfile as sf

from preprocess import load_audio
from preprocess.audio.bounded import load_bounded_audio
from preprocess.audio.load_audio import audio_duration, header_seconds
from tests.tiny import tone, write_tone


def flac(seconds, stated_samples):
    """A FLAC whose header states another number of samples than it holds; 0 is "unknown"."""
    file = io.BytesIO()
    sf.write(file, tone(seconds), 16_000, format="FLAC")
    content = bytearray(file.getvalue())
    content[21] &= 0xF0  # the highest 4 of 36 bits
    content[22:26] = stated_samples.to_bytes(4, "big")
    return bytes(content)


@pytest.mark.parametrize("rate", [16_000, 8_000, 44_100])
def test_returns_what_load_audio_does(tmp_path, rate):
    write_tone(tmp_path / "a.wav", 1.5, rate, channels=2)
    bounded = load_bounded_audio(tmp_path / "a.wav", 16_000, max_seconds=1.5)
    np.testing.assert_allclose(bounded, load_audio(tmp_path / "a.wav", 16_000), atol=1e-6)
    assert bounded.dtype == np.float32


def test_refuses_by_the_header_before_decoding(tmp_path, monkeypatch):
    write_tone(tmp_path / "a.wav", 3.0)
    monkeypatch.setattr("preprocess.audio.bounded.stream_audio", lambda *_: pytest.fail("it was decoded"))
    with pytest.raises(ValueError, match=r"is 3\.0 s long, the limit is 2 s"):
        load_bounded_audio(tmp_path / "a.wav", max_seconds=2)


def test_refuses_while_decoding_where_the_header_says_nothing():
    assert header_seconds(flac(30.0, 0)) is None
    with pytest.raises(ValueError, match="longer than the limit of 12 s"):
        load_bounded_audio(flac(30.0, 0), max_seconds=12)


def test_stops_decoding_soon_after_the_limit(monkeypatch):
    read = []

    def pieces(*_):
        for _ in range(100):
            read.append(16_000)
            yield np.zeros(16_000, dtype=np.float32)

    monkeypatch.setattr("preprocess.audio.bounded.stream_audio", pieces)
    with pytest.raises(ValueError, match="longer than the limit of 2.5 s"):
        load_bounded_audio(flac(1.0, 0), max_seconds=2.5)
    assert len(read) == 3


def test_a_streamed_flac_is_read_whole():
    np.testing.assert_array_equal(load_audio(flac(1.25, 0)), load_audio(flac(1.25, 20_000)))
    assert audio_duration(flac(1.25, 0)) == 1.25


def test_of_an_array():
    assert header_seconds((np.zeros(8_000, dtype=np.float32), 16_000)) == 0.5
    with pytest.raises(ValueError, match="max_seconds must be positive, got 0"):
        load_bounded_audio((np.zeros(8_000, dtype=np.float32), 16_000), max_seconds=0)
