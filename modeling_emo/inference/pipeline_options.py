"""The options of the pipeline and of its calls, and what is said of those that it does not have."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypedDict

import torch
from transformers.utils import logging

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


def check_options(options: Mapping[str, Any], config: Any) -> None:
    """Refuses options that are unknown or wrong.

    Args:
        options (`dict`): by name, None where nothing was given.
        config ([`EmoBertConfig`] or [`Emotion2VecConfig`]): of the model.

    Raises:
        ValueError: there is one; the message says what to write.
    """
    _refuse_unknown([name for name in options if name not in PipelineOptions.__annotations__])
    top_k, on_error, asr, transcription, threshold = (
        options.get(name) for name in ("top_k", "on_error", "asr", "transcription", "abstain_below")
    )
    if top_k is not None and (not isinstance(top_k, int) or top_k < 1):
        raise ValueError(f"top_k must be at least 1, got {shown(top_k)}.")
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
    if isinstance(threshold, bool) or not isinstance(threshold, (int, float)) or not 0 <= threshold <= 1:
        raise ValueError(f"abstain_below must be a probability between 0 and 1, got {shown(threshold)}.")
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
        ValueError: it is a CUDA device, and PyTorch sees none. Where a number stands for one, the pipeline runs on the
            CPU as Transformers' own do, with a warning.
    """
    if isinstance(device, (str, torch.device)) and torch.device(device).type == "cuda":
        if not torch.cuda.is_available():
            raise ValueError(f"device={str(device)!r}: PyTorch sees no CUDA device here. Leave it out, or 'cpu'.")
    elif isinstance(device, int) and device >= 0 and not torch.accelerator.is_available():
        logger.warning(f"device={device} stands for a GPU, and PyTorch sees none: the model runs on the CPU.")
    return device
