"""Turns in every form, words that belong to them, and how recordings are divided by them."""

import numpy as np
import pytest

from preprocess.recordings.cutting import Stretch
from preprocess.recordings.rttm import rttm_turns
from preprocess.recordings.segments import check_division, read_segments
from preprocess.recordings.sentences import TimedText
from preprocess.recordings.turns import divide_long, read_turns, with_words
from tests.tiny import tone, write_tone


RATE = 1_000
TURNS = [
    {"start": 2.0, "end": 3.5, "speaker": "ben"},
    {"start": 0.5, "end": 2.5, "speaker": "anna"},
    {"start": 6, "end": 7},
]
RTTM = """;; who speaks when
SPKR-INFO call 1 <NA> <NA> <NA> unknown anna <NA> <NA>
SPEAKER call 1 0.5 2.0 <NA> <NA> anna <NA> <NA>
SPEAKER call 1 2.0 1.5 <NA> <NA> ben <NA> <NA>
SPEAKER other 1 9.0 1.0 <NA> <NA> cara <NA> <NA>
"""


def ramp(seconds):
    """A sound whose samples tell their own position."""
    return np.arange(round(seconds * RATE), dtype=np.float32) / 1e4, RATE


def read(*args, **kwargs):
    return list(read_segments(*args, sampling_rate=RATE, **kwargs))


def spans(segments):
    return [(segment.start, segment.end, segment.speaker) for segment in segments]


class TestForms:
    def test_an_rttm_file_of_several_recordings(self, tmp_path):
        path = tmp_path / "all.rttm"
        path.write_text(RTTM)
        anna, ben = {"start": 0.5, "end": 2.5, "speaker": "anna"}, {"start": 2.0, "end": 3.5, "speaker": "ben"}
        assert rttm_turns(path, "call") == [anna, ben]
        with pytest.raises(ValueError, match="all.rttm tells of 2 recordings, and not of b"):
            rttm_turns(path, "b")
        path.write_text("SPEAKER x 1 0 1 <NA> <NA> <NA> <NA> <NA>\n")
        assert rttm_turns(path, "b") == [{"start": 0.0, "end": 1.0, "speaker": None}]
        path.write_text("SPEAKER x 1 0 long\n")
        with pytest.raises(ValueError, match="all.rttm, line 1: not like `SPEAKER call"):
            rttm_turns(path)
        with pytest.raises(ValueError, match="there is no such file of turns"):
            rttm_turns(tmp_path / "absent.rttm")

    def test_a_diarizer_hears_the_whole_sound(self):
        heard = []

        def diarize(sound):
            heard.append((len(sound["raw"]), sound["sampling_rate"]))
            return TURNS

        assert spans(read(ramp(8.0), turns=diarize)) == spans(read(ramp(8.0), turns=TURNS))
        assert heard == [(8_000, RATE)]

    @pytest.mark.parametrize(
        ("turns", "message"),
        [
            ([], "turns must be a list of one turn or more"),
            ({"start": 0, "end": 1}, "turns must be a list of one turn or more"),
            ([{"start": 0}], "Turn 0 of turns must be like"),
            ([TURNS[0], {"start": 3, "end": 2}], "Turn 1 of turns must start at 0 s or later and end after that"),
            ([{"start": float("nan"), "end": 2}], "got nan to 2 s"),
            (lambda sound: None, "what the diarizer returned must be a list"),
        ],
    )
    def test_wrong_turns(self, turns, message):
        with pytest.raises(ValueError, match=message):
            read_turns(turns, None, dict)


class TestSegments:
    def test_overlapping_turns_each_hear_their_own_stretch(self):
        segments = read(ramp(8.0), turns=TURNS)
        assert spans(segments) == [(0.5, 2.5, "anna"), (2.0, 3.5, "ben"), (6.0, 7.0, None)]
        heard = [np.round(segment.waveform[[0, -1]] * 1e4).tolist() for segment in segments]
        assert heard == [[500, 2_499], [2_000, 3_499], [6_000, 6_999]]
        assert [segment.is_last for segment in segments] == [False, False, True]

    def test_a_turn_in_silence_is_silent(self):
        sound = np.concatenate([tone(1.0, RATE), np.zeros(2 * RATE, dtype=np.float32)])
        turns = [{"start": 0.0, "end": 1.0}, {"start": 1.2, "end": 2.8}]
        assert [segment.is_silent for segment in read((sound, RATE), turns=turns)] == [False, True]
        # What is heard around a turn is not its own.
        assert [segment.is_silent for segment in read((sound, RATE), turns=turns, stride_length_s=0.5)] == [
            False,
            True,
        ]

    def test_long_turns_are_divided_evenly(self):
        segments = read(ramp(8.0), turns=[{"start": 1, "end": 7.5, "speaker": "anna"}], chunk_length_s=3)
        assert np.allclose([segment.end - segment.start for segment in segments], 6.5 / 3)
        assert {segment.speaker for segment in segments} == {"anna"}
        assert divide_long([Stretch(0.0, 3.0)], 3.0) == [Stretch(0.0, 3.0)]

    def test_words_belong_to_the_turn_they_are_said_in(self):
        words = [
            {"text": "how", "timestamp": (0.6, 0.9)},
            {"text": "nice", "timestamp": (2.1, 2.4), "speaker": "ben"},
            {"text": "day", "timestamp": (2.2, 2.4), "speaker": "anna"},
            {"text": "bad", "timestamp": (5.0, None)},
        ]
        segments = read(ramp(8.0), turns=TURNS, words=words)
        assert [segment.text for segment in segments] == ["how day", "nice", "bad"]
        text_only = read(None, turns=TURNS, words=words)
        assert [(segment.text, segment.waveform) for segment in text_only] == [
            ("how day", None),
            ("nice", None),
            ("bad", None),
        ]

    def test_a_word_far_from_all_turns_is_warned_of(self, caplog):
        (turn,) = with_words([Stretch(0.0, 1.0)], [TimedText("no", 5.0, 5.5)])
        assert turn.text == "no" and "1 of 1 words lie more than a second away" in caplog.text

    def test_turns_after_the_end_do_not_belong_to_the_sound(self):
        with pytest.raises(
            ValueError, match="The turn starts at 6 s, after the end of the sound at 1 s, and so do 1 of 1"
        ):
            read(ramp(1.0), turns=TURNS[2:])


