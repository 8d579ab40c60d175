import io

import av
import librosa
import numpy as np
import pytest
import soundfile as sf

from preprocess.audio.load_audio import audio_duration, load_audio
from tests.tiny import tone, write_tone


def write_with_pyav(path, sound, rate, codec="aac", **options):
    """Encodes mono float32 samples `(samples,)` into the container that the file's suffix names."""
    with av.open(str(path), "w", options=options) as container:
        stream = container.add_stream(codec, rate=rate)
        stream.layout = "mono"
        for start in range(0, len(sound), 1024):
            frame = av.AudioFrame.from_ndarray(sound[None, start : start + 1024], format="fltp", layout="mono")
            frame.sample_rate, frame.pts = rate, start
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def write_silent_video(path):
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width = stream.height = 16
        stream.pix_fmt = "yuv420p"
        for _ in range(5):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((16, 16, 3), np.uint8), format="rgb24")))
        container.mux(stream.encode(None))
    return path


def cut(path, keep):
    """A copy of the file that ends after a part of its bytes, and its path."""
    content = path.read_bytes()
    shorter = path.with_name("cut" + path.suffix)
    shorter.write_bytes(content[: int(len(content) * keep)])
    return shorter


def spectrum_peak(sound, rate=16_000):
    return np.argmax(np.abs(np.fft.rfft(sound))) * rate / len(sound)


class TestAgainstLibrosa:
    @pytest.mark.parametrize("rate", [8_000, 16_000, 22_050, 44_100, 48_000])
    @pytest.mark.parametrize("channels", [1, 2])
    @pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "FLOAT"])
    def test_wav_is_bit_equal(self, tmp_path, rate, channels, subtype):
        path = tmp_path / "sound.wav"
        write_tone(path, 0.31, rate, channels, subtype=subtype)
        expected, _ = librosa.load(path, sr=16_000, mono=True, res_type="soxr_hq")
        loaded = load_audio(path)
        assert loaded.dtype == np.float32 and loaded.flags.c_contiguous
        np.testing.assert_array_equal(loaded, expected)

    @pytest.mark.parametrize("channels", [3, 6])
    def test_many_channels_are_averaged(self, tmp_path, channels):
        path = tmp_path / "sound.wav"
        write_tone(path, 0.2, 22_050, channels)
        expected, _ = librosa.load(path, sr=16_000, mono=True, res_type="soxr_hq")
        np.testing.assert_allclose(load_audio(path), expected, atol=1e-7)

    @pytest.mark.parametrize("name", ["sound.flac", "sound.mp3", "sound.ogg", "sound.aiff"])
    def test_other_formats_of_libsndfile(self, tmp_path, name):
        path = tmp_path / name
        write_tone(path, 0.5, 22_050)
        expected, _ = librosa.load(path, sr=16_000, mono=True, res_type="soxr_hq")
        np.testing.assert_array_equal(load_audio(path), expected)

    def test_other_target_rate(self, tmp_path):
        path = tmp_path / "sound.wav"
        write_tone(path, 0.25, 16_000)
        expected, _ = librosa.load(path, sr=8_000, mono=True, res_type="soxr_hq")
        np.testing.assert_array_equal(load_audio(path, 8_000), expected)

    def test_stereo_is_the_mean_of_both_channels(self, tmp_path):
        path = tmp_path / "sound.wav"
        sound = write_tone(path, 0.1, 16_000, channels=2, subtype="FLOAT")
        np.testing.assert_array_equal(load_audio(path), (sound[:, 0] + sound[:, 1]) * np.float32(0.5))


