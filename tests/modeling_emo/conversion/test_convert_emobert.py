import numpy as np
import pytest
import torch
from transformers import AutoFeatureExtractor, RobertaTokenizer, pipeline

import preprocess  # noqa: F401  registers the processor
from configuration_emo.speech_dictionary import SpeechDictionary
from modeling_emo import EmoBertForSequenceClassification
from modeling_emo.conversion.convert_emobert_fairseq_to_hf import (
    ConversionOptions,
    check_parity,
    convert_emobert,
    load_text_tokenizer,
    main,
    task_from_args,
)
from modeling_emo.conversion.convert_vq_wav2vec_fairseq_to_hf import convert_vq_wav2vec
from modeling_emo.conversion.fairseq_checkpoint import load_fairseq_checkpoint
from modeling_emo.modeling_vq_wav2vec import VqWav2VecModel
from modeling_emo.speech_tokenizer_module import SpeechTokenizerModule, load_speech_tokenizer
from preprocess.speech_tokens.speech_tokenizer import SpeechTokenizer
from tests.fairseq_fixtures import REFERENCE, padded_batch, reference_waves


FUSION = REFERENCE / "fusion"
HEADS: dict = {"text_num_attention_heads": 4, "speech_num_attention_heads": 4}
CASES = [("stack", "co_attention"), ("stack", "shallow"), ("shallow", "shallow")]


@pytest.fixture(scope="module")
def expected():
    return np.load(FUSION / "outputs.npz")


@pytest.fixture(scope="module")
def dictionary():
    return SpeechDictionary.from_file(REFERENCE / "tokenization" / "dict.txt")


@pytest.fixture(scope="module")
def vq_wav2vec():
    return convert_vq_wav2vec(load_fairseq_checkpoint(REFERENCE / "vq_wav2vec" / "tiny_kmeans_readme.pt"))[0]


def checkpoint(name):
    return load_fairseq_checkpoint(FUSION / f"emo_cross1_{name}.pt")


def inputs(expected, rows=slice(None)):
    text, speech = (torch.from_numpy(expected[f"{name}_input_ids"])[rows] for name in ("text", "speech"))
    return {
        "input_ids": text,
        "attention_mask": text.ne(1).long(),
        "speech_input_ids": speech,
        "speech_attention_mask": speech.ne(1).long(),
    }


class TestAgainstTheOriginal:
    @pytest.mark.parametrize(("name", "fusion"), CASES)
    @pytest.mark.parametrize("attention", ["eager", "sdpa"])
    @pytest.mark.parametrize(("rows", "prefix"), [(slice(None), ""), (slice(1), "nopad_")])
    def test_encoders_fusion_and_logits(self, expected, name, fusion, attention, rows, prefix):
        model, _ = convert_emobert(checkpoint(name), ConversionOptions(fusion, **HEADS))
        model.set_attn_implementation({"text_config": attention, "speech_config": attention})
        batch = inputs(expected, rows)
        with torch.no_grad():
            output = model(**batch)
        source = "stack1" if name == "stack" else "shallow"

        def close(actual, wanted):
            np.testing.assert_allclose(actual, wanted, rtol=0, atol=1e-5)

        for modality, mask in (("text", "attention_mask"), ("speech", "speech_attention_mask")):
            valid = batch[mask].bool()
            hidden_states = output[f"{modality}_last_hidden_state"]
            close(hidden_states[valid], expected[f"{prefix}{modality}_last_hidden"][valid.numpy()])
            close(hidden_states[:, 0], expected[f"{prefix}{source}_{modality}_cls"])
        if fusion == "co_attention":
            close(output.text_to_speech, expected[f"{prefix}{source}_t2a"])
            close(output.speech_to_text, expected[f"{prefix}{source}_a2t"])
        head = "coattention" if fusion == "co_attention" else "shallow"
        assert output.logits.shape[1:] == (4, 2)
        close(output.logits.flatten(1), expected[f"{prefix}{source}_logits_{head}"])


