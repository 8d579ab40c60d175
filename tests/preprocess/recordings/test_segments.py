import numpy as np
import pytest

from preprocess.recordings.segments import read_segments
from tests.tiny import write_tone


RATE = 1_000


def ramp(seconds):
    """A sound whose samples tell their own position."""
    count = round(seconds * RATE)
    return np.arange(count, dtype=np.float32) / 1e6, RATE


def heard(segment):
    """First and last position of what a segment's window holds."""
    return round(float(segment.waveform[0]) * 1e6), round(float(segment.waveform[-1]) * 1e6)


def read(*args, **kwargs):
    return list(read_segments(*args, sampling_rate=RATE, **kwargs))


class TestWindows:
    def test_segments_follow_each_other_and_hear_their_neighbours(self):
        segments = read(ramp(25.0), chunk_length_s=10, stride_length_s=(2, 1))
        assert [(segment.start, segment.end) for segment in segments] == [(0, 9), (9, 16), (16, 23), (23, 25)]
        assert [heard(segment) for segment in segments[:3]] == [(0, 9_999), (7_000, 16_999), (14_000, 23_999)]
        assert heard(segments[3]) == (15_000, 24_999)  # reaches back to be as long as the others
        assert [segment.is_last for segment in segments] == [False, False, False, True]

    @pytest.mark.parametrize("seconds", [0.3, 9.999, 10.0, 10.001, 16.7, 17.0, 31.234])
    @pytest.mark.parametrize("strides", [0.0, 1.5, (3.0, 0.0), (0.0, 4.0)])
    def test_every_moment_is_in_one_segment(self, seconds, strides):
        segments = read(ramp(seconds), chunk_length_s=10, stride_length_s=strides)
        edges = [segments[0].start, *(segment.end for segment in segments)]
        assert edges[0] == 0 and edges[-1] == pytest.approx(seconds)
        assert [segment.start for segment in segments] == edges[:-1]
        assert all(np.diff(edges) > 0)
        for segment in segments:
            first, last = heard(segment)
            assert first <= round(segment.start * RATE) and last >= round(segment.end * RATE) - 1
            assert len(segment.waveform) == min(10.0, seconds) * RATE
        assert [segment.is_last for segment in segments] == [False] * (len(segments) - 1) + [True]

    def test_the_stride_is_a_sixth_by_default_as_in_speech_recognition(self):
        segments = read(ramp(20.0), chunk_length_s=6)
        assert [segment.end for segment in segments] == [5, 9, 13, 17, 20]

    def test_a_long_file_is_never_held_as_a_whole(self, tmp_path):
        whole = write_tone(tmp_path / "sound.wav", 60.0, subtype="FLOAT")
        segments = read_segments(tmp_path / "sound.wav", chunk_length_s=2, stride_length_s=0)
        for index, segment in enumerate(segments):
            expected = whole[index * 32_000 : (index + 1) * 32_000]
            np.testing.assert_array_equal(segment.waveform, expected)
            # 10 s are read at a time, which are joined to what is still needed.
            base = segment.waveform.base
            assert base is None or base.size <= 16_000 * 15


