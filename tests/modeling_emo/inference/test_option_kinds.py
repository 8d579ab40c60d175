"""Each option of the pipeline and of a stream is refused at once where it is of the wrong kind."""

import inspect
import math

import numpy as np
import pytest

from modeling_emo import EmotionRecognitionPipeline, EmotionStream
from modeling_emo.inference.pipeline_options import PipelineOptions
from tests.tiny import tiny_processor, tone
from tests.tiny_models import emobert


FLAGS = ["yes", "", 1, 0.5, [True], np.zeros(2)]
COUNTS = [True, False, 0, -1, 1.5, math.nan, math.inf, "3", [3]]
SECONDS = [True, 0, -1, math.nan, math.inf, "3", [3], {}]
STRIDES = [True, -1, math.nan, math.inf, "1", [1], (1, 2, 3), (1, -1), (math.nan, 0), ("1", "1"), {}]
NAMES = ["", "other", True, 3, 0.5, ["windows"], {}]
WRONG = {
    "top_k": COUNTS,
    "labels": ["happy", True, 3, math.nan, [], {}, [3], [["happy"]], {"happy": 3}, ["other"]],
    "chunk_length_s": SECONDS,
    "stride_length_s": STRIDES,
    "segmentation": NAMES,
    "turns": [True, 3, math.nan, b"a"],
    "voice_detector": NAMES,
    "channels": ["both", True, -1, 0.5, math.nan, [0]],
    "context": ["Joey: Hi.", True, 3, [3], {}],
    "asr": [True, 3, ["a"], ""],
    "transcription": NAMES,
    "abstain_below": [True, -0.1, 1.1, math.nan, math.inf, "0.5", [0.5]],
    "adapt_to_speakers": NAMES,
    "return_text": FLAGS,
    "return_embeddings": FLAGS,
    "max_batch_seconds": SECONDS,
    "on_error": NAMES,
    "allow_addresses": FLAGS,
}
# What they need beside them.
BESIDE = {"stride_length_s": {"chunk_length_s": 1.0}, "voice_detector": {"segmentation": "voice"}}
OF_STREAMS = {
    **{name: WRONG[name] for name in ("top_k", "labels", "asr", "abstain_below", "return_embeddings")},
    "sampling_rate": [True, 0, -1, 16_000.5, math.nan, "16000", [16_000]],
    "num_channels": COUNTS,
    "chunk_length_s": SECONDS,
    "stride_length_s": [*STRIDES, 31, (0, 40)],
    "voice_detector": NAMES,
}


@pytest.fixture(scope="module")
def recognise():
    model = emobert("moonshine", id2label={0: "angry", 1: "happy", 2: "sad"}, temperature=1.0)
    return EmotionRecognitionPipeline(model=model, processor=tiny_processor(), device=-1)


def test_all_options_are_tried():
    assert WRONG.keys() == PipelineOptions.__annotations__.keys()
    assert OF_STREAMS.keys() == inspect.signature(EmotionStream).parameters.keys() - {"model", "processor"}


@pytest.mark.parametrize("name", WRONG)
def test_options_of_a_call(recognise, name):
    for value in WRONG[name]:
        options = {**BESIDE.get(name, {}), name: value}
        with pytest.raises(ValueError) as caught:
            recognise((tone(1.2), 16_000), **options)
        assert name in str(caught.value) or "Shares of the classes" in str(caught.value), (value, caught.value)
        assert str(caught.value).count("\n") < 2 and len(str(caught.value)) < 400


@pytest.mark.parametrize("name", ["top_k", "chunk_length_s", "stride_length_s", "return_embeddings", "channels"])
def test_they_are_refused_when_the_pipeline_is_made(recognise, name):
    for value in WRONG[name]:
        if not isinstance(value, str) or value != "both":
            with pytest.raises(ValueError, match=f"^{name}"):
                EmotionRecognitionPipeline(recognise.model, processor=recognise.processor, **{name: value})


@pytest.mark.parametrize(
    "wrong",
    [
        {"segmentation": "sentence"},
        {"segmentation": "voice", "voice_detector": "ear"},
        {"voice_detector": "energy"},
        {"channels": "left"},
        {"chunk_length_s": 0.01},
        {"segmentation": "windows", "chunk_length_s": 1.0, "stride_length_s": 2.0},
        {"segmentation": "voice", "turns": [{"start": 0, "end": 1}]},
    ],
)
def test_what_divides_no_recording_is_refused_once_and_not_for_each(recognise, wrong):
    with pytest.raises(ValueError, match=list(wrong)[-1]):
        recognise([{"audio": (tone(0.5), 16_000)}] * 2, on_error="return", **wrong)


@pytest.mark.parametrize("name", ["batch_size", "num_workers"])
@pytest.mark.parametrize("value", [True, -1, 1.5, math.nan, "3", [3]])
def test_batches(recognise, name, value):
    with pytest.raises(ValueError, match=f"{name} must be a whole number of at least .* got"):
        recognise([tone(0.5)], **{name: value})
    with pytest.raises(ValueError, match=f"{name} must be a whole number of at least .* got"):
        EmotionRecognitionPipeline(recognise.model, processor=recognise.processor, **{name: value})


def test_a_device_that_there_is_not(recognise):
    with pytest.raises(ValueError, match="device='gpu' is none that PyTorch knows: cpu, cuda"):
        EmotionRecognitionPipeline(recognise.model, processor=recognise.processor, device="gpu")


def test_a_batch_of_none(recognise):
    with pytest.raises(ValueError, match="batch_size must be a whole number of at least 1, got 0"):
        recognise(tone(0.5), batch_size=0)


@pytest.mark.parametrize("name", OF_STREAMS)
def test_options_of_a_stream(recognise, name):
    for value in OF_STREAMS[name]:
        with pytest.raises(ValueError) as caught:
            EmotionStream(recognise, **{name: value})
        said = "sampling rate" if name == "sampling_rate" else name
        assert said in str(caught.value), (value, caught.value)