class TestFamily:
    def test_two_co_attention_layers(self, expected):
        """The second layer asks the raw sequence with the first one's vector; other heads than in the first test."""
        source = checkpoint("stack")
        generator = torch.Generator().manual_seed(0)
        for name in [name for name in source.state_dict if ".layers_ta.0." in name or ".layers_at.0." in name]:
            shape = source.state_dict[name].shape
            source.state_dict[name.replace(".0.", ".1.")] = torch.randn(shape, generator=generator) * 0.2
        source.args["encoder_attention_heads"] = 2
        model, _ = convert_emobert(source, ConversionOptions("co_attention", **HEADS))
        assert (model.config.num_co_attention_layers, model.config.num_co_attention_heads) == (2, 2)
        assert check_parity(model, source) < 1e-5

        state = {name: tensor.double() for name, tensor in source.state_dict.items()}
        batch = inputs(expected)
        with torch.no_grad():
            output = model(**batch)
        for direction, vector, others, valid, actual in (
            ("ta", "text", output.speech_last_hidden_state, batch["speech_attention_mask"], output.text_to_speech),
            ("at", "speech", output.text_last_hidden_state, batch["attention_mask"], output.speech_to_text),
        ):
            query = output[f"{vector}_last_hidden_state"][:, 0].double()
            for layer in range(2):
                query = query + attend(state, f"layers_{direction}.{layer}", query, others.double(), valid.bool())
            torch.testing.assert_close(actual.double(), query, rtol=0, atol=1e-5)

    def test_normalisations_of_earlier_commits_change_nothing(self, expected):
        source = checkpoint("stack")
        for direction, width in (("ta", 32), ("at", 24)):
            for norm in ("self_attn_layer_norm", "final_layer_norm"):
                name = f"decoder.sentence_encoder.layers_{direction}.0.{norm}"
                source.state_dict |= {f"{name}.weight": torch.rand(width), f"{name}.bias": torch.rand(width)}
        model, ignored = convert_emobert(source, ConversionOptions("co_attention", **HEADS))
        assert sum("without using it" in reason for reason in ignored.values()) == 8
        with torch.no_grad():
            logits = model(**inputs(expected)).logits.flatten(1)
        np.testing.assert_allclose(logits, expected["stack1_logits_coattention"], rtol=0, atol=1e-5)

    def test_fused_projections_and_newer_names(self, expected):
        plain, _ = convert_emobert(checkpoint("stack"), ConversionOptions("co_attention", **HEADS))
        source = checkpoint("stack")
        encoders = ("roberta_vqwav2vec", "model_text2vec")
        for name in [name for name in source.state_dict if name.startswith(encoders) and ".q_proj." in name]:
            parts = [source.state_dict.pop(name.replace(".q_proj.", f".{projection}_proj.")) for projection in "qkv"]
            source.state_dict[name.replace(".q_proj.", ".in_proj_")] = torch.cat(parts)
        source.state_dict = {
            name.replace("model.decoder.", "model.encoder.").replace("emb_layer_norm", "layernorm_embedding"): tensor
            for name, tensor in source.state_dict.items()
        }
        model, _ = convert_emobert(source, ConversionOptions("co_attention", **HEADS))
        with torch.no_grad():
            assert torch.equal(model(**inputs(expected)).logits, plain(**inputs(expected)).logits)


def attend(state, layer, query, sequence, valid):
    """One co-attention layer in float64, head by head."""
    prefix = f"decoder.sentence_encoder.{layer}.self_cross_attn."
    q, k, v = (
        source @ state[f"{prefix}{name}_proj.weight"].T + state[f"{prefix}{name}_proj.bias"]
        for name, source in (("q", query), ("k", sequence), ("v", sequence))
    )
    size = q.shape[-1] // 2
    heads = []
    for head in (slice(0, size), slice(size, None)):
        scores = torch.einsum("bd,btd->bt", q[:, head], k[..., head]) / size**0.5
        weights = scores.masked_fill(~valid, -torch.inf).softmax(-1)
        heads.append(torch.einsum("bt,btd->bd", weights, v[..., head]))
    return torch.cat(heads, dim=-1) @ state[f"{prefix}out_proj.weight"].T + state[f"{prefix}out_proj.bias"]


