"""`pipeline("emotion-recognition")`: recordings and transcripts in, labels with scores out."""

from __future__ import annotations

import copy
import math
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, cast

import torch
from torch.utils.data import DataLoader
from transformers.pipelines.base import ChunkPipeline
from transformers.pipelines.pt_utils import PipelineChunkIterator, PipelineIterator, PipelinePackIterator
from transformers.processing_utils import Unpack
from transformers.utils import logging

from configuration_emo.configuration_emobert import EmoBertConfig
from configuration_emo.hub_code import write_code
from configuration_emo.token_positions import stated_token_positions

from .dialogues import CONTEXT, with_contexts
from .embeddings import row_vectors
from .frame_diarizer import diarizer
from .label_choice import LabelChoice
from .many_inputs import find_many, with_texts
from .moonshine_recognizer import recogniser
from .pipeline_options import PipelineOptions, check_batches, check_division, check_options, checked_device
from .processor_protocol import UtteranceProcessor
from .segment_inputs import segment_inputs
from .segment_results import assemble
from .similar_lengths import SimilarLengths, in_order, rows_of
from .utterance_inputs import Given


logger = logging.get_logger(__name__)

TASK = "emotion-recognition"
_PUSHING = ("repo_id", "commit_message", "commit_description", "private", "token", "revision", "create_pr", "tags")
_FORWARDING = ("return_embeddings", "max_batch_seconds")
_REPORTING = ("top_k", "return_text", "abstain_below", "adapt_to_speakers")


