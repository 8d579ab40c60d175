"""Configuration of emotion2vec, a speech encoder that is pre-trained for emotion."""

from __future__ import annotations

from typing import Any

from huggingface_hub.dataclasses import strict
from transformers import PreTrainedConfig

from .convolution_frames import ConvolutionFrames
from .hub_code import NamesPipelines, SelfContained
from .problem_types import ProblemType, get_problem_type


FEATURE_NORMS = ("layer", "group")


@strict
class Emotion2VecConfig(NamesPipelines, ConvolutionFrames, SelfContained, PreTrainedConfig):
    r"""
    Configuration of [`Emotion2VecModel`] and [`Emotion2VecForAudioClassification`] (Ma et al., "emotion2vec:
    Self-Supervised Pre-Training for Speech Emotion Representation", Findings of ACL 2024). The defaults are the
    published base size: 93 million parameters, 50 frames of 768 channels a second.

    Args:
        sampling_rate (`int`, defaults to 16000):
            Rate of the waveforms in Hz.
        hidden_size (`int`, defaults to 768):
            Width of a frame.
        num_hidden_layers (`int`, defaults to 12):
            Transformer layers. The authors count them as 4 of the prenet and 8 behind it; they are all alike.
        num_attention_heads (`int`, defaults to 12):
            Attention heads.
        intermediate_size (`int`, defaults to 3072):
            Width inside the feed-forward layers.
        layer_norm_eps (`float`, defaults to 1e-05):
            Of the norms in and around the transformer layers. Those before the transformer have 1e-5, always.
        layer_norm_affine (`bool`, defaults to `True`):
            Whether these norms have weights and biases.
        layer_norm_first (`bool`, defaults to `False`):
            `False`: a norm after each sum, and one before the first layer. `True`: a norm before attention and before
            the feed-forward, whose output then counts twice and replaces its input, and one norm after the last layer.
        num_extra_tokens (`int`, defaults to 10):
            Learned vectors that stand before the frames in the transformer. They hold no place in time.
        num_alibi_heads (`int`, *optional*):
            How many heads, from the first, look less at frames that are far away (ALiBi); the others see all alike.
            `num_attention_heads` when not given; 0 for none.
        alibi_scale (`float`, defaults to 1.0):
            What scales of new weights start from.
        learned_alibi_scale (`bool`, defaults to `True`):
            Whether the scales are trained. They are saved in any case.
        alibi_scale_per_head, alibi_scale_per_layer (`bool`, default to `True` and `False`):
            Whether each head, and each layer, has a scale of its own.
        conv_dim, conv_kernel, conv_stride (`list[int]`, default to 7 layers of 512 channels, a frame of 400 samples
            every 320):
            The convolutions that make frames of samples.
        feat_extract_norm (`str`, defaults to `"layer"`):
            `"layer"`: each of them is followed by a LayerNorm over the channels. `"group"`: the first one by a
            GroupNorm over time, the others by none.
        num_conv_pos_embeddings (`int`, defaults to 5):
            Convolutions, one after the other, whose result is added to the frames as their position.
        conv_pos_kernel_size (`int`, defaults to 19):
            Frames that each of them sees.
        num_conv_pos_embedding_groups (`int`, defaults to 16):
            Groups of their channels.
        conv_pos_pre_norm (`bool`, defaults to `False`):
            Whether a LayerNorm comes before the first of them.
        hidden_dropout, attention_dropout, activation_dropout (`float`, default to 0.1, 0.1 and 0.0):
            Dropout before the first layer, after attention and after the feed-forward; on attention weights; inside
            the feed-forward.
        layerdrop (`float`, defaults to 0.05):
            Probability that a layer is skipped in training.
        initializer_range (`float`, defaults to 0.02):
            Standard deviation of new weights.
        disallowed_labels (`list[str]`, *optional*):
            Labels that are never predicted: their logits are minus infinity. Checkpoints have such places, which
            their authors call `unuse_0` and so on. A new `num_labels` gives all labels new names, and allows them.

    Raises:
        ValueError: values do not fit together, or are none that the model can be built with; the field is named.

    Example:

    ```python
    >>> from configuration_emo import Emotion2VecConfig

    >>> config = Emotion2VecConfig()
    >>> config.hop_length, config.frame_rate, config.receptive_field
    (320, 50.0, 400)
    >>> config.num_frames(16_000)
    49

    ```"""

    model_type = "emotion2vec"
    _auto_map_classes = {"AutoConfig": "Emotion2VecConfig"}
    # Trainer gathers every output that is not listed here; only the logits are predictions.
    keys_to_ignore_at_inference = [
        *("frame_logits", "last_hidden_state", "pooler_output", "extra_tokens", "frame_attention_mask"),
        *("hidden_states", "attentions"),
    ]

    # The same in every emotion2vec; the layers of Transformers' own data2vec look for them.
    hidden_act = "gelu"
    feat_extract_activation = "gelu"
    conv_bias = False

    sampling_rate: int = 16_000
    hidden_size: int = 768
    num_hidden_layers: int = 12
    num_attention_heads: int = 12
    intermediate_size: int = 3072
    layer_norm_eps: float = 1e-5
    layer_norm_affine: bool = True
    layer_norm_first: bool = False
    num_extra_tokens: int = 10
    num_alibi_heads: int | None = None
    alibi_scale: float | int = 1.0
    learned_alibi_scale: bool = True
    alibi_scale_per_head: bool = True
    alibi_scale_per_layer: bool = False
    conv_dim: list[int] | tuple[int, ...] = (512, 512, 512, 512, 512, 512, 512)
    conv_kernel: list[int] | tuple[int, ...] = (10, 3, 3, 3, 3, 2, 2)
    conv_stride: list[int] | tuple[int, ...] = (5, 2, 2, 2, 2, 2, 2)
    feat_extract_norm: str = "layer"
    num_conv_pos_embeddings: int = 5
    conv_pos_kernel_size: int = 19
    num_conv_pos_embedding_groups: int = 16
    conv_pos_pre_norm: bool = False
    hidden_dropout: float | int = 0.1
    attention_dropout: float | int = 0.1
    activation_dropout: float | int = 0.0
    layerdrop: float | int = 0.05
    initializer_range: float = 0.02
    disallowed_labels: list[str] | None = None

    def __post_init__(self, **kwargs):
        self._keep_pipelines(kwargs)
        for name in ("conv_dim", "conv_kernel", "conv_stride"):
            setattr(self, name, list(getattr(self, name)))
        if self.num_alibi_heads is None:
            self.num_alibi_heads = self.num_attention_heads
        if self.id2label is not None and kwargs.get("num_labels") not in (None, len(self.id2label)):
            self.disallowed_labels = None  # `from_pretrained(folder, num_labels=...)` is about to drop all names
        super().__post_init__(**kwargs)
        # Here and not in `validate_*` methods, whose errors `strict` wraps into a class that is no ValueError.
        self._check_sizes()
        self._check_rates()
        self._check_labels()

    @property
    def num_feat_extract_layers(self) -> int:
        """Convolutions between samples and frames."""
        return len(self.conv_dim)

    @property
    def problem(self) -> ProblemType:
        """What follows from `problem_type`; where none is given, one label is a score, and several exclude each other.

        Raises:
            ValueError: there is no such type.
        """
        unnamed = "regression" if self.num_labels == 1 else "single_label_classification"
        return get_problem_type(self.problem_type or unnamed)

    @property
    def disallowed_label_ids(self) -> list[int]:
        """Indices of the labels that are never predicted.

        Raises:
            ValueError: a disallowed label is none of the labels.
        """
        labels: dict[Any, str] = self.id2label or {}
        disallowed = self.disallowed_labels or []
        unknown = sorted(set(disallowed) - set(labels.values()))
        if unknown:
            raise ValueError(
                f"disallowed_labels names {', '.join(map(repr, unknown))}, but the labels are "
                f"{', '.join(map(repr, labels.values()))}. For new labels pass disallowed_labels=[]."
            )
        return [index for index, label in labels.items() if label in disallowed]

    def _check_sizes(self) -> None:
        """Layers, heads and groups fit the widths."""
        self._check_convolutions("conv_dim", "conv_kernel", "conv_stride")
        if self.feat_extract_norm not in FEATURE_NORMS:
            raise ValueError(
                f"feat_extract_norm must be one of {', '.join(FEATURE_NORMS)}, got {self.feat_extract_norm!r}."
            )
        for name, smallest in (
            *((name, 1) for name in ("sampling_rate", "hidden_size", "num_hidden_layers", "num_attention_heads")),
            *((name, 1) for name in ("intermediate_size", "num_conv_pos_embeddings", "conv_pos_kernel_size")),
            *(("num_conv_pos_embedding_groups", 1), ("num_extra_tokens", 0), ("num_alibi_heads", 0)),
        ):
            if getattr(self, name) < smallest:
                raise ValueError(f"{name} must be at least {smallest}, got {getattr(self, name)}.")
        for name in ("num_attention_heads", "num_conv_pos_embedding_groups"):
            if self.hidden_size % getattr(self, name):
                raise ValueError(f"{name} must divide hidden_size, got {getattr(self, name)} and {self.hidden_size}.")
        if (self.num_alibi_heads or 0) > self.num_attention_heads:
            raise ValueError(
                f"num_alibi_heads must not exceed num_attention_heads, got {self.num_alibi_heads} and "
                f"{self.num_attention_heads}."
            )

    def _check_rates(self) -> None:
        """Probabilities lie between 0 and 1, and norms have a positive eps."""
        for name in ("hidden_dropout", "attention_dropout", "activation_dropout", "layerdrop"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} is a probability between 0 and 1, got {getattr(self, name)}.")
        if not self.layer_norm_eps > 0:
            raise ValueError(f"layer_norm_eps must be positive, got {self.layer_norm_eps}.")

    def _check_labels(self) -> None:
        """Disallowed labels are labels, and classes that exclude each other."""
        if not self.disallowed_label_ids:
            return
        if self.problem_type not in (None, "single_label_classification"):
            raise ValueError(
                f"disallowed_labels are for problem_type='single_label_classification', got {self.problem_type!r}. "
                "Pass disallowed_labels=[]."
            )
        if len(self.disallowed_label_ids) == self.num_labels:
            raise ValueError(f"disallowed_labels {self.disallowed_labels} leave no label to predict.")


__all__ = ["Emotion2VecConfig"]
