"""Building sub-encoders, and running speech encoders so that a clip's result does not depend on its batch.

Convolutional speech encoders shorten the sequence, so a mask over samples has to become a mask over frames. Some of
them (wav2vec2-base, HuBERT-base, WavLM-base, Moonshine) also have a GroupNorm over time, whose statistics would see
the padding: here it is told each clip's own length.
"""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Iterator
from contextvars import ContextVar
from typing import cast

import torch
from torch import nn
from transformers import MODEL_MAPPING, AutoConfig, AutoModel, PreTrainedConfig, PreTrainedModel


SPEECH_INPUTS = ("speech_input_ids", "input_values", "input_features")
# Where Transformers' encoders keep their layers.
LAYER_NAMES = ("layers", "encoder.layers", "encoder.layer", "transformer.layer")

_clip_lengths: ContextVar[torch.Tensor | None] = ContextVar("clip_lengths", default=None)


def build_encoder(config: PreTrainedConfig) -> PreTrainedModel:
    """A Transformers encoder with new weights; of an encoder-decoder family only the encoder.

    Args:
        config (`PreTrainedConfig`): configuration of any model that `AutoModel` knows.
    """
    model = AutoModel.from_config(config, **_without_pooler(config))
    return model.get_encoder() if config.is_encoder_decoder else model


def load_encoder(name_or_path: str, **kwargs) -> PreTrainedModel:
    """A pretrained Transformers encoder; of an encoder-decoder family only the encoder.

    Args:
        name_or_path (`str`): a folder or Hub id. A folder may hold an encoder alone (its `architectures` then name the
            encoder's class) or the whole model.
        kwargs: passed to `from_pretrained`.

    Raises:
        ValueError: the checkpoint lacks weights of the encoder.
    """
    hub_kwargs = {
        name: kwargs[name] for name in ("revision", "token", "cache_dir", "local_files_only") if name in kwargs
    }
    config = AutoConfig.from_pretrained(name_or_path, **hub_kwargs)
    kwargs = {"config": config, "output_loading_info": True, **_without_pooler(config), **kwargs}
    architecture = (config.architectures or [""])[0]
    if config.is_encoder_decoder and architecture.endswith("Encoder"):
        with torch.device("meta"):
            encoder_class = type(build_encoder(config))
        model, info = encoder_class.from_pretrained(name_or_path, **kwargs)
    else:
        model, info = AutoModel.from_pretrained(name_or_path, **kwargs)
        model = model.get_encoder() if config.is_encoder_decoder else model
    if info["missing_keys"]:
        raise ValueError(
            f"{name_or_path} lacks {len(info['missing_keys'])} weights of {type(model).__name__}, the first is "
            f"{sorted(info['missing_keys'])[0]!r}: it is not a whole checkpoint of this encoder."
        )
    return model


def _without_pooler(config: PreTrainedConfig) -> dict[str, bool]:
    """BERT-like models carry a pooler that nobody reads; its unused weights would stop distributed training."""
    model_class = MODEL_MAPPING.get(type(config), None)
    takes_pooler = (
        model_class is not None and "add_pooling_layer" in inspect.signature(model_class.__init__).parameters
    )
    return {"add_pooling_layer": False} if takes_pooler else {}


def speech_input_name(encoder: PreTrainedModel) -> str:
    """The argument of EmoBERT's forward that this speech encoder eats, one of `SPEECH_INPUTS`."""
    name = encoder.main_input_name
    return "speech_input_ids" if name == "input_ids" else name


class LengthAwareGroupNorm(nn.GroupNorm):
    """A GroupNorm over time that counts only each clip's own frames; same weights and names as `nn.GroupNorm`.

    The clips' lengths come from [`clip_lengths`]; outside of it this is a plain GroupNorm.

    Args:
        norm (`nn.GroupNorm`): the module to take the place of.
        convolution (`nn.Conv1d`): the only convolution before it.
    """

    def __init__(self, norm: nn.GroupNorm, convolution: nn.Conv1d):
        super().__init__(
            norm.num_groups, norm.num_channels, norm.eps, norm.affine, norm.weight.device, norm.weight.dtype
        )
        self.load_state_dict(norm.state_dict(), assign=True)
        self.kernel_size, self.stride = convolution.kernel_size[0], convolution.stride[0]

    def forward(self, hidden_states: torch.Tensor) -> torch.Tensor:
        """`(batch, channels, frames)` to the same shape; frames beyond a clip's end are normalised with its own
        statistics too."""
        lengths = _clip_lengths.get()
        if lengths is None:
            return super().forward(hidden_states)
        frames = (lengths - self.kernel_size) // self.stride + 1
        valid = torch.arange(hidden_states.shape[-1], device=frames.device) < frames[:, None]
        grouped = hidden_states.unflatten(1, (self.num_groups, -1)).float()
        # (batch, 1, 1, frames), each valid entry's share of its group's mean
        share = valid[:, None, None].float() / (frames * grouped.shape[2])[:, None, None, None]
        mean = (grouped * share).sum((2, 3), keepdim=True)
        variance = ((grouped - mean).square() * share).sum((2, 3), keepdim=True)
        normalised = ((grouped - mean) * (variance + self.eps).rsqrt()).flatten(1, 2).to(hidden_states.dtype)
        return normalised * self.weight[:, None] + self.bias[:, None]