class TestSentences:
    WORDS = [
        {"text": "No!", "timestamp": (1.0, 1.5)},
        {"text": "Go", "timestamp": (2.0, 2.4)},
        {"text": "away.", "timestamp": (2.4, 3.0)},
    ]

    def test_each_sentence_hears_itself(self):
        segments = read(ramp(5.0), words=self.WORDS)
        assert [(segment.text, segment.start, segment.end) for segment in segments] == [
            ("No!", 1.0, 1.5),
            ("Go away.", 2.0, 3.0),
        ]
        assert [heard(segment) for segment in segments] == [(1_000, 1_499), (2_000, 2_999)]
        assert [segment.is_last for segment in segments] == [False, True]

    def test_context_around_them_may_overlap(self):
        segments = read(ramp(3.1), words=self.WORDS, stride_length_s=(1.5, 0.5))
        assert [heard(segment) for segment in segments] == [(0, 1_999), (500, 3_099)]

    def test_a_word_of_no_length_hears_a_quarter_of_a_second(self):
        segments = read(ramp(5.0), words=[{"text": "hm", "timestamp": (2.0, 2.0)}])
        assert heard(segments[0]) == (1_875, 2_124)

    def test_times_without_sound(self):
        segments = read(None, words=self.WORDS)
        assert [(segment.waveform, segment.start, segment.end) for segment in segments] == [
            (None, 1.0, 1.5),
            (None, 2.0, 3.0),
        ]

    def test_the_end_of_the_sound_is_the_end_of_the_last(self):
        assert read(ramp(2.5), words=self.WORDS)[-1].end == 2.5

    def test_a_long_silence_between_sentences_is_not_kept(self):
        words = [{"text": "a.", "timestamp": (1.0, 2.0)}, {"text": "b.", "timestamp": (95.0, 96.0)}]
        segments = read(ramp(100.0), words=words)
        assert [heard(segment) for segment in segments] == [(1_000, 1_999), (95_000, 95_999)]
        assert segments[1].waveform.base.size <= 20 * RATE

    def test_a_sentence_that_a_recogniser_invented_after_the_end_is_left_out(self, caplog):
        segments = read(ramp(1.9), words=self.WORDS)
        assert [(segment.text, segment.start, segment.is_last) for segment in segments] == [("No!", 1.0, True)]
        assert "1 of 2 sentences begin after the end of the sound at 1.9 s and are left out: 'Go away.'" in caplog.text

    def test_many_words_after_the_end_of_the_sound_belong_to_another(self):
        later = [{"text": f"{index}.", "timestamp": (index, index + 0.5)} for index in range(2, 5)]
        with pytest.raises(
            ValueError, match="'2.' starts at 2 s, after the end of the sound at 1.9 s.*3 of 4 sentences"
        ):
            read(ramp(1.9), words=[self.WORDS[0], *later])
        with pytest.raises(ValueError, match="'Go away.' starts at 2 s, after the end .* do not belong together"):
            read(ramp(1.9), words=self.WORDS[1:])

    @pytest.mark.parametrize("seconds", [0.1, 0.15, 0.2])
    def test_a_clip_that_is_shorter_than_a_window(self, seconds):
        (segment,) = read(ramp(seconds), words=[{"text": "Yes.", "timestamp": (0.02, 0.4)}])
        assert len(segment.waveform) == round(seconds * RATE) and (segment.end, segment.is_last) == (seconds, True)
        last = read(ramp(seconds + 5), words=[self.WORDS[0], {"text": "Yes.", "timestamp": (4.99 + seconds, 9)}])[-1]
        assert heard(last) == (round((4.75 + seconds) * RATE), round((5 + seconds) * RATE) - 1)
        assert (last.start, last.end) == (4.99 + seconds, 5 + seconds)
        (segment,) = read(ramp(seconds), chunk_length_s=1)
        assert len(segment.waveform) == round(seconds * RATE) and segment.end == seconds

    def test_damage_after_the_last_word_is_found(self, tmp_path):
        write_tone(tmp_path / "a.flac", 30.0)
        content = (tmp_path / "a.flac").read_bytes()
        (tmp_path / "a.flac").write_bytes(content[: len(content) // 2])
        with pytest.raises(ValueError, match="a.flac: the sound is damaged or cut short"):
            list(read_segments(tmp_path / "a.flac", words=self.WORDS))


class TestSilence:
    @pytest.mark.parametrize(
        "options", [{}, {"chunk_length_s": 5}, {"words": [{"text": "Yes.", "timestamp": (1.0, 2.0)}]}]
    )
    def test_a_silent_recording_is_named(self, options):
        with pytest.raises(ValueError, match="audio in memory: the sound is silent throughout"):
            read((np.zeros(25 * RATE, dtype=np.float32), RATE), **options)
        half = np.concatenate([np.zeros(12 * RATE, dtype=np.float32), ramp(13.0)[0]])
        assert read((half, RATE), **options)[-1].is_last


class TestWhole:
    def test_without_options_it_is_one_segment(self):
        (segment,) = read(ramp(3.0), "yes")
        assert (segment.start, segment.end, segment.text, segment.is_last) == (0, 3, "yes", True)
        assert len(segment.waveform) == 3 * RATE

    def test_text_alone_has_no_times(self):
        (segment,) = read(None, "yes", chunk_length_s=5)
        assert (segment.waveform, segment.start, segment.end, segment.text) == (None, None, None, "yes")

    def test_a_text_of_one_window_stays_with_it(self):
        (segment,) = read(ramp(3.0), "yes", chunk_length_s=5)
        assert segment.text == "yes"


@pytest.mark.parametrize(
    ("inputs", "options", "message"),
    [
        ((None,), {}, "neither audio nor text"),
        ((None, "  "), {}, "neither audio nor text"),
        ((None, "a", TestSentences.WORDS), {}, "not both"),
        ((ramp(6.0), "a"), {"chunk_length_s": 5}, "text without times cannot be divided"),
        ((ramp(6.0),), {"chunk_length_s": 4, "stride_length_s": 2}, "both sides together shorter than chunk_length_s"),
        ((ramp(6.0),), {"chunk_length_s": 4, "stride_length_s": -1}, "must not be negative"),
        ((ramp(6.0),), {"chunk_length_s": 0.1}, "must be a number of seconds, 0.25 or more, got 0.1"),
        ((ramp(6.0),), {"chunk_length_s": "5"}, "chunk_length_s must be a number of seconds, .* got '5'"),
        ((ramp(6.0),), {"chunk_length_s": True}, "got True"),
        ((ramp(6.0),), {"chunk_length_s": float("nan")}, "got nan"),
        ((ramp(6.0),), {"chunk_length_s": 4, "stride_length_s": "x"}, "or one for each side, got 'x'"),
        ((ramp(6.0),), {"chunk_length_s": 4, "stride_length_s": (0.1,)}, r"for each side, got \(0.1,\)"),
        ((ramp(6.0),), {"chunk_length_s": 4, "stride_length_s": float("nan")}, "for each side, got nan"),
        ((ramp(6.0), None, [{"text": "a", "timestamp": (1e308, None)}]), {}, "Word 0 needs a text, and a time"),
        ((ramp(6.0),), {"stride_length_s": 1}, "needs chunk_length_s"),
    ],
)
def test_what_does_not_go_together_is_refused(inputs, options, message):
    with pytest.raises(ValueError, match=message):
        read(*inputs, **options)
