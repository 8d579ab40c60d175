"""`torch.export`: the program gives the model's logits at shapes that it was not traced with."""

import pytest
import torch

from configuration_emo import EmoBertConfig, VqWav2VecConfig
from modeling_emo import EmoBertForSequenceClassification
from modeling_emo.export.example_inputs import example_inputs
from modeling_emo.export.program import export_program
from tests.tiny_models import emobert, single_row, speech_config, text_config


# Every family of encoders, pooling, fusion, way to choose layers and problem type at least once.
CASES = {
    "roberta": {"problem_type": "one_vs_rest_classification"},
    "wav2vec2-group-norm": {"speech_pooling": "mean_std", "speech_layer": 1, "fusion": "shallow"},
    "wav2vec2-layer-norm": {"speech_pooling": "mean", "problem_type": "regression", "num_labels": 1},
    "hubert": {"speech_pooling": "attention", "text_pooling": "mean", "problem_type": "multi_label_classification"},
    "wavlm": {"use_weighted_layer_sum": True, "speech_pooling": "mean_std"},
    "moonshine": {
        "use_weighted_layer_sum": True,
        "standardize_speech": True,
        "speech_pooling": "mean_std",
        "text_pooling": "attention",
        "num_co_attention_layers": 2,
        "co_attention_feed_forward": True,
    },
    "whisper": {"speech_layer": 1, "standardize_speech": True, "speech_pooling": "attention"},
    "wav2vec2-bert": {"text_pooling": "mean_std", "speech_pooling": "mean_std"},
    "emotion2vec": {"speech_layer": 1, "speech_pooling": "quantiles"},
}
# Batch size, text length, and speech length of token ids or mel frames and of waveforms: one utterance, one token,
# less than a frame, exactly one frame of Moonshine, longer than the example.
SHAPES = [(1, 9, 25, 7000), (1, 1, 1, 300), (2, 3, 4, 895), (5, 30, 70, 20_000)]


def assert_same_logits(run, model, modalities=("text", "speech"), atol=1e-5):
    """`run(**inputs)` gives the model's logits at all `SHAPES`, some rows lacking text, speech or most of it."""
    rows = []
    for seed, (batch_size, text_length, num_frames, num_samples) in enumerate(SHAPES):
        inputs = example_inputs(
            model,
            modalities,
            batch_size=batch_size,
            text_length=text_length,
            speech_length=num_samples if model.emobert.speech_input_name == "input_values" else num_frames,
            ragged=True,
            seed=seed,
        )
        with torch.no_grad():
            expected = model(**inputs).logits
        torch.testing.assert_close(run(**inputs), expected, atol=atol, rtol=1e-5)
        rows.append(expected)
    assert torch.cat(rows).std(0).min() > 1e-2, "the rows must differ, or the comparison shows nothing"


def randomly_standardized(model):
    """The model with statistics other than the neutral ones, where it has any."""
    if model.emobert.speech_standardization is not None:
        torch.manual_seed(1)
        model.emobert.speech_standardization.mean.normal_()
        model.emobert.speech_standardization.std.uniform_(0.5, 2.0)
    return model


@pytest.mark.parametrize("family", CASES)
def test_a_program_gives_the_model_s_logits_at_other_shapes(family):
    model = randomly_standardized(emobert(family, **CASES[family]))
    encoder = model.emobert.speech_encoder
    attention = encoder.config._attn_implementation
    program = export_program(model)
    # What torch notes of a reshaping in WavLM's attention would refuse a batch of one, which is computed correctly.
    assert_same_logits(program.module(check_guards=family != "wavlm"), model)
    assert encoder.config._attn_implementation == attention, "what eases the tracing must not stay"
    assert "_get_feat_extract_output_lengths" not in vars(encoder)


def test_a_program_of_speech_takes_speech_only():
    model = emobert("moonshine")
    program = export_program(model, ("speech",))
    names = {spec.arg.name for spec in program.graph_signature.input_specs if spec.kind.name == "USER_INPUT"}
    assert names == {"input_values", "speech_attention_mask"}
    assert_same_logits(program.module(), model, ("speech",))


def test_a_program_of_text_is_saved_and_loaded_and_the_model_keeps_its_mode(tmp_path):
    model = emobert()
    model.freeze_speech_encoder()
    model.train()
    program = export_program(model, ("text",))
    assert model.training and model.emobert.text_encoder.training and not model.emobert.speech_encoder.training
    assert all(parameter.requires_grad for parameter in model.emobert.text_encoder.parameters())
    torch.export.save(program, tmp_path / "program.pt2")
    assert_same_logits(torch.export.load(tmp_path / "program.pt2").module(), model.eval(), ("text",))


def test_a_model_with_a_speech_tokenizer_is_exported_without_it():
    tokenizer = VqWav2VecConfig(
        num_codevectors_per_group=8, conv_dim=[16] * 8, agg_dim=[16], agg_kernel=[2], agg_stride=[1]
    )
    config = EmoBertConfig(
        text_config=text_config(),
        speech_config=speech_config(),
        speech_tokenizer_config=tokenizer,
        initializer_range=0.3,
        num_labels=3,
    )
    torch.manual_seed(0)
    model = EmoBertForSequenceClassification(config).eval()
    assert model.emobert.speech_input_name == "input_values"
    inputs = example_inputs(model, batch_size=4, ragged=True, seed=3)
    assert "speech_input_ids" in inputs
    expected = model(**single_row(inputs, 0)).logits
    logits = export_program(model).module()(**inputs)
    torch.testing.assert_close(logits[:1], expected, atol=1e-5, rtol=0)


def test_an_unknown_modality_is_refused():
    with pytest.raises(ValueError, match="modalities must be some of text, speech, got \\('video',\\)"):
        export_program(emobert(), ("video",))
