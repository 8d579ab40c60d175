"""Batches of similar lengths out of a stream."""

from itertools import chain, count, islice

from modeling_emo.inference.similar_lengths import BATCHES_AHEAD, SimilarLengths, in_order, rows_of


def of_lengths(lengths):
    return [{"length": (length,)} for length in lengths]


def test_batches_have_similar_lengths_and_results_the_order_of_the_stream():
    lengths = [(index * 37) % 101 for index in range(70)]
    batches = list(SimilarLengths(of_lengths(lengths), batch_size=4))
    assert [len(batch) for batch in batches] == [4] * 17 + [2]
    rows = list(chain(*batches))
    window = 4 * BATCHES_AHEAD
    for start in range(0, 70, window):
        sorted_rows = [row["length"][0] for row in rows[start : start + window]]
        assert sorted_rows == sorted(lengths[start : start + window], reverse=True)
    ordered = list(in_order(rows))
    assert [row["length"][0] for row in ordered] == lengths and "place" not in ordered[0]


def test_a_batch_stays_within_its_budget_but_for_a_row_that_is_longer():
    lengths = [30, 2, 3, 11, 10, 0, 0, 9, 1]
    batches = [
        [row["length"][0] for row in batch]
        for batch in SimilarLengths(of_lengths(lengths), batch_size=4, max_padded_length=20)
    ]
    assert batches == [[30], [11], [10, 9], [3, 2, 1, 0], [0]]


def test_what_has_no_length_is_bound_by_the_number_of_rows_alone():
    batches = SimilarLengths(of_lengths([0] * 7), batch_size=3, max_padded_length=1)
    assert [len(batch) for batch in batches] == [3, 3, 1]


def test_no_more_is_read_ahead_than_the_batches_need():
    read = []

    def endless():
        for number in count():
            read.append(number)
            yield {"length": (-number,)}

    alone = SimilarLengths(endless(), 1)
    assert [row["place"] for (row,) in islice(alone, 3)] == [0, 1, 2] and len(read) == 3
    read.clear()
    results = in_order(chain.from_iterable(SimilarLengths(endless(), 2)))
    assert [row["length"][0] for row in islice(results, 3)] == [0, -1, -2] and len(read) == 2 * BATCHES_AHEAD


def test_rows_of_batches_of_any_size():
    batches = [{"a": [1, 2], "b": [None, "x"]}, {"a": [3], "b": ["y"]}, {"a": [4, 5, 6], "b": list("uvw")}]
    rows = list(rows_of(batches))
    assert [row["a"] for row in rows] == [1, 2, 3, 4, 5, 6]
    assert [row["b"] for row in rows] == [None, "x", "y", "u", "v", "w"]


def test_a_result_waits_for_those_before_it_only():
    rows = [{"place": place} for place in (1, 0, 2)]
    seen = []
    results = in_order(seen.append(row["place"]) or dict(row, of=row["place"]) for row in rows)
    assert [next(results)["of"], next(results)["of"]] == [0, 1] and seen == [1, 0]
