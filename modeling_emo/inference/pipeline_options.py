"""The options of the pipeline and of its calls, and what is said of those that it does not have."""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, TypedDict

import torch
from transformers.utils import logging

from configuration_emo.option_kinds import check_number, check_whole, check_yes_or_no
from configuration_emo.shown_values import shown

from ..speaker_adaptation import SpeakerStatistics, check_shares


logger = logging.get_logger(__name__)


class PipelineOptions(TypedDict, total=False):
    """Options when the pipeline is made, and of each call; [`EmotionRecognitionPipeline`] says what they do."""

    top_k: int | None
    labels: Sequence[str] | Mapping[str, str] | None
    chunk_length_s: float | None
    stride_length_s: float | tuple[float, float] | None
    segmentation: str | None
    turns: Any
    voice_detector: str | None
    channels: str | int | None
    context: Sequence[str] | None
    asr: Callable[[dict[str, Any]], Any] | str | None
    transcription: str | None
    abstain_below: float | None
    adapt_to_speakers: str | None
    return_text: bool | None
    return_embeddings: bool | None
    max_batch_seconds: float | None
    on_error: str | None
    allow_addresses: bool | None


# Options of Transformers' pipelines, and arguments of a call, with what to write in their place.
INSTEAD = {
    "return_timestamps": "chunk_length_s=10 gives a timeline.",
    "return_all_scores": "all scores are returned unless top_k is given.",
    "function_to_apply": "scores are probabilities, or predicted values, without it.",
    "sampling_rate": "it belongs to a call, recognise(array, sampling_rate=...), or to the array, (array, rate).",
    "speakers": "turns= says who speaks when.",
    "diarizer": "turns= takes one.",
    "transcribe": "it is called transcription, 'segment' or 'recording'.",
    "threshold": "abstain_below= gives no label below a confidence.",
    "text": "it belongs to a call, recognise(audio, text=...).",
}


def _check_strides(name: str, value: Any) -> None:
    is_pair = isinstance(value, (list, tuple)) and len(value) == 2
    for one in value if is_pair else (value,):
        check_number(f"{name}, in seconds or as (left, right),", one)


def _check_name(name: str, value: Any) -> None:
    if not isinstance(value, str) or not value:
        raise ValueError(f"{name} must be a name, or left out, got {shown(value)}.")


def _check_channels(name: str, value: Any) -> None:
    if not isinstance(value, str):
        check_whole(f"{name}, 'mix', 'each' or a number,", value, 0)


def _check_turns(name: str, value: Any) -> None:
    if not callable(value) and (isinstance(value, bytes) or not isinstance(value, (str, os.PathLike, Iterable))):
        raise ValueError(f"{name} must be an RTTM file, a list of turns or a diarizer, got {shown(value)}.")


def _check_context(name: str, value: Any) -> None:
    if isinstance(value, str) or not isinstance(value, Sequence) or not all(isinstance(one, str) for one in value):
        raise ValueError(f"{name} must be a list of what was said before, such as ['Joey: Hi.'], got {shown(value)}.")


# What each option must be; those that are not here are checked where their values are known.
KINDS: dict[str, Callable[[str, Any], None]] = {
    "top_k": check_whole,
    **dict.fromkeys(("chunk_length_s", "max_batch_seconds"), partial(check_number, is_open=True)),
    "stride_length_s": _check_strides,
    **dict.fromkeys(("segmentation", "voice_detector", "transcription", "on_error", "adapt_to_speakers"), _check_name),
    "turns": _check_turns,
    "channels": _check_channels,
    "context": _check_context,
    "abstain_below": partial(check_number, most=1),
    **dict.fromkeys(("return_text", "return_embeddings", "allow_addresses"), check_yes_or_no),
}


