import json

import numpy as np
import pytest
import torch
from transformers import AutoFeatureExtractor, RobertaModel

from configuration_emo.speech_dictionary import SpeechDictionary
from modeling_emo.conversion.convert_speech_bert_fairseq_to_hf import convert_speech_bert, main
from modeling_emo.conversion.fairseq_checkpoint import load_fairseq_checkpoint
from tests.fairseq_fixtures import REFERENCE


TOKENIZATION = REFERENCE / "tokenization"
STYLES = ("bert_kmeans", "bert_kmeans_inproj")


@pytest.fixture(scope="module")
def dictionary():
    return SpeechDictionary.from_file(TOKENIZATION / "dict.txt")


@pytest.mark.parametrize("style", STYLES)
def test_hidden_states_are_the_original_s(style, dictionary):
    """The fused model of the reference carries the same Speech-BERT, and its hidden states were recorded."""
    model, _ = convert_speech_bert(load_fairseq_checkpoint(TOKENIZATION / f"{style}.pt"), dictionary)
    expected = np.load(REFERENCE / "fusion" / "outputs.npz")
    input_ids = torch.from_numpy(expected["speech_input_ids"])
    valid = input_ids.ne(1)
    with torch.no_grad():
        hidden_states = model(input_ids, attention_mask=valid.long()).last_hidden_state
    np.testing.assert_allclose(hidden_states[valid], expected["speech_last_hidden"][valid.numpy()], rtol=0, atol=1e-5)


@pytest.mark.parametrize("style", STYLES)
def test_command_line(style, tmp_path, capsys):
    arguments = ["--checkpoint", TOKENIZATION / f"{style}.pt", "--dict", TOKENIZATION / "dict.txt"]
    main([str(argument) for argument in [*arguments, "--output_dir", tmp_path]])
    printed = capsys.readouterr().out
    assert "left out (language-model head): decoder.lm_head.weight" in printed
    assert (tmp_path / "dict.txt").read_bytes() == (TOKENIZATION / "dict.txt").read_bytes()
    assert AutoFeatureExtractor.from_pretrained(tmp_path).do_normalize is False
    model, info = RobertaModel.from_pretrained(tmp_path, add_pooling_layer=False, output_loading_info=True)
    assert not info["missing_keys"] and not info["unexpected_keys"]
    config = model.config
    assert (config.vocab_size, config.max_position_embeddings, config.pad_token_id) == (40, 602, 1)
    assert (config.num_attention_heads, config.layer_norm_eps, config.hidden_act) == (4, 1e-5, "gelu")
    assert model.embeddings.token_type_embeddings.weight.eq(0).all()


def test_a_dictionary_of_another_size_is_refused(tmp_path):
    (tmp_path / "dict.txt").write_text("2-3 301\n")
    dictionary = SpeechDictionary.from_file(tmp_path / "dict.txt")
    with pytest.raises(ValueError, match=r"makes 6 ids .* has 40 rows"):
        convert_speech_bert(load_fairseq_checkpoint(TOKENIZATION / "bert_kmeans.pt"), dictionary)


def test_newer_names_of_the_same_tensors(dictionary):
    checkpoint = load_fairseq_checkpoint(TOKENIZATION / "bert_kmeans.pt")
    expected, _ = convert_speech_bert(load_fairseq_checkpoint(TOKENIZATION / "bert_kmeans.pt"), dictionary)
    checkpoint.state_dict = {
        name.replace("decoder.", "encoder.").replace("emb_layer_norm", "layernorm_embedding"): tensor
        for name, tensor in checkpoint.state_dict.items()
    }
    model, ignored = convert_speech_bert(checkpoint, dictionary)
    assert all(torch.equal(tensor, model.state_dict()[name]) for name, tensor in expected.state_dict().items())
    assert len(ignored) == 6


def test_missing_and_unknown_tensors_are_named(dictionary):
    checkpoint = load_fairseq_checkpoint(TOKENIZATION / "bert_kmeans.pt")
    checkpoint.state_dict["decoder.sentence_encoder.layers.0.fc3.weight"] = torch.ones(1)
    with pytest.raises(ValueError, match=r"does not know: decoder\.sentence_encoder\.layers\.0\.fc3\.weight"):
        convert_speech_bert(checkpoint, dictionary)
    checkpoint = load_fairseq_checkpoint(TOKENIZATION / "bert_kmeans_inproj.pt")
    del checkpoint.state_dict["decoder.sentence_encoder.layers.1.self_attn.in_proj_bias"]
    with pytest.raises(ValueError, match=r"missing: encoder\.layer\.1\.attention\.self\.query\.bias"):
        convert_speech_bert(checkpoint, dictionary)


def test_heads_come_from_the_arguments_or_the_caller(dictionary):
    checkpoint = load_fairseq_checkpoint(TOKENIZATION / "bert_kmeans.pt")
    del checkpoint.args["encoder_attention_heads"]
    with pytest.raises(ValueError, match="24 channels, which 0 attention heads do not divide"):
        convert_speech_bert(checkpoint, dictionary)
    model, _ = convert_speech_bert(checkpoint, dictionary, num_attention_heads=2)
    assert model.config.num_attention_heads == 2


def test_ids_of_the_reference_fit_the_embedding():
    clips = json.loads((TOKENIZATION / "token_ids.json").read_text())["tiny_kmeans_readme"]
    assert max(max(clip["ids"]) for clip in clips) < 40
