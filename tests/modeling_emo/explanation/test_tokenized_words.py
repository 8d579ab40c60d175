"""Words of a text and their tokens, for tokenizers of different make."""

import numpy as np
import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
from transformers import BertTokenizerFast, PreTrainedTokenizerFast

from modeling_emo.explanation.tokenized_words import TokenizedWords, Word, tokenize_words
from tests.tiny import SPECIAL_TOKENS, tiny_processor


def processor_of(tokenizer):
    processor = tiny_processor()
    processor.tokenizer = tokenizer
    return processor


def wordpiece(*tokens):
    vocabulary = {token: index for index, token in enumerate((*SPECIAL_TOKENS, *tokens))}
    return processor_of(BertTokenizerFast(vocab=vocabulary, model_max_length=16))


def byte_level(**kwargs):
    """A byte-level tokenizer as RoBERTa's, one token per byte."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: index for index, token in enumerate(["<s>", "<pad>", "</s>", *alphabet])}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), **kwargs)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", pad_token="<pad>", model_max_length=64
    )
    return processor_of(fast)


def test_punctuation_belongs_to_the_word_it_touches():
    tokens = tokenize_words(tiny_processor(), "  how nice!  SO so")
    assert tokens.words == [Word("how", 2, 5), Word("nice!", 6, 11), Word("SO", 13, 15), Word("so", 16, 18)]
    assert tokens.word_of_token == [None, 0, 1, 1, 2, 3, None]
    assert tokens.input_ids == tiny_processor()(text=["  how nice!  SO so"])["input_ids"][0]


def test_pieces_of_a_word_are_one_word():
    tokens = tokenize_words(wordpiece("un", "##happi", "##ness"), "unhappiness un")
    assert tokens.word_of_token == [None, 0, 0, 0, 1, None]


def test_words_beyond_the_cut_are_left_out():
    tokens = tokenize_words(tiny_processor(), " ".join(["happy"] * 20))
    assert len(tokens.input_ids) == 16
    assert len(tokens.words) == 14


@pytest.mark.parametrize("trim_offsets", [True, False])
def test_bytes_of_one_character_and_spaces_before_words(trim_offsets):
    tokens = tokenize_words(byte_level(trim_offsets=trim_offsets), "ja, 😀")
    assert [word.text for word in tokens.words] == ["ja,", "😀"]
    of_words = [word for word in tokens.word_of_token if word is not None]
    assert of_words[:3] == [0, 0, 0]
    assert of_words.count(1) >= 4  # the bytes of the emoji


def test_scripts_without_spaces_fall_into_tokens():
    tokens = tokenize_words(wordpiece("今", "天", "很", "好", "ok"), "今天很好 ok")
    assert [word.text for word in tokens.words] == ["今", "天", "很", "好", "ok"]


def test_sums_by_word():
    tokens = TokenizedWords([0, 1, 2, 3, 4], [Word("a", 0, 1), Word("bc", 2, 4)], [None, 0, 1, 1, None])
    values = np.array([[10.0, 1.0, 2.0, 3.0, 10.0], [0.0, 4.0, 5.0, 6.0, 0.0]])
    assert tokens.sum_by_word(values).tolist() == [[1.0, 5.0], [4.0, 11.0]]


def test_a_slow_tokenizer_is_refused():
    class Slow:
        is_fast = False

    processor = tiny_processor()

    class Wrapper:
        tokenizer = Slow()
        max_text_length = processor.max_text_length

    with pytest.raises(ValueError, match="Slow does not say which characters.*fast tokenizer"):
        tokenize_words(Wrapper(), "how nice")
