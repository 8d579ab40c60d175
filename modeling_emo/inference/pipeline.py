"""`pipeline("emotion-recognition")`: recordings and transcripts in, labels with scores out."""

from __future__ import annotations

import os
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, cast

import numpy as np
import torch
from torch.utils.data import DataLoader
from transformers.pipelines.base import ChunkPipeline
from transformers.pipelines.pt_utils import PipelineChunkIterator, PipelineIterator, PipelinePackIterator
from transformers.utils import logging

from configuration_emo.configuration_emobert import EmoBertConfig
from configuration_emo.token_positions import stated_token_positions

from ..metrics.scores import predictions_to_scores
from .label_choice import LabelChoice
from .processor_protocol import UtteranceProcessor
from .similar_lengths import SimilarLengths, in_order


logger = logging.get_logger(__name__)

TASK = "emotion-recognition"
_SHOWN_CHARACTERS = 120  # of the name or text that an error calls an input by
PIPELINE_INPUTS = ("audio", "text", "words")


class EmotionRecognitionPipeline(ChunkPipeline):
    """Emotion of an utterance from its sound, its transcript or both; of a long recording as a timeline.

    Inputs are a dict with `audio`, `text` or both, or a list or generator of such dicts; a bare path, address, array
    or `bytes` is audio.

    - `audio`: a path, an address (http, https), bytes, a binary file, `(array, rate)`, a dict with `array` and
      `sampling_rate`, or an array at the model's rate. A sound in which nothing can be heard is an error.
    - `text`: the transcript.
    - `words`, in the place of `text`: the transcript with times, a list of `{"text": "yes", "timestamp": (1.0, 1.3)}`
      in seconds, as speech recognition gives it with `return_timestamps="word"`. Each sentence is predicted.

    Several threads may call one pipeline at a time. A recording is read as it is predicted: with `chunk_length_s` or
    `words` memory does not grow with its length. With `batch_size` above 1 eight batches are read ahead and made of
    inputs of similar lengths; results come in the order of the inputs.

    Args:
        top_k (`int`, *optional*): how many labels, best first; all of them by default. For regression all scores are
            returned in the order of the labels.
        labels (`list[str]` or `dict[str, str]`, *optional*): the labels to choose from, or these with other names; see
            [`LabelChoice`].
        chunk_length_s (`float`, *optional*): predict windows of so many seconds, for a timeline; with `words` the
            longest sentence.
        stride_length_s (`float` or `(left, right)`, *optional*): seconds that a window shares with its neighbours, a
            sixth of it if left out; with `words` the sound around a sentence that is heard as well, none if left out.
        asr (callable, *optional*): transcribes audio that comes without `text` and `words`: a Transformers pipeline
            for speech recognition, or a function that takes `{"raw": waveform, "sampling_rate": rate}` and returns the
            text, or a dict with `text`. It hears each window for itself.
        return_text (`bool`, defaults to `False`): also return the text that was predicted from.
        on_error (`"raise"` or `"return"`): what happens with an input that cannot be read, whatever the reason: the
            call ends with a ValueError, or this input's result is `{"error": message}`.
        allow_addresses (`bool`, defaults to `True`): `False` refuses addresses, for servers whose clients might name
            machines that only the server reaches.

    Returns, per input:
        `list[dict]`: `label` and `score`; probabilities, or for regression the predicted score in the corpus's units.
        With `chunk_length_s`, `words` or `return_text` a `dict` with this list as `predictions`; `text` of
        `return_text`; and of `chunk_length_s` or `words` the timeline `chunks`, dicts with `timestamp` `(start, end)`
        in seconds, `text` and `predictions`, whose mean by duration the predictions of the whole are.

    Raises:
        ValueError: an option is unknown or wrong, an input has neither audio nor text, or its audio cannot be read.

    Example:

    ```python
    >>> from transformers import pipeline
    >>> import modeling_emo, preprocess  # registers the pipeline and the processor

    >>> recognise = pipeline("emotion-recognition", model="outputs/demo")  # doctest: +SKIP
    >>> recognise({"audio": "call.wav", "text": "Thank you so much!"})  # doctest: +SKIP
    [{'label': 'sentiment', 'score': 2.31}]
    >>> recognise("hour.mp3", chunk_length_s=10)["chunks"][0]  # doctest: +SKIP
    {'timestamp': (0.0, 8.33), 'text': None, 'predictions': [{'label': 'sentiment', 'score': 0.42}]}

    ```
    """

    processor: UtteranceProcessor  # type: ignore[assignment]  # any processor, or none, in Transformers

    # Transformers declares these as None and means by it that they are still to be set.
    _load_processor = True  # type: ignore[assignment]
    _load_image_processor = False  # type: ignore[assignment]
    _load_feature_extractor = False  # type: ignore[assignment]
    _load_tokenizer = False  # type: ignore[assignment]

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        # A tokenizer need not state how many token ids the encoder takes, and may state more.
        positions = stated_token_positions(self.model.config.text_config)
        if positions is not None and self.processor is not None:
            self.processor = self.processor.limit_text(positions)

    def _sanitize_parameters(
        self,
        top_k: int | None = None,
        labels: Sequence[str] | Mapping[str, str] | None = None,
        chunk_length_s: float | None = None,
        stride_length_s: float | tuple[float, float] | None = None,
        asr: Callable[[dict[str, Any]], Any] | None = None,
        return_text: bool | None = None,
        on_error: str | None = None,
        allow_addresses: bool | None = None,
        **kwargs,
    ):
        if kwargs:
            known = "top_k, labels, chunk_length_s, stride_length_s, asr, return_text, on_error, allow_addresses"
            raise ValueError(f"Unknown option {', '.join(sorted(kwargs))} of the pipeline; it knows {known}.")
        if top_k is not None and top_k < 1:
            raise ValueError(f"top_k must be at least 1, got {top_k}.")
        if on_error not in (None, "raise", "return"):
            raise ValueError(f"on_error must be 'raise' or 'return', got {on_error!r}.")
        if asr is not None and not callable(asr):
            raise ValueError(f"asr must be callable, such as pipeline('automatic-speech-recognition'), got {asr!r}.")
        reading = {
            "chunk_length_s": chunk_length_s,
            "stride_length_s": stride_length_s,
            "asr": asr,
            "on_error": on_error,
            "allow_addresses": allow_addresses,
        }
        choice = None if labels is None else LabelChoice(self._config, labels)
        reporting = {"top_k": top_k, "choice": choice, "return_text": return_text}
        return _given(reading), {}, _given(reporting)

    @property
    def _config(self) -> EmoBertConfig:
        return cast(EmoBertConfig, self.model.config)

    def preprocess(  # type: ignore[override]  # what this pipeline reads and yields, by name
        self,
        inputs: Any,
        chunk_length_s: float | None = None,
        stride_length_s: float | tuple[float, float] | None = None,
        asr: Callable[[dict[str, Any]], Any] | None = None,
        on_error: str = "raise",
        allow_addresses: bool = True,
    ) -> Iterator[dict[str, Any]]:
        """The segments of one input, one after the other, each with what the model needs of it."""
        try:
            utterance = self._checked_input(inputs)
            is_timeline = chunk_length_s is not None or utterance.get("words") is not None
            segments = self.processor.read_segments(
                **utterance,
                chunk_length_s=chunk_length_s,
                stride_length_s=stride_length_s,
                allow_addresses=allow_addresses,
            )
            for segment in segments:
                text = segment.text
                if asr is not None and segment.waveform is not None and text is None:
                    text = self._transcribe(asr, segment.waveform)
                self._warn_of_length(segment.waveform)
                yield {
                    "features": self.processor.extract_utterance(text, segment.waveform),
                    "timestamp": (segment.start, segment.end),
                    "text": text,
                    "is_timeline": is_timeline,
                    "error": None,
                    "length": (0 if segment.waveform is None else len(segment.waveform), len(text or "")),
                    "is_last": segment.is_last,
                }
        except Exception as error:  # decoders, recognisers and strangers' numbers fail in any way
            problem = reading_error(inputs, error)
            if on_error == "raise":
                raise problem from error
            failed = dict.fromkeys(("features", "timestamp", "text", "is_timeline"))
            yield {**failed, "error": str(problem), "length": (0, 0), "is_last": True}

    def get_iterator(
        self, inputs, num_workers: int, batch_size: int, preprocess_params, forward_params, postprocess_params
    ):
        # As the parent's, but that batches have similar lengths and are padded by the processor, which knows about
        # missing modalities.
        segments = SimilarLengths(PipelineChunkIterator(inputs, self.preprocess, preprocess_params), batch_size)
        batches = DataLoader(
            segments, num_workers=min(num_workers, 1), batch_size=batch_size, collate_fn=self._collate
        )
        # At least 2, as 1 stands for inputs that are not in batches.
        outputs = PipelineIterator(batches, self.forward, forward_params, loader_batch_size=max(batch_size, 2))
        whole = PipelinePackIterator(in_order(outputs), lambda segment: segment, {})
        return PipelineIterator(whole, self.postprocess, postprocess_params)

    def _collate(self, segments: list[dict[str, Any]]) -> dict[str, Any]:
        """Segments as lists by name, and those that could be read as a padded batch."""
        batch = {name: [segment[name] for segment in segments] for name in segments[0]}
        readable = [features for features in batch.pop("features") if features is not None]
        return {"model_inputs": dict(self.processor.pad(readable)) if readable else None, **batch}

    def _forward(self, batch: dict[str, Any]) -> dict[str, Any]:  # type: ignore[override]  # a batch of segments
        model_inputs = batch.pop("model_inputs")
        logits = iter(()) if model_inputs is None else iter(self.model(**model_inputs).logits.float())
        return {"logits": [next(logits) if error is None else None for error in batch["error"]], **batch}

    def postprocess(  # type: ignore[override]  # the segments of one input, options by name
        self,
        segments: list[dict[str, Any]],
        top_k: int | None = None,
        choice: LabelChoice | None = None,
        return_text: bool = False,
    ) -> list[dict[str, Any]] | dict[str, Any]:
        error = next((segment["error"] for segment in segments if segment["error"] is not None), None)
        if error is not None:
            return {"error": error}
        choice = LabelChoice(self._config) if choice is None else choice
        logits = torch.cat([segment["logits"] for segment in segments]).numpy()
        scores = choice.apply(predictions_to_scores(logits, self._config))
        spans = [segment["timestamp"] for segment in segments]
        durations = [1.0 if start is None else max(end - start, 1e-3) for start, end in spans]
        whole = self._ranked(np.average(scores, axis=0, weights=durations), choice, top_k)
        texts = [segment["text"] for segment in segments]
        is_timeline = segments[0]["is_timeline"]
        if not is_timeline and not return_text:
            return whole
        result: dict[str, Any] = {"predictions": whole}
        if return_text:
            result["text"] = " ".join(text for text in texts if text) or None
        if is_timeline:
            result["chunks"] = [
                {"timestamp": span, "text": text, "predictions": self._ranked(row, choice, top_k)}
                for span, text, row in zip(spans, texts, scores, strict=True)
            ]
        return result

    def save_pretrained(self, save_directory: str | os.PathLike, **kwargs):
        """Saves model, configuration and processor, so that `pipeline(...)` finds all of them."""
        if type(self) is EmotionRecognitionPipeline:
            self.model.save_pretrained(save_directory, **kwargs)  # with the code of this class
        else:
            super().save_pretrained(save_directory, **kwargs)
        self.processor.save_pretrained(save_directory, **kwargs)

    def _checked_input(self, inputs: Any) -> dict[str, Any]:
        """One input as the arguments of the processor's `read_segments`."""
        utterance = dict(inputs) if isinstance(inputs, Mapping) and not _is_audio(inputs) else {"audio": inputs}
        unknown = sorted(set(utterance) - set(PIPELINE_INPUTS))
        if unknown:
            raise ValueError(
                f"Unknown input {', '.join(unknown)}: pass a dict with some of {', '.join(PIPELINE_INPUTS)}."
            )
        audio = utterance.get("audio")
        if isinstance(audio, torch.Tensor):
            audio = audio.detach().cpu().numpy()
        if isinstance(audio, np.ndarray):
            rate = self.processor.feature_extractor.sampling_rate
            logger.warning_once(
                f"A bare array does not state its rate: it is taken to have the model's {rate} Hz. Pass (array, rate) "
                "to have it resampled."
            )
            audio = (audio, rate)
        return {**utterance, "audio": audio}

    def _transcribe(self, asr: Callable[[dict[str, Any]], Any], waveform: np.ndarray) -> str | None:
        """What is said, None where nothing was recognised."""
        result = asr({"raw": waveform, "sampling_rate": self.processor.feature_extractor.sampling_rate})
        text = result.get("text") if isinstance(result, Mapping) else result
        if not isinstance(text, str):
            raise ValueError(f"asr must return a text, or a dict with `text`, got {result!r}.")
        return text.strip() or None

    def _warn_of_length(self, waveform: np.ndarray | None) -> None:
        limits = self._config.max_speech_seconds, self.processor.max_audio_seconds
        limit = min((seconds for seconds in limits if seconds is not None), default=None)
        rate = self.processor.feature_extractor.sampling_rate
        if limit is not None and waveform is not None and len(waveform) > limit * rate:
            logger.warning(
                f"Of a sound of {len(waveform) / rate:.1f} s this model hears the first {limit:g} s. "
                f"Pass chunk_length_s={limit:g} or less to have all of it predicted."
            )

    @staticmethod
    def _ranked(scores: np.ndarray, choice: LabelChoice, top_k: int | None) -> list[dict[str, Any]]:
        ranked = [(name, float(score)) for name, score in zip(choice.names, scores, strict=True)]
        if choice.problem.has_classes:
            ranked = sorted(ranked, key=lambda entry: -entry[1])[:top_k]
        return [{"label": name, "score": score} for name, score in ranked]