class TestTask:
    @pytest.mark.parametrize(
        ("args", "outputs", "expected"),
        [
            ({"binary_target_iemocap": True}, 8, ("one_vs_rest_classification", 4, None)),
            ({"regression_target_mos": True}, 1, ("regression", 1, "l1")),
            ({"regression_target": True}, 1, ("regression", 1, "mse")),
            ({"softmax_target_meld": True}, 7, ("single_label_classification", 7, None)),
            ({}, 8, ("one_vs_rest_classification", 4, None)),
            ({}, 1, ("regression", 1, "l1")),
            ({}, 5, ("single_label_classification", 5, None)),
        ],
    )
    def test_it_comes_from_the_flags_of_training(self, args, outputs, expected):
        task = task_from_args({"binary_target_iemocap": False, **args}, outputs)
        num_labels = len(task["id2label"]) if "id2label" in task else task["num_labels"]
        assert (task["problem_type"], num_labels, task.get("regression_loss")) == expected

    def test_labels_in_the_original_s_order(self):
        assert task_from_args({"binary_target_iemocap": True}, 8)["id2label"] == {
            0: "neutral",
            1: "sad",
            2: "angry",
            3: "happy",
        }
        meld = task_from_args({"softmax_target_meld": True}, 7)["label2id"]
        assert (meld["anger"], meld["joy"], meld["surprise"]) == (2, 3, 4)

    def test_or_from_the_caller(self):
        task = task_from_args({"binary_target_iemocap": True}, 8, "single_label_classification")
        assert task == {"problem_type": "single_label_classification", "num_labels": 8}
        with pytest.raises(ValueError, match="2 outputs for each emotion, the head has 7"):
            task_from_args({}, 7, "one_vs_rest_classification")


class TestStrictness:
    def test_co_attention_of_a_checkpoint_without_it(self):
        with pytest.raises(ValueError, match="has no co-attention .*--fusion shallow"):
            convert_emobert(checkpoint("shallow"), ConversionOptions("co_attention", **HEADS))

    def test_heads_that_do_not_divide(self):
        with pytest.raises(ValueError, match="32 channels, which 0 attention heads do not divide"):
            convert_emobert(checkpoint("shallow"), ConversionOptions("shallow"))

    @pytest.mark.parametrize(
        ("remove", "add", "message"),
        [
            ("classification_heads.emotion_classification_head.out_proj.bias", None, r"missing: classifier\.bias"),
            (
                "decoder.sentence_encoder.layers_at.0.self_cross_attn.v_proj.weight",
                None,
                r"missing: emobert\.speech_to_text\.layers\.0\.attention\.v_proj\.weight",
            ),
            (None, "decoder.sentence_encoder.layers_ta.0.fc1.weight", r"does not know: .*layers_ta\.0\.fc1\.weight"),
            (None, "classification_heads.other.out_proj.weight", "has 2 classification heads"),
        ],
    )
    def test_missing_and_unknown_tensors(self, remove, add, message):
        source = checkpoint("stack")
        if remove:
            del source.state_dict[remove]
        if add:
            source.state_dict[add] = torch.ones(1)
        with pytest.raises(ValueError, match=message):
            convert_emobert(source, ConversionOptions("co_attention", **HEADS))

    def test_a_missing_encoder(self):
        source = checkpoint("shallow")
        source.state_dict = {k: v for k, v in source.state_dict.items() if not k.startswith("model_text2vec")}
        with pytest.raises(ValueError, match="no RoBERTa under 'model_text2vec"):
            convert_emobert(source, ConversionOptions("shallow", **HEADS))

    def test_dictionaries(self, vq_wav2vec):
        options = ConversionOptions("shallow", **HEADS)
        with pytest.raises(ValueError, match="needs the dictionary"):
            convert_emobert(checkpoint("shallow"), options, vq_wav2vec=vq_wav2vec)
        small = SpeechDictionary([("2-3", 1, False)])
        with pytest.raises(ValueError, match="makes 6 ids .* has 40 rows"):
            convert_emobert(checkpoint("shallow"), options, vq_wav2vec=vq_wav2vec, dictionary=small)


