"""Label maps: from a corpus's own labels to the labels of a task, each map explicit, named and overridable.

| name | from | to, in this order |
|---|---|---|
| `iemocap-4-class` | IEMOCAP's codes | neutral, sad, angry, happy (with excited), the order of arXiv 2008.06682 |
| `iemocap-6-class` | IEMOCAP's codes | happy, sad, neutral, angry, excited, frustrated |
| `meld-7-class` | MELD's emotions | neutral, surprise, fear, sadness, joy, disgust, anger |
| `meld-sentiment` | MELD's sentiments | neutral, positive, negative |
| `score-binary-has0` | a score | negative (below 0), non-negative |
| `score-binary-non0` | a score | negative, positive; 0 is left out |
| `score-7-class` | a score | -3 to 3: clipped, rounded half to even |

The maps of corpora whose row in the table of corpora gives them (`emodb-7-class`, `ravdess-8-class`) are here, too.
All named maps leave out what they do not list. Scores of several dimensions (valence, arousal, dominance) and
multi-label emotions are labels of their own and need no map.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from types import MappingProxyType
from typing import Any

from transformers.utils import logging

from configuration_emo.corpora import CORPORA
from configuration_emo.structured_text import parse_json, read_json

from ..schema import CorpusReading, Label, Problem, Utterance, is_absent
from .label_names import label_name


logger = logging.get_logger(__name__)


@dataclass(frozen=True)
class LabelMap:
    """Renames and restricts labels.

    Args:
        mapping (`Mapping[str, str | None]`): from a corpus's label to the new one; None leaves it out. Numbers are one
            label by their value, however they are written (`0`, `0.0`).
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
    _by_name: Mapping[str | None, str | None] = field(init=False, repr=False, compare=False)

    def __post_init__(self):
        for label, new in self.mapping.items():
            if not isinstance(label, str) or not (new is None or isinstance(new, str)):
                raise ValueError(f"A label map goes from names to names or None, got {label!r}: {new!r}.")
        object.__setattr__(self, "mapping", MappingProxyType(dict(self.mapping)))
        by_name = {label_name(label): new for label, new in self.mapping.items()}
        twice = [label for label, new in self.mapping.items() if by_name[label_name(label)] != new]
        if twice:
            raise ValueError(f"A label map gives {twice[0]!r} two new names (numbers go by their value).")
        object.__setattr__(self, "_by_name", by_name)

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
        if is_absent(label):
            return None
        name = label_name(label if isinstance(label, str) else str(label))
        if name in self._by_name:
            return self._by_name[name]
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
        """The class, or None where the score is left out, or is none (NaN).

        Raises:
            ValueError: the label is no number, nor a text that is one.
        """
        if is_absent(label):
            return None
        try:
            if isinstance(label, (bool, list)) or label is None:
                raise ValueError
            score = float(label)
        except ValueError:
            raise ValueError(f"This label map is for scores, got the label {label!r}.") from None
        return None if score != score else self.to_class(score)


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
        **{
            label_set.label_map: LabelMap(label_set.labels, only_mapped=True)
            for corpus in CORPORA.values()
            for label_set in corpus.label_sets.values()
            if label_set.label_map is not None and label_set.labels is not None
        },
        "score-binary-has0": ScoreMap(("negative", "non-negative"), _has0),
        "score-binary-non0": ScoreMap(("negative", "positive"), _non0),
        "score-7-class": ScoreMap(tuple(str(number) for number in range(-3, 4)), _seven_classes),
    }
)

GIVEN = "The label map given as JSON"

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
        return LabelMap(_mapping(parse_json(str(label_map), GIVEN), GIVEN), only_mapped)
    if Path(label_map).suffix == ".json":
        return LabelMap(_mapping(read_json(label_map), f"The label map {label_map}"), only_mapped)
    pairs = [pair.partition("=") for pair in str(label_map).split(",")]
    if all(sign and label.strip() for label, sign, _ in pairs):
        return LabelMap({label.strip(): new.strip() or None for label, _, new in pairs}, only_mapped)
    near = get_close_matches(str(label_map), LABEL_MAPS, 3)
    raise ValueError(
        f"label_map={str(label_map)!r:.200} is unknown. Give one of {', '.join(near or LABEL_MAPS)}, the path of a "
        ".json file, a JSON object, or pairs such as 'exc=happy,hap=happy'."
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
            unlabelled = is_absent(utterance.label)
            new = None if unlabelled else resolved.apply(utterance.label)
            if new is None and (not unlabelled or isinstance(resolved, ScoreMap)):
                reason = "no label" if unlabelled else f"left out by the label map: {utterance.label!r}"
                problems.append(Problem(utterance.id, f"label map, split {split}", reason, split))
            else:
                splits[split].append(utterance.replace(label=new, soft_label=_mapped_votes(utterance, resolved)))
    if isinstance(resolved, LabelMap) and str(label_map) not in LABEL_MAPS:
        problems.extend(_unused_names(resolved, reading))
    if reading.splits and not any(splits.values()):
        found = sorted({str(utterance.label) for rows in reading.splits.values() for utterance in rows})[:20]
        raise ValueError(f"The label map leaves no utterance. The labels are: {', '.join(found)}.")
    return reading.replace(splits={split: rows for split, rows in splits.items() if rows}, problems=problems)


def _unused_names(label_map: LabelMap, reading: CorpusReading) -> list[Problem]:
    """A remark on the names that the map renames and the corpus does not have."""
    given = [row.label for rows in reading.splits.values() for row in rows if not is_absent(row.label)]
    flat = [one for label in given for one in (label if isinstance(label, list) else [label])]
    found = {label_name(str(one)) for one in flat}
    unused = [name for name in label_map.mapping if label_name(name) not in found]
    if not unused or not found:
        return []
    reason = (
        f"names of the label map that no label has: {', '.join(unused)}; the labels are "
        f"{', '.join(sorted(map(str, found))[:20])}"
    )
    logger.warning(f"{reason[0].upper()}{reason[1:]}.")
    return [Problem(unused[0], "label map", reason, kept=True)]


def _mapped_votes(utterance: Utterance, label_map: LabelMap | ScoreMap) -> dict[str, float] | None:
    """The votes by the new labels; those for labels that are left out are, too. None where none is left."""
    if utterance.soft_label is None or isinstance(label_map, ScoreMap):
        return None
    votes: dict[str, float] = {}
    for name, count in utterance.soft_label.items():
        new = label_map.apply(name)
        if isinstance(new, str):
            votes[new] = votes.get(new, 0.0) + count
    return votes if any(votes.values()) else None


def _mapping(content: Any, name: str) -> dict[str, str | None]:
    if not isinstance(content, dict):
        raise ValueError(f"{name} must hold one JSON object, got {type(content).__name__}.")
    return content
