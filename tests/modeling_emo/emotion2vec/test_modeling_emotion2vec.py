"""emotion2vec against the numbers of the original, alone and in padded batches, and what its two models return."""

import numpy as np
import pytest
import torch
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForAudioClassification,
    pipeline,
)

from configuration_emo import Emotion2VecConfig
from modeling_emo import Emotion2VecForAudioClassification, Emotion2VecModel
from tests.emotion2vec_fixtures import (
    VARIANTS,
    converted,
    extracted,
    extractor_of,
    ragged_batch,
    reference_clips,
    reference_numbers,
    taken_clips,
    tiny_model,
)


# Of the arrays that the original computed: features; states of single layers and logits, which are larger.
FEATURES, STATES = 2e-5, 5e-5


def base_model(variant) -> Emotion2VecModel:
    return converted(variant).base_model


def assert_close(actual, expected, atol):
    np.testing.assert_allclose(actual.numpy(), expected, rtol=0, atol=atol)


@pytest.fixture(params=VARIANTS)
def variant(request):
    return request.param


class TestAgainstTheOriginal:
    @pytest.mark.parametrize("clip", range(8))
    def test_a_clip_alone(self, variant, clip):
        expected, inputs = reference_numbers(variant), extracted(variant, [reference_clips()[clip]])
        if f"refused_{clip}" in expected:
            with pytest.raises(ValueError, match="but one frame takes"):
                converted(variant)(**inputs)
            return
        with torch.no_grad():
            output = converted(variant)(**inputs)
        assert_close(output.last_hidden_state[0], expected[f"frames_{clip}"], FEATURES)
        assert_close(output.pooler_output[0], expected[f"utterance_{clip}"], FEATURES)
        if f"tokens_{clip}" in expected:
            assert_close(output.extra_tokens[0], expected[f"tokens_{clip}"], FEATURES)
        else:
            assert output.extra_tokens is None
        if f"logits_{clip}" in expected:
            allowed = output.logits[0].isfinite()
            assert_close(output.logits[0][allowed], expected[f"logits_{clip}"][allowed], STATES)
            assert_close(output.logits[0].softmax(-1)[allowed], expected[f"scores_{clip}"], FEATURES)

    @pytest.mark.parametrize("noise", [0.0, 1.0, 30.0])
    @pytest.mark.parametrize("attention", ["sdpa", "eager"])
    def test_rows_of_one_batch(self, variant, attention, noise):
        expected = reference_numbers(variant)
        rows = taken_clips(variant)
        model = converted(variant)
        model.set_attn_implementation(attention)
        with torch.no_grad():
            output = model(
                **extracted(variant, [reference_clips()[clip] for clip in rows], noise), output_hidden_states=True
            )
        model.set_attn_implementation("sdpa")
        for row, clip in enumerate(rows):
            frames = len(expected[f"frames_{clip}"])
            assert output.frame_attention_mask[row].tolist() == [1] * frames + [0] * (
                output.frame_attention_mask.shape[1] - frames
            )
            assert_close(output.last_hidden_state[row, :frames], expected[f"frames_{clip}"], FEATURES)
            assert_close(output.pooler_output[row], expected[f"utterance_{clip}"], FEATURES)
            if f"tokens_{clip}" in expected:
                assert_close(output.extra_tokens[row], expected[f"tokens_{clip}"], FEATURES)
            if f"logits_{clip}" in expected:
                allowed = output.logits[row].isfinite()
                assert_close(output.logits[row][allowed], expected[f"logits_{clip}"][allowed], STATES)
        frames, tokens = len(expected["frames_2"]), model.config.num_extra_tokens
        for layer, states in enumerate(output.hidden_states):
            assert_close(states[rows.index(2), :frames], expected[f"hidden_{layer}_2"][tokens:], STATES)

    def test_each_step(self, variant):
        """Convolutions, projection, positions and the states of frames after each layer, on clip 2."""
        expected, model = reference_numbers(variant), base_model(variant)
        inputs = extracted(variant, [reference_clips()[2]])
        with torch.no_grad():
            features = model.feature_extractor(inputs["input_values"])
            projected = model.feature_projection(features)
            output = model(**inputs, output_hidden_states=True)
            position = model.encoder.pos_conv_embed(projected)
        assert_close(features[0], expected["conv_stack_2"], FEATURES)
        assert_close(projected[0], expected["projected_2"], FEATURES)
        assert_close(position[0], expected["position_2"], FEATURES)
        assert len(output.hidden_states) == 1 + model.config.num_hidden_layers
        for layer, states in enumerate(output.hidden_states):
            assert_close(states[0], expected[f"hidden_{layer}_2"][model.config.num_extra_tokens :], STATES)

    def test_a_mask_of_ones_changes_nothing(self, variant):
        inputs = extracted(variant, [reference_clips()[2]])
        with torch.no_grad():
            masked, plain = converted(variant)(**inputs), converted(variant)(inputs["input_values"])
        torch.testing.assert_close(masked.last_hidden_state, plain.last_hidden_state, rtol=0, atol=FEATURES)
        assert plain.frame_attention_mask is None


