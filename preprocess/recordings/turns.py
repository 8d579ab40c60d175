"""Who speaks when, in every form that people have it in, and which words belong to whom."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from transformers.utils import logging

from configuration_emo.shown_values import shown

from .cutting import Stretch
from .rttm import rttm_turns
from .sentences import LONGEST_SECONDS, TimedText, join_words


logger = logging.get_logger(__name__)

# A word that lies farther from all turns belongs to none of them, most likely.
_NEAR_SECONDS = 1.0


def read_turns(turns: Any, recording: str | None, load: Callable[[], dict[str, Any]]) -> list[Stretch]:
    """The turns of a recording by their starts; they may overlap.

    Args:
        turns (sequence of `dict`, path or callable): `start` and `end` in seconds and `speaker`, which may be left
            out; an RTTM file; or a diarizer, which is given the sound and returns such a sequence.
        recording (`str`, *optional*): what an RTTM file calls it.
        load (callable): the sound as `{"raw": waveform, "sampling_rate": rate}`, for a diarizer.

    Raises:
        ValueError: it is none of these, there are no turns, or one of them has no length.

    Example:
        >>> read_turns([{"start": 2, "end": 3, "speaker": "b"}, {"start": 0, "end": 2.5}], None, dict)
        [Stretch(start=0.0, end=2.5, text=None, speaker=None), Stretch(start=2.0, end=3.0, text=None, speaker='b')]
    """
    origin = "turns"
    if callable(turns):
        turns, origin = turns(load()), "what the diarizer returned"
    elif isinstance(turns, (str, os.PathLike)):
        turns, origin = rttm_turns(turns, recording), f"the turns of {Path(turns).name}"
    if isinstance(turns, (str, bytes, Mapping)) or not isinstance(turns, Sequence) or not len(turns):
        raise ValueError(
            f"{origin} must be a list of one turn or more, like {{'start': 0.5, 'end': 2.0, 'speaker': 'anna'}}, "
            f"an RTTM file, or a diarizer, got {shown(turns)}."
        )
    stretches = [_checked(turn, f"Turn {index} of {origin}") for index, turn in enumerate(turns)]
    return sorted(stretches, key=lambda stretch: stretch.start)


def divide_long(stretches: Sequence[Stretch], max_seconds: float) -> list[Stretch]:
    """Stretches of at most `max_seconds`: longer ones in parts of equal length, without texts.

    Example:
        >>> [(part.start, part.end) for part in divide_long([Stretch(0.0, 1.0), Stretch(2.0, 5.0)], 2.0)]
        [(0.0, 1.0), (2.0, 3.5), (3.5, 5.0)]
    """
    parts = []
    for stretch in stretches:
        count = max(1, math.ceil((stretch.end - stretch.start) / max_seconds - 1e-9))
        edges = np.linspace(stretch.start, stretch.end, count + 1).tolist()
        parts += [stretch._replace(start=edges[index], end=edges[index + 1]) for index in range(count)]
    return sorted(parts, key=lambda stretch: stretch.start)


def with_words(stretches: Sequence[Stretch], words: Sequence[TimedText]) -> list[Stretch]:
    """The stretches with what is said in them: each word belongs to the one that is nearest to its middle.

    A word that names its speaker belongs to a stretch of that speaker, if there is one. No word is left out; those
    that are more than a second away from their stretch are counted in a warning.

    Args:
        stretches (sequence of [`Stretch`]): one or more.
        words (sequence of [`TimedText`]): of [`checked_words`].

    Example:
        >>> words = [TimedText("Yes", 0.2, 0.5, None), TimedText("no", 1.2, 1.4, "b")]
        >>> [stretch.text for stretch in with_words([Stretch(0, 1, None, "a"), Stretch(0, 2, None, "b")], words)]
        ['Yes', 'no']
    """
    starts, ends = np.array([(stretch.start, stretch.end) for stretch in stretches], dtype=np.float64).T
    speakers = np.array([stretch.speaker or "" for stretch in stretches])
    said: list[list[TimedText]] = [[] for _ in stretches]
    astray = 0
    for word in words:
        middle = (word.start + word.end) / 2 if math.isfinite(word.end) else word.start
        distances = np.maximum(np.maximum(starts - middle, middle - ends), 0.0)
        theirs = speakers == word.speaker
        if word.speaker is not None and theirs.any():
            distances = np.where(theirs, distances, np.inf)
        nearest = int(distances.argmin())
        astray += distances[nearest] > _NEAR_SECONDS
        said[nearest].append(word)
    if astray:
        logger.warning(f"{astray} of {len(words)} words lie more than a second away from the turn they are put in.")
    return [stretch._replace(text=join_words(of_it) or None) for stretch, of_it in zip(stretches, said, strict=True)]


def _checked(turn: Any, name: str) -> Stretch:
    try:
        start, end, speaker = float(turn["start"]), float(turn["end"]), turn.get("speaker")
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise ValueError(
            f"{name} must be like {{'start': 0.5, 'end': 2.0, 'speaker': 'anna'}}, got {shown(turn)}."
        ) from error
    if not 0 <= start < end <= LONGEST_SECONDS:
        raise ValueError(f"{name} must start at 0 s or later and end after that, got {start:g} to {end:g} s.")
    if isinstance(speaker, float) and math.isnan(speaker):  # an empty cell of a table
        speaker = None
    return Stretch(start, end, None, None if speaker is None else str(speaker))
