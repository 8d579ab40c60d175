"""A classifier as one `torch.export` program that takes batches and lengths of any size."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import nn
from torch.export import Dim, ExportedProgram
from transformers import PreTrainedModel

from configuration_emo.configuration_emobert import MODALITIES

from ..encoders.families import family_of
from ..encoders.speech import min_samples, speech_frames
from ..modeling_emobert import EmoBertForSequenceClassification
from .example_inputs import (
    check_modalities,
    example_inputs,
    exported_speech_name,
    takes_fixed_length,
)


class LogitsModule(nn.Module):
    """A classifier whose only output is its logits: what is exported.

    Args:
        model ([`EmoBertForSequenceClassification`]): the classifier.

    Waveforms get some silence behind them, which their mask leaves out. It changes no prediction; but the traced model
    then never meets a clip that is shorter than one frame, nor one that has a single frame.
    """

    def __init__(self, model: EmoBertForSequenceClassification):
        super().__init__()
        self.model = model
        takes_waveforms = exported_speech_name(model) == "input_values"
        self.silence = _samples_of_two_frames(model.emobert.speech_encoder) if takes_waveforms else 0

    def forward(
        self,
        input_ids: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        speech_input_ids: torch.Tensor | None = None,
        input_values: torch.Tensor | None = None,
        input_features: torch.Tensor | None = None,
        speech_attention_mask: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Shapes as in the classifier's `forward`; returns the logits `(batch, num_labels[, 2])`."""
        if input_values is not None and speech_attention_mask is not None:
            input_values = nn.functional.pad(input_values, (0, self.silence))
            speech_attention_mask = nn.functional.pad(speech_attention_mask, (0, self.silence))
        return self.model(
            input_ids=input_ids,
            attention_mask=attention_mask,
            speech_input_ids=speech_input_ids,
            input_values=input_values,
            input_features=input_features,
            speech_attention_mask=speech_attention_mask,
        ).logits


def export_program(model: EmoBertForSequenceClassification, modalities: Sequence[str] = MODALITIES) -> ExportedProgram:
    """Traces a classifier with `torch.export`; batch size, text length and speech length stay free.

    The program takes the arguments of `forward` by keyword, all of those of its modalities: `input_ids` and
    `attention_mask`, `speech_input_ids`, `input_values` or `input_features`, and `speech_attention_mask`. A row whose
    mask is all zero lacks that modality. It returns the logits, which are those of `model.eval()`.

    Args:
        model ([`EmoBertForSequenceClassification`]): any encoders, poolings, fusion and problem type. It is exported
            as in evaluation, and comes back in the mode that it was in. A speech tokenizer inside it is left out: the
            program then takes `speech_input_ids`.
        modalities (sequence of `str`, defaults to both): `("text",)` or `("speech",)` for a program that takes one
            only.

    Returns:
        `torch.export.ExportedProgram`: run it with `program.module()(**inputs)`, save it with `torch.export.save`.
        With WavLM take `program.module(check_guards=False)`, for the guards that torch notes while it traces its
        attention refuse a batch of one without need.

    Raises:
        ValueError: a modality is unknown, or the text encoder runs row by row.

    Example:

    ```python
    >>> import torch
    >>> from transformers import RobertaConfig
    >>> from configuration_emo import EmoBertConfig
    >>> from modeling_emo import EmoBertForSequenceClassification
    >>> from modeling_emo import export_program

    >>> encoder = RobertaConfig(vocab_size=50, hidden_size=16, num_hidden_layers=1, num_attention_heads=2)
    >>> config = EmoBertConfig.from_text_speech_configs(encoder, encoder, num_labels=4)
    >>> program = export_program(EmoBertForSequenceClassification(config))
    >>> text, speech = torch.randint(4, 50, (5, 9)), torch.randint(4, 50, (5, 20))
    >>> masks = {"attention_mask": torch.ones_like(text), "speech_attention_mask": torch.ones_like(speech)}
    >>> program.module()(input_ids=text, speech_input_ids=speech, **masks).shape
    torch.Size([5, 4])

    ```
    """
    modalities = check_modalities(modalities)
    if "text" in modalities and family_of(model.config.text_config).row_by_row:
        raise ValueError(
            f"A model with the text encoder {model.config.text_config.model_type!r}, which runs row by row, cannot be "
            "exported: export it for modalities=('speech',), or take another text encoder."
        )
    inputs = example_inputs(model, modalities)
    with _exportable(model):
        return torch.export.export(
            LogitsModule(model), (), kwargs=inputs, dynamic_shapes=_dynamic_shapes(model, inputs), strict=False
        )


def _dynamic_shapes(
    model: EmoBertForSequenceClassification, inputs: dict[str, torch.Tensor]
) -> dict[str, dict[int, Any]]:
    """Which axes of each input are free: all batches are one size, an input is as long as its mask."""
    batch = Dim("batch")
    free_text, free_speech = {0: batch, 1: Dim.DYNAMIC}, {0: batch, 1: Dim.DYNAMIC}
    if takes_fixed_length(model.emobert.speech_encoder):
        free_speech = {0: batch}
    return {name: free_text if name in ("input_ids", "attention_mask") else free_speech for name in inputs}


@contextlib.contextmanager
def _exportable(model: EmoBertForSequenceClassification) -> Iterator[None]:
    """The model in evaluation mode, without gradients and with lengths that can be traced."""
    was_training = [module for module in model.modules() if module.training]
    model.eval()
    try:
        encoder = model.emobert.speech_encoder
        with torch.no_grad(), _traceable_frame_counts(encoder), _convertible_attention(encoder):
            yield
    finally:
        for module in was_training:
            module.training = True


@contextlib.contextmanager
def _traceable_frame_counts(encoder: PreTrainedModel) -> Iterator[None]:
    """Moonshine counts frames in floating point and cuts the result off, which a trace takes for a constant."""
    if not family_of(encoder.config).untraceable_lengths:
        yield
        return
    # An attribute of the object hides the method of its class for a while.
    vars(encoder)["_get_feat_extract_output_lengths"] = functools.partial(speech_frames, encoder)
    try:
        yield
    finally:
        del vars(encoder)["_get_feat_extract_output_lengths"]


@contextlib.contextmanager
def _convertible_attention(encoder: PreTrainedModel) -> Iterator[None]:
    """What `torch.onnx` makes of wav2vec2-bert's SDPA does not fit its own shapes; the plain attention does."""
    before = encoder.config._attn_implementation
    if not family_of(encoder.config).eager_export or before == "eager":
        yield
        return
    encoder.set_attn_implementation("eager")
    try:
        yield
    finally:
        encoder.set_attn_implementation(before)


def _samples_of_two_frames(encoder: PreTrainedModel) -> int:
    """Samples from which a waveform encoder makes at least two frames."""
    # The next frame starts one stride later, and no kernel is shorter than its stride.
    return 2 * min_samples(encoder)