def reading_error(inputs: Any, error: Exception) -> ValueError:
    """What is said of an input that cannot be read: the error itself, if it is a ValueError, or one with its name.

    Args:
        inputs: an input of the pipeline.
        error (`Exception`): what its reading ended with.
    """
    if type(error) is ValueError:
        return error
    said = f": {error}" if str(error) else ""
    return ValueError(
        f"{_name_of_input(inputs)} cannot be read ({type(error).__name__}{said}). Correct it or leave it out."
    )


def _name_of_input(inputs: Any) -> str:
    """The file or the beginning of the text that an input is recognised by."""
    utterance = inputs if isinstance(inputs, Mapping) and not _is_audio(inputs) else {"audio": inputs}
    audio = utterance.get("audio")
    if isinstance(audio, Mapping):
        audio = audio.get("path")
    if isinstance(audio, (str, os.PathLike)):
        return textwrap.shorten(os.fspath(audio), _SHOWN_CHARACTERS, placeholder="...")
    file_name = getattr(audio, "name", None)
    if isinstance(file_name, str):
        return file_name
    if utterance.get("audio") is not None:
        return "The audio in memory"
    if utterance.get("text") is not None:
        return f"The text {textwrap.shorten(str(utterance['text']), _SHOWN_CHARACTERS, placeholder='...')!r}"
    return "The transcript with times"


def _given(options: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}


def _is_audio(inputs: Mapping[str, Any]) -> bool:
    """True for a dict that is a sound itself, as a dataset's audio column gives."""
    return not set(inputs) & set(PIPELINE_INPUTS) and bool({"array", "bytes", "path"} & set(inputs))


def remote_pipelines() -> dict[str, dict[str, Any]]:
    """What `config.json` says of this pipeline, for `pipeline()` where EmoBERT is not installed."""
    module = __name__.rpartition(".")[2]
    return {
        TASK: {
            "impl": f"{module}.{EmotionRecognitionPipeline.__name__}",
            "pt": ["AutoModelForSequenceClassification"],
            "type": "multimodal",
        }
    }
