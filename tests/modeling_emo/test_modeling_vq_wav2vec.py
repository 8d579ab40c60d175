import numpy as np
import pytest
import torch

from configuration_emo.configuration_vq_wav2vec import VqWav2VecConfig
from modeling_emo import cpu_convolution
from modeling_emo.conversion.convert_vq_wav2vec_fairseq_to_hf import convert_vq_wav2vec
from modeling_emo.conversion.fairseq_checkpoint import load_fairseq_checkpoint
from modeling_emo.cpu_convolution import convolve
from modeling_emo.modeling_vq_wav2vec import VqWav2VecModel
from tests.fairseq_fixtures import REFERENCE, VQ_VARIANTS, padded_batch, reference_waves


@pytest.fixture(scope="module", params=VQ_VARIANTS)
def variant(request):
    folder = REFERENCE / "vq_wav2vec"
    model, _ = convert_vq_wav2vec(load_fairseq_checkpoint(folder / f"{request.param}.pt"))
    return model, np.load(folder / f"{request.param}.npz")


@pytest.fixture(scope="module")
def tiny_model():
    torch.manual_seed(0)
    config = VqWav2VecConfig(
        conv_dim=[16] * 8, num_codevectors_per_group=8, agg_dim=[16], agg_kernel=[2], agg_stride=[1]
    )
    return VqWav2VecModel(config).eval()


class TestAgainstTheOriginal:
    @pytest.mark.parametrize("clip", range(6))
    def test_features_codes_and_codewords(self, variant, clip):
        model, expected = variant
        output = model(torch.from_numpy(reference_waves()[clip]).unsqueeze(0))
        features, quantized = output.extract_features.transpose(1, 2), output.quantized_features.transpose(1, 2)
        np.testing.assert_allclose(features, expected[f"z_{clip}"], rtol=0, atol=1e-5)
        np.testing.assert_allclose(quantized, expected[f"zq_{clip}"], rtol=0, atol=1e-6)
        np.testing.assert_array_equal(output.audio_codes, expected[f"idx_{clip}"])

    @pytest.mark.parametrize(("extra", "fill"), [(0, 0.0), (16_000, 0.0), (777, 1e3)])
    def test_codes_in_a_batch_at_any_padding(self, variant, extra, fill):
        model, expected = variant
        output = model.encode(*padded_batch(reference_waves(), extra=extra, fill=fill))
        for clip in range(6):
            codes = expected[f"idx_{clip}"][0]
            assert output.codes_attention_mask[clip].tolist() == [1] * len(codes) + [0] * (398 - len(codes))
            np.testing.assert_array_equal(output.audio_codes[clip, : len(codes)], codes)
            assert output.audio_codes[clip, len(codes) :].eq(0).all()


