"""EDER against sums done by hand, and against a count of hundredths of a second."""

import numpy as np
import pytest

from modeling_emo import emotion_diarization_error


def spans(*rows):
    names = ("start", "end", "emotion", "speaker")
    return [dict(zip(names, row, strict=False)) for row in rows]


REFERENCE = spans((0, 4, "neutral"), (4, 10, "sad"))


@pytest.mark.parametrize(
    ("predicted", "expected"),
    [
        (REFERENCE, {}),
        ([], {"missed": 0.6}),
        (spans((0, 10, "neutral")), {"missed": 0.6}),
        (spans((0, 10, "sad")), {"false_alarm": 0.4}),
        (spans((4, 10, "angry")), {"confusion": 0.6}),
        (spans((4, 10, "sad"), (8, 10, "angry")), {"overlap": 0.2}),
        (spans((8, 10, "angry"), (8, 10, "happy")), {"missed": 0.4, "confusion": 0.2}),
        (spans((3, 5, "sad"), (5, 6, "happy"), (6, 9, "sad")), {"false_alarm": 0.1, "confusion": 0.1, "missed": 0.1}),
        (spans((4, 12, "sad")), {"false_alarm": 0.2}),  # beyond the reference nothing is known to be felt
    ],
)
def test_shares_of_the_time(predicted, expected):
    found = emotion_diarization_error(REFERENCE, predicted)
    parts = {name: found[name] for name in ("missed", "false_alarm", "confusion", "overlap")}
    assert parts == pytest.approx({**dict.fromkeys(parts, 0.0), **expected})
    assert found["eder"] == pytest.approx(sum(expected.values())) and found["seconds"] == 10


def test_without_overlap_it_is_the_time_that_is_wrong():
    """Of a reference and predictions that cover the whole, counted in hundredths of a second."""
    generator = np.random.default_rng(0)
    labels = np.array(["neutral", "sad", "happy"])

    def draw():
        edges = np.unique([0, *generator.integers(1, 1000, 12), 1000])
        names = labels[generator.integers(0, 3, len(edges) - 1)]
        rows = spans(*((a / 100, b / 100, name) for a, b, name in zip(edges[:-1], edges[1:], names, strict=True)))
        return rows, np.repeat(names, np.diff(edges))

    for _ in range(20):
        (reference, truth), (predicted, guesses) = draw(), draw()
        expected = np.mean(truth != guesses)
        assert emotion_diarization_error(reference, predicted)["eder"] == pytest.approx(expected)


def test_speakers_are_scored_for_themselves():
    reference = spans((0, 4, "sad", "anna"), (2, 6, "angry", "ben"))
    swapped = spans((0, 4, "sad", "ben"), (2, 6, "angry", "anna"))
    assert emotion_diarization_error(reference, reference)["eder"] == 0
    found = emotion_diarization_error(reference, swapped)
    # Anna: 2 s missed, 2 s confused, 2 s alarmed; Ben: the same.
    assert (found["missed"], found["confusion"], found["false_alarm"]) == pytest.approx((0.5, 0.5, 0.5))
    assert found["eder"] == pytest.approx(1.5) and found["seconds"] == 8


def test_a_result_of_the_pipeline():
    def chunk(start, end, label):
        predictions = None if label is None else [{"label": label, "score": 0.9}, {"label": "happy", "score": 0.1}]
        return {"timestamp": (start, end), "text": None, "predictions": predictions}

    result = {"predictions": [], "chunks": [chunk(0.0, 4.0, None), chunk(4.0, 9.0, "sad"), chunk(9.0, 10.0, "happy")]}
    assert emotion_diarization_error(REFERENCE, result)["eder"] == pytest.approx(0.1)
    assert emotion_diarization_error(REFERENCE, result, neutral=["neutral", "happy"])["missed"] == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("reference", "predicted", "message"),
    [
        ([], [], "The reference has no segments"),
        (spans((0, 4, "sad"), (3, 5, "sad")), [], "Two segments of the reference overlap at 3 s"),
        (spans((0, 4, "sad"), (4, 5, "sad", "anna")), [], "Some segments of the reference name a speaker"),
        (
            spans((0, 4, "sad", "anna")),
            spans((0, 4, "sad")),
            "The reference names speakers, and the predictions do not",
        ),
        (spans((2, 1, "sad")), [], "Segment 0 of the reference must end after its start, got 2 to 1 s"),
        (spans((float("-inf"), 1, "sad")), [], "Segment 0 of the reference must end after its start"),
        (spans((0, float("inf"), "sad")), [], "Segment 0 of the reference must end after its start"),
        (spans((1, 1, "sad")), [], "Segment 0 of the reference must end after its start, got 1 to 1 s"),
        (REFERENCE, [{"start": 1}], "Segment 0 of the predicted must be like"),
        (REFERENCE, {"predictions": []}, "The result has no `chunks`"),
        (None, [], "The reference must be a list of segments with start, end and emotion, got None"),
        (REFERENCE, None, "The predicted must be a list of segments with start, end and emotion, got None"),
        ("a.rttm", [], "The reference must be a list of segments .* got 'a.rttm'"),
        (REFERENCE[0], [], "The reference must be a list of segments"),
        (REFERENCE, [(0, 1, "sad")], "Segment 0 of the predicted must be like"),
        (REFERENCE, ["sad"], "Segment 0 of the predicted must be like"),
        (REFERENCE, [None], "Segment 0 of the predicted must be like"),
        (REFERENCE, spans((0, 1, None)), "Segment 0 of the predicted must be like"),
        (REFERENCE, spans((0, 1, "sad", ["anna"])), "Segment 0 of the predicted must be like"),
    ],
)
def test_what_cannot_be_scored_is_refused(reference, predicted, message):
    with pytest.raises(ValueError, match=message):
        emotion_diarization_error(reference, predicted)


@pytest.mark.parametrize("neutral", ["neutral", None, 3])
def test_neutral_labels_are_a_list(neutral):
    with pytest.raises(ValueError, match="neutral must be a list of labels, such as"):
        emotion_diarization_error(REFERENCE, [], neutral=neutral)
