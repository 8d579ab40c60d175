import json
import logging
import multiprocessing
import os
import subprocess
import sys

import numpy as np
import pytest
import soundfile as sf
from datasets import Array2D, Audio, Dataset, DatasetDict, List, Value
from transformers import BertTokenizerFast

from preprocess import EmoBertDataCollator, EmoBertProcessor, LabelEncoder, Problem, load_audio, load_prepared
from preprocess.preparation.prepare import prepare_dataset
from tests.tiny import tiny_processor, write_tone


ENCODER = LabelEncoder("single_label_classification", {"happy": 0, "sad": 1})
TEXTS = ["how nice", "what a bad day", None, "i am so happy !", "   ", "this is so sad ."]


@pytest.fixture
def rows(tmp_path):
    """Six usable utterances: two without text, one of the others without sound."""
    rows = []
    for index, text in enumerate(TEXTS):
        path = tmp_path / "wav" / f"{index}.wav"
        write_tone(path, 0.2 + 0.05 * index, [16_000, 8_000, 44_100][index % 3], channels=1 + index % 2)
        audio = None if index == 3 else str(path)
        label = ["happy", "sad"][index % 2]
        rows.append(
            {"id": f"u{index}", "audio": audio, "text": text, "label": label, "speaker": "anna", "session": None}
        )
    return rows


def bad_rows(folder):
    """One row for each kind of damage, and what its reason must say."""
    folder.mkdir(parents=True, exist_ok=True)
    whole = folder / "whole.mp3"
    write_tone(whole, 3.0)
    (folder / "cut.mp3").write_bytes(whole.read_bytes()[:5_000])
    (folder / "empty.wav").touch()
    sf.write(folder / "nothing.wav", np.zeros(0), 16_000)
    sf.write(folder / "nan.wav", np.array([0.0, np.nan], dtype=np.float32), 16_000, subtype="FLOAT")
    write_tone(folder / "short.wav", 0.05)
    (folder / "notes.wav").write_text("no sound")
    write_tone(folder / "good.wav", 0.3)
    row = {"audio": str(folder / "good.wav"), "text": "how nice", "label": "sad", "speaker": None, "session": None}
    kinds = [
        ({"audio": str(folder / "gone.wav")}, "gone.wav: there is no such file"),
        ({"audio": str(folder / "empty.wav")}, "empty.wav: the file has 0 bytes"),
        ({"audio": str(folder / "cut.mp3")}, "cut.mp3: the file was cut short"),
        ({"audio": str(folder / "nothing.wav")}, "nothing.wav: the sound has 0 samples"),
        ({"audio": str(folder / "nan.wav")}, "nan.wav: 1 of its samples are NaN"),
        ({"audio": str(folder / "notes.wav")}, "notes.wav: not a sound"),
        ({"audio": str(folder / "short.wav")}, "0.050 s is shorter than 0.1 s"),
        ({"audio": None, "text": " "}, "neither text nor audio"),
        ({"label": "joy"}, "unknown label 'joy'; the known ones are happy, sad"),
        ({"label": None}, "there is no label"),
    ]
    return [({**row, **change, "id": f"bad{index}"}, reason) for index, (change, reason) in enumerate(kinds)]


def as_lists(dataset):
    def plain(value):
        value = value.tolist() if hasattr(value, "tolist") else value
        return None if isinstance(value, float) and np.isnan(value) else value  # NaN is not equal to itself

    return [{key: plain(value) for key, value in row.items()} for row in dataset]


