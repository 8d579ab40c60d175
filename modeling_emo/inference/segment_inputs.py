"""One input -> what the model needs of each of its segments."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from .dialogues import CONTEXT, SaidBefore
from .heard_length import check_heard_length
from .processor_protocol import RecordingSegment, UtteranceProcessor
from .speech_recognition import transcribe
from .timed_transcript import transcribe_with_times
from .untrained_input import untrained_input
from .utterance_inputs import UTTERANCE_INPUTS, read_utterance, reading_error


Recogniser = Callable[[dict[str, Any]], Any]

NOTHING_TO_ADAPT_TO = (
    "adapt_to_speakers: an input that is not divided is one row, and there is nothing to adapt it to. Divide it "
    "(segmentation, chunk_length_s, turns), or give the logits of a speaker's recordings to adapt_to_speakers()."
)


def segment_inputs(
    inputs: Any,
    processor: UtteranceProcessor,
    config: Any,
    *,
    asr: Recogniser | None = None,
    transcription: str = "segment",
    on_error: str = "raise",
    adapt_to_speakers: str | None = None,
    **division: Any,
) -> Iterator[dict[str, Any]]:
    """The segments of one input, one after the other.

    Args:
        inputs: of the pipeline, with what stands beside it.
        processor ([`UtteranceProcessor`]): text and sound.
        config ([`EmoBertConfig`] or [`Emotion2VecConfig`]): of the model.
        asr (callable, *optional*): transcribes what has no text.
        transcription (`"segment"` or `"recording"`): what it hears.
        on_error (`"raise"` or `"return"`): whether what cannot be read is an error, or a segment with the reason.
        adapt_to_speakers (`str`, *optional*): refuses what is not divided: there is nothing to adapt it to.
        division: of [`read_segments`].

    Yields:
        `dict`: `features` (None of silence), `timestamp`, `text`, `is_timeline`, `speaker`, `untrained_input`,
        `error`, `length` (by which batches are made) and `is_last`.

    Raises:
        ValueError: it cannot be read.
    """
    rate = processor.feature_extractor.sampling_rate
    try:
        utterance = {**division, **read_utterance(inputs, rate, (*UTTERANCE_INPUTS, "turns", CONTEXT))}
        context = utterance.pop(CONTEXT, None)
        dividing = (utterance.get(name) for name in ("chunk_length_s", "segmentation", "turns", "words"))
        is_timeline = any(one is not None for one in dividing) or utterance.get("channels") == "each"
        has_transcript = utterance.get("text") is not None or utterance.get("words") is not None
        is_whole = asr is not None and transcription == "recording" and not has_transcript
        is_transcribed = is_whole and utterance.get("audio") is not None
        if adapt_to_speakers is not None and not is_timeline and not is_transcribed:
            raise ValueError(NOTHING_TO_ADAPT_TO)
        if asr is not None and is_transcribed:
            segments = _of_transcribed_recording(utterance, processor, asr, rate)
            is_timeline, asr = True, None
        else:
            segments = processor.read_segments(**utterance)
        before = SaidBefore(processor, context, is_timeline)
        for segment in segments:
            text, features, untrained = segment.text, None, None
            if not segment.is_silent:
                if asr is not None and segment.waveform is not None and text is None:
                    text = transcribe(asr, segment.waveform, rate)
                check_heard_length(segment.waveform, config, processor)
                features = processor.extract_utterance(text, segment.waveform, **before.options())
                before.add(text, segment.speaker)
                untrained = untrained_input(
                    has_text=bool(text and text.strip()), has_speech=segment.waveform is not None, config=config
                )
            yield {
                "features": features,
                "timestamp": (segment.start, segment.end),
                "text": text,
                "is_timeline": is_timeline,
                "speaker": segment.speaker,
                "untrained_input": untrained,
                "error": None,
                "length": _length(features, segment.waveform, text),
                "is_last": segment.is_last,
            }
    except Exception as error:  # decoders, recognisers and strangers' numbers fail in any way
        problem = reading_error(inputs, error)
        if on_error == "raise":
            raise problem from error
        failed = dict.fromkeys(("features", "timestamp", "text", "is_timeline", "speaker", "untrained_input"))
        yield {**failed, "error": str(problem), "length": (0, 0), "is_last": True}


def _of_transcribed_recording(
    utterance: dict[str, Any], processor: UtteranceProcessor, asr: Recogniser, rate: int
) -> Iterator[RecordingSegment]:
    """The segments of a recording that is transcribed as a whole, each channel for itself where they are speakers.

    Turns of a file are found by the recording's name, so it is read again then; otherwise the sound that was heard is
    divided.
    """
    division = {name: value for name, value in utterance.items() if name != "audio"}
    audio, channels = utterance["audio"], division.get("channels")
    if channels == "each" and division.get("turns") is not None:
        yield from processor.read_segments(**utterance)  # says why not
        return
    reading = {name: division[name] for name in ("channels", "allow_addresses") if name in division}
    is_named = isinstance(division.get("turns"), (str, os.PathLike)) and isinstance(audio, (str, os.PathLike))
    if not is_named:
        division = {name: value for name, value in division.items() if name != "channels"}
    for whole in processor.read_segments(audio, **reading):
        if whole.is_silent or whole.waveform is None:
            yield whole
            continue
        words = transcribe_with_times(asr, whole.waveform, rate)
        source = audio if is_named else (whole.waveform, rate)
        options = division
        if words is None and division.get("segmentation") == "sentences":
            options = {**division, "segmentation": None}
        for segment in processor.read_segments(source, words=words, **options):
            yield replace(
                segment,  # type: ignore[type-var]  # a dataclass of the processor's
                speaker=segment.speaker if segment.speaker is not None else whole.speaker,
                is_last=segment.is_last and whole.is_last,
            )


def _length(features: Any, waveform: Any, text: str | None) -> tuple[int, int]:
    """What batches are made by: samples, then characters; silence, which is in none, has none."""
    return (0 if features is None or waveform is None else len(waveform), 0 if features is None else len(text or ""))
