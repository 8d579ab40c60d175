"""Positions and spans in seconds."""

import numpy as np
import pytest

from modeling_emo.explanation.timed_speech import TimeScale, frame_scale, read_speech, share_among_spans, span_edges
from tests.modeling_emo.explanation.test_explain import RATE, model_and_processor, model_with_speech_tokenizer
from tests.tiny import tiny_processor, tone


def test_positions_and_seconds_are_each_other_s_inverse():
    scale = TimeScale(rate=50.0, offset=1.0)
    assert scale.seconds([1, 2, 51]).tolist() == [0.0, 0.02, 1.0]
    assert scale.positions(scale.seconds(np.arange(5))).tolist() == pytest.approx([0, 1, 2, 3, 4])


@pytest.mark.parametrize(
    ("duration", "span", "most", "edges"),
    [
        (0.25, 0.1, 100, [0, 0.1, 0.2, 0.25]),
        (0.3, 0.1, 100, [0, 0.1, 0.2, 0.3]),  # not a fourth span for the rounding of 0.3 / 0.1
        (0.05, 0.1, 100, [0, 0.05]),
        (1.0, 0.1, 4, [0, 0.3, 0.6, 0.9, 1.0]),
    ],
)
def test_edges(duration, span, most, edges):
    assert span_edges(duration, span, most).tolist() == pytest.approx(edges)


@pytest.mark.parametrize(("span", "most"), [(0, 10), (-0.1, 10), (float("nan"), 10), (0.1, 0)])
def test_edges_refuse_nonsense(span, most):
    with pytest.raises(ValueError, match="span_s"):
        span_edges(1.0, span, most)


def test_frames_are_divided_by_their_share_of_each_span():
    # Frames of 0.04 s: the third lies half on each side of 0.1 s.
    shared = share_among_spans(np.array([1.0, 2.0, 4.0, 8.0, 16.0]), TimeScale(25.0), np.array([0, 0.1, 0.2]))
    assert shared.tolist() == pytest.approx([5.0, 26.0])


def test_special_frames_are_left_out_and_late_ones_go_to_the_last_span():
    weights = np.array([[100.0, 1.0, 2.0, 3.0]])
    special = np.array([True, False, False, False])
    shared = share_among_spans(weights, TimeScale(10.0, offset=1.0), np.array([0, 0.1, 0.2]), special)
    assert shared.tolist() == [[1.0, 5.0]]


def test_a_frame_s_time_is_the_middle_of_what_it_sees():
    sound = {"audio": (tone(0.2), RATE)}
    cases = [
        # samples from one frame to the next, samples that one sees, frames before the first sound
        (model_with_speech_tokenizer(), 20, 45, 1),
        (model_and_processor("moonshine")[0], 384, 127 + 6 * 64 + 2 * 192, 0),
        (model_and_processor("wav2vec2-layer-norm")[0], 10, 10 + 2 * 5, 0),
    ]
    for model, hop, field, leading in cases:
        scale = frame_scale(model.emobert, read_speech(model, tiny_processor(), sound, 100.0), num_frames=9)
        middles = scale.seconds(np.array([leading, leading + 1]) + 0.5) * RATE
        assert middles.tolist() == pytest.approx([field / 2, field / 2 + hop])