class TestBatches:
    def test_forward_and_encode_agree_in_a_batch(self, tiny_model):
        values, mask = padded_batch(reference_waves())
        output, encoded = tiny_model(values, mask), tiny_model.encode(values, mask)
        assert torch.equal(output.audio_codes, encoded.audio_codes)
        alone = tiny_model(values[1:2, : mask[1].sum()])
        frames = alone.extract_features.shape[1]
        for name in ("last_hidden_state", "extract_features", "quantized_features"):
            assert torch.equal(output[name][1, :frames], alone[name][0])
            assert output[name][1, frames:].eq(0).all()

    def test_padding_on_the_left_is_padding_as_well(self, tiny_model):
        clip = torch.from_numpy(reference_waves()[1])
        values = torch.cat([torch.zeros(500), clip]).unsqueeze(0)
        mask = torch.cat([torch.zeros(500), torch.ones(len(clip))]).unsqueeze(0)
        assert torch.equal(tiny_model.encode(values, mask).audio_codes, tiny_model.encode(clip[None]).audio_codes)

    def test_a_row_without_speech_gets_no_frames(self, tiny_model):
        values, mask = padded_batch(reference_waves()[:2])
        mask[0] = 0
        output = tiny_model(values, mask)
        assert output.codes_attention_mask.sum(dim=1).tolist() == [0, 83]
        assert output.last_hidden_state[0].eq(0).all()

    def test_half_precision_inputs_and_autocast_change_no_code(self, tiny_model):
        values = torch.from_numpy(reference_waves()[2]).bfloat16().unsqueeze(0)
        expected = tiny_model.encode(values.float()).audio_codes
        with torch.autocast("cpu", dtype=torch.bfloat16):
            assert torch.equal(tiny_model.encode(values).audio_codes, expected)

    @pytest.mark.skipif(
        not hasattr(torch.backends.cuda.matmul, "fp32_precision"), reason="switches of torch 2.9 and later"
    )
    def test_tf32_is_off_while_it_runs_and_as_before_afterwards(self, tiny_model, monkeypatch):
        conv, matmul = torch.backends.cudnn.conv, torch.backends.cuda.matmul
        before, seen = (conv.fp32_precision, matmul.fp32_precision), []
        monkeypatch.setattr(
            tiny_model.vector_quantizer,
            "forward",
            lambda features: seen.append((conv.fp32_precision, matmul.fp32_precision)) or 1 / 0,
        )
        with pytest.raises(ZeroDivisionError):
            tiny_model.encode(torch.randn(1, 500))
        assert seen == [("ieee", "ieee")]
        assert (conv.fp32_precision, matmul.fp32_precision) == before

    def test_weights_stay_float32(self, tiny_model, tmp_path):
        tiny_model.save_pretrained(tmp_path)
        gumbel = VqWav2VecConfig(quantizer_type="gumbel", aggregator_type="gru", skip_connections_agg=False)
        made = VqWav2VecModel._from_config(gumbel, dtype=torch.bfloat16)
        assert {parameter.dtype for parameter in made.parameters()} == {torch.float32}
        for model in (VqWav2VecModel.from_pretrained(tmp_path, dtype=torch.bfloat16), tiny_model.bfloat16()):
            assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}
            assert torch.equal(model.vector_quantizer.codebook, tiny_model.vector_quantizer.codebook)

    def test_a_clip_without_numbers_harms_no_other(self, tiny_model):
        """NaN has no nearest codeword; fairseq's argmin gives the first index then."""
        values, mask = padded_batch(reference_waves()[:3])
        expected = tiny_model.encode(values, mask).audio_codes
        values[1, 100] = torch.nan
        output = tiny_model.encode(values, mask)
        assert torch.equal(output.audio_codes[::2], expected[::2])
        assert output.audio_codes[1].eq(0).all()

    @pytest.mark.parametrize("channels", [16, 24, 512])
    def test_the_product_over_windows_is_the_convolution(self, channels):
        torch.manual_seed(0)
        config = VqWav2VecConfig(conv_dim=[channels], conv_kernel=[10], conv_stride=[5])
        layer = VqWav2VecModel(config).feature_extractor.layers[0]
        waveform = torch.randn(1, 1, 4_803)
        with torch.no_grad():
            expected = torch.nn.functional.gelu(layer.norm(layer.conv(waveform)))
            assert torch.equal(layer(waveform), expected)


