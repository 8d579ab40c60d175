import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
from datasets import Dataset, load_from_disk
from filelock import FileLock

from preprocess.speech_tokens.speech_tokenization import tokenize_speech
from preprocess.speech_tokens.speech_tokenizer import SpeechTokenizer
from preprocess.speech_tokens.tokenization_journal import TokenizationJournal, TokenizedRow
from tests.fairseq_fixtures import REFERENCE, reference_waves
from tests.preprocess.speech_tokens.tokenize_corpus import corpus_of, reference_model


SCRIPT = Path(__file__).with_name("tokenize_corpus.py")
NUM_CLIPS = 80


@pytest.fixture(scope="module")
def wav_folder(tmp_path_factory):
    """Excerpts of the reference clips, one of them too short for a token and the second longer than 300 ids."""
    folder = tmp_path_factory.mktemp("wavs")
    generator = np.random.default_rng(0)
    waves = reference_waves()
    for index in range(NUM_CLIPS):
        clip = waves[index % 4][: generator.integers(465, 6_000)]
        clip = {1: waves[4], 6: waves[0][:464]}.get(index, clip)
        soundfile.write(folder / f"{index:03d}.wav", clip, 16_000, subtype="FLOAT")
    return folder


@pytest.fixture(scope="module")
def reference_run(wav_folder, tmp_path_factory):
    """The corpus tokenised here, in one go."""
    model, tokenizer = reference_model()
    output_dir = tmp_path_factory.mktemp("tokens") / "corpus"
    return tokenize_speech(corpus_of(wav_folder), model, tokenizer, output_dir), output_dir


def command(*arguments, processes=1):
    launch = [
        "-m",
        "accelerate.commands.launch",
        "--multi_gpu",
        "--num_processes",
        str(processes),
        "--main_process_port=0",
    ]
    return [sys.executable, *(launch if processes > 1 else []), str(SCRIPT), *map(str, arguments)]


def environment():
    return {
        **os.environ,
        "ACCELERATE_USE_CPU": "true",
        "OMP_NUM_THREADS": "1",
        "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
    }


def run(*arguments, processes=1):
    result = subprocess.run(
        command(*arguments, processes=processes), env=environment(), capture_output=True, text=True, timeout=300
    )
    assert result.returncode == 0, result.stderr
    found = re.findall(r"process (\d) of (\d): (\d+) clips", result.stdout)
    return {int(process): int(clips) for process, of, clips in found if int(of) == processes}


def rows_of(output_dir):
    return {name: split.with_format(None).to_list() for name, split in load_from_disk(output_dir / "dataset").items()}


def journal_rows(output_dir):
    return [line for path in sorted(output_dir.glob("journal/*.jsonl")) for line in path.read_bytes().splitlines(True)]