class TestChannels:
    def test_each_channel_is_a_speaker(self, tmp_path):
        whole = write_tone(tmp_path / "call.wav", 1.2, channels=2, subtype="FLOAT")
        with (tmp_path / "call.wav").open("rb") as file:
            for source in (tmp_path / "call.wav", file, (whole, 16_000)):
                segments = list(read_segments(source, chunk_length_s=0.5, stride_length_s=0, channels="each"))
                assert [segment.speaker for segment in segments] == ["channel 0"] * 3 + ["channel 1"] * 3
                for channel in (0, 1):
                    of_it = segments[3 * channel : 3 * channel + 3]
                    np.testing.assert_array_equal(of_it[0].waveform, whole[:8_000, channel])
                assert [segment.is_last for segment in segments] == [False] * 5 + [True]

    def test_one_of_them(self, tmp_path):
        whole = write_tone(tmp_path / "call.wav", 0.5, rate=44_100, channels=3)
        (segment,) = read_segments(tmp_path / "call.wav", channels=2)
        (mono,) = read_segments((whole[:, 2], 44_100))
        np.testing.assert_allclose(segment.waveform, mono.waveform, atol=1e-4)
        with pytest.raises(ValueError, match="call.wav: there is no channel 3: it has 3, counted from 0"):
            list(read_segments(tmp_path / "call.wav", channels=3))

    def test_a_silent_channel_is_silent_and_silence_in_each_an_error(self):
        sound = np.stack([tone(1.0), np.zeros(16_000, dtype=np.float32)], axis=1)
        assert [segment.is_silent for segment in read_segments((sound, 16_000), channels="each")] == [False, True]
        # Voices that cancel each other in the mix are heard one by one.
        opposite = np.stack([tone(1.0), -tone(1.0)], axis=1)
        assert not any(segment.is_silent for segment in read_segments((opposite, 16_000), channels="each"))
        with pytest.raises(ValueError, match="silent throughout, in each of its channels"):
            list(read_segments((np.zeros((16_000, 2), dtype=np.float32), 16_000), channels="each"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"segmentation": "words"}, "segmentation must be one of windows, sentences, voice, turns, got 'words'"),
        ({"segmentation": "turns"}, "segmentation='turns' needs `turns`"),
        ({"segmentation": "sentences"}, "segmentation='sentences' needs `words`"),
        ({"segmentation": "voice", "turns": TURNS}, "There are turns, and segmentation is 'voice'"),
        ({"voice_detector": "silero"}, "voice_detector is for segmentation='voice'"),
        ({"segmentation": "voice", "voice_detector": "ear"}, "one of energy, causal, silero, got 'ear'"),
        ({"channels": "left"}, "channels must be 'mix', 'each', or the number of one from 0 on, got 'left'"),
        ({"channels": True}, "got True"),
        ({"channels": "each", "text": "how nice"}, "a transcript or turns are of the whole"),
        ({"turns": TURNS, "text": "how nice"}, "cannot be divided among 3 stretches"),
        ({"stride_length_s": 1.0}, "needs chunk_length_s"),
    ],
)
def test_options_that_contradict_each_other(options, message):
    with pytest.raises(ValueError, match=message):
        read(ramp(8.0), **options)


def test_windows_without_a_length_are_of_ten_seconds():
    assert [segment.end for segment in read(ramp(12.0), segmentation="windows", stride_length_s=0)] == [10, 12]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"segmentation": "words"}, "segmentation must be one of"),
        ({"segmentation": "voice", "turns": TURNS}, "There are turns, and segmentation is 'voice'"),
        ({"turns": TURNS, "voice_detector": "energy"}, "voice_detector is for segmentation='voice'"),
        ({"segmentation": "voice", "voice_detector": "ear"}, "one of energy, causal, silero, got 'ear'"),
        ({"channels": -1}, "got -1"),
        ({"channels": "each", "turns": TURNS}, "channels='each' hears each channel for itself"),
        ({"segmentation": "windows", "chunk_length_s": 1.0, "stride_length_s": 0.5}, "shorter than chunk_length_s"),
        ({"chunk_length_s": 0.1}, "0.25 or more, got 0.1"),
    ],
)
def test_options_that_are_wrong_for_every_recording(options, message):
    with pytest.raises(ValueError, match=message):
        check_division(**options)
    with pytest.raises(ValueError, match=message):
        read(ramp(8.0), **options)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"segmentation": "turns"},  # which a recording may bring, as words
        {"segmentation": "sentences", "chunk_length_s": 1.0, "stride_length_s": 2.0},
        {"stride_length_s": 1.0},
        {"segmentation": "voice", "voice_detector": "causal", "channels": "each"},
        {"turns": TURNS, "channels": 1, "asr": None},
    ],
)
def test_options_that_some_recording_may_have(options):
    check_division(**options)
