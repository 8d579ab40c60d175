"""emotion2vec (Ma et al., Findings of ACL 2024): a waveform in, frames that carry emotion out, and a classifier."""

import math
from dataclasses import dataclass

import torch
from torch import nn
from transformers import PreTrainedModel
from transformers import initialization as init
from transformers.processing_utils import Unpack
from transformers.utils import ModelOutput, TransformersKwargs, can_return_tuple
from transformers.utils.generic import merge_with_config_defaults
from transformers.utils.output_capturing import OutputRecorder, capture_outputs

from configuration_emo.configuration_emotion2vec import Emotion2VecConfig

from ..hub import SelfContainedModel
from .attention import Emotion2VecAlibi, Emotion2VecAttention
from .convolutions import Emotion2VecFeatureEncoder, Emotion2VecFeatureProjection
from .transformer import Emotion2VecEncoder, Emotion2VecLayer


@dataclass
class Emotion2VecModelOutput(ModelOutput):
    """
    Output of [`Emotion2VecModel`]. Values of frames beyond a clip's end mean nothing.

    Args:
        last_hidden_state (`torch.Tensor` of shape `(batch, frames, hidden_size)`):
            The frames, `config.frame_rate` a second. Frame `t` begins at sample `t * config.hop_length` and sees
            `config.receptive_field` samples.
        pooler_output (`torch.Tensor` of shape `(batch, hidden_size)`):
            The mean of each clip's frames: the embedding of the utterance.
        extra_tokens (`torch.Tensor` of shape `(batch, num_extra_tokens, hidden_size)`, *optional*):
            The last states of the extra tokens, where the model has some.
        frame_attention_mask (`torch.LongTensor` of shape `(batch, frames)`, with `attention_mask`):
            1 for a clip's own frames, 0 beyond its end.
        hidden_states (`tuple` of tensors of shape `(batch, frames, hidden_size)`, on request):
            The frames before the first and after each layer. With `layer_norm_first` the last of them has not passed
            the norm that `last_hidden_state` has.
        attentions (`tuple` of tensors, on request):
            Weights of each layer, `(batch, heads, num_extra_tokens + frames, num_extra_tokens + frames)`.
    """

    last_hidden_state: torch.Tensor | None = None
    pooler_output: torch.Tensor | None = None
    extra_tokens: torch.Tensor | None = None
    frame_attention_mask: torch.Tensor | None = None
    hidden_states: tuple[torch.Tensor, ...] | None = None
    attentions: tuple[torch.Tensor, ...] | None = None


@dataclass
class Emotion2VecClassifierOutput(ModelOutput):
    """
    Output of [`Emotion2VecForAudioClassification`]: that of [`Emotion2VecModel`], with

    Args:
        loss (`torch.Tensor` of shape `()`, with `labels`): the loss of `config.problem_type`.
        logits (`torch.Tensor` of shape `(batch, num_labels)`): scores of each clip before the softmax.
        frame_logits (`torch.Tensor` of shape `(batch, frames, num_labels)`, with `output_frame_logits=True`):
            scores of each frame. The mean over a clip's frames is the clip's `logits`.
    """

    loss: torch.Tensor | None = None
    logits: torch.Tensor | None = None
    frame_logits: torch.Tensor | None = None
    last_hidden_state: torch.Tensor | None = None
    pooler_output: torch.Tensor | None = None
    extra_tokens: torch.Tensor | None = None
    frame_attention_mask: torch.Tensor | None = None
    hidden_states: tuple[torch.Tensor, ...] | None = None
    attentions: tuple[torch.Tensor, ...] | None = None