class TestLongTexts:
    @pytest.mark.parametrize(("limit", "kept"), [(None, 512), (40, 40), (600, 600)])
    def test_a_tokenizer_that_states_no_limit(self, tmp_path, limit, kept):
        tokenizer = BertTokenizerFast(vocab=tiny_processor().tokenizer.get_vocab())
        processor = EmoBertProcessor(tiny_processor().feature_extractor, tokenizer)
        rows = Dataset.from_list([{"id": "a", "text": "happy " * 700, "audio": None, "label": "sad"}])
        prepared = prepare_dataset(rows, processor, ENCODER, output_dir=tmp_path / "out", max_text_length=limit)
        assert prepared["train"]["text_length"][:].tolist() == [kept]
        (problem,) = load_prepared(tmp_path / "out").problems
        assert problem.kept and problem.reason == f"The text of 702 token ids was cut to {kept}."


class TestRows:
    def test_values_are_those_of_the_processor(self, rows):
        processor = tiny_processor()
        prepared = prepare_dataset(Dataset.from_list(rows), processor, ENCODER)["train"]
        assert prepared["id"][:].tolist() == [row["id"] for row in rows]
        assert [int(label) for label in prepared["labels"]] == [0, 1, 0, 1, 0, 1]
        for row, source in zip(prepared, rows, strict=True):
            if source["audio"] is None:
                assert row["input_values"].shape == (0,) and row["speech_length"] == 0
            else:
                np.testing.assert_array_equal(row["input_values"], load_audio(source["audio"]))
                assert row["input_values"].dtype == np.float32 and row["speech_length"] == len(row["input_values"])
            if source["text"] is None or not source["text"].strip():
                assert len(row["input_ids"]) == len(row["attention_mask"]) == row["text_length"] == 0
            else:
                expected = processor.tokenizer(source["text"])["input_ids"]
                assert row["input_ids"].tolist() == expected and row["text_length"] == len(expected)
                assert row["attention_mask"].tolist() == [1] * len(expected)
            assert row["speaker"] == "anna" and row["session"] is None

    @pytest.mark.parametrize("kind", ["waveform", "normalized", "whisper", "mel"])
    def test_collated_rows_are_what_the_processor_gives(self, rows, kind):
        processor = tiny_processor(kind)
        prepared = prepare_dataset(Dataset.from_list(rows), processor, ENCODER)["train"]
        if kind == "whisper":  # 0.2 s of sound; the constant silence up to 1 s is not stored
            assert 20 <= len(prepared[0]["input_features"]) <= 23
        audio, text = [row["audio"] for row in rows], [row["text"] for row in rows]
        expected = processor(text=text, audio=audio, return_tensors="pt")
        for fetched in ([prepared[index] for index in range(6)], prepared.__getitems__(list(range(6)))):
            batch = EmoBertDataCollator(processor)(fetched)
            assert set(batch) == {*expected, "labels"}
            for key, values in expected.items():
                assert values.equal(batch[key]), key

    @pytest.mark.parametrize("kind", ["waveform", "whisper"])
    def test_number_of_processes_does_not_matter(self, rows, tmp_path, kind):
        rows += [row for row, _ in bad_rows(tmp_path / "bad")]
        dataset, processor = Dataset.from_list(rows), tiny_processor(kind)
        one = prepare_dataset(dataset, processor, ENCODER, output_dir=tmp_path / "one", num_proc=1)
        two = prepare_dataset(dataset, processor, ENCODER, output_dir=tmp_path / "two", num_proc=2)
        assert as_lists(one["train"]) == as_lists(two["train"])
        assert load_prepared(tmp_path / "one").problems == load_prepared(tmp_path / "two").problems
        reversed_rows = prepare_dataset(Dataset.from_list(rows[::-1]), processor, ENCODER, num_proc=3)
        assert as_lists(reversed_rows["train"]) == as_lists(one["train"])[::-1]
        assert not multiprocessing.active_children()

    def test_processes_that_are_forked_after_torch_used_its_threads(self, rows, tmp_path):
        # In a process of its own: without the care that is tested here, it would wait for ever.
        (tmp_path / "rows.json").write_text(json.dumps(rows))
        script = """
import json, sys, torch
from datasets import Dataset
from preprocess import LabelEncoder, prepare_dataset
from tests.tiny import tiny_processor, tone
torch.set_num_threads(2)
processor = tiny_processor("whisper")
torch.randn(500, 500) @ torch.randn(500, 500)
processor(audio=tone(0.5), sampling_rate=16_000)
encoder = LabelEncoder("single_label_classification", {"happy": 0, "sad": 1})
rows = json.load(open(sys.argv[1]))
print(len(prepare_dataset(Dataset.from_list(rows), processor, encoder, output_dir=sys.argv[2], num_proc=2)["train"]))
"""
        arguments = [sys.executable, "-c", script, str(tmp_path / "rows.json"), str(tmp_path / "out")]
        environment = {**os.environ, "OMP_NUM_THREADS": "2"}
        finished = subprocess.run(arguments, capture_output=True, text=True, timeout=240, env=environment)
        assert finished.stdout.split() == ["6"], finished.stderr

    def test_column_types_do_not_depend_on_the_rows(self, rows):
        processor = tiny_processor("mel")
        with_text_only = [{**row, "audio": None, "text": "how nice"} for row in rows]
        features = [
            prepare_dataset(Dataset.from_list(some), processor, ENCODER)["train"].features
            for some in (rows, with_text_only)
        ]
        assert features[0] == features[1]
        assert features[0]["input_features"] == Array2D((None, 16), "float32")
        assert features[0]["input_ids"] == List(Value("int32")) and features[0]["labels"] == Value("int64")

    @pytest.mark.parametrize(
        ("encoder", "label", "stored"),
        [
            (LabelEncoder("regression", label_range=(-3, 3)), -1.5, -1.5),
            (LabelEncoder("one_vs_rest_classification", {"sad": 0, "happy": 1}), "happy", [0, 1]),
            (LabelEncoder("multi_label_classification", {"sad": 0, "happy": 1}), ["happy", "sad"], [1.0, 1.0]),
        ],
    )
    def test_labels(self, encoder, label, stored):
        dataset = Dataset.from_list([{"id": "a", "text": "how", "label": label}])
        prepared = prepare_dataset(dataset, tiny_processor(), encoder)["train"]
        assert prepared.features["labels"] == encoder.feature
        assert prepared[0]["labels"].tolist() == stored

    def test_embedded_sounds(self, rows, tmp_path):
        with open(rows[0]["audio"], "rb") as file:
            sound = {"bytes": file.read(), "path": None}
        dataset = Dataset.from_list([{**rows[0], "audio": sound}]).cast_column("audio", Audio(decode=False))
        dataset = dataset.cast_column("audio", Audio())
        prepared = prepare_dataset(dataset, tiny_processor(), ENCODER)["train"]
        np.testing.assert_array_equal(prepared[0]["input_values"], load_audio(rows[0]["audio"]))


