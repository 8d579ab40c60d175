"""The processor that `modeling_emo` asks for is the one that `preprocess` has."""

import inspect

import pytest

from modeling_emo.inference.processor_protocol import RecordingSegment, UtteranceProcessor
from preprocess import EmoBertProcessor
from preprocess.recordings.segments import Segment
from tests.tiny import tiny_processor


METHODS = [name for name, value in vars(UtteranceProcessor).items() if name in dir(EmoBertProcessor)]
METHODS = [name for name in METHODS if inspect.isfunction(vars(UtteranceProcessor)[name]) and name[0] != "_"]


def test_has_every_member():
    assert isinstance(tiny_processor(), UtteranceProcessor)
    segment = Segment(None, None, None, "how nice", is_last=True)
    members = [name for name, value in vars(RecordingSegment).items() if isinstance(value, property)]
    assert members == ["waveform", "start", "end", "text", "is_last", "is_silent", "speaker"]
    assert all(hasattr(segment, name) for name in members)


@pytest.mark.parametrize("name", METHODS)
def test_takes_the_same_arguments(name):
    asked = inspect.signature(getattr(UtteranceProcessor, name)).parameters
    given = inspect.signature(getattr(EmoBertProcessor, name)).parameters
    takes_any = {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD}
    names = [key for key, parameter in asked.items() if parameter.kind not in takes_any]
    assert [key for key in given if key in names] == names
    assert {key: asked[key].default for key in names} == {key: given[key].default for key in names}


def test_methods_are_those_that_are_used():
    assert METHODS == ["limit_text", "read_segments", "stream_segments", "extract_utterance", "pad", "save_pretrained"]
