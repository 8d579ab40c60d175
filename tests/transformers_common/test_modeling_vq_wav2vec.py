"""Transformers' common model and configuration suites over vq-wav2vec."""

import unittest

import torch

from configuration_emo import VqWav2VecConfig
from modeling_emo import VqWav2VecModel

from .suites import ConfigTester, leave_out, modeling


class VqWav2VecModelTester:
    """A tiny configuration and batch, in the form that the suites ask for."""

    batch_size = 3
    num_samples = 1200
    is_training = False  # a tokeniser: it has no loss

    def get_config(self):
        return VqWav2VecConfig(
            conv_dim=[16, 16],
            conv_kernel=[10, 8],
            conv_stride=[5, 4],
            num_codevectors_per_group=8,
            agg_dim=[16],
            agg_kernel=[2],
            agg_stride=[1],
        )

    def prepare_config_and_inputs_for_common(self):
        shape = [self.batch_size, self.num_samples]
        return self.get_config(), {
            "input_values": modeling.floats_tensor(shape),
            "attention_mask": modeling.random_attention_mask(shape).sort(descending=True).values,
        }


@leave_out(
    {
        "none of these optional methods": ("test_get_*_features_*",),
        "no attention": ("test_*attention*", "test_*attn*", "test_*sdpa*", "test_sliding_window_mask"),
        "no positions": ("test_model_rope_*", "test_vision_axial_rope", "test_resize_position_vector_embeddings"),
        "no experts to route to": (
            "test_eager_matches_batched_and_grouped_inference_*",
            "test_moe_*",
            "test_output_router_logits_*",
        ),
        "waveforms in, no embeddings": ("test_inputs_embeds*", "test_model_get_set_embeddings", "test_resize_*"),
        "for inference only, without a loss": (
            "test_causal_lm_loss_*",
            "test_encoder_decoder_loss_*",
            "test_enable_input_require_grads_*",
            "test_problem_types",
            "test_training*",
            "test_torch_compile_for_training",
        ),
        "features, codewords and context take the place of hidden states": (
            "test_can_capture_specific_layers_hidden_states",
            "test_capture_outputs_decorator",
            "test_hidden_states_output",
        ),
        "no configurations inside its own": ("test_internal_model_config_and_subconfig_are_same",),
        "no older names of weights to map": ("test_reverse_loading_mapping", "test_can_load_from_already_mapped_keys"),
        "no plan for tensor parallelism": ("test_tp_plan_*", "test_tied_head_has_a_tp_plan_entry"),
    }
)
class VqWav2VecModelTest(modeling.ModelTesterMixin, unittest.TestCase):
    all_model_classes = (VqWav2VecModel,)
    has_attentions = False
    test_can_init_all_missing_weights_before_2023 = True

    def setUp(self):
        self.model_tester = VqWav2VecModelTester()

    def test_model_outputs_equivalence(self):
        """In place of the suite's own, which also asks for hidden states."""
        config, inputs = self.model_tester.prepare_config_and_inputs_for_common()
        model = VqWav2VecModel(config)
        torch.testing.assert_close(model(**inputs, return_dict=False), model(**inputs).to_tuple(), rtol=0, atol=0)

    def test_config(self):
        tester = ConfigTester(
            self,
            config_class=VqWav2VecConfig,
            has_text_modality=False,
            common_properties=["sampling_rate", "conv_dim"],
            num_codevectors_per_group=8,
        )
        tester.run_common_tests()
