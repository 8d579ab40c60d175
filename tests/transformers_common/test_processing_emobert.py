"""Transformers' common processor suite over EmoBertProcessor, with waveforms and with log-mel features."""

import unittest

from preprocess import EmoBertProcessor

from ..tiny import tiny_feature_extractor, tiny_tokenizer
from .suites import leave_out, processing


@leave_out(
    {
        "text and sound only": (
            "test_*_images",
            "test_*_videos",
            "test_args_overlap_kwargs",
            "test_processor_text_has_no_visual",
        ),
        "not for chats": ("test_*chat_template*",),
        "texts hold no placeholders for sound": (
            "test_get_num_multimodal_tokens_*",
            "test_if_input_has_mismatching_tokens_and_mm_data",
            "test_replacement_offsets",
        ),
    }
)
class EmoBertProcessorTests(processing.ProcessorTesterMixin):
    """The processor suite over a tokenizer of a few words."""

    processor_class = EmoBertProcessor

    @classmethod
    def _setup_tokenizer(cls):
        return tiny_tokenizer(model_max_length=512)


class WaveformProcessorTest(EmoBertProcessorTests, unittest.TestCase):
    audio_input_name = "input_values"

    @classmethod
    def _setup_feature_extractor(cls):
        return tiny_feature_extractor("waveform")


class LogMelProcessorTest(EmoBertProcessorTests, unittest.TestCase):
    audio_input_name = "input_features"

    @classmethod
    def _setup_feature_extractor(cls):
        return tiny_feature_extractor("whisper")
