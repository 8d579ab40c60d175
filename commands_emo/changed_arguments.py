"""The arguments of a run that are not as by default, as a section of a configuration file that repeats it."""

from __future__ import annotations

from dataclasses import MISSING, fields
from typing import Any

from transformers import TrainingArguments


# Tell where a run goes on and who may write, and nothing of its result.
_LEFT_OUT = ("resume_from_checkpoint", "hub_token", "push_to_hub_token")


def changed_arguments(*instances: Any) -> dict[str, Any]:
    """Every argument of these dataclasses that differs from its default, and those that have none.

    Args:
        instances: dataclasses of arguments, `TrainingArguments` among them.

    Returns:
        `dict[str, Any]`: value by name, in plain types.

    Example:
        >>> from commands_emo import LoraArguments
        >>> changed_arguments(LoraArguments(lora=True, lora_r=8))
        {'lora': True}
    """
    found: dict[str, Any] = {}
    for given in instances:
        values, usual = _values(given), _values(_with_defaults(given))
        required = {field.name for field in _fields(given) if _has_no_default(field)}
        found |= {
            name: value
            for name, value in values.items()
            if name not in _LEFT_OUT and (name in required or name not in usual or usual[name] != value)
        }
    return found


def _fields(given: Any) -> list:
    return [field for field in fields(given) if field.init]


def _has_no_default(field: Any) -> bool:
    return field.default is MISSING and field.default_factory is MISSING


def _values(given: Any) -> dict[str, Any]:
    """By name, in plain types; None where nothing is said, in whatever way."""
    if isinstance(given, TrainingArguments):
        told = given.to_dict()
        values = {field.name: told[field.name] for field in _fields(given) if field.name in told}
    else:
        values = {field.name: getattr(given, field.name) for field in _fields(given)}
    return {name: None if value in ({}, []) else value for name, value in values.items()}


def _with_defaults(given: Any) -> Any:
    """The same, with nothing but what must be given."""
    required = {field.name: getattr(given, field.name) for field in _fields(given) if _has_no_default(field)}
    if isinstance(given, TrainingArguments):
        required["output_dir"] = given.output_dir
    return type(given)(**required)
