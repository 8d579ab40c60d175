import csv
import json
import os
import subprocess
import sys

import numpy as np
import pytest
import soundfile as sf

from modeling_emo import EmotionRecognitionPipeline
from modeling_emo.inference.predict_to_file import PredictionCounts, predict_to_file
from modeling_emo.inference.prediction_file import PredictionFile
from tests.tiny import tiny_processor, tone, write_tone
from tests.tiny_models import emobert


LABELS = {0: "angry", 1: "happy", 2: "sad"}
SETTINGS = {"model": "tiny", "chunk_length_s": None}


@pytest.fixture(scope="module")
def recognise():
    model = emobert("moonshine", id2label=LABELS)
    return EmotionRecognitionPipeline(model=model, processor=tiny_processor(), device=-1)


@pytest.fixture
def utterances(tmp_path):
    """Five recordings, the second of which is not one."""
    rows = []
    for index in range(5):
        write_tone(tmp_path / f"{index}.wav", 0.2 + 0.1 * index)
        rows.append({"audio": str(tmp_path / f"{index}.wav"), "text": "how nice" if index % 2 else None})
    (tmp_path / "1.wav").write_bytes(b"no sound")
    return rows


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_each_utterance_is_a_line_or_listed_as_skipped(recognise, utterances, tmp_path):
    counts = predict_to_file(recognise, utterances, tmp_path / "out" / "a.jsonl", settings=SETTINGS, batch_size=2)
    assert counts == PredictionCounts(predicted=4, resumed=0, skipped=1)
    rows = lines(tmp_path / "out" / "a.jsonl")
    good = [utterance for index, utterance in enumerate(utterances) if index != 1]
    for row, utterance in zip(rows, good, strict=True):
        assert row["input"] == utterance and row["text"] == utterance["text"]
        expected = recognise(utterance)
        assert [entry["label"] for entry in row["predictions"]] == [entry["label"] for entry in expected]
        assert row["predictions"][0]["score"] == pytest.approx(expected[0]["score"], abs=1e-5)
    (problem,) = lines(tmp_path / "out" / "a_skipped.jsonl")
    assert problem["id"] == utterances[1]["audio"] and "not a sound" in problem["reason"]


def test_a_torn_line_is_predicted_again_and_the_finished_are_not(recognise, utterances, tmp_path):
    path = tmp_path / "a.jsonl"
    predict_to_file(recognise, utterances, path, settings=SETTINGS)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) - 40])  # as a kill leaves it: the last of four lines is torn
    asked = []

    def spy(inputs, **options):
        return recognise((asked.append(one) or one for one in inputs), **options)

    spy.model = recognise.model

    counts = predict_to_file(spy, utterances, path, settings=SETTINGS)
    assert counts == PredictionCounts(predicted=4, resumed=3, skipped=1)
    assert [one["audio"] for one in asked] == [utterances[1]["audio"], utterances[4]["audio"]]
    assert path.read_bytes() == whole
    write_tone(utterances[1]["audio"], 0.3)  # the broken file was mended
    assert predict_to_file(recognise, utterances, path, settings=SETTINGS) == PredictionCounts(5, 4, 0)
    assert (tmp_path / "a_skipped.jsonl").read_text() == ""
    assert predict_to_file(recognise, utterances, path, settings=SETTINGS) == PredictionCounts(5, 5, 0)
    assert len(lines(path)) == 5


def test_other_settings_are_refused(recognise, utterances, tmp_path):
    predict_to_file(recognise, utterances[:1], tmp_path / "a.jsonl", settings=SETTINGS)
    with pytest.raises(ValueError, match="a.jsonl has predictions with another chunk_length_s. Remove it"):
        predict_to_file(recognise, [], tmp_path / "a.jsonl", settings={**SETTINGS, "chunk_length_s": 10})
    with pytest.raises(ValueError, match="a.json: predictions are written as .jsonl or .csv"):
        PredictionFile(tmp_path / "a.json", SETTINGS)


