import json

import numpy as np
import pytest
import torch
from transformers import RobertaConfig

from configuration_emo.speech_dictionary import SpeechDictionary
from modeling_emo.speech_tokenizer_module import CodesToIds
from preprocess.corpora.token_files import write_token_file
from preprocess.speech_tokens.speech_tokenizer import SpeechTokenizer
from tests.fairseq_fixtures import REFERENCE


@pytest.fixture(scope="module")
def tokenizer():
    return SpeechTokenizer.from_pretrained(REFERENCE / "tokenization", max_length=2048)


@pytest.mark.parametrize("clip", range(5))
def test_ids_and_token_files_are_the_original_s(tokenizer, clip, tmp_path):
    codes = np.load(REFERENCE / "vq_wav2vec" / "tiny_kmeans_readme.npz")[f"idx_{clip}"][0]
    clips = json.loads((REFERENCE / "tokenization" / "token_ids.json").read_text())["tiny_kmeans_readme"]
    ids = tokenizer.encode(codes)
    assert [ids] * 2 == [entry["ids"] for entry in clips if entry["clip"] == clip]
    write_token_file(tmp_path / "clip.txt", ids)
    expected = REFERENCE / "tokenization" / "token_files" / "tiny_kmeans_readme" / f"clip_{clip}.txt"
    assert (tmp_path / "clip.txt").read_bytes() == expected.read_bytes()


@pytest.mark.parametrize("max_length", [3, 10, 28, 29, 30, 31])
def test_online_and_offline_ids_are_equal(tokenizer, max_length):
    codes = torch.from_numpy(np.load(REFERENCE / "vq_wav2vec" / "tiny_kmeans_readme.npz")["idx_0"])
    codes_to_ids = CodesToIds(num_codevectors=8, num_groups=2, max_length=max_length)
    codes_to_ids.load_dictionary(tokenizer.dictionary)
    online, _ = codes_to_ids(codes, torch.ones(codes.shape[:2]))
    offline = SpeechTokenizer(tokenizer.dictionary, max_length)
    assert online[0].tolist() == offline.truncate(offline.encode(codes[0].numpy()))


def test_overwritten_start_tokens_are_the_same_online_and_offline():
    dictionary = SpeechDictionary([("2-3", 1, False), ("<s>", 1, True)])
    codes_to_ids = CodesToIds(num_codevectors=8, num_groups=2, max_length=10)
    codes_to_ids.load_dictionary(dictionary)
    online, _ = codes_to_ids(torch.tensor([[[2, 3]]]), torch.ones(1, 1))
    assert online[0].tolist() == SpeechTokenizer(dictionary).encode([[2, 3]]) == [5, 4, 2]


def test_long_clips_are_cut_or_split(tokenizer):
    short = SpeechTokenizer(tokenizer.dictionary, max_length=6)
    ids = [0, 10, 11, 12, 13, 14, 2]
    assert short.truncate(ids) == [0, 10, 11, 12, 13, 2]
    assert short.split(ids) == [[0, 10, 11, 12, 2], [0, 13, 14, 2]]
    assert short.split([0, *range(4, 17), 2]) == [
        [0, *range(a, b), 2] for a, b in ((4, 8), (8, 11), (11, 14), (14, 17))
    ]
    assert short.truncate(ids[:6]) == ids[:6]
    assert short.split([0, 10, 11, 12, 13, 2]) == [[0, 10, 11, 12, 13, 2]]


class TestFolders:
    def test_it_survives_saving(self, tokenizer, tmp_path):
        SpeechTokenizer(tokenizer.dictionary, max_length=99).save_pretrained(tmp_path / "new")
        loaded = SpeechTokenizer.from_pretrained(tmp_path / "new")
        assert (loaded.dictionary, loaded.max_length) == (tokenizer.dictionary, 99)

    def test_the_positions_of_a_converted_speech_bert_bound_the_length(self, tokenizer, tmp_path):
        RobertaConfig(max_position_embeddings=602).save_pretrained(tmp_path)
        tokenizer.dictionary.save(tmp_path)
        assert SpeechTokenizer.from_pretrained(tmp_path).max_length == 600

    def test_other_folders_are_refused(self, tokenizer, tmp_path):
        with pytest.raises(ValueError, match="has no dict.txt"):
            SpeechTokenizer.from_pretrained(tmp_path)
        tokenizer.dictionary.save(tmp_path)
        with pytest.raises(ValueError, match="neither speech_tokenizer.json nor config.json"):
            SpeechTokenizer.from_pretrained(tmp_path)
        with pytest.raises(ValueError, match="must leave room"):
            SpeechTokenizer(tokenizer.dictionary, max_length=2)
