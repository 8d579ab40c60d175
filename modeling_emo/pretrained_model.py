"""What EmoBERT's models have of pretrained ones: loading, saving and initialisation, and classifiers over encoders."""

import copy
from typing import Any, TypeVar

import torch
from torch import nn
from transformers import PreTrainedModel
from transformers import initialization as init
from transformers.modeling_layers import GradientCheckpointingLayer

from configuration_emo.configuration_emobert import EmoBertConfig

from .encoders.layers import encoder_layers
from .encoders.length_aware import is_length_aware
from .encoders.loading import as_dtype, common_dtype, config_of, encoder_to_own
from .fusion import Standardization, StandIn, WeightedLayerSum
from .hub import SelfContainedModel
from .speech_tokenizer_module import load_speech_tokenizer


Classifier = TypeVar("Classifier", bound="OverPretrainedEncoders")


class EmoBertPreTrainedModel(SelfContainedModel, PreTrainedModel):
    """What all EmoBERT models share: loading, saving, initialisation, attention dispatch, gradient checkpointing."""

    config: EmoBertConfig
    base_model_prefix = "emobert"
    main_input_name = "input_ids"
    input_modalities = ("audio", "text")  # type: ignore[assignment]  # tuples in Transformers, too
    supports_gradient_checkpointing = True
    _no_split_modules = ["CoAttentionLayer"]
    # In checkpoints of the time when it was a weight that changed nothing.
    _keys_to_ignore_on_load_unexpected = [r"_pooling\.score\.bias$"]
    # In half precision it would make other tokens.
    _keep_in_fp32_modules_strict = ["speech_tokenizer"]
    # The encoders attend through the implementation that each of them is set to; the fusion has its own arithmetic.
    _supports_sdpa = True
    _supports_flash_attn = True
    _supports_flex_attn = True
    _supports_attention_backend = True

    def post_init(self):
        super().post_init()
        # Sharding looks for every class that is named. Encoders of encoder-decoder families also name the decoder's
        # layers, which are not here, and wav2vec2 and WavLM name none.
        encoders = [module for module in self.modules() if isinstance(module, PreTrainedModel)]
        layers = {type(layer).__name__ for encoder in encoders for layer in encoder_layers(encoder)}
        here = {type(part).__name__ for part in self.modules()}
        self._no_split_modules = (set(self._no_split_modules or ()) & here) | layers  # type: ignore[assignment]  # a set

    @torch.no_grad()
    def _init_weights(self, module: nn.Module):
        super()._init_weights(module)
        if isinstance(module, StandIn):
            init.normal_(module.embedding, mean=0.0, std=self.config.initializer_range)
        elif isinstance(module, WeightedLayerSum):
            init.zeros_(module.weights)
        elif isinstance(module, Standardization):
            init.zeros_(module.mean)
            init.ones_(module.std)

    def _name_code(self):
        super()._name_code()
        self.config.remote_pipelines = None

    def _set_gradient_checkpointing(self, enable: bool = True, **kwargs):  # type: ignore[override]  # all of them
        super()._set_gradient_checkpointing(enable, **kwargs)
        # A length-aware layer knows the clips' lengths only during the forward, not when it is run again.
        for module in self.modules():
            if isinstance(module, GradientCheckpointingLayer) and any(map(is_length_aware, module.modules())):
                module.gradient_checkpointing = False


