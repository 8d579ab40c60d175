"""Dataclasses of arguments from flags and from one section of a YAML or JSON file; flags win over the file."""

from __future__ import annotations

import argparse
import difflib
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

from transformers import HfArgumentParser

from .structured_text import parse_json, read_json, read_yaml


CONFIG_SUFFIXES = (".yaml", ".yml", ".json")
# Arguments that an error lists; of more it says where they are.
MOST_LISTED = 40


def as_mapping(value: dict | str | None) -> dict[str, Any]:
    """A mapping as it is, or read from JSON.

    Raises:
        ValueError: it is text but not a JSON object.
    """
    if value is None or isinstance(value, dict):
        return dict(value or {})
    try:
        mapping = parse_json(value, "It")
    except ValueError as error:
        raise ValueError(f"Expected a JSON object, got {value!r:.200}. {error}") from error
    if not isinstance(mapping, dict):
        raise ValueError(f"Expected a JSON object, got {value!r}.")
    return mapping


def parse_arguments(
    section: str,
    *argument_classes: type,
    arguments: list[str] | None = None,
    refused: Mapping[str, str] | None = None,
    **description: Any,
) -> tuple:
    """One instance of each dataclass, from `sys.argv` or `arguments`.

    Args:
        section (`str`): section of the configuration file that this script reads.
        argument_classes (`type`): dataclasses of arguments. One with a field `config_file` is told the file's path.
        arguments (`list[str]`, *optional*): command line without the program's name.
        refused (`dict[str, str]`, *optional*): names that other programs know, and what is said to them. One that is
            an argument here is taken.
        description: what `argparse.ArgumentParser` is given for the help, such as `prog` and `description`.

    Raises:
        ValueError: the file cannot be read, or holds a name that no argument has, or such a flag or a refused name is
            given, or the first argument is neither a file nor a flag.
    """
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    parser = HfArgumentParser(argument_classes, **description)  # type: ignore[arg-type]  # dataclasses all
    if arguments and not arguments[0].startswith("-") and not arguments[0].endswith(CONFIG_SUFFIXES):
        raise ValueError(
            f"{arguments[0]!r:.100} is neither a configuration file ({', '.join(CONFIG_SUFFIXES)}) nor a flag: write "
            "the name of the argument before it, as in --model my_model. --help lists those that there are."
        )
    known = {name.lstrip("-").replace("-", "_") for action in parser._actions for name in action.option_strings}
    refused = {name: said for name, said in (refused or {}).items() if name not in known}
    _refuse((flag.partition("=")[0] for flag in arguments if flag.startswith("--")), refused)
    if arguments and arguments[0].endswith(CONFIG_SUFFIXES):
        path = Path(arguments.pop(0))
        values = read_section(path, section)
        _refuse(values, refused)
        _set_defaults(parser, values, path)
        if any(action.dest == "config_file" for action in parser._actions):
            parser.set_defaults(config_file=str(path))
    flags = [flag for action in parser._actions for flag in action.option_strings if flag.startswith("--")]
    for flag in (given.partition("=")[0] for given in arguments if given.startswith("--") and len(given) > 2):
        if not any(one.startswith(flag) for one in flags):  # the parser would first name what is missing beside it
            raise ValueError(_unknown_flag(flag, flags))
    *parsed, others = parser.parse_args_into_dataclasses(args=arguments, return_remaining_strings=True)
    if others:
        raise ValueError(_unknown_flag(others[0], flags))
    return tuple(parsed)


def _unknown_flag(given: str, flags: Sequence[str]) -> str:
    meant = _meant(given.partition("=")[0], flags)
    return f"There is no argument {given!r:.100} here: {meant}--help lists those that there are."


def _meant(name: str, known: Sequence[str], least: float = 0.75) -> str:
    """`"did you mean that? "`, or nothing where none is near."""
    close = difflib.get_close_matches(name, known, 1, least)
    return f"did you mean {close[0]}? " if close else ""


def read_section(path: Path, section: str) -> dict[str, Any]:
    """The named section of a YAML or JSON file; without one of that name the whole file, or nothing of a file that is
    divided into sections (`prepare`, `train`, ...)."""
    if not path.is_file():
        raise ValueError(f"There is no configuration file {path}.")
    content = read_json(path) if path.suffix == ".json" else read_yaml(path)
    if content is None:
        raise ValueError(f"{path} is empty. Write arguments into it, a line each, such as `data_dir: my_data`.")
    values = content.get(section, content) if isinstance(content, dict) else content
    if isinstance(content, dict) and section and section not in content and _are_sections(content):
        wrong = {name.lower().replace("-", "_"): name for name in content}
        close = difflib.get_close_matches(section, wrong, 1, 0.75)
        if close:
            raise ValueError(f"{path}: the section is called {section!r}, not {wrong[close[0]]!r}. Rename it.")
        if "train" in content:
            values = {}
    if not isinstance(values, dict):
        where = f"section {section!r}" if isinstance(content, dict) else "the file"
        got = "nothing" if values is None else f"{values!r:.60}"
        raise ValueError(f"{path}: {where} must hold arguments, a line each, such as `data_dir: my_data`, got {got}.")
    return values


