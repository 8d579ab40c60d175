"""JSON, JSON Lines and YAML from anywhere: what is wrong with a file is a ValueError with its place."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from .text_encoding import read_text


# Python itself refuses to read longer numbers; nothing here is one.
MAX_DIGITS = 4_000

_YAML = "tag:yaml.org,2002:"
_PLAIN_TAGS = frozenset(_YAML + name for name in ("map", "seq", "str", "int", "float", "bool", "null", "merge"))


def parse_json(text: str, place: str) -> Any:
    """What a JSON text says.

    Args:
        text (`str`): one JSON document.
        place (`str`): where it stands, for messages.

    Raises:
        ValueError: it is not JSON, is nested too deeply, gives a name twice in one object, or holds a number of
            thousands of digits or half a character (a lone surrogate, which no file can hold).

    Example:
        >>> parse_json('{"a": [1, 2]}', "rows.jsonl, line 3")
        {'a': [1, 2]}
        >>> parse_json('{"a": ', "rows.jsonl, line 3")
        Traceback (most recent call last):
        ...
        ValueError: rows.jsonl, line 3 cannot be read: not JSON, Expecting value at character 7.
    """
    twice: list[str] = []

    def as_dict(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(found := dict(pairs)) < len(pairs):
            names = [name for name, _ in pairs]
            twice.extend(name for name in found if names.count(name) > 1)
        return found

    try:
        value = json.loads(text, object_pairs_hook=as_dict)
    except json.JSONDecodeError as error:
        line = f", line {error.lineno}" if "\n" in text.strip() else ""
        raise ValueError(f"{place}{line} cannot be read: not JSON, {error.msg} at character {error.colno}.") from error
    except RecursionError as error:
        raise ValueError(f"{place} cannot be read: it is nested too deeply.") from error
    except ValueError as error:
        raise ValueError(f"{place} cannot be read: a number has thousands of digits.") from error
    if twice:
        raise ValueError(f"{place} cannot be read: {twice[0]!r:.100} is given twice. Leave one of them out.")
    if "\\u" in text:
        _check_characters(value, place)
    return value


def read_json(path: str | Path) -> Any:
    """What a JSON file says.

    Raises:
        ValueError: as [`read_text`] and [`parse_json`]; names the file.
    """
    return parse_json(read_text(path), str(path))


def read_json_object(path: str | Path, *required: str) -> dict[str, Any]:
    """The object in a JSON file.

    Args:
        path (`str` or `Path`): the file.
        required (`str`): names that it must have.

    Raises:
        ValueError: as [`read_json`], it holds something else, or a name is missing.
    """
    content = read_json(path)
    if not isinstance(content, dict):
        raise ValueError(f"{path} holds no JSON object: it is damaged, or another file. Make it again.")
    missing = [name for name in required if name not in content]
    if missing:
        raise ValueError(f"{path} has no {', '.join(missing)}: it is damaged, or another file. Make it again.")
    return content


def read_json_lines(path: str | Path) -> Iterator[tuple[str, Any]]:
    """The place and the value of each line of a JSON Lines file that is not empty.

    Raises:
        ValueError: as [`read_text`] and [`parse_json`]; names file and line.
    """
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        if line.strip():
            place = f"{path}, line {number}"
            yield place, parse_json(line, place)


def read_yaml(path: str | Path) -> Any:
    """What a YAML file says, in JSON's types; keys are texts as they are written (`1`, `no`, `null`).

    Raises:
        ValueError: the file cannot be read or is not YAML, gives a key twice, or holds something that JSON has no
            type for (a date, bytes, a tag, a value inside itself); names file and line.
    """
    text = read_text(path)
    try:
        loader = yaml.SafeLoader(text)
        try:
            node = loader.get_single_node()
            if node is None:
                return None
            _check_yaml(node, path)
            return loader.construct_document(node)
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = "" if mark is None else f", line {mark.line + 1}"
        raise ValueError(f"{path}{line} cannot be read: not YAML, {error.problem or error.context}.") from error
    except yaml.YAMLError as error:  # a character that no text may hold
        raise ValueError(f"{path} cannot be read: not YAML, {' '.join(str(error).split())}.") from error
    except RecursionError as error:
        raise ValueError(f"{path} cannot be read: it is nested too deeply.") from error


def _check_yaml(root: yaml.Node, path: str | Path) -> None:
    """Refuses what has no type in JSON, and makes keys texts."""
    inside: set[int] = set()
    done: set[int] = set()
    # A node is met twice, before and after what it holds.
    waiting: list[tuple[yaml.Node, bool]] = [(root, False)]
    while waiting:
        node, is_left = waiting.pop()
        place = f"{path}, line {node.start_mark.line + 1}"
        if is_left:
            inside.discard(id(node))
            done.add(id(node))
            continue
        if id(node) in inside:
            raise ValueError(f"{place} cannot be read: a value holds itself. Write it out.")
        if id(node) in done:
            continue
        if node.tag not in _PLAIN_TAGS:
            written = f" {node.value!r}" if isinstance(node, yaml.ScalarNode) else ""
            kind = node.tag.removeprefix(_YAML)
            raise ValueError(
                f"{place} cannot be read:{written} is taken for {kind}, not as text. Put it into quotation marks."
            )
        if isinstance(node, yaml.ScalarNode):
            if node.tag == _YAML + "int" and len(node.value) > MAX_DIGITS:
                raise ValueError(f"{place} cannot be read: a number has thousands of digits.")
            continue
        inside.add(id(node))
        waiting.append((node, True))
        if isinstance(node, yaml.MappingNode):
            lines: dict[str, int] = {}
            for key, _ in node.value:
                if not isinstance(key, yaml.ScalarNode):
                    raise ValueError(f"{place} cannot be read: a key must be a text, not a list or a mapping.")
                if key.tag == _YAML + "merge":
                    continue
                key.tag = _YAML + "str"
                line = key.start_mark.line + 1
                if key.value in lines:
                    raise ValueError(
                        f"{path}, line {line} cannot be read: {key.value!r:.100} is given twice, first in line "
                        f"{lines[key.value]}. Leave one of them out."
                    )
                lines[key.value] = line
        held = (value for _, value in node.value) if isinstance(node, yaml.MappingNode) else node.value
        waiting.extend((value, False) for value in held)


def _check_characters(value: Any, place: str) -> None:
    """Refuses texts with half a character."""
    waiting = [value]
    while waiting:
        found = waiting.pop()
        if isinstance(found, dict):
            waiting.extend(found.keys())
            waiting.extend(found.values())
        elif isinstance(found, list):
            waiting.extend(found)
        elif isinstance(found, str) and any("\ud800" <= character <= "\udfff" for character in found):
            raise ValueError(
                f"{place} cannot be read: {found!r:.60} holds half a character (a lone surrogate). Remove it."
            )
