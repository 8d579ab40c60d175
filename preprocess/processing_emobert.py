"""EmoBERT's processor: text through a tokenizer, sound through a feature extractor; either may be absent."""

from __future__ import annotations

import copy
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from transformers import BatchFeature, ProcessorMixin
from transformers.processing_utils import ProcessingKwargs, Unpack
from transformers.utils import logging

from configuration_emo.hub_code import SelfContained

from .audio.load_audio import AudioSource, load_audio
from .features.input_rows import match_rows, rows_of_audio, rows_of_context, rows_of_text
from .features.padding import LONGEST, Layout
from .features.speech_features import (
    SpeechFeatures,
    extract_speech_features,
    has_fixed_length,
    max_samples,
    model_input_name,
    pad_speech_features,
)
from .features.text_features import is_text, pad_token_ids, tokenize, tokenize_with_context
from .processor_files import missing_parts
from .recordings.segment_stream import SegmentStream
from .recordings.segments import Segment, check_division, read_segments


logger = logging.get_logger(__name__)

# Tokenizers that state no limit hold a very large one; texts are then cut to what practically every encoder takes.
_NO_LIMIT = 10**8
_UNSTATED_TEXT_LENGTH = 512

# Lengths of text are tokens and lengths of sound are samples or frames: one number given for both would cut a sound to
# milliseconds. These two reach the feature extractor only inside `audio_kwargs`.
_AUDIO_KWARGS_ONLY = ("max_length", "truncation")


class EmoBertProcessorKwargs(ProcessingKwargs, total=False):
    """What `EmoBertProcessor` takes besides text and audio, with its defaults."""

    # Ragged batches and long texts are the rule here, so both are on; sound is always padded by the processor.
    _defaults = {"text_kwargs": {"padding": True, "truncation": True}}  # type: ignore[misc]  # as Transformers does


_KWARGS: Any = EmoBertProcessorKwargs  # the class, where an instance is annotated


class UtteranceFeatures(NamedTuple):
    """One utterance for the two encoders.

    Args:
        token_ids (`list[int]`, *optional*): of the text encoder.
        speech ([`SpeechFeatures`], *optional*): for the speech encoder.
    """

    token_ids: list[int] | None
    speech: SpeechFeatures | None