class TestBatches:
    """Members of the family that no reference is of."""

    CHANGES = {
        "as it is": {},
        "no distances": {"num_alibi_heads": 0},
        "distances for some heads": {"num_alibi_heads": 3},
        "norm first, groups": {"layer_norm_first": True, "feat_extract_norm": "group"},
        "even kernel, norm before positions": {"conv_pos_kernel_size": 4, "conv_pos_pre_norm": True},
        "no tokens, scales of layers": {"num_extra_tokens": 0, "alibi_scale_per_layer": True},
        "norms without weights, fixed scale": {"layer_norm_affine": False, "learned_alibi_scale": False},
    }

    @pytest.mark.parametrize("changes", CHANGES.values(), ids=CHANGES)
    def test_a_clip_is_the_same_alone_and_among_others(self, changes):
        lengths = [700, 60, 411, 1003]
        model, batch = tiny_model(**changes), ragged_batch(lengths)
        with torch.no_grad():
            together = model(**batch, output_hidden_states=True)
            for row, length in enumerate(lengths):
                alone = model(batch["input_values"][row : row + 1, :length], output_hidden_states=True)
                frames = model.config.num_frames(length)
                pairs = [
                    (together.pooler_output[row], alone.pooler_output[0]),
                    *zip(
                        (states[row, :frames] for states in together.hidden_states),
                        (states[0] for states in alone.hidden_states),
                        strict=True,
                    ),
                ]
                for actual, expected in pairs:
                    torch.testing.assert_close(actual, expected, rtol=0, atol=STATES)
        assert together.pooler_output.std(0).max() > 0.05, "the rows must differ, or equality shows nothing"

    def test_values_behind_a_clip_may_be_anything(self):
        model, batch = tiny_model(feat_extract_norm="group"), ragged_batch([700, 60])
        with torch.no_grad():
            expected = model(**batch).pooler_output
            batch["input_values"][1, 60:] = 1e6
            torch.testing.assert_close(model(**batch).pooler_output, expected, rtol=0, atol=1e-6)


class TestErrors:
    def test_a_clip_that_is_shorter_than_a_frame_is_refused(self):
        model = tiny_model()
        assert model.config.receptive_field == 60
        message = r"The clip in row 1 has 59 samples, but one frame takes 60 \(0\.0037 s at 16000 Hz\): leave it out"
        with pytest.raises(ValueError, match=message):
            model(**ragged_batch([700, 59]))
        with pytest.raises(ValueError, match="The clip in row 0 has 59 samples"):
            model(torch.zeros(2, 59))
        with torch.no_grad():
            assert model(torch.zeros(1, 60)).last_hidden_state.shape == (1, 1, 32)

    def test_padding_is_behind_the_samples(self):
        batch = ragged_batch([700, 600])
        batch["attention_mask"] = batch["attention_mask"].flip(1)
        with pytest.raises(ValueError, match="padding before samples in row 1: pad on the right"):
            tiny_model()(**batch)

    def test_shapes(self):
        with pytest.raises(ValueError, match=r"of shape \(batch, samples\), got \(700,\)"):
            tiny_model()(torch.zeros(700))
        with pytest.raises(ValueError, match=r"of the shape of input_values, \(1, 700\), got \(1, 18\)"):
            tiny_model()(torch.zeros(1, 700), torch.ones(1, 18))


