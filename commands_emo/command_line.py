"""`emobert <command>`: the table of commands, their help, and how they end.

A command is a module with a function `run` and a docstring, which is its help. It is imported when its arguments have
been read: a wrong flag is told of at once, and not after PyTorch was imported.
"""

from __future__ import annotations

import argparse
import ast
import os
import re
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from configuration_emo import parse_arguments

from .arguments import (
    DataArguments,
    EncoderArguments,
    EvaluationArguments,
    LoraArguments,
    ModelArguments,
    PreparationArguments,
    ServeArguments,
)
from .other_scripts import refused_flags
from .prediction_arguments import PredictionArguments
from .runs_arguments import CrossCorpusArguments, CrossValidationArguments
from .score_arguments import ScoreArguments
from .search_arguments import SearchArguments


# Set to 1 it shows where in the code an error came from.
TRACEBACK_VARIABLE = "EMOBERT_TRACEBACK"
# Of what the system, or the Hub, says of a file.
MOST_CHARACTERS = 300


class Command(NamedTuple):
    """One command.

    Args:
        module (`str`): where its `run` is.
        section (`str`): the section of a configuration file that it reads.
        arguments (callable): the dataclasses of its arguments, in the order in which `run` takes them.
    """

    module: str
    section: str
    arguments: Callable[[], tuple[type, ...]]


def _training_arguments() -> tuple[type, ...]:
    from modeling_emo import EmoBertTrainingArguments  # with PyTorch: only those who train wait for it

    return ModelArguments, DataArguments, EmoBertTrainingArguments, LoraArguments


COMMANDS = {
    "prepare": Command("prepare", "prepare", lambda: (EncoderArguments, PreparationArguments)),
    "train": Command("train", "train", _training_arguments),
    "evaluate": Command("evaluate", "evaluate", lambda: (EvaluationArguments,)),
    "score": Command("score", "score", lambda: (ScoreArguments,)),
    "cross-validate": Command("cross_validate", "cross_validation", lambda: (CrossValidationArguments,)),
    "cross-corpus": Command("cross_corpus", "cross_corpus", lambda: (CrossCorpusArguments,)),
    "search": Command("search", "search", lambda: (SearchArguments,)),
    "predict": Command("predict", "predict", lambda: (PredictionArguments,)),
    "serve": Command("serve", "serve", lambda: (ServeArguments,)),
}
# Command lines of their own, by what stands behind `emobert`: the module of modeling_emo whose `main` takes the rest.
OTHERS = {
    ("convert", "emotion2vec"): "conversion.convert_emotion2vec_to_hf",
    ("convert", "emobert"): "conversion.convert_emobert_fairseq_to_hf",
    ("convert", "speech-bert"): "conversion.convert_speech_bert_fairseq_to_hf",
    ("convert", "vq-wav2vec"): "conversion.convert_vq_wav2vec_fairseq_to_hf",
    ("export", "onnx"): "export.to_onnx",
}