class Emotion2VecPreTrainedModel(SelfContainedModel, PreTrainedModel):
    """What both models share: loading, saving, initialisation, attention dispatch, gradient checkpointing."""

    config: Emotion2VecConfig
    base_model_prefix = "emotion2vec"
    main_input_name = "input_values"
    input_modalities = "audio"
    supports_gradient_checkpointing = True
    _no_split_modules = ["Emotion2VecLayer"]
    _supports_sdpa = True
    _supports_flex_attn = True
    # It has no place for a bias that is zero for tokens and grows with the distance of frames.
    _supports_flash_attn = False
    _can_record_outputs = {
        "hidden_states": Emotion2VecLayer,
        "attentions": OutputRecorder(Emotion2VecAttention, index=1),
    }
    _auto_map_classes = {
        "AutoModel": "Emotion2VecModel",
        "AutoModelForAudioClassification": "Emotion2VecForAudioClassification",
    }

    @torch.no_grad()
    def _init_weights(self, module: nn.Module):
        super()._init_weights(module)
        if isinstance(module, Emotion2VecAlibi):
            module.reset_parameters()
        elif isinstance(module, Emotion2VecEncoder) and module.extra_tokens is not None:
            init.normal_(module.extra_tokens, std=self.config.initializer_range)
        elif isinstance(module, nn.Conv1d):
            init.kaiming_normal_(module.weight)
        elif isinstance(module, Emotion2VecFeatureProjection):
            bound = math.sqrt(1 / module.projection.in_features)
            init.uniform_(module.projection.weight, a=-bound, b=bound)
            init.uniform_(module.projection.bias, a=-bound, b=bound)

    def _name_code(self):
        super()._name_code()
        self.config.remote_pipelines = None  # their code is beside the weights only where the pipeline was saved

    def freeze_feature_encoder(self) -> None:
        """Keeps the convolutions over samples as they are in training."""
        self.base_model.feature_extractor.requires_grad_(False)

    def _get_feat_extract_output_lengths(self, input_lengths: torch.Tensor) -> torch.Tensor:
        """Frames `(batch,)` of clips of `input_lengths` samples `(batch,)`."""
        for kernel, stride in zip(self.config.conv_kernel, self.config.conv_stride, strict=True):
            input_lengths = (input_lengths - kernel) // stride + 1
        return input_lengths


class Emotion2VecModel(Emotion2VecPreTrainedModel):
    """
    emotion2vec without a head. What it makes of a clip is the same alone and in any batch, at any padding.

    Args:
        config ([`Emotion2VecConfig`]): the architecture.

    Example:

    ```python
    >>> import torch
    >>> from configuration_emo import Emotion2VecConfig
    >>> from modeling_emo import Emotion2VecModel

    >>> config = Emotion2VecConfig(hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64)
    >>> output = Emotion2VecModel(config).eval()(torch.randn(2, 16_000))
    >>> output.last_hidden_state.shape, output.pooler_output.shape, output.extra_tokens.shape
    (torch.Size([2, 49, 32]), torch.Size([2, 32]), torch.Size([2, 10, 32]))

    ```"""

    # A classifier's folder holds a whole base model.
    _keys_to_ignore_on_load_unexpected = [r"^classifier\."]

    def __init__(self, config: Emotion2VecConfig):
        super().__init__(config)
        self.feature_extractor = Emotion2VecFeatureEncoder(config)
        self.feature_projection = Emotion2VecFeatureProjection(config)
        self.encoder = Emotion2VecEncoder(config)
        self.post_init()

    @merge_with_config_defaults
    @capture_outputs(tie_last_hidden_states=False)
    def forward(
        self,
        input_values: torch.Tensor,
        attention_mask: torch.Tensor | None = None,
        **kwargs: Unpack[TransformersKwargs],
    ) -> Emotion2VecModelOutput:
        """
        Args:
            input_values (`torch.Tensor` of shape `(batch, samples)`): waveforms at `config.sampling_rate` Hz, as
                [`Emotion2VecFeatureExtractor`] makes them.
            attention_mask (`torch.Tensor` of shape `(batch, samples)`, *optional*): 1 for samples, 0 for the padding
                behind them; every sample is real when not given.
            kwargs: `output_hidden_states`, `output_attentions` (needs `attn_implementation="eager"`), `return_dict`.

        Returns:
            [`Emotion2VecModelOutput`]

        Raises:
            ValueError: a clip is shorter than one frame, padding is not behind the samples, or shapes do not fit.
        """
        self._check_inputs(input_values, attention_mask)
        lengths = None if attention_mask is None else attention_mask.bool().sum(-1)
        features = self.feature_extractor(input_values, lengths)
        mask = None
        if lengths is not None:
            frames = self._get_feat_extract_output_lengths(lengths)
            mask = torch.arange(features.shape[1], device=frames.device) < frames[:, None]
        hidden_states, tokens = self.encoder(self.feature_projection(features), mask, **kwargs)
        return Emotion2VecModelOutput(
            last_hidden_state=hidden_states,
            pooler_output=_mean(hidden_states, mask),
            extra_tokens=tokens,
            frame_attention_mask=None if mask is None else mask.long(),
        )

    def _check_inputs(self, input_values: torch.Tensor, attention_mask: torch.Tensor | None) -> None:
        """Refuses what would give wrong numbers, or an error from the middle of the model."""
        if input_values.dim() != 2:
            raise ValueError(f"input_values must be of shape (batch, samples), got {tuple(input_values.shape)}.")
        if attention_mask is None:
            lengths = [input_values.shape[1]]
        elif attention_mask.shape != input_values.shape:
            raise ValueError(
                f"attention_mask must be of the shape of input_values, {tuple(input_values.shape)}, got "
                f"{tuple(attention_mask.shape)}."
            )
        elif torch.compiler.is_compiling() or torch.jit.is_tracing():
            return  # the lengths are not known
        else:
            given = attention_mask.bool()
            lengths = given.sum(-1).tolist()
            behind = (given[:, 1:] & ~given[:, :-1]).any(-1).tolist()
            if any(behind):
                raise ValueError(
                    f"attention_mask has padding before samples in row {behind.index(True)}: pad on the right only."
                )
        shortest = self.config.receptive_field
        if min(lengths) < shortest:
            raise ValueError(
                f"The clip in row {lengths.index(min(lengths))} has {min(lengths)} samples, but one frame takes "
                f"{shortest} ({shortest / self.config.sampling_rate:.4f} s at {self.config.sampling_rate} Hz): leave "
                "it out, or pad it to that length and count the padding as part of it."
            )


