"""Transformers' common model and configuration suites over emotion2vec."""

import unittest

from configuration_emo import Emotion2VecConfig
from modeling_emo import Emotion2VecForAudioClassification, Emotion2VecModel

from ..emotion2vec_fixtures import TINY, tiny_config
from .suites import ConfigTester, leave_out, modeling


class Emotion2VecModelTester:
    """A tiny configuration and batch, in the form that the suites ask for."""

    batch_size = 3
    num_samples = 700
    hidden_size = TINY["hidden_size"]
    num_hidden_layers = 2
    num_attention_heads = TINY["num_attention_heads"]
    seq_length = 17  # frames
    is_training = True

    def get_config(self):
        return tiny_config(num_hidden_layers=self.num_hidden_layers)

    def prepare_config_and_inputs_for_common(self):
        shape = [self.batch_size, self.num_samples]
        return self.get_config(), {
            "input_values": modeling.floats_tensor(shape),
            # Enough samples for a frame in each row, and padding behind them.
            "attention_mask": modeling.random_attention_mask(shape).sort(descending=True).values,
        }


@leave_out(
    {
        "none of these optional methods": ("test_get_*_features_*",),
        "no language-modelling head": ("test_causal_lm_loss_*", "test_encoder_decoder_loss_*"),
        "no cache": ("test_bc_cache_name_forward*",),
        "no experts to route to": (
            "test_eager_matches_batched_and_grouped_inference_*",
            "test_moe_*",
            "test_output_router_logits_*",
        ),
        "convolutions and distances in the place of rotary or learned positions": (
            "test_model_rope_*",
            "test_vision_axial_rope",
            "test_resize_position_vector_embeddings",
        ),
        "attends to all frames": ("test_sliding_window_mask",),
        "waveforms in, no embeddings": (
            "test_enable_input_require_grads_*",
            "test_inputs_embeds*",
            "test_model_get_set_embeddings",
            "test_resize_*",
        ),
        "padding on the left is refused": ("test_eager_matches_sdpa_inference_*_pad_left*",),
        "FlashAttention is refused": ("test_flash_attn_*",),
        "no weights that must stay in float32": ("test_keep_in_fp32_modules*",),
        "no configurations inside its own": (
            "test_attn_implementation_composite_models",
            "test_can_set_attention_dynamically_composite_model",
            "test_internal_model_config_and_subconfig_are_same",
            "test_sdpa_can_dispatch_composite_models",
        ),
        "no older names of weights to map": ("test_reverse_loading_mapping", "test_can_load_from_already_mapped_keys"),
        "no plan for tensor parallelism": ("test_tp_plan_*", "test_tied_head_has_a_tp_plan_entry"),
    }
)
class Emotion2VecModelTest(modeling.ModelTesterMixin, unittest.TestCase):
    all_model_classes = (Emotion2VecModel, Emotion2VecForAudioClassification)
    test_can_init_all_missing_weights_before_2023 = True

    def setUp(self):
        self.model_tester = Emotion2VecModelTester()

    def test_attention_outputs(self):
        """Attention is over extra tokens too, hidden states are of frames only."""
        self.model_tester.encoder_seq_length = TINY["num_extra_tokens"] + self.model_tester.seq_length
        super().test_attention_outputs()

    def test_config(self):
        tester = ConfigTester(
            self,
            config_class=Emotion2VecConfig,
            has_text_modality=False,
            common_properties=["hidden_size", "num_attention_heads", "num_hidden_layers"],
            **TINY,
        )
        tester.run_common_tests()