class TestTokenIds:
    def test_ids_that_are_given_are_kept(self):
        dataset = Dataset.from_list(
            [
                {"id": "a", "label": "sad", "input_ids": [0, 9, 8, 2], "speech_input_ids": [0, 40, 41, 42, 2]},
                {"id": "b", "label": "happy", "input_ids": [], "speech_input_ids": [0, 41, 2]},
                {"id": "c", "label": "sad", "input_ids": [0, 2], "speech_input_ids": None},
            ]
        )
        prepared = prepare_dataset(dataset, tiny_processor(), ENCODER, max_text_length=3, max_speech_ids=4)["train"]
        assert [row["input_ids"].tolist() for row in prepared] == [[0, 9, 2], [], [0, 2]]
        assert [row["speech_input_ids"].tolist() for row in prepared] == [[0, 40, 41, 2], [0, 41, 2], []]
        assert [int(row["speech_length"]) for row in prepared] == [4, 3, 0]
        batch = EmoBertDataCollator(tiny_processor())([prepared[index] for index in range(3)])
        assert batch["speech_input_ids"].tolist() == [[0, 40, 41, 2], [0, 41, 2, 1], [1, 1, 1, 1]]

    def test_problems_of_an_earlier_step(self, tmp_path):
        dataset = Dataset.from_list(
            [
                {"id": "a", "label": "sad", "text": "how", "speech_input_ids": [0, 2], "problem": None},
                {"id": "b", "label": "sad", "text": "how", "speech_input_ids": None, "problem": "b.wav is damaged."},
            ]
        )
        prepared = prepare_dataset(dataset, tiny_processor(), ENCODER, output_dir=tmp_path / "out")
        assert prepared["train"]["id"][:].tolist() == ["a"]
        assert load_prepared(tmp_path / "out").problems[0].reason == "b.wav is damaged."

    def test_only_some_splits_have_them(self):
        with_ids = Dataset.from_list([{"id": "a", "label": "sad", "speech_input_ids": [0, 2]}])
        without = Dataset.from_list([{"id": "b", "label": "sad", "text": "how"}])
        with pytest.raises(ValueError, match="Only the splits train have speech_input_ids"):
            prepare_dataset(DatasetDict({"train": with_ids, "test": without}), tiny_processor(), ENCODER)