class TestOneProcess:
    def test_ids_are_the_reference_s(self, tmp_path):
        waves = reference_waves()[:5]
        for index, wave in enumerate(waves):
            soundfile.write(tmp_path / f"{index}.wav", wave, 16_000, subtype="FLOAT")
        rows = [{"id": str(index), "audio": str(tmp_path / f"{index}.wav")} for index in range(5)]
        model, tokenizer = reference_model()
        tokenizer = SpeechTokenizer(tokenizer.dictionary, max_length=600)
        tokenization = tokenize_speech(Dataset.from_list(rows), model, tokenizer, tmp_path / "out")
        expected = json.loads((REFERENCE / "tokenization" / "token_ids.json").read_text())["tiny_kmeans_readme"]
        ids = [entry["ids"] for entry in expected if entry["kind"] == "f32"]
        assert tokenization.datasets["train"]["speech_input_ids"][:] == ids
        assert tokenization.problems == []

    def test_rows_keep_their_order_and_columns(self, reference_run, wav_folder):
        datasets = reference_run[0].datasets
        corpus = corpus_of(wav_folder)
        for name, split in corpus.items():
            assert datasets[name]["id"][:] == split["id"][:]
            assert datasets[name]["text"][:] == split["text"][:]
        columns = ["id", "text", "speech_input_ids", "speech_length", "problem"]
        assert datasets["train"].column_names == columns

    def test_unusable_sounds_are_problems_and_absent_ones_are_not(self, reference_run):
        rows = {row["id"]: row for row in reference_run[0].datasets["train"]}
        assert "missing.wav" in rows["missing"]["problem"]
        assert rows["006"]["problem"] == "The sound has 464 samples at 16000 Hz, but one speech token takes 465."
        assert rows["silent"]["problem"] is None
        for row in ("missing", "006", "silent"):
            assert (rows[row]["speech_input_ids"], rows[row]["speech_length"]) == ([], 0)
        assert sum(row["problem"] is not None for row in rows.values()) == 2

    def test_long_sounds_are_cut_and_listed(self, reference_run):
        tokenization, _ = reference_run
        [problem] = tokenization.problems
        assert (problem.id, problem.kept, problem.split) == ("001", True, "train")
        assert problem.reason == "The 400 speech ids were cut to 300."
        row = next(row for row in tokenization.datasets["train"] if row["id"] == "001")
        assert (row["speech_length"], row["speech_input_ids"][-1]) == (300, 2)

    def test_or_split(self, wav_folder, tmp_path):
        rows = [{"id": name, "audio": str(wav_folder / f"{name}.wav"), "label": "sad"} for name in ("000", "001")]
        model, tokenizer = reference_model()
        dataset = Dataset.from_list(rows)
        tokenization = tokenize_speech(dataset, model, tokenizer, tmp_path / "out", long_audio="split")
        found = tokenization.datasets["train"]
        assert found["id"][:] == ["000", "001#0", "001#1"]
        assert found["label"][:] == ["sad"] * 3
        assert found["speech_length"][1:] == [201, 201]  # 398 frames
        assert [problem.reason for problem in tokenization.problems] == ["The 400 speech ids were split into 2 rows."]

    def test_a_finished_folder_is_used_as_it_is(self, reference_run, wav_folder):
        model, tokenizer = reference_model()
        model.encode = None  # not called
        tokenization = tokenize_speech(corpus_of(wav_folder), model, tokenizer, reference_run[1])
        assert tokenization.datasets["train"].to_list() == reference_run[0].datasets["train"].to_list()
        assert tokenization.problems == reference_run[0].problems

    @pytest.mark.parametrize("batch_size", [1, 7])
    def test_the_batch_size_does_not_matter(self, reference_run, wav_folder, tmp_path, batch_size):
        model, tokenizer = reference_model()
        tokenize_speech(corpus_of(wav_folder), model, tokenizer, tmp_path / "out", batch_size=batch_size)
        assert rows_of(tmp_path / "out") == rows_of(reference_run[1])


class TestManyProcesses:
    def test_two_processes_share_the_work_and_give_the_same_dataset(self, wav_folder, reference_run, tmp_path):
        clips = run(wav_folder, tmp_path / "out", "--num_processes", 2, processes=2)
        # Shards of 32 rows: the first and third go to one process, the second and the small split to the other.
        assert sorted(clips) == [0, 1]
        assert min(clips.values()) > 0
        assert sum(clips.values()) == NUM_CLIPS - 1  # the one that is too short is never encoded
        assert rows_of(tmp_path / "out") == rows_of(reference_run[1])

    @pytest.mark.parametrize("restart_processes", [1, pytest.param(2, marks=pytest.mark.slow)])
    def test_a_killed_run_goes_on_without_losing_or_redoing_a_row(
        self, wav_folder, reference_run, tmp_path, restart_processes
    ):
        output_dir = tmp_path / "out"
        process = subprocess.Popen(command(wav_folder, output_dir, "--pause", 0.05), env=environment())
        try:
            deadline = time.monotonic() + 120
            while len(journal_rows(output_dir)) < 20:
                assert process.poll() is None and time.monotonic() < deadline, "it ended before it could be killed"
                time.sleep(0.01)
        finally:
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
        finished = [line for line in journal_rows(output_dir) if line.endswith(b"\n")]
        assert 20 <= len(finished) < NUM_CLIPS
        assert not (output_dir / "dataset").exists()

        clips = run(wav_folder, output_dir, processes=restart_processes)
        encoded_before = sum(bool(json.loads(line)["pieces"]) for line in finished)
        assert sum(clips.values()) == NUM_CLIPS - 1 - encoded_before
        assert rows_of(output_dir) == rows_of(reference_run[1])
        assert not (output_dir / "journal").exists()

    def test_a_run_waits_for_what_a_killed_launcher_left_at_work(self, wav_folder, reference_run, tmp_path, caplog):
        """`kill -9` of `accelerate launch` does not end the processes that it started."""
        runs = []
        thread = threading.Thread(
            target=lambda: runs.append(tokenize_speech(corpus_of(wav_folder), *reference_model(), tmp_path))
        )
        with FileLock(tmp_path / "process-1.lock"):
            thread.start()
            while "Another run works in" not in caplog.text:
                assert thread.is_alive()
                time.sleep(0.01)
            assert not (tmp_path / "tokenization.json").exists()
        thread.join()
        assert rows_of(tmp_path) == rows_of(reference_run[1]) and len(runs) == 1

    def test_another_number_of_processes_than_asked_for_is_refused(self, wav_folder, tmp_path):
        model, tokenizer = reference_model()
        # What `accelerate launch --cpu --num_processes 2` starts is one such process.
        with pytest.raises(
            ValueError, match=r"2 processes were asked for, but 1 work together.*--multi_gpu --num_processes 2"
        ):
            tokenize_speech(corpus_of(wav_folder), model, tokenizer, tmp_path / "out", num_processes=2)


