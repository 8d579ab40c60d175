import json

import pytest

from configuration_emo.speech_dictionary import SpeechDictionary
from tests.fairseq_fixtures import REFERENCE


TOKENIZATION = REFERENCE / "tokenization"


@pytest.fixture(scope="module")
def dictionary():
    return SpeechDictionary.from_file(TOKENIZATION / "dict.txt")


@pytest.fixture(scope="module")
def expected():
    return json.loads((TOKENIZATION / "dictionary_edge_cases.json").read_text())


def write(path, text):
    path.write_bytes(text.encode())
    return path


class TestAgainstFairseq:
    def test_symbols_and_their_order(self, dictionary, expected):
        assert dictionary.symbols == expected["tiny_dict"]["symbols"]
        assert len(dictionary) == expected["tiny_dict"]["len_with_mask"] == 40
        assert dictionary.mask_id == expected["tiny_dict"]["mask"] == 39

    def test_lines(self, dictionary, expected):
        lines = {line: ids for line, ids in expected["edge"].items() if not line.startswith("[")}
        assert len(lines) == 7
        assert {line: dictionary.encode_line(line) for line in lines} == lines

    def test_codes_of_the_clips_that_the_dictionary_lacks(self, dictionary, expected):
        assert [dictionary.index(word) for word in expected["tiny_dict"]["oov_codes"]] == [3, 3]

    def test_the_table_gives_what_the_words_give(self, dictionary):
        table = dictionary.code_to_id(8, 2)
        assert table.tolist() == [[dictionary.index(f"{i}-{j}") for j in range(8)] for i in range(8)]

    def test_saved_bytes_are_the_file_s(self, dictionary, tmp_path):
        dictionary.save(tmp_path)
        assert (tmp_path / "dict.txt").read_bytes() == (TOKENIZATION / "dict.txt").read_bytes()
        assert SpeechDictionary.from_file(tmp_path) == dictionary


class TestLines:
    def test_crlf_and_a_missing_last_newline(self, tmp_path):
        dictionary = SpeechDictionary.from_file(write(tmp_path / "dict.txt", "2-3 7\r\n6-5 1"))
        assert dictionary.symbols[4:] == ["2-3", "6-5", "<mask>"]

    def test_a_word_may_hold_spaces(self, tmp_path):
        dictionary = SpeechDictionary.from_file(write(tmp_path / "dict.txt", "a b 7\n"))
        assert dictionary.symbols[4] == "a b"
        assert dictionary.counts[4] == 7

    @pytest.mark.parametrize("line", ["2-3", "2-3 many", "2-3\t5", "", "2-3 #fairseq:overwrite", "2-3 5.0"])
    def test_malformed_lines_are_named(self, tmp_path, line):
        with pytest.raises(ValueError, match=r"dict\.txt, line 2: expected `word count`"):
            SpeechDictionary.from_file(write(tmp_path / "dict.txt", f"6-5 1\n{line}\n7-7 1\n"))

    def test_another_encoding_is_refused(self, tmp_path):
        (tmp_path / "dict.txt").write_bytes("é 1\n".encode("latin-1"))
        with pytest.raises(ValueError, match="not a UTF-8 text file"):
            SpeechDictionary.from_file(tmp_path / "dict.txt")

    @pytest.mark.parametrize("word", ["6-5", "<s>", "<unk>"])
    def test_a_second_line_for_a_word_is_refused(self, tmp_path, word):
        with pytest.raises(ValueError, match=f"line 2: the word '{word}' is there already"):
            SpeechDictionary.from_file(write(tmp_path / "dict.txt", f"6-5 1\n{word} 2\n"))

    def test_a_flagged_second_line_takes_a_new_id(self, tmp_path):
        path = write(tmp_path / "dict.txt", "6-5 1\n2-3 4\n6-5 2 #fairseq:overwrite\n")
        dictionary = SpeechDictionary.from_file(path)
        # The earlier entry keeps its place, so that later ids do not move.
        assert dictionary.symbols[4:] == ["6-5", "2-3", "6-5", "<mask>"]
        assert dictionary.encode_line("<s> 6-5 2-3") == [0, 6, 5, 2]
        assert dictionary.code_to_id(8, 2)[6, 5] == 6
        dictionary.save(tmp_path / "again.txt")
        assert (tmp_path / "again.txt").read_bytes() == path.read_bytes()

    def test_mask_in_the_file_keeps_its_place(self, tmp_path):
        dictionary = SpeechDictionary.from_file(write(tmp_path / "dict.txt", "6-5 1\n<mask> 0\n2-3 4\n"))
        assert (len(dictionary), dictionary.mask_id, dictionary.index("2-3")) == (7, 5, 6)


def test_codes_are_looked_up_only_as_fairseq_spells_them():
    words = ["03-4", "3-4", "3-4-5", "9-1", "3", "+3-4"]
    table = SpeechDictionary([(word, 1, False) for word in words]).code_to_id(8, 2)
    assert table[3, 4] == 5
    assert (table != 3).sum() == 1


def test_an_embedding_of_another_size_is_refused_with_both_sizes(dictionary):
    dictionary.check_embedding(40)
    with pytest.raises(ValueError, match=r"makes 40 ids .* embedding has 41 rows"):
        dictionary.check_embedding(41)
