"""Label maps: from a corpus's own labels to the labels of a task, each map explicit, named and overridable.

| name | from | to, in this order |
|---|---|---|
| `iemocap-4-class` | IEMOCAP's codes | neutral, sad, angry, happy (with excited), the order of arXiv 2008.06682 |
| `iemocap-6-class` | IEMOCAP's codes | happy, sad, neutral, angry, excited, frustrated |
| `meld-7-class` | MELD's emotions | neutral, surprise, fear, sadness, joy, disgust, anger |
| `meld-sentiment` | MELD's sentiments | neutral, positive, negative |
| `emodb-7-class` | EmoDB's letters | anger, boredom, disgust, fear, happiness, sadness, neutral |
| `score-binary-has0` | a score | negative (below 0), non-negative |
| `score-binary-non0` | a score | negative, positive; 0 is left out |
| `score-7-class` | a score | -3 to 3: clipped, rounded half to even |

All named maps leave out what they do not list. Scores of several dimensions (valence, arousal, dominance) and
multi-label emotions are labels of their own and need no map.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from ..schema import CorpusReading, Label, Problem, Utterance


@dataclass(frozen=True)
class LabelMap:
    """Renames and restricts labels.

    Args:
        mapping (`Mapping[str, str | None]`): from a corpus's label to the new one; None leaves it out. A number is
            looked up as `f"{label:g}"`.
        only_mapped (`bool`, defaults to `False`): leave out every label that the mapping does not list; otherwise it
            keeps its name.

    Example:
        >>> label_map = LabelMap({"hap": "happy", "exc": "happy", "neu": "neutral"}, only_mapped=True)
        >>> label_map.names, label_map.apply("exc"), label_map.apply("fru")
        (('happy', 'neutral'), 'happy', None)
        >>> LabelMap({"exc": "hap"}).apply("fru")
        'fru'
    """

    mapping: Mapping[str, str | None]
    only_mapped: bool = False

    def __post_init__(self):
        for label, new in self.mapping.items():
            if not isinstance(label, str) or not (new is None or isinstance(new, str)):
                raise ValueError(f"A label map goes from names to names or None, got {label!r}: {new!r}.")
        object.__setattr__(self, "mapping", MappingProxyType(dict(self.mapping)))

    @property
    def names(self) -> tuple[str, ...]:
        """The new labels in the order in which the mapping first names them."""
        return tuple(dict.fromkeys(new for new in self.mapping.values() if new is not None))

    def apply(self, label: Label) -> Label:
        """The new label, or None where it is left out. Of several labels (multi-label) those left out are removed.

        Raises:
            ValueError: the label is a list of scores.
        """
        if isinstance(label, list):
            if not all(isinstance(name, str) for name in label):
                raise ValueError(f"A label map cannot rename the scores {label!r}.")
            new_names = [self.apply(name) for name in label]  # type: ignore[arg-type]
            return list(dict.fromkeys(name for name in new_names if isinstance(name, str)))
        name = label if isinstance(label, str) else f"{label:g}"
        if name in self.mapping:
            return self.mapping[name]
        return None if self.only_mapped else label


@dataclass(frozen=True)
class ScoreMap:
    """Turns a score into a class.

    Args:
        names (`tuple[str, ...]`): the classes.
        to_class (`Callable[[float], str | None]`): the class of a score, None to leave it out.
    """

    names: tuple[str, ...]
    to_class: Callable[[float], str | None]

    def apply(self, label: Label) -> Label:
        """The class, or None where the score is left out.

        Raises:
            ValueError: the label is no number.
        """
        if isinstance(label, bool) or not isinstance(label, (int, float)):
            raise ValueError(f"This label map is for scores, got the label {label!r}.")
        return self.to_class(float(label))


def _has0(score: float) -> str:
    return "non-negative" if score >= 0 else "negative"


def _non0(score: float) -> str | None:
    if score == 0:
        return None
    return "positive" if score > 0 else "negative"


def _seven_classes(score: float) -> str:
    return str(round(min(max(score, -3.0), 3.0)))  # Python's round is half to even, as the metrics' Acc-7


LABEL_MAPS: Mapping[str, LabelMap | ScoreMap] = MappingProxyType(
    {
        "iemocap-4-class": LabelMap(
            {"neu": "neutral", "sad": "sad", "ang": "angry", "hap": "happy", "exc": "happy"}, only_mapped=True
        ),
        "iemocap-6-class": LabelMap(
            {"hap": "happy", "sad": "sad", "neu": "neutral", "ang": "angry", "exc": "excited", "fru": "frustrated"},
            only_mapped=True,
        ),
        "meld-7-class": LabelMap(
            {name: name for name in ("neutral", "surprise", "fear", "sadness", "joy", "disgust", "anger")},
            only_mapped=True,
        ),
        "meld-sentiment": LabelMap({name: name for name in ("neutral", "positive", "negative")}, only_mapped=True),
        "emodb-7-class": LabelMap(
            {
                "W": "anger",
                "L": "boredom",
                "E": "disgust",
                "A": "fear",
                "F": "happiness",
                "T": "sadness",
                "N": "neutral",
            },
            only_mapped=True,
        ),
        "score-binary-has0": ScoreMap(("negative", "non-negative"), _has0),
        "score-binary-non0": ScoreMap(("negative", "positive"), _non0),
        "score-7-class": ScoreMap(tuple(str(number) for number in range(-3, 4)), _seven_classes),
    }
)

AnyLabelMap = str | Path | Mapping[str, str | None] | LabelMap | ScoreMap


def resolve_label_map(label_map: AnyLabelMap, *, only_mapped: bool = False) -> LabelMap | ScoreMap:
    """A label map, however it was given.

    Args:
        label_map (`str`, `Path`, `Mapping`, `LabelMap` or `ScoreMap`): a name from `LABEL_MAPS`, the path of a JSON
            file with one object, the object itself as JSON, pairs such as `"exc=happy,hap=happy,xxx="` (nothing after
            the sign, or null in JSON, leaves a label out), a mapping, or a map.
        only_mapped (`bool`, defaults to `False`): leave out the labels that a mapping, a file or pairs do not list. A
            named map, and a map object, decide that themselves.

    Raises:
        ValueError: it is none of these; the message lists the names.

    Example:
        >>> resolve_label_map("iemocap-4-class").names
        ('neutral', 'sad', 'angry', 'happy')
        >>> dict(resolve_label_map("exc=happy,xxx=").mapping)
        {'exc': 'happy', 'xxx': None}
    """
    if isinstance(label_map, (LabelMap, ScoreMap)):
        return label_map
    if isinstance(label_map, Mapping):
        return LabelMap(label_map, only_mapped)
    if str(label_map) in LABEL_MAPS:
        return LABEL_MAPS[str(label_map)]
    if str(label_map).lstrip().startswith("{"):
        return LabelMap(_parsed(str(label_map), "given as JSON"), only_mapped)
    if Path(label_map).suffix == ".json":
        return LabelMap(_mapping_from_json(Path(label_map)), only_mapped)
    pairs = [pair.partition("=") for pair in str(label_map).split(",")]
    if all(sign and label.strip() for label, sign, _ in pairs):
        return LabelMap({label.strip(): new.strip() or None for label, _, new in pairs}, only_mapped)
    raise ValueError(
        f"label_map={str(label_map)!r} is unknown. Give one of {', '.join(LABEL_MAPS)}, the path of a .json file, a "
        "JSON object, or pairs such as 'exc=happy,hap=happy'."
    )


def apply_label_map(reading: CorpusReading, label_map: AnyLabelMap, *, only_mapped: bool = False) -> CorpusReading:
    """A corpus with its labels renamed and restricted; every utterance left out becomes a `Problem`.

    A multi-label utterance of which no label is left stays, with an empty list: it shows none of the emotions.

    Args:
        reading (`CorpusReading`): left as it is.
        label_map, only_mapped: see `resolve_label_map`.

    Raises:
        ValueError: the map does not fit the labels' type, or leaves no utterance at all (then the map and the labels
            do not name the same things; the message lists the labels).

    Example:
        >>> reading = CorpusReading({"train": [Utterance("a", text="Ha!", label="exc"), Utterance("b", label="fru")]})
        >>> mapped = apply_label_map(reading, {"exc": "happy", "fru": None})
        >>> [utterance.label for utterance in mapped.splits["train"]], mapped.problems[0].reason
        (['happy'], "left out by the label map: 'fru'")
    """
    resolved = resolve_label_map(label_map, only_mapped=only_mapped)
    splits: dict[str, list[Utterance]] = {}
    problems = list(reading.problems)
    for split, utterances in reading.splits.items():
        splits[split] = []
        for utterance in utterances:
            new = None if utterance.label is None else resolved.apply(utterance.label)
            if new is None and utterance.label is not None:
                reason = f"left out by the label map: {utterance.label!r}"
                problems.append(Problem(utterance.id, f"label map, split {split}", reason, split))
            else:
                splits[split].append(utterance.replace(label=new))
    if reading.splits and not any(splits.values()):
        found = sorted({str(utterance.label) for rows in reading.splits.values() for utterance in rows})[:20]
        raise ValueError(f"The label map leaves no utterance. The labels are: {', '.join(found)}.")
    return CorpusReading({split: rows for split, rows in splits.items() if rows}, problems)


def _mapping_from_json(path: Path) -> dict[str, str | None]:
    try:
        content = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise ValueError(f"The label map {path} cannot be read: {error}") from error
    return _parsed(content, str(path))


def _parsed(content: str, name: str) -> dict[str, str | None]:
    try:
        mapping = json.loads(content)
    except ValueError as error:
        raise ValueError(f"The label map {name} cannot be read: {error}") from error
    if not isinstance(mapping, dict):
        raise ValueError(f"The label map {name} must hold one JSON object, got {type(mapping).__name__}.")
    return mapping