def test_a_table_has_a_row_for_each_segment(recognise, utterances, tmp_path):
    options = {"settings": SETTINGS, "chunk_length_s": 0.3, "stride_length_s": 0.0}
    predict_to_file(recognise, [utterances[0], utterances[4]], tmp_path / "a.csv", **options)
    with (tmp_path / "a.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["audio", "start", "end", "text", "score_angry", "score_happy", "score_sad"]
    assert [(row["audio"][-5:], row["start"], row["end"]) for row in rows] == [
        ("0.wav", "0.0", "0.2"),
        ("4.wav", "0.0", "0.3"),
        ("4.wav", "0.3", "0.6"),
    ]
    for row in rows:
        assert sum(float(row[f"score_{name}"]) for name in LABELS.values()) == pytest.approx(1)
    assert len(lines(tmp_path / "a.jsonl")[1]["chunks"]) == 2


def test_silence_has_a_row_without_scores(recognise, tmp_path):
    sf.write(tmp_path / "a.wav", np.concatenate([np.zeros(8_000), tone(0.5)]), 16_000)
    options = {"settings": SETTINGS, "chunk_length_s": 0.5, "stride_length_s": 0.0}
    predict_to_file(recognise, [{"audio": str(tmp_path / "a.wav")}], tmp_path / "a.csv", **options)
    with (tmp_path / "a.csv").open(newline="") as file:
        silent, heard = csv.DictReader(file)
    assert [silent[f"score_{name}"] for name in LABELS.values()] == ["", "", ""]
    assert sum(float(heard[f"score_{name}"]) for name in LABELS.values()) == pytest.approx(1)


def test_a_table_without_a_timeline_has_no_times(recognise, tmp_path):
    predict_to_file(recognise, [{"audio": None, "text": "so sad"}], tmp_path / "a.csv", settings=SETTINGS, top_k=1)
    with (tmp_path / "a.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert (row["audio"], row["start"], row["text"]) == ("", "", "so sad")
    assert len(row) == 5  # the one label that was asked for


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{torn", "line 1 cannot be read: not JSON"),
        ("[" * 100_000, "line 1 cannot be read: it is nested too deeply"),
        ("[1]", "line 1 is no prediction of ours"),
        ('{"input": "a.wav"}', "line 1 is no prediction of ours"),
    ],
)
def test_a_file_of_something_else_is_named(tmp_path, line, message):
    (tmp_path / "a.jsonl").write_text(f"{line}\n")
    with pytest.raises(ValueError, match=f"a.jsonl, {message}"):
        PredictionFile(tmp_path / "a.jsonl", SETTINGS)
    assert (tmp_path / "a.jsonl").read_text() == f"{line}\n"


class TestTwoRuns:
    def test_a_second_run_is_refused_until_the_first_ends(self, recognise, utterances, tmp_path):
        first = PredictionFile(tmp_path / "a.jsonl", SETTINGS)
        for name in ("a.jsonl", "a.csv"):  # the rows of both are in a.jsonl
            with pytest.raises(ValueError, match=f"Another run is writing predictions to .*{name}. Wait for it"):
                PredictionFile(tmp_path / name, SETTINGS)
        first.close()
        assert predict_to_file(recognise, utterances, tmp_path / "a.jsonl", settings=SETTINGS).predicted == 4
        PredictionFile(tmp_path / "b.jsonl", SETTINGS).close()

    def test_a_killed_run_does_not_block_the_next(self, recognise, utterances, tmp_path):
        code = (
            "import sys, time\n"
            "from modeling_emo.inference.prediction_file import PredictionFile\n"
            f"file = PredictionFile({str(tmp_path / 'a.jsonl')!r}, {{}})\n"
            "print('open', flush=True); time.sleep(600)"
        )
        process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
        assert process.stdout.readline() == "open\n"
        with pytest.raises(ValueError, match="Another run"):
            PredictionFile(tmp_path / "a.jsonl", {})
        process.kill()
        process.communicate()
        PredictionFile(tmp_path / "a.jsonl", {}).close()

    def test_refused_settings_leave_the_file_free(self, tmp_path):
        PredictionFile(tmp_path / "a.jsonl", SETTINGS).close()
        (tmp_path / "a.jsonl").touch()
        for _ in range(2):
            with pytest.raises(ValueError, match="another model"):
                PredictionFile(tmp_path / "a.jsonl", {**SETTINGS, "model": "other"})

    def test_an_utterance_given_twice_is_predicted_once(self, recognise, utterances, tmp_path):
        counts = predict_to_file(recognise, [*utterances, *utterances], tmp_path / "a.jsonl", settings=SETTINGS)
        assert counts == PredictionCounts(predicted=4, resumed=0, skipped=1)
        assert len(lines(tmp_path / "a.jsonl")) == 4 and len(lines(tmp_path / "a_skipped.jsonl")) == 1


class TestOldAnswers:
    def test_a_replaced_recording_is_predicted_again(self, recognise, utterances, tmp_path):
        path = tmp_path / "a.jsonl"
        predict_to_file(recognise, utterances, path, settings=SETTINGS)
        before = {row["input"]["audio"]: row for row in lines(path)}
        write_tone(utterances[2]["audio"], 0.8)
        os.remove(utterances[3]["audio"])  # a recording that is gone keeps its prediction
        counts = predict_to_file(recognise, utterances, path, settings=SETTINGS)
        assert counts == PredictionCounts(predicted=4, resumed=3, skipped=1)
        after = {row["input"]["audio"]: row for row in lines(path)}
        assert len(lines(path)) == 4 and list(after)[-1] == utterances[2]["audio"]
        changed = {name for name in before if before[name] != after[name]}
        assert changed == {utterances[2]["audio"]}
        expected = {entry["label"]: entry["score"] for entry in recognise(utterances[2])}
        got = {entry["label"]: entry["score"] for entry in after[utterances[2]["audio"]]["predictions"]}
        assert got == pytest.approx(expected, abs=1e-5)
        assert not (tmp_path / "a.tmp").exists()

    def test_another_model_of_the_same_name_is_refused(self, recognise, utterances, tmp_path):
        predict_to_file(recognise, utterances[:1], tmp_path / "a.jsonl", settings=SETTINGS)
        for changes in ({"seed": 1}, {"id2label": {0: "sad", 1: "happy", 2: "angry"}}):
            model = emobert("moonshine", **{"id2label": LABELS, **changes})
            retrained = EmotionRecognitionPipeline(model=model, processor=tiny_processor(), device=-1)
            with pytest.raises(ValueError, match="predictions with another model_fingerprint"):
                predict_to_file(retrained, utterances[:1], tmp_path / "a.jsonl", settings=SETTINGS)


def test_what_is_not_predicted_is_listed_too(recognise, utterances, tmp_path):
    counts = predict_to_file(
        recognise, utterances[:1], tmp_path / "a.jsonl", settings=SETTINGS, left_out=["calls/notes.dat"]
    )
    assert counts == PredictionCounts(predicted=1, resumed=0, skipped=0)
    (listed,) = lines(tmp_path / "a_skipped.jsonl")
    assert listed["id"] == "calls/notes.dat" and listed["reason"].startswith("not predicted: neither a recording")


@pytest.mark.parametrize("suffix", ["jsonl", "csv"])
def test_file_names_that_are_not_utf8_end_no_run(recognise, utterances, tmp_path, suffix):
    odd = [os.fsdecode(os.fsencode(tmp_path) + name) for name in (b"/caf\xe9.wav", b"/na\xefve.wav")]
    os.rename(utterances[0]["audio"], odd[0])
    os.rename(utterances[1]["audio"], odd[1])  # not a sound
    given = [{"audio": path, "text": None} for path in odd]
    for resumed in (0, 1):
        counts = predict_to_file(recognise, given, tmp_path / f"a.{suffix}", settings=SETTINGS)
        assert counts == PredictionCounts(predicted=1, resumed=resumed, skipped=1)
    assert [row["input"]["audio"] for row in lines(tmp_path / "a.jsonl")] == odd[:1]
    assert lines(tmp_path / "a_skipped.jsonl")[0]["id"] == odd[1]
    if suffix == "csv":
        assert r"caf\udce9.wav" in (tmp_path / "a.csv").read_text(encoding="utf-8")


def test_one_input_ends_no_list_whatever_it_raises(recognise):
    class Failing:
        def read(self, *_):
            raise OSError("gone")

        def seekable(self):
            raise KeyError("no")

    sound = tone(0.3)
    inputs = [
        {"text": "how nice"},
        {"audio": (16_000, sound)},
        {"audio": {"array": sound, "sampling_rate": "16000"}},
        {"audio": Failing()},
        {"audio": "a transcript in the wrong column " * 20},
        {"audio": (sound.astype("int64"), 16_000)},
        {"audio": (0 * sound, 16_000)},
        {"audio": "http://127.0.0.1:1/a.wav"},
        {"text": "half a character \ud800"},
        {"audio": sound, "words": 5},
        {"audio": sound, "words": [{"text": "a", "timestamp": (10**400, 1)}]},
        {"words": [{"text": "a", "timestamp": (0, 1)}], "audio": (sound, 2**40)},
    ]
    results = recognise(inputs, on_error="return", allow_addresses=False)
    assert results[1] == recognise({"audio": (sound, 16_000)})
    errors = [result["error"] if isinstance(result, dict) else None for result in results]
    assert errors[:2] == [None, None]
    for error, message in zip(
        errors[2:],
        [
            "audio in memory: the sampling rate must be a positive whole number of Hz, got '16000'",
            "audio in memory: the sound cannot be read (KeyError: 'no')",
            "a transcript in the wrong column",
            "got int64, whose full scale no sound has",
            "audio in memory: the sound is silent throughout",
            "http://127.0.0.1:1/a.wav: addresses are not read here",
            "The text 'half a character",
            "`words` must be a list",
            "Word 0 must be like",
            "audio in memory: a sampling rate of 1,099,511,627,776 Hz is none of a sound",
        ],
        strict=True,
    ):
        assert message in error
