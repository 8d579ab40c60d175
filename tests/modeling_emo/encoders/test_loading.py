"""Loading encoders and taking them into a model: weights, types, what stays as it was, what is refused."""

import copy
import itertools

import pytest
import torch
from transformers import (
    AutoModel,
    BertForSequenceClassification,
    RobertaModel,
    T5Config,
    T5EncoderModel,
    T5ForConditionalGeneration,
    T5Model,
    WhisperForAudioClassification,
    WhisperForConditionalGeneration,
    WhisperModel,
)

from modeling_emo import EmoBertForSequenceClassification
from modeling_emo.encoders.loading import build_encoder, load_encoder
from tests.tiny_models import emobert, speech_config, text_config


BATCH = {"input_ids": torch.tensor([[2, 5, 3]]), "input_values": torch.randn(1, 4000)}
DTYPES = (torch.float32, torch.float16, torch.bfloat16)


def t5_config():
    return T5Config(vocab_size=60, d_model=32, d_kv=8, d_ff=37, num_layers=2, num_heads=4)


def from_pretrained(text, speech, **kwargs):
    return EmoBertForSequenceClassification.from_text_speech_pretrained(text, speech, num_labels=3, **kwargs)


def types_of(model):
    return {parameter.dtype for parameter in model.parameters()}


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Encoders of each type, by `(side, dtype)`."""
    root = tmp_path_factory.mktemp("encoders")
    torch.manual_seed(0)
    encoders = {"text": build_encoder(text_config()), "speech": build_encoder(speech_config("moonshine"))}
    folders = {}
    for side, encoder in encoders.items():
        for dtype in DTYPES:
            folders[side, dtype] = str(root / f"{side}-{dtype}")
            copy.deepcopy(encoder).to(dtype).save_pretrained(folders[side, dtype])
    return folders


@pytest.mark.parametrize(("text", "speech"), list(itertools.product(DTYPES, DTYPES)))
@torch.no_grad()
def test_a_new_model_has_one_type(text, speech, folders, tmp_path):
    paths = folders["text", text], folders["speech", speech]
    model = from_pretrained(*paths)
    assert types_of(model) == {torch.float32} and model(**BATCH).logits.dtype == torch.float32
    weights = load_encoder(paths[0], dtype="auto").state_dict()
    for name, weight in model.emobert.text_encoder.state_dict().items():
        assert torch.equal(weight, weights[name].float()), name

    automatic = from_pretrained(*paths, dtype="auto")
    expected = text if text == speech else torch.float32  # float16 and bfloat16 both fit into float32 only
    assert types_of(automatic) == {expected} and automatic(**BATCH).logits.isfinite().all()
    automatic.save_pretrained(tmp_path)
    reloaded = EmoBertForSequenceClassification.from_pretrained(tmp_path)
    assert types_of(reloaded) == {expected}
    torch.testing.assert_close(reloaded(**BATCH).logits, automatic(**BATCH).logits)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, "bfloat16", torch.float64])
@torch.no_grad()
def test_the_type_that_is_asked_for(dtype, folders, tmp_path):
    model = from_pretrained(folders["text", torch.float32], folders["speech", torch.float16], dtype=dtype)
    expected = torch.bfloat16 if dtype == "bfloat16" else dtype
    assert types_of(model) == {expected} and model(**BATCH).logits.dtype == expected
    model.save_pretrained(tmp_path)
    reloaded = EmoBertForSequenceClassification.from_pretrained(tmp_path)
    assert types_of(reloaded) == {expected} == {reloaded.config.speech_config.dtype}
    widened = EmoBertForSequenceClassification.from_pretrained(tmp_path, dtype=torch.float32)
    assert types_of(widened) == {torch.float32}


def test_a_model_from_a_configuration_is_float32_whatever_the_encoders_were_saved_in(folders):
    model = from_pretrained(folders["text", torch.bfloat16], folders["speech", torch.float16], dtype="auto")
    model.config.text_config.dtype = torch.bfloat16
    assert types_of(EmoBertForSequenceClassification(model.config)) == {torch.float32}


@torch.no_grad()
def test_loaded_models_stay_as_they_are():
    torch.manual_seed(0)
    text, speech = RobertaModel(speech_config()), AutoModel.from_config(speech_config("wavlm", layerdrop=0.3))
    text.train()
    speech.requires_grad_(False)
    before = copy.deepcopy((text.state_dict(), speech.state_dict(), text.config.to_dict(), speech.config.to_dict()))
    model = from_pretrained(text, speech, speech_layer=1, dtype=torch.bfloat16)
    for parameter in model.parameters():
        parameter.fill_(7.0)
    after = text.state_dict(), speech.state_dict(), text.config.to_dict(), speech.config.to_dict()
    for old, new in zip(before[:2], after[:2], strict=True):
        assert old.keys() == new.keys() and all(torch.equal(old[name], new[name]) for name in old)
    assert before[2:] == after[2:]
    assert text.training and text.pooler is not None and len(speech.encoder.layers) == 2
    assert model.emobert.text_encoder.pooler is None and not model.training
    assert not any(parameter.requires_grad for parameter in model.emobert.speech_encoder.parameters())


def test_loaded_encoders_are_taken_in_and_the_rest_is_new(folders):
    models = []
    for _ in range(2):
        torch.manual_seed(3)
        models.append(from_pretrained(folders["text", torch.float32], folders["speech", torch.float32]))
    first, second = (model.state_dict() for model in models)
    assert all(torch.equal(first[name], second[name]) for name in first), "one seed, one model"
    assert models[0].config.text_config is models[0].emobert.text_encoder.config
    assert models[0].emobert.text_encoder.config._attn_implementation == "sdpa"
    assert models[0].classifier.weight.std().item() == pytest.approx(0.02, rel=0.3)


@torch.no_grad()
def test_the_head_of_a_loaded_model_is_left_behind():
    torch.manual_seed(0)
    text, speech = (
        BertForSequenceClassification(text_config()),
        WhisperForConditionalGeneration(speech_config("whisper")),
    )
    model = from_pretrained(text, speech)
    assert type(model.emobert.text_encoder).__name__ == "BertModel"
    assert type(model.emobert.speech_encoder).__name__ == "WhisperEncoder"
    features = torch.randn(1, 8, 100)
    torch.testing.assert_close(
        model(input_features=features).speech_last_hidden_state,
        speech.eval().model.encoder(features).last_hidden_state,
    )


@pytest.mark.parametrize("model_class", [WhisperModel, WhisperForAudioClassification, WhisperForConditionalGeneration])
def test_any_checkpoint_of_whisper_gives_its_encoder(model_class, tmp_path):
    whole = model_class(speech_config("whisper", num_labels=4))
    whole.save_pretrained(tmp_path)
    encoder = load_encoder(str(tmp_path))
    assert type(encoder).__name__ == "WhisperEncoder"
    weights = {name: weight for name, weight in whole.state_dict().items() if "encoder." in name}
    for name, weight in encoder.state_dict().items():
        source = next(value for key, value in weights.items() if key.removeprefix("model.") == f"encoder.{name}")
        assert torch.equal(weight, source), name


@pytest.mark.parametrize("loaded", [True, False])
@pytest.mark.parametrize("model_class", [T5Model, T5EncoderModel, T5ForConditionalGeneration])
@torch.no_grad()
def test_any_checkpoint_of_t5_gives_its_encoder(model_class, loaded, tmp_path):
    whole = model_class(t5_config()).eval()
    whole.save_pretrained(tmp_path / "t5")
    speech = build_encoder(speech_config("moonshine"))
    model = from_pretrained(whole if loaded else str(tmp_path / "t5"), speech)
    expected = whole.get_encoder()(BATCH["input_ids"]).last_hidden_state
    output = model(**BATCH)
    torch.testing.assert_close(output.text_last_hidden_state, expected)
    model.save_pretrained(tmp_path / "model")
    again, info = EmoBertForSequenceClassification.from_pretrained(tmp_path / "model", output_loading_info=True)
    assert not info["missing_keys"] and not info["unexpected_keys"]
    torch.testing.assert_close(again(**BATCH).logits, output.logits)


def test_a_checkpoint_that_lacks_weights_of_its_encoder_is_refused(tmp_path):
    from safetensors.torch import load_file, save_file

    WhisperModel(speech_config("whisper")).save_pretrained(tmp_path)
    weights = load_file(tmp_path / "model.safetensors")
    weights.pop("encoder.layers.1.fc1.weight")
    save_file(weights, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ValueError, match="lacks 1 weights of WhisperEncoder.*encoder.layers.1.fc1.weight"):
        load_encoder(str(tmp_path))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@torch.no_grad()
def test_half_precision_runs_with_and_without_each_modality(dtype):
    model = emobert("moonshine", speech_pooling="attention", standardize_speech=True).to(dtype)
    for names in (("input_ids",), ("input_values",), tuple(BATCH)):
        assert model(**{name: BATCH[name] for name in names}).logits.dtype == dtype
