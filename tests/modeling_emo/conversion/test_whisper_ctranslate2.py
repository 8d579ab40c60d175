"""Whisper from CTranslate2's files: a tiny model is written as CTranslate2 writes it, and comes back."""

import struct

import numpy as np
import pytest
import torch
from transformers import WhisperConfig, WhisperForConditionalGeneration

from modeling_emo.conversion.convert_whisper_ctranslate2_to_hf import load_whisper
from modeling_emo.conversion.ctranslate2_file import DTYPES, parse_ctranslate2


TYPE_NUMBERS = {np.dtype(name): number for number, name in DTYPES.items()}


def write(tensors, spec="WhisperSpec"):
    """The bytes of a model file with these tensors."""

    def text(value):
        return struct.pack("<H", len(value) + 1) + value.encode() + b"\0"

    content = struct.pack("<I", 6) + text(spec) + struct.pack("<II", 3, len(tensors))
    for name, value in tensors.items():
        content += text(name) + struct.pack("<B", value.ndim) + struct.pack(f"<{value.ndim}I", *value.shape)
        content += struct.pack("<BI", TYPE_NUMBERS[value.dtype], value.nbytes) + value.tobytes()
    return content + struct.pack("<I", 1) + text("decoder/projection/weight") + text("decoder/embeddings/weight")


def linear(tensors, name, modules):
    """Linear layers whose outputs are stacked; the bias of keys is zero."""
    biases = [torch.zeros(len(one.weight)) if one.bias is None else one.bias for one in modules]
    tensors[f"{name}/weight"] = torch.cat([one.weight for one in modules]).half().numpy()
    tensors[f"{name}/bias"] = torch.cat(biases).half().numpy()


def norm(tensors, name, module):
    tensors[f"{name}/gamma"], tensors[f"{name}/beta"] = module.weight.half().numpy(), module.bias.half().numpy()


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    config = WhisperConfig(
        vocab_size=50,
        d_model=16,
        encoder_layers=3,
        decoder_layers=2,
        encoder_attention_heads=4,
        decoder_attention_heads=2,
        encoder_ffn_dim=24,
        decoder_ffn_dim=20,
        num_mel_bins=8,
        max_source_positions=30,
        max_target_positions=20,
        **dict.fromkeys(("pad_token_id", "bos_token_id", "eos_token_id"), 0),
        decoder_start_token_id=1,
    )
    model = WhisperForConditionalGeneration(config).eval()
    for name, weight in model.named_parameters():  # new biases are zero and norms one: any would do for another
        if name != "proj_out.weight":
            weight.data = torch.randn_like(weight).half().float()
    return model


@pytest.fixture
@torch.no_grad()
def tensors(model):
    """A Whisper's tensors by CTranslate2's names, in float16."""
    found = {}
    for stack in ("encoder", "decoder"):
        part = getattr(model.model, stack)
        found[f"{stack}/num_heads"] = np.array(part.config.__dict__[f"{stack}_attention_heads"], np.int16)
        found[f"{stack}/pre_norm"] = np.array(1, np.int8)
        found[f"{stack}/position_encodings/encodings"] = part.embed_positions.weight.half().numpy()
        norm(found, f"{stack}/layer_norm", part.layer_norm)
        for number, layer in enumerate(part.layers):
            place = f"{stack}/layer_{number}"
            own = layer.self_attn
            linear(found, f"{place}/self_attention/linear_0", [own.q_proj, own.k_proj, own.v_proj])
            linear(found, f"{place}/self_attention/linear_1", [own.out_proj])
            norm(found, f"{place}/self_attention/layer_norm", layer.self_attn_layer_norm)
            if stack == "decoder":
                cross = layer.encoder_attn
                linear(found, f"{place}/attention/linear_0", [cross.q_proj])
                linear(found, f"{place}/attention/linear_1", [cross.k_proj, cross.v_proj])
                linear(found, f"{place}/attention/linear_2", [cross.out_proj])
                norm(found, f"{place}/attention/layer_norm", layer.encoder_attn_layer_norm)
            linear(found, f"{place}/ffn/linear_0", [layer.fc1])
            linear(found, f"{place}/ffn/linear_1", [layer.fc2])
            norm(found, f"{place}/ffn/layer_norm", layer.final_layer_norm)
    for name in ("conv1", "conv2"):
        convolution = getattr(model.model.encoder, name)
        found[f"encoder/{name}/weight"] = convolution.weight.half().numpy()
        found[f"encoder/{name}/bias"] = convolution.bias.half().numpy()
    found["decoder/embeddings/weight"] = model.model.decoder.embed_tokens.weight.half().numpy()
    return found


def test_every_weight_comes_back(model, tensors):
    converted = load_whisper(write(tensors), allow_other=True)
    expected = model.state_dict()
    assert converted.state_dict().keys() == expected.keys()
    for name, weight in converted.state_dict().items():
        torch.testing.assert_close(weight, expected[name], rtol=0, atol=0)
    assert converted.proj_out.weight.data_ptr() == converted.model.decoder.embed_tokens.weight.data_ptr()


@torch.no_grad()
def test_the_whole_model_computes_the_same(model, tensors):
    converted = load_whisper(write(tensors), allow_other=True)
    features = torch.randn(2, 8, 60, generator=torch.Generator().manual_seed(1))
    ids = torch.tensor([[1, 5, 7], [1, 8, 9]])
    logits = [one(input_features=features, decoder_input_ids=ids).logits for one in (model, converted)]
    torch.testing.assert_close(logits[0], logits[1], rtol=0, atol=0)


@pytest.mark.parametrize(
    "change, message",
    [
        (
            lambda found: found.pop("encoder/layer_1/ffn/linear_0/bias"),
            "no tensor 'encoder/layer_1/ffn/linear_0/bias'",
        ),
        (lambda found: found.update({"encoder/extra": np.zeros(2, np.float16)}), "1 tensors .* 'encoder/extra'"),
        (
            lambda found: found.update(
                {"decoder/layer_0/self_attention/linear_0/bias": np.ones(48, np.float16)}  # with one of the keys
            ),
            "model.decoder.layers.0.self_attn.k_proj has a bias",
        ),
    ],
)
def test_a_tensor_too_few_or_too_many_is_refused(tensors, change, message):
    change(tensors)
    with pytest.raises(ValueError, match=message):
        load_whisper(write(tensors), allow_other=True)


def test_files_are_read_to_the_last_byte(tensors):
    content = write(tensors)
    file = parse_ctranslate2(content)
    assert file.spec == "WhisperSpec"
    assert file.aliases == {"decoder/projection/weight": "decoder/embeddings/weight"}
    assert file.tensors.keys() == tensors.keys()
    with pytest.raises(ValueError, match="1 bytes of the CTranslate2 file are left over"):
        parse_ctranslate2(content + b"x")
    with pytest.raises(ValueError, match="in the middle of a value"):
        parse_ctranslate2(content[:-1])
    with pytest.raises(ValueError, match="version 6 is expected, this one says 5"):
        parse_ctranslate2(struct.pack("<I", 5) + content[4:])


def test_other_files_are_refused(tensors):
    with pytest.raises(ValueError, match="has sha256 .*, expected 905e5bf8"):
        load_whisper(write(tensors))
    with pytest.raises(ValueError, match="holds a 'TransformerSpec'"):
        load_whisper(write(tensors, spec="TransformerSpec"), allow_other=True)