@contextlib.contextmanager
def clip_lengths(lengths: torch.Tensor) -> Iterator[None]:
    """Tells every [`LengthAwareGroupNorm`] run inside how many samples each clip has.

    Args:
        lengths (`torch.Tensor` of shape `(batch,)`): samples per clip.
    """
    token = _clip_lengths.set(lengths)
    try:
        yield
    finally:
        _clip_lengths.reset(token)


def make_length_aware(encoder: PreTrainedModel) -> None:
    """Replaces, in place, the GroupNorm over time of a waveform encoder; other encoders stay as they are.

    Raises:
        ValueError: a GroupNorm over time in a place that is not known, so that padding would change results.
    """
    if isinstance(getattr(encoder, "groupnorm", None), nn.GroupNorm):  # Moonshine
        encoder.groupnorm = LengthAwareGroupNorm(encoder.groupnorm, encoder.conv1)
    for layer in feature_extractor_layers(encoder):  # wav2vec2 and its relatives: the first layer
        if isinstance(getattr(layer, "layer_norm", None), nn.GroupNorm):
            layer.layer_norm = LengthAwareGroupNorm(layer.layer_norm, layer.conv)
    for name, module in encoder.named_modules():
        if isinstance(module, nn.GroupNorm) and not isinstance(module, LengthAwareGroupNorm):
            raise ValueError(
                f"{type(encoder).__name__} has a GroupNorm at {name!r}, whose result would depend on padding; "
                "use another speech encoder."
            )


def drop_layers_above(encoder: PreTrainedModel, speech_layer: int) -> None:
    """Removes, in place, the transformer layers that nobody reads when a middle hidden state is used.

    One layer above it is kept (frozen): the last hidden state that an encoder reports has passed its final norm, the
    one before has not, and so the chosen state stays what it is in the whole encoder.

    Args:
        encoder (`PreTrainedModel`): any speech encoder.
        speech_layer (`int`): index of the hidden state in use.
    """
    name = _layers_name(encoder)
    if name is None:
        return
    layers = encoder.get_submodule(name)
    if len(layers) > speech_layer:
        parent, _, attribute = name.rpartition(".")
        setattr(encoder.get_submodule(parent), attribute, layers[: speech_layer + 1])
        layers[speech_layer].requires_grad_(False)


def switch_off_layer_drop(encoder: PreTrainedModel) -> None:
    """Stops, in place, an encoder from skipping whole layers at random in training (LayerDrop, arXiv 1909.11556).

    A skipped layer leaves no hidden state behind: those above it would be taken for others.

    Args:
        encoder (`PreTrainedModel`): any speech encoder.
    """
    for name in ("layerdrop", "encoder_layerdrop"):
        if hasattr(encoder.config, name):
            setattr(encoder.config, name, 0.0)
    for module in encoder.modules():
        if hasattr(module, "layerdrop"):
            module.layerdrop = 0.0


def transformer_layers(encoder: PreTrainedModel) -> tuple[str, nn.ModuleList]:
    """The transformer layers of a text or speech encoder, first to last, and their name in it.

    Raises:
        ValueError: they are not where Transformers' encoders keep them, or all layers share their weights.
    """
    name = _layers_name(encoder)
    if name is None:
        raise ValueError(
            f"The layers of {type(encoder).__name__} are under none of {', '.join(LAYER_NAMES)}: options that go "
            "layer by layer cannot be used with it."
        )
    return name, cast(nn.ModuleList, encoder.get_submodule(name))


def encoder_layers(encoder: PreTrainedModel) -> list[nn.Module]:
    """The transformer layers of an encoder, an empty list where they are not found."""
    name = _layers_name(encoder)
    return [] if name is None else list(cast(nn.ModuleList, encoder.get_submodule(name)))


def _layers_name(encoder: PreTrainedModel) -> str | None:
    modules = dict(encoder.named_modules())
    return next((name for name in LAYER_NAMES if isinstance(modules.get(name), nn.ModuleList)), None)


def feature_extractor_layers(encoder: PreTrainedModel) -> list[nn.Module]:
    """The convolution layers of a wav2vec2-like encoder, else an empty list."""
    return list(getattr(getattr(encoder, "feature_extractor", None), "conv_layers", []))