class TestEndToEnd:
    @pytest.mark.parametrize("fusion", ["shallow", "co_attention"])
    def test_online_and_offline_tokens_give_the_same_logits(self, expected, vq_wav2vec, dictionary, fusion):
        options = ConversionOptions(fusion, **HEADS)
        model, _ = convert_emobert(checkpoint("stack"), options, vq_wav2vec=vq_wav2vec, dictionary=dictionary)
        text = {name: value for name, value in inputs(expected).items() if not name.startswith("speech")}
        waves = reference_waves()[:4]
        values, mask = padded_batch(waves, extra=500)
        tokenizer = SpeechTokenizer(dictionary)
        ids = [tokenizer.encode(vq_wav2vec.encode(torch.from_numpy(wave)[None]).audio_codes[0]) for wave in waves]
        offline = torch.nn.utils.rnn.pad_sequence([torch.tensor(row) for row in ids], True, padding_value=1)
        with torch.no_grad():
            online = model(**text, input_values=values, speech_attention_mask=mask).logits
            by_ids = model(**text, speech_input_ids=offline, speech_attention_mask=offline.ne(1).long()).logits
        assert torch.equal(online, by_ids)

    def test_what_stands_in_for_a_missing_modality_is_zero(self):
        """The checkpoint never saw one; random vectors would make two conversions differ."""
        model, _ = convert_emobert(checkpoint("shallow"), ConversionOptions("shallow", **HEADS))
        assert model.emobert.text_stand_in.embedding.eq(0).all()
        assert model.emobert.speech_stand_in.embedding.eq(0).all()

    def test_a_row_without_speech(self, expected, vq_wav2vec, dictionary):
        options = ConversionOptions("co_attention", **HEADS)
        model, _ = convert_emobert(checkpoint("stack"), options, vq_wav2vec=vq_wav2vec, dictionary=dictionary)
        text = {name: value[:2] for name, value in inputs(expected).items() if not name.startswith("speech")}
        values, mask = padded_batch(reference_waves()[:2])
        mask[0] = 0
        with torch.no_grad():
            both = model(**text, input_values=values, speech_attention_mask=mask).logits
            alone = model(**{name: value[:1] for name, value in text.items()}).logits
        torch.testing.assert_close(both[:1], alone, rtol=0, atol=1e-5)

    def test_one_folder_from_the_command_line(self, tmp_path, capsys, expected, vq_wav2vec, dictionary):
        arguments = {
            "--checkpoint": FUSION / "emo_cross1_stack.pt",
            "--fusion": "co_attention",
            "--output_dir": tmp_path,
            "--vq_wav2vec": REFERENCE / "vq_wav2vec" / "tiny_kmeans_readme.pt",
            "--dict": REFERENCE / "tokenization" / "dict.txt",
            "--text_num_attention_heads": 4,
            "--speech_num_attention_heads": 4,
        }
        main([str(part) for pair in arguments.items() for part in pair])
        printed = capsys.readouterr().out
        assert "left out (language-model head): roberta_vqwav2vec.model.decoder.lm_head.weight" in printed
        assert "parity with the checkpoint: logits differ by" in printed
        model, info = EmoBertForSequenceClassification.from_pretrained(
            tmp_path, output_loading_info=True, attn_implementation="sdpa"
        )
        assert not info["missing_keys"] and not info["unexpected_keys"]
        codes_to_ids = model.emobert.speech_tokenizer.codes_to_ids
        assert codes_to_ids.max_length == 600
        assert codes_to_ids.code_to_id.tolist() == dictionary.code_to_id(8, 2).tolist()
        assert AutoFeatureExtractor.from_pretrained(tmp_path).do_normalize is False
        with torch.no_grad():
            logits = model.eval()(**inputs(expected)).logits.flatten(1)
        np.testing.assert_allclose(logits, expected["stack1_logits_coattention"], rtol=0, atol=1e-5)

    def test_the_text_tokenizer_makes_it_a_folder_for_recordings_and_transcripts(self, tmp_path):
        names = [
            "<s>",
            "<pad>",
            "</s>",
            "<unk>",
            "a",
            "b",
            "ab",
            *(f"other{number}" for number in range(52)),
            "<mask>",
        ]
        vocabulary = {name: index for index, name in enumerate(names)}
        RobertaTokenizer(vocab=vocabulary, merges=[("a", "b")]).save_pretrained(tmp_path / "tokenizer")
        arguments = {
            "--checkpoint": FUSION / "emo_cross1_stack.pt",
            "--fusion": "co_attention",
            "--output_dir": tmp_path / "model",
            "--vq_wav2vec": REFERENCE / "vq_wav2vec" / "tiny_kmeans_readme.pt",
            "--dict": REFERENCE / "tokenization" / "dict.txt",
            "--text_num_attention_heads": 4,
            "--speech_num_attention_heads": 4,
            "--text_tokenizer": tmp_path / "tokenizer",
        }
        main([str(part) for pair in arguments.items() for part in pair])
        recognise = pipeline("emotion-recognition", model=str(tmp_path / "model"))
        results = recognise({"audio": reference_waves()[0], "text": "ab"})
        inputs = {"input_ids": torch.tensor([[0, 6, 2]]), "input_values": torch.from_numpy(reference_waves()[0])[None]}
        with torch.no_grad():
            logits = recognise.model(**inputs).logits[0]
        expected = dict(zip(["neutral", "sad", "angry", "happy"], logits.softmax(-1)[:, 1].tolist(), strict=True))
        assert {result["label"]: result["score"] for result in results} == pytest.approx(expected, abs=1e-6)
        with pytest.raises(ValueError, match=r"has 60 tokens, but the text encoder's embedding has 61 rows"):
            load_text_tokenizer(str(tmp_path / "tokenizer"), 61)

    def test_half_precision_leaves_the_tokens_as_they_are(self, tmp_path, expected, vq_wav2vec, dictionary):
        options = ConversionOptions("shallow", **HEADS)
        model, _ = convert_emobert(checkpoint("stack"), options, vq_wav2vec=vq_wav2vec, dictionary=dictionary)
        model.save_pretrained(tmp_path)
        batch = padded_batch(reference_waves()[:3])
        wanted = model.emobert.speech_tokenizer(*batch)[0]
        for half in (
            EmoBertForSequenceClassification.from_pretrained(tmp_path, dtype=torch.bfloat16),
            model.bfloat16(),
        ):
            assert half.classifier.weight.dtype == torch.bfloat16
            assert torch.equal(half.emobert.speech_tokenizer(*batch)[0], wanted)


