import json

import pytest
import torch
from transformers import RobertaConfig

from configuration_emo.speech_dictionary import SpeechDictionary
from modeling_emo.conversion.convert_vq_wav2vec_fairseq_to_hf import convert_vq_wav2vec
from modeling_emo.conversion.fairseq_checkpoint import load_fairseq_checkpoint
from modeling_emo.speech_tokenizer_module import CodesToIds, SpeechTokenizerModule
from tests.fairseq_fixtures import REFERENCE, padded_batch, reference_waves


@pytest.fixture(scope="module")
def dictionary():
    return SpeechDictionary.from_file(REFERENCE / "tokenization" / "dict.txt")


@pytest.fixture(scope="module")
def tokenizer(dictionary):
    vq_wav2vec, _ = convert_vq_wav2vec(load_fairseq_checkpoint(REFERENCE / "vq_wav2vec" / "tiny_kmeans_readme.pt"))
    module = SpeechTokenizerModule(vq_wav2vec.config, RobertaConfig(max_position_embeddings=602))
    module.vq_wav2vec.load_state_dict(vq_wav2vec.state_dict())
    module.codes_to_ids.load_dictionary(dictionary)
    return module


@pytest.fixture(scope="module")
def expected_ids():
    clips = json.loads((REFERENCE / "tokenization" / "token_ids.json").read_text())["tiny_kmeans_readme"]
    return {clip["clip"]: clip["ids"] for clip in clips if clip["kind"] == "f32"}


def small_table(max_length=2048):
    codes_to_ids = CodesToIds(num_codevectors=8, num_groups=2, max_length=max_length)
    codes_to_ids.load_dictionary(SpeechDictionary([("2-3", 1, False), ("6-5", 1, False)]))
    return codes_to_ids


def test_ids_are_the_original_s_in_one_padded_batch(tokenizer, expected_ids):
    assert sorted(expected_ids) == [0, 1, 2, 3, 4]
    ids, mask = tokenizer(*padded_batch(reference_waves(), extra=3_000))
    for clip, expected in expected_ids.items():
        assert ids[clip, : len(expected)].tolist() == expected
        assert ids[clip, len(expected) :].eq(1).all()
        assert mask[clip].tolist() == [1] * len(expected) + [0] * (400 - len(expected))


def test_unseen_pairs_are_unknown():
    ids, _ = small_table()(torch.tensor([[[2, 3], [6, 5], [5, 6]]]), torch.ones(1, 3))
    assert ids.tolist() == [[0, 4, 5, 3, 2]]


def test_an_empty_table_knows_nothing():
    ids, _ = CodesToIds(8, 2, 2048)(torch.tensor([[[2, 3]]]), torch.ones(1, 1))
    assert ids.tolist() == [[0, 3, 2]]


@pytest.mark.parametrize(
    ("max_length", "expected"),
    [
        (5, [[0, 4, 5, 3, 2], [0, 4, 2, 1, 1], [1, 1, 1, 1, 1]]),
        (4, [[0, 4, 5, 2], [0, 4, 2, 1], [1, 1, 1, 1]]),
        (3, [[0, 4, 2], [0, 4, 2], [1, 1, 1]]),
    ],
)
def test_long_rows_end_in_the_end_token_and_rows_without_speech_are_padding(max_length, expected):
    codes = torch.tensor([[[2, 3], [6, 5], [5, 6]], [[2, 3], [0, 0], [0, 0]], [[0, 0], [0, 0], [0, 0]]])
    ids, mask = small_table(max_length)(codes, torch.tensor([[1, 1, 1], [1, 0, 0], [0, 0, 0]]))
    assert ids.tolist() == expected
    assert mask.tolist() == [[int(token != 1) for token in row] for row in expected]


def test_the_table_is_saved_and_loaded(tokenizer, tmp_path):
    tokenizer.save_pretrained(tmp_path)
    loaded = SpeechTokenizerModule.from_pretrained(tmp_path, speech_config=RobertaConfig(max_position_embeddings=602))
    assert torch.equal(loaded.codes_to_ids.code_to_id, tokenizer.codes_to_ids.code_to_id)
    batch = padded_batch(reference_waves()[:2])
    assert torch.equal(loaded(*batch)[0], tokenizer(*batch)[0])


def test_it_is_not_trained(tokenizer):
    assert not any(parameter.requires_grad for parameter in tokenizer.parameters())
