"""emotion2vec's processor: sound through its feature extractor, for a model that reads no text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from transformers import BatchFeature, ProcessorMixin

from configuration_emo.hub_code import SelfContained

from .audio.load_audio import AudioSource, load_audio
from .feature_extraction_emotion2vec import Emotion2VecFeatureExtractor
from .features.padding import LONGEST
from .features.speech_features import SpeechFeatures, extract_speech_features, pad_speech_features
from .features.text_features import is_text
from .recordings.segment_stream import SegmentStream
from .recordings.segments import Segment, check_division, read_segments


class Emotion2VecProcessor(SelfContained, ProcessorMixin):
    """
    What `pipeline("emotion-recognition")` reads recordings with for a model of emotion2vec alone.

    A converted folder holds the feature extractor only; [`AutoProcessor`] makes this of it.

    Args:
        feature_extractor ([`Emotion2VecFeatureExtractor`], *optional*): what normalises waveforms; one with the
            published settings if left out.

    Example:

    ```python
    >>> import numpy as np
    >>> from preprocess import Emotion2VecProcessor

    >>> processor = Emotion2VecProcessor()
    >>> batch = processor([(np.sin(np.arange(8_000) / 9), 8_000), (np.sin(np.arange(800) / 9), 16_000)])
    >>> batch["input_values"].shape, batch["attention_mask"].sum(1).tolist()
    ((2, 16000), [16000, 800])

    ```
    """

    _auto_map_classes = {"AutoProcessor": "Emotion2VecProcessor"}
    _config_file = "processor_config.json"

    # As in `EmoBertProcessor`, by which the pipeline knows what a model hears and reads.
    tokenizer = None
    speech_input_name = "input_values"
    max_audio_seconds = None
    max_text_length = 0

    def __init__(self, feature_extractor=None):
        super().__init__(Emotion2VecFeatureExtractor() if feature_extractor is None else feature_extractor)

    def _name_code(self):
        super()._name_code()
        self.feature_extractor._name_code()  # which is saved inside of this one's file

    @property
    def model_input_names(self) -> list[str]:
        return ["input_values", "attention_mask"]

    def __call__(  # type: ignore[override]  # sound alone
        self, audio: Sequence[AudioSource], return_tensors: str | None = "np"
    ) -> BatchFeature:
        """
        Args:
            audio (list): sounds, each anything that `load_audio` reads.
            return_tensors (`str`, defaults to `"np"`): `"np"` or `"pt"`.

        Returns:
            `BatchFeature` with `input_values` and `attention_mask`, both `(rows, samples)`.

        Raises:
            ValueError: a sound cannot be read.
        """
        rate = self.feature_extractor.sampling_rate
        return self.pad([self.extract_utterance(None, load_audio(sound, rate)) for sound in audio], return_tensors)

    def limit_text(self, max_length: int) -> Emotion2VecProcessor:
        """Itself: there is no text to limit."""
        return self

    def read_segments(
        self,
        audio: AudioSource | None = None,
        text: str | None = None,
        words: Sequence[Mapping[str, Any]] | None = None,
        **division: Any,
    ) -> Iterator[Segment]:
        """Divides a recording as [`read_segments`] does, whose options `division` are.

        Raises:
            ValueError: there is a text, or no sound; or as for [`read_segments`].
        """
        if is_text(text) or words is not None:
            raise ValueError(_no_text("text" if words is None else "words"))
        if audio is None:
            raise ValueError("There is no audio. emotion2vec hears sound only: give a recording.")
        return read_segments(
            audio,
            sampling_rate=self.feature_extractor.sampling_rate,
            **division,
        )

    def check_division(self, **division: Any) -> None:
        """Refuses options of `read_segments` that are wrong for every recording; see [`check_division`]."""
        check_division(**division)

    def stream_segments(self, input_rate: int | None = None, **division: Any) -> SegmentStream:
        """Divides sound that is still coming; see [`SegmentStream`], whose options `division` are."""
        return SegmentStream(self.feature_extractor.sampling_rate, input_rate, **division)

    def extract_utterance(self, text: str | None, waveform: np.ndarray | None) -> SpeechFeatures:
        """One sound alone and unpadded.

        Args:
            text (`None`): there is none.
            waveform (`np.ndarray` of shape `(samples,)`): float32, at the extractor's rate.

        Raises:
            ValueError: there is a text, or no sound.
        """
        if is_text(text):
            raise ValueError(_no_text("text"))
        if waveform is None:
            raise ValueError("There is no audio. emotion2vec hears sound only: give a recording.")
        return extract_speech_features(self.feature_extractor, waveform, self.feature_extractor.sampling_rate)

    def pad(self, utterances: Sequence[SpeechFeatures], return_tensors: str | None = "pt") -> BatchFeature:
        """A padded batch of what [`~Emotion2VecProcessor.extract_utterance`] returned."""
        values, mask = pad_speech_features(self.feature_extractor, utterances, LONGEST)
        return BatchFeature({"input_values": values, "attention_mask": mask}, tensor_type=return_tensors)


def _no_text(name: str) -> str:
    return (
        f"This model is emotion2vec, which hears sound and reads no text: leave `{name}` out.\n"
        "A model of both is made with EmoBertForSequenceClassification.from_text_speech_pretrained(text, this_folder)."
    )


__all__ = ["Emotion2VecProcessor"]