class EmotionRecognitionPipeline(ChunkPipeline):
    """Emotion of an utterance from its sound, its transcript or both; of a long recording as a timeline.

    One utterance is a recording, a recording and its transcript, or a transcript alone: `recognise("a.wav")`,
    `recognise("a.wav", "yes!")`, `recognise(text="yes!")`; or a dict with some of these, or `(recording, text)`:

    - `audio`: a path, an address (http, https, file, and what fsspec knows, such as s3 and hf), bytes, a binary file,
      `(array, rate)` in either order, a dict with `array` or `raw` and `sampling_rate`, an audio decoder, or samples
      at the model's rate. A sound in which nothing can be heard is an error.
    - `text`: the transcript.
    - `words`, in the place of `text`: the transcript with times, a list of `{"text": "yes", "timestamp": (1.0, 1.3)}`
      in seconds, as speech recognition gives it with `return_timestamps="word"`. Each sentence is predicted. Words may
      name their `speaker`, at whose change a sentence begins.
    - `turns`: who speaks when, a list of `{"start": 0.5, "end": 2.0, "speaker": "anna"}`. Each turn is predicted.
    - `context`: what was said before, a list such as `["Joey: Hi."]`, for a model that was trained with that, which
      refuses a text without it (`[]` begins a dialogue). Rows of many with `dialogue`, `turn` and `speaker` need none.

    Many are a list, a generator, a pandas table or column, or a dataset or its audio column. Other columns of a row
    are not read, and named once in a warning. An emotion2vec alone reads no text.

    Several threads may call one pipeline at a time. A recording is read as it is predicted: where it is divided
    memory does not grow with its length, but for a diarizer, which is given all of it. With `batch_size` above 1 eight
    batches are read ahead and made of inputs of similar lengths; results come in the order of the inputs.

    Args:
        top_k (`int`, *optional*): how many labels, best first; all of them by default. For regression all scores are
            returned in the order of the labels.
        labels (`list[str]` or `dict[str, str]`, *optional*): the labels to choose from, or these with other names; see
            [`LabelChoice`].
        chunk_length_s (`float`, *optional*): predict windows of so many seconds, for a timeline; with `words` the
            longest sentence.
        stride_length_s (`float` or `(left, right)`, *optional*): seconds that a window shares with its neighbours, a
            sixth of it if left out; with `words` the sound around a sentence that is heard as well, none if left out.
        segmentation (`str`, *optional*): `"windows"`, `"sentences"` (of `words`), `"voice"` (stretches in which
            somebody speaks) or `"turns"`; what the other arguments call for if left out.
        turns (path, callable or pair, *optional*): an RTTM file, or a diarizer: a function that takes `{"raw":
            waveform, "sampling_rate": rate}` and returns a list of turns, or `(model, feature extractor)` of
            `AutoModelForAudioFrameClassification`, see [`FrameDiarizer`].
        voice_detector (`str`, *optional*): for `"voice"`: `"energy"`, a gate over the background, if left out,
            `"causal"`, the gate that [`EmotionStream`] has, or `"silero"` (`pip install 'emobert[silero]'`).
        channels (`str` or `int`, *optional*): `"mix"` if left out, the number of one, or `"each"`, whose results have
            every channel as a speaker, `channel 0` and so on.
        asr (callable or `"moonshine"`, *optional*): transcribes audio that comes without `text` and `words`: a
            Transformers pipeline for speech recognition, or a function that takes `{"raw": waveform, "sampling_rate":
            rate}` and returns the text, a dict with `text`, or an object with `text` or `lines`; `"moonshine"` is the
            English recogniser of the package moonshine-voice.
        transcription (`"segment"` or `"recording"`): what `asr` hears: each segment for itself, or the recording (each
            channel of `"each"`), once, which is then divided by the times of its words or lines, as `words` are: none
            is cut in two. That loads the whole sound.
        return_text (`bool`, defaults to `False`): also return the text that was predicted from.
        return_embeddings (`bool`, defaults to `False`): also return the vectors that were predicted from.
        max_batch_seconds (`float`, *optional*): most sound of a batch, rows times longest; what is longer goes alone.
        abstain_below (`float`, *optional*): where the best label's score, calibrated if a temperature was fitted, is
            below it, `label` is None. For classes of which one is predicted.
        adapt_to_speakers (`str`, *optional*): scores of segments are those given all segments of their speaker in the
            recording (one speaker where none is named), with `"unknown"` or `"equal"` shares of the labels, see
            [`adapt_to_speakers`]. For models with speaker statistics.
        on_error (`"raise"` or `"return"`): what happens with an input that cannot be read, whatever the reason: the
            call ends with a ValueError, or this input's result is `{"error": message}`.
        allow_addresses (`bool`, defaults to `True`): `False` refuses addresses, for servers whose clients might name
            machines that only the server reaches.

    Returns, per input:
        `list[dict]`: `label` and `score`; probabilities, or for regression the predicted score in the corpus's units.
        Of what is divided, and with `return_text`, `return_embeddings` or `abstain_below`, a `dict` with this list as
        `predictions`; `text` of `return_text`; `embeddings` of `return_embeddings`; and of what is divided the
        timeline `chunks` in the order of their starts, dicts with `timestamp` `(start, end)` in seconds, `text`,
        `predictions`, `embeddings`, and `speaker` where one is known of any. Their mean by duration those of the whole
        are; turns may overlap, and each counts. `speakers` has the same means of each speaker by name. Silence has no
        emotion: where nothing can be heard (samples stay within two steps of 16 bits) `predictions` and `embeddings`
        of a segment are None, and no mean has it.

        With `abstain_below` results and chunks are dicts with `label` and `abstained`, beside the `predictions`; where
        nothing can be heard `label` is None and `abstained` False. A dict has `untrained_input` (`"text"`, `"speech"`
        or `"both"`) where it was given what training never showed the model, as its configuration records it.

        `embeddings` are float32 arrays `(size,)` by name: of EmoBERT `fused`, what the classifier sees, and its halves
        `text` and `speech`, None without such input; of emotion2vec `pooled`, the mean of the frames.

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

    # What wings above this one hand down: `explain` and `plot_timeline`. Empty where EmoBERT is not installed.
    _card_folder: str | os.PathLike | None = None  # whose card is pushed, if it has one
    helpers: ClassVar[dict[str, Callable[..., Any]]] = {}

    def __init__(self, model, **kwargs):
        if not hasattr(getattr(model, "config", None), "problem"):
            raise ValueError(
                f"{type(model).__name__} is no model that this pipeline knows. Give an "
                "EmoBertForSequenceClassification or an Emotion2VecForAudioClassification."
            )
        check_batches(kwargs.get("batch_size"), kwargs.get("num_workers"))
        super().__init__(model, **{**kwargs, "device": checked_device(kwargs.get("device"))})
        if not hasattr(self.processor, "read_segments"):
            kind = "EmoBertProcessor" if self._reads_text else "Emotion2VecProcessor"
            raise ValueError(
                f"The pipeline needs a processor, got {type(self.processor).__name__}. Pass "
                f"processor={kind}.from_pretrained(folder)."
            )
        if not self._reads_text:
            return
        # A tokenizer need not state how many token ids the encoder takes, and may state more.
        positions = stated_token_positions(self._config.text_config)
        if positions is not None:
            self.processor = self.processor.limit_text(positions)

    def __call__(  # type: ignore[override]  # the first two arguments by their meaning
        self,
        inputs: Any = None,
        text: str | Sequence[str | None] | None = None,
        *,
        audio: Any = None,
        words: Sequence[Any] | None = None,
        sampling_rate: int | None = None,
        batch_size: int | None = None,
        num_workers: int | None = None,
        **options: Unpack[PipelineOptions],
    ) -> Any:
        """Predicts one utterance, or many.

        Args:
            inputs (*optional*): a recording, a dict, or many of them, in any form that the class lists.
            text (`str`, *optional*): the transcript; of many recordings a list with one for each. Alone it is
                predicted from the text.
            audio (*optional*): another name of `inputs`.
            words (`list[dict]`, *optional*): the transcript with times, in the place of `text`.
            sampling_rate (`int`, *optional*): of a bare array, in Hz; the model's if left out.
            batch_size (`int`, defaults to 1): utterances, or segments of them, that are predicted together.
            num_workers (`int`, defaults to 0): 1 reads the next recordings in a process of its own.
            options: those of the class, for this call.

        Returns:
            One result as the class says. Of a list, a table, or a column of a dataset a list of results, of a
            generator or torch dataset an iterator that predicts while it is read.

        Raises:
            ValueError: see the class.

        Example:

        ```python
        >>> recognise("call.wav", text="Thank you so much!", top_k=1)  # doctest: +SKIP
        [{'label': 'sentiment', 'score': 2.31}]
        >>> recognise(["a.wav", "b.wav"], batch_size=2, on_error="return")  # doctest: +SKIP

        ```
        """
        if inputs is not None and audio is not None:
            raise ValueError("The recording is given twice, as the first argument and as `audio`. Leave one out.")
        check_batches(batch_size, num_workers)
        many = find_many(inputs := audio if inputs is None else inputs)
        if inputs is None and text is None and words is None:
            raise ValueError("There is neither audio nor text: write recognise('a.wav'), or recognise(text=...).")
        if inputs is None and isinstance(text, Iterable) and not isinstance(text, str):
            many, text = find_many([{"text": one} for one in text]), None
        own = self._sanitize_parameters(**options)
        parameters = [
            {**made, **given}
            for made, given in zip(
                (self._preprocess_params, self._forward_params, self._postprocess_params), own, strict=True
            )
        ]
        check_division(self.processor, parameters[0])
        workers = num_workers if num_workers is not None else self._num_workers or 0
        size = batch_size if batch_size is not None else self._batch_size or 1
        if many is None:
            alone = [Given(inputs, text, words, sampling_rate)]
            return next(iter(self.get_iterator(alone, workers, size, *parameters)))
        if isinstance(parameters[0].get("turns"), (list, tuple)):
            raise ValueError("There are several recordings: give each its turns, {'audio': ..., 'turns': [...]}.")
        if CONTEXT in parameters[0]:
            raise ValueError("There are several inputs: give each its context, {'text': ..., 'context': [...]}.")
        many = with_texts(many, text, words, sampling_rate)
        utterances = with_contexts(many.utterances, getattr(self.processor, "context_turns", None))
        results = self.get_iterator(utterances, workers, size, *parameters)
        return list(results) if many.is_sized else results

    def explain(self, inputs: Any = None, text: str | None = None, *, audio: Any = None, **options: Any) -> Any:
        """Why the prediction of one utterance came out as it did: [`explain_prediction`] of this model.

        Args:
            inputs, text, audio: as of a call.
            options: of [`explain_prediction`], such as `label`.
        """
        if inputs is not None and audio is not None:
            raise ValueError("The recording is given twice, as the first argument and as `audio`. Leave one out.")
        given = Given(audio if inputs is None else inputs, text)
        return self._helper("explain")(self.model, self.processor, given, **options)

    def plot_timeline(self, result: Mapping[str, Any], path: str | os.PathLike, **options: Any) -> Any:
        """Draws a result with `chunks`: [`plot_timeline`] with this model's kind of scores and their range.

        Args:
            result (`dict`): of a call with `chunk_length_s` or `words`.
            path (`str` or `Path`): the picture to write.
            options: of [`plot_timeline`], such as `title`.
        """
        score_range = getattr(self._config, "label_range", None)
        scale = {"problem_type": self._config.problem.name, "score_range": score_range}
        return self._helper("plot_timeline")(result, path, **{**scale, **options})

    @property
    def options(self) -> dict[str, Any]:
        """The options that the pipeline was made with; `asr` and `turns` as what recognises and diarizes."""
        made = {**self._preprocess_params, **self._forward_params, **self._postprocess_params}
        return {"labels" if name == "choice" else name: value for name, value in made.items()}

    def undivided(self) -> tuple[EmotionRecognitionPipeline, int | None]:
        """This pipeline for segments that are cut already, with its `asr`, threshold and labels; and its `top_k`."""
        alone: Any = copy.copy(self)
        alone._preprocess_params = {key: one for key, one in self._preprocess_params.items() if key == "asr"}
        kept = ("choice", "abstain_below")
        alone._postprocess_params = {key: one for key, one in self._postprocess_params.items() if key in kept}
        return alone, self._postprocess_params.get("top_k")

    def _helper(self, name: str) -> Callable[..., Any]:
        if name not in self.helpers:
            raise ValueError(f"`{name}` is not beside the weights: install EmoBERT and import modeling_emo first.")
        return self.helpers[name]

    def _sanitize_parameters(self, **options: Any):  # type: ignore[override]  # by name, see PipelineOptions
        check_options(options, self._config)
        options = {name: value for name, value in options.items() if value is not None}
        if "asr" in options:
            options["asr"] = recogniser(options["asr"])
        if "turns" in options:
            options["turns"] = diarizer(options["turns"])
        forwarding = {name: options.pop(name) for name in _FORWARDING if name in options}
        reporting: dict[str, Any] = {name: options.pop(name) for name in _REPORTING if name in options}
        options |= {name: value for name, value in reporting.items() if name == "adapt_to_speakers"}  # of both
        if "labels" in options:
            reporting["choice"] = LabelChoice(self._config, options.pop("labels"))
        return options, forwarding, reporting

    @property
    def _config(self) -> EmoBertConfig:
        """Of an emotion2vec it is an [`Emotion2VecConfig`], which has the same of labels, and no text."""
        return cast(EmoBertConfig, self.model.config)

    @property
    def _reads_text(self) -> bool:
        return hasattr(self.model.config, "text_config")

    @property
    def _rate(self) -> int:
        return self.processor.feature_extractor.sampling_rate

    def preprocess(  # type: ignore[override]  # what this pipeline reads and yields, by name
        self,
        inputs: Any,
        **options: Any,
    ) -> Iterator[dict[str, Any]]:
        """The segments of one input, one after the other, each with what the model needs of it."""
        yield from segment_inputs(inputs, self.processor, self._config, **options)

    def get_iterator(
        self, inputs, num_workers: int, batch_size: int, preprocess_params, forward_params, postprocess_params
    ):
        # As the parent's, but for batches of similar lengths that the processor pads: a modality may be missing.
        most = forward_params.get("max_batch_seconds", math.inf) * self._rate
        batches = SimilarLengths(PipelineChunkIterator(inputs, self.preprocess, preprocess_params), batch_size, most)
        loader = DataLoader(batches, batch_size=None, num_workers=min(num_workers, 1), collate_fn=self._collate)
        outputs = rows_of(self.forward(batch, **forward_params) for batch in loader)
        whole = PipelinePackIterator(in_order(outputs), lambda segment: segment, {})
        return PipelineIterator(whole, self.postprocess, postprocess_params)

    def _collate(self, segments: list[dict[str, Any]]) -> dict[str, Any]:
        """Segments as lists by name, and those that could be read and are not silent as a padded batch."""
        batch = {name: [segment[name] for segment in segments] for name in segments[0]}
        features = batch.pop("features")
        batch["is_scored"] = [one is not None for one in features]
        scored = [one for one in features if one is not None]
        return {"model_inputs": dict(self.processor.pad(scored)) if scored else None, **batch}

    def _forward(  # type: ignore[override]  # a batch of segments
        self, batch: dict[str, Any], return_embeddings: bool = False, **of_batches: Any
    ) -> dict[str, Any]:
        model_inputs = batch.pop("model_inputs")
        logits: Iterator[Any] = iter(())
        vectors: Iterator[Any] = iter(())
        if model_inputs is not None:
            if not self._reads_text:  # as Transformers' audio pipelines do it
                model_inputs["input_values"] = model_inputs["input_values"].to(self.model.dtype)
            output = self.model(**model_inputs)
            logits = iter(output.logits.float().split(1))
            if return_embeddings:
                vectors = iter(row_vectors(output, model_inputs, self._config))
        return {
            "logits": [next(logits) if is_scored else None for is_scored in batch["is_scored"]],
            "vectors": [next(vectors, None) if is_scored else None for is_scored in batch["is_scored"]],
            **batch,
        }

    def postprocess(  # type: ignore[override]  # the segments of one input, options by name
        self,
        segments: list[dict[str, Any]],
        top_k: int | None = None,
        choice: LabelChoice | None = None,
        return_text: bool = False,
        **reporting: Any,
    ) -> list[dict[str, Any]] | dict[str, Any]:
        choice = LabelChoice(self._config) if choice is None else choice
        return assemble(segments, self._config, choice, top_k=top_k, return_text=return_text, **reporting)

    def save_pretrained(self, save_directory: str | os.PathLike, push_to_hub: bool = False, **kwargs):
        """Saves model, configuration and processor, so that `pipeline(...)` finds all of them.

        Args:
            save_directory (`str` or `Path`): the folder.
            push_to_hub (`bool`, defaults to `False`): pushes as well, to `repo_id` or the folder's name, in one commit
                with the folder's card or one of ours.
            kwargs: of Transformers' `save_pretrained`, and of `push_to_hub`.
        """
        pushing = {name: kwargs.pop(name) for name in _PUSHING if name in kwargs}
        if type(self) is EmotionRecognitionPipeline:
            self.model.save_pretrained(save_directory, **kwargs)  # EmoBERT's comes with the code of this class
            if not self._reads_text and isinstance(self.model, torch.nn.Module):
                self._config.remote_pipelines = remote_pipelines("AutoModelForAudioClassification", "audio")
                write_code(os.fspath(save_directory), type(self))
                self._config.save_pretrained(save_directory, **kwargs)
        else:
            super().save_pretrained(save_directory, **kwargs)
        self.processor.save_pretrained(save_directory, **kwargs)
        if push_to_hub:
            pushed: Any = copy.copy(self)
            pushed._card_folder = save_directory
            pushed.push_to_hub(pushing.pop("repo_id", Path(save_directory).resolve().name), **pushing)

    def _upload_modified_files(self, working_dir: str | os.PathLike, repo_id: str, *args, **kwargs):
        # Transformers has just written the repository's card there, or an empty one.
        if "write_card" in self.helpers:
            self.helpers["write_card"](self.model, working_dir, repo_id, self._card_folder)
        return super()._upload_modified_files(working_dir, repo_id, *args, **kwargs)


def remote_pipelines(
    auto_class: str = "AutoModelForSequenceClassification", modality: str = "multimodal"
) -> dict[str, dict[str, Any]]:
    """What `config.json` says of this pipeline, for `pipeline()` where EmoBERT is not installed.

    Args:
        auto_class (`str`): by which the model is loaded.
        modality (`str`): Transformers' name for what goes in.
    """
    module = __name__.rpartition(".")[2]
    return {
        TASK: {
            "impl": f"{module}.{EmotionRecognitionPipeline.__name__}",
            "pt": [auto_class],
            "type": modality,
        }
    }
