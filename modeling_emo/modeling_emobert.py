"""EmoBERT: any Transformers speech encoder and text encoder, fused by co-attention (arXiv 2008.06682)."""

import torch
from torch import nn
from transformers import PreTrainedModel
from transformers import initialization as init
from transformers.utils import can_return_tuple, logging

from configuration_emo.configuration_emobert import EmoBertConfig

from .encoders.layers import drop_layers_above, encoder_layers, switch_off_layer_drop
from .encoders.length_aware_norm import feature_extractor_layers, make_length_aware
from .encoders.loading import build_encoder, load_encoder
from .encoders.speech import SPEECH_INPUTS, encode_speech, speech_input_name
from .fusion import CoAttentionStack, Pooling, Standardization, StandIn, WeightedLayerSum
from .hub import SelfContainedModel
from .loss import emotion_loss
from .modeling_outputs import EmoBertModelOutput, EmoBertSequenceClassifierOutput, EncodedSequence
from .speech_tokenizer_module import SpeechTokenizerModule, load_speech_tokenizer


logger = logging.get_logger(__name__)

# The arguments of `forward` that may hold the speech, at most one of them at a time.
SPEECH_ARGUMENTS = (*SPEECH_INPUTS, "encoded_speech")


class EmoBertPreTrainedModel(SelfContainedModel, PreTrainedModel):
    """What all EmoBERT models share: loading, saving, initialisation, attention dispatch, gradient checkpointing."""

    config: EmoBertConfig
    base_model_prefix = "emobert"
    main_input_name = "input_ids"
    input_modalities = ("audio", "text")
    supports_gradient_checkpointing = True
    _no_split_modules = ["CoAttentionLayer"]
    # The encoders attend through the implementation that each of them is set to; the fusion has its own arithmetic.
    _supports_sdpa = True
    _supports_flash_attn = True
    _supports_flex_attn = True
    _supports_attention_backend = True
    _auto_map_classes = {
        "AutoModel": "EmoBertModel",
        "AutoModelForSequenceClassification": "EmoBertForSequenceClassification",
    }

    def post_init(self):
        super().post_init()
        # Sharding looks for every class that is named. Encoders of encoder-decoder families also name the decoder's
        # layers, which are not here, and wav2vec2 and WavLM name none.
        encoders = [module for module in self.modules() if isinstance(module, PreTrainedModel)]
        layers = {type(layer).__name__ for encoder in encoders for layer in encoder_layers(encoder)}
        self._no_split_modules = (self._no_split_modules & {type(part).__name__ for part in self.modules()}) | layers

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
        # Imported so that its file goes wherever this one goes, and here since nothing else in this file needs it.
        from .inference.pipeline import remote_pipelines

        super()._name_code()
        has_pipeline = self._is_own() and isinstance(self, EmoBertForSequenceClassification)
        self.config.remote_pipelines = remote_pipelines() if has_pipeline else None

    def _set_gradient_checkpointing(self, enable: bool = True, **kwargs):
        super()._set_gradient_checkpointing(enable, **kwargs)
        # Their length-aware norm knows the clips' lengths only during the forward, not when it is run again.
        for module in self.modules():
            for layer in feature_extractor_layers(module):
                layer.gradient_checkpointing = False