class TestConvolve:
    @pytest.mark.parametrize("samples", [465, 3_000, 20_001])
    def test_blocks_give_the_bits_of_the_whole(self, samples, monkeypatch):
        torch.manual_seed(0)
        config = VqWav2VecConfig(conv_dim=[512] * 2, conv_kernel=[10, 8], conv_stride=[5, 4])
        features = VqWav2VecModel(config).feature_extractor
        waveform = torch.randn(1, samples)
        with torch.no_grad():
            expected = features(waveform)
            for size in (2**20, 100_000):
                monkeypatch.setattr(cpu_convolution, "BYTES_OF_BLOCK", size)
                assert torch.equal(features(waveform), expected)

    def test_every_block_is_of_the_size_that_is_asked_for(self, monkeypatch):
        conv, lengths = torch.nn.Conv1d(16, 16, 3, stride=5), []
        hidden_states = torch.randn(1, 16, 103)
        expected = conv(hidden_states)
        conv.register_forward_hook(lambda module, inputs, output: lengths.append(output.shape[2]))
        monkeypatch.setattr(cpu_convolution, "BYTES_OF_BLOCK", hidden_states.nbytes // 4)
        torch.testing.assert_close(convolve(conv, hidden_states), expected, rtol=0, atol=1e-6)
        assert lengths == [5, 5, 5, 6]
        # More blocks than frames would leave some of them empty.
        monkeypatch.setattr(cpu_convolution, "BYTES_OF_BLOCK", 1)
        torch.testing.assert_close(convolve(conv, hidden_states), expected, rtol=0, atol=1e-6)
        assert lengths[4:] == [1] * 21

    def test_a_trace_has_one_convolution_for_any_length(self, monkeypatch):
        monkeypatch.setattr(cpu_convolution, "BYTES_OF_BLOCK", 1_000)
        shapes = {"hidden_states": {2: torch.export.Dim("time", min=10)}}
        module, longer = OneConvolution(), torch.randn(1, 16, 90)
        program = torch.export.export(module, (torch.randn(1, 16, 40),), dynamic_shapes=shapes)
        torch.testing.assert_close(program.module()(longer), module.conv(longer))


class OneConvolution(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = torch.nn.Conv1d(16, 16, 3)

    def forward(self, hidden_states: torch.Tensor) -> torch.Tensor:
        return convolve(self.conv, hidden_states)


class TestErrors:
    def test_464_samples_are_refused_and_465_make_one_frame(self, tiny_model):
        assert tiny_model.encode(torch.randn(1, 465)).audio_codes.shape == (1, 1, 2)
        message = r"row 1 has 464 samples, but one frame takes at least 465 samples \(0\.0291 s at 16000 Hz\)"
        mask = torch.ones(2, 465)
        mask[1, 464:] = 0
        with pytest.raises(ValueError, match=message):
            tiny_model.encode(torch.randn(2, 465), mask)

    def test_an_empty_waveform_without_a_mask_is_too_short(self, tiny_model):
        with pytest.raises(ValueError, match="row 0 has 0 samples"):
            tiny_model.encode(torch.zeros(1, 0))

    @pytest.mark.parametrize("shape", [(465,), (1, 1, 465)])
    def test_waveforms_of_another_shape(self, tiny_model, shape):
        with pytest.raises(ValueError, match=r"must be of shape \(batch, samples\)"):
            tiny_model.encode(torch.zeros(shape))

    def test_a_mask_of_another_shape(self, tiny_model):
        with pytest.raises(ValueError, match=r"attention_mask must be of the shape of input_values, \(1, 500\)"):
            tiny_model.encode(torch.zeros(1, 500), torch.ones(1, 3))


def test_saving_and_loading_keeps_every_code(tiny_model, tmp_path):
    tiny_model.save_pretrained(tmp_path)
    loaded = VqWav2VecModel.from_pretrained(tmp_path).eval()
    values = torch.from_numpy(reference_waves()[3]).unsqueeze(0)
    assert torch.equal(loaded.encode(values).audio_codes, tiny_model.encode(values).audio_codes)


def test_the_aggregator_sees_no_later_frame():
    """With one frame per sample and a normalisation without statistics over time, only convolutions mix frames."""
    config = VqWav2VecConfig(
        conv_dim=[4], conv_kernel=[1], conv_stride=[1], agg_dim=[4, 6], agg_kernel=[2, 3], agg_stride=[1, 1]
    )
    aggregator = VqWav2VecModel(config).eval().feature_aggregator
    for layer in aggregator.layers:
        layer.layer.norm = torch.nn.Identity()
    features = torch.randn(1, 4, 10)
    changed = features.clone()
    changed[..., 6:] += 1
    with torch.no_grad():
        before, after = aggregator(features), aggregator(changed)
    assert torch.equal(before[..., :6], after[..., :6])
    assert not torch.equal(before[..., 6:], after[..., 6:])
