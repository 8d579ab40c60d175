"""The program `emobert`: its help, its errors, and the command lines behind it."""

import subprocess
import sys
from pathlib import Path

import pytest
from transformers import Wav2Vec2FeatureExtractor

from commands_emo.command_line import (
    COMMANDS,
    OTHERS,
    TRACEBACK_VARIABLE,
    end_clearly,
    main,
    parse_command,
    run_command,
)


ROOT = Path(__file__).resolve().parent.parent.parent


def run(*arguments, **environment):
    command = [sys.executable, "-m", "commands_emo", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=environment or None)


def test_help_names_every_command(capsys):
    with pytest.raises(SystemExit) as end:
        main(["--help"])
    shown = capsys.readouterr().out
    assert end.value.code == 0
    assert all(f"\n  {name} " in shown for name in (*COMMANDS, *map(" ".join, OTHERS)))
    assert max(map(len, shown.splitlines())) < 120


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_a_command(capsys, command):
    with pytest.raises(SystemExit) as end:
        main([command, "--help"])
    shown = capsys.readouterr().out
    assert end.value.code == 0
    assert shown.startswith(f"usage: emobert {command} [FILE.yaml] [--flag value ...]\n")
    assert f"    emobert {command} " in shown  # an example of its docstring
    assert ("(required)" in shown) == (command != "serve") and "(default: None)" not in shown


@pytest.mark.parametrize("command", [name for name in COMMANDS if name != "train"])
def test_help_does_not_wait_for_pytorch(command):
    script = (
        "import sys; from commands_emo.command_line import parse_command, COMMANDS\n"
        f"try: parse_command({command!r}, ['--help'])\n"
        "except SystemExit: print('torch' in sys.modules, 'datasets' in sys.modules)"
    )
    ended = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True)
    assert ended.stdout.endswith("False False\n")


@pytest.mark.parametrize(("group", "name"), OTHERS)
def test_other_command_lines_show_their_own_help(capsys, group, name):
    with pytest.raises(SystemExit) as end:
        main([group, name, "--help"])
    assert end.value.code == 0
    assert capsys.readouterr().out.startswith(f"usage: emobert {group} {name} ")


@pytest.mark.parametrize("given", [["trian"], ["convert", "wav2vec"], ["predict", "--top_k", "1"], []])
def test_unknown_commands_and_what_is_missing_end_with_the_usage(capsys, given):
    with pytest.raises(SystemExit) as end:
        main(given)
    assert end.value.code == 2
    assert "usage: emobert" in capsys.readouterr().err


@pytest.mark.parametrize("given", [["predict", "--modle", "x"], ["predict", "call.wav"]])
def test_what_is_no_flag_is_said_in_one_line(capsys, given):
    with pytest.raises(SystemExit) as end:
        main(given)
    said = capsys.readouterr().err
    assert end.value.code == 1 and said.startswith("emobert predict: ") and said.count("\n") == 1
    assert "did you mean --model" in said or "as in --model my_model" in said


def test_an_error_is_said_without_a_traceback_unless_it_is_asked_for(tmp_path):
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("predict: {modle: x}\n")
    ended = run("predict", wrong)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith(f"emobert predict: {wrong}: unknown argument modle; did you mean model?")
    assert "Traceback" not in ended.stderr
    ended = run("predict", wrong, **{TRACEBACK_VARIABLE: "1", "PATH": ""})
    assert ended.returncode == 1 and "Traceback" in ended.stderr


def test_what_the_system_says_of_a_file_is_said_without_a_traceback(tmp_path, capsys):
    (tmp_path / "file").write_text("")

    def act():
        (tmp_path / "file").mkdir()

    with pytest.raises(SystemExit) as end:
        end_clearly("train", act)
    assert end.value.code == 1
    assert capsys.readouterr().err == (
        f"emobert train: {tmp_path / 'file'}: File exists\nEMOBERT_TRACEBACK=1 shows where that happened.\n"
    )


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["--corpus", "csv"], "Nothing says where the corpus csv is: give --data_dir"),
        (["--corpus", "csv", "--data_dir", "d", "--num_proc", "0"], "num_proc must be a whole number of at least 1"),
        (["--corpus", "csv", "--data_dir", "d", "--labels", "a", "b", "a"], "--labels names 'a' 2 times"),
    ],
)
def test_what_prepare_refuses_at_once(given, message):
    with pytest.raises(ValueError, match=message):
        run_command("prepare", [*given, "--output_dir", "o", "--text_model", "t", "--speech_model", "s"])


@pytest.mark.parametrize(
    ("broken", "what"), [("text", "text encoder with a tokenizer"), ("speech", "feature extractor")]
)
def test_prepare_names_the_encoder_that_cannot_be_loaded(tmp_path, broken, what):
    (tmp_path / "t.csv").write_text("text,label\nhow nice,happy\n")
    if broken == "text":
        Wav2Vec2FeatureExtractor().save_pretrained(tmp_path)
    flags = ["--data_dir", str(tmp_path / "t.csv"), "--output_dir", str(tmp_path / "out"), "--corpus", "csv"]
    with pytest.raises(ValueError, match=f"{tmp_path} holds no {what} that can be loaded") as caught:
        run_command("prepare", [*flags, "--text_model", str(tmp_path), "--speech_model", str(tmp_path)])
    assert str(caught.value).count("\n") == 1


def test_a_command_that_there_is_not():
    with pytest.raises(ValueError, match="no command 'fit'; there are prepare, train, evaluate"):
        run_command("fit")


def test_the_file_of_a_cross_validation_is_known(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("cross_validation: {output_dir: out, protocol: leave-one-speaker-out}\n")
    (arguments,) = parse_command("cross-validate", [str(path), "--seeds", "1", "2"])
    assert (arguments.config_file, arguments.seeds) == (str(path), [1, 2])
    with pytest.raises(ValueError, match="The first argument is the configuration file with the sections"):
        run_command("cross-validate", ["--output_dir", "out", "--protocol", "leave-one-speaker-out"])


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ("happy", {"happy": "happy"}),
        ("happy, sad", {"happy": "happy", "sad": "sad"}),
        ("hap=joy,ang=anger", {"hap": "joy", "ang": "anger"}),
        ('{"hap": "joy"}', {"hap": "joy"}),
        (None, None),
    ],
)
def test_labels_as_they_are_typed(labels, expected):
    given = ["--model", "m", *([] if labels is None else ["--labels", labels])]
    assert parse_command("predict", given)[0].labels == expected


def test_parts_of_one_table_are_options_of_its_reader():
    given = ["--corpus", "csv", "--output_dir", "o", "--text_model", "t", "--speech_model", "s"]
    _, alone = parse_command("prepare", given)
    _, divided = parse_command("prepare", [*given, "--validation_fraction", "0.1", "--test_fraction", "0.2"])
    common = {"by": "speaker", "seed": 0}
    assert alone.corpus_options == {}
    assert divided.corpus_options == divided.record()["corpus_options"]
    assert divided.corpus_options == {
        "validation_from_train": {**common, "fraction": 0.1},
        "test_from_train": {**common, "fraction": 0.2},
    }