class EmoBertProcessor(SelfContained, ProcessorMixin):
    r"""
    Turns text and sound into what EmoBERT's `forward` takes.

    Args:
        feature_extractor (`FeatureExtractionMixin`): any Transformers audio feature extractor that produces
            `input_values` (wav2vec2, HuBERT, WavLM, Moonshine) or `input_features` (Whisper, wav2vec2-bert). For
            speech tokens of vq-wav2vec it is a `Wav2Vec2FeatureExtractor(do_normalize=False)`.
        tokenizer (`PreTrainedTokenizerBase`): the text encoder's tokenizer.
        context_turns (`int`, *optional*): how many previous turns of a dialogue stand before each text, as its first
            segment. A text then needs its `context`; None reads texts alone.

    Example:
        >>> import numpy as np
        >>> from transformers import AutoTokenizer, Wav2Vec2FeatureExtractor
        >>> tokenizer = AutoTokenizer.from_pretrained("roberta-base")  # doctest: +SKIP
        >>> processor = EmoBertProcessor(Wav2Vec2FeatureExtractor(), tokenizer)  # doctest: +SKIP
        >>> batch = processor(  # doctest: +SKIP
        ...     text=["how nice", None], audio=["happy.wav", "second.mp4"], return_tensors="pt"
        ... )
    """

    valid_processor_kwargs = EmoBertProcessorKwargs
    _auto_map_classes = {"AutoProcessor": "EmoBertProcessor"}
    _config_file = "processor_config.json"

    def __init__(self, feature_extractor, tokenizer, context_turns=None):
        if not hasattr(feature_extractor, "sampling_rate") or not callable(getattr(tokenizer, "tokenize", None)):
            exchanged = hasattr(tokenizer, "sampling_rate") and hasattr(feature_extractor, "tokenize")
            raise ValueError(
                "EmoBertProcessor takes (feature_extractor, tokenizer), got "
                f"({type(feature_extractor).__name__}, {type(tokenizer).__name__})"
                f"{': exchange them' if exchanged else ''}. Auto classes load both of them."
            )
        super().__init__(feature_extractor, tokenizer)
        self.context_turns = context_turns
        model_input_name(feature_extractor)  # refuses an extractor of another kind

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path: str | os.PathLike, *args: Any, **kwargs: Any) -> Any:
        """As in Transformers.

        Args:
            pretrained_model_name_or_path (`str` or `os.PathLike`): a folder or Hub id.
            args, kwargs: as in Transformers.

        Raises:
            ValueError: the folder has no tokenizer or no feature extractor, and what to put there.
        """
        try:
            return super().from_pretrained(pretrained_model_name_or_path, *args, **kwargs)
        except (ValueError, OSError) as error:
            missing = missing_parts(pretrained_model_name_or_path)
            if missing is None:
                raise
            raise ValueError(missing) from error

    @property
    def speech_input_name(self) -> str:
        """`"input_values"` or `"input_features"`: the key under which the sound is returned."""
        return model_input_name(self.feature_extractor)

    @property
    def model_input_names(self) -> list[str]:
        return ["input_ids", "attention_mask", self.speech_input_name, "speech_attention_mask"]

    def __call__(
        self,
        text: str | Sequence[str | None] | None = None,
        audio: AudioSource | np.ndarray | Sequence[AudioSource | np.ndarray | None] | None = None,
        context: Sequence[str] | Sequence[Sequence[str] | None] | None = None,
        **kwargs: Unpack[EmoBertProcessorKwargs],
    ) -> BatchFeature:
        """
        Args:
            text (`str` or `list[str | None]`, *optional*):
                One text or one per row. None and white space stand for "no transcript".
            audio (*optional*):
                One sound or a list of one per row, None where there is none. A sound is a waveform `(samples,)` at
                `sampling_rate`, or anything that `load_audio` reads (path, bytes, `(array, rate)`, audio dict), which
                is brought to the extractor's rate. An array `(rows, samples)` is a batch of waveforms.
            context (`list[str]` or a list of such lists, *optional*):
                What was said before, the last turn at the end: of one text, or one list per row. Needed for texts
                where the processor has `context_turns`, `[]` for one that begins a dialogue.
            sampling_rate (`int`, *optional*):
                The rate of bare waveforms in Hz. It must be the extractor's.
            return_tensors (`str`, *optional*): `"pt"` or `"np"`.
            **kwargs:
                As for every Transformers processor: flat (`padding`, `max_length`, ...) or in `text_kwargs` and
                `audio_kwargs`. Flat `max_length`, `truncation` and `padding="max_length"` count tokens and apply to
                the text; for sound (in samples or frames) give them in `audio_kwargs`. By default both are padded to
                the longest row and text is cut to the tokenizer's `model_max_length`.

        Returns:
            `BatchFeature` with
            - `input_ids` `(rows, tokens)` and `attention_mask` `(rows, tokens)`, if any row has text;
            - `input_values` `(rows, samples)`, or `input_features` `(rows, frames, bins)` (Whisper: `(rows, bins,
              frames)`), and `speech_attention_mask` `(rows, samples or frames)`, if any row has sound.

            A row without text or without sound has an all-zero mask there. A row does not depend on its neighbours.

        Raises:
            ValueError: nothing is given; a row has neither text nor sound (the row is named); the numbers of texts and
                sounds differ; the rate is not the extractor's; a sound cannot be read (see `load_audio`).
        """
        if text is None and audio is None:
            raise ValueError("Give text, audio or both: the processor was called with neither.")
        merged = self._merge_kwargs(_KWARGS, tokenizer_init_kwargs=self.tokenizer.init_kwargs, **kwargs)
        texts = rows_of_text(text)
        sounds = rows_of_audio(audio)
        texts, sounds = match_rows(texts, sounds)
        contexts = rows_of_context(context, len(texts))

        text_kwargs, audio_kwargs = dict(merged["text_kwargs"]), self._audio_kwargs(merged["audio_kwargs"], kwargs)
        tensor_type = text_kwargs.pop("return_tensors", None)
        text_layout = Layout(
            text_kwargs.pop("padding"),
            text_kwargs.get("max_length") or self.max_text_length,
            text_kwargs.pop("pad_to_multiple_of", None),
        )
        # The extractor's own `max_length` counts samples, features of fixed length are frames.
        length = None if has_fixed_length(self.feature_extractor) else audio_kwargs.get("max_length")
        speech_layout = Layout(audio_kwargs.pop("padding"), length, audio_kwargs.pop("pad_to_multiple_of", None))
        waveforms = self._waveforms(sounds, audio_kwargs.pop("sampling_rate", None))
        utterances = [
            self.extract_utterance(row, waveform, text_kwargs=text_kwargs, audio_kwargs=audio_kwargs, context=before)
            for row, waveform, before in zip(texts, waveforms, contexts, strict=True)
        ]
        return self.pad(utterances, tensor_type, text_layout=text_layout, speech_layout=speech_layout)

    def extract_features(self, waveform: np.ndarray, **kwargs: Any) -> SpeechFeatures:
        """One sound as the extractor sees it, alone and unpadded.

        Args:
            waveform (`np.ndarray` of shape `(samples,)`): float32, at the extractor's rate, as of `load_audio`.
            **kwargs: further arguments of the feature extractor.

        Raises:
            ValueError: it is too short for one frame.
        """
        return extract_speech_features(
            self.feature_extractor, waveform, self.feature_extractor.sampling_rate, **kwargs
        )

    @property
    def max_audio_seconds(self) -> float | None:
        """The longest sound that the extractor keeps whole, in seconds (Whisper: 30); None where it has no limit."""
        limit = max_samples(self.feature_extractor)
        return None if limit is None else limit / self.feature_extractor.sampling_rate

    @property
    def max_text_length(self) -> int:
        """Most token ids of a text that `__call__` keeps unless told otherwise: the tokenizer's limit, or 512 if there
        is none (see `limit_text`)."""
        if (limit := self._stated_text_length) is not None:
            return limit
        logger.warning_once(
            f"{type(self.tokenizer).__name__} does not state how many token ids its encoder takes: texts are cut to "
            f"{_UNSTATED_TEXT_LENGTH}. Say it with processor.limit_text(max_position_embeddings)."
        )
        return _UNSTATED_TEXT_LENGTH

    @property
    def _stated_text_length(self) -> int | None:
        merged = self._merge_kwargs(_KWARGS, tokenizer_init_kwargs=self.tokenizer.init_kwargs)
        limit = merged["text_kwargs"].get("max_length") or self.tokenizer.model_max_length
        return None if limit >= _NO_LIMIT else limit

    def limit_text(self, max_length: int) -> EmoBertProcessor:
        """This processor, or a copy that cuts texts to `max_length` token ids if it would keep more; saved with that.

        Where the tokenizer states no limit, `max_length` is it, such as what `stated_token_positions` says of the text
        encoder.
        """
        stated = self._stated_text_length
        if stated is not None and stated <= max_length:
            return self
        limited = copy.deepcopy(self)
        limited.tokenizer.model_max_length = max_length
        if limited.tokenizer.init_kwargs.get("max_length") is not None:
            limited.tokenizer.init_kwargs["max_length"] = max_length
        return limited

    def encode_text(
        self, text: str, *, truncation: bool | str = True, max_length: int | None = None, **kwargs: Any
    ) -> tuple[list[int], int]:
        """One text as the tokenizer sees it, alone, cut as `__call__` cuts it.

        Args:
            text (`str`): a text.
            truncation (`bool` or `str`, defaults to True): whether it is cut, as for Transformers' tokenizers.
            max_length (`int`, *optional*): most token ids, `max_text_length` if left out.
            **kwargs: further arguments of the tokenizer.

        Returns:
            `tuple[list[int], int]`: the token ids, and how many there were before any cut.
        """
        whole = tokenize(self.tokenizer, text, **{**kwargs, "truncation": False, "verbose": False})
        limit = max_length or self.max_text_length
        if truncation in (False, "do_not_truncate") or len(whole) <= limit:
            return whole, len(whole)
        return tokenize(self.tokenizer, text, **{**kwargs, "truncation": truncation, "max_length": limit}), len(whole)

    def read_segments(
        self,
        audio: AudioSource | None = None,
        text: str | None = None,
        words: Sequence[Mapping[str, Any]] | None = None,
        **division: Any,
    ) -> Iterator[Segment]:
        """Divides a recording at this processor's rate; see `read_segments`, whose options `division` are."""
        return read_segments(
            audio,
            text,
            words,
            sampling_rate=self.feature_extractor.sampling_rate,
            **division,
        )

    def check_division(self, **division: Any) -> None:
        """Refuses options of `read_segments` that are wrong for every recording; see [`check_division`]."""
        check_division(**division)

    def stream_segments(self, input_rate: int | None = None, **division: Any) -> SegmentStream:
        """Divides sound that is still coming; see [`SegmentStream`], whose options `division` are."""
        return SegmentStream(self.feature_extractor.sampling_rate, input_rate, **division)

    def extract_utterance(
        self,
        text: str | None,
        waveform: np.ndarray | None,
        *,
        text_kwargs: Mapping[str, Any] | None = None,
        audio_kwargs: Mapping[str, Any] | None = None,
        context: Sequence[str] | None = None,
    ) -> UtteranceFeatures:
        """One utterance as the model sees it, alone and unpadded; [`~EmoBertProcessor.pad`] makes batches of them.

        Args:
            text (`str`, *optional*): its text.
            waveform (`np.ndarray` of shape `(samples,)`, *optional*): its sound at the extractor's rate.
            text_kwargs (mapping, *optional*): arguments of [`~EmoBertProcessor.encode_text`]. Without them a text that
                had to be cut is named in a warning.
            audio_kwargs (mapping, *optional*): arguments of the feature extractor.
            context (`list[str]`, *optional*): what was said before, the last turn at the end; needed for a text where
                the processor has `context_turns`, and refused where it has none.

        Raises:
            ValueError: it has neither, the sound is too short, or context is missing or not read.
        """
        if not is_text(text) and waveform is None:
            raise ValueError("The utterance has neither text nor audio. Give at least one of them.")
        ids, length = None, 0
        if is_text(text):
            ids = self._with_context(str(text), context, (text_kwargs or {}).get("max_length"))
            ids, length = self.encode_text(str(text), **(text_kwargs or {})) if ids is None else (ids, len(ids))
        if ids is not None and len(ids) < length and text_kwargs is None:
            logger.warning(f"A text of {length} token ids is more than the encoder takes: it was cut to {len(ids)}.")
        return UtteranceFeatures(
            ids,
            None if waveform is None else self.extract_features(waveform, **(audio_kwargs or {})),
        )

    def _with_context(self, text: str, context: Sequence[str] | None, max_length: int | None) -> list[int] | None:
        """The token ids of a text behind what was said before; None where there is nothing, or no room for it."""
        if not self.context_turns:
            if context:
                raise ValueError("This processor reads texts alone (context_turns is None): leave `context` out.")
            return None
        if context is None:
            raise ValueError(
                f"This model reads the {self.context_turns} turns before a text: give context=['Joey: Hi.', ...], "
                "or [] where the text begins a dialogue."
            )
        said = [turn for turn in context if is_text(turn)][-self.context_turns :]
        return tokenize_with_context(self.tokenizer, said, text, max_length or self.max_text_length) if said else None

    def pad(
        self,
        utterances: Sequence[UtteranceFeatures],
        return_tensors: str | None = "pt",
        *,
        text_layout: Layout = LONGEST,
        speech_layout: Layout = LONGEST,
    ) -> BatchFeature:
        """A padded batch: what `__call__` makes of the same texts and sounds.

        Args:
            utterances (sequence of [`UtteranceFeatures`]): one or more. A modality that none has is left out.
            return_tensors (`str`, defaults to `"pt"`): `"pt"`, `"np"`, or None for plain lists and lists of arrays.
            text_layout, speech_layout ([`Layout`]): how long the rows become, as long as the longest if left out.

        Raises:
            ValueError: the tokenizer has no pad token.
        """
        texts, sounds = zip(*utterances, strict=True)
        data: dict[str, Any] = {}
        if any(row is not None for row in texts):
            data["input_ids"], data["attention_mask"] = pad_token_ids(self.tokenizer, texts, text_layout)
        if any(row is not None for row in sounds):
            values, mask = pad_speech_features(self.feature_extractor, sounds, speech_layout)
            data |= {self.speech_input_name: values, "speech_attention_mask": mask}
        if return_tensors is None:  # as Transformers' tokenizers and feature extractors: plain lists, lists of arrays
            data = {key: [_plain(row) for row in rows] for key, rows in data.items()}
        return BatchFeature(data, tensor_type=return_tensors)

    def _waveforms(self, sounds: list[Any], sampling_rate: int | None) -> list[np.ndarray | None]:
        """Each sound at the extractor's rate, None where there is none."""
        rate = self.feature_extractor.sampling_rate
        bare = [sound for sound in sounds if isinstance(sound, np.ndarray)]
        if sampling_rate is None and bare:
            logger.warning_once(
                f"No sampling_rate was given with the waveforms: they are taken to have the model's {rate} Hz."
            )
        if sampling_rate not in (None, rate) and bare:
            raise ValueError(
                f"The audio has a sampling rate of {sampling_rate} Hz, this model takes {rate} Hz. Pass (array, "
                "sampling_rate) as the audio to have it resampled, or resample it before."
            )
        for sound in bare:
            if sound.ndim != 1:
                raise ValueError(
                    f"A waveform must have one axis (samples,), got shape {sound.shape}. Pass (array, sampling_rate) "
                    "to have channels mixed to mono."
                )
        sources = [(sound, rate) if isinstance(sound, np.ndarray) else sound for sound in sounds]
        return [None if source is None else load_audio(source, rate) for source in sources]

    @staticmethod
    def _audio_kwargs(merged: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments that are meant for sound: a flat length, or the tokenizer's own, is not."""
        explicit = given.get("audio_kwargs", {})
        kwargs = {
            key: value
            for key, value in merged.items()
            if key in explicit or (key in given and key not in _AUDIO_KWARGS_ONLY)
        }
        kwargs.pop("return_tensors", None)
        kwargs.pop("return_attention_mask", None)
        if "padding" not in explicit:
            kwargs["padding"] = given.get("padding") not in (False, "do_not_pad")
        return kwargs


def _plain(row: Any) -> Any:
    """A row of token ids or of their mask as a list, a row of sound as it is."""
    return row.tolist() if isinstance(row, np.ndarray) and np.issubdtype(row.dtype, np.integer) else row
