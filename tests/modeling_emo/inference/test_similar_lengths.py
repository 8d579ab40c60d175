"""Batches of similar lengths out of a stream."""

from itertools import count, islice

from modeling_emo.inference.similar_lengths import BATCHES_AHEAD, SimilarLengths, in_order


def rows_of(lengths):
    return [{"length": length} for length in lengths]


def test_batches_have_similar_lengths_and_results_the_order_of_the_stream():
    lengths = [(index * 37) % 101 for index in range(70)]
    rows = list(SimilarLengths(rows_of(lengths), batch_size=4))
    window = 4 * BATCHES_AHEAD
    for start in range(0, 70, window):
        batch = [row["length"] for row in rows[start : start + window]]
        assert batch == sorted(lengths[start : start + window], reverse=True)
    ordered = list(in_order(rows))
    assert [row["length"] for row in ordered] == lengths and "place" not in ordered[0]


def test_no_more_is_read_ahead_than_the_batches_need():
    read = []

    def endless():
        for number in count():
            read.append(number)
            yield {"length": -number}

    assert [row["place"] for row in islice(SimilarLengths(endless(), 1), 3)] == [0, 1, 2] and len(read) == 3
    read.clear()
    results = in_order(iter(SimilarLengths(endless(), 2)))
    assert [row["length"] for row in islice(results, 3)] == [0, -1, -2] and len(read) == 2 * BATCHES_AHEAD


def test_a_result_waits_for_those_before_it_only():
    rows = [{"place": place} for place in (1, 0, 2)]
    seen = []
    results = in_order(seen.append(row["place"]) or dict(row, of=row["place"]) for row in rows)
    assert [next(results)["of"], next(results)["of"]] == [0, 1] and seen == [1, 0]
