"""Headers that state more or less than there is, and files that hold more than one sound."""

import io
import struct

import numpy as np
import pytest
import soundfile as sf

from preprocess.audio.check import check_audio_file
from preprocess.audio.load_audio import audio_duration, load_audio, stream_audio
from tests.tiny import tone


def encode(kind, sound=None, rate=16_000, **options):
    buffer = io.BytesIO()
    sf.write(buffer, tone(1.0) if sound is None else sound, rate, format=kind, **options)
    return bytearray(buffer.getvalue())


def wav(size, data, behind=b""):
    """A 16-bit wav at 16 kHz whose header states `size` bytes of samples."""
    form = struct.pack("<IHHIIHH", 16, 1, 1, 16_000, 32_000, 2, 16)
    riff = b"RIFF" + struct.pack("<I", 36 + len(data)) + b"WAVEfmt " + form
    return riff + b"data" + struct.pack("<I", size) + data + behind


SAMPLES = (tone(0.5) * 32767).astype("<i2")
DATA = SAMPLES.tobytes()
CHUNK = b"LIST" + struct.pack("<I", 20) + b"INFOIART" + struct.pack("<I", 8) + b"someone\0"
APE_TAG = struct.pack("<II", 2000, 4032)


def written(folder, name, content):
    (folder / name).write_bytes(content)
    return folder / name


@pytest.mark.parametrize(
    ("size", "behind"),
    [
        (len(DATA), b""),
        (len(DATA) + 16, b""),  # the header counted as well
        (len(DATA) + 44, b""),
        (0, b""),  # a recorder that was cut off
        (0xFFFFFFFF, b""),
        (0x7FFFFFFF, b""),
        (len(DATA), CHUNK),
        (len(DATA), bytes(30_000)),
        (len(DATA), b"TAG" + b"x" * 125),
    ],
)
def test_what_is_there_is_read_where_the_header_is_a_little_wrong(tmp_path, size, behind):
    path = written(tmp_path, "a.wav", wav(size, DATA, behind))
    for level in ("header", "decode"):
        assert check_audio_file(path, level) == (0.5, None)
    np.testing.assert_array_equal(load_audio(path), SAMPLES / np.float32(32768))
    np.testing.assert_array_equal(np.concatenate(list(stream_audio(path.read_bytes()))), load_audio(path))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (wav(2 * len(DATA), DATA), "cut short: its header states 1.000 s, it holds 0.500 s"),
        (wav(len(DATA) // 2, DATA), "its header states 0.250 s, and 8,000 bytes follow"),
        (encode("WAV") + encode("WAV"), "its header states 1.000 s, and 32,044 bytes follow"),
        (encode("AIFF") + encode("AIFF"), "its header states 1.000 s, and 32,054 bytes follow"),
        (encode("CAF") + encode("CAF"), "its header states 1.000 s, and 36,096 bytes follow"),
        (encode("AU") + encode("AU"), "its header states 1.000 s, and 32,024 bytes follow"),
        (encode("RF64") + encode("RF64"), "its header states 1.000 s, and .* bytes follow"),
        (encode("FLAC") + encode("FLAC"), "its header states 1.000 s, and .* bytes follow"),
    ],
)
def test_what_would_be_cut_silently_is_named(tmp_path, content, message):
    path = written(tmp_path, "a.sound", content)
    for source in (path, str(path)):
        with pytest.raises(ValueError, match=f"a.sound: .*{message}"):
            load_audio(source)
        with pytest.raises(ValueError, match=f"a.sound: .*{message}"):
            list(stream_audio(source, block_seconds=0.2))
    assert check_audio_file(path, "decode")[1].startswith("broken recording: ")