class OverPretrainedEncoders(nn.Module):
    """What [`EmoBertForSequenceClassification`] does with its encoders as a whole."""

    @classmethod
    def from_text_speech_pretrained(
        cls: type[Classifier],
        text_model: str | PreTrainedModel,
        speech_model: str | PreTrainedModel,
        speech_tokenizer: str | PreTrainedModel | None = None,
        *,
        dtype: torch.dtype | str = torch.float32,
        **config_kwargs,
    ) -> Classifier:
        """A new classifier over two pretrained encoders.

        Args:
            text_model (`str` or `PreTrainedModel`): folder, Hub id or loaded model of a text encoder. What is loaded
                here goes into the classifier as it is; of a loaded model the encoder is copied, frozen weights stay
                frozen, and the model and its configuration stay as they are.
            speech_model (`str` or `PreTrainedModel`): the same for a speech encoder.
            speech_tokenizer (`str` or `PreTrainedModel`, *optional*): what turns waveforms into the speech encoder's
                token ids: the folder of a converted vq-wav2vec, a [`VqWav2VecModel`] (the dictionary then comes from
                the speech model's folder), or a [`SpeechTokenizerModule`].
            dtype (`torch.dtype` or `"auto"`, defaults to `torch.float32`): of all weights, whatever the checkpoints
                were saved in; `"auto"` is what both can be written in without loss. The speech tokenizer stays in
                float32, since it would make other tokens otherwise.
            config_kwargs: fields of [`EmoBertConfig`], such as `num_labels`, `problem_type`, `fusion`.

        Raises:
            ValueError: a checkpoint lacks weights of its encoder, an encoder cannot serve on its side, or the
                configuration does not fit.
        """
        text_encoder = encoder_to_own(text_model, dtype)
        speech_encoder = encoder_to_own(speech_model, dtype)
        dtype = common_dtype(text_encoder, speech_encoder) if dtype == "auto" else as_dtype(dtype)
        if speech_tokenizer is not None:
            is_loaded = isinstance(speech_tokenizer, PreTrainedModel)
            speech_tokenizer = load_speech_tokenizer(speech_tokenizer, speech_model, speech_encoder.config)
            speech_tokenizer = copy.deepcopy(speech_tokenizer) if is_loaded else speech_tokenizer
        # A new configuration forgets how its encoders attend.
        attentions = [(encoder, encoder.config._attn_implementation) for encoder in (text_encoder, speech_encoder)]
        config = EmoBertConfig(
            text_config=config_of(text_encoder),
            speech_config=config_of(speech_encoder),
            speech_tokenizer_config=None if speech_tokenizer is None else speech_tokenizer.config,
            **config_kwargs,
        )
        encoders = {"text_encoder": text_encoder, "speech_encoder": speech_encoder}
        model = cls(config, **encoders, speech_tokenizer=speech_tokenizer)
        for encoder, attention in attentions:
            encoder.config._attn_implementation = attention
        parts = [*model.get_submodule("emobert").children(), model.get_submodule("classifier")]
        for part in parts:
            if part is not speech_tokenizer:
                part.to(dtype)
        for described in (config, config.text_config, config.speech_config):
            described.dtype = dtype
        return model.eval()

    def freeze_text_encoder(self):
        """Keeps the text encoder's weights as they are, and the encoder in evaluation mode, in training."""
        self.get_submodule("emobert.text_encoder").requires_grad_(False).eval()

    def unfreeze_text_encoder(self):
        """Lets the text encoder's weights be trained again."""
        self.get_submodule("emobert.text_encoder").requires_grad_(True).train(self.training)

    def freeze_speech_encoder(self):
        """Keeps the speech encoder's weights as they are, and the encoder in evaluation mode, in training."""
        self.get_submodule("emobert.speech_encoder").requires_grad_(False).eval()

    def freeze_feature_encoder(self):
        """Keeps the convolutions that make frames of the waveform as they are in training.

        Raises:
            ValueError: the speech encoder has none of its own, as Whisper.
        """
        encoder: Any = self.get_submodule("emobert.speech_encoder")
        if not isinstance(getattr(encoder, "feature_extractor", None), nn.Module):
            raise ValueError(
                f"{type(encoder).__name__} has no convolutional feature encoder to freeze. Leave it out, or freeze "
                "the whole encoder: freeze_speech_encoder."
            )
        if hasattr(encoder, "freeze_feature_encoder"):
            encoder.freeze_feature_encoder()
        encoder.feature_extractor.requires_grad_(False)

    def unfreeze_speech_encoder(self):
        """Lets the speech encoder's weights be trained again."""
        self.get_submodule("emobert.speech_encoder").requires_grad_(True).train(self.training)
