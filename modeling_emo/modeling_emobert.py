"""EmoBERT: any Transformers speech encoder and text encoder, fused by co-attention (arXiv 2008.06682)."""

from typing import Any

import torch
from torch import nn
from transformers import PreTrainedModel
from transformers.utils import can_return_tuple

from configuration_emo.configuration_emobert import EmoBertConfig

from .encoders.families import family_of
from .encoders.layers import switch_off_layer_drop, use_layers
from .encoders.loading import build_encoder
from .encoders.own_length import set_own_length
from .encoders.packed_layers import prepare_packing
from .encoders.present_rows import encode_present_rows
from .encoders.speech import SPEECH_INPUTS, encode_speech, speech_input_name
from .encoders.suitability import check_config, check_encoder
from .encoders.text import encode_text
from .fusion import CoAttentionStack, Pooling, Standardization, StandIn, WeightedLayerSum
from .loss import emotion_loss
from .modalities import check_mask, check_rows, hide_modalities, present_rows, refuse_unknown, select_input
from .modeling_outputs import EmoBertModelOutput, EmoBertSequenceClassifierOutput, EncodedSequence
from .pretrained_model import EmoBertPreTrainedModel, OverPretrainedEncoders
from .speech_tokenizer_module import SpeechTokenizerModule


# The arguments of `forward` that may hold the speech, at most one of them at a time.
SPEECH_ARGUMENTS = (*SPEECH_INPUTS, "encoded_speech")
# What Transformers' auto classes load from this file where EmoBERT is not installed.
AUTO_CLASSES = {
    "AutoModel": "EmoBertModel",
    "AutoModelForSequenceClassification": "EmoBertForSequenceClassification",
}


