"""A classifier over two pretrained encoders: made of them, and keeping them as they are in training."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from transformers import PreTrainedModel

from configuration_emo.configuration_emobert import EmoBertConfig

from ..speech_tokenizer_module import load_speech_tokenizer
from .loading import as_dtype, common_dtype, config_of, encoder_to_own


if TYPE_CHECKING:
    from typing import Self

    from ..modeling_emobert import EmoBertModel


class OverPretrainedEncoders:
    """What [`EmoBertForSequenceClassification`] does with its encoders as a whole."""

    if TYPE_CHECKING:  # Transformers reads the annotations of a model's classes when they are made
        emobert: EmoBertModel
        classifier: nn.Linear
        training: bool

    @classmethod
    def from_text_speech_pretrained(
        cls,
        text_model: str | PreTrainedModel,
        speech_model: str | PreTrainedModel,
        speech_tokenizer: str | PreTrainedModel | None = None,
        *,
        dtype: torch.dtype | str = torch.float32,
        **config_kwargs,
    ) -> Self:
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
            speech_tokenizer = load_speech_tokenizer(speech_tokenizer, speech_model, speech_encoder.config)
        # A new configuration forgets how its encoders attend.
        attentions = [(encoder, encoder.config._attn_implementation) for encoder in (text_encoder, speech_encoder)]
        config = EmoBertConfig(
            text_config=config_of(text_encoder),
            speech_config=config_of(speech_encoder),
            speech_tokenizer_config=None if speech_tokenizer is None else speech_tokenizer.config,
            **config_kwargs,
        )
        encoders = {"text_encoder": text_encoder, "speech_encoder": speech_encoder}
        model: Any = cls(config, **encoders, speech_tokenizer=speech_tokenizer)  # type: ignore[call-arg]  # a mixin
        for encoder, attention in attentions:
            encoder.config._attn_implementation = attention
        for part in (*model.emobert.children(), model.classifier):
            if part is not model.emobert.speech_tokenizer:
                part.to(dtype)
        for described in (config, config.text_config, config.speech_config):
            described.dtype = dtype
        return model.eval()

    def freeze_text_encoder(self):
        """Keeps the text encoder's weights as they are, and the encoder in evaluation mode, in training."""
        self.emobert.text_encoder.requires_grad_(False).eval()

    def unfreeze_text_encoder(self):
        """Lets the text encoder's weights be trained again."""
        self.emobert.text_encoder.requires_grad_(True).train(self.training)

    def freeze_speech_encoder(self):
        """Keeps the speech encoder's weights as they are, and the encoder in evaluation mode, in training."""
        self.emobert.speech_encoder.requires_grad_(False).eval()

    def unfreeze_speech_encoder(self):
        """Lets the speech encoder's weights be trained again."""
        self.emobert.speech_encoder.requires_grad_(True).train(self.training)
