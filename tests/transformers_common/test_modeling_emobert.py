"""Transformers' common model and configuration suites over EmoBERT."""

import json
import tempfile
import unittest

from configuration_emo import EmoBertConfig
from modeling_emo import EmoBertForSequenceClassification, EmoBertModel

from ..tiny_models import TRANSFORMER, emobert_config
from .suites import ConfigTester, leave_out, modeling


def padded_on_the_right(shape):
    """A random mask of the only kind that the models take."""
    return modeling.random_attention_mask(shape).sort(descending=True).values


class EmoBertModelTester:
    """A tiny configuration and batch, in the form that the suites ask for: BERT and a RoBERTa of speech tokens."""

    speech_family = "roberta"
    batch_size = 3
    seq_length = 7
    hidden_size = TRANSFORMER["hidden_size"]
    num_hidden_layers = TRANSFORMER["num_hidden_layers"]
    num_attention_heads = TRANSFORMER["num_attention_heads"]
    # The outputs carry those of the text encoder and those of the speech encoder.
    num_hidden_states_types = 2
    is_training = True

    def get_config(self):
        return emobert_config(self.speech_family)

    def prepare_config_and_inputs_for_common(self):
        return self.get_config(), {**self.text_inputs(), **self.speech_inputs()}

    def text_inputs(self):
        shape = [self.batch_size, self.seq_length]
        return {
            "input_ids": modeling.ids_tensor(shape, 60),
            "attention_mask": padded_on_the_right(shape),
        }

    def speech_inputs(self):
        shape = [self.batch_size, 11]
        return {
            "speech_input_ids": modeling.ids_tensor(shape, 60),
            "speech_attention_mask": padded_on_the_right(shape),
        }


class EmoBertWaveformModelTester(EmoBertModelTester):
    """The same with Moonshine's encoder of waveforms."""

    speech_family = "moonshine"

    def speech_inputs(self):
        shape = [self.batch_size, 2000]
        return {
            "input_values": modeling.floats_tensor(shape),
            "speech_attention_mask": padded_on_the_right(shape),
        }


@leave_out(
    {
        "none of these optional methods": ("test_get_*_features_*",),
        "no language-modelling head": ("test_causal_lm_loss_*", "test_encoder_decoder_loss_*"),
        "no experts to route to": (
            "test_eager_matches_batched_and_grouped_inference_*",
            "test_moe_*",
            "test_output_router_logits_*",
        ),
        "rotary positions, where there are any, are an encoder's own affair": (
            "test_model_rope_*",
            "test_vision_axial_rope",
        ),
        "none of these encoders attends within a window": ("test_sliding_window_mask",),
        "text is optional and comes as token ids: there is no inputs_embeds argument": ("test_inputs_embeds*",),
        "BERT, RoBERTa and Moonshine cannot resize their positions in Transformers": (
            "test_resize_position_vector_embeddings",
        ),
        "padding on the left is refused": ("test_eager_matches_sdpa_inference_*_pad_left*",),
        "no weights that must stay in float32": ("test_keep_in_fp32_modules*",),
        "no older names of weights to map": ("test_reverse_loading_mapping", "test_can_load_from_already_mapped_keys"),
        "no plan for tensor parallelism": ("test_tp_plan_*", "test_tied_head_has_a_tp_plan_entry"),
        "composite: test_sdpa_can_dispatch_composite_models is its test": (
            "test_sdpa_can_dispatch_non_composite_models",
        ),
    }
)
class CompositeModelTests(modeling.ModelTesterMixin):
    """The model suite, with what differs for two encoders of any kind."""

    all_model_classes = (EmoBertModel, EmoBertForSequenceClassification)
    _is_composite = True
    _torch_compile_train_cls = EmoBertForSequenceClassification
    test_can_init_all_missing_weights_before_2023 = True

    def test_sdpa_can_dispatch_composite_models(self):
        """In place of the suite's own, which looks for sub-models under the names of image and text models."""
        for model_class in self.all_model_classes:
            with tempfile.TemporaryDirectory() as folder:
                model_class(self.model_tester.get_config()).save_pretrained(folder)
                for kwargs, expected in (({}, "sdpa"), ({"attn_implementation": "eager"}, "eager")):
                    model = model_class.from_pretrained(folder, **kwargs).base_model
                    for encoder in (model.text_encoder, model.speech_encoder):
                        self.assertEqual(attention_implementations(encoder), {expected})


def attention_implementations(encoder):
    """How the attention modules of an encoder are set to compute."""
    attending = [module for module in encoder.modules() if type(module).__name__.endswith("Attention")]
    return {module.config._attn_implementation for module in attending if hasattr(module, "config")}


class EmoBertModelTest(CompositeModelTests, unittest.TestCase):
    additional_model_inputs = ("speech_input_ids",)

    def setUp(self):
        self.model_tester = EmoBertModelTester()

    def test_config(self):
        encoders = json.loads(self.model_tester.get_config().to_json_string())
        tester = ConfigTester(
            self,
            config_class=EmoBertConfig,
            has_text_modality=False,  # that is, no `vocab_size` of its own
            common_properties=["hidden_size"],
            text_config=encoders["text_config"],
            speech_config=encoders["speech_config"],
        )
        tester.run_common_tests()


class EmoBertWaveformModelTest(CompositeModelTests, unittest.TestCase):
    additional_model_inputs = ("input_values",)

    def setUp(self):
        self.model_tester = EmoBertWaveformModelTester()
