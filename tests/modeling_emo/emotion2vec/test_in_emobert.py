"""emotion2vec as the speech encoder of EmoBERT, beside a text encoder."""

import pytest
import torch
from transformers import BertModel

from modeling_emo import EmoBertForSequenceClassification, Emotion2VecForAudioClassification, add_lora
from modeling_emo.encoders.layers import transformer_layers
from modeling_emo.encoders.speech import convolutions, min_samples
from modeling_emo.export.program import export_program
from tests.emotion2vec_fixtures import VARIANTS, converted, ragged_batch, tiny_model
from tests.tiny_models import text_config


LENGTHS = [5000, 3000, 1040, 5000]


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """The converted variants as folders, by name."""
    place = tmp_path_factory.mktemp("emotion2vec")
    for variant in VARIANTS:
        converted(variant).save_pretrained(place / variant)
    return {variant: str(place / variant) for variant in VARIANTS}


def classifier(speech_model, **kwargs):
    torch.manual_seed(0)
    return EmoBertForSequenceClassification.from_text_speech_pretrained(
        BertModel(text_config()),
        speech_model,
        num_labels=3,
        num_co_attention_heads=2,
        speech_pooling="mean_std",
        initializer_range=0.3,  # far enough from zero for differences to show
        **kwargs,
    ).eval()


def batch_of(lengths=LENGTHS):
    speech = ragged_batch(lengths)
    ids = torch.randint(5, 60, (len(lengths), 9), generator=torch.Generator().manual_seed(0))
    return {
        "input_ids": ids,
        "attention_mask": torch.ones_like(ids),
        "input_values": speech["input_values"],
        "speech_attention_mask": speech["attention_mask"],
    }


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("options", [{}, {"use_weighted_layer_sum": True}, {"speech_layer": 1}], ids=str)
def test_a_clip_is_the_same_alone_and_in_a_batch(folders, variant, options):
    model, batch = classifier(folders[variant], **options), batch_of()
    with torch.no_grad():
        logits = model(**batch).logits
        for row, length in enumerate(LENGTHS):
            alone = model(
                input_ids=batch["input_ids"][row : row + 1], input_values=batch["input_values"][row : row + 1, :length]
            )
            torch.testing.assert_close(alone.logits[0], logits[row], rtol=0, atol=2e-5)
    assert logits.std(0).max() > 0.1, "the rows must differ, or equality shows nothing"


@pytest.mark.parametrize("variant", VARIANTS)
def test_its_frames_are_those_of_the_model_alone(folders, variant):
    model, speech = classifier(folders[variant]), ragged_batch(LENGTHS)
    with torch.no_grad():
        encoded = model.emobert.encode_speech(speech["input_values"], speech["attention_mask"])
        expected = converted(variant).base_model(**speech)
    assert torch.equal(encoded.mask, expected.frame_attention_mask.bool())
    difference = (encoded.hidden_states - expected.last_hidden_state)[encoded.mask]
    assert difference.abs().max() < 1e-6


def test_what_the_library_asks_of_an_encoder(folders):
    encoder = classifier(folders["edge_pre_norm"]).emobert.speech_encoder
    assert transformer_layers(encoder)[0] == "encoder.layers"
    assert convolutions(encoder) == [(10, 5, 0), (8, 4, 0), (4, 2, 0), (4, 2, 0), (4, 2, 0)]
    assert min_samples(encoder) == encoder.config.receptive_field == 465


def test_a_clip_that_is_shorter_than_a_frame(folders):
    """The library counts the silence behind it as part of it."""
    model = classifier(folders["base"])
    with torch.no_grad():
        short = model(input_values=torch.ones(1, 100)).logits
        padded = model(input_values=torch.nn.functional.pad(torch.ones(1, 100), (0, 300))).logits
    torch.testing.assert_close(short, padded, rtol=0, atol=1e-6)


def test_training_with_adapters_and_checkpointing():
    model = add_lora(classifier(tiny_model()), ["speech"], r=2, target_modules={"speech": ["q_proj", "v_proj"]})
    model.gradient_checkpointing_enable()
    model.train()
    model(**batch_of([700, 411]), labels=torch.tensor([0, 2])).loss.backward()
    adapters = {name: parameter for name, parameter in model.named_parameters() if "lora_" in name}
    assert len(adapters) == 3 * 2 * 2
    assert all(parameter.grad.abs().max() > 0 for name, parameter in adapters.items() if "lora_B" in name)


def test_export():
    model, batch = classifier(tiny_model()), batch_of([700, 411, 60])
    program = export_program(model)
    with torch.no_grad():
        torch.testing.assert_close(program.module()(**batch), model(**batch).logits, rtol=0, atol=1e-4)


def test_a_classifier_s_folder_gives_its_base(folders):
    assert isinstance(converted("plus_large"), Emotion2VecForAudioClassification)
    encoder = classifier(folders["plus_large"]).emobert.speech_encoder
    for name, weight in converted("plus_large").emotion2vec.state_dict().items():
        assert torch.equal(encoder.state_dict()[name], weight)