class TestJoinedFiles:
    @pytest.mark.parametrize(("kind", "seconds"), [("MP3", 1.84), ("OGG", 1.72)])
    def test_all_parts_are_read(self, tmp_path, kind, seconds):
        first, second = tone(1.0), tone(0.7, frequency=880.0)
        path = written(tmp_path, "a.sound", encode(kind, first) + encode(kind, second))
        loaded = load_audio(path)
        assert len(loaded) / 16_000 == pytest.approx(seconds, abs=0.02)  # the encoders' delays among them
        assert audio_duration(path) == pytest.approx(len(loaded) / 16_000)
        spectrum = np.abs(np.fft.rfft(loaded[-8_000:]))
        assert np.argmax(spectrum) * 2 == pytest.approx(880, abs=4)

    def test_of_different_rates(self, tmp_path):
        joined = encode("MP3") + encode("MP3", tone(0.7, 44_100, 2), 44_100)
        assert len(load_audio(written(tmp_path, "a.mp3", joined))) / 16_000 == pytest.approx(1.8, abs=0.05)

    @pytest.mark.parametrize(
        "tag",
        [
            b"TAG" + b"x" * 125,
            b"APETAGEX" + APE_TAG[:4] + APE_TAG[4:] + struct.pack("<II", 1, 0xA0000000) + bytes(8) + b"x" * 4000
            + b"APETAGEX" + APE_TAG + struct.pack("<II", 1, 0x80000000) + bytes(8),
        ],
    )  # fmt: skip
    def test_tags_at_the_end_are_no_sound(self, tmp_path, tag):
        whole = encode("MP3")
        expected = load_audio(bytes(whole))
        np.testing.assert_array_equal(load_audio(written(tmp_path, "a.mp3", whole + tag)), expected)

    def test_a_number_of_samples_that_is_missing(self):
        content = encode("MP3")
        position = max(content.find(b"Xing"), content.find(b"Info"))
        for frames in (0, 1):
            struct.pack_into(">I", content, position + 8, frames)
            assert len(load_audio(bytes(content))) / 16_000 == pytest.approx(1.0, abs=0.02)
            assert audio_duration(bytes(content)) == pytest.approx(1.0, abs=0.02)


class TestDeclaredSizes:
    def flac(self, samples):
        content = encode("FLAC")
        content[21] = (content[21] & 0xF0) | (samples >> 32)
        struct.pack_into(">I", content, 22, samples & 0xFFFFFFFF)
        return bytes(content)

    def test_a_number_of_samples_of_half(self):
        with pytest.raises(ValueError, match="header states 0.500 s, and .* bytes follow"):
            load_audio(self.flac(8_000))

    @pytest.mark.parametrize("samples", [2**31, 2**36 - 1])
    def test_no_memory_is_asked_for_on_a_headers_word(self, tmp_path, samples, peak_memory):
        path = written(tmp_path, "a.flac", self.flac(samples))
        with peak_memory(64 * 1024**2):
            np.testing.assert_array_equal(load_audio(path), load_audio(self.flac(16_000)))
        assert check_audio_file(path) == (1.0, None)
        (tmp_path / "a.flac").write_bytes(self.flac(1_000_000))  # possible, as flac of silence is small
        with peak_memory(64 * 1024**2), pytest.raises(ValueError, match="a.flac: .*damaged or cut short"):
            load_audio(path)

    def test_of_an_mp3(self, tmp_path, peak_memory):
        content = encode("MP3")
        struct.pack_into(">I", content, max(content.find(b"Xing"), content.find(b"Info")) + 8, 2**32 - 1)
        path = written(tmp_path, "a.mp3", content)
        with peak_memory(64 * 1024**2), pytest.raises(ValueError, match="a.mp3: .*it holds 1.0"):
            load_audio(path)

    @pytest.mark.parametrize("rate", [1, 999, 768_001])
    def test_rates_that_no_sound_has(self, rate):
        content = bytearray(wav(len(DATA), DATA))
        struct.pack_into("<II", content, 24, rate, 2 * rate)
        for source in (bytes(content), (SAMPLES, rate), (SAMPLES, 2**40)):
            with pytest.raises(ValueError, match="audio in memory: a sampling rate of .* Hz is none of a sound"):
                load_audio(source)

    def test_more_channels_than_any_sound_has(self):
        for source in (bytes(encode("WAV", np.zeros((100, 65)))), (np.zeros((100, 65), np.float32), 16_000)):
            with pytest.raises(ValueError, match="it has 65 channels, at most 64 are read"):
                load_audio(source)