class TestBadRows:
    def test_each_is_listed_and_nothing_else_is_lost(self, rows, tmp_path):
        damaged = bad_rows(tmp_path / "bad")
        mixed = [row for pair in zip(rows, [row for row, _ in damaged[:6]], strict=True) for row in pair]
        mixed += [row for row, _ in damaged[6:]]
        earlier = Problem("u99", "list.txt, line 3", "There is no transcript.", "train", kept=True)
        prepared = prepare_dataset(
            Dataset.from_list(mixed), tiny_processor(), ENCODER, output_dir=tmp_path / "out", problems=[earlier]
        )
        assert prepared["train"]["id"][:].tolist() == [row["id"] for row in rows]
        with (tmp_path / "out" / "skipped.jsonl").open() as file:
            lines = [json.loads(line) for line in file]
        assert lines[0] == earlier.to_row()
        assert [line["id"] for line in lines[1:]] == [row["id"] for row, _ in damaged]
        for line, (_, reason) in zip(lines[1:], damaged, strict=True):
            assert reason in line["reason"] and line["split"] == "train" and line["kept"] is False
        assert lines[1]["place"] == "train, row 1"
        info = load_prepared(tmp_path / "out").info
        assert info["counts"] == {"train": {"rows": 16, "kept": 6, "skipped": 10, "cut": 0}}

    def test_no_row_can_be_used(self, tmp_path):
        dataset = Dataset.from_list([{"id": "a", "text": "how", "label": "joy"}])
        with pytest.raises(ValueError, match="No row of the split 'train' can be used.*unknown label 'joy'"):
            prepare_dataset(dataset, tiny_processor(), ENCODER, output_dir=tmp_path / "out")
        assert not list(tmp_path.iterdir())

    def test_text_that_is_no_string(self):
        dataset = Dataset.from_list([{"id": "a", "text": 5, "label": "sad"}])
        with pytest.raises(ValueError, match="The text must be a string, got 5"):
            prepare_dataset(dataset, tiny_processor(), ENCODER)

    @pytest.mark.parametrize(
        ("columns", "message"),
        [
            ({"id": ["a"], "text": ["how"]}, "no column label; its columns are id, text"),
            ({"id": ["a"], "label": ["sad"]}, "no column audio or text; its columns are id, label"),
            ({"path": ["a"]}, "no column id, label, audio or text; its columns are path"),
        ],
    )
    def test_missing_columns(self, columns, message):
        with pytest.raises(ValueError, match=message):
            prepare_dataset(Dataset.from_dict(columns), tiny_processor(), ENCODER)