class TestLoadingATokenizer:
    def test_the_dictionary_is_the_speech_encoder_s(self, tmp_path, vq_wav2vec, dictionary):
        options = ConversionOptions("shallow", **HEADS)
        speech = convert_emobert(checkpoint("shallow"), options)[0].emobert.speech_encoder
        (tmp_path / "vq").mkdir()
        vq_wav2vec.save_pretrained(tmp_path / "vq")
        speech.save_pretrained(tmp_path / "bert")
        with pytest.raises(ValueError, match="needs the speech encoder's dict.txt"):
            load_speech_tokenizer(str(tmp_path / "vq"), str(tmp_path / "bert"), speech.config)
        dictionary.save(tmp_path / "bert")
        for tokenizer in (str(tmp_path / "vq"), VqWav2VecModel.from_pretrained(tmp_path / "vq")):
            module = load_speech_tokenizer(tokenizer, str(tmp_path / "bert"), speech.config)
            assert isinstance(module, SpeechTokenizerModule)
            assert torch.equal(module.vq_wav2vec.vector_quantizer.codebook, vq_wav2vec.vector_quantizer.codebook)
            assert module.codes_to_ids.code_to_id[2, 3] == 4
        assert load_speech_tokenizer(module, str(tmp_path / "bert"), speech.config) is module
        with pytest.raises(ValueError, match="got RobertaModel"):
            load_speech_tokenizer(speech, str(tmp_path / "bert"), speech.config)