class Emotion2VecForAudioClassification(Emotion2VecPreTrainedModel):
    """
    emotion2vec with a linear layer on the mean of a clip's frames.

    Args:
        config ([`Emotion2VecConfig`]): the architecture, `id2label` and `disallowed_labels`.

    Example:

    ```python
    >>> import torch
    >>> from configuration_emo import Emotion2VecConfig
    >>> from modeling_emo import Emotion2VecForAudioClassification

    >>> sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}
    >>> model = Emotion2VecForAudioClassification(Emotion2VecConfig(**sizes, num_labels=9)).eval()
    >>> output = model(torch.randn(2, 16_000), output_frame_logits=True)
    >>> output.logits.shape, output.frame_logits.shape
    (torch.Size([2, 9]), torch.Size([2, 49, 9]))

    ```"""

    def __init__(self, config: Emotion2VecConfig):
        super().__init__(config)
        self.emotion2vec = Emotion2VecModel(config)
        self.classifier = nn.Linear(config.hidden_size, config.num_labels or 0)
        self.disallowed = config.disallowed_label_ids
        self.post_init()

    @can_return_tuple
    def forward(
        self,
        input_values: torch.Tensor,
        attention_mask: torch.Tensor | None = None,
        labels: torch.Tensor | None = None,
        output_frame_logits: bool = False,
        **kwargs: Unpack[TransformersKwargs],
    ) -> Emotion2VecClassifierOutput:
        """
        Args:
            input_values, attention_mask: as for [`Emotion2VecModel`].
            labels (`torch.Tensor`, *optional*): class indices `(batch,)`; for other values of `config.problem_type`
                0/1 rows `(batch, num_labels)` (`multi_label_classification`) or scores (`regression`).
            output_frame_logits (`bool`, defaults to `False`): also score each frame, for a timeline.
            kwargs: as for [`Emotion2VecModel`].

        Returns:
            [`Emotion2VecClassifierOutput`]

        Raises:
            ValueError: as for [`Emotion2VecModel`], or a label is one of `config.disallowed_labels`.
        """
        outputs = self.emotion2vec(input_values, attention_mask, return_dict=True, **kwargs)
        logits = self._logits(outputs.pooler_output)
        loss = None
        if labels is not None:
            self._check_labels(labels)
            loss = self.loss_function(labels=labels, pooled_logits=logits, config=self.config, **kwargs)
        return Emotion2VecClassifierOutput(
            loss=loss,
            logits=logits,
            frame_logits=self._logits(outputs.last_hidden_state) if output_frame_logits else None,
            **outputs,
        )

    def _logits(self, hidden_states: torch.Tensor) -> torch.Tensor:
        """`(..., hidden_size)` to `(..., num_labels)`, minus infinity where a label is disallowed."""
        logits = self.classifier(hidden_states)
        if self.disallowed:
            disallowed = torch.tensor(self.disallowed, device=logits.device)
            logits = logits.index_fill(-1, disallowed, -torch.inf)
        return logits

    def _check_labels(self, labels: torch.Tensor) -> None:
        """A label that is never predicted has an infinite loss."""
        if not self.disallowed or torch.compiler.is_compiling():
            return
        found = sorted(set(labels.flatten().tolist()) & set(self.disallowed))
        if found:
            raise ValueError(
                f"labels hold the classes {found}, which config.disallowed_labels ({self.config.disallowed_labels}) "
                "keeps from being predicted: leave these rows out, or allow the labels."
            )


def _mean(frames: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
    """The mean `(batch, hidden)` over a clip's own frames of `(batch, frames, hidden)`."""
    if mask is None:
        return frames.mean(1)
    total = frames.masked_fill(~mask[..., None], 0).sum(1)
    return total / mask.sum(1, keepdim=True)


__all__ = [
    "Emotion2VecClassifierOutput",
    "Emotion2VecForAudioClassification",
    "Emotion2VecModel",
    "Emotion2VecModelOutput",
    "Emotion2VecPreTrainedModel",
]
