"""The pipeline takes a recording and its transcript in whatever form people have them."""

import datasets
import numpy as np
import pandas as pd
import pytest
import torch
from torch.utils.data import Dataset
from transformers.pipelines.pt_utils import KeyDataset

from modeling_emo import EmotionRecognitionPipeline, explain_prediction
from modeling_emo.inference.many_inputs import find_many
from modeling_emo.inference.utterance_inputs import read_utterance
from tests.tiny import tiny_processor, tone, write_tone
from tests.tiny_models import emobert


LABELS = {0: "angry", 1: "happy", 2: "sad"}
RATE = 16_000


@pytest.fixture(scope="module")
def recognise():
    return EmotionRecognitionPipeline(
        model=emobert("moonshine", id2label=LABELS), processor=tiny_processor(), device=-1
    )


@pytest.fixture(scope="module")
def sound():
    return tone(0.5, rate=8_000)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    place = tmp_path_factory.mktemp("hands") / "a.wav"
    write_tone(place, 0.5, rate=8_000, subtype="FLOAT")
    return str(place)


class AudioDecoder:
    """As torchcodec's and datasets' `AudioDecoder`: no path, no mapping; all samples at once, channels first."""

    class Samples:
        def __init__(self, data, sample_rate):
            self.data, self.sample_rate = data, sample_rate

    def __init__(self, samples, rate):
        self.samples = self.Samples(torch.from_numpy(samples)[None], rate)

    def get_all_samples(self):
        return self.samples


def by_label(predictions):
    return pytest.approx({entry["label"]: entry["score"] for entry in predictions}, abs=1e-6)


def scores(predictions):
    return {entry["label"]: entry["score"] for entry in predictions}


class TestOneRecording:
    @pytest.mark.parametrize(
        "form",
        [
            lambda sound, path: path,
            lambda sound, path: f"file://{path}",
            lambda sound, path: (sound, 8_000),
            lambda sound, path: (8_000, sound),
            lambda sound, path: (torch.from_numpy(sound), 8_000),
            lambda sound, path: (sound.tolist(), 8_000),
            lambda sound, path: (8_000, [sound.tolist(), sound.tolist()]),
            lambda sound, path: {"raw": sound, "sampling_rate": 8_000},
            lambda sound, path: {"array": sound.tolist(), "sampling_rate": 8_000},
            lambda sound, path: {"audio": {"raw": sound, "sampling_rate": 8_000}},
            lambda sound, path: {"audio": sound, "sampling_rate": 8_000},
            lambda sound, path: {"audio": AudioDecoder(sound, 8_000)},
            lambda sound, path: AudioDecoder(sound, 8_000),
            lambda sound, path: pd.Series({"audio": path, "text": float("nan")}),
            lambda sound, path: (path, None),
        ],
    )
    def test_forms(self, recognise, sound, path, form):
        assert scores(recognise(form(sound, path))) == by_label(recognise((sound, 8_000)))

    def test_bare_samples_with_their_rate(self, recognise, sound):
        expected = by_label(recognise((sound, 8_000)))
        for samples in (sound, sound.tolist(), torch.from_numpy(sound), pd.Series(sound), np.stack([sound, sound])):
            assert scores(recognise(samples, sampling_rate=8_000)) == expected
        assert scores(recognise(audio=sound, sampling_rate=8_000)) == expected
        assert scores(recognise(sound)) != expected  # taken for the model's 16 kHz
        assert scores(recognise(sound.tolist())) == by_label(recognise((sound, RATE)))

    def test_bare_samples_state_the_rate_that_they_are_taken_to_have(self, sound, caplog):
        with caplog.at_level("WARNING"):
            read_utterance(sound, 16_123)
        assert "taken to have the model's 16123 Hz. Pass (array, rate) or sampling_rate=" in caplog.text


class TestTextBesideIt:
    @pytest.mark.parametrize(
        "call",
        [
            lambda recognise, path: recognise(path, "how nice"),
            lambda recognise, path: recognise(path, text="how nice"),
            lambda recognise, path: recognise(audio=path, text="how nice"),
            lambda recognise, path: recognise((path, "how nice")),
            lambda recognise, path: recognise([(path, "how nice")])[0],
            lambda recognise, path: recognise([path], text=["how nice"])[0],
            lambda recognise, path: recognise({"path": path, "text": "how nice"}),
            lambda recognise, path: recognise({"audio": path}, "how nice"),
            lambda recognise, path: recognise({"text": "how nice"} | {"audio": {"path": path}}),
            lambda recognise, path: recognise(pd.Series({"audio": path, "text": "how nice", "label": 2})),
        ],
    )
    def test_forms(self, recognise, path, call):
        expected = by_label(recognise({"audio": path, "text": "how nice"}))
        assert scores(call(recognise, path)) == expected != by_label(recognise(path))

    def test_a_text_alone(self, recognise):
        expected = recognise({"text": "how nice"})
        assert recognise(text="how nice") == expected != recognise(text="so sad")
        assert recognise(text=["how nice", "so sad"]) == [expected, recognise(text="so sad")]
        assert recognise(text=pd.Series(["how nice"])) == [expected]
        assert recognise(text=[]) == recognise([]) == []

    def test_as_many_texts_as_recordings(self, recognise, path):
        assert recognise([path], text=pd.Series(["how nice"])) == [recognise(path, "how nice")]
        with pytest.raises(ValueError, match="There are 2 recordings and 1 texts"):
            recognise([path, path], text=["how nice"])
        with pytest.raises(ValueError, match="There are several recordings: give `text` as a list"):
            recognise([path, path], text="how nice")

    def test_words_beside_it(self, recognise, path):
        words = [{"text": "how nice", "timestamp": (0.0, 0.3)}]
        assert recognise(path, words=words) == recognise({"audio": path, "words": words})
        assert recognise([path], words=[words]) == [recognise({"audio": path, "words": words})]


