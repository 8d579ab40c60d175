"""Slopes, distances and scales of emotion2vec's attention, and its three implementations."""

import pytest
import torch
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

from modeling_emo import Emotion2VecModel
from modeling_emo.emotion2vec.attention import DistanceBias, Emotion2VecAlibi, Emotion2VecAttention, alibi_slopes
from tests.emotion2vec_fixtures import converted, ragged_batch, tiny_config, tiny_model


class TestSlopes:
    @pytest.mark.parametrize(
        ("num_heads", "exponents"),
        [
            (1, [-8]),
            (3, [-4, -8, -2]),
            (7, [-2, -4, -6, -8, -1, -3, -5]),
            (8, [-1, -2, -3, -4, -5, -6, -7, -8]),
            (12, [-1, -2, -3, -4, -5, -6, -7, -8, -0.5, -1.5, -2.5, -3.5]),
            (16, [-0.5 * step for step in range(1, 17)]),
        ],
    )
    def test_they_are_powers_of_two(self, num_heads, exponents):
        expected = torch.tensor([2.0**exponent for exponent in exponents])
        torch.testing.assert_close(alibi_slopes(num_heads), expected, rtol=1e-6, atol=0)


class TestAlibi:
    def alibi(self, scales=None, **changes):
        alibi = Emotion2VecAlibi(tiny_config(**changes))
        if scales is not None:
            alibi.scale.data = torch.tensor(scales)
        return alibi

    def test_the_bias_is_slope_times_scale_times_distance_between_frames(self):
        alibi = self.alibi([[1.0, 0.5, 2.0, -3.0]], num_extra_tokens=2)
        bias = alibi(0, alibi.distances(6), None, torch.float32).detach()
        assert bias.shape == (1, 4, 6, 6)
        slopes = [2**-2, 2**-4, 2**-6, 2**-8]
        expected = torch.zeros(4, 6, 6)
        for head, scale in enumerate([1.0, 0.5, 2.0, 0.0]):  # a negative scale is none
            for query in range(2, 6):
                for key in range(2, 6):
                    expected[head, query, key] = -slopes[head] * scale * abs(query - key)
        torch.testing.assert_close(bias[0], expected, rtol=1e-6, atol=0)

    def test_heads_without_distances(self):
        alibi = self.alibi(num_alibi_heads=3)
        assert alibi.scale.shape == (1, 3)
        torch.testing.assert_close(alibi.rates(0).tolist(), [2**-4, 2**-8, 2**-2, 0.0])

    def test_scales_of_layers(self):
        alibi = self.alibi(alibi_scale_per_layer=True, alibi_scale_per_head=False)
        alibi.scale.data = torch.tensor([[1.0], [2.0], [4.0]])
        assert torch.equal(alibi.rates(2), 4 * alibi.rates(0))

    def test_padding_is_not_looked_at(self):
        alibi = self.alibi(num_extra_tokens=0)
        mask = torch.tensor([True, True, False]).expand(2, 1, 3, 3)
        bias = alibi(0, alibi.distances(3), mask, torch.float32)
        assert bias.shape == (2, 4, 3, 3)
        assert bias[..., 2].eq(torch.finfo(torch.float32).min).all()
        assert torch.equal(
            bias[..., :2], alibi(0, alibi.distances(3), None, torch.float32)[..., :2].expand(2, -1, -1, -1)
        )

    def test_distances_stay_whole_numbers_in_a_half_precision_model(self):
        alibi = self.alibi(num_extra_tokens=1).bfloat16()
        distances = alibi.distances(1002)
        assert distances.dtype == torch.float32
        assert distances[1, 1001] == 1000
        torch.testing.assert_close(alibi.rates(0), alibi_slopes(4), rtol=0, atol=0)

    def test_an_indexed_bias_is_the_same(self):
        alibi = self.alibi([[1.0, 0.5, 2.0, -3.0]], num_extra_tokens=2)
        expected = alibi(0, alibi.distances(6), None, torch.float32)
        indices = torch.meshgrid(*(torch.arange(size) for size in (1, 4, 6, 6)), indexing="ij")
        assert torch.equal(DistanceBias(alibi.rates(0), 2)[indices], expected)

    def test_the_scale_learns_only_where_it_counts(self):
        alibi = self.alibi([[1.0, 0.5, 2.0, -3.0]])
        alibi(0, alibi.distances(9), None, torch.float32).sum().backward()
        assert alibi.scale.grad[0, :3].abs().min() > 0.1
        assert alibi.scale.grad[0, 3] == 0


class Recorder:
    """What the attention of each layer was given."""

    def __init__(self, model):
        self.masks, self.biases = [], []
        for module in model.modules():
            if isinstance(module, Emotion2VecAttention):
                module.register_forward_pre_hook(self.record)

    def record(self, module, arguments):
        self.masks.append(arguments[1])
        self.biases.append(arguments[2])


