"""predict.py as a person runs it: folders, long recordings, and being killed."""

import csv
import json
import os
import signal
import subprocess
import sys

import matplotlib.pyplot as plt
import numpy as np
import pytest
import soundfile as sf

from tests.examples.conftest import ROOT, run_script
from tests.tiny import tiny_processor, tone, write_tone
from tests.tiny_models import emobert


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    emobert("moonshine", id2label={0: "angry", 1: "happy", 2: "sad"}).save_pretrained(folder)
    tiny_processor().save_pretrained(folder)
    return folder


def start(*arguments):
    command = [sys.executable, str(ROOT / "examples" / "predict.py"), *map(str, arguments)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


# predict.py, killed in the middle of writing its 21st line.
DIES_AFTER_20 = """
import os, runpy, signal, sys
from modeling_emo.inference.prediction_file import PredictionFile
add = PredictionFile.add

def add_or_die(self, *arguments):
    if len(self.finished) == 20:
        with self.rows_path.open("ab") as file:
            file.write(b'{"input": {"audio"')
        os.kill(os.getpid(), signal.SIGKILL)
    add(self, *arguments)

PredictionFile.add = add_or_die
runpy.run_path("examples/predict.py", run_name="__main__")
"""


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_killed_run_over_a_folder_goes_on_where_it_was(model, tmp_path):
    for index in range(60):
        write_tone(tmp_path / "calls" / f"{index:02}.wav", 0.3)
    (tmp_path / "calls" / "07.wav").write_bytes(b"RIFF, but no more")
    (tmp_path / "calls" / "08.txt").write_text("how nice")
    given = ("--model", model, "--audio", tmp_path / "calls", "--text_files", "--output", tmp_path / "out.jsonl")
    killed = subprocess.run([sys.executable, "-c", DIES_AFTER_20, *map(str, given)], cwd=ROOT, capture_output=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()[-2000:]
    before = (tmp_path / "out.jsonl").read_bytes()
    whole_lines = before[: before.rfind(b"\n") + 1]
    assert whole_lines.count(b"\n") == 20 and before != whole_lines  # the next one is torn

    printed = run_script("predict.py", *given)
    assert "59 predicted (20 before), 1 skipped" in printed
    assert (tmp_path / "out.jsonl").read_bytes().startswith(whole_lines)
    rows = lines(tmp_path / "out.jsonl")
    assert [row["input"]["audio"][-6:] for row in rows] == [f"{index:02}.wav" for index in range(60) if index != 7]
    assert [row["text"] for row in rows if row["text"]] == ["how nice"]
    (skipped,) = lines(tmp_path / "out_skipped.jsonl")
    assert skipped["id"].endswith("07.wav") and "Get the file again" in skipped["reason"]


def peak_memory(*arguments):
    """The most memory that a run of predict.py held, in bytes."""
    process = start(*arguments)
    _, status, usage = os.wait4(process.pid, 0)
    assert status == 0, process.stderr.read().decode()[-2000:]
    process.returncode = 0
    return usage.ru_maxrss * 1024


def test_an_hour_needs_hardly_more_memory_than_a_minute(model, tmp_path):
    peaks = {}
    for minutes in (1, 60):
        path = tmp_path / f"{minutes}.wav"
        with sf.SoundFile(path, "w", 22_050, 2) as file:
            for minute in range(minutes):
                file.write(np.roll(tone(60.0, 22_050, 2), minute))
        output = tmp_path / f"{minutes}.jsonl"
        peaks[minutes] = peak_memory(
            *("--model", model, "--audio", path, "--output", output, "--chunk_length_s", 30, "--stride_length_s", 0)
        )
        (row,) = lines(output)
        assert len(row["chunks"]) == 2 * minutes
        assert row["chunks"][-1]["timestamp"][1] == pytest.approx(60 * minutes, abs=1e-3)
    # The hour is 635 MB as float samples in stereo, and 230 MB at 16 kHz: neither is ever held.
    assert peaks[60] - peaks[1] < 100e6


def test_a_prediction_is_explained_as_a_picture(model, tmp_path):
    write_tone(tmp_path / "a.wav", 0.4)
    picture = tmp_path / "why.png"
    printed = run_script(
        *("predict.py", "--model", model, "--audio", tmp_path / "a.wav", "--text", "how nice", "--explain", picture)
    )
    assert printed.startswith(f"{tmp_path / 'a.wav'}\thow nice\t")
    height, width, _ = plt.imread(picture).shape
    assert width > 800 and height > 400


def test_a_call_of_two_channels_and_one_with_known_turns(model, tmp_path):
    sound = np.zeros((48_000, 2), dtype=np.float32)
    sound[8_000:16_000, 0] = tone(0.5)
    sound[24_000:40_000, 1] = tone(1.0)
    sf.write(tmp_path / "call.wav", sound, 16_000)
    (tmp_path / "call.rttm").write_text(
        "SPEAKER call 1 0.5 0.5 <NA> <NA> anna <NA> <NA>\n"
        "SPEAKER call 1 1.5 1.0 <NA> <NA> ben <NA> <NA>\n"
        "SPEAKER call 1 2.6 0.4 <NA> <NA> anna <NA> <NA>\n"
    )
    given = ("predict.py", "--model", model, "--audio", tmp_path / "call.wav")
    vtt = tmp_path / "call.vtt"
    printed = run_script(*given, "--segmentation", "voice", "--channels", "each", "--vtt", vtt).splitlines()
    assert [line.split("\t")[0] for line in printed[1:3]] == ["  channel 0", "  channel 1"]
    assert [line.split("\t")[:2] for line in printed[3:]] == [
        ["  0.40 - 1.10 s", "channel 0"],
        ["  1.40 - 2.60 s", "channel 1"],
    ]
    cues = vtt.read_text().split("\n\n")
    assert cues[0] == "WEBVTT" and "00:00:00.400 --> 00:00:01.100\n<v channel 0>[" in cues[1] and len(cues) == 3

    run_script(*given, "--turns", tmp_path / "call.rttm", "--output", tmp_path / "out.csv")
    with (tmp_path / "out.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["speaker"], row["start"], row["score_sad"] != "") for row in rows] == [
        ("anna", "0.5", True),
        ("ben", "1.5", True),
        ("anna", "2.6", False),
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--text", "a", "--vtt", "a.vtt", "--output", "a.csv"), "--vtt is of one recording and without --output"),
        ((), "There is nothing to predict"),
        (("--text", "a", "b", "--explain", "a.png"), "--explain draws one utterance, got 2"),
    ],
)
def test_wrong_calls_say_so(model, arguments, message):
    process = start("--model", model, *arguments)
    _, errors = process.communicate()
    assert process.returncode == 1 and message in errors.decode().splitlines()[-1]