def encode_speech(
    encoder: PreTrainedModel, inputs: torch.Tensor, attention_mask: torch.Tensor | None, **kwargs
) -> tuple[torch.Tensor, torch.Tensor, dict]:
    """Runs a speech encoder.

    Args:
        encoder (`PreTrainedModel`): prepared by [`make_length_aware`].
        inputs (`torch.Tensor`): token ids `(batch, length)`, samples `(batch, samples)` at 16 kHz or log-mel features
            as the encoder's feature extractor makes them.
        attention_mask (`torch.Tensor` of shape `(batch, length)`, *optional*): 1 where the input is valid; padding is
            on the right.
        kwargs: `output_hidden_states`, `output_attentions`.

    Returns:
        The last hidden state `(batch, frames, hidden)`, the mask of its valid frames `(batch, frames)`, and the
        encoder's whole output.
    """
    name = encoder.main_input_name
    if attention_mask is None:
        attention_mask = _full_mask(encoder, inputs)
    if name == "input_ids":
        output = encoder(input_ids=inputs, attention_mask=attention_mask, **kwargs)
        return output.last_hidden_state, attention_mask.bool(), output
    if name == "input_features":
        output = _run_on_features(encoder, inputs, attention_mask, kwargs)
        frames = _feature_frames(encoder, attention_mask)
    else:
        inputs, attention_mask = _at_least_one_frame(encoder, inputs, attention_mask)
        lengths = attention_mask.sum(-1)
        frames = waveform_frames(encoder, lengths)
        with clip_lengths(lengths):
            output = encoder(
                input_values=inputs.to(encoder.dtype),
                attention_mask=_waveform_mask(encoder, attention_mask, frames),
                **kwargs,
            )
    hidden_states = output.last_hidden_state
    mask = torch.arange(hidden_states.shape[1], device=hidden_states.device) < frames[:, None]
    return hidden_states, mask, output


def waveform_frames(encoder: PreTrainedModel, lengths: torch.Tensor) -> torch.Tensor:
    """Frames `(batch,)` that the encoder makes of clips of `lengths` samples `(batch,)`."""
    for kernel_size, stride in convolutions(encoder):
        lengths = (lengths - kernel_size) // stride + 1
    return lengths


def min_samples(encoder: PreTrainedModel) -> int:
    """Samples that a waveform encoder needs for one frame."""
    samples = 1
    for kernel_size, stride in reversed(convolutions(encoder)):
        samples = (samples - 1) * stride + kernel_size
    return samples


def convolutions(encoder: PreTrainedModel) -> list[tuple[int, int]]:
    """Kernel size and stride of each convolution between samples and frames."""
    if encoder.config.model_type == "moonshine":
        layers = [encoder.conv1, encoder.conv2, encoder.conv3]
        return [(layer.kernel_size[0], layer.stride[0]) for layer in layers]
    config = encoder.config
    convolutions = list(zip(config.conv_kernel, config.conv_stride, strict=True))
    if getattr(config, "add_adapter", False):
        convolutions += [(1, config.adapter_stride)] * config.num_adapter_layers
    return convolutions


def _at_least_one_frame(
    encoder: PreTrainedModel, input_values: torch.Tensor, attention_mask: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Counts the silence after a clip that is shorter than one frame as part of it, so that it has one frame."""
    shortest = min_samples(encoder)
    missing = max(0, shortest - input_values.shape[1])
    input_values = nn.functional.pad(input_values, (0, missing))
    attention_mask = nn.functional.pad(attention_mask, (0, missing))
    return input_values, attention_mask.bool() | (
        torch.arange(attention_mask.shape[1], device=attention_mask.device) < shortest
    )


def _waveform_mask(encoder: PreTrainedModel, attention_mask: torch.Tensor, frames: torch.Tensor) -> torch.Tensor:
    """The mask over samples from which the encoder derives exactly `frames` valid frames."""
    if encoder.config.model_type != "moonshine":
        return attention_mask
    # Moonshine reads every 384th sample's mask, which would also keep frames that reach into the padding.
    hop = encoder.conv1.stride[0] * encoder.conv2.stride[0] * encoder.conv3.stride[0]
    return (torch.arange(attention_mask.shape[1], device=frames.device) < (frames * hop)[:, None]).long()


def _run_on_features(encoder, input_features, attention_mask, kwargs):
    input_features = input_features.to(encoder.dtype)
    if encoder.config.model_type == "whisper":  # always 30 s long; it looks at the silence too
        return encoder(input_features, **kwargs)
    return encoder(input_features, attention_mask=attention_mask, **kwargs)


def _feature_frames(encoder: PreTrainedModel, attention_mask: torch.Tensor) -> torch.Tensor:
    """Valid frames `(batch,)` for a mask over log-mel frames."""
    lengths = attention_mask.sum(-1)
    if encoder.config.model_type == "whisper":
        return (lengths + 1) // 2
    if encoder.config.model_type == "wav2vec2-bert" and not encoder.config.add_adapter:
        return lengths
    return encoder._get_feat_extract_output_lengths(lengths)


def _full_mask(encoder: PreTrainedModel, inputs: torch.Tensor) -> torch.Tensor:
    if encoder.config.model_type == "whisper":  # (batch, mel bins, frames)
        return inputs.new_ones((inputs.shape[0], inputs.shape[2]), dtype=torch.long)
    return inputs.new_ones(inputs.shape[:2], dtype=torch.long)
