"""One pipeline called by many threads at a time: every call gives what it gives alone."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from modeling_emo import EmotionRecognitionPipeline
from tests.tiny import WORDS, tiny_processor, tone
from tests.tiny_models import emobert


NUM_THREADS = 16
CALLS_PER_THREAD = 6


@pytest.fixture(scope="module")
def recognise():
    return EmotionRecognitionPipeline(model=emobert("moonshine"), processor=tiny_processor(), device=-1)


def utterance(index):
    """Different texts, half of them longer than the model's 16 tokens, and sounds; some without one or the other."""
    words = [WORDS[(index * 7 + position) % len(WORDS)] for position in range(1 + index * 5 % 30)]
    given = {"text": " ".join(words), "audio": tone(0.1 + 0.02 * (index % 9), frequency=150.0 + 20 * index)}
    absent = {3: "text", 5: "audio"}.get(index % 7)
    return {name: value for name, value in given.items() if name != absent}


def scores(predictions):
    return [entry["score"] for entry in sorted(predictions, key=lambda entry: entry["label"])]


def in_threads(call, num_calls):
    """The results of `call(0), call(1), ...`, started at the same moment by `NUM_THREADS` threads."""
    start = threading.Barrier(NUM_THREADS)

    def worker(first):
        start.wait()
        return [(index, call(index)) for index in range(first, num_calls, NUM_THREADS)]

    with ThreadPoolExecutor(NUM_THREADS) as pool:
        return dict(result for results in pool.map(worker, range(NUM_THREADS)) for result in results)


def test_single_calls(recognise):
    num_calls = NUM_THREADS * CALLS_PER_THREAD
    alone = [scores(recognise(utterance(index))) for index in range(num_calls)]
    together = in_threads(lambda index: scores(recognise(utterance(index))), num_calls)
    for index in range(num_calls):
        assert together[index] == pytest.approx(alone[index], abs=1e-6), index


def test_options_of_one_call_do_not_reach_another(recognise):
    def call(index):
        if index % 3 == 0:
            return len(recognise(utterance(index), top_k=1))
        if index % 3 == 1:
            return len(recognise({"audio": tone(1.0)}, chunk_length_s=0.3)["chunks"])
        return recognise({"audio": b"not a sound"}, on_error="return")["error"].split(":")[0]

    results = in_threads(call, 3 * NUM_THREADS)
    expected = {0: 1, 1: 5, 2: "audio in memory"}
    assert results == {index: expected[index % 3] for index in results}


def test_batches_of_different_sizes(recognise):
    def call(index):
        given = [utterance(index + offset) for offset in range(1 + index % 4)]
        return [scores(result) for result in recognise(given, batch_size=1 + index % 3)]

    for index, results in in_threads(call, NUM_THREADS).items():
        for offset, result in enumerate(results):
            assert result == pytest.approx(scores(recognise(utterance(index + offset))), abs=1e-5), (index, offset)
