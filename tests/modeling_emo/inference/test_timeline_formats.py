"""What other programs read of a timeline: every cue, line and row of one with speakers, silence and awkward texts."""

import re

import numpy as np
import pandas as pd
import pytest

from modeling_emo import to_dataframe, to_rttm, to_vtt
from preprocess.recordings.rttm import rttm_turns


def predictions(happy):
    ranked = [{"label": "happy", "score": happy}, {"label": "sad", "score": 1 - happy}]
    return sorted(ranked, key=lambda entry: -entry["score"])


RESULT = {
    "predictions": predictions(0.5),
    "chunks": [
        {"timestamp": (0.5, 2.0), "text": "5 > 3 --> &\n\nyes", "speaker": "anna k", "predictions": predictions(0.75)},
        {"timestamp": (1.25, 3.0), "text": None, "speaker": None, "predictions": predictions(0.25)},
        {"timestamp": (3.0, 4.0), "text": "gone", "speaker": "ben", "predictions": None},
        {"timestamp": (3599.9996, 3661.0), "text": "late", "speaker": "ben", "predictions": predictions(1.0)},
    ],
}
CUE = re.compile(
    r"(?P<number>\d+)\n(?P<start>\d\d:\d\d:\d\d\.\d{3}) --> (?P<end>\d\d:\d\d:\d\d\.\d{3})\n"
    r"(?:<v (?P<voice>[^>\n]+)>)?(?P<text>(?:[^&<>\n]|&(?:amp|lt|gt);)+)"
)


def test_vtt_parses():
    header, *blocks = to_vtt(RESULT).strip().split("\n\n")
    assert header == "WEBVTT"
    cues = [CUE.fullmatch(block).groupdict() for block in blocks]
    assert cues == [
        {
            "number": "1",
            "start": "00:00:00.500",
            "end": "00:00:02.000",
            "voice": "anna k",
            "text": "[happy 0.75] 5 &gt; 3 --&gt; &amp; yes",
        },
        {"number": "2", "start": "00:00:01.250", "end": "00:00:03.000", "voice": None, "text": "[sad 0.75]"},
        {"number": "3", "start": "01:00:00.000", "end": "01:01:01.000", "voice": "ben", "text": "[happy 1.00] late"},
    ]


def test_rttm_is_read_back_as_turns(tmp_path):
    (tmp_path / "a.rttm").write_text(to_rttm(RESULT, "my call"))
    turns = rttm_turns(tmp_path / "a.rttm")
    assert [turn["speaker"] for turn in turns] == ["anna_k", None, "ben", "ben"]
    spans = [(turn["start"], turn["end"]) for turn in turns]
    assert np.allclose(spans, [chunk["timestamp"] for chunk in RESULT["chunks"]], atol=1e-3)
    assert (tmp_path / "a.rttm").read_text().startswith("SPEAKER my_call 1 0.500 1.500 <NA> <NA> anna_k <NA> <NA>\n")


def test_a_table_of_several_recordings():
    one = {"chunks": [{"timestamp": (0.0, 1.0), "text": None, "predictions": predictions(0.5)}]}
    table = to_dataframe([RESULT, one], ["a.wav", "b.wav"])
    assert list(table.columns) == ["speaker", "text", "happy", "sad"]
    assert table.loc["a.wav", "happy"].tolist() == pytest.approx([0.75, 0.25, np.nan, 1.0], nan_ok=True)
    times = (pd.Timedelta("0s"), pd.Timedelta("1s"))
    assert table.loc[("b.wav", *times), "sad"] == 0.5
    with pytest.raises(ValueError, match="There are 2 results and 1 files"):
        to_dataframe([RESULT, one], "a.wav")


@pytest.mark.parametrize("write", [to_vtt, to_rttm, to_dataframe])
def test_what_is_no_timeline_is_refused(write):
    with pytest.raises(ValueError, match="The result has no `chunks`"):
        write({"predictions": []})
    with pytest.raises(ValueError, match="Chunk 0 has no times"):
        write({"chunks": [{"timestamp": (None, None), "text": "yes", "predictions": predictions(0.5)}]})
