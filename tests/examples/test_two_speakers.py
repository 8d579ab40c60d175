"""A call of two speakers from end to end: a channel each, and one mix with turns that are known.

The voices are the two recordings that moonshine-voice carries, its recogniser transcribes them.
"""

import re
from pathlib import Path

import numpy as np
import pytest
import soundfile
from transformers import pipeline

from commands_emo import run_command
from modeling_emo import EmotionRecognitionPipeline
from preprocess import load_audio
from tests.tiny import tiny_processor
from tests.tiny_models import emobert


RATE = 16_000
# Who says what from when to when, in the recordings and in the call; what must be in the transcript.
SAID = [
    ("two_cities", (0.9, 5.0), 1.0, ("best of times", "worst of times")),
    ("beckett", (0.0, 4.6), 6.0, ("ever failed", "no matter")),
    ("two_cities", (6.4, 10.7), 11.5, ("foolishness", "belief")),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    import moonshine_voice

    folder = tmp_path_factory.mktemp("call")
    call = np.zeros((17 * RATE, 2), dtype=np.float32)
    lines = []
    for name, (begin, end), at, _ in SAID:
        voice = load_audio(Path(moonshine_voice.get_assets_path()) / f"{name}.wav", RATE)
        said = voice[round(begin * RATE) : round(end * RATE)]
        call[round(at * RATE) : round(at * RATE) + len(said), int(name == "beckett")] = said
        lines.append(f"SPEAKER mix 1 {at} {end - begin:.3f} <NA> <NA> {name} <NA> <NA>\n")
    soundfile.write(folder / "call.wav", call, RATE)
    soundfile.write(folder / "mix.wav", call.sum(1), RATE)
    (folder / "mix.rttm").write_text("".join(lines))
    model = emobert("moonshine", id2label={0: "angry", 1: "happy", 2: "sad"})
    EmotionRecognitionPipeline(model=model, processor=tiny_processor(), device=-1).save_pretrained(folder / "model")
    return folder


def cues(path):
    """Times, speaker and words of a WebVTT file, read by its grammar."""
    blocks = path.read_text(encoding="utf-8").strip().split("\n\n")
    assert blocks[0] == "WEBVTT"
    found = []
    for number, block in enumerate(blocks[1:], start=1):
        head, times, *lines = block.split("\n")
        start, end = re.fullmatch(r"(\S+) --> (\S+)", times).groups()
        clock = r"(\d\d):(\d\d):(\d\d\.\d{3})"
        parts = [map(float, re.fullmatch(clock, one).groups()) for one in (start, end)]
        seconds = [3600 * hours + 60 * minutes + rest for hours, minutes, rest in parts]
        speaker, label, words = re.fullmatch(r"<v ([^>]+)>\[(\w+ \d\.\d\d)\] (.*)", " ".join(lines)).groups()
        assert int(head) == number and seconds[0] < seconds[1]
        found.append((speaker, *seconds, words.lower()))
    return found


def predict(folder, audio, *flags):
    command = ["--model", folder / "model", "--audio", folder / audio, "--asr", "moonshine", *flags]
    run_command("predict", [*map(str, command), "--vtt", str(folder / "out.vtt")])
    return cues(folder / "out.vtt")


def check(found, speakers):
    """Every cue lies in one turn of its speaker, and each turn is transcribed whole."""
    transcripts = [""] * len(SAID)
    for speaker, start, end, words in found:
        (turn,) = [
            index
            for index, (_, (begin, stop), at, _) in enumerate(SAID)
            if at - 0.3 <= start and end <= at + stop - begin + 0.3
        ]
        assert speaker == speakers[SAID[turn][0]]
        transcripts[turn] += f" {words}"
    for transcript, (*_, phrases) in zip(transcripts, SAID, strict=True):
        assert all(phrase in re.sub(r"[^a-z ]", "", transcript) for phrase in phrases), transcript


def test_a_channel_each(folder, capsys):
    found = predict(folder, "call.wav", "--channels", "each", "--segmentation", "voice")
    check(found, {"two_cities": "channel 0", "beckett": "channel 1"})
    assert "channel 1\t-\t" in capsys.readouterr().out  # the mean of each speaker


def test_a_mix_with_turns(folder):
    turns = ("--turns", folder / "mix.rttm")
    names = {"two_cities": "two_cities", "beckett": "beckett"}
    check(predict(folder, "mix.wav", *turns), names)
    check(predict(folder, "mix.wav", *turns, "--transcription", "recording"), names)


def test_silence_is_not_scored_and_the_plot_has_a_lane_for_each(folder):
    recognise = pipeline("emotion-recognition", model=str(folder / "model"), device=-1)
    result = recognise(str(folder / "call.wav"), chunk_length_s=1.0, stride_length_s=0.0, channels="each")
    speech = {("channel 0", second) for second in (1, 2, 3, 4, 11, 12, 13, 14)} | {("channel 1", 6), ("channel 1", 7)}
    scored = {(one["speaker"], one["timestamp"][0]) for one in result["chunks"] if one["predictions"] is not None}
    silent = {(one["speaker"], one["timestamp"][0]) for one in result["chunks"] if one["predictions"] is None}
    assert speech <= scored
    assert {("channel 0", second) for second in (0, 6, 7, 8, 9, 16)} <= silent
    assert {("channel 1", second) for second in (0, 1, 2, 3, 4, 5, 11, 12, 13, 14, 15, 16)} <= silent
    assert list(result["speakers"]) == ["channel 0", "channel 1"]
    recognise.plot_timeline(result, folder / "call.svg")
    drawn = (folder / "call.svg").read_text()
    assert drawn.count("<!-- channel 0 -->") == drawn.count("<!-- channel 1 -->") == 1