class TestLongUtterances:
    def test_sounds_and_texts_are_cut_and_noted(self, rows, tmp_path):
        rows[0]["text"] = "how nice a day " * 3
        prepared = prepare_dataset(
            Dataset.from_list(rows),
            tiny_processor(),
            ENCODER,
            output_dir=tmp_path / "out",
            max_audio_seconds=0.4,
            max_text_length=6,
        )["train"]
        assert [int(length) for length in prepared["speech_length"]] == [3_200, 4_000, 4_800, 0, 6_400, 6_400]
        np.testing.assert_array_equal(prepared[5]["input_values"], load_audio(rows[5]["audio"])[:6_400])
        assert prepared[0]["input_ids"].tolist() == [2, 5, 6, 9, 8, 3]
        reasons = {problem.id: problem.reason for problem in load_prepared(tmp_path / "out").problems}
        assert reasons == {
            "u0": "The text of 14 token ids was cut to 6.",
            "u3": "The text of 7 token ids was cut to 6.",
            "u5": "The text of 7 token ids was cut to 6. The sound of 0.45 s was cut to 0.4 s.",
        }
        assert all(problem.kept for problem in load_prepared(tmp_path / "out").problems)
        assert load_prepared(tmp_path / "out").info["counts"]["train"]["cut"] == 3

    def test_text_limit_is_kept_with_the_processor(self, rows, tmp_path):
        processor = tiny_processor()
        prepare_dataset(Dataset.from_list(rows), processor, ENCODER, output_dir=tmp_path / "out", max_text_length=6)
        reloaded = EmoBertProcessor.from_pretrained(load_prepared(tmp_path / "out").processor_dir)
        assert reloaded.max_text_length == 6 and processor.max_text_length == 16

    def test_sounds_are_left_out_if_asked(self, rows):
        prepared = prepare_dataset(
            Dataset.from_list(rows), tiny_processor(), ENCODER, max_audio_seconds=0.42, too_long="skip"
        )
        assert prepared["train"]["id"][:].tolist() == ["u0", "u1", "u2", "u3", "u4"]

    def test_whisper_has_a_limit_of_its_own(self, tmp_path):
        write_tone(tmp_path / "long.wav", 1.5)
        dataset = Dataset.from_list([{"id": "a", "audio": str(tmp_path / "long.wav"), "label": "sad"}])
        prepared = prepare_dataset(dataset, tiny_processor("whisper"), ENCODER, output_dir=tmp_path / "out")
        assert prepared["train"][0]["input_features"].shape == (100, 8)
        assert load_prepared(tmp_path / "out").problems[0].reason == "The sound of 1.50 s was cut to 1 s."

    def test_shortest_sound(self, tmp_path):
        write_tone(tmp_path / "short.wav", 0.05)
        dataset = Dataset.from_list([{"id": "a", "audio": str(tmp_path / "short.wav"), "label": "sad"}])
        prepared = prepare_dataset(dataset, tiny_processor(), ENCODER, min_audio_seconds=0.05)
        assert prepared["train"][0]["speech_length"] == 800

    @pytest.mark.parametrize(
        "options", [{"too_long": "drop"}, {"max_audio_seconds": 0}, {"max_text_length": -1}, {"min_audio_seconds": -1}]
    )
    def test_options_that_make_no_sense(self, rows, options):
        with pytest.raises(ValueError, match=f"{next(iter(options))} must"):
            prepare_dataset(Dataset.from_list(rows), tiny_processor(), ENCODER, **options)