class TestFolders:
    def test_tokens_of_something_else_are_not_replaced(self, reference_run, wav_folder, tmp_path):
        model, tokenizer = reference_model()
        corpus = corpus_of(wav_folder)
        with pytest.raises(ValueError, match="holds tokens of other sounds"):
            tokenize_speech(corpus, model, tokenizer, reference_run[1], long_audio="split")
        model.vector_quantizer.codebook.data[0, 0, 0] += 1
        with pytest.raises(ValueError, match="holds tokens of other sounds"):
            tokenize_speech(corpus, model, tokenizer, reference_run[1])
        (tmp_path / "journal").mkdir()
        (tmp_path / "journal" / "notes.txt").write_text("mine")
        with pytest.raises(ValueError, match="is not a tokenised corpus"):
            tokenize_speech(corpus, model, tokenizer, tmp_path)
        assert [path.name for path in tmp_path.rglob("*")] == ["journal", "notes.txt"]

    def test_a_run_killed_before_its_record_is_no_obstacle(self, reference_run, wav_folder, tmp_path):
        (tmp_path / "journal").mkdir()
        for name in ("process-0.lock", "tokenization.unfinished"):
            (tmp_path / name).touch()
        tokenize_speech(corpus_of(wav_folder), *reference_model(), tmp_path)
        assert rows_of(tmp_path) == rows_of(reference_run[1])

    def test_missing_columns_are_named(self, tmp_path):
        model, tokenizer = reference_model()
        with pytest.raises(ValueError, match=r"'train' has no column id, audio; its columns are text"):
            tokenize_speech(Dataset.from_dict({"text": ["a"]}), model, tokenizer, tmp_path / "out")
        with pytest.raises(ValueError, match="long_audio must be one of truncate, split"):
            tokenize_speech(Dataset.from_dict({"text": ["a"]}), model, tokenizer, tmp_path, long_audio="keep")


def test_a_journal_drops_the_line_that_was_being_written(tmp_path):
    journal = TokenizationJournal(tmp_path / "shard.jsonl")
    assert journal.resume() == 0
    rows = [TokenizedRow([[0, 5, 2]], num_ids=3), TokenizedRow(problem="gone\nfor ever")]
    for row in rows:
        journal.append(row)
    with journal.path.open("ab") as file:
        file.write(b'{"pieces": [[0, 5')
    assert journal.resume() == 2
    journal.append(TokenizedRow())
    assert list(journal) == [*rows, TokenizedRow()]


def test_damaged_tokens_are_found_and_made_again(wav_folder, reference_run, tmp_path, caplog):
    shutil.copytree(reference_run[1], tmp_path / "corpus")
    expected = rows_of(tmp_path / "corpus")
    arrow = sorted((tmp_path / "corpus" / "dataset").rglob("*.arrow"))[0]
    content = bytearray(arrow.read_bytes())
    content[len(content) // 2 :] = bytes(len(content) - len(content) // 2)
    arrow.write_bytes(content)
    model, tokenizer = reference_model()
    tokenize_speech(corpus_of(wav_folder), model, tokenizer, tmp_path / "corpus")
    assert f"{arrow} has another content than when it was sealed" in caplog.text
    assert rows_of(tmp_path / "corpus") == expected


def test_a_damaged_line_of_a_journal_is_tokenised_again(tmp_path):
    journal = TokenizationJournal(tmp_path / "a.jsonl")
    for number in range(4):
        journal.append(TokenizedRow([[0, number, 2]], 3))
    lines = journal.path.read_bytes().splitlines(keepends=True)
    for damaged in (bytes(len(lines[2])), b'{"pieces": 1\n', b'{"other": 1}\n'):
        journal.path.write_bytes(b"".join([*lines[:2], damaged, lines[3]]))
        assert journal.resume() == 2
        assert [row.pieces for row in journal] == [[[0, 0, 2]], [[0, 1, 2]]]