class TestImplementations:
    @pytest.mark.parametrize(
        "variant",
        [
            *("base", "edge_per_layer"),  # a fifth of a minute each: flex_attention is compiled
            *(pytest.param(variant, marks=pytest.mark.slow) for variant in ("plus_large", "edge_pre_norm")),
        ],
    )
    def test_eager_sdpa_and_flex_attention_are_equal(self, variant):
        model, batch = converted(variant), ragged_batch([5000, 1040, 3333])
        outputs = {}
        for name in ("sdpa", "eager", "flex_attention"):
            torch.compiler.reset()  # another width of heads in one process is more than the compiler of flex takes
            model.set_attn_implementation(name)
            with torch.no_grad():
                outputs[name] = model.base_model(**batch)
        model.set_attn_implementation("sdpa")
        mask = outputs["sdpa"].frame_attention_mask.bool()
        for name in ("eager", "flex_attention"):
            difference = outputs[name].last_hidden_state - outputs["sdpa"].last_hidden_state
            assert difference[mask].abs().max() < 2e-5
            torch.testing.assert_close(outputs[name].pooler_output, outputs["sdpa"].pooler_output, rtol=0, atol=1e-5)

    @pytest.mark.parametrize("name", ["sdpa", "eager"])
    def test_one_array_serves_all_layers(self, name):
        model, batch = tiny_model(attn_implementation=name), ragged_batch([700, 411])
        assert model.config._attn_implementation == name
        recorder = Recorder(model)
        with torch.no_grad():
            model(**batch)
        assert len(recorder.masks) == 3
        assert recorder.masks[0].shape == (2, 4, 20, 20)
        assert all(mask is recorder.masks[0] for mask in recorder.masks)
        assert recorder.biases == [None] * 3

    def test_without_padding_the_batch_shares_it(self):
        model = tiny_model()
        recorder = Recorder(model)
        with torch.no_grad():
            model(torch.zeros(5, 700))
        assert {tuple(mask.shape) for mask in recorder.masks} == {(1, 4, 20, 20)}

    def test_layers_with_scales_of_their_own_get_their_own(self):
        model = tiny_model(alibi_scale_per_layer=True)
        model.encoder.alibi.scale.data[:, 0] = torch.tensor([1.0, 2.0, 4.0])
        recorder = Recorder(model)
        with torch.no_grad():
            model(torch.zeros(1, 700))
        assert torch.equal(recorder.masks[2][:, 0], 4 * recorder.masks[0][:, 0])

    def test_flex_attention_gets_no_array_of_distances(self, monkeypatch):
        model, seen = tiny_model(attn_implementation="flex_attention"), []

        def note(module, query, key, value, attention_mask, **kwargs):
            seen.append((attention_mask, kwargs["position_bias"]))
            return value.transpose(1, 2), None

        monkeypatch.setitem(ALL_ATTENTION_FUNCTIONS, "flex_attention", note)
        with torch.no_grad():
            model(torch.zeros(1, 700))
        assert len(seen) == 3
        assert not any(isinstance(mask, torch.Tensor) for mask, _ in seen)  # a block mask
        assert all(type(bias) is DistanceBias and bias.rates.shape == (4,) for _, bias in seen)

    def test_flash_attention_is_refused(self, tmp_path):
        model = tiny_model()
        model.save_pretrained(tmp_path)
        for name in ("flash_attention_2", "flash_attention_3"):
            with pytest.raises(ValueError, match="does not support Flash Attention"):
                Emotion2VecModel.from_pretrained(tmp_path, attn_implementation=name)
        with pytest.raises(ValueError, match="does not support Flash Attention"):
            model.set_attn_implementation("flash_attention_2")

    def test_weights_are_over_tokens_and_frames(self):
        model, batch = tiny_model(attn_implementation="eager"), ragged_batch([700, 411])
        with torch.no_grad():
            output = model(**batch, output_attentions=True)
        assert [tuple(weights.shape) for weights in output.attentions] == [(2, 4, 20, 20)] * 3
        frames = 3 + model.config.num_frames(411)
        assert output.attentions[0][1, :, :, frames:].eq(0).all()
        torch.testing.assert_close(output.attentions[0].sum(-1), torch.ones(2, 4, 20))

    @pytest.mark.parametrize("name", ["sdpa", "eager"])
    @pytest.mark.parametrize("half", ["weights", "autocast"])
    def test_bfloat16_is_close(self, name, half):
        model, batch = tiny_model(attn_implementation=name), ragged_batch([700, 411])
        with torch.no_grad():
            expected = model(**batch).pooler_output
            if half == "weights":
                model.bfloat16()
                batch["input_values"] = batch["input_values"].bfloat16()
                actual = model(**batch).pooler_output
            else:
                recorder = Recorder(model)
                with torch.autocast("cpu", torch.bfloat16):
                    actual = model(**batch).pooler_output
                assert name == "eager" or recorder.masks[0].dtype == torch.bfloat16
        assert (actual.float() - expected).abs().mean() < 0.05
        assert expected.abs().mean() > 0.5
