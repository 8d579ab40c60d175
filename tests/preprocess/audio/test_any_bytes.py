"""Whatever is given as a sound: it is read, or a ValueError names it. Nothing else leaves the loader."""

import io
import os
import shutil
import struct

import numpy as np
import pytest
import soundfile as sf
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from preprocess.audio.check import check_audio_file
from preprocess.audio.load_audio import audio_duration, header_seconds, load_audio, stream_audio
from tests.preprocess.audio.test_load_audio import write_with_pyav
from tests.tiny import tone


READERS = {
    "load_audio": load_audio,
    "stream_audio": lambda source: np.concatenate(list(stream_audio(source, block_seconds=0.1))),
    "audio_duration": audio_duration,
    "header_seconds": header_seconds,
}
KINDS = ("WAV", "FLAC", "MP3", "OGG", "AIFF", "CAF", "AU", "W64", "RF64", "NIST", "GSM", "m4a", "webm", "mkv")


def read_or_named(source, name):
    """Reads a source in every way; what cannot be read must be a ValueError that names it."""
    for reader in READERS.values():
        try:
            result = reader(source)
        except ValueError as error:
            assert name in str(error)
        else:
            assert not isinstance(result, np.ndarray) or (result.ndim == 1 and np.isfinite(result).all())


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A short sound in each format, by the format's name."""
    files = {}
    for kind in KINDS:
        if kind.islower():
            path = tmp_path_factory.mktemp(kind) / f"a.{kind}"
            write_with_pyav(path, tone(0.4, 48_000), 48_000, "libopus" if kind == "webm" else "aac")
            files[kind] = path.read_bytes()
            continue
        buffer, options = io.BytesIO(), {"format": kind}
        if kind == "GSM":
            options = {"format": "WAV", "subtype": "GSM610"}
        sf.write(buffer, tone(0.4, 8_000), 8_000, **options)
        files[kind] = buffer.getvalue()
    return files


@pytest.mark.parametrize("kind", KINDS)
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(data=st.data())
def test_damaged_sounds(whole, kind, data):
    content = bytearray(whole[kind])
    for position in data.draw(st.lists(st.integers(0, min(len(content), 200) - 1), max_size=6)):
        content[position] = data.draw(st.integers(0, 255))
    for position in data.draw(st.lists(st.integers(0, len(content) - 1), max_size=6)):
        content[position] = data.draw(st.integers(0, 255))
    end = data.draw(st.one_of(st.just(len(content)), st.integers(0, len(content))))
    read_or_named(bytes(content[:end]), "audio in memory")


@settings(max_examples=100, deadline=None)
@given(
    st.binary(max_size=300),
    st.sampled_from([b"", b"RIFF\0\0\0\0WAVE", b"fLaC", b"OggS", b"\xff\xfb\x90\x64", b"caff"]),
)
def test_any_bytes(content, magic):
    read_or_named(magic + content, "audio in memory")


SCALARS = st.one_of(st.none(), st.integers(), st.floats(), st.text(max_size=5), st.booleans(), st.binary(max_size=5))


@settings(max_examples=200, deadline=None)
@given(
    st.one_of(
        SCALARS.filter(lambda value: not isinstance(value, str)),
        st.tuples(SCALARS, SCALARS),
        st.tuples(st.lists(st.floats(width=32), max_size=5), SCALARS),
        st.tuples(SCALARS, st.lists(st.integers(), max_size=5)),
        st.lists(SCALARS, max_size=3),
        st.dictionaries(st.sampled_from(["array", "sampling_rate", "bytes", "path"]), SCALARS),
    )
)
def test_any_object(source):
    path = source.get("path") if isinstance(source, dict) else None
    name = path if isinstance(path, str) and path else "audio in memory"
    for reader in READERS.values():
        try:
            reader(source)
        except ValueError as error:
            assert name in str(error) or "Audio must be" in str(error)


@pytest.mark.parametrize("name", ["a" * 300 + ".wav", "a\0b.wav", "a transcript in the wrong column " * 200, "", "."])
def test_names_that_no_file_has(name):
    for reader in READERS.values():
        with pytest.raises(ValueError, match="^a" if len(name) > 1 else "this is a folder"):
            reader(name)
    assert check_audio_file(name)[1] is not None


