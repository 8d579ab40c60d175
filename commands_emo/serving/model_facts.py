"""What is said of a model to those who use it: its name, languages, licence, and what its scores mean."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from transformers.utils import cached_file


NOT_STATED = "not stated"
_CARD = "README.md"


@dataclass(frozen=True)
class ModelFacts:
    """One model.

    Args:
        name (`str`): of its folder, or its id on the Hub.
        languages, licence, datasets (`str`): as its card states them, or `"not stated"`.
        labels (`list[str]`): what it predicts.
        meaning (`str`): of a score, in a sentence.
    """

    name: str
    languages: str
    licence: str
    datasets: str
    labels: list[str]
    meaning: str


def model_facts(place: str, config: Any) -> ModelFacts:
    """Reads the head of a model's card.

    Args:
        place (`str`): the folder or Hub id that it was loaded from.
        config ([`EmoBertConfig`] or [`Emotion2VecConfig`]): of the model.
    """
    head = _card_head(place)
    name = Path(place).resolve().name if Path(place).is_dir() else place
    disallowed = getattr(config, "disallowed_labels", None) or []
    labels = [label for _, label in sorted(config.id2label.items()) if label not in disallowed]
    languages, licence, datasets = (_stated(head.get(key)) for key in ("language", "license", "datasets"))
    return ModelFacts(name, languages, licence, datasets, labels, _meaning(config))


def _card_head(place: str) -> Mapping[str, Any]:
    """The YAML between the lines `---` at the beginning of the card; nothing where there is none or it is broken."""
    try:
        if Path(place).is_dir():
            path = Path(place) / _CARD
        else:
            found = cached_file(place, _CARD, _raise_exceptions_for_missing_entries=False)
            path = Path(found or "")
        parts = path.read_text(encoding="utf-8").split("---\n", 2)
        head = yaml.safe_load(parts[1]) if len(parts) == 3 and not parts[0].strip() else {}
    except (OSError, ValueError, yaml.YAMLError):
        return {}
    return head if isinstance(head, Mapping) else {}


def _stated(value: Any) -> str:
    values = [str(one) for one in (value if isinstance(value, list) else [value]) if one not in (None, "", "unknown")]
    return ", ".join(values) or NOT_STATED


def _meaning(config: Any) -> str:
    if not config.problem.has_classes:
        limits = getattr(config, "label_range", None)
        return "a predicted value" + ("" if limits is None else f" from {limits[0]:g} to {limits[1]:g}")
    if config.problem.is_exclusive:
        return "a probability; all of them sum to 1"
    return "a probability for each emotion by itself"
