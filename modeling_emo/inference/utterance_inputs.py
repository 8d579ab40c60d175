"""What people hand over as one utterance, in every form they have it in, as `audio`, `text` and `words`."""

from __future__ import annotations

import difflib
import math
import numbers
import os
import re
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from transformers.utils import logging


logger = logging.get_logger(__name__)

UTTERANCE_INPUTS = ("audio", "text", "words")
# A dict with some of these is a sound itself: datasets' audio columns, and Transformers' pipelines (`raw`).
SOUND_FIELDS = ("array", "raw", "bytes", "path", "sampling_rate")
# What others call the same; found beside ours, they are columns that are not read.
SYNONYMS = {
    **dict.fromkeys(("transcript", "transcription", "transcripts", "sentence", "caption", "txt", "utterance"), "text"),
    **dict.fromkeys(("file", "filename", "file_name", "filepath", "file_path", "wav", "sound", "speech"), "audio"),
    **dict.fromkeys(("waveform", "recording", "audio_path", "audio_file", "url"), "audio"),
}
_ADDRESS = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]+://")
_LOOKS_LIKE_A_FILE = re.compile(r"\S+\.[A-Za-z0-9]{2,4}")
_SHOWN_CHARACTERS = 120  # of the name or text that an error calls an input by


class Given(NamedTuple):
    """One utterance as the arguments of a call, not looked at yet.

    Args:
        inputs (*optional*): the recording, or a dict or tuple with more.
        text (`str`, *optional*): the transcript.
        words (`list[dict]`, *optional*): the transcript with times.
        sampling_rate (`int`, *optional*): of a bare array, in Hz.
    """

    inputs: Any = None
    text: Any = None
    words: Any = None
    sampling_rate: int | None = None


def read_utterance(given: Any, rate: int, known: Sequence[str] = UTTERANCE_INPUTS) -> dict[str, Any]:
    """One utterance by name, its sound in a form that the processor reads.

    Args:
        given ([`Given`], or any of the forms that [`EmotionRecognitionPipeline`] lists): the utterance.
        rate (`int`): that of the model in Hz, which a bare array is taken to have.
        known (sequence of `str`): the names that are read.

    Returns:
        `dict`: some of `known`.

    Raises:
        ValueError: it is none of the forms, something is given twice, or a bare text is no file. The message says what
            to write instead.

    Example:
        >>> import numpy as np
        >>> sorted(read_utterance(((8_000, np.ones(4)), "how nice"), 16_000))
        ['audio', 'text']
    """
    given = given if isinstance(given, Given) else Given(given)
    utterance = {} if given.inputs is None else _by_name(given.inputs, known)
    for name in ("text", "words"):
        value = getattr(given, name)
        if value is None:
            continue
        if utterance.get(name) is not None:
            raise ValueError(f"`{name}` is given twice, in the first argument and beside it. Leave one of them out.")
        utterance[name] = value
    if is_missing(utterance.get("text")):
        utterance["text"] = None
    if utterance.get("audio") is not None:
        utterance["audio"] = _sound(utterance["audio"], rate, given.sampling_rate)
    return utterance


def is_labelled(value: Any) -> bool:
    """True for a row of a pandas table, whose index names its columns."""
    index: Any = getattr(value, "index", ())
    if callable(index) or not hasattr(value, "items") or not hasattr(value, "dtype"):
        return False
    return any(name in UTTERANCE_INPUTS for name in index)


def is_numbers(value: Any) -> bool:
    """True for a list or pandas column of samples."""
    if isinstance(value, (list, tuple)):
        return bool(value) and all(isinstance(sample, numbers.Real) for sample in value[:3])
    is_column = hasattr(value, "dtype") and hasattr(value, "to_numpy")
    return is_column and np.issubdtype(getattr(value.dtype, "type", object), np.number)


def reading_error(given: Any, error: Exception) -> ValueError:
    """What is said of an input that cannot be read: the error itself, if it is a ValueError, or one with its name.

    Args:
        given: an input of the pipeline.
        error (`Exception`): what its reading ended with.
    """
    if type(error) is ValueError:
        return error
    said = f": {error}" if str(error) else ""
    return ValueError(f"{_name_of(given)} cannot be read ({type(error).__name__}{said}). Correct it or leave it out.")


def _by_name(inputs: Any, known: Sequence[str]) -> dict[str, Any]:
    if is_labelled(inputs):
        inputs = {str(name): None if is_missing(value) else value for name, value in inputs.items()}
    if isinstance(inputs, Mapping):
        return _of_dict(inputs, known)
    if isinstance(inputs, tuple) and not is_numbers(inputs):
        return _of_tuple(inputs)
    if isinstance(inputs, str):
        _check_is_place(inputs)
    if isinstance(inputs, numbers.Number):
        raise ValueError(f"{inputs!r} is no recording. Give a path, (array, rate), or text=... for a transcript.")
    return {"audio": inputs}


def _of_dict(given: Mapping[str, Any], known: Sequence[str]) -> dict[str, Any]:
    utterance = {name: given[name] for name in known if name in given}
    sound = {name: given[name] for name in SOUND_FIELDS if name in given}
    others = [str(name) for name in given if name not in utterance]
    if "audio" not in utterance and set(sound) - {"sampling_rate"}:
        utterance["audio"] = sound
        others = [name for name in others if name not in sound]
    elif "sampling_rate" in sound and is_bare(utterance.get("audio")):
        utterance["audio"] = (utterance["audio"], sound["sampling_rate"])
        others.remove("sampling_rate")
    if not others:
        return utterance
    forms = f"pass a dict with some of {', '.join(known)}"
    if not utterance or any(name in UTTERANCE_INPUTS for name in others):
        raise ValueError(f"Unknown input {', '.join(sorted(others))}: {forms}.")
    for name in others:
        close = (
            [SYNONYMS[name.lower()]] if name.lower() in SYNONYMS else difflib.get_close_matches(name, known, 1, 0.8)
        )
        if close and close[0] in known and close[0] not in utterance:
            raise ValueError(f"Unknown input {name}: here it is called `{close[0]}`; {forms}, or leave it out.")
    logger.warning_once(
        f"Of a row's columns {', '.join(utterance)} {'is' if len(utterance) == 1 else 'are'} read, and not "
        f"{', '.join(sorted(others))}."
    )
    return utterance


