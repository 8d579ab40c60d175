"""The one table of encoder families: all that the library needs to know of each.

A family is what Transformers calls a `model_type`. To add one, write its row here and a tiny configuration of it into
`tests/tiny_models.py`: the tests then hold that an utterance scores the same alone and in any batch, and that
`docs/encoders.md` lists it.

A family without a row is refused as a speech encoder. As a text encoder it runs row by row, each text alone and
without padding, which is exact whatever the encoder does; whether it runs at all is tried when the model is built.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import torch
from transformers import PreTrainedConfig, PreTrainedModel

from .frames import (
    Convolution,
    moonshine_convolutions,
    no_convolutions,
    speech_to_text_convolutions,
    wav2vec2_convolutions,
    whisper_convolutions,
)
from .length_aware import (
    prepare_adapter,
    prepare_conformer,
    prepare_data2vec,
    prepare_moonshine,
    prepare_speech_to_text,
    prepare_wav2vec2,
)


Side = Literal["text", "speech"]


def _as_given(encoder: PreTrainedModel, mask: torch.Tensor, frames: torch.Tensor) -> torch.Tensor | None:
    return mask


def _none(encoder: PreTrainedModel, mask: torch.Tensor, frames: torch.Tensor) -> torch.Tensor | None:
    return None


def _every_hop(encoder: PreTrainedModel, mask: torch.Tensor, frames: torch.Tensor) -> torch.Tensor | None:
    """Moonshine reads the mask of every 384th sample, which would also keep frames that reach into the padding."""
    hop = 1
    for convolution in moonshine_convolutions(encoder):
        hop *= convolution.stride
    return (torch.arange(mask.shape[1], device=frames.device) < (frames * hop)[:, None]).long()


def _whole_groups(encoder: PreTrainedModel, mask: torch.Tensor, frames: torch.Tensor) -> torch.Tensor | None:
    """SEW would attend to a last group of frames that reaches into the padding, and has none of it without padding."""
    samples = frames
    for kernel_size, stride, _ in reversed(wav2vec2_convolutions(encoder)):
        samples = (samples - 1) * stride + kernel_size
    return (torch.arange(mask.shape[1], device=frames.device) < samples[:, None]).long()


def _no_squeeze(config: PreTrainedConfig) -> int:
    return 1


def _squeeze_factor(config: PreTrainedConfig) -> int:
    return config.squeeze_factor


def _nothing(encoder: PreTrainedModel) -> None:
    pass


def _accepted(config: PreTrainedConfig) -> str | None:
    return None


def _masked_embeddings(encoder: PreTrainedModel, ids: torch.Tensor, mask: torch.Tensor) -> dict[str, torch.Tensor]:
    """MobileBERT looks at both neighbours of a token's embedding: those of the padding must be as none."""
    return {"inputs_embeds": encoder.get_input_embeddings()(ids) * mask[..., None]}


def _ids(encoder: PreTrainedModel, ids: torch.Tensor, mask: torch.Tensor) -> dict[str, torch.Tensor]:
    return {"input_ids": ids}


def _refuse_uneven_adapter(config: PreTrainedConfig) -> str | None:
    if config.add_adapter and config.adapter_kernel_size // 2 != config.adapter_stride // 2:
        return (
            f"its adapter of kernel {config.adapter_kernel_size} and stride {config.adapter_stride} pads in one way "
            "and counts frames in another"
        )
    return None


def _refuse_block_sparse(config: PreTrainedConfig) -> str | None:
    if config.attention_type != "original_full":
        return "it attends in another way once it has met a short text: set attention_type='original_full'"
    return None


def _refuse_random_hashes(config: PreTrainedConfig) -> str | None:
    return None if config.use_expectation else "its attention is drawn at random: set use_expectation=True"


