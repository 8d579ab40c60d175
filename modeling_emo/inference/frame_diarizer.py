"""Who speaks when, by a Transformers model that says for each frame and speaker how likely it is."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from configuration_emo.option_kinds import check_number


# Shorter sounds may be too short for one frame, which no model says in words of its own.
SHORT_SECONDS = 0.5


class FrameDiarizer:
    """A diarizer for `turns=`, of any `AutoModelForAudioFrameClassification` with its feature extractor.

    Args:
        model (`PreTrainedModel`): its logits have the shape `(1, frames, speakers)`.
        feature_extractor (callable): the feature extractor or processor that belongs to it.
        threshold (`float`, defaults to 0.5): a speaker speaks in frames in which the sigmoid is above it.
        frame_seconds (`float`, *optional*): from one frame to the next; by default what the model's convolutions step
            over (`inputs_to_logits_ratio`), or, where its configuration does not say, the sound's length by the
            number of frames.
        min_seconds (`float`, defaults to 0.1): shorter turns are left out.

    Called with `{"raw": samples, "sampling_rate": rate}` it returns the turns by their starts, dicts with `start` and
    `end` in seconds and `speaker`, `speaker 0` and so on: of one speaker none touches another, of different ones they
    may overlap. The whole sound goes through the model at once.

    Raises:
        ValueError: an argument is wrong; when called, the sound is not such a dict of finite floats, or makes
            no frame, the rate is not the feature extractor's, or nobody speaks.

    Example:

    ```python
    >>> diarize = FrameDiarizer(model, feature_extractor)  # doctest: +SKIP
    >>> recognise("call.wav", turns=diarize)  # doctest: +SKIP

    ```
    """

    def __init__(
        self,
        model: Any,
        feature_extractor: Any,
        *,
        threshold: float = 0.5,
        frame_seconds: float | None = None,
        min_seconds: float = 0.1,
    ):
        check_number("threshold", threshold, most=1, is_open=True)
        check_number("min_seconds", min_seconds)
        if frame_seconds is not None:
            check_number("frame_seconds", frame_seconds, is_open=True)
        if not _classifies_frames(model) or not callable(feature_extractor):
            raise ValueError(
                "A FrameDiarizer takes a model of AutoModelForAudioFrameClassification and its feature extractor, got "
                f"{type(model).__name__} and {type(feature_extractor).__name__}."
            )
        self.model: Any = model.eval()
        self.feature_extractor = feature_extractor
        self.threshold, self.frame_seconds, self.min_seconds = threshold, frame_seconds, min_seconds

    def __call__(self, sound: dict[str, Any]) -> list[dict[str, Any]]:
        sound = _checked(sound)
        probabilities = self.probabilities(sound)
        frame = self._frame_seconds(len(sound["raw"]) / sound["sampling_rate"], len(probabilities))
        turns = []
        for speaker, speaks in enumerate((probabilities > self.threshold).T):
            edges = np.flatnonzero(np.diff(np.concatenate([[0], speaks.astype(np.int8), [0]])))
            for begin, end in edges.reshape(-1, 2).tolist():
                if (end - begin) * frame >= self.min_seconds - 1e-9:
                    turns.append({"start": begin * frame, "end": end * frame, "speaker": f"speaker {speaker}"})
        if not turns:
            raise ValueError(
                f"Nobody speaks by the diarizer: no frame is above {self.threshold:g} for {self.min_seconds:g} s. "
                "Lower its threshold, or leave turns out."
            )
        return sorted(turns, key=lambda turn: (turn["start"], turn["speaker"]))

    @torch.no_grad()
    def probabilities(self, sound: dict[str, Any]) -> np.ndarray:
        """How likely each speaker speaks in each frame.

        Args:
            sound (`dict`): `raw`, float32 `(samples,)`, and `sampling_rate` in Hz.

        Returns:
            `np.ndarray` of shape `(frames, speakers)`: float32.
        """
        sound = _checked(sound)
        extractor = getattr(self.feature_extractor, "feature_extractor", self.feature_extractor)
        if getattr(extractor, "sampling_rate", sound["sampling_rate"]) != sound["sampling_rate"]:
            raise ValueError(
                f"The diarizer hears {extractor.sampling_rate} Hz, and the recogniser {sound['sampling_rate']} Hz: "
                "resample in a function of your own."
            )
        seconds = len(sound["raw"]) / sound["sampling_rate"]
        cause = None
        try:
            logits = self._logits(sound)
        except Exception as error:
            if seconds >= SHORT_SECONDS:
                raise
            logits, cause = torch.zeros(0), error  # of what models do with sounds that make no frame
        if not len(logits):
            raise ValueError(
                f"The diarizer makes no frame of {len(sound['raw'])} samples ({seconds:.3g} s): give a longer "
                "sound, or leave turns out."
            ) from cause
        return logits.sigmoid().cpu().numpy()

    def _logits(self, sound: dict[str, Any]) -> torch.Tensor:
        inputs = self.feature_extractor(sound["raw"], sampling_rate=sound["sampling_rate"], return_tensors="pt")
        inputs = {
            name: value.to(self.model.device, self.model.dtype if value.is_floating_point() else value.dtype)
            for name, value in inputs.items()
            if isinstance(value, torch.Tensor)
        }
        return self.model(**inputs).logits[0].float()

    def _frame_seconds(self, seconds: float, frames: int) -> float:
        if self.frame_seconds is not None:
            return self.frame_seconds
        step = getattr(self.model.config, "inputs_to_logits_ratio", None)
        extractor = getattr(self.feature_extractor, "feature_extractor", self.feature_extractor)
        is_of_samples = (getattr(extractor, "model_input_names", None) or [""])[0] == "input_values"
        return step / extractor.sampling_rate if step and is_of_samples else seconds / max(frames, 1)


def _classifies_frames(model: Any) -> bool:
    """Whether it is such a model by its class, or by what its configuration says of its own code."""
    model = model.get_base_model() if hasattr(model, "get_base_model") else model
    auto_map = getattr(getattr(model, "config", None), "auto_map", None) or {}
    return isinstance(model, torch.nn.Module) and (
        any(one.__name__.endswith("ForAudioFrameClassification") for one in type(model).__mro__)
        or "AutoModelForAudioFrameClassification" in auto_map
    )


def _checked(sound: Any) -> dict[str, Any]:
    """The same with `raw` as float32, where it is one channel of finite floats."""
    if not isinstance(sound, dict) or not {"raw", "sampling_rate"} <= sound.keys():
        raise ValueError(
            f"A diarizer is given {{'raw': samples, 'sampling_rate': rate}}, got {type(sound).__name__} without them."
        )
    raw = np.asarray(sound["raw"])
    if raw.ndim != 1 or not raw.size or raw.dtype.kind != "f" or not np.isfinite(raw).all():
        raise ValueError(
            f"A diarizer hears finite floats of the shape (samples,), got {raw.dtype} of the shape {raw.shape}: "
            "mix the channels, and scale whole numbers to floats up to 1."
        )
    return {**sound, "raw": raw.astype(np.float32)}


def diarizer(turns: Any) -> Any:
    """A diarizer of `(model, feature extractor)`; anything else as it is.

    Args:
        turns: what was given as `turns`.
    """
    is_pair = isinstance(turns, tuple) and len(turns) == 2 and isinstance(turns[0], torch.nn.Module)
    return FrameDiarizer(*turns) if is_pair else turns