class EmoBertModel(EmoBertPreTrainedModel):
    """Text and speech encoders and their fusion, without a head.

    Args:
        config ([`EmoBertConfig`]): the two encoders and the fusion.
    """

    def __init__(self, config: EmoBertConfig):
        super().__init__(config)
        text_size, speech_size = config.text_config.hidden_size, config.speech_config.hidden_size
        self.text_encoder = build_encoder(config.text_config)
        self.speech_encoder = build_encoder(config.speech_config)
        make_length_aware(self.speech_encoder)
        if config.speech_layer is not None:
            drop_layers_above(self.speech_encoder, config.speech_layer)
        if config.speech_layer is not None or config.use_weighted_layer_sum:
            switch_off_layer_drop(self.speech_encoder)
        self.speech_tokenizer = None
        if config.speech_tokenizer_config is not None:
            self.speech_tokenizer = SpeechTokenizerModule(config.speech_tokenizer_config, config.speech_config)
        num_states = config.num_speech_layers + 1 if config.use_weighted_layer_sum else 1
        self.speech_standardization = Standardization(num_states, speech_size) if config.standardize_speech else None
        self.layer_sum = WeightedLayerSum(num_states) if config.use_weighted_layer_sum else None
        self.text_stand_in = StandIn(text_size)
        self.speech_stand_in = StandIn(speech_size)
        self.text_pooling = Pooling(text_size, config.text_pooling)
        self.speech_pooling = Pooling(speech_size, config.speech_pooling)
        self.text_to_speech = self.speech_to_text = None
        if config.fusion == "co_attention":
            self.text_to_speech = CoAttentionStack(config, config.text_pooled_size, speech_size)
            self.speech_to_text = CoAttentionStack(config, config.speech_pooled_size, text_size)
        self.post_init()

    def get_input_embeddings(self) -> nn.Module:
        return self.text_encoder.get_input_embeddings()

    def set_input_embeddings(self, value: nn.Module):
        self.text_encoder.set_input_embeddings(value)

    @property
    def speech_input_name(self) -> str:
        """Which argument of `forward` takes the speech: `speech_input_ids`, `input_values` or `input_features`."""
        return "input_values" if self.speech_tokenizer is not None else speech_input_name(self.speech_encoder)

    @can_return_tuple
    def forward(
        self,
        input_ids: torch.LongTensor | None = None,
        attention_mask: torch.Tensor | None = None,
        speech_input_ids: torch.LongTensor | None = None,
        input_values: torch.FloatTensor | None = None,
        input_features: torch.FloatTensor | None = None,
        speech_attention_mask: torch.Tensor | None = None,
        encoded_text: torch.FloatTensor | None = None,
        encoded_speech: torch.FloatTensor | None = None,
        output_attentions: bool | None = None,
        output_hidden_states: bool | list[int] | None = None,
        output_unimodal: bool = False,
        **kwargs,
    ) -> EmoBertModelOutput:
        r"""
        Encodes and fuses. Either modality may be absent: for the whole batch (None), or for single rows (an all-zero
        row of its mask). Padding is on the right.

        Args:
            input_ids (`torch.LongTensor` of shape `(batch, text_length)`, *optional*): text token ids.
            attention_mask (`torch.Tensor` of shape `(batch, text_length)`, *optional*): 1 where text is valid.
            speech_input_ids (`torch.LongTensor` of shape `(batch, speech_length)`, *optional*): speech token ids, for
                a speech encoder of token ids.
            input_values (`torch.FloatTensor` of shape `(batch, samples)`, *optional*): waveforms at 16 kHz, for a
                waveform encoder or with a speech tokenizer.
            input_features (`torch.FloatTensor`, *optional*): log-mel features as the speech encoder's own feature
                extractor makes them.
            speech_attention_mask (`torch.Tensor` of shape `(batch, speech_length)`, *optional*): 1 where ids, samples,
                feature frames or encoded frames are valid.
            encoded_text (`torch.FloatTensor` of shape `(batch, text_length, text_hidden_size)`, *optional*): what
                [`~EmoBertModel.encode_text`] returned, in the place of `input_ids`: a frozen encoder need not run
                again.
            encoded_speech (`torch.FloatTensor` of shape `(batch, frames, speech_hidden_size)`, *optional*): the same
                of [`~EmoBertModel.encode_speech`]; `(batch, frames, states, speech_hidden_size)` for a layer mix.
            output_attentions (`bool`, *optional*): return attention weights (needs `attn_implementation="eager"`).
            output_hidden_states (`bool` or `list[int]`, *optional*): return the encoders' hidden states.
            output_unimodal (`bool`, defaults to `False`): also fuse each modality alone; the encoders run once.

        Raises:
            ValueError: neither text nor speech is given, one of them in two forms, or speech in a form that the speech
                encoder does not take.
        """
        if output_attentions is None:
            output_attentions = self.config.output_attentions
        if output_hidden_states is None:
            output_hidden_states = self.config.output_hidden_states
        requested = {"output_attentions": output_attentions, "output_hidden_states": output_hidden_states}

        speech_inputs = self._select_speech_input(
            {
                "speech_input_ids": speech_input_ids,
                "input_values": input_values,
                "input_features": input_features,
                "encoded_speech": encoded_speech,
            }
        )
        if input_ids is not None and encoded_text is not None:
            raise ValueError("Text is given twice: pass `input_ids` or `encoded_text`, not both.")
        text_inputs = input_ids if encoded_text is None else encoded_text
        if text_inputs is None and speech_inputs is None:
            raise ValueError(
                f"There is neither text nor speech: pass `input_ids`, `{self.speech_input_name}` or both."
            )
        reference = text_inputs if text_inputs is not None else speech_inputs
        has_text, attention_mask = _split_mask(text_inputs, attention_mask, reference)
        has_speech, speech_attention_mask = _split_mask(speech_inputs, speech_attention_mask, reference)

        text = speech = None
        if encoded_text is not None:
            text = EncodedSequence.of_states(encoded_text, attention_mask)
        elif input_ids is not None:
            text = self.encode_text(input_ids, attention_mask, **requested)
        if encoded_speech is not None:
            speech = EncodedSequence.of_states(encoded_speech, speech_attention_mask)
        elif speech_inputs is not None:
            speech = self.encode_speech(speech_inputs, speech_attention_mask, **requested)
        outputs = self.fuse(text, speech, *self._drop_modalities(has_text, has_speech), **requested)
        if output_unimodal:
            nothing = torch.zeros_like(has_text)
            outputs["text_only_pooler_output"] = self.fuse(text, speech, has_text, nothing).pooler_output
            outputs["speech_only_pooler_output"] = self.fuse(text, speech, nothing, has_speech).pooler_output
        return outputs

    def encode_text(
        self, input_ids: torch.LongTensor, attention_mask: torch.Tensor | None = None, **requested
    ) -> EncodedSequence:
        """Runs the text encoder.

        Args:
            input_ids (`torch.LongTensor` of shape `(batch, text_length)`): text token ids.
            attention_mask (`torch.Tensor` of shape `(batch, text_length)`, *optional*): 1 where text is valid.
            requested: `output_hidden_states`, `output_attentions`.

        Returns:
            [`EncodedSequence`]: `hidden_states` `(batch, text_length, text_hidden_size)`, which `forward` takes as
            `encoded_text`, and their mask.
        """
        if attention_mask is None:
            attention_mask = torch.ones_like(input_ids)
        output = self.text_encoder(input_ids=input_ids, attention_mask=attention_mask, **requested)
        return EncodedSequence(output.last_hidden_state, attention_mask.bool(), output)

    def encode_speech(
        self, inputs: torch.Tensor, attention_mask: torch.Tensor | None = None, **requested
    ) -> EncodedSequence:
        """Runs the speech encoder, after the speech tokenizer where the model has one and is given waveforms.

        Args:
            inputs (`torch.Tensor`): speech token ids `(batch, length)`, waveforms `(batch, samples)` or log-mel
                features, as in `forward`.
            attention_mask (`torch.Tensor` of shape `(batch, length)`, *optional*): 1 where the input is valid.
            requested: `output_hidden_states`, `output_attentions`.

        Returns:
            [`EncodedSequence`]: `hidden_states` of the configured layer `(batch, frames, speech_hidden_size)`, or of
            all of them `(batch, frames, states, speech_hidden_size)` for a layer mix, which `forward` takes as
            `encoded_speech`, and the mask of the frames.
        """
        if self.speech_tokenizer is not None and inputs.is_floating_point():
            inputs, attention_mask = self.speech_tokenizer(inputs, attention_mask)
        if self.layer_sum is not None or self.config.speech_layer is not None:
            requested = {**requested, "output_hidden_states": True}
        hidden_states, mask, output = encode_speech(self.speech_encoder, inputs, attention_mask, **requested)
        if self.layer_sum is not None:
            hidden_states = torch.stack(output.hidden_states, dim=2)
        elif self.config.speech_layer is not None:
            hidden_states = output.hidden_states[self.config.speech_layer]
        return EncodedSequence(hidden_states, mask, output)

    def fuse(
        self,
        text: EncodedSequence | None,
        speech: EncodedSequence | None,
        has_text: torch.Tensor,
        has_speech: torch.Tensor,
        *,
        output_attentions: bool = False,
        output_hidden_states: bool | list[int] = False,
    ) -> EmoBertModelOutput:
        """Fuses what the encoders made.

        Args:
            text, speech ([`EncodedSequence`], *optional*): of [`~EmoBertModel.encode_text`] and
                [`~EmoBertModel.encode_speech`]; None where no row has the modality.
            has_text, has_speech (`torch.Tensor` of shape `(batch,)`): False for rows where a stand-in takes the place
                of the modality.
            output_attentions, output_hidden_states: what of the encoders' outputs to hand on.
        """
        text_states, text_mask = self.text_stand_in.sequence(has_text.shape[0])
        if text is not None:
            text_states, text_mask = self.text_stand_in(text.hidden_states, text.mask, has_text)
        speech_states, speech_mask = self.speech_stand_in.sequence(has_speech.shape[0])
        if speech is not None:
            sequence = self._speech_sequence(speech.hidden_states)
            speech_states, speech_mask = self.speech_stand_in(sequence, speech.mask, has_speech)

        text_vector = self.text_pooling(text_states, text_mask)
        speech_vector = self.speech_pooling(speech_states, speech_mask)
        text_weights = speech_weights = ()
        if self.text_to_speech is not None:
            pooled = text_vector, speech_vector
            text_vector, text_weights = self.text_to_speech(pooled[0], speech_states, speech_mask)
            speech_vector, speech_weights = self.speech_to_text(pooled[1], text_states, text_mask)

        fused = self.text_to_speech is not None
        return EmoBertModelOutput(
            pooler_output=torch.cat([text_vector, speech_vector], dim=-1),
            text_last_hidden_state=text_states if text is not None else None,
            speech_last_hidden_state=speech_states if speech is not None else None,
            text_to_speech=text_vector if fused else None,
            speech_to_text=speech_vector if fused else None,
            co_attentions=(*text_weights, *speech_weights) if fused and output_attentions else None,
            hidden_states=text.get("hidden_states") if text is not None and output_hidden_states else None,
            attentions=text.get("attentions") if text is not None else None,
            speech_hidden_states=speech.get("hidden_states") if speech is not None and output_hidden_states else None,
            speech_attentions=speech.get("attentions") if speech is not None else None,
        )

    def train(self, mode: bool = True) -> "EmoBertModel":
        """As in torch, but an encoder without any weight to train stays in evaluation mode: what it computes is then
        the same in every epoch, and can be cached."""
        super().train(mode)
        for encoder in (self.text_encoder, self.speech_encoder):
            if not any(parameter.requires_grad for parameter in encoder.parameters()):
                encoder.eval()
        return self

    def _select_speech_input(self, given: dict[str, torch.Tensor | None]) -> torch.Tensor | None:
        """The speech tensor among the four arguments; with a speech tokenizer ready-made token ids pass as well."""
        accepted = {self.speech_input_name} | ({"speech_input_ids"} if self.speech_tokenizer is not None else set())
        present = [name for name, value in given.items() if value is not None]
        unknown = set(present) - accepted - {"encoded_speech"}
        if unknown or len(present) > 1:
            raise ValueError(
                f"This model takes speech as {' or '.join(f'`{name}`' for name in sorted(accepted))}, "
                f"got {', '.join(f'`{name}`' for name in present)}."
            )
        return given[present[0]] if present else None

    def _drop_modalities(self, has_text: torch.Tensor, has_speech: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """In training, hides one modality of some of the rows that have both; masks are of shape `(batch,)`."""
        if not self.training or self.config.modality_dropout == 0:
            return has_text, has_speech
        draw = torch.rand(has_text.shape, device=has_text.device)
        both = has_text & has_speech
        text_dropped = draw < self.config.modality_dropout / 2
        speech_dropped = draw >= 1 - self.config.modality_dropout / 2
        return has_text & ~(both & text_dropped), has_speech & ~(both & speech_dropped)

    def _speech_sequence(self, states: torch.Tensor) -> torch.Tensor:
        """Encoded speech `(batch, frames[, states], hidden)` as the sequence `(batch, frames, hidden)` to fuse."""
        if self.speech_standardization is not None:
            states = self.speech_standardization(states)
        return states if self.layer_sum is None else self.layer_sum(states)


class EmoBertForSequenceClassification(EmoBertPreTrainedModel):
    """EmoBERT with one linear layer on the fused vector: emotions, several emotions at once, or scores.

    Args:
        config ([`EmoBertConfig`]): `problem_type`, `num_labels`, loss and dropout of the head.

    Example:

    ```python
    >>> import torch
    >>> from transformers import RobertaConfig
    >>> from configuration_emo import EmoBertConfig
    >>> from modeling_emo import EmoBertForSequenceClassification

    >>> encoder = RobertaConfig(vocab_size=50, hidden_size=16, num_hidden_layers=1, num_attention_heads=2)
    >>> config = EmoBertConfig.from_text_speech_configs(encoder, encoder, num_labels=4)
    >>> model = EmoBertForSequenceClassification(config)
    >>> ids = torch.randint(4, 50, (2, 7))
    >>> model(input_ids=ids, speech_input_ids=ids).logits.shape
    torch.Size([2, 4])

    ```
    """

    def __init__(self, config: EmoBertConfig):
        super().__init__(config)
        self.emobert = EmoBertModel(config)
        self.dropout = nn.Dropout(config.classifier_dropout)
        self.classifier = nn.Linear(config.text_pooled_size + config.speech_pooled_size, config.num_logits)
        self.loss_function = emotion_loss
        self.post_init()

    @classmethod
    def from_text_speech_pretrained(
        cls,
        text_model: str | PreTrainedModel,
        speech_model: str | PreTrainedModel,
        speech_tokenizer: str | PreTrainedModel | None = None,
        **config_kwargs,
    ) -> "EmoBertForSequenceClassification":
        """A new classifier over two pretrained encoders.

        Args:
            text_model (`str` or `PreTrainedModel`): folder, Hub id or loaded model of a text encoder.
            speech_model (`str` or `PreTrainedModel`): the same for a speech encoder.
            speech_tokenizer (`str` or `PreTrainedModel`, *optional*): what turns waveforms into the speech encoder's
                token ids: the folder of a converted vq-wav2vec, a [`VqWav2VecModel`] (the dictionary then comes from
                the speech model's folder), or a [`SpeechTokenizerModule`].
            config_kwargs: fields of [`EmoBertConfig`], such as `num_labels`, `problem_type`, `fusion`.

        Raises:
            ValueError: a checkpoint lacks weights of its encoder, or the configuration does not fit.
        """
        text_encoder = load_encoder(text_model) if isinstance(text_model, str) else text_model
        speech_encoder = load_encoder(speech_model) if isinstance(speech_model, str) else speech_model
        if speech_tokenizer is not None:
            speech_tokenizer = load_speech_tokenizer(speech_tokenizer, speech_model, speech_encoder.config)
        config = EmoBertConfig(
            text_config=text_encoder.config,
            speech_config=speech_encoder.config,
            speech_tokenizer_config=None if speech_tokenizer is None else speech_tokenizer.config,
            **config_kwargs,
        )
        model = cls(config)
        _copy_weights(text_encoder, model.emobert.text_encoder)
        _copy_weights(speech_encoder, model.emobert.speech_encoder)
        if speech_tokenizer is not None:
            _copy_weights(speech_tokenizer, model.emobert.speech_tokenizer)
        if config.speech_pooling == "cls" and model.emobert.speech_input_name != "speech_input_ids":
            logger.warning(
                f"speech_pooling='cls' takes the first frame of {type(speech_encoder).__name__}, which has no first "
                "token of its own: 'mean_std' or 'attention' usually serve it better."
            )
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

    @can_return_tuple
    def forward(
        self,
        input_ids: torch.LongTensor | None = None,
        attention_mask: torch.Tensor | None = None,
        speech_input_ids: torch.LongTensor | None = None,
        input_values: torch.FloatTensor | None = None,
        input_features: torch.FloatTensor | None = None,
        speech_attention_mask: torch.Tensor | None = None,
        encoded_text: torch.FloatTensor | None = None,
        encoded_speech: torch.FloatTensor | None = None,
        labels: torch.Tensor | None = None,
        output_attentions: bool | None = None,
        output_hidden_states: bool | list[int] | None = None,
        num_items_in_batch: torch.Tensor | int | None = None,
        **kwargs,
    ) -> EmoBertSequenceClassifierOutput:
        r"""
        Predicts; inputs as in [`EmoBertModel`].

        Args:
            labels (`torch.Tensor`, *optional*): by `config.problem_type`: class indices `(batch,)`
                (`single_label_classification`), 0/1 rows `(batch, num_labels)` (`multi_label_classification`), scores
                `(batch,)` or `(batch, num_labels)` (`regression`), class indices `(batch,)` or 0/1 rows
                `(batch, num_labels)` (`one_vs_rest_classification`).
            num_items_in_batch (`int`, *optional*): see [`emotion_loss`]; Trainer passes it.
        """
        with_unimodal_loss = self.training and labels is not None and self.config.unimodal_loss_weight > 0
        outputs = self.emobert(
            input_ids=input_ids,
            attention_mask=attention_mask,
            speech_input_ids=speech_input_ids,
            input_values=input_values,
            input_features=input_features,
            speech_attention_mask=speech_attention_mask,
            encoded_text=encoded_text,
            encoded_speech=encoded_speech,
            output_attentions=output_attentions,
            output_hidden_states=output_hidden_states,
            output_unimodal=with_unimodal_loss,
            return_dict=True,
            **kwargs,
        )
        logits = self._logits(outputs.pooler_output)
        loss = None
        if labels is not None:
            options = {"labels": labels, "config": self.config, "num_items_in_batch": num_items_in_batch}
            loss = self.loss_function(pooled_logits=logits, **options)
            if with_unimodal_loss:
                for vector in (outputs.text_only_pooler_output, outputs.speech_only_pooler_output):
                    unimodal_loss = self.loss_function(pooled_logits=self._logits(vector), **options)
                    loss = loss + self.config.unimodal_loss_weight * unimodal_loss
        return EmoBertSequenceClassifierOutput(loss=loss, logits=logits, **outputs)

    def _logits(self, vector: torch.Tensor) -> torch.Tensor:
        """A fused vector `(batch, size)` to logits, in the shape of the problem type."""
        logits = self.classifier(self.dropout(vector))
        if self.config.problem_type == "one_vs_rest_classification":
            logits = logits.unflatten(-1, (self.config.num_labels, 2))
        return logits


def _split_mask(
    inputs: torch.Tensor | None, mask: torch.Tensor | None, reference: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Which rows have the modality `(batch,)`, and a mask for its encoder, which must not be empty in any row."""
    if inputs is None:
        return torch.zeros(reference.shape[0], dtype=torch.bool, device=reference.device), None
    if mask is None:
        return torch.ones(reference.shape[0], dtype=torch.bool, device=reference.device), None
    present = mask.bool().any(-1)
    return present, mask.masked_fill(~present[:, None], 1)


def _copy_weights(source: nn.Module, target: nn.Module) -> None:
    """Copies all weights that `target` has; what else the source carries (a pooler) is not needed."""
    weights = source.state_dict()
    missing = sorted(target.state_dict().keys() - weights.keys())
    if missing:
        raise ValueError(f"{type(source).__name__} lacks {len(missing)} weights, the first is {missing[0]!r}.")
    target.load_state_dict({name: weights[name] for name in target.state_dict()})


__all__ = [
    "EmoBertForSequenceClassification",
    "EmoBertModel",
    "EmoBertModelOutput",
    "EmoBertPreTrainedModel",
    "EmoBertSequenceClassifierOutput",
]