@dataclass(frozen=True)
class Family:
    """What the library knows of one family of encoders.

    Args:
        sides (`tuple` of `"text"` and `"speech"`): which encoder of EmoBERT it can be.
        input_name (`str`): what it eats: `input_ids`, `input_values` (a waveform at 16 kHz) or `input_features`
            (log-mel).
        layers (`str`, *optional*): name of its `nn.ModuleList` of transformer layers; None where they share weights.
        row_by_row (`bool`): each row is run alone, without padding, since no mask keeps the rows apart.
        fixed_length (`bool`): it takes clips of one length only and hears the silence behind them (Whisper, 30 s).
        bins_first (`bool`): log-mel features are `(batch, bins, frames)`, not `(batch, frames, bins)`.
        num_bins (`str`): for log-mel features, the configuration's field that says how many bins there are.
        convolutions: its convolutions between the input and the transformer layers, adapters left out.
        squeeze: frames that its transformer layers take together as one and hand back apart.
        encoder_mask: the mask that its `forward` takes, by encoder, mask over the input `(batch, length)` and valid
            frames `(batch,)`; None for none.
        text_inputs: what its `forward` takes of token ids, by encoder, ids and mask `(batch, length)`.
        prepare: makes it blind for padding where its mask alone does not, once, in place.
        refusal: why it cannot serve with this configuration; None where it can.
        packing (`"ids"` or `"states"`, *optional*): how the padding can be left out of the computation: one row of all
            token ids, or of all states that enter the transformer layers. None: not without changes of the result.
        lora (`tuple[str, ...]`): last names of the Linear layers to adapt, the query and value projections where they
            can be, as in the LoRA paper (arXiv 2106.09685, section 4.2).
        read_not_called (`tuple[str, ...]`): last names of Linear layers whose weights its attention reads without
            calling them: an adapter there would change nothing, and int8 layers have no such weights.
        untraceable_lengths (`bool`): it counts frames in floating point, which a trace takes for a constant.
        eager_export (`bool`): what `torch.onnx` makes of its SDPA does not fit its own shapes.
    """

    sides: tuple[Side, ...]
    input_name: str = "input_ids"
    layers: str | None = None
    row_by_row: bool = False
    fixed_length: bool = False
    bins_first: bool = False
    num_bins: str = ""
    convolutions: Callable[[PreTrainedModel], list[Convolution]] = no_convolutions
    squeeze: Callable[[PreTrainedConfig], int] = _no_squeeze
    encoder_mask: Callable[[PreTrainedModel, torch.Tensor, torch.Tensor], torch.Tensor | None] = _as_given
    text_inputs: Callable[[PreTrainedModel, torch.Tensor, torch.Tensor], dict[str, torch.Tensor]] = _ids
    prepare: Callable[[PreTrainedModel], None] = _nothing
    refusal: Callable[[PreTrainedConfig], str | None] = _accepted
    packing: Literal["ids", "states"] | None = None
    lora: tuple[str, ...] = ()
    read_not_called: tuple[str, ...] = ()
    untraceable_lengths: bool = False
    eager_export: bool = False


_BERT = Family(("text",), layers="encoder.layer", lora=("query", "value"))
_DECODER = Family(("text",), layers="layers", lora=("q_proj", "v_proj"))
_WAV2VEC2 = Family(
    ("speech",),
    "input_values",
    layers="encoder.layers",
    convolutions=wav2vec2_convolutions,
    prepare=prepare_wav2vec2,
    lora=("q_proj", "v_proj"),
)
_FEATURES = Family(("speech",), "input_features")

