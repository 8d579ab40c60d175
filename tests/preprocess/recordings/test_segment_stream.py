"""Sound that comes in blocks: the segments of the whole recording, whatever the blocks, and little kept."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from preprocess import SegmentStream, VoiceWatch, find_voice, read_segments
from preprocess.recordings.running_levels import RunningLevels
from tests.tiny import tone


RATE = 16_000


def speech(seconds=8.0, rate=RATE, channels=1, seed=0):
    """Bursts of 0.05 to 2.5 s with pauses of 0.1 to 1.2 s over noise, `(samples,)` or `(samples, channels)`."""
    random = np.random.default_rng(seed)
    sound = 0.003 * random.standard_normal((round(seconds * rate), channels))
    place = random.uniform(0, 1)
    while place < seconds:
        length = random.uniform(0.05, 2.5)
        begin, end = round(place * rate), min(round((place + length) * rate), len(sound))
        sound[begin:end] += random.uniform(0.1, 1) * tone((end - begin) / rate, rate)[: end - begin, None]
        place += length + random.uniform(0.1, 1.2)
    sound = (0.7 * sound).astype(np.float32)
    return sound[:, 0] if channels == 1 else sound


def blocks(sound, lengths):
    """The sound in blocks of these lengths, over and over, as `feed` takes them."""
    place, index = 0, 0
    while place < len(sound):
        length = lengths[index % len(lengths)]
        yield sound[place : place + length].T
        place, index = place + length, index + 1


def streamed(sound, lengths, rate=RATE, **options):
    channels = 1 if sound.ndim == 1 else sound.shape[1]
    stream = SegmentStream(RATE, rate, num_channels=channels, **options)
    return [one for block in blocks(sound, lengths) for one in stream.feed(block)] + stream.close()


def assert_same(streamed_segments, sound, rate=RATE, **options):
    whole = list(read_segments((sound, rate), segmentation="voice", **{"voice_detector": "causal", **options}))
    assert [(one.start, one.end, one.is_silent) for one in streamed_segments] == [
        (one.start, one.end, one.is_silent) for one in whole
    ]
    assert len(whole) > 1
    for live, offline in zip(streamed_segments, whole, strict=True):
        np.testing.assert_array_equal(live.waveform, offline.waveform)


class TestIsTheWholeRecording:
    @pytest.mark.parametrize("length", [1, 320, 1_000, 16_001, 10**6])
    def test_for_blocks_of_any_length(self, length):
        sound = speech(2.5 if length == 1 else 8.0, seed=3)
        assert_same(streamed(sound, [length], chunk_length_s=1.5), sound, chunk_length_s=1.5)

    @settings(deadline=None, max_examples=15)
    @given(
        lengths=st.lists(st.integers(0, 9_000), min_size=1, max_size=6).filter(any),
        seed=st.integers(0, 50),
        chunk_length_s=st.sampled_from([None, 0.25, 0.7, 2.0]),
        stride_length_s=st.sampled_from([None, 0.3, (0.0, 1.0), (1.5, 0.0)]),
        rate=st.sampled_from([RATE, 44_100, 8_000]),
        channels=st.sampled_from([1, 2]),
    )
    def test_for_any_options(self, lengths, seed, chunk_length_s, stride_length_s, rate, channels):
        sound = speech(6.0, rate, channels, seed)
        options = {"chunk_length_s": chunk_length_s, "stride_length_s": stride_length_s}
        found = streamed(sound, lengths, rate, **options)
        if found:
            offline = list(read_segments((sound, rate), segmentation="voice", voice_detector="causal", **options))
            assert [(one.start, one.end, len(one.waveform)) for one in found] == [
                (one.start, one.end, len(one.waveform)) for one in offline
            ]
            assert all(np.array_equal(a.waveform, b.waveform) for a, b in zip(found, offline, strict=True))
        else:
            with pytest.raises(ValueError, match="No voice was found"):
                list(read_segments((sound, rate), segmentation="voice", voice_detector="causal", **options))

    def test_with_silero_at_another_rate(self):
        pytest.importorskip("silero_vad", reason="needs the extra silero")
        sound = speech(4.0, 22_050)  # of which Silero's model takes the first half second for a voice
        options = {"voice_detector": "silero", "chunk_length_s": 0.25}
        assert_same(streamed(sound, [777], 22_050, **options), sound, 22_050, **options)

    def test_integers_are_scaled_as_in_files(self):
        sound = (speech() * 32767).astype(np.int16)
        assert_same(streamed(sound, [512]), sound)


class TestWhenSegmentsCome:
    def test_half_a_second_after_the_voice(self):
        stream = SegmentStream(RATE)
        sound = np.concatenate([np.zeros(RATE), tone(1.0), np.zeros(RATE)]).astype(np.float32)
        came = [
            place / RATE for place in range(0, len(sound), 160) if stream.feed(sound[place : place + 160]) and place
        ]
        assert len(came) == 1 and 2.49 <= came[0] <= 2.52

    def test_at_the_longest_length_without_a_pause(self):
        stream = SegmentStream(RATE, chunk_length_s=2.0)
        found = [one for block in blocks(tone(9.0), [800]) for one in stream.feed(block)]
        assert [(one.start, one.end) for one in found] == [(0.0, 2.0), (2.0, 4.0), (4.0, 6.0), (6.0, 8.0)]
        assert [(one.start, one.end) for one in stream.close()] == [(8.0, 9.0)]

    def test_little_is_kept(self):
        stream, most = SegmentStream(RATE, chunk_length_s=3.0, stride_length_s=(1.0, 0.5)), 0.0
        for sound in (np.zeros(20 * RATE, dtype=np.float32), tone(20.0), speech(20.0)):
            for block in blocks(sound, [800]):
                stream.feed(block)
                most = max(most, stream.kept_seconds)
        assert 3.0 < most < 3.0 + 1.5 + 1.0
        for block in blocks(np.zeros(5 * RATE, dtype=np.float32), [800]):
            stream.feed(block)
        assert stream.kept_seconds < 1.0 + 1.0 and stream.seconds == 65.0


class TestWhatIsFed:
    def test_silence_is_no_error_and_has_no_segments(self):
        stream = SegmentStream(RATE)
        assert stream.feed(np.zeros(3 * RATE, dtype=np.float32)) == [] == stream.close() == stream.close()
        with pytest.raises(ValueError, match="The stream is closed"):
            stream.feed(np.zeros(10, dtype=np.float32))

    @pytest.mark.parametrize(
        ("block", "said"),
        [
            (np.array([0.0, np.nan], dtype=np.float32), "1 of its samples are NaN or infinite"),
            (np.array([1e300]), "1 of its samples are NaN or infinite"),
            (np.zeros(4, dtype=np.int64), "got int64, whose full scale no sound has"),
            (np.array(["a"]), "samples must be floats"),
            (np.zeros((2, 4), dtype=np.float32), r"must have the shape \(samples,\), got \(2, 4\)"),
            (np.float32(0.5), r"must have the shape \(samples,\), got \(\)"),
        ],
    )
    def test_a_wrong_block_is_refused_and_changes_nothing(self, block, said):
        sound = speech()
        stream, found = SegmentStream(RATE), []
        for part in blocks(sound, [4_001]):
            with pytest.raises(ValueError, match=said):
                stream.feed(block)
            found += stream.feed(part) + stream.feed(np.zeros(0, dtype=np.float32))
        assert_same(found + stream.close(), sound)

    def test_channels_are_stated(self):
        stream = SegmentStream(RATE, num_channels=2)
        for block in (np.zeros(8), np.zeros((8, 2)), np.zeros((3, 8))):
            with pytest.raises(ValueError, match=r"must have the shape \(2, samples\)"):
                stream.feed(block)
        assert stream.feed(np.zeros((2, 1))) == [] and stream.seconds == 1 / RATE

    def test_channels_that_cancel_each_other_are_said(self, caplog):
        stream = SegmentStream(RATE, num_channels=2)
        assert stream.feed(np.stack([tone(1.0), -tone(1.0)])) == [] == stream.close()
        assert "all but silent once its 2 channels are mixed" in caplog.text

    @pytest.mark.parametrize(
        ("options", "said"),
        [
            ({"voice_detector": "energy"}, "one of causal, silero, got 'energy', which needs all of it"),
            ({"voice_detector": "ear"}, "one of causal, silero, got 'ear'"),
            ({"num_channels": 0}, "num_channels must be a number from 1 to 64, got 0"),
            ({"chunk_length_s": 0.1}, "chunk_length_s must be a number of seconds, 0.25 or more"),
            ({"input_rate": 10}, "a sampling rate of 10 Hz is none of a sound"),
        ],
    )
    def test_wrong_options(self, options, said):
        with pytest.raises(ValueError, match=said):
            SegmentStream(RATE, **options)


class TestCausalGate:
    def test_noise_is_not_voice_and_speech_over_it_is(self):
        noise = 0.003 * np.random.default_rng(0).standard_normal(20 * RATE).astype(np.float32)
        assert find_voice(iter([noise]), RATE, "causal") == []
        noise[12 * RATE : 13 * RATE] += tone(1.0)
        (stretch,) = find_voice(iter([noise]), RATE, "causal")
        assert np.allclose(stretch[:2], (11.9, 13.1), atol=0.021)

    def test_knows_nothing_of_what_comes_later(self):
        sound = speech(10.0, seed=5)
        louder = np.concatenate([sound[: 5 * RATE], 1.4 * tone(5.0)])
        until = [one for one in find_voice(iter([sound]), RATE, "causal") if one.end < 4.4]
        assert until and until == find_voice(iter([louder]), RATE, "causal")[: len(until)]

    def test_follows_a_background_that_grows(self):
        random = np.random.default_rng(1)
        sound = np.concatenate([0.0005 * random.standard_normal(8 * RATE), 0.02 * random.standard_normal(40 * RATE)])
        sound[2 * RATE : 4 * RATE] += tone(2.0)
        sound[36 * RATE : 37 * RATE] += tone(1.0)
        found = find_voice(iter([sound.astype(np.float32)]), RATE, "causal")
        assert np.allclose(found[-1][:2], (35.9, 37.1), atol=0.021)


def test_percentiles_are_of_the_last_levels():
    levels, random = RunningLevels(50), np.random.default_rng(2)
    given = random.integers(-120, 1, 400).tolist()
    for count, level in enumerate(given, start=1):
        levels.add(level)
        last = np.sort(given[max(0, count - 50) : count])
        assert levels.percentile(10) == last[max(1, int(np.ceil(len(last) / 10))) - 1]
        audible = last[last > -120]
        if len(audible):
            assert levels.percentile(98, audible=True) == audible[int(np.ceil(len(audible) * 0.98)) - 1]
    assert RunningLevels(3).percentile(50) == -120


def test_a_watch_needs_a_detector_that_hears_the_rate():
    with pytest.raises(ValueError, match="The detector silero hears 16000 Hz, got 8000 Hz"):
        VoiceWatch(8_000, "silero")
