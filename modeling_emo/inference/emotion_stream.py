"""Emotion of sound that is still coming: blocks of samples in, a prediction for each stretch of voice out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from configuration_emo.option_kinds import check_yes_or_no
from configuration_emo.shown_values import shown

from .label_choice import LabelChoice
from .moonshine_recognizer import recogniser
from .pipeline import EmotionRecognitionPipeline
from .pipeline_options import check_options
from .processor_protocol import RecordingSegment, UtteranceProcessor


# The longest segment where no chunk_length_s is given.
LONGEST_SECONDS = 30.0


class EmotionStream:
    """Predicts live sound, segment by segment, as each of them ends with a pause or at the longest length.

    Segments and numbers are those of the pipeline's `chunks` over the whole sound with `segmentation="voice"` and the
    same `voice_detector`, `chunk_length_s` and `stride_length_s`, whatever the lengths of the blocks. `"energy"`, the
    pipeline's own default, has to hear the whole recording first; a stream has `"causal"`, the same gate set by what
    was heard so far, or `"silero"`. Where nobody speaks there are no segments, and that is no error here.

    It keeps the sound of the segment that is going on, at most `chunk_length_s`, its context and a second. An event
    comes half a second after the voice ended (`stride_length_s` may be longer) and the time of one prediction. One
    thread at a time may use a stream; several streams may share one pipeline.

    Args:
        model ([`EmotionRecognitionPipeline`] or `PreTrainedModel`): the trained model. The options of a pipeline that
            divide recordings do not hold here, its `labels`, `top_k`, `asr` and `abstain_below` do.
        processor ([`EmoBertProcessor`], *optional*): of the model, where that is no pipeline.
        sampling_rate (`int`, *optional*): of the blocks in Hz, from which they are resampled; the model's if left out.
        num_channels (`int`, defaults to 1): of the blocks; they are mixed to one.
        chunk_length_s (`float`, defaults to 30): the longest segment in seconds.
        stride_length_s (`float` or `(left, right)`, *optional*): seconds around a segment that are heard too; none if
            left out, `chunk_length_s` at most.
        voice_detector (`str`, defaults to `"causal"`): or `"silero"` (`pip install 'emobert[silero]'`).
        top_k (`int`, *optional*): how many labels, best first.
        labels, asr, abstain_below (*optional*): as of the pipeline; with a threshold events have `label` and
            `abstained`.
        return_embeddings (`bool`, defaults to False): whether events have `embeddings`.

    Raises:
        ValueError: an option is wrong, or there is no processor.

    Example:

    ```python
    >>> from transformers import pipeline
    >>> from modeling_emo import EmotionStream

    >>> recognise = pipeline("emotion-recognition", model="outputs/demo")  # doctest: +SKIP
    >>> stream = EmotionStream(recognise, sampling_rate=48_000)  # doctest: +SKIP
    >>> for block in microphone:  # doctest: +SKIP
    ...     for event in stream.feed(block):
    ...         print(event["timestamp"], event["predictions"], event["so_far"])
    >>> stream.close()  # doctest: +SKIP

    ```
    """

    def __init__(
        self,
        model: Any,
        processor: UtteranceProcessor | None = None,
        *,
        sampling_rate: int | None = None,
        num_channels: int = 1,
        chunk_length_s: float | None = None,
        stride_length_s: float | tuple[float, float] | None = None,
        voice_detector: str | None = None,
        top_k: int | None = None,
        labels: Sequence[str] | Mapping[str, str] | None = None,
        asr: Callable[[dict[str, Any]], Any] | str | None = None,
        abstain_below: float | None = None,
        return_embeddings: bool = False,
    ):
        if not isinstance(model, EmotionRecognitionPipeline):
            if processor is None:
                raise ValueError(
                    f"A stream needs a pipeline, or a model and its processor, got {type(model).__name__} alone."
                )
            model = EmotionRecognitionPipeline(model=model, processor=processor, device=getattr(model, "device", None))
        elif processor is not None:
            raise ValueError("The pipeline has a processor of its own: leave processor= out.")
        if "adapt_to_speakers" in model.options:
            raise ValueError(
                "A stream predicts each segment when it ends, and adapt_to_speakers needs the whole recording: make "
                "the pipeline without it."
            )
        check_yes_or_no("return_embeddings", return_embeddings)
        given = {"top_k": top_k, "labels": labels, "asr": asr, "abstain_below": abstain_below}
        divides = {"chunk_length_s": chunk_length_s, "stride_length_s": stride_length_s}
        check_options({**given, **divides, "voice_detector": voice_detector}, model.model.config)
        longest = LONGEST_SECONDS if chunk_length_s is None else chunk_length_s
        if stride_length_s is not None and np.max(stride_length_s) > longest:
            raise ValueError(
                f"stride_length_s must not be longer than a segment, chunk_length_s ({longest:g} s), got "
                f"{shown(stride_length_s)}."
            )
        if labels is not None:
            LabelChoice(model.model.config, labels)  # refuses unknown ones before a segment is lost by them
        asr = None if asr is None else recogniser(asr)  # a name is loaded once
        self._recognise, own_top_k = model.undivided()
        self._top_k = own_top_k if top_k is None else top_k
        self._abstains = abstain_below is not None or "abstain_below" in self._recognise.options
        self._options: dict[str, Any] = {"labels": labels, "asr": asr, "abstain_below": abstain_below}
        self._options |= {"return_text": True, "return_embeddings": return_embeddings}
        self._segments = model.processor.stream_segments(
            sampling_rate,
            num_channels=num_channels,
            chunk_length_s=chunk_length_s,
            stride_length_s=stride_length_s,
            voice_detector=voice_detector,
        )
        self._rate = model.processor.feature_extractor.sampling_rate
        self._sums: dict[str, float] = {}
        self._scored_seconds = 0.0

    @property
    def seconds(self) -> float:
        """How much sound was fed, in seconds."""
        return self._segments.seconds

    @property
    def kept_seconds(self) -> float:
        """How much sound is kept, in seconds."""
        return self._segments.kept_seconds

    @property
    def so_far(self) -> list[dict[str, Any]] | None:
        """The mean of all segments so far, weighted by duration; None before the first."""
        if not self._scored_seconds:
            return None
        means = [{"label": name, "score": total / self._scored_seconds} for name, total in self._sums.items()]
        return self._ranked(means)

    def feed(self, samples: Any) -> list[dict[str, Any]]:
        """Takes the next block.

        Args:
            samples (`np.ndarray` of shape `(samples,)` or `(num_channels, samples)`): floats whose full scale is 1, or
                int8, int16, int32 or uint8, which are scaled; any number of them, also none.

        Returns:
            `list` of `dict`, most often empty: for each segment that ended `timestamp` `(start, end)` in seconds,
            `text` of `asr`, `predictions` and what else the pipeline says of a segment, `embeddings` where asked for,
            and `so_far`, the mean of all segments up to this one.

        Raises:
            ValueError: another type or shape, or samples that are not finite: such a block is not taken, and the next
                one may come. Or the stream is closed.
        """
        return [self._event(segment) for segment in self._segments.feed(samples)]

    def close(self) -> list[dict[str, Any]]:
        """The events of what the end of the sound ends; after the first time none."""
        return [self._event(segment) for segment in self._segments.close()]

    def _event(self, segment: RecordingSegment) -> dict[str, Any]:
        event: dict[str, Any] = {"timestamp": (segment.start, segment.end), "text": None, "predictions": None}
        if self._options["return_embeddings"]:
            event["embeddings"] = None
        if self._abstains:
            event |= {"label": None, "abstained": False}
        if not segment.is_silent:
            result = self._recognise((segment.waveform, self._rate), **self._options)
            assert segment.start is not None and segment.end is not None
            seconds = max(segment.end - segment.start, 1e-3)
            for entry in result["predictions"]:
                self._sums[entry["label"]] = self._sums.get(entry["label"], 0.0) + seconds * entry["score"]
            self._scored_seconds += seconds
            event.update(result, predictions=self._ranked(result["predictions"]))
        return {**event, "so_far": self.so_far}

    def _ranked(self, predictions: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Best first and as many as asked for; scores of regression as they are."""
        if not self._recognise.model.config.problem.has_classes:
            return predictions
        return sorted(predictions, key=lambda entry: -entry["score"])[: self._top_k]