def test_a_folder_that_may_not_be_read(tmp_path, monkeypatch):
    def refused(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.stat", refused)
    with pytest.raises(ValueError, match="a.wav: the sound cannot be read .PermissionError: .*Permission denied"):
        load_audio(tmp_path / "a.wav")
    assert "a.wav cannot be opened (Permission denied)" in check_audio_file(tmp_path / "a.wav")[1]


class Failing(io.BytesIO):
    """A stream that fails in the middle, as one over a network may."""

    name = "remote.wav"

    def __init__(self, content, error):
        super().__init__(content)
        self.error = error

    def read(self, size=-1):
        if self.tell() > 1_000:
            raise self.error
        return super().read(min(size, 500) if size >= 0 else 500)

    def readinto(self, buffer):
        part = self.read(len(buffer))
        buffer[: len(part)] = part
        return len(part)


@pytest.mark.parametrize("error", [OSError("gone"), TimeoutError("late"), MemoryError(), RuntimeError("no")])
def test_streams_that_fail(whole, error):
    for kind in ("WAV", "m4a"):
        with pytest.raises(ValueError, match="remote.wav"):
            load_audio(Failing(whole[kind], error))


def test_a_stream_of_text_and_a_closed_one(whole):
    closed = io.BytesIO(whole["WAV"])
    closed.close()
    with pytest.raises(ValueError, match="audio in memory: .*opened as text: open it with mode 'rb'"):
        load_audio(io.StringIO("no sound"))
    with pytest.raises(ValueError, match="audio in memory: .*closed file"):
        load_audio(closed)


class TestFormatByContent:
    @pytest.mark.parametrize("suffix", ["gsm", "vox", "raw", "wav", "mp3", "aac", "amr", "ac3", "txt"])
    def test_text_is_no_sound_whatever_its_suffix(self, tmp_path, suffix):
        path = tmp_path / f"notes.{suffix}"
        path.write_text("hello world\n" * 50)
        with pytest.raises(ValueError, match=f"notes.{suffix}: not a sound"):
            load_audio(path)
        with path.open("rb") as file, pytest.raises(ValueError, match=f"notes.{suffix}: not a sound"):
            load_audio(file)

    @pytest.mark.parametrize("kind", KINDS)
    def test_a_wrong_suffix_does_not_matter(self, tmp_path, whole, kind):
        expected = load_audio(whole[kind])
        assert abs(len(expected) / 16_000 - 0.4) < 0.1
        for suffix in ("mp3", "gsm", "raw", "txt"):
            path = tmp_path / f"{kind}.{suffix}"
            path.write_bytes(whole[kind])
            np.testing.assert_array_equal(load_audio(path), expected)
            with path.open("rb") as file:
                np.testing.assert_array_equal(load_audio(file), expected)

    def test_gsm_with_and_without_a_header(self, tmp_path, whole):
        sound = tone(0.4, 8_000)
        sf.write(tmp_path / "a.gsm", sound, 8_000, format="RAW", subtype="GSM610")
        for source in (tmp_path / "a.gsm", (tmp_path / "a.gsm").read_bytes()):
            loaded = load_audio(source, 8_000)
            assert len(loaded) == 3_200 == round(audio_duration(source) * 8_000)
            assert np.corrcoef(loaded, sound)[0, 1] > 0.9
        assert np.corrcoef(load_audio(whole["GSM"], 8_000)[:3_200], sound)[0, 1] > 0.9
        np.testing.assert_array_equal(
            np.concatenate(list(stream_audio(whole["GSM"], 8_000))), load_audio(whole["GSM"], 8_000)
        )

    def test_a_codec_that_nobody_knows(self, whole):
        content = bytearray(whole["CAF"])
        content[28:32] = b"qqqq"
        with pytest.raises(ValueError, match="audio in memory: the codec of its sound is not known"):
            load_audio(bytes(content))


def test_a_file_name_that_is_not_utf8(tmp_path, whole):
    path = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.wav")
    with open(path, "wb") as file:
        file.write(whole["WAV"])
    assert len(load_audio(path)) == 6_400
    reason = check_audio_file(path)[1]
    assert reason.startswith("broken recording: the name of ") and r"caf\udce9.wav is not UTF-8" in reason
    shutil.copyfile(path, path + ".cut")
    os.truncate(path + ".cut", 500)
    with pytest.raises(ValueError, match=r"caf\\udce9.wav.cut: the file was cut short") as raised:
        load_audio(path + ".cut")
    str(raised.value).encode("utf-8")


def test_what_follows_the_header_is_not_trusted():
    riff = b"RIFF" + struct.pack("<I", 0xFFFFFFF0) + b"WAVEfmt " + struct.pack("<I", 0xFFFFFFF0)
    read_or_named(riff + bytes(100), "audio in memory")