def _are_sections(content: Mapping[str, Any]) -> bool:
    return bool(content) and all(isinstance(one, dict) for one in content.values())


def _refuse(names: Iterable[str], refused: Mapping[str, str]) -> None:
    for name in names:
        said = refused.get(str(name).lstrip("-").replace("-", "_"))
        if said is not None:
            raise ValueError(f"{name} {said}")


def _set_defaults(parser: HfArgumentParser, values: dict[str, Any], path: Path) -> None:
    own = {action.dest: action for action in parser._actions if action.dest != "help"}
    others = {
        name.lstrip("-"): action.dest
        for action in own.values()
        for name in action.option_strings
        if "-" not in name.lstrip("-") and not name.startswith("--no_")
    }
    twice = sorted(name for name in values if others.get(name, name) != name and others[name] in values)
    if twice:
        raise ValueError(f"{path}: {twice[0]} is another name of {others[twice[0]]}. Give one of them.")
    values = {others.get(name, name): value for name, value in values.items()}
    actions = own
    unknown = sorted(set(values) - set(actions))
    if unknown:
        meant = _meant(unknown[0], sorted({*actions, *others}), 0.7)
        valid = f"valid are {', '.join(sorted(actions))}." if len(actions) <= MOST_LISTED else "--help lists them all."
        raise ValueError(f"{path}: unknown argument {', '.join(unknown):.200}; {meant or valid}".rstrip())
    # As they are written: the parser replaces the types of the dataclasses' fields.
    types = {
        option: _type_name(annotation)
        for cls in parser.dataclass_types
        for base in reversed(cls.__mro__)
        for option, annotation in vars(base).get("__annotations__", {}).items()
    }
    for name in values:
        actions[name].required = False
    # Text is converted by argparse like a flag's value, so that `1e-5`, which YAML reads as text, becomes a number.
    parser.set_defaults(
        **{
            name: _checked(actions[name], types.get(name, ""), value, f"{path}, argument {name}")
            for name, value in values.items()
        }
    )


def _type_name(annotation: Any) -> str:
    return annotation.__name__ if isinstance(annotation, type) and not get_args(annotation) else str(annotation)


def _checked(action: argparse.Action, type_name: str, value: Any, place: str) -> Any:
    """A value of the file as the argument takes it.

    Args:
        action (`argparse.Action`): the flag of that name.
        type_name (`str`): as the dataclass annotates it.
        value: of the file.
        place (`str`): for messages.

    Raises:
        ValueError: the flag would not take it.
    """
    if value is None and type_name and not {"None", "Optional"} & set(re.findall(r"\w+", type_name)):
        raise ValueError(f"{place}: expected {type_name}, got nothing. Give a value or leave the line out.")
    if value is None or (isinstance(value, dict) and "dict" in type_name):
        return value
    if isinstance(value, dict):
        raise ValueError(f"{place}: expected {type_name}, got the mapping {value!r:.100}. Give it without names.")
    if isinstance(value, list) and action.nargs not in ("+", "*"):
        raise ValueError(f"{place}: expected one value, got {value!r:.100}. Give it without brackets.")
    if type_name.startswith("list") and not isinstance(value, list):
        value = [value]
    if isinstance(value, list):
        return [_checked_one(action, type_name, one, place) for one in value]
    return _checked_one(action, type_name, value, place)


def _checked_one(action: argparse.Action, type_name: str, value: Any, place: str) -> Any:
    if isinstance(value, str) and callable(action.type):
        try:
            action.type(value)
        except (TypeError, ValueError, argparse.ArgumentTypeError) as error:
            raise ValueError(f"{place}: expected {type_name}, got {value!r:.100}.") from error
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if type_name == "bool" and is_number and value not in (0, 1):
        raise ValueError(f"{place}: expected {type_name}, got {value!r}. Write true or false.")
    if is_number and action.type is str and not {"int", "float"} & set(re.findall(r"\w+", type_name)):
        return str(value)
    wrong_int = action.type is int and isinstance(value, float) and not value.is_integer()
    wrong_bool = isinstance(value, bool) and action.type in (int, float, str) and "bool" not in type_name
    if value is None or wrong_int or wrong_bool or isinstance(value, (list, dict)):
        said = "Put a text into quotation marks." if action.type is str else "Give a number."
        raise ValueError(f"{place}: expected {type_name}, got {'nothing' if value is None else repr(value)}. {said}")
    return value