class TestContainersOfPyAV:
    @pytest.mark.parametrize(
        ("name", "codec", "rate"),
        [
            ("sound.mp4", "aac", 44_100),
            ("sound.m4a", "aac", 16_000),
            ("sound.webm", "libopus", 48_000),
            ("sound.mkv", "aac", 44_100),
            ("sound.aac", "aac", 44_100),
        ],
    )
    def test_sound_is_the_one_that_was_written(self, tmp_path, name, codec, rate):
        frequency = 440.0
        sound = (0.4 * np.sin(2 * np.pi * frequency * np.arange(rate) / rate)).astype(np.float32)
        path = write_with_pyav(tmp_path / name, sound, rate, codec)
        loaded = load_audio(path)
        assert loaded.dtype == np.float32 and loaded.ndim == 1
        assert abs(len(loaded) - 16_000) < 1_000  # encoders pad to whole frames
        assert abs(spectrum_peak(loaded) - frequency) < 2.0
        middle = loaded[4_000:12_000]
        assert abs(np.sqrt(np.mean(middle**2)) - 0.4 / np.sqrt(2)) < 0.02
        assert abs(audio_duration(path) - 1.0) < 0.07

    def test_bytes_and_file_objects(self, tmp_path):
        path = write_with_pyav(tmp_path / "sound.mp4", tone(0.5), 16_000)
        expected = load_audio(path)
        np.testing.assert_array_equal(load_audio(path.read_bytes()), expected)
        with path.open("rb") as file:
            np.testing.assert_array_equal(load_audio(file), expected)
        assert audio_duration(path.read_bytes()) == audio_duration(path)

    def test_video_without_audio(self, tmp_path):
        path = write_silent_video(tmp_path / "silent.mp4")
        with pytest.raises(ValueError, match=r"silent\.mp4.*no audio stream"):
            load_audio(path)

    def test_playlists_are_not_followed(self, tmp_path):
        write_with_pyav(tmp_path / "sound.aac", tone(0.5), 16_000)
        playlist = tmp_path / "list.m4a"
        playlist.write_text("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nsound.aac\n#EXT-X-ENDLIST\n")
        with pytest.raises(ValueError, match=r"list\.m4a"):
            load_audio(playlist)


class TestSources:
    def test_all_kinds_of_one_sound(self, tmp_path):
        path = tmp_path / "sound.wav"
        sound = write_tone(path, 0.2, 8_000, subtype="FLOAT")
        expected = load_audio(path)
        content = path.read_bytes()
        sources = [
            str(path),
            content,
            io.BytesIO(content),
            (sound, 8_000),
            (8_000, sound),
            {"array": sound, "sampling_rate": 8_000},
            {"bytes": content, "path": None},
            {"bytes": content, "path": "elsewhere.wav"},
            {"bytes": None, "path": str(path)},
        ]
        for source in sources:
            np.testing.assert_array_equal(load_audio(source), expected)

    def test_stereo_array_either_way_round(self):
        sound = tone(0.1, channels=2)
        np.testing.assert_array_equal(load_audio((sound, 16_000)), load_audio((sound.T, 16_000)))

    @pytest.mark.parametrize(
        ("dtype", "low", "high"), [(np.int16, -32768, 16384), (np.int32, -(2**31), 2**30), (np.uint8, 0, 192)]
    )
    def test_integers_are_scaled(self, dtype, low, high):
        np.testing.assert_array_equal(load_audio((np.array([low, high], dtype=dtype), 16_000)), [-1.0, 0.5])

    def test_float64_array(self):
        loaded = load_audio((np.array([0.25, -0.5]), 16_000))
        assert loaded.dtype == np.float32
        np.testing.assert_array_equal(loaded, [0.25, -0.5])

    @pytest.mark.parametrize("source", [5, np.zeros(10), [0.0, 0.1]])
    def test_source_of_another_kind(self, source):
        with pytest.raises(ValueError, match="Audio must be a path"):
            load_audio(source)

    @pytest.mark.parametrize("rate", [None, 0, -1, 16_000.5, True, "16000", float("nan"), float("inf")])
    def test_array_without_a_rate(self, rate):
        with pytest.raises(ValueError, match="sampling rate must be a positive whole number"):
            load_audio((np.zeros(10, dtype=np.float32), rate))

    def test_address(self):
        with pytest.raises(ValueError, match="Download the file"):
            load_audio("https://example.org/sound.wav")


class TestDuration:
    @pytest.mark.parametrize("name", ["sound.wav", "sound.flac", "sound.mp3", "sound.ogg"])
    def test_by_the_header(self, tmp_path, name):
        write_tone(tmp_path / name, 0.75, 22_050)
        assert abs(audio_duration(tmp_path / name) - 0.75) < 1e-3

    def test_of_an_array(self):
        assert audio_duration((np.zeros((4_000, 2)), 8_000)) == 0.5


