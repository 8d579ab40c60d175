"""Why a prediction came out as it did, as data: contributions of words and of time spans, and co-attention."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from ..inference.many_inputs import find_many
from ..inference.processor_protocol import UtteranceProcessor
from ..inference.utterance_inputs import Given, read_utterance
from ..metrics.scores import label_names, predictions_to_scores
from ..modeling_emobert import EmoBertForSequenceClassification
from .co_attention_maps import CoAttentionMaps, co_attention_maps
from .explained_value import ExplainedPrediction, explained_value, fused_logits, resolve_label
from .integrated_gradients import Contributions
from .span_attribution import integrate_spans, silence_spans
from .timed_speech import TimedSpeech, read_speech, sound_to_draw, span_edges, special_frames
from .tokenized_words import TokenizedWords, tokenize_words
from .word_attribution import attribute_tokens


EXPLAINED_INPUTS = ("audio", "text", "speech_input_ids")
SPAN_METHODS = ("silencing", "integrated_gradients")
# One explanation at a time: a model in training mode is switched to evaluation mode for its duration.
_lock = threading.Lock()


@dataclass(frozen=True)
class WordExplanation:
    """One word.

    Args:
        text (`str`): the word as written.
        start, end (`int`): characters `[start, end)` of the text.
        attribution (`float`): its contribution to the explained value; above 0 it speaks for the label (or raises the
            score), below 0 against it.
        attention (`float`, *optional*): the share, 0 to 1, of the voice's co-attention that the word gets, mean over
            layers and heads; None without speech or without co-attention.
    """

    text: str
    start: int
    end: int
    attribution: float
    attention: float | None


@dataclass(frozen=True)
class SpanExplanation:
    """One span of time.

    Args:
        start_s, end_s (`float`): seconds from the start of the recording.
        attribution (`float`): how much the explained value falls when the span is silenced, below 0 it rises; or its
            contribution by integrated gradients.
        attention (`float`, *optional*): the share, 0 to 1, of the text's co-attention that the span gets, mean over
            layers and heads; None without text or without co-attention.
    """

    start_s: float
    end_s: float
    attribution: float
    attention: float | None


@dataclass(frozen=True)
class Explanation:
    """One prediction and what it rests on.

    Args:
        label (`str`): what is explained.
        score (`float`): its probability, or for regression the predicted score.
        value (`float`): the explained value, in whose unit all contributions are: log-odds, or the score.
        unit (`str`): `"log-odds"` or `"score"`.
        text (`str`, *optional*): the text.
        words (`list[WordExplanation]`): the words that the model read, in order; empty without text.
        spans (`list[SpanExplanation]`): the spans of the recording that the model heard, in order; empty without
            speech.
        baseline_value (`float`, *optional*): the explained value if all words were padding, voice and special tokens
            unchanged. The words' contributions add up to `value - baseline_value + convergence_delta`.
        convergence_delta (`float`, *optional*): the error of that sum; more `num_steps` make it smaller.
        span_baseline_value, span_convergence_delta (`float`, *optional*): the same of the spans and silence, with
            `span_method="integrated_gradients"`.
        co_attention ([`CoAttentionMaps`], *optional*): the weights of each layer and head.
        duration_s (`float`, *optional*): seconds that the model heard.
        score_range (`(float, float)`, *optional*): lowest and highest score, where the model states them.
        waveform (`array` of shape `(samples,)`, *optional*): for the picture; of log-mel features it is their
            loudness curve, mirrored. Not in `to_dict`.
    """

    label: str
    score: float
    value: float
    unit: str
    text: str | None
    words: list[WordExplanation]
    spans: list[SpanExplanation]
    baseline_value: float | None
    convergence_delta: float | None
    co_attention: CoAttentionMaps | None
    duration_s: float | None
    waveform: np.ndarray | None
    span_baseline_value: float | None = None
    span_convergence_delta: float | None = None
    score_range: tuple[float, float] | None = None

    def to_dict(self) -> dict[str, Any]:
        """All but the waveform, in plain types that JSON can hold."""
        plain = {
            name: getattr(self, name) for name in self.__dataclass_fields__ if name not in ("waveform", "co_attention")
        }
        plain["words"] = [asdict(word) for word in self.words]
        plain["spans"] = [asdict(span) for span in self.spans]
        maps = self.co_attention
        plain["co_attention"] = None if maps is None else {"words": maps.words.tolist(), "spans": maps.spans.tolist()}
        return plain


def explain_prediction(
    model: EmoBertForSequenceClassification,
    processor: UtteranceProcessor,
    inputs: Any = None,
    *,
    label: str | int | None = None,
    span_method: str = "silencing",
    span_s: float = 0.1,
    max_spans: int = 100,
    num_steps: int = 32,
    batch_size: int = 16,
    speech_tokens_per_s: float = 100.0,
) -> Explanation:
    """Explains one prediction: which words and which moments of the voice it rests on.

    Words: integrated gradients from padding to the text, so that contributions add up. Voice: the changes when one
    time span is silenced, which add up to nothing in particular, or integrated gradients as well. In each case the
    other modality stays as it is. The model is left as it was; explanations in several threads wait for each other.

    Args:
        model ([`EmoBertForSequenceClassification`]): the classifier; its parameters get no gradient.
        processor ([`EmoBertProcessor`]): of the model, with a fast tokenizer where there is text.
        inputs: one utterance in any form that [`EmotionRecognitionPipeline`] takes, without `words`: a recording,
            `(recording, text)`, or a dict of `audio`, `text` or both; for a model of speech token ids without a speech
            tokenizer a dict with `speech_input_ids` (one id per speech token) in the place of `audio`.
        label (`str` or `int`, *optional*): name or index of the label to explain; by default the most probable one.
        span_method (`str`, defaults to `"silencing"`): how spans are valued: `"silencing"` one after the other, the
            more faithful, or `"integrated_gradients"` from silence to the recording, which add up and need as many
            passes as there are steps; not for speech token ids.
        span_s (`float`, defaults to 0.1): length of a time span in seconds. One pass of the speech encoder per span.
        max_spans (`int`, defaults to 100): most spans; those of longer recordings are longer.
        num_steps (`int`, defaults to 32): steps of the integration; see `convergence_delta`.
        batch_size (`int`, defaults to 16): versions of the recording that are encoded at once.
        speech_tokens_per_s (`float`, defaults to 100, vq-wav2vec's): speech tokens in a second, for
            `speech_input_ids`.

    Returns:
        [`Explanation`]

    Raises:
        ValueError: there is neither text nor speech, or more than one utterance, an input or a label is unknown, the
            tokenizer is not a fast one, the model takes its speech in another form, or an option is out of range.
        ImportError: captum is not installed, and there is text or `span_method` needs it.

    Example:

    ```python
    >>> from transformers import pipeline
    >>> import modeling_emo, preprocess  # registers the pipeline and the processor

    >>> recognise = pipeline("emotion-recognition", model="outputs/demo")  # doctest: +SKIP
    >>> utterance = {"audio": "call.wav", "text": "Thank you so much!"}
    >>> explanation = recognise.explain(utterance)  # of its own model and processor  # doctest: +SKIP
    >>> max(explanation.words, key=lambda word: word.attribution).text  # doctest: +SKIP
    'Thank'

    ```
    """
    _check_model(model, processor)
    inputs = _read_inputs(model, processor, inputs)
    if span_method not in SPAN_METHODS:
        raise ValueError(f"span_method must be one of {', '.join(SPAN_METHODS)}, got {span_method!r}.")
    with _undisturbed(model):
        tokens = _tokenize(processor, inputs.get("text"))
        timed = read_speech(model, processor, inputs, speech_tokens_per_s)
        if tokens is None and timed is None:
            raise ValueError("There is neither text nor speech to explain: pass 'audio', 'text' or both.")
        prediction, score = _predict(model, tokens, timed, label)
        words = spans = Contributions(np.zeros(0))
        edges = np.zeros(1)
        if tokens is not None:
            words = _attribute_words(prediction, tokens, processor.tokenizer, num_steps)
        if timed is not None:
            edges = span_edges(timed.duration_s, span_s, max_spans)
            if span_method == "silencing":
                spans = silence_spans(prediction, timed, edges, batch_size=batch_size)
            else:
                spans = integrate_spans(prediction, timed, edges, num_steps=num_steps, batch_size=batch_size)
        maps = _co_attention(prediction, tokens, timed, edges)
    return Explanation(
        label=label_names(model.config)[prediction.label],
        score=score,
        value=prediction.value,
        unit="log-odds" if model.config.problem.has_classes else "score",
        text=None if tokens is None else inputs.get("text"),
        words=[] if tokens is None else _words(tokens, words.values, maps),
        spans=_spans(edges, spans.values, maps),
        baseline_value=words.baseline_value,
        convergence_delta=words.convergence_delta,
        span_baseline_value=spans.baseline_value,
        span_convergence_delta=spans.convergence_delta,
        score_range=None if model.config.problem.has_classes else _range(model.config),
        co_attention=maps,
        duration_s=None if timed is None else timed.duration_s,
        waveform=None if timed is None else sound_to_draw(model, timed),
    )


def _range(config: Any) -> tuple[float, float] | None:
    low_high = getattr(config, "label_range", None)
    return None if low_high is None else (float(low_high[0]), float(low_high[1]))


def _check_model(model: Any, processor: Any) -> None:
    if callable(getattr(model, "explain", None)):
        raise ValueError(
            "explain_prediction takes a model and its processor, and got a pipeline: write "
            "recognise.explain(utterance)."
        )
    if not hasattr(model, "emobert") or not hasattr(processor, "feature_extractor"):
        raise ValueError(
            "explain_prediction takes an EmoBertForSequenceClassification and its EmoBertProcessor, got "
            f"{type(model).__name__} and {type(processor).__name__}."
        )


def _read_inputs(
    model: EmoBertForSequenceClassification, processor: UtteranceProcessor, given: Any
) -> Mapping[str, Any]:
    if find_many(given.inputs if isinstance(given, Given) else given) is not None:
        raise ValueError("Several utterances were given. Explain them one by one.")
    inputs = read_utterance(given, processor.feature_extractor.sampling_rate, EXPLAINED_INPUTS)
    if inputs.get("audio") is not None and inputs.get("speech_input_ids") is not None:
        raise ValueError("Speech is given twice: pass 'audio' or 'speech_input_ids', not both.")
    takes_ids = model.emobert.speech_input_name == "speech_input_ids"
    if inputs.get("audio") is not None and takes_ids:
        raise ValueError(
            "This model has no speech tokenizer and takes token ids: pass 'speech_input_ids' in the place of 'audio'."
        )
    if inputs.get("speech_input_ids") is not None and not takes_ids:
        raise ValueError(
            f"This model takes speech as {model.emobert.speech_input_name}: pass 'audio', not 'speech_input_ids'."
        )
    return inputs


@contextlib.contextmanager
def _undisturbed(model: nn.Module) -> Iterator[None]:
    """Evaluation mode and gradients inside, whatever is outside; afterwards each module is in its mode again."""
    with _lock:
        training = [module for module in model.modules() if module.training]
        model.eval()
        try:
            with torch.inference_mode(False), torch.enable_grad():
                yield
        finally:
            for module in training:
                module.training = True


def _tokenize(processor: UtteranceProcessor, text: str | None) -> TokenizedWords | None:
    if text is None or not text.strip():
        return None
    return tokenize_words(processor, text)


def _predict(
    model: EmoBertForSequenceClassification,
    tokens: TokenizedWords | None,
    timed: TimedSpeech | None,
    label: str | int | None,
) -> tuple[ExplainedPrediction, float]:
    """The prediction and the score of its label."""
    text = speech = None
    with torch.no_grad():
        if tokens is not None:
            ids: Any = torch.tensor([tokens.input_ids], device=model.device)
            text = model.emobert.encode_text(ids)
        if timed is not None:
            speech = model.emobert.encode_speech(timed.values, timed.mask)
        logits = fused_logits(model, text, speech)
    index = resolve_label(label, logits, model.config)
    value = float(explained_value(logits, index, model.config))
    score = float(predictions_to_scores(logits.float().cpu().numpy(), model.config)[0][index])
    return ExplainedPrediction(model, text, speech, index, value), score


def _attribute_words(
    prediction: ExplainedPrediction, tokens: TokenizedWords, tokenizer: Any, num_steps: int
) -> Contributions:
    if tokenizer.pad_token_id is None:
        raise ValueError(
            f"{type(tokenizer).__name__} has no padding token, which stands for 'no word' here: set its pad_token."
        )
    device = prediction.model.device
    return attribute_tokens(
        prediction,
        torch.tensor([tokens.input_ids], device=device),
        torch.tensor([word is None for word in tokens.word_of_token], device=device),
        pad_token_id=tokenizer.pad_token_id,
        num_steps=num_steps,
    )


def _co_attention(
    prediction: ExplainedPrediction, tokens: TokenizedWords | None, timed: TimedSpeech | None, edges: np.ndarray
) -> CoAttentionMaps | None:
    model, text, speech = prediction.model, prediction.text, prediction.speech
    if text is None or speech is None or tokens is None or timed is None:
        return None
    return co_attention_maps(
        model.emobert,
        text,
        speech,
        tokens=tokens,
        timed_speech=timed,
        special_frames=special_frames(model, timed, speech.mask),
        edges=edges,
    )


def _words(tokens: TokenizedWords, values: np.ndarray, maps: CoAttentionMaps | None) -> list[WordExplanation]:
    attentions = [None] * len(tokens.words) if maps is None else maps.words.mean((0, 1)).tolist()
    return [
        WordExplanation(word.text, word.start, word.end, attribution, attention)
        for word, attribution, attention in zip(
            tokens.words, tokens.sum_by_word(values).tolist(), attentions, strict=True
        )
    ]


def _spans(edges: np.ndarray, values: np.ndarray, maps: CoAttentionMaps | None) -> list[SpanExplanation]:
    attentions = [None] * len(values) if maps is None else maps.spans.mean((0, 1)).tolist()
    return [
        SpanExplanation(start, end, attribution, attention)
        for start, end, attribution, attention in zip(
            edges[:-1].tolist(), edges[1:].tolist(), values.tolist(), attentions, strict=True
        )
    ]