class TestFolder:
    @pytest.fixture
    def prepare(self, rows, tmp_path):
        def prepare(rows=rows, processor=None, encoder=ENCODER, **options):
            splits = DatasetDict({"train": Dataset.from_list(rows[:4]), "test": Dataset.from_list(rows[4:])})
            return prepare_dataset(
                splits, processor or tiny_processor(), encoder, output_dir=tmp_path / "out", **options
            )

        return prepare

    def time_of(self, tmp_path):
        return (tmp_path / "out" / "preparation.json").stat().st_mtime_ns

    def test_contents(self, prepare, tmp_path):
        prepared = prepare(info={"corpus": "csv", "protocol": "given split"})
        loaded = load_prepared(tmp_path / "out")
        assert {name: as_lists(split) for name, split in loaded.datasets.items()} == {
            name: as_lists(split) for name, split in prepared.items()
        }
        assert loaded.label_encoder.to_dict() == ENCODER.to_dict()
        assert loaded.info["corpus"] == "csv" and loaded.info["protocol"] == "given split"
        assert loaded.info["problem_type"] == "single_label_classification"
        assert loaded.info["label2id"] == {"happy": 0, "sad": 1} and loaded.info["speech_column"] == "input_values"
        assert loaded.info["counts"]["test"] == {"rows": 2, "kept": 2, "skipped": 0, "cut": 0}
        assert isinstance(EmoBertProcessor.from_pretrained(loaded.processor_dir), EmoBertProcessor)
        assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "wav"]  # nothing is left over

    def test_same_input_is_used_as_it_is(self, prepare, tmp_path, caplog):
        first = prepare()
        before = self.time_of(tmp_path)
        used = tiny_processor()
        used(text=["how nice", "what a bad day"], return_tensors="pt")  # leaves its padding in the fast tokenizer
        with caplog.at_level(logging.INFO, logger="preprocess"):
            second = prepare(processor=used, num_proc=2)
        assert self.time_of(tmp_path) == before and "it is used as it is" in caplog.text
        assert as_lists(first["train"]) == as_lists(second["train"])

    @pytest.mark.parametrize(
        "change",
        [
            lambda rows: {"encoder": LabelEncoder("single_label_classification", {"sad": 0, "happy": 1})},
            lambda rows: {"processor": tiny_processor("normalized")},
            lambda rows: {"max_audio_seconds": 0.3},
            lambda rows: {"rows": [*rows[:-1], {**rows[-1], "text": "so bad"}]},
            lambda rows: {"rows": rows[:-1]},
            lambda rows: {"problems": [Problem("x", "y", "z")]},
            lambda rows: write_tone(rows[0]["audio"], 0.4) is None or {},
        ],
    )
    def test_other_input_is_prepared_again(self, prepare, rows, tmp_path, change):
        prepare()
        before = self.time_of(tmp_path)
        prepare(**change(rows))
        assert self.time_of(tmp_path) != before
        assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "wav"]

    def test_failure_leaves_the_old_one(self, prepare, rows, tmp_path):
        prepare()
        before = self.time_of(tmp_path)
        with pytest.raises(ValueError, match="No row of the split 'test'"):
            prepare(rows=[*rows[:4], {**rows[4], "label": "joy"}])
        assert self.time_of(tmp_path) == before and len(load_prepared(tmp_path / "out").datasets["test"]) == 2

    def test_folder_of_something_else_is_not_replaced(self, prepare, tmp_path):
        (tmp_path / "out").mkdir()
        (tmp_path / "out" / "thesis.txt").write_text("precious")
        with pytest.raises(ValueError, match="not a prepared dataset"):
            prepare()
        assert (tmp_path / "out" / "thesis.txt").read_text() == "precious"

    def test_empty_folder(self, prepare, tmp_path):
        (tmp_path / "out").mkdir()
        assert set(prepare()) == {"train", "test"}

    def test_load_something_else(self, tmp_path):
        with pytest.raises(ValueError, match="there is no preparation.json"):
            load_prepared(tmp_path)

    def test_without_a_folder_the_cache_is_used(self, rows, tmp_path):
        dataset = Dataset.from_list(rows)
        first = prepare_dataset(dataset, tiny_processor(), ENCODER)["train"]
        second = prepare_dataset(Dataset.from_list(rows), tiny_processor(), ENCODER)["train"]
        assert first.cache_files == second.cache_files and len(first.cache_files) == 1
        assert as_lists(first) == as_lists(second)