class EmoBertModel(EmoBertPreTrainedModel):
    """Text and speech encoders and their fusion, without a head.

    Args:
        config ([`EmoBertConfig`]): the two encoders and the fusion.
        text_encoder, speech_encoder (`PreTrainedModel`, *optional*): encoders to take in, and to change, in the place
            of new ones; `config` holds their configurations.
        speech_tokenizer ([`SpeechTokenizerModule`], *optional*): the same for the speech tokenizer.

    Raises:
        ValueError: an encoder cannot serve on its side.
    """

    _auto_map_classes = AUTO_CLASSES

    def __init__(
        self,
        config: EmoBertConfig,
        text_encoder: PreTrainedModel | None = None,
        speech_encoder: PreTrainedModel | None = None,
        speech_tokenizer: SpeechTokenizerModule | None = None,
    ):
        super().__init__(config)
        check_config(config.text_config, "text")
        check_config(config.speech_config, "speech")
        text_size, speech_size = config.text_hidden_size, config.speech_hidden_size
        self.text_encoder = build_encoder(config.text_config) if text_encoder is None else text_encoder
        self.speech_encoder = build_encoder(config.speech_config) if speech_encoder is None else speech_encoder
        check_encoder(self.text_encoder, "text")
        family_of(config.speech_config).prepare(self.speech_encoder)
        set_own_length(self.speech_encoder, config.speech_own_length)
        use_layers(self.text_encoder, config.text_layer)
        use_layers(self.speech_encoder, config.speech_layer)
        if config.use_weighted_layer_sum:
            switch_off_layer_drop(self.speech_encoder)
        prepare_packing(self.speech_encoder)
        self.speech_tokenizer = None
        if config.speech_tokenizer_config is not None:
            self.speech_tokenizer = speech_tokenizer or SpeechTokenizerModule(
                config.speech_tokenizer_config, config.speech_config
            )
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
                encoder does not take; a mask does not fit its input or has its padding on the left; the numbers of
                rows differ; there is an argument that nobody reads.
        """
        refuse_unknown(kwargs)
        if output_attentions is None:
            output_attentions = self.config.output_attentions
        if output_hidden_states is None:
            output_hidden_states = self.config.output_hidden_states
        requested: Any = {"output_attentions": output_attentions, "output_hidden_states": output_hidden_states}

        text_inputs = select_input({"input_ids": input_ids, "encoded_text": encoded_text}, {"input_ids"}, "text")
        speech_inputs = select_input(
            {
                "speech_input_ids": speech_input_ids,
                "input_values": input_values,
                "input_features": input_features,
                "encoded_speech": encoded_speech,
            },
            # With a speech tokenizer ready-made token ids pass as well.
            {self.speech_input_name, speech_input_name(self.speech_encoder)},
            "speech",
        )
        if text_inputs is None and speech_inputs is None:
            raise ValueError(f"There is no text and no speech: pass `input_ids`, `{self.speech_input_name}` or both.")
        check_rows(text=text_inputs, speech=speech_inputs)
        check_mask("attention_mask", attention_mask, text_inputs, encoded=encoded_text is not None)
        time_axis = 2 if input_features is not None and family_of(self.config.speech_config).bins_first else 1
        encoded = encoded_speech is not None
        check_mask("speech_attention_mask", speech_attention_mask, speech_inputs, time_axis, encoded=encoded)
        reference: Any = text_inputs if text_inputs is not None else speech_inputs
        has_text, attention_mask = present_rows(text_inputs, attention_mask, reference)
        has_speech, speech_attention_mask = present_rows(speech_inputs, speech_attention_mask, reference)

        text = speech = None
        if encoded_text is not None:
            text = EncodedSequence.of_states(encoded_text, attention_mask)
        elif input_ids is not None:
            inputs: Any = (self.text_encoder, input_ids, attention_mask, has_text)
            text = encode_present_rows(self.encode_text, *inputs, **requested)
        if encoded_speech is not None:
            speech = EncodedSequence.of_states(encoded_speech, speech_attention_mask)
        elif speech_inputs is not None:
            inputs = self.speech_encoder, speech_inputs, speech_attention_mask, has_speech
            speech = encode_present_rows(self.encode_speech, *inputs, **requested)
        hidden = self.config.modality_dropout if self.training else 0.0
        outputs = self.fuse(text, speech, *hide_modalities(has_text, has_speech, hidden), **requested)
        if output_unimodal:
            nothing = torch.zeros_like(has_text)
            outputs["text_only_pooler_output"] = self.fuse(text, speech, has_text, nothing).pooler_output
            outputs["speech_only_pooler_output"] = self.fuse(text, speech, nothing, has_speech).pooler_output
            outputs["has_text"], outputs["has_speech"] = has_text, has_speech
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
        config = self.config
        requested.update(packing=config.packing, layers=config.text_layer, separator_id=config.context_separator_id)
        return EncodedSequence(*encode_text(self.text_encoder, input_ids, attention_mask, **requested))

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
        requested["packing"] = self.config.packing
        of_layers = self.layer_sum is not None or self.config.speech_layer is not None
        requested["output_hidden_states"] = of_layers or requested.get("output_hidden_states")
        sequence, mask, output = encode_speech(self.speech_encoder, inputs, attention_mask, of_layers, **requested)
        states: Any = output.hidden_states
        if self.layer_sum is not None:
            sequence = torch.stack(states, dim=2)
        elif self.config.speech_layer is not None:
            sequence = torch.cat([states[layer] for layer in self.config.speech_layers], dim=-1)
        return EncodedSequence(sequence, mask, output)

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
        if self.text_to_speech is not None and self.speech_to_text is not None:
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

    def _speech_sequence(self, states: torch.Tensor) -> torch.Tensor:
        """Encoded speech `(batch, frames[, states], hidden)` as the sequence `(batch, frames, hidden)` to fuse."""
        if self.speech_standardization is not None:
            states = self.speech_standardization(states)
        return states if self.layer_sum is None else self.layer_sum(states)


class EmoBertForSequenceClassification(OverPretrainedEncoders, EmoBertPreTrainedModel):
    """EmoBERT with one linear layer on the fused vector: emotions, several emotions at once, or scores.

    Args:
        config ([`EmoBertConfig`]): `problem_type`, `num_labels`, loss and dropout of the head.
        parts (`PreTrainedModel`, *optional*): `text_encoder`, `speech_encoder` and `speech_tokenizer` to take in, as
            in [`EmoBertModel`].

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

    _auto_map_classes = AUTO_CLASSES

    def __init__(self, config: EmoBertConfig, **parts: Any):
        super().__init__(config)
        self.emobert = EmoBertModel(config, **parts)
        self.dropout = nn.Dropout(config.classifier_dropout)
        self.classifier = nn.Linear(config.text_pooled_size + config.speech_pooled_size, config.num_logits)
        self.loss_function = emotion_loss
        self.post_init()

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
        votes: torch.Tensor | None = None,
        output_attentions: bool | None = None,
        output_hidden_states: bool | list[int] | None = None,
        num_items_in_batch: torch.Tensor | int | None = None,
        weight_in_batch: torch.Tensor | float | None = None,
        **kwargs,
    ) -> EmoBertSequenceClassifierOutput:
        r"""
        Predicts; inputs as in [`EmoBertModel`].

        Args:
            labels (`torch.Tensor`, *optional*): by `config.problem_type`: class indices `(batch,)` of a single label
                or one-vs-rest; 0/1 rows `(batch, num_labels)` of several labels or one-vs-rest; scores `(batch,)` or
                `(batch, num_labels)` of a regression.
            votes (`torch.Tensor` of shape `(batch, num_labels)`, *optional*): votes, see [`emotion_loss`].
            num_items_in_batch, weight_in_batch (*optional*): see [`emotion_loss`]; Trainer passes them.
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
            check_rows(labels=labels, logits=logits)
            options = {"labels": labels, "votes": votes, "config": self.config, "weight_in_batch": weight_in_batch}
            options["num_items_in_batch"] = num_items_in_batch
            loss = self.loss_function(pooled_logits=logits, **options)
            for side in ("text", "speech") if with_unimodal_loss else ():
                alone = self._logits(outputs[f"{side}_only_pooler_output"])
                unimodal_loss = self.loss_function(pooled_logits=alone, rows=outputs[f"has_{side}"], **options)
                loss = loss + self.config.unimodal_loss_weight * unimodal_loss
        return EmoBertSequenceClassifierOutput(loss=loss, logits=logits, **outputs)

    def _name_code(self):
        # Imported so that its file goes wherever this one goes, and here since nothing else in this file needs it.
        from .inference.pipeline import remote_pipelines

        super()._name_code()
        if self._is_own():
            self.config.remote_pipelines = remote_pipelines()

    def _logits(self, vector: torch.Tensor) -> torch.Tensor:
        """A fused vector `(batch, size)` to logits, in the shape of the problem type."""
        logits = self.classifier(self.dropout(vector))
        if self.config.problem.logits_per_label > 1:
            logits = logits.unflatten(-1, (self.config.num_labels, self.config.problem.logits_per_label))
        return logits


__all__ = ["EmoBertForSequenceClassification", "EmoBertModel", "EmoBertPreTrainedModel"]
