"""Configuration of vq-wav2vec, the convolutional model that turns a waveform into discrete speech codes."""

from __future__ import annotations

from huggingface_hub.dataclasses import strict
from transformers import PreTrainedConfig

from .convolution_frames import ConvolutionFrames
from .hub_code import SelfContained


QUANTIZER_TYPES = ("kmeans", "gumbel")
AGGREGATOR_TYPES = ("cnn", "gru")
HIDDEN_ACTIVATIONS = ("gelu", "relu")


@strict
class VqWav2VecConfig(ConvolutionFrames, SelfContained, PreTrainedConfig):
    r"""
    The architecture of a vq-wav2vec model (Baevski et al., "vq-wav2vec: Self-Supervised Learning of Discrete Speech
    Representations", ICLR 2020). The defaults are the published k-means model: 8 convolutions of 512 channels, and for
    every 160 samples one code in each of 2 groups of 320.

    Args:
        sampling_rate (`int`, defaults to 16000):
            Rate of the waveforms in Hz. They are taken as they are, without normalisation.
        conv_dim (`list[int]`, defaults to `[512] * 8`):
            Channels of each convolution of the feature extractor.
        conv_kernel (`list[int]`, defaults to `[10, 8, 4, 4, 4, 1, 1, 1]`):
            Kernel size of each convolution.
        conv_stride (`list[int]`, defaults to `[5, 4, 2, 2, 2, 1, 1, 1]`):
            Stride of each convolution.
        hidden_act (`str`, defaults to `"gelu"`):
            Activation after each normalisation: `"gelu"` (exact) or `"relu"`.
        log_compression (`bool`, defaults to `False`):
            Whether the features become `log(|x| + 1)`.
        skip_connections_feat (`bool`, defaults to `False`):
            Whether layers of the feature extractor that keep the number of channels add their input to their output.
        skip_connections_agg (`bool`, defaults to `True`):
            The same for the aggregator, where a 1x1 convolution bridges a change of channels.
        residual_scale (`float`, defaults to 0.5):
            Each sum of a skip connection is multiplied by the square root of this value.
        group_norm_affine (`bool`, defaults to `True`):
            Whether the group normalisations of the feature extractor and of the aggregator have weights and biases.
        quantizer_type (`str`, defaults to `"kmeans"`):
            `"kmeans"`: the nearest codeword. `"gumbel"`: the largest logit of a projection.
        num_codevectors_per_group (`int`, defaults to 320):
            Codewords of each group.
        num_codevector_groups (`int`, defaults to 2):
            Groups, that is codes per frame.
        codevector_dim (`int`, defaults to 0):
            Width of a quantised frame over all groups; 0 becomes `conv_dim[-1]`.
        share_codebook (`bool`, defaults to `True`):
            Whether all groups use one codebook.
        gumbel_projection_depth (`int`, defaults to 1):
            Linear layers before the logits of a Gumbel quantiser.
        aggregator_type (`str`, defaults to `"cnn"`):
            `"cnn"` or `"gru"`: what turns the quantised frames into context vectors.
        agg_dim, agg_kernel, agg_stride (`list[int]`, default to 12 layers of 512 channels, kernels 2 to 13, stride 1):
            The convolutions of a `"cnn"` aggregator; each is padded on the left, so that it sees no later frame.
        agg_bias (`bool`, defaults to `True`):
            Whether these convolutions have a bias.
        agg_zero_pad (`bool`, defaults to `False`):
            Whether they are padded with zeros rather than with copies of the first frame.
        gru_dim (`int`, defaults to 512):
            Width of a `"gru"` aggregator.

    Raises:
        ValueError: the layers do not fit together; the message names the fields.

    Example:

    ```python
    >>> from configuration_emo import VqWav2VecConfig

    >>> config = VqWav2VecConfig()
    >>> config.hop_length, config.frame_rate, config.receptive_field
    (160, 100.0, 465)
    >>> config.num_frames(16_000)
    98

    ```"""

    model_type = "vq_wav2vec"
    _auto_map_classes = {"AutoConfig": "VqWav2VecConfig"}

    sampling_rate: int = 16_000
    conv_dim: list[int] | tuple[int, ...] = (512, 512, 512, 512, 512, 512, 512, 512)
    conv_kernel: list[int] | tuple[int, ...] = (10, 8, 4, 4, 4, 1, 1, 1)
    conv_stride: list[int] | tuple[int, ...] = (5, 4, 2, 2, 2, 1, 1, 1)
    hidden_act: str = "gelu"
    log_compression: bool = False
    skip_connections_feat: bool = False
    skip_connections_agg: bool = True
    residual_scale: float = 0.5
    group_norm_affine: bool = True
    quantizer_type: str = "kmeans"
    num_codevectors_per_group: int = 320
    num_codevector_groups: int = 2
    codevector_dim: int = 0
    share_codebook: bool = True
    gumbel_projection_depth: int = 1
    aggregator_type: str = "cnn"
    agg_dim: list[int] | tuple[int, ...] = (512,) * 12
    agg_kernel: list[int] | tuple[int, ...] = (2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13)
    agg_stride: list[int] | tuple[int, ...] = (1,) * 12
    agg_bias: bool = True
    agg_zero_pad: bool = False
    gru_dim: int = 512

    def __post_init__(self, **kwargs):
        for name in ("conv_dim", "conv_kernel", "conv_stride", "agg_dim", "agg_kernel", "agg_stride"):
            setattr(self, name, list(getattr(self, name)))
        if self.codevector_dim == 0 and self.conv_dim:
            self.codevector_dim = self.conv_dim[-1]
        super().__post_init__(**kwargs)
        # Here and not in a `validate_*` method, whose errors `strict` wraps into a class that is no ValueError.
        self._check_architecture()

    def _check_architecture(self) -> None:
        """Layers and quantiser must fit together."""
        self._check_choice("hidden_act", HIDDEN_ACTIVATIONS)
        self._check_choice("quantizer_type", QUANTIZER_TYPES)
        self._check_choice("aggregator_type", AGGREGATOR_TYPES)
        self._check_convolutions("conv_dim", "conv_kernel", "conv_stride")
        if self.aggregator_type == "cnn":
            self._check_convolutions("agg_dim", "agg_kernel", "agg_stride")
            if self.skip_connections_agg and any(stride != 1 for stride in self.agg_stride):
                raise ValueError(f"skip_connections_agg needs a stride of 1 in agg_stride, got {self.agg_stride}.")
        groups, dim = self.num_codevector_groups, self.codevector_dim
        if groups < 1 or self.num_codevectors_per_group < 1:
            raise ValueError(
                "num_codevector_groups and num_codevectors_per_group must be at least 1, got "
                f"{groups} and {self.num_codevectors_per_group}."
            )
        if dim % groups:
            raise ValueError(f"codevector_dim ({dim}) must be a multiple of num_codevector_groups ({groups}).")
        if self.quantizer_type == "kmeans" and dim != self.conv_dim[-1]:
            raise ValueError(
                f"A k-means quantiser compares features with codewords of the same width: codevector_dim ({dim}) must "
                f"be conv_dim[-1] ({self.conv_dim[-1]})."
            )

    def _check_choice(self, name: str, choices: tuple[str, ...]) -> None:
        if getattr(self, name) not in choices:
            raise ValueError(f"{name} must be one of {', '.join(choices)}, got {getattr(self, name)!r}.")

    @property
    def num_codebooks(self) -> int:
        """Codebooks stored: one when the groups share it."""
        return 1 if self.share_codebook else self.num_codevector_groups


__all__ = ["VqWav2VecConfig"]