def check_options(options: Mapping[str, Any], config: Any) -> None:
    """Refuses options that are unknown or wrong.

    Args:
        options (`dict`): by name, None where nothing was given.
        config ([`EmoBertConfig`] or [`Emotion2VecConfig`]): of the model.

    Raises:
        ValueError: there is one; the message says what to write.
    """
    _refuse_unknown([name for name in options if name not in PipelineOptions.__annotations__])
    for name, value in options.items():
        if value is not None and name in KINDS:
            KINDS[name](name, value)
    on_error, asr, transcription, threshold = (
        options.get(name) for name in ("on_error", "asr", "transcription", "abstain_below")
    )
    if on_error not in (None, "raise", "return"):
        raise ValueError(f"on_error must be 'raise' or 'return', got {shown(on_error)}.")
    if asr is not None and not callable(asr) and not isinstance(asr, str):
        raise ValueError(f"asr must be callable, such as pipeline('automatic-speech-recognition'), got {shown(asr)}.")
    if asr is not None and not hasattr(config, "text_config"):
        raise ValueError("This model is emotion2vec, which reads no text: leave asr out.")
    if transcription not in (None, "segment", "recording"):
        raise ValueError(f"transcription must be 'segment' or 'recording', got {shown(transcription)}.")
    shares = options.get("adapt_to_speakers")
    if shares is not None:
        check_shares(shares)
        SpeakerStatistics.from_config(config)
    if threshold is None:
        return
    if config.problem.predicts != "most_probable":
        raise ValueError(
            f"abstain_below is for models that predict one of their labels, this one's problem_type is "
            f"{config.problem.name!r}. Compare its scores yourself."
        )
    if getattr(config, "temperature", None) is None:
        logger.warning_once(
            "abstain_below is compared with probabilities that were never calibrated: fit a temperature first "
            "(`emobert evaluate --split validation --calibrate`)."
        )


def check_division(processor: Any, options: Mapping[str, Any]) -> None:
    """Refuses what no recording can be divided by, once and not for each.

    Args:
        processor ([`UtteranceProcessor`]): asked if it has `check_division`, as ours have.
        options (`dict`): of the call and of the pipeline.

    Raises:
        ValueError: by the processor.
    """
    if hasattr(processor, "check_division"):
        processor.check_division(**options)


def check_batches(batch_size: Any, num_workers: Any) -> None:
    """Refuses sizes of batches, and numbers of processes that read, which are none.

    Args:
        batch_size (`int`, *optional*): at least 1.
        num_workers (`int`, *optional*): at least 0.

    Raises:
        ValueError: one of them is another kind, or smaller.
    """
    if batch_size is not None:
        check_whole("batch_size", batch_size)
    if num_workers is not None:
        check_whole("num_workers", num_workers, 0)


def _refuse_unknown(unknown: Iterable[str]) -> None:
    known = list(PipelineOptions.__annotations__)
    names = sorted(unknown)
    for name in names:
        close = difflib.get_close_matches(name, known, 1, 0.7)
        instead = INSTEAD.get(name, f"did you mean {close[0]}?" if close else None)
        if instead is not None:
            raise ValueError(f"Unknown option {name} of the pipeline: {instead}")
    if names:
        raise ValueError(f"Unknown option {', '.join(names)} of the pipeline; it knows {', '.join(known)}.")


def checked_device(device: Any) -> Any:
    """The device, after a look at whether it is there.

    Args:
        device (`int`, `str` or `torch.device`, *optional*): as of Transformers' pipelines.

    Raises:
        ValueError: there is no such kind, or it is a CUDA device, and PyTorch sees none. Where a number stands for
            one, the pipeline runs on the CPU as Transformers' own do, with a warning.
    """
    try:
        kind = torch.device(device).type if isinstance(device, (str, torch.device)) else None
    except RuntimeError as error:
        raise ValueError(f"device={device!r:.60} is none that PyTorch knows: cpu, cuda, cuda:1, mps, ...") from error
    if kind == "cuda":
        if not torch.cuda.is_available():
            raise ValueError(f"device={str(device)!r}: PyTorch sees no CUDA device here. Leave it out, or 'cpu'.")
    elif isinstance(device, int) and device >= 0 and not torch.accelerator.is_available():
        logger.warning(f"device={device} stands for a GPU, and PyTorch sees none: the model runs on the CPU.")
    return device