def main(arguments: Sequence[str] | None = None) -> None:
    """The program `emobert`.

    Args:
        arguments (sequence of `str`, *optional*): the command and its arguments; those of the process if left out.

    Raises:
        SystemExit: with 0 after a help text, 1 after an error in the input, 2 where the command or a flag is missing.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given and given[0] in COMMANDS:
        run_script(given[0], given[1:])
    elif given[:2] in map(list, OTHERS):
        name = " ".join(given[:2])
        end_clearly(name, lambda: _run_other(name, given[2:]))
    else:
        _overview().parse_args(given)


def run_script(command: str, arguments: Sequence[str] | None = None) -> None:
    """Runs a command as a program: what is wrong with the input is said in two lines, without a traceback.

    Args:
        command (`str`): a key of the table.
        arguments (sequence of `str`, *optional*): flags, after a configuration file if one is given; those of the
            process if left out.
    """
    end_clearly(command, lambda: run_command(command, arguments))


def run_command(command: str, arguments: Sequence[str] | None = None) -> None:
    """Runs a command in this process.

    Args:
        command, arguments: as of [`run_script`].

    Raises:
        ValueError: the command is unknown, or what its arguments name cannot be used.
    """
    parsed = parse_command(command, arguments)
    import_module(f"{__package__}.{COMMANDS[command].module}").run(*parsed)


def parse_command(command: str, arguments: Sequence[str] | None = None) -> tuple:
    """The arguments of a command, an instance of each of its dataclasses.

    Args:
        command, arguments: as of [`run_script`].

    Raises:
        ValueError: the command is unknown, the configuration file cannot be read or has an unknown argument.
    """
    if command not in COMMANDS:
        raise ValueError(f"There is no command {command!r}; there are {', '.join(COMMANDS)}.")
    given = COMMANDS[command]
    return parse_arguments(
        given.section,
        *given.arguments(),
        arguments=None if arguments is None else list(arguments),
        refused=refused_flags(command),
        prog=f"emobert {command}",
        usage=f"emobert {command} [FILE.yaml] [--flag value ...]",
        description=_docstring(given.module),
        formatter_class=_Help,
    )


class _Help(argparse.RawDescriptionHelpFormatter):
    """The docstring as it is, and behind each flag its default, or that it has to be given."""

    def _get_help_string(self, action: argparse.Action) -> str:
        said = action.help or ""
        if action.required:
            return f"{said} (required)"
        if action.default in (None, False, [], "", argparse.SUPPRESS) or "%(default)" in said:
            return said
        return f"{said} (default: %(default)s)"


def _docstring(module: str) -> str:
    """A module's docstring, without importing what the module imports."""
    spec = find_spec(f"{__package__}.{module}")
    assert spec is not None and spec.origin is not None
    return ast.get_docstring(ast.parse(Path(spec.origin).read_text(encoding="utf-8"))) or ""


def _overview() -> argparse.ArgumentParser:
    """What `emobert --help` shows, and what refuses an unknown command."""
    purposes = {name: _docstring(command.module).splitlines()[0] for name, command in COMMANDS.items()}
    lines = [f"  {name:20} {re.split('[:,.]', purpose)[0]}" for name, purpose in purposes.items()]
    lines += [f"  {' '.join(name):20} see emobert {' '.join(name)} --help" for name in OTHERS]
    parser = argparse.ArgumentParser(
        prog="emobert",
        usage="emobert <command> [FILE.yaml] [--flag value ...]",
        description="Speech-and-text emotion recognition.\n\ncommands:\n" + "\n".join(lines),
        epilog="emobert <command> --help shows the flags of a command.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    names = [*COMMANDS, *dict.fromkeys(first for first, _ in OTHERS)]
    parser.add_argument("command", choices=names, help=argparse.SUPPRESS)
    parser.add_argument("what", nargs="?", choices=[second for _, second in OTHERS], help=argparse.SUPPRESS)
    return parser


def _run_other(name: str, arguments: Sequence[str]) -> None:
    program, sys.argv[0] = sys.argv[0], f"emobert {name}"  # what argparse calls the program
    try:
        group, kind = name.split()
        import_module(f"modeling_emo.{OTHERS[group, kind]}").main(list(arguments))
    finally:
        sys.argv[0] = program


def end_clearly(name: str, act: Callable[[], None]) -> None:
    """Acts, and ends the program where that fails at its input, or at a file: two lines and status 1.

    Args:
        name (`str`): of the command.
        act (callable): what it does.
    """
    try:
        act()
    except ValueError as error:
        if os.environ.get(TRACEBACK_VARIABLE) == "1":
            raise
        print(f"emobert {name}: {error}", file=sys.stderr)
        raise SystemExit(1) from error
    except OSError as error:  # of files and folders, and of the Hub
        if os.environ.get(TRACEBACK_VARIABLE) == "1" or isinstance(error, BrokenPipeError):
            raise
        said = f"{error.filename}: {error.strerror}" if error.filename and error.strerror else f"{error}".strip()
        first = said.splitlines()[0][:MOST_CHARACTERS] if said else type(error).__name__
        print(f"emobert {name}: {first}\n{TRACEBACK_VARIABLE}=1 shows where that happened.", file=sys.stderr)
        raise SystemExit(1) from error
