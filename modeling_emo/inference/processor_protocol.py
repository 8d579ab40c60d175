"""What the models' own code asks of a processor: `preprocess.EmoBertProcessor`, or one that does as much."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np


class RecordingSegment(Protocol):
    """A stretch of a recording that gets a prediction of its own: `preprocess.Segment`."""

    @property
    def waveform(self) -> np.ndarray | None:
        """What the model hears, float32 `(samples,)` at the model's rate; None without sound."""

    @property
    def start(self) -> float | None:
        """Where the stretch begins, in seconds; None for text without times."""

    @property
    def end(self) -> float | None:
        """Where it ends, in seconds."""

    @property
    def text(self) -> str | None:
        """What is said in it."""

    @property
    def is_last(self) -> bool:
        """No segment of the recording follows."""

    @property
    def is_silent(self) -> bool:
        """Nothing can be heard in it: it gets no prediction."""

    @property
    def speaker(self) -> str | None:
        """Who speaks, where that is known."""


class RecordingStream(Protocol):
    """Sound that is still coming, divided: `preprocess.SegmentStream`."""

    @property
    def seconds(self) -> float:
        """How much sound was fed, in seconds."""

    @property
    def kept_seconds(self) -> float:
        """How much sound is kept, in seconds."""

    def feed(self, samples: Any) -> list[Any]:
        """Takes the next block; gives the segments, each a [`RecordingSegment`], that ended."""

    def close(self) -> list[Any]:
        """The segments that the end of the sound ends."""


@runtime_checkable
class UtteranceProcessor(Protocol):
    """Text and sound of utterances into what EmoBERT's `forward` takes; [`EmoBertProcessor`] says how."""

    tokenizer: Any
    feature_extractor: Any

    @property
    def speech_input_name(self) -> str:
        """`"input_values"` or `"input_features"`: the key under which the sound is returned."""

    @property
    def max_audio_seconds(self) -> float | None:
        """The longest sound that is kept whole, in seconds; None where there is no limit."""

    @property
    def max_text_length(self) -> int:
        """Most token ids of a text that are kept."""

    def limit_text(self, max_length: int) -> UtteranceProcessor:
        """This processor, or a copy that keeps at most `max_length` token ids of a text."""

    def __call__(self, text: Any = None, audio: Any = None, **kwargs: Any) -> Mapping[str, Any]:
        """A padded batch of texts and sounds."""

    def read_segments(
        self,
        audio: Any = None,
        text: str | None = None,
        words: Sequence[Mapping[str, Any]] | None = None,
        **division: Any,
    ) -> Iterator[RecordingSegment]:
        """Divides a recording, as `preprocess.read_segments` does, whose options `division` are."""

    def stream_segments(self, input_rate: int | None = None, **division: Any) -> RecordingStream:
        """Divides sound that is still coming, as `preprocess.SegmentStream` does, whose options `division` are."""

    def extract_utterance(self, text: str | None, waveform: np.ndarray | None, **options: Any) -> Any:
        """One utterance alone and unpadded, for `pad`; with `context`, what was said before, where it is known."""

    def pad(self, utterances: Sequence[Any], return_tensors: str | None = "pt") -> Mapping[str, Any]:
        """A padded batch of what `extract_utterance` returned."""

    def save_pretrained(self, save_directory: str | os.PathLike, **kwargs: Any) -> Any:
        """Writes it, for `from_pretrained`."""
