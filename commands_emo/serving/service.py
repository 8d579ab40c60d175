"""What the app does with a recording and a text: one for the page, batches for programs."""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from modeling_emo import EmotionRecognitionPipeline, EmotionStream, Explanation
from preprocess import MAX_SENTENCE_SECONDS, channel_count, is_text, load_bounded_audio

from .uploads import uploaded_file


Transcriber = Callable[[dict[str, Any]], Any]
# What a transcript without times can belong to, and one segment of what programs send.
UTTERANCE_SECONDS = MAX_SENTENCE_SECONDS


class Cancelled(Exception):
    """Nobody waits for the answer any more."""


@dataclass(frozen=True)
class Analysis:
    """What the page shows of one input.

    Args:
        predictions (`list[dict]`, *optional*): `label` and `score`, of the whole; None where nothing can be heard.
        text (`str`, *optional*): the transcript, typed or recognised.
        timeline (`dict`, *optional*): the pipeline's result with `chunks`, of a recording longer than one window.
        seconds (`float`): of the recording, 0 without one.
        notes (`list[str]`): what the reader should know of how it was done.
    """

    predictions: list[dict[str, Any]] | None
    text: str | None
    timeline: dict[str, Any] | None = None
    notes: list[str] = field(default_factory=list)
    seconds: float = 0.0