class TestDamage:
    def test_missing_file(self, tmp_path):
        with pytest.raises(ValueError, match=r"gone\.wav: there is no such file"):
            load_audio(tmp_path / "gone.wav")

    def test_folder(self, tmp_path):
        with pytest.raises(ValueError, match="not a sound file"):
            load_audio(tmp_path)

    def test_no_bytes(self, tmp_path):
        path = tmp_path / "empty.wav"
        path.touch()
        with pytest.raises(ValueError, match=r"empty\.wav: the file has 0 bytes"):
            load_audio(path)
        with pytest.raises(ValueError, match="0 bytes"):
            load_audio(b"")

    @pytest.mark.parametrize("name", ["notes.wav", "notes.mp3", "notes.raw", "notes.txt"])
    def test_not_a_sound(self, tmp_path, name):
        path = tmp_path / name
        path.write_text("how nice a day\n" * 50)
        with pytest.raises(ValueError, match=rf"{name}: not a sound or video file"):
            load_audio(path)

    @pytest.mark.parametrize("keep", [0.9, 0.5, 0.1])
    @pytest.mark.parametrize("name", ["sound.wav", "sound.mp3", "sound.flac", "sound.ogg"])
    def test_file_that_was_cut_short(self, tmp_path, name, keep):
        write_tone(tmp_path / name, 3.0)
        with pytest.raises(ValueError, match=r"cut\.\w+: .*cut short"):
            load_audio(cut(tmp_path / name, keep))

    @pytest.mark.parametrize("keep", [0.9, 0.5, 0.1])
    @pytest.mark.parametrize(
        ("name", "codec", "options"),
        [
            ("sound.mp4", "aac", {}),
            ("sound.m4a", "aac", {"movflags": "faststart"}),
            ("sound.webm", "libopus", {}),
            ("sound.mkv", "aac", {}),
        ],
    )
    def test_container_that_was_cut_short(self, tmp_path, name, codec, options, keep):
        path = write_with_pyav(tmp_path / name, tone(3.0, 48_000), 48_000, codec, **options)
        with pytest.raises(ValueError, match=r"cut\.\w+: .*cut short"):
            load_audio(cut(path, keep))

    def test_streamed_wav_does_not_state_its_size(self, tmp_path):
        path = tmp_path / "sound.wav"
        write_tone(path, 0.5)
        expected = load_audio(path)
        content = bytearray(path.read_bytes())
        content[4:8] = content[40:44] = b"\xff\xff\xff\xff"
        path.write_bytes(content)
        np.testing.assert_array_equal(load_audio(path), expected)

    def test_no_samples(self, tmp_path):
        path = tmp_path / "nothing.wav"
        sf.write(path, np.zeros(0, dtype=np.float32), 16_000)
        with pytest.raises(ValueError, match=r"nothing\.wav: the sound has 0 samples"):
            load_audio(path)

    @pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
    def test_values_that_are_no_numbers(self, tmp_path, value):
        path = tmp_path / "wild.wav"
        sf.write(path, np.array([0.0, value, 0.1], dtype=np.float32), 16_000, subtype="FLOAT")
        with pytest.raises(ValueError, match=r"wild\.wav: 1 of its samples are NaN or infinite"):
            load_audio(path)

    def test_pyav_is_not_installed(self, tmp_path, monkeypatch):
        path = write_with_pyav(tmp_path / "sound.mp4", tone(0.5), 16_000)
        monkeypatch.setitem(__import__("sys").modules, "av", None)
        with pytest.raises(ValueError, match=r"sound\.mp4.*pip install 'av>=14\.0'"):
            load_audio(path)


@pytest.mark.parametrize("container", [{"format": "WAV"}, {"format": "RF64"}, {"format": "WAVEX"}, {"endian": "BIG"}])
@pytest.mark.parametrize("channels", [1, 2, 3])
def test_sixteen_bits_are_libsndfiles_values(tmp_path, container, channels):
    generator = np.random.default_rng(0)
    samples = generator.integers(-32768, 32768, size=(999, channels), dtype=np.int16)
    samples[:2] = [[-32768], [32767]]
    path = tmp_path / "sound.wav"
    sf.write(path, samples, 16_000, subtype="PCM_16", **container)
    with open(path, "ab") as file:  # a chunk behind the samples
        file.write(b"LIST\x04\x00\x00\x00INFO")
    for channel in range(channels):
        expected = sf.read(path, dtype="float32", always_2d=True)[0][:, channel]
        found = load_audio(path, channel=channel)
        assert found.dtype == np.float32 and found.flags.writeable
        np.testing.assert_array_equal(found, expected)
        np.testing.assert_array_equal(found, load_audio(path.read_bytes(), channel=channel))