FAMILIES: dict[str, Family] = {
    # Token ids, whose mask keeps the rows apart.
    "albert": replace(_BERT, layers=None, packing="ids"),
    "bart": _DECODER,
    "bert": replace(_BERT, packing="ids"),
    "camembert": replace(_BERT, packing="ids"),
    "data2vec-text": replace(_BERT, packing="ids"),
    "deberta": replace(_BERT, lora=("in_proj",)),
    "deberta-v2": replace(_BERT, lora=("query_proj", "value_proj")),
    "distilbert": Family(("text",), layers="transformer.layer", packing="ids", lora=("q_lin", "v_lin")),
    "electra": replace(_BERT, packing="ids"),
    "ernie": replace(_BERT, packing="ids"),
    "gpt2": Family(("text",), layers="h"),
    "llama": _DECODER,
    "mistral": _DECODER,
    "mobilebert": replace(_BERT, text_inputs=_masked_embeddings),
    "modernbert": Family(("text",), layers="layers", packing="ids", lora=("Wqkv",)),
    "mpnet": replace(_BERT, lora=("q", "v")),
    "mt5": Family(("text",), layers="block", lora=("q", "v")),
    "opt": replace(_DECODER, layers="decoder.layers"),
    "qwen2": _DECODER,
    "qwen3": _DECODER,
    "rembert": _BERT,
    "roberta": replace(_BERT, sides=("text", "speech"), packing="ids"),
    "roberta-prelayernorm": replace(_BERT, packing="ids"),
    "roformer": _BERT,
    "t5": Family(("text",), layers="block", lora=("q", "v")),
    "xlm-roberta": replace(_BERT, packing="ids"),
    "xlm-roberta-xl": replace(_BERT, packing="ids"),
    "xlnet": Family(("text",), layers="layer"),
    # Token ids, with convolutions, Fourier transforms or hashes over the padding too.
    "big_bird": replace(_BERT, row_by_row=True, refusal=_refuse_block_sparse),
    "convbert": replace(_BERT, row_by_row=True),
    "fnet": Family(("text",), layers="encoder.layer", row_by_row=True),
    "yoso": replace(_BERT, row_by_row=True, refusal=_refuse_random_hashes),
    # Waveforms.
    "data2vec-audio": replace(_WAV2VEC2, prepare=prepare_data2vec, packing="states"),
    # Sees to its padding itself, by the mask over samples.
    "emotion2vec": replace(_WAV2VEC2, prepare=_nothing),
    "hubert": replace(_WAV2VEC2, packing="states"),
    "moonshine": Family(
        ("speech",),
        "input_values",
        layers="layers",
        convolutions=moonshine_convolutions,
        encoder_mask=_every_hop,
        prepare=prepare_moonshine,
        packing="states",
        lora=("q_proj", "v_proj"),
        untraceable_lengths=True,
    ),
    "sew": replace(_WAV2VEC2, squeeze=_squeeze_factor, encoder_mask=_whole_groups, packing="states"),
    "sew-d": replace(
        _WAV2VEC2,
        layers="encoder.encoder.layer",
        squeeze=_squeeze_factor,
        encoder_mask=_whole_groups,
        lora=("query_proj", "value_proj"),
    ),
    "unispeech": replace(_WAV2VEC2, packing="states"),
    "unispeech-sat": replace(_WAV2VEC2, packing="states"),
    "wav2vec2": replace(_WAV2VEC2, packing="states"),
    "wav2vec2-conformer": replace(_WAV2VEC2, prepare=prepare_conformer, lora=("linear_q", "linear_v")),
    # Its attention reads the projections' weights past their modules: the feed-forward is adapted.
    "wavlm": replace(
        _WAV2VEC2,
        lora=("intermediate_dense", "output_dense"),
        read_not_called=("q_proj", "k_proj", "v_proj", "out_proj"),
    ),
    # Log-mel features.
    "speech_to_text": replace(
        _FEATURES,
        layers="layers",
        num_bins="input_feat_per_channel",
        convolutions=speech_to_text_convolutions,
        prepare=prepare_speech_to_text,
        lora=("q_proj", "v_proj"),
    ),
    "wav2vec2-bert": replace(
        _FEATURES,
        layers="encoder.layers",
        num_bins="feature_projection_input_dim",
        prepare=prepare_adapter,
        refusal=_refuse_uneven_adapter,
        lora=("linear_q", "linear_v"),
        eager_export=True,
    ),
    "whisper": replace(
        _FEATURES,
        layers="layers",
        fixed_length=True,
        bins_first=True,
        num_bins="num_mel_bins",
        convolutions=whisper_convolutions,
        encoder_mask=_none,
        lora=("q_proj", "v_proj"),
    ),
}

# Text encoders of which nothing is known.
UNKNOWN = Family(("text",), row_by_row=True)


def family_of(config: PreTrainedConfig) -> Family:
    """The row of an encoder's family.

    Args:
        config (`PreTrainedConfig`): of the encoder.

    Returns:
        [`Family`]: that of `config.model_type`; `UNKNOWN` for a family that has no row.

    Example:

    ```python
    >>> from transformers import WavLMConfig

    >>> family_of(WavLMConfig()).input_name
    'input_values'

    ```
    """
    return FAMILIES.get(config.model_type, UNKNOWN)


def families_for(side: Side, input_name: str | None = None) -> list[str]:
    """Names of the families that can be the text or the speech encoder, of one form of input or of any."""
    return [
        name for name, family in FAMILIES.items() if side in family.sides and input_name in (None, family.input_name)
    ]