class TestClassifier:
    def test_frames_average_to_the_clip(self):
        model = tiny_model(Emotion2VecForAudioClassification, num_labels=5)
        batch = ragged_batch([700, 411])
        with torch.no_grad():
            output = model(**batch, output_frame_logits=True)
        assert output.frame_logits.shape == (2, 17, 5)
        for row in range(2):
            own = output.frame_logits[row][output.frame_attention_mask[row].bool()]
            torch.testing.assert_close(own.mean(0), output.logits[row], rtol=0, atol=1e-5)
            assert own.std(0).min() > 0.01
        with torch.no_grad():
            assert model(**batch).frame_logits is None

    def test_disallowed_labels_are_never_predicted(self):
        model = converted("edge_pre_norm")
        inputs = extracted("edge_pre_norm", reference_clips()[:3])
        disallowed = [index for index, label in model.config.id2label.items() if label.startswith("unuse")]
        assert disallowed == [1, 2, 5, 7]
        with torch.no_grad():
            output = model(**inputs, output_frame_logits=True)
        for logits in (output.logits, output.frame_logits):
            assert logits[..., disallowed].eq(-torch.inf).all()
            assert logits[..., [0, 3, 4, 6, 8]].isfinite().all()
        assert output.logits.softmax(-1)[:, disallowed].eq(0).all()

    def test_the_loss_is_the_cross_entropy_over_allowed_labels(self):
        labels = {0: "sad", 1: "unuse_0", 2: "glad"}
        model = tiny_model(Emotion2VecForAudioClassification, id2label=labels, disallowed_labels=["unuse_0"])
        output = model(**ragged_batch([700, 411]), labels=torch.tensor([2, 0]))
        sad, glad = output.logits[:, 0].double(), output.logits[:, 2].double()
        log_sum = torch.logaddexp(sad, glad)
        expected = (log_sum[0] - glad[0] + log_sum[1] - sad[1]) / 2
        torch.testing.assert_close(output.loss.double(), expected, rtol=0, atol=1e-6)
        output.loss.backward()
        assert model.classifier.weight.grad[1].eq(0).all()
        assert model.classifier.weight.grad[0].abs().max() > 1e-3

    def test_a_row_with_a_disallowed_label_is_refused(self):
        model = tiny_model(Emotion2VecForAudioClassification, num_labels=3, disallowed_labels=["LABEL_1"])
        with pytest.raises(ValueError, match=r"classes \[1\], which config.disallowed_labels \(\['LABEL_1'\]\)"):
            model(**ragged_batch([700, 411]), labels=torch.tensor([1, 0]))

    def test_new_labels_for_a_converted_classifier(self, tmp_path):
        converted("edge_pre_norm").save_pretrained(tmp_path)
        named = {"id2label": {0: "calm", 1: "tense"}, "label2id": {"calm": 0, "tense": 1}}
        with pytest.raises(ValueError, match="'unuse_0', .* but the labels are 'calm', 'tense'. For new labels pass"):
            Emotion2VecForAudioClassification.from_pretrained(tmp_path, **named, ignore_mismatched_sizes=True)
        for labels in ({"num_labels": 2}, {**named, "disallowed_labels": []}):
            model = Emotion2VecForAudioClassification.from_pretrained(tmp_path, **labels, ignore_mismatched_sizes=True)
            with torch.no_grad():
                output = model(**extracted("edge_pre_norm", reference_clips()[:2]))
            assert output.logits.shape == (2, 2) and output.logits.isfinite().all()
            assert_close(output.pooler_output[0], reference_numbers("edge_pre_norm")["utterance_0"], FEATURES)

    @pytest.mark.parametrize("variant", ["plus_large", "edge_pre_norm"])
    def test_transformers_pipeline(self, variant, tmp_path):
        converted(variant).save_pretrained(tmp_path)
        extractor_of(variant).save_pretrained(tmp_path)
        classify = pipeline("audio-classification", model=str(tmp_path))
        labels = [label for label in converted(variant).config.id2label.values() if not label.startswith("unuse")]
        expected = reference_numbers(variant)["scores_1"]
        results = classify({"raw": reference_clips()[1], "sampling_rate": 16_000}, top_k=4)
        best = np.argsort(-expected)[:4]
        assert [result["label"] for result in results] == [labels[index] for index in best]
        np.testing.assert_allclose([result["score"] for result in results], expected[best], rtol=0, atol=FEATURES)


class TestLoading:
    def test_auto_classes(self, tmp_path):
        model = tiny_model(Emotion2VecForAudioClassification, num_labels=3)
        model.save_pretrained(tmp_path)
        assert type(AutoConfig.from_pretrained(tmp_path)) is Emotion2VecConfig
        batch = ragged_batch([700, 411])
        with torch.no_grad():
            expected = model(**batch)
            classifier = AutoModelForAudioClassification.from_pretrained(tmp_path).eval()
            assert torch.equal(classifier(**batch).logits, expected.logits)
            base, info = AutoModel.from_pretrained(tmp_path, output_loading_info=True)
            assert torch.equal(base.eval()(**batch).pooler_output, expected.pooler_output)
        assert {name: found for name, found in info.items() if found} == {}

    def test_a_fixed_scale_is_saved_and_not_trained(self, tmp_path):
        model = tiny_model(learned_alibi_scale=False, alibi_scale=0.25)
        assert not [name for name, _ in model.named_parameters() if "alibi" in name]
        model.encoder.alibi.scale.fill_(0.75)
        model.save_pretrained(tmp_path)
        assert Emotion2VecModel.from_pretrained(tmp_path).encoder.alibi.scale.tolist() == [[0.75] * 4]

    def test_the_released_sizes_have_their_numbers_of_parameters(self):
        large = {"hidden_size": 1024, "num_attention_heads": 16, "intermediate_size": 4096}
        with torch.device("meta"):
            base = Emotion2VecForAudioClassification(Emotion2VecConfig(num_labels=9))
            plus_large = Emotion2VecForAudioClassification(Emotion2VecConfig(**large, num_labels=9))
        assert base.emotion2vec.num_parameters() == 93_171_212
        assert base.num_parameters() == 93_178_133
        assert plus_large.num_parameters() == 162_140_185
        assert len(base.emotion2vec.state_dict()) == 183 + 2 * 2 * 12  # qkv is three Linear layers here
