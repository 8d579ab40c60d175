"""Words with times -> sentences with times."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from transformers.utils import logging

from configuration_emo.shown_values import shown


logger = logging.get_logger(__name__)

# After these a full stop ends no sentence.
_TITLES = frozenset({"mr.", "mrs.", "ms.", "dr.", "prof.", "st.", "vs.", "e.g.", "i.e."})
_SENTENCE_ENDS = (".", "!", "?", "…", "。", "！", "？")
_UNKNOWN = float("inf")
# A year. What is beyond is no time of a recording, and its samples could not be counted.
LONGEST_SECONDS = 365 * 24 * 3600.0
# By so much the times of a speech recogniser's words may be out of order.
_INACCURACY_SECONDS = 0.5
_CLOSING_QUOTES = "\"'”’»)]"


class TimedText(NamedTuple):
    """A stretch of a transcript.

    Args:
        text (`str`): its words.
        start, end (`float`): when it is said, in seconds from the start of the recording.
        speaker (`str`, *optional*): who says it.
    """

    text: str
    start: float
    end: float
    speaker: str | None = None


def split_sentences(
    words: Sequence[Mapping[str, Any]], *, max_seconds: float = 30.0, max_pause_seconds: float = 1.0
) -> list[TimedText]:
    """Divides a transcript at the ends of sentences, at long pauses, at changes of speaker, and in overlong sentences.

    Args:
        words (sequence of `dict`): `text` and `timestamp` `(start, end)` in seconds, as the `chunks` of Transformers'
            speech recognition with `return_timestamps="word"`. Words that carry their own spaces are joined as they
            are, others with a space. An end of None is unknown. A word may name its `speaker`.
        max_seconds (`float`, defaults to 30): the longest sentence; a longer one is divided between two words.
        max_pause_seconds (`float`, defaults to 1): longer silence between two words ends a sentence, as there may be
            no punctuation.

    Raises:
        ValueError: there are no words, or one of them lacks its text or time or starts more than 0.5 s before the one
            before it. Less than that is a recogniser's inaccuracy: the word is moved, with a warning.

    Example:
        >>> split_sentences([
        ...     {"text": "Thank", "timestamp": (0.1, 0.4)},
        ...     {"text": "you.", "timestamp": (0.4, 0.6)},
        ...     {"text": "Bye!", "timestamp": (0.9, 1.2)},
        ... ])
        [TimedText(text='Thank you.', start=0.1, end=0.6, speaker=None),
         TimedText(text='Bye!', start=0.9, end=1.2, speaker=None)]
    """
    timed = checked_words(words)
    sentences: list[list[TimedText]] = []
    for index, word in enumerate(timed):
        begins = index == 0 or _ends_sentence(timed[index - 1].text) or word.speaker != timed[index - 1].speaker
        if not begins:
            pause = word.start - timed[index - 1].end
            end = word.start if word.end == _UNKNOWN else word.end
            begins = pause > max_pause_seconds or end - sentences[-1][0].start > max_seconds
        if begins:
            sentences.append([])
        sentences[-1].append(word)
    separator = _separator(timed)
    return [
        TimedText(
            separator.join(word.text for word in sentence).strip(),
            sentence[0].start,
            min(max(word.end for word in sentence), sentence[0].start + max_seconds),
            sentence[0].speaker,
        )
        for sentence in sentences
    ]


def join_words(words: Sequence[TimedText]) -> str:
    """The words as a text: as they are where they carry their own spaces, else with a space between them."""
    return _separator(words).join(word.text for word in words).strip()


def _separator(words: Sequence[TimedText]) -> str:
    return "" if any(word.text.startswith(" ") for word in words) else " "


def _ends_sentence(word: str) -> bool:
    word = word.strip().rstrip(_CLOSING_QUOTES)
    return word.endswith(_SENTENCE_ENDS) and word.lower() not in _TITLES


def checked_words(words: Sequence[Mapping[str, Any]]) -> list[TimedText]:
    """The words with both times, in order; one without an end lasts until the next, the last one to infinity.

    Takes and raises what [`split_sentences`] does.
    """
    if isinstance(words, (str, bytes, Mapping)) or not isinstance(words, Sequence) or not len(words):
        raise ValueError(
            f"`words` must be a list of one word or more, each with `text` and `timestamp`, got {shown(words)}."
        )
    timed: list[TimedText] = []
    moved = 0
    for index, word in enumerate(words):
        try:
            text, (start, end), speaker = word["text"], word["timestamp"], word.get("speaker")
            start, end = float(start), _UNKNOWN if end is None else float(end)
        except (KeyError, TypeError, ValueError, IndexError, OverflowError, AttributeError) as error:
            raise ValueError(
                f"Word {index} must be like {{'text': 'yes', 'timestamp': (1.0, 1.3)}}, got {shown(word)}."
            ) from error
        earliest = timed[-1].start if timed else 0.0
        # NaN is not within either.
        in_time = -_INACCURACY_SECONDS <= start <= LONGEST_SECONDS and end >= start - _INACCURACY_SECONDS
        if not isinstance(text, str) or not in_time or LONGEST_SECONDS < end < _UNKNOWN:
            raise ValueError(
                f"Word {index} needs a text, and a time in seconds that starts at 0 or later and ends after: "
                f"{shown(word)}."
            )
        if timed and start < earliest - _INACCURACY_SECONDS:
            raise ValueError(
                f"Word {index}, {text!r}, starts at {start:g} s, before the word in front of it "
                f"({earliest:g} s). Sort the words by their times."
            )
        moved += start < earliest or end < start
        start = max(start, earliest)
        if timed and timed[-1].end == _UNKNOWN:
            timed[-1] = timed[-1]._replace(end=start)
        timed.append(TimedText(text, start, max(start, end), None if speaker is None else str(speaker)))
    if moved:
        logger.warning(
            f"{moved} of {len(timed)} words overlap by some hundredths of a second the wrong way round: they were "
            "moved into order."
        )
    return timed
