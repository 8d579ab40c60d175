import pytest

from preprocess.recordings.sentences import split_sentences


def words(*timed):
    return [{"text": text, "timestamp": (start, end)} for text, start, end in timed]


def texts(sentences):
    return [sentence.text for sentence in sentences]


def test_sentences_end_at_their_punctuation():
    sentences = split_sentences(
        words(("Well,", 0.0, 0.3), ("no!", 0.3, 0.5), ("He", 0.6, 0.7), ("said", 0.7, 0.9), ('"why?"', 0.9, 1.2))
    )
    assert [sentence[:3] for sentence in sentences] == [("Well, no!", 0.0, 0.5), ('He said "why?"', 0.6, 1.2)]


def test_words_with_their_own_spaces_are_joined_as_they_are():
    sentences = split_sentences(words((" It", 0, 1), ("'s", 1, 2), (" me.", 2, 3), (" Hi", 3, 4)))
    assert texts(sentences) == ["It's me.", "Hi"]


def test_titles_and_other_scripts():
    assert texts(split_sentences(words(("Mr.", 0, 1), ("Lee", 1, 2), ("is", 2, 3)))) == ["Mr. Lee is"]
    assert texts(split_sentences(words(("你好。", 0, 1), ("再见", 1, 2)))) == ["你好。", "再见"]


def test_without_punctuation_pauses_divide():
    sentences = split_sentences(words(("yes", 0.0, 0.4), ("well", 0.5, 0.9), ("so", 2.0, 2.2)))
    assert [sentence[:3] for sentence in sentences] == [("yes well", 0.0, 0.9), ("so", 2.0, 2.2)]


def test_long_sentences_are_divided_between_words():
    sentences = split_sentences(words(*((f"w{index}", index, index + 1) for index in range(7))), max_seconds=3.0)
    assert [sentence[:3] for sentence in sentences] == [("w0 w1 w2", 0, 3), ("w3 w4 w5", 3, 6), ("w6", 6, 7)]
    assert split_sentences(words(("aaah", 2.0, 50.0)), max_seconds=3.0) == [("aaah", 2.0, 5.0, None)]


def test_an_unknown_end_is_the_next_start():
    sentences = split_sentences(words(("a", 0.0, None), ("b", 0.4, None)), max_seconds=5.0)
    assert [sentence[:3] for sentence in sentences] == [("a b", 0.0, 5.0)]
    assert split_sentences(words(("A.", 0.0, None), ("B.", 0.4, 0.6)))[0] == ("A.", 0.0, 0.4, None)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ([], "must be a list of"),
        ("hello", "must be a list of"),
        ([{"text": "a"}], "Word 0 must be like"),
        (words(("a", 0, 1), (None, 1, 2)), "Word 1 needs a text"),
        (words(("a", 2, 1)), "Word 0 needs a text, and a time"),
        (words(("a", -1, 1)), "Word 0 needs a text, and a time"),
        (words(("a", 3, 4), ("b", 1, 2)), "Word 1, 'b', starts at 1 s, before"),
        (words(("a", float("nan"), 1)), "Word 0 needs a text, and a time"),
        (words(("a", 1, float("nan"))), "Word 0 needs a text, and a time"),
        (words(("a", float("inf"), None)), "Word 0 needs a text, and a time"),
        (words(("a", 10**400, None)), "Word 0 must be like"),
        (5, "must be a list of"),
        (["a"], "Word 0 must be like"),
        ([{"text": "a", "timestamp": (None, 1)}], "Word 0 must be like"),
        (5, "must be a list of"),
        (words(("a", float("inf"), None)), "Word 0 needs a text, and a time"),
        (words(("a", float("nan"), 1)), "Word 0 needs a text, and a time"),
        (words(("a", 0, float("nan"))), "Word 0 needs a text, and a time"),
    ],
)
def test_wrong_words_are_named(wrong, message):
    with pytest.raises(ValueError, match=message):
        split_sentences(wrong)


def test_times_that_are_some_hundredths_out_of_order_are_moved(caplog):
    given = words(("So", -0.02, 0.2), ("it", 0.5, 0.6), ("is.", 0.46, 0.7), ("No.", 0.9, 0.88))
    assert split_sentences(given) == [("So it is.", 0.0, 0.7, None), ("No.", 0.9, 0.9, None)]
    assert "3 of 4 words overlap by some hundredths of a second" in caplog.text
    caplog.clear()
    assert split_sentences(words(("So", 0.0, 0.3), ("it", 0.2, 0.6)))[0].end == 0.6
    assert not caplog.text


def test_a_change_of_speaker_begins_a_sentence():
    said = [("no", 0.0, 0.3, "anna"), ("I", 0.3, 0.5, "ben"), ("do", 0.5, 0.7, "ben"), ("so", 0.8, 0.9, None)]
    given = [{"text": text, "timestamp": (start, end), "speaker": speaker} for text, start, end, speaker in said]
    assert split_sentences(given) == [
        ("no", 0.0, 0.3, "anna"),
        ("I do", 0.3, 0.7, "ben"),
        ("so", 0.8, 0.9, None),
    ]
