"""What all EmoBERT models share: loading, saving, initialisation, attention dispatch, gradient checkpointing."""

import torch
from torch import nn
from transformers import PreTrainedModel
from transformers import initialization as init
from transformers.modeling_layers import GradientCheckpointingLayer

from configuration_emo.configuration_emobert import EmoBertConfig

from .encoders.layers import encoder_layers
from .encoders.length_aware import is_length_aware
from .fusion import Standardization, StandIn, WeightedLayerSum
from .hub import SelfContainedModel


class EmoBertPreTrainedModel(SelfContainedModel, PreTrainedModel):
    """What all EmoBERT models share: loading, saving, initialisation, attention dispatch, gradient checkpointing."""

    config: EmoBertConfig
    base_model_prefix = "emobert"
    main_input_name = "input_ids"
    input_modalities = ("audio", "text")  # type: ignore[assignment]  # tuples in Transformers, too
    supports_gradient_checkpointing = True
    _no_split_modules = ["CoAttentionLayer"]
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
