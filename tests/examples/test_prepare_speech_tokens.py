"""The preparation script with speech tokens: in one process, in two, killed and started again."""

import csv
import json
import os
import signal
import subprocess
import sys
import time

import psutil
import pytest
import soundfile
from datasets import load_from_disk

from commands_emo.arguments import PreparationArguments
from modeling_emo.conversion import convert_speech_bert_fairseq_to_hf, convert_vq_wav2vec_fairseq_to_hf
from tests.examples.conftest import ROOT
from tests.fairseq_fixtures import REFERENCE, reference_waves


ROWS = {"train": 260, "test": 40}
TWO_PROCESSES = ("accelerate.commands.launch", "--multi_gpu", "--num_processes", 2, "--main_process_port", 0)


@pytest.fixture(scope="module")
def arguments(encoders, tmp_path_factory):
    """The command line but for the output: the reference's models converted, and a table of 300 rows over 7 sounds."""
    folder = tmp_path_factory.mktemp("speech_tokens")
    vq_wav2vec = REFERENCE / "vq_wav2vec" / "tiny_kmeans_readme.pt"
    convert_vq_wav2vec_fairseq_to_hf.main(["--checkpoint", str(vq_wav2vec), "--output_dir", str(folder / "vq")])
    tokenization = REFERENCE / "tokenization"
    convert_speech_bert_fairseq_to_hf.main(
        ["--checkpoint", str(tokenization / "bert_kmeans.pt"), "--dict", str(tokenization / "dict.txt")]
        + ["--output_dir", str(folder / "bert")]
    )
    sounds = [wave[:12_000] for wave in reference_waves()[:5]]
    sounds += [reference_waves()[0][:464], reference_waves()[4].repeat(2)]  # too short for a token, and too long
    for index, sound in enumerate(sounds):
        soundfile.write(folder / f"{index}.wav", sound, 16_000, subtype="FLOAT")
    for split, count in ROWS.items():
        with (folder / f"{split}.csv").open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["id", "audio", "text", "label"])
            for row in range(count):
                sound = {3: 5, 7: 6}.get(row, row % 5)
                writer.writerow([f"{split}_{row}", f"{sound}.wav", "the day was fine", ("sad", "happy")[row % 2]])
    options = {
        "corpus": "csv",
        "data_dir": folder,
        "text_model": encoders / "text",
        "speech_model": folder / "bert",
        "speech_tokenizer": folder / "vq",
        "long_audio": "split",
    }
    return [part for name, value in options.items() for part in (f"--{name}", value)]


def start(arguments, output_dir, *options, launch=()):
    script = ROOT / "examples" / "prepare_dataset.py"
    command = [sys.executable, *(["-m", *launch] if launch else []), script, *arguments, "--output_dir", output_dir]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "true", "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        [str(part) for part in (*command, *options)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(*arguments, **kwargs):
    process = start(*arguments, **kwargs)
    printed, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors[-4000:]
    return printed


def result_of(output_dir):
    """All that a preparation leaves, but for the names of its Arrow files."""
    datasets = load_from_disk(output_dir)
    rows = {name: split.with_format(None).to_list() for name, split in datasets.items()}
    return rows, *((output_dir / name).read_text() for name in ("preparation.json", "skipped.jsonl"))


@pytest.fixture(scope="module")
def one_process(arguments, tmp_path_factory):
    output_dir = tmp_path_factory.mktemp("one") / "data"
    printed = run(arguments, output_dir)
    assert f"speech tokenised by 1 process(es): {output_dir}_tokens" in printed
    return result_of(output_dir)


def test_the_rows_are_the_sounds_tokens(one_process):
    rows, _, skipped = one_process
    # 73 frames of 12,000 samples. The second of the two rows of the long sound follows the first.
    assert [row["speech_length"] for row in rows["test"][:3]] == [30, 75, 75]
    assert [row["id"] for row in rows["test"]][:8] == [f"test_{name}" for name in (0, 1, 2, 4, 5, 6, "7#0", "7#1")]
    assert [row["speech_length"] for row in rows["test"]][6:8] == [401, 401]  # 798 frames
    clips = json.loads((REFERENCE / "tokenization" / "token_ids.json").read_text())["tiny_kmeans_readme"]
    assert rows["test"][0]["speech_input_ids"] == next(clip["ids"] for clip in clips if clip["clip"] == 0)
    assert (len(rows["train"]), len(rows["test"])) == (260, 40)  # one row of each was left out, one was split
    assert "The sound has 464 samples at 16000 Hz, but one speech token takes 465." in skipped
    assert "The 800 speech ids were split into 2 rows." in skipped


def test_two_processes_killed_and_started_again_give_the_same_dataset(arguments, one_process, tmp_path):
    output_dir, tokens_dir = tmp_path / "data", tmp_path / "tokens"
    options = ("--tokens_dir", tokens_dir, "--num_processes", 2)
    process = start(arguments, output_dir, *options, launch=TWO_PROCESSES)
    try:
        deadline = time.monotonic() + 120
        while sum(path.read_bytes().count(b"\n") for path in tokens_dir.glob("journal/*")) < 40:
            assert process.poll() is None and time.monotonic() < deadline, process.communicate()[1][-4000:]
            time.sleep(0.002)
    finally:
        launched = psutil.Process(process.pid)
        for killed in (*launched.children(recursive=True), launched):
            os.kill(killed.pid, signal.SIGKILL)
        process.communicate()
    num_finished = sum(path.read_bytes().count(b"\n") for path in tokens_dir.glob("journal/*"))
    assert 40 <= num_finished < sum(ROWS.values())
    assert not output_dir.exists()

    printed = run(arguments, output_dir, *options, launch=TWO_PROCESSES)
    assert printed.count("speech tokenised by 2 process(es)") == printed.count("train: 260 utterances") == 1
    assert result_of(output_dir) == one_process


@pytest.mark.slow
def test_two_processes_give_the_same_dataset(arguments, one_process, tmp_path):
    printed = run(arguments, tmp_path / "data", "--num_processes", 2, launch=TWO_PROCESSES)
    assert "speech tokenised by 2 process(es)" in printed
    assert result_of(tmp_path / "data") == one_process


@pytest.mark.slow
def test_a_launcher_that_starts_one_process_is_found_out(arguments, tmp_path):
    launch = ("accelerate.commands.launch", "--cpu", "--num_processes", 2)
    process = start(arguments, tmp_path / "data", "--num_processes", 2, launch=launch)
    _, errors = process.communicate(timeout=120)
    assert process.returncode != 0
    assert "2 processes were asked for, but 1 work together" in errors
    assert not (tmp_path / "data").exists()


def test_options_that_would_do_nothing_are_refused():
    given = {"corpus": "csv", "output_dir": "out/"}
    with pytest.raises(ValueError, match=r"max_audio_seconds \(20\) cuts waveforms"):
        PreparationArguments(**given, speech_tokenizer="vq", max_audio_seconds=20)
    for option in ({"tokens_dir": "tokens"}, {"long_audio": "split"}):
        with pytest.raises(ValueError, match="give a speech_tokenizer as well"):
            PreparationArguments(**given, **option)
    assert PreparationArguments(**given, speech_tokenizer="vq").tokens_dir == "out_tokens"