class Table(Dataset):
    """Of torch, read by number only."""

    def __init__(self, rows):
        self.rows = rows

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, index):
        return self.rows[index]


class TestMany:
    @pytest.fixture
    def rows(self, path):
        return [{"audio": path, "text": "how nice", "label": 1}, {"audio": path, "text": "so sad", "label": 2}]

    @pytest.mark.parametrize(
        "form",
        [
            lambda rows: rows,
            pd.DataFrame,
            datasets.Dataset.from_list,
            lambda rows: pd.Series([(row["audio"], row["text"]) for row in rows]),
            lambda rows: np.array(rows, dtype=object),
        ],
    )
    def test_what_has_an_end_gives_a_list(self, recognise, rows, form):
        results = recognise(form(rows), batch_size=2)
        assert type(results) is list
        for row, result in zip(rows, results, strict=True):
            assert scores(result) == pytest.approx(scores(recognise(row["audio"], row["text"])), abs=1e-5)

    @pytest.mark.parametrize("form", [Table, iter, lambda rows: (row for row in rows)])
    def test_what_is_a_stream_gives_one(self, recognise, rows, form):
        results = recognise(form(rows), batch_size=2)
        assert not isinstance(results, list)
        assert [scores(result) for result in results] == [
            pytest.approx(scores(recognise(row)), abs=1e-5) for row in rows
        ]

    def test_columns_of_sounds(self, recognise, rows, path, sound):
        expected = scores(recognise(path))
        table = datasets.Dataset.from_list(rows)
        decoders = [AudioDecoder(sound, 8_000)] * 2
        for column in (
            table["audio"],
            pd.Series([path, path]),
            KeyDataset(rows, "audio"),
            decoders,
            {1: path}.values(),
        ):
            assert [scores(result) for result in recognise(column)] == [pytest.approx(expected, abs=1e-6)] * len(
                column
            )
        assert [scores(result) for result in recognise(table["audio"], text=table["text"])] == [
            pytest.approx(scores(recognise(row)), abs=1e-6) for row in rows
        ]

    def test_rows_are_read_when_it_is_their_turn(self, recognise, path):
        read = []

        def recordings():
            for index in range(4):
                read.append(index)
                yield path

        results = recognise(recordings())
        next(iter(results))
        assert len(read) < 4

    def test_a_row_s_other_columns_are_named_once(self, recognise, path, caplog):
        row = {"audio": path, "text": "how nice", "speaker_7": "a", "gender_7": "f"}
        with caplog.at_level("WARNING"):
            result = recognise([row, row])
        assert caplog.text.count("Of a row's columns audio, text are read, and not gender_7, speaker_7.") == 1
        assert result[0] == result[1] == recognise(path, "how nice")

    def test_a_bad_row_harms_no_neighbour(self, recognise, path):
        rows = [path, ("8000", np.ones(5)), 3, "I love this", (path, path), {"label": 1}, (path, "so sad")]
        results = recognise(rows, on_error="return", batch_size=3)
        assert [("error" in result) for result in results] == [False, True, True, True, True, True, False]
        assert scores(results[-1]) == pytest.approx(scores(recognise(path, "so sad")), abs=1e-5)


def test_what_is_one_and_what_is_many():
    one = [
        [0.0, 0.1],
        (0.0, 0.1, 0.2),
        np.zeros(5),
        np.zeros((2, 5)),
        "a",
        b"a",
        {"audio": 1},
        ("a", "b"),
        pd.Series([0.1]),
    ]
    assert [find_many(inputs) for inputs in one] == [None] * len(one)
    for inputs in ([], ["a"], [[0.1, 0.2]], pd.Series(["a"]), np.array(["a"]), {1: 2}.keys()):
        many = find_many(inputs)
        assert many.is_sized and len(list(many.utterances)) == len(inputs)


class TestExplaining:
    @pytest.mark.parametrize(
        "form", [lambda path: path, lambda path: (path, "how nice"), lambda path: {"text": "bad day"}]
    )
    def test_it_takes_the_same(self, recognise, path, form):
        named = form(path)
        if not isinstance(named, dict):
            named = dict(zip(("audio", "text"), (named, None) if isinstance(named, str) else named, strict=True))
        expected = explain_prediction(recognise.model, recognise.processor, named, span_s=0.2).to_dict()
        assert explain_prediction(recognise.model, recognise.processor, form(path), span_s=0.2).to_dict() == expected
        assert recognise.explain(form(path), span_s=0.2).to_dict() == expected
        assert recognise.explain(audio=named.get("audio"), text=named.get("text"), span_s=0.2).to_dict() == expected
        assert expected["score"] == pytest.approx(scores(recognise(form(path)))[expected["label"]], abs=1e-5)

    def test_a_recording_behind_an_address(self, recognise, path):
        assert recognise.explain(f"file://{path}", span_s=0.5).score == recognise.explain(path, span_s=0.5).score

    def test_a_timeline_is_drawn_on_the_model_s_scale(self, recognise, path, tmp_path):
        result = recognise(path, chunk_length_s=0.3)
        picture = recognise.plot_timeline(result, tmp_path / "a.png", title="a call")
        assert picture == tmp_path / "a.png"
        assert picture.read_bytes().startswith(b"\x89PNG")