def _of_tuple(given: tuple[Any, ...]) -> dict[str, Any]:
    """`(recording, text)`, `(array, rate)` or `(rate, array)`."""
    if len(given) != 2:
        raise ValueError(
            f"A tuple is (recording, text), (array, rate) or (rate, array), got {len(given)} elements. Give several "
            "recordings as a list."
        )
    first, second = given
    if is_bare(second) or (is_bare(first) and (_is_rate(second) or not isinstance(second, (str, type(None))))):
        return {"audio": given}
    if second is not None and not isinstance(second, str):
        raise ValueError(
            f"A tuple is (recording, text), (array, rate) or (rate, array), got ({type(first).__name__}, "
            f"{type(second).__name__})."
        )
    if second is not None and (_exists(second) or _ADDRESS.match(second) or _LOOKS_LIKE_A_FILE.fullmatch(second)):
        raise ValueError(f"A tuple is (recording, text), and {_short(second)} is a file. Give recordings as a list.")
    return {**_by_name(first, ("audio",)), "text": second}


def _sound(audio: Any, rate: int, stated_rate: int | None) -> Any:
    """A sound in a form that `load_audio` reads, or an address."""
    if isinstance(audio, str):
        return audio
    if callable(getattr(audio, "get_all_samples", None)):  # torchcodec's AudioDecoder, and datasets'
        samples = audio.get_all_samples()
        return _array(samples.data), int(samples.sample_rate)
    if isinstance(audio, Mapping):
        audio = dict(audio)
        if audio.get("array") is None and audio.get("raw") is not None:
            audio["array"] = audio.pop("raw")
        if audio.get("array") is not None:
            audio["array"] = _array(audio["array"])
            if audio.get("sampling_rate") is None:
                audio["sampling_rate"] = stated_rate
        return audio
    if is_bare(audio):
        if stated_rate is None:
            logger.warning_once(
                f"A bare array does not state its rate: it is taken to have the model's {rate} Hz. Pass (array, rate) "
                "or sampling_rate= to have it resampled."
            )
        return _array(audio), rate if stated_rate is None else stated_rate
    if isinstance(audio, tuple) and len(audio) == 2:
        return tuple(_array(part) if is_bare(part) else part for part in audio)
    return audio


def is_bare(value: Any) -> bool:
    """True for samples without a rate."""
    if isinstance(value, list) and value and isinstance(value[0], (list, np.ndarray, torch.Tensor)):
        return True  # channels
    return isinstance(value, (np.ndarray, torch.Tensor)) or is_numbers(value)


def _array(samples: Any) -> np.ndarray:
    if isinstance(samples, torch.Tensor):
        samples = samples.detach().cpu().float() if samples.dtype == torch.bfloat16 else samples.detach().cpu()
        return samples.numpy()
    if isinstance(samples, np.ndarray):
        return samples
    array = np.asarray(samples)
    return array.astype(np.float32) if array.dtype.kind == "f" else array


def _is_rate(value: Any) -> bool:
    """A rate, also one written as text."""
    return (isinstance(value, str) and value.strip().isdigit()) or isinstance(value, numbers.Number)


def is_missing(value: Any) -> bool:
    """What pandas has where a cell is empty."""
    return isinstance(value, float) and math.isnan(value)


def _exists(place: str) -> bool:
    try:
        return os.path.exists(place)
    except (OSError, ValueError):  # a name that no file can have
        return False


def _check_is_place(text: str) -> None:
    """Refuses a bare string that is neither a file nor an address: it may be what was said."""
    if not _ADDRESS.match(text) and not _exists(text):
        raise ValueError(
            f"{_short(text)}: there is no such file. Check the path; if this is what was said, write "
            "recognise(text=...), and for several recognise([{'text': ...}, ...])."
        )


def _short(text: str) -> str:
    return textwrap.shorten(text.encode("utf-8", "backslashreplace").decode(), _SHOWN_CHARACTERS, placeholder="...")


def _name_of(given: Any) -> str:
    """The file or the beginning of the text that an input is recognised by."""
    beside = given if isinstance(given, Given) else Given(given)
    inputs = beside.inputs
    has_names = isinstance(inputs, Mapping) and any(name in inputs for name in UTTERANCE_INPUTS)
    utterance = inputs if has_names else {"audio": inputs}
    audio = utterance.get("audio")
    if isinstance(audio, tuple) and audio and isinstance(audio[0], (str, os.PathLike)):
        audio = audio[0]
    if isinstance(audio, Mapping):
        audio = audio.get("path")
    if isinstance(audio, (str, os.PathLike)):
        return _short(os.fspath(audio))
    file_name = getattr(audio, "name", None)
    if isinstance(file_name, str):
        return file_name
    if utterance.get("audio") is not None:
        return "The audio in memory"
    text = utterance.get("text") if beside.text is None else beside.text
    return "The transcript with times" if text is None else f"The text {_short(str(text))!r}"
