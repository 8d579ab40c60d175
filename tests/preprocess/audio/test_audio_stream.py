import io

import numpy as np
import pytest
import soundfile as sf

from preprocess.audio.load_audio import load_audio, stream_audio
from tests.preprocess.audio.test_load_audio import cut, write_with_pyav
from tests.tiny import tone, write_tone


@pytest.mark.parametrize("rate", [8_000, 16_000, 22_050, 44_100])
@pytest.mark.parametrize("channels", [1, 2, 3])
@pytest.mark.parametrize("block_seconds", [0.05, 0.7, 10.0])
def test_the_pieces_of_a_wav_are_the_whole_bit_by_bit(tmp_path, rate, channels, block_seconds):
    write_tone(tmp_path / "sound.wav", 1.91, rate, channels)
    pieces = list(stream_audio(tmp_path / "sound.wav", block_seconds=block_seconds))
    assert all(piece.dtype == np.float32 and piece.ndim == 1 for piece in pieces)
    np.testing.assert_array_equal(np.concatenate(pieces), load_audio(tmp_path / "sound.wav"))
    if block_seconds < 1:
        assert len(pieces) > 2


@pytest.mark.parametrize("suffix", ["flac", "mp3", "ogg"])
def test_compressed_sounds(tmp_path, suffix):
    path = tmp_path / f"sound.{suffix}"
    write_tone(path, 3.3, 22_050, 2)
    joined = np.concatenate(list(stream_audio(path, block_seconds=0.5)))
    # libsndfile's mp3 decoder rounds differently in the last bit when it is read in pieces.
    np.testing.assert_allclose(joined, load_audio(path), rtol=0, atol=5e-7 if suffix == "mp3" else 0)


def test_a_video_container(tmp_path):
    path = write_with_pyav(tmp_path / "sound.m4a", tone(3.0, 44_100), 44_100)
    pieces = list(stream_audio(path, block_seconds=0.5))
    assert len(pieces) > 4
    np.testing.assert_array_equal(np.concatenate(pieces), load_audio(path))


def test_arrays_bytes_and_files_at_another_rate():
    sound = tone(1.5, 44_100, 2)
    buffer = io.BytesIO()
    sf.write(buffer, sound, 44_100, format="wav", subtype="FLOAT")
    expected = load_audio((sound, 44_100), 8_000)
    for source in ((sound, 44_100), buffer.getvalue(), {"bytes": buffer.getvalue()}):
        pieces = stream_audio(source, 8_000, block_seconds=0.4)
        np.testing.assert_array_equal(np.concatenate(list(pieces)), expected)


def test_only_what_is_asked_for_is_decoded(tmp_path):
    write_tone(tmp_path / "sound.flac", 4.0)
    broken = cut(tmp_path / "sound.flac", 0.8)
    pieces = stream_audio(broken, block_seconds=0.5)
    np.testing.assert_array_equal(next(pieces), load_audio(tmp_path / "sound.flac")[:8000])
    with pytest.raises(ValueError, match="cut.flac: the sound is damaged or cut short"):
        list(pieces)


def test_errors_name_the_sound(tmp_path):
    with pytest.raises(ValueError, match="absent.wav: there is no such file"):
        next(stream_audio(tmp_path / "absent.wav"))
    sf.write(tmp_path / "empty.wav", np.zeros(0, dtype=np.float32), 16_000)
    with pytest.raises(ValueError, match="empty.wav: the sound has 0 samples"):
        next(stream_audio(tmp_path / "empty.wav"))
    bad = np.zeros(32_000, dtype=np.float32)
    bad[20_000] = np.nan
    with pytest.raises(ValueError, match="1 of its samples are NaN"):
        list(stream_audio((bad, 16_000), block_seconds=1.0))
    with pytest.raises(ValueError, match="block_seconds must be positive"):
        next(stream_audio((bad, 16_000), block_seconds=0))
