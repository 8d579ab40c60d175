"""vq-wav2vec: a waveform in, one discrete code for each group and frame out."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn.utils.rnn import pad_sequence
from transformers import PreTrainedModel, initialization
from transformers.utils import ModelOutput

from configuration_emo.configuration_vq_wav2vec import VqWav2VecConfig

from .cpu_convolution import convolve
from .hub import SelfContainedModel
from .vector_quantizer import VqWav2VecGumbelQuantizer, VqWav2VecKmeansQuantizer, codes_to_codevectors


QUANTIZERS: dict[str, type[VqWav2VecKmeansQuantizer] | type[VqWav2VecGumbelQuantizer]]
QUANTIZERS = {"kmeans": VqWav2VecKmeansQuantizer, "gumbel": VqWav2VecGumbelQuantizer}
# In place: a second of speech takes 6.5 MB after the first layer, and fresh memory costs more than the arithmetic.
ACTIVATIONS_: dict[str, Callable[[torch.Tensor], torch.Tensor]]
ACTIVATIONS_ = {"gelu": torch.ops.aten.gelu_, "relu": torch.relu_}


@dataclass
class VqWav2VecEncoderOutput(ModelOutput):
    """
    The codes of a batch of waveforms.

    Args:
        audio_codes (`torch.LongTensor` of shape `(batch, frames, groups)`):
            Indices of the codewords, 0 at padded frames.
        codes_attention_mask (`torch.LongTensor` of shape `(batch, frames)`):
            1 for real frames, 0 for padded ones.
    """

    audio_codes: torch.Tensor | None = None
    codes_attention_mask: torch.Tensor | None = None


@dataclass
class VqWav2VecModelOutput(ModelOutput):
    """
    All that vq-wav2vec computes. Padded frames are 0 everywhere.

    Args:
        last_hidden_state (`torch.Tensor` of shape `(batch, frames, context_dim)`):
            The aggregator's context vectors; None where the codewords are not of the width that it reads.
        extract_features (`torch.Tensor` of shape `(batch, frames, conv_dim[-1])`):
            The feature extractor's output z.
        quantized_features (`torch.Tensor` of shape `(batch, frames, codevector_dim)`):
            The codewords of each frame, side by side.
        audio_codes (`torch.LongTensor` of shape `(batch, frames, groups)`):
            Indices of the codewords.
        codes_attention_mask (`torch.LongTensor` of shape `(batch, frames)`):
            1 for real frames, 0 for padded ones.
    """

    last_hidden_state: torch.Tensor | None = None
    extract_features: torch.Tensor | None = None
    quantized_features: torch.Tensor | None = None
    audio_codes: torch.Tensor | None = None
    codes_attention_mask: torch.Tensor | None = None


class VqWav2VecConvLayer(nn.Module):
    """Convolution, normalisation over all channels and all time, activation. (1, in, time) -> (1, out, frames)."""

    def __init__(self, config: VqWav2VecConfig, in_dim: int, out_dim: int, kernel: int, stride: int, bias: bool):
        super().__init__()
        self.conv = nn.Conv1d(in_dim, out_dim, kernel, stride=stride, bias=bias, dtype=torch.float32)
        self.norm = nn.GroupNorm(1, out_dim, affine=config.group_norm_affine, dtype=torch.float32)
        self.hidden_act = config.hidden_act

    def forward(self, hidden_states: torch.Tensor) -> torch.Tensor:
        return ACTIVATIONS_[self.hidden_act](self.norm(convolve(self.conv, hidden_states)))


class VqWav2VecFeatureExtractor(nn.Module):
    """
    The stack of convolutions that turns a waveform into frames of features.

    Args:
        config (`VqWav2VecConfig`): the architecture.
    """

    def __init__(self, config: VqWav2VecConfig):
        super().__init__()
        in_dims = [1, *config.conv_dim[:-1]]
        self.layers = nn.ModuleList(
            VqWav2VecConvLayer(config, in_dim, out_dim, kernel, stride, bias=False)
            for in_dim, out_dim, kernel, stride in zip(
                in_dims, config.conv_dim, config.conv_kernel, config.conv_stride, strict=True
            )
        )
        self.skip_connections = config.skip_connections_feat
        self.residual_scale = math.sqrt(config.residual_scale)
        self.log_compression = config.log_compression

    def forward(self, input_values: torch.Tensor) -> torch.Tensor:
        """
        Args:
            input_values (`torch.Tensor` of shape `(1, samples)`): one waveform, unpadded.

        Returns:
            `torch.Tensor` of shape `(1, conv_dim[-1], frames)`: the features z.
        """
        hidden_states = input_values.unsqueeze(1)  # (1, 1, samples)
        for layer in self.layers:
            residual = hidden_states
            hidden_states = layer(hidden_states)
            if self.skip_connections and hidden_states.shape[1] == residual.shape[1]:
                frames = hidden_states.shape[2]
                residual = residual[..., :: residual.shape[2] // frames][..., :frames]
                hidden_states = hidden_states.add_(residual).mul_(self.residual_scale)
        if self.log_compression:
            hidden_states = hidden_states.abs_().add_(1).log_()
        return hidden_states


class VqWav2VecAggregatorLayer(nn.Module):
    """One causal convolution of the aggregator, with its skip connection. (1, in, frames) -> (1, out, frames)."""

    def __init__(self, config: VqWav2VecConfig, in_dim: int, out_dim: int, kernel: int, stride: int):
        super().__init__()
        self.layer = VqWav2VecConvLayer(config, in_dim, out_dim, kernel, stride, bias=config.agg_bias)
        # On the left only: no frame sees a later one.
        self.padding = kernel - 1
        self.pad_mode = "constant" if config.agg_zero_pad else "replicate"
        self.skip_connection = config.skip_connections_agg
        self.residual_scale = math.sqrt(config.residual_scale)
        self.residual_projection = (
            nn.Conv1d(in_dim, out_dim, 1, bias=False, dtype=torch.float32)
            if self.skip_connection and in_dim != out_dim
            else None
        )

    def forward(self, hidden_states: torch.Tensor) -> torch.Tensor:
        residual = hidden_states
        hidden_states = self.layer(nn.functional.pad(hidden_states, (self.padding, 0), mode=self.pad_mode))
        if self.skip_connection:
            if self.residual_projection is not None:
                residual = self.residual_projection(residual)
            hidden_states = hidden_states.add_(residual).mul_(self.residual_scale)
        return hidden_states


class VqWav2VecConvAggregator(nn.Module):
    """
    Causal convolutions that turn quantised frames into context vectors.

    Args:
        config (`VqWav2VecConfig`): the architecture.
    """

    def __init__(self, config: VqWav2VecConfig):
        super().__init__()
        in_dims = [config.conv_dim[-1], *config.agg_dim[:-1]]
        self.layers = nn.ModuleList(
            VqWav2VecAggregatorLayer(config, in_dim, out_dim, kernel, stride)
            for in_dim, out_dim, kernel, stride in zip(
                in_dims, config.agg_dim, config.agg_kernel, config.agg_stride, strict=True
            )
        )

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """(1, channels, frames) -> (1, context_dim, frames)."""
        for layer in self.layers:
            features = layer(features)
        return features


class VqWav2VecGruAggregator(nn.Module):
    """
    A GRU that turns quantised frames into context vectors.

    Args:
        config (`VqWav2VecConfig`): the architecture.
    """

    def __init__(self, config: VqWav2VecConfig):
        super().__init__()
        self.gru = nn.GRU(input_size=config.conv_dim[-1], hidden_size=config.gru_dim, dtype=torch.float32)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """(1, channels, frames) -> (1, gru_dim, frames)."""
        # fairseq hands the GRU (batch, frames, channels) where it expects time first, so that a clip's frames are
        # independent sequences of one step. Its weights were trained so; one clip at a time this is the same.
        context, _ = self.gru(features.transpose(1, 2))
        return context.transpose(1, 2)


AGGREGATORS = {"cnn": VqWav2VecConvAggregator, "gru": VqWav2VecGruAggregator}


class VqWav2VecPreTrainedModel(SelfContainedModel, PreTrainedModel):
    """Weight initialisation, loading and saving, shared by the models of this file."""

    config: VqWav2VecConfig
    base_model_prefix = "vq_wav2vec"
    main_input_name = "input_values"
    input_modalities = "audio"
    # Rounded weights give other codes; for the same reason the modules are made in float32 whatever the default dtype.
    # The names must not match modules of a speech encoder beside this model.
    _keep_in_fp32_modules_strict = ["feature_extractor.layers", "vector_quantizer", "feature_aggregator"]

    _auto_map_classes = {"AutoModel": "VqWav2VecModel"}
    # It has no attention; inside EmoBERT it must not stand in the way of what the encoders are set to.
    _supports_sdpa = True
    _supports_flash_attn = True
    _supports_flex_attn = True
    _supports_attention_backend = True

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        if isinstance(module, (nn.Conv1d, nn.Linear, nn.GRU)):
            for name, parameter in module.named_parameters():
                if "bias" in name:
                    initialization.zeros_(parameter)
                else:
                    initialization.kaiming_normal_(parameter)
        elif isinstance(module, nn.GroupNorm) and module.affine:
            initialization.ones_(module.weight)
            initialization.zeros_(module.bias)
        elif isinstance(module, VqWav2VecKmeansQuantizer):
            initialization.normal_(module.codebook, std=0.01)
        elif isinstance(module, VqWav2VecGumbelQuantizer):
            initialization.uniform_(module.codebook)


class VqWav2VecModel(VqWav2VecPreTrainedModel):
    """
    vq-wav2vec (Baevski et al., ICLR 2020). It is a tokeniser: for inference only, always in float32.

    Its normalisations run over all time, so that padding would change the codes. Every clip therefore goes through the
    convolutions alone and at its own length: its codes are the same alone, in any batch and at any padding. A model of
    the published size takes about 14 MB for each second of the clip that it is at.

    Args:
        config (`VqWav2VecConfig`): the architecture.

    Example:

    ```python
    >>> import torch
    >>> from configuration_emo import VqWav2VecConfig
    >>> from modeling_emo import VqWav2VecModel

    >>> layers = {"conv_dim": [16] * 8, "agg_dim": [16], "agg_kernel": [2], "agg_stride": [1]}
    >>> model = VqWav2VecModel(VqWav2VecConfig(num_codevectors_per_group=8, **layers)).eval()
    >>> model.encode(torch.randn(2, 16_000)).audio_codes.shape
    torch.Size([2, 98, 2])

    ```"""

    def __init__(self, config: VqWav2VecConfig):
        super().__init__(config)
        self.feature_extractor = VqWav2VecFeatureExtractor(config)
        self.vector_quantizer = QUANTIZERS[config.quantizer_type](config)
        self.feature_aggregator = AGGREGATORS[config.aggregator_type](config)
        self.post_init()

    def _apply(self, fn: Callable[[torch.Tensor], torch.Tensor], recurse: bool = True) -> "VqWav2VecModel":
        """Follows moves to another device, but not `half()` or `to(torch.bfloat16)` of a model around this one."""

        def keep_precision(tensor: torch.Tensor) -> torch.Tensor:
            applied = fn(tensor)
            return applied if applied.dtype == tensor.dtype else tensor.to(applied.device)

        return super()._apply(keep_precision, recurse)

    @torch.no_grad()
    def encode(self, input_values: torch.Tensor, attention_mask: torch.Tensor | None = None) -> VqWav2VecEncoderOutput:
        """
        The codes of a batch of waveforms.

        Args:
            input_values (`torch.Tensor` of shape `(batch, samples)`):
                Waveforms at `config.sampling_rate` Hz, not normalised.
            attention_mask (`torch.Tensor` of shape `(batch, samples)`, *optional*):
                1 for real samples, 0 for padding; every sample is real when None. A row without any real sample (no
                speech) gets no frames.

        Returns:
            [`VqWav2VecEncoderOutput`]

        Raises:
            ValueError: a waveform is shorter than `config.receptive_field` samples, or the shapes do not fit.
        """
        with _exact_float32(input_values.device):
            codes = [self._encode_clip(clip)[1] for clip in self._split_clips(input_values, attention_mask)]
        return VqWav2VecEncoderOutput(
            audio_codes=pad_sequence(codes, batch_first=True), codes_attention_mask=_mask_of(codes)
        )

    @torch.no_grad()
    def forward(
        self,
        input_values: torch.Tensor,
        attention_mask: torch.Tensor | None = None,
        return_dict: bool | None = None,
    ) -> VqWav2VecModelOutput | tuple[torch.Tensor, ...]:
        """
        Codes as `encode` gives them, with the features, the codewords and the context vectors.

        Args:
            input_values (`torch.Tensor` of shape `(batch, samples)`): as for `encode`.
            attention_mask (`torch.Tensor` of shape `(batch, samples)`, *optional*): as for `encode`.
            return_dict (`bool`, *optional*): False for a plain tuple.

        Returns:
            [`VqWav2VecModelOutput`]

        Raises:
            ValueError: a waveform is shorter than `config.receptive_field` samples, or the shapes do not fit.
        """
        with _exact_float32(input_values.device):
            clips = [self._encode_clip(clip) for clip in self._split_clips(input_values, attention_mask)]
            features = [clip_features for clip_features, _ in clips]
            codes = [clip_codes for _, clip_codes in clips]
            quantized = [codes_to_codevectors(clip_codes, self.vector_quantizer.codebook) for clip_codes in codes]
            contexts = [self._aggregate_clip(frames) for frames in quantized] if self._aggregates else None
        output = VqWav2VecModelOutput(
            last_hidden_state=pad_sequence(contexts, batch_first=True) if contexts else None,
            extract_features=pad_sequence(features, batch_first=True),
            quantized_features=pad_sequence(quantized, batch_first=True),
            audio_codes=pad_sequence(codes, batch_first=True),
            codes_attention_mask=_mask_of(codes),
        )
        return output if return_dict is None or return_dict else output.to_tuple()

    @property
    def _aggregates(self) -> bool:
        """Whether the aggregator reads vectors of the codewords' width; fairseq builds Gumbel models where not."""
        return self.config.codevector_dim == self.config.conv_dim[-1]

    def _encode_clip(self, waveform: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """One clip's features (frames, conv_dim[-1]) and codes (frames, groups) from its samples (samples,)."""
        if not len(waveform):
            features = waveform.new_zeros(0, self.config.conv_dim[-1])
            return features, torch.zeros(
                0, self.config.num_codevector_groups, dtype=torch.long, device=waveform.device
            )
        features = self.feature_extractor(waveform.unsqueeze(0))  # (1, channels, frames)
        return features[0].t(), self.vector_quantizer(features)[0]

    def _aggregate_clip(self, frames: torch.Tensor) -> torch.Tensor:
        """One clip's context vectors (frames, context_dim) from its quantised frames (frames, codevector_dim)."""
        if not len(frames):
            config = self.config
            return frames.new_zeros(0, config.gru_dim if config.aggregator_type == "gru" else config.agg_dim[-1])
        return self.feature_aggregator(frames.t().unsqueeze(0))[0].t()

    def _split_clips(self, input_values: torch.Tensor, attention_mask: torch.Tensor | None) -> list[torch.Tensor]:
        """The real samples of each row, each a tensor of its own; refuses those too short for one frame."""
        if input_values.dim() != 2:
            raise ValueError(f"input_values must be of shape (batch, samples), got {tuple(input_values.shape)}.")
        if attention_mask is not None and attention_mask.shape != input_values.shape:
            raise ValueError(
                f"attention_mask must be of the shape of input_values, {tuple(input_values.shape)}, got "
                f"{tuple(attention_mask.shape)}."
            )
        input_values = input_values.float()
        if attention_mask is None:
            clips = list(input_values)
        else:
            clips = [row[mask] for row, mask in zip(input_values, attention_mask.bool(), strict=True)]
        minimum = self.config.receptive_field
        for row, clip in enumerate(clips):
            absent = attention_mask is not None and not len(clip)
            if len(clip) < minimum and not absent:
                raise ValueError(
                    f"The waveform in row {row} has {len(clip)} samples, but one frame takes at least {minimum} "
                    f"samples ({minimum / self.config.sampling_rate:.4f} s at {self.config.sampling_rate} Hz): leave "
                    "it out, or mask the whole row to treat it as a row without speech."
                )
        return clips


def _mask_of(codes: list[torch.Tensor]) -> torch.Tensor:
    """1 for each real frame: (batch, frames) from the clips' codes."""
    return pad_sequence([clip_codes.new_ones(len(clip_codes)) for clip_codes in codes], batch_first=True)


@contextmanager
def _exact_float32(device: torch.device) -> Iterator[None]:
    """No mixed precision and no TF32: reduced products change codes wherever two codewords are nearly as close."""
    # Before torch 2.9 convolutions and products had one switch each, which newer versions refuse beside the new ones.
    has_precision = hasattr(torch.backends.cuda.matmul, "fp32_precision")
    cudnn: Any = torch.backends.cudnn
    conv = cudnn.conv if has_precision else cudnn
    matmul: Any = torch.backends.cuda.matmul
    name, exact = ("fp32_precision", "ieee") if has_precision else ("allow_tf32", False)
    before = getattr(conv, name), getattr(matmul, name)
    with torch.autocast(device.type, enabled=False):
        try:
            setattr(conv, name, exact)
            setattr(matmul, name, exact)
            yield
        finally:
            setattr(conv, name, before[0])
            setattr(matmul, name, before[1])


__all__ = ["VqWav2VecEncoderOutput", "VqWav2VecModel", "VqWav2VecModelOutput", "VqWav2VecPreTrainedModel"]
