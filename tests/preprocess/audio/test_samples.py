import io

import numpy as np
import pytest
import soundfile as sf
import torch

from preprocess.audio.check import check_audio_file
from preprocess.audio.load_audio import load_audio, stream_audio
from tests.tiny import tone


TONE = tone(0.5)


class TestArrays:
    @pytest.mark.parametrize("dtype", [np.int8, np.int16, np.int32])
    def test_signed_integers_are_divided_by_their_full_scale(self, dtype):
        info = np.iinfo(dtype)
        loaded = load_audio((np.array([info.min, 0, info.max // 2 + 1], dtype=dtype), 16_000))
        np.testing.assert_array_equal(loaded, [-1.0, 0.0, 0.5])

    @pytest.mark.parametrize("dtype", [np.int64, np.uint64, np.uint32, np.uint16, bool, complex, object])
    def test_types_without_a_full_scale_of_sound_are_refused(self, dtype):
        with pytest.raises(
            ValueError, match="audio in memory: samples must be floats, int8, .*got (int|uint|bool|c|o)"
        ):
            load_audio((np.array([1, 2, 3]).astype(dtype), 16_000))

    def test_rate_and_samples_as_scipy_and_gradio_give_them(self):
        expected = load_audio((TONE, 8_000))
        for source in ((8_000, TONE), (np.int64(8_000), TONE), (8_000.0, torch.from_numpy(TONE)), (8_000, list(TONE))):
            np.testing.assert_array_equal(load_audio(source), expected)

    @pytest.mark.parametrize("rate", ["16000", None, np.nan, np.inf, -16_000, 16_000.5, True, [16_000], {}])
    def test_a_rate_of_another_kind_is_named(self, rate):
        with pytest.raises(ValueError, match="audio in memory: .*rate must be a positive whole number of Hz, got"):
            load_audio({"array": TONE, "sampling_rate": rate})

    @pytest.mark.parametrize("array", [5.0, np.zeros((2, 3, 4)), [[1.0], [1.0, 2.0]], "text", ["a", "b"]])
    def test_an_array_of_another_kind_is_named(self, array):
        with pytest.raises(ValueError, match="audio in memory: "):
            load_audio((array, 16_000))


class TestFiniteSamples:
    @pytest.mark.parametrize("block_seconds", [None, 0.1])
    @pytest.mark.parametrize(
        ("sound", "rate"),
        [
            (np.tile(np.float32([[3e38, 3e38]]), (8_000, 1)), 16_000),  # the sum of two channels
            (np.tile(np.float32([[3e38, 3e38, 3e38]]), (8_000, 1)), 16_000),
            (np.tile(np.float32([3.3e38, -3.3e38]), 4_000), 8_000),  # between two samples
            (np.full(100, 1e300), 16_000),  # more than float32 holds
        ],
    )
    def test_mixing_and_resampling_make_nothing_infinite(self, sound, rate, block_seconds):
        with pytest.raises(
            ValueError, match="of its samples are NaN or infinite, or too large to be mixed or resampled"
        ):
            if block_seconds is None:
                load_audio((sound, rate))
            else:
                list(stream_audio((sound, rate), block_seconds=block_seconds))


def stereo(left, right):
    return np.stack([left, right], axis=1)


def encoded(sound, kind):
    file = io.BytesIO()
    sf.write(file, sound, 16_000, format=kind)
    return file.getvalue()


LOUD = tone(1.0)
SILENT = {
    "zeros": np.zeros(16_000, np.float32),
    "zeros of two channels": np.zeros((16_000, 2), np.float32),
    "constant": np.full(16_000, 0.3, np.float32),
    "dither": np.random.default_rng(0).integers(-1, 2, 16_000).astype(np.int16),
}
CANCELLED = {
    "inverted": stereo(LOUD, -LOUD),
    "inverted and a little weaker": stereo(LOUD, -0.9 * LOUD),
    "inverted at another level": stereo(LOUD * 0.01, -LOUD * 0.01),
    "four": np.stack([LOUD, -LOUD, LOUD, -LOUD], axis=1),
}
HEARD = {
    "quiet": LOUD * np.float32(1e-3),
    "one channel": stereo(LOUD, np.zeros_like(LOUD)),
    "the same twice": stereo(LOUD, LOUD),
    "two that have nothing in common": tone(1.0, channels=2),
    "one of six": np.eye(6, dtype=np.float32)[2] * LOUD[:, None],
    "silence but for the end": np.concatenate([np.zeros(160_000, np.float32), LOUD]),
}


class TestSilence:
    @pytest.mark.parametrize("name", [*SILENT, *CANCELLED])
    def test_is_named_where_it_is_not_allowed(self, name):
        sound = (SILENT.get(name, CANCELLED.get(name)), 16_000)
        message = "silent throughout" if name in SILENT else "all but silent once its [24] channels are mixed"
        with pytest.raises(ValueError, match=f"audio in memory: the sound is {message}"):
            load_audio(sound, allow_silence=False)
        with pytest.raises(ValueError, match=f"audio in memory: the sound is {message}"):
            list(stream_audio(sound, 8_000, 0.3, allow_silence=False))
        assert len(load_audio(sound)) == 16_000

    @pytest.mark.parametrize("name", HEARD)
    def test_what_can_be_heard_is_none(self, name):
        sound = (HEARD[name], 16_000)
        expected = load_audio(sound)
        np.testing.assert_array_equal(load_audio(sound, allow_silence=False), expected)
        np.testing.assert_array_equal(np.concatenate(list(stream_audio(sound, allow_silence=False))), expected)

    @pytest.mark.parametrize("kind", ["WAV", "FLAC", "MP3", "OGG"])
    def test_of_files(self, tmp_path, kind):
        for name, sound, reason in (
            ("zeros", SILENT["zeros"], "silent throughout"),
            ("inverted", CANCELLED["inverted"], "all but silent once its 2 channels are mixed"),
        ):
            path = tmp_path / f"{name}.{kind.lower()}"
            path.write_bytes(encoded(sound, kind))
            assert check_audio_file(path, "header") == (1.0, None)
            seconds, found = check_audio_file(path, "decode")
            assert seconds is None and found.startswith(f"broken recording: {path}: the sound is {reason}")