class EmotionService:
    """The pipeline behind the limits of a server that anybody may call; several threads may call it at a time.

    Args:
        recognise ([`EmotionRecognitionPipeline`]): the trained model.
        asr (callable, *optional*): transcribes sound that comes without text, see the pipeline's `asr`.
        chunk_length_s (`float`): windows of the page's timeline, in seconds.
        max_audio_seconds (`float`): longer recordings are refused.
        max_text_length (`int`): longer texts are refused, in characters.
        forward_batch_size (`int`): of a batch of requests, how many the model sees in one pass. On a GPU as many as
            there are; a CPU gains nothing from more, and loses what it spends on padding.
    """

    def __init__(
        self,
        recognise: EmotionRecognitionPipeline,
        asr: Transcriber | None = None,
        *,
        chunk_length_s: float = 10.0,
        max_audio_seconds: float = 600.0,
        max_text_length: int = 5000,
        forward_batch_size: int = 4,
    ):
        self.recognise = recognise
        self.asr = None if asr is None else _one_at_a_time(asr)
        self.chunk_length_s = chunk_length_s
        self.max_audio_seconds = max_audio_seconds
        self.max_text_length = max_text_length
        self.forward_batch_size = forward_batch_size
        self._counting = threading.Lock()
        self._counts = {"requests": 0, "batches": 0, "errors": 0}

    @property
    def counts(self) -> dict[str, int]:
        """How many `requests` of programs were answered, in how many `batches`, how many of them with `errors`."""
        with self._counting:
            return dict(self._counts)

    @property
    def reads_text(self) -> bool:
        """Whether the model has a text encoder."""
        return hasattr(self.recognise.model.config, "text_config")

    def num_channels(self, path: Path) -> int:
        """How many channels a recording has.

        Raises:
            ValueError: it cannot be read.
        """
        with _named_as_sent(path):
            return channel_count(path)

    def read_utterance(self, path: Path | None, text: str | None) -> dict[str, Any]:
        """A recording and its text within the limits, as the pipeline takes them.

        Args:
            path (`Path`, *optional*): the uploaded file.
            text (`str`, *optional*): the transcript.

        Raises:
            ValueError: both are missing, one is beyond its limit, or the sound cannot be read.
        """
        if text is not None and not isinstance(text, str):
            raise ValueError(f"`text` must be a text, got {type(text).__name__}.")
        text = text.strip() if text is not None and is_text(text) else None
        if path is None and text is None:
            raise ValueError("There is neither sound nor text. Record or upload something, or type a text.")
        if text is not None and len(text) > self.max_text_length:
            raise ValueError(f"The text has {len(text):,} characters, the limit is {self.max_text_length:,}.")
        return {"audio": None if path is None else self._sound(path), "text": text}

    def read_single_utterance(self, path: Path | None, text: str | None) -> dict[str, Any]:
        """`read_utterance`, of what is not longer than one utterance.

        Raises:
            ValueError: the recording is longer than 30 s, or as for `read_utterance`.
        """
        utterance = self.read_utterance(path, text)
        seconds = _seconds(utterance["audio"])
        if seconds > UTTERANCE_SECONDS:
            raise ValueError(
                f"Recordings of up to {UTTERANCE_SECONDS:g} s can be explained, this one has {seconds:.1f} s. "
                "Give a part of it."
            )
        return utterance

    def analyse(
        self,
        path: Path | None,
        text: str | None,
        on_progress: Callable[[float], None] = lambda share: None,
        *,
        each_channel: bool = False,
    ) -> Analysis:
        """One input for a person to look at.

        Args:
            path (`Path`, *optional*): the uploaded file.
            text (`str`, *optional*): the transcript.
            on_progress (callable): is told the share that is done, window by window.
            each_channel (`bool`, defaults to False): every channel is a speaker, and silence is left out.

        Raises:
            ValueError: as for `read_utterance`.
        """
        utterance = self.read_utterance(path, text)
        seconds = _seconds(utterance["audio"])
        if seconds <= self.chunk_length_s and not each_channel:
            whole = self.recognise(utterance, asr=self.asr, return_text=True)
            return Analysis(whole["predictions"], whole["text"], seconds=seconds)
        asr = _Reporting(self.asr, on_progress, seconds / (self.chunk_length_s * 2 / 3)) if self.reads_text else None
        if each_channel:
            assert path is not None
            with _named_as_sent(path):
                windows = self.recognise(
                    str(path),
                    segmentation="voice",
                    channels="each",
                    chunk_length_s=self.chunk_length_s,
                    asr=asr,
                    return_text=True,
                )
        else:
            windows = self.recognise(
                {"audio": utterance["audio"]}, chunk_length_s=self.chunk_length_s, asr=asr, return_text=True
            )
        text = utterance["text"]
        if text is None:
            return Analysis(windows["predictions"], windows["text"], windows, seconds=seconds)
        if seconds <= UTTERANCE_SECONDS:
            note = "The transcript has no times: the scores are of sound and text, the timeline of the sound alone."
            return Analysis(self.recognise(utterance), text, windows, [note], seconds)
        note = (
            f"The transcript has no times, and the recording is longer than {UTTERANCE_SECONDS:g} s: "
            "scores and timeline are of the sound alone."
        )
        return Analysis(windows["predictions"], None, windows, [note], seconds)

    def explain(
        self,
        path: Path | None,
        text: str | None,
        label: str | None = None,
        on_pass: Callable[[int], None] = lambda count: None,
        is_cancelled: Callable[[], bool] = lambda: False,
    ) -> Explanation:
        """Why the prediction of one input came out as it did.

        Args:
            path, text (*optional*): as for `analyse`.
            label (`str`, *optional*): what is explained; the most probable one of the whole if left out.
            on_pass (callable): is told how many times the model has run.
            is_cancelled (callable): is asked before it runs again.

        Raises:
            Cancelled: `is_cancelled` said so.
            ValueError: as for `read_single_utterance`, or the model cannot be explained.
        """
        utterance = self.read_single_utterance(path, text)
        thread, passes = threading.get_ident(), 0

        def before_pass(*_: Any) -> None:
            nonlocal passes
            if threading.get_ident() == thread:  # others use the same model
                if is_cancelled():
                    raise Cancelled
                passes += 1
                on_pass(passes)

        # Every pass of an explanation ends there.
        classifier = getattr(self.recognise.model, "classifier", None)
        hook = None if classifier is None else classifier.register_forward_pre_hook(before_pass)
        try:
            return self.recognise.explain(utterance, label=label)
        finally:
            if hook is not None:
                hook.remove()

    def predict_batch(self, requests: Sequence[Any]) -> list[dict[str, Any]]:
        """Several requests of programs in one call of the pipeline.

        Args:
            requests (sequence of `dict`): each with some of `audio` (an uploaded file), `text` and `words`.

        Returns:
            One `dict` each, in order: the pipeline's result with `predictions` and `chunks` of at most 30 s, or
            `{"error": message}`. It does not depend on the other requests.
        """
        readable: dict[int, dict[str, Any]] = {}
        results: list[dict[str, Any]] = [{} for _ in requests]
        for index, request in enumerate(requests):
            try:
                readable[index] = self._read_request(request)
            except Exception as error:
                results[index] = {"error": _said_of(error)}
        for index, result in zip(readable, self.predict_read(list(readable.values())), strict=True):
            results[index] = result
        with self._counting:
            self._counts["requests"] += len(results)
            self._counts["batches"] += 1
            self._counts["errors"] += sum("error" in result for result in results)
        return results

    def predict_read(self, utterances: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """Several utterances of `read_utterance` in one call of the pipeline: a result or an `error` for each."""
        # Those of similar length next to each other, so that a pass of the model has little padding.
        order = sorted(range(len(utterances)), key=lambda index: _seconds(utterances[index]["audio"]))
        results: list[dict[str, Any]] = [{} for _ in utterances]
        if order:
            predicted = self._predict([utterances[index] for index in order])
            for index, result in zip(order, predicted, strict=True):
                results[index] = result
        return results

    def warm_up(self) -> None:
        """Predicts a second of noise and a word, so that the first caller does not wait for what is slow only once.

        Raises:
            ValueError: the model cannot predict.
        """
        rate = self.recognise.processor.feature_extractor.sampling_rate
        noise = np.random.default_rng(0).uniform(-0.1, 0.1, rate).astype(np.float32)
        (result,) = self.predict_read([{"audio": (noise, rate), "text": "yes" if self.reads_text else None}])
        if "error" in result:
            raise ValueError(f"The model cannot predict: {result['error']}")

    def open_stream(self, sampling_rate: float, num_channels: int = 1) -> EmotionStream:
        """Live sound of one client, in segments of at most `chunk_length_s`.

        Raises:
            ValueError: there is no such sound.
        """
        return EmotionStream(
            self.recognise,
            sampling_rate=sampling_rate,  # type: ignore[arg-type]  # whether it is a whole number is looked at there
            num_channels=num_channels,
            chunk_length_s=self.chunk_length_s,
            asr=self.asr,
        )

    def _predict(self, utterances: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """A result or an error for each; those that fail together are tried one by one."""
        try:
            return self.recognise(
                utterances,
                batch_size=self.forward_batch_size,
                chunk_length_s=UTTERANCE_SECONDS,
                asr=self.asr,
                return_text=self.asr is not None,
                on_error="return",
            )
        except Exception as error:
            if len(utterances) > 1:
                return [self._predict([utterance])[0] for utterance in utterances]
            return [{"error": _said_of(error)}]

    def _read_request(self, request: Any) -> dict[str, Any]:
        if not isinstance(request, Mapping):
            raise ValueError(f"A request is a dict with some of audio, text and words, got {type(request).__name__}.")
        unknown = sorted(set(request) - {"audio", "text", "words"})
        if unknown:
            raise ValueError(f"Unknown input {', '.join(unknown)}: send a dict with some of audio, text and words.")
        path = None if request.get("audio") is None else uploaded_file(request["audio"])
        words = request.get("words")
        if words is None:
            return self.read_utterance(path, request.get("text"))
        if request.get("text") is not None:
            raise ValueError("Give `text`, or `words` with their times, not both.")
        if len(str(words)) > 20 * self.max_text_length:
            raise ValueError(f"There are too many words; the limit is {self.max_text_length:,} characters.")
        return {"audio": None if path is None else self._sound(path), "words": words}

    def _sound(self, path: Path) -> tuple[np.ndarray, int]:
        rate = self.recognise.processor.feature_extractor.sampling_rate
        with _named_as_sent(path):
            return load_bounded_audio(path, rate, max_seconds=self.max_audio_seconds), rate


@contextmanager
def _named_as_sent(path: Path) -> Iterator[None]:
    """Errors speak of the name that its sender gave the file, not of where the server keeps it."""
    try:
        yield
    except Exception as error:
        message = str(error) if isinstance(error, ValueError) else f"{path.name}: {_said_of(error)}"
        raise ValueError(message.replace(str(path), path.name)) from error


class _Reporting:
    """A transcriber that also tells how far the recording is: the pipeline asks it about each window in turn.

    Args:
        asr (callable, *optional*): what transcribes; without one every window is without text.
        on_progress (callable): is told the share that is done.
        num_windows (`float`): about how many there are.
    """

    def __init__(self, asr: Transcriber | None, on_progress: Callable[[float], None], num_windows: float):
        self.asr = asr
        self.on_progress = on_progress
        self.num_windows = num_windows
        self.done = 0

    def __call__(self, heard: dict[str, Any]) -> Any:
        self.on_progress(min(self.done / self.num_windows, 1.0))
        self.done += 1
        return "" if self.asr is None else self.asr(heard)


def _said_of(error: Exception) -> str:
    """What a stranger is told: a ValueError speaks of the request, the words of any other could be of the server."""
    return str(error) if isinstance(error, ValueError) else f"It cannot be read ({type(error).__name__})."


def _one_at_a_time(asr: Transcriber) -> Transcriber:
    """Speech recognisers need not be made for several threads."""
    lock = threading.Lock()

    def transcribe(heard: dict[str, Any]) -> Any:
        with lock:
            return asr(heard)

    return transcribe


def _seconds(sound: tuple[np.ndarray, int] | None) -> float:
    return 0.0 if sound is None else len(sound[0]) / sound[1]
