"""Speech synthesis: equal bytes from fresh processes, the parameters' effects, and what cannot be spoken."""

import numpy as np
import pytest
import soundfile

from preprocess.corpora.spoken.espeak import EspeakSynthesizer, SpeechRequest, synthesize_files, trim_silence


REQUESTS = [
    SpeechRequest("plain", "So lucky to have amazing friends."),
    SpeechRequest("other_voice", "So lucky to have amazing friends.", voice="en+f4"),
    SpeechRequest("fast", "So lucky to have amazing friends.", rate=300),
    SpeechRequest("silent", "..."),
]


@pytest.fixture(scope="module")
def two_runs(tmp_path_factory):
    """The same requests spoken by two fresh processes."""
    folders = [tmp_path_factory.mktemp("first"), tmp_path_factory.mktemp("second")]
    return folders, [synthesize_files(REQUESTS, folder) for folder in folders]


@pytest.fixture
def synthesizer():
    with EspeakSynthesizer() as synthesizer:
        yield synthesizer


def test_fresh_processes_write_equal_bytes(two_runs):
    (first, second), _ = two_runs
    names = sorted(path.name for path in first.iterdir())
    assert names == sorted(path.name for path in second.iterdir()) == ["fast.wav", "other_voice.wav", "plain.wav"]
    for name in names:
        assert (first / name).read_bytes() == (second / name).read_bytes()


def test_files_are_16_khz_mono(two_runs):
    (first, _), _ = two_runs
    info = soundfile.info(first / "plain.wav")
    assert (info.samplerate, info.channels, info.subtype) == (16_000, 1, "PCM_16")
    assert 1.0 < info.duration < 4.0


def test_text_without_words_is_reported(two_runs):
    _, (failures, _) = two_runs
    assert list(failures) == ["silent"]
    assert "'...'" in failures["silent"]


def test_rate_shortens_the_speech(two_runs):
    (first, _), _ = two_runs
    assert soundfile.info(first / "fast.wav").duration < 0.75 * soundfile.info(first / "plain.wav").duration


def test_pitch_raises_the_fundamental_frequency(synthesizer):
    def fundamental_frequency(pitch):
        """Mean over frames of the autocorrelation's highest peak between 60 and 400 Hz."""
        samples = synthesizer.speak(SpeechRequest("a", "Aaah, mama, oh no.", pitch=pitch))
        frames = samples[: len(samples) // 1024 * 1024].reshape(-1, 1024)
        frames = frames[np.abs(frames).max(axis=1) > 0.1]
        spectra = np.abs(np.fft.rfft(frames, 2048)) ** 2
        autocorrelation = np.fft.irfft(spectra).mean(axis=0)
        shortest, longest = synthesizer.sampling_rate // 400, synthesizer.sampling_rate // 60
        return synthesizer.sampling_rate / (shortest + np.argmax(autocorrelation[shortest:longest]))

    low, high = fundamental_frequency(20), fundamental_frequency(80)
    assert 60 < low < high < 400
    assert high > 1.3 * low


def test_markup_is_not_interpreted(synthesizer):
    """Text from strangers must not reach espeak-ng's SSML or phoneme input."""
    plain = synthesizer.speak(SpeechRequest("a", "hello"))
    marked = synthesizer.speak(SpeechRequest("b", '<audio src="/etc/passwd"/><break time="20s"/>hello'))
    assert len(plain) < len(marked) < 20 * synthesizer.sampling_rate


@pytest.mark.parametrize("voice", ["xx", "en-us+nobody", "en-us+../../phontab", ""])
def test_unknown_voice(voice, tmp_path):
    with pytest.raises(ValueError, match="has no voice"):
        synthesize_files([SpeechRequest("a", "hello", voice=voice)], tmp_path)


def test_trim_silence_keeps_a_margin():
    speech = np.concatenate([np.zeros(1000), np.full(500, 0.5), np.zeros(3000)]).astype(np.float32)
    trimmed = trim_silence(speech, sampling_rate=2000)
    np.testing.assert_array_equal(trimmed, speech[900:1600])  # 0.05 s are 100 samples
    assert trim_silence(np.zeros(50, np.float32), sampling_rate=2000).shape == (0,)
