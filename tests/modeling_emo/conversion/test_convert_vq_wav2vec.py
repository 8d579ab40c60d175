import numpy as np
import pytest
import torch
from transformers import AutoFeatureExtractor

from modeling_emo.conversion.convert_vq_wav2vec_fairseq_to_hf import (
    check_parity,
    complete_args,
    convert_vq_wav2vec,
    main,
)
from modeling_emo.conversion.fairseq_checkpoint import FairseqCheckpoint, load_fairseq_checkpoint
from modeling_emo.conversion.fairseq_reference import vq_wav2vec_codes, vq_wav2vec_features
from modeling_emo.modeling_vq_wav2vec import VqWav2VecModel
from tests.fairseq_fixtures import REFERENCE, VQ_VARIANTS, reference_waves, save_checkpoint, vq_args, vq_state


FEATURE_LAYERS = [(16, 10, 5), (16, 8, 4), (16, 4, 2), (16, 4, 2), (16, 4, 2), (16, 1, 1)]
AGGREGATOR_LAYERS = [(16, 2, 1), (16, 3, 1)]

OTHER_MEMBERS = {
    "separate codebooks": {"combine_groups": False},
    "skip connections in the features": {"skip_connections_feat": True, "residual_scale": 0.3},
    "relu and log compression": {"activation": "relu", "log_compression": True},
    "everything at once": {
        "skip_connections_feat": True,
        "log_compression": True,
        "combine_groups": False,
        "activation": "relu",
        "vq_groups": 4,
        "vq_vars": 5,
    },
    "one group": {"vq_groups": 1},
    "norms without weights": {"non_affine_group_norm": True},
    "no convolution bias, zero padding": {"no_conv_bias": True, "agg_zero_pad": True},
    "no skip connections": {"skip_connections_agg": False},
    "gru aggregator": {"aggregator": "gru", "gru_dim": 12},
    "projected targets": {"project_features": "new"},
    "gumbel of one layer": {"vq_type": "gumbel", "vq_depth": 1, "combine_groups": False},
    "gumbel of three layers, relu": {"vq_type": "gumbel", "vq_depth": 3, "activation": "relu"},
    "gumbel with narrow codewords": {"vq_type": "gumbel", "vq_dim": 6},
}


def checkpoint_of(changes, **extra):
    args = vq_args(**changes)
    return FairseqCheckpoint(
        REFERENCE / "made.pt", args, {**vq_state(args, FEATURE_LAYERS, AGGREGATOR_LAYERS), **extra}
    )


class TestFamily:
    @pytest.mark.parametrize("changes", OTHER_MEMBERS.values(), ids=OTHER_MEMBERS)
    def test_features_and_codes_of_every_switch(self, changes):
        extra = {"project_features.conv_layers.0.1.weight": torch.ones(1)} if "project_features" in changes else {}
        checkpoint = checkpoint_of(changes, **extra)
        model, _ = convert_vq_wav2vec(checkpoint)
        args = complete_args(checkpoint.args)
        codes_seen = set()
        for clip in reference_waves():
            waveform = torch.from_numpy(clip).unsqueeze(0)
            features = vq_wav2vec_features(args, checkpoint.state_dict, waveform)
            output = model(waveform)
            torch.testing.assert_close(output.extract_features.transpose(1, 2), features, rtol=0, atol=1e-5)
            codes = vq_wav2vec_codes(args, checkpoint.state_dict, features)
            assert torch.equal(output.audio_codes, codes)
            codes_seen |= set(codes.flatten().tolist())
        assert len(codes_seen) > 1

    def test_separate_codebooks_keep_their_groups_apart(self):
        checkpoint = checkpoint_of({"combine_groups": False})
        model, _ = convert_vq_wav2vec(checkpoint)
        embedding = checkpoint.state_dict["vector_quantizer.embedding"]  # (codewords, groups, width)
        output = model(torch.from_numpy(reference_waves()[0]).unsqueeze(0))
        codes = output.audio_codes[0]
        expected = torch.cat([embedding[codes[:, group], group] for group in range(2)], dim=1)
        assert torch.equal(output.quantized_features[0], expected)

    def test_the_aggregator_with_a_bridge_between_widths(self):
        """Against the same convolutions written out, on the codewords of one clip."""
        layers = [(24, 2, 1), (16, 3, 1)]
        args = vq_args(conv_aggregator_layers=str(layers))
        state = vq_state(args, FEATURE_LAYERS, layers)
        model, _ = convert_vq_wav2vec(FairseqCheckpoint(REFERENCE / "made.pt", args, state))
        output = model(torch.from_numpy(reference_waves()[0]).unsqueeze(0))
        x = output.quantized_features.transpose(1, 2)
        for index, (_, kernel, _) in enumerate(layers):
            name = f"feature_aggregator.conv_layers.{index}"
            padded = torch.cat([x[..., :1].expand(-1, -1, kernel - 1), x], dim=-1)
            y = torch.nn.functional.conv1d(padded, state[f"{name}.1.weight"], state[f"{name}.1.bias"])
            y = (y - y.mean()) / (y.var(correction=0) + 1e-5).sqrt()
            y = torch.nn.functional.gelu(y * state[f"{name}.3.weight"][:, None] + state[f"{name}.3.bias"][:, None])
            x = torch.nn.functional.conv1d(x, state[f"feature_aggregator.residual_proj.{index}.weight"])
            x = (x + y) * 0.5**0.5
        torch.testing.assert_close(output.last_hidden_state, x.transpose(1, 2), rtol=0, atol=1e-5)

    def test_narrow_codewords_leave_the_aggregator_out(self):
        model, _ = convert_vq_wav2vec(checkpoint_of({"vq_type": "gumbel", "vq_dim": 6}))
        output = model(torch.from_numpy(reference_waves()[0]).unsqueeze(0))
        assert output.last_hidden_state is None
        assert output.quantized_features.shape == (1, 28, 6)


class TestStrictness:
    def test_what_is_left_out_is_named(self):
        _, ignored = convert_vq_wav2vec(checkpoint_of({}))
        assert ignored == {"wav2vec_predictions.project_to_steps.bias": "predicts later frames in pre-training"}

    def test_an_unknown_tensor(self):
        with pytest.raises(ValueError, match=r"does not know: feature_extractor\.conv_layers\.0\.7\.weight"):
            convert_vq_wav2vec(checkpoint_of({}, **{"feature_extractor.conv_layers.0.7.weight": torch.ones(1)}))

    @pytest.mark.parametrize(
        "name",
        [
            "feature_extractor.conv_layers.3.0.weight",
            "feature_aggregator.conv_layers.1.3.bias",
            "vector_quantizer.embedding",
            "vector_quantizer.projection.1.weight",
        ],
    )
    def test_a_missing_tensor(self, name):
        checkpoint = checkpoint_of({})
        del checkpoint.state_dict[name]
        with pytest.raises(ValueError, match="missing: "):
            convert_vq_wav2vec(checkpoint)

    def test_arguments_that_describe_another_model(self):
        checkpoint = checkpoint_of({})
        checkpoint.args["combine_groups"] = False
        message = r"wrong shape: vector_quantizer\.codebook \(1, 8, 8\) for \(2, 8, 8\)"
        with pytest.raises(ValueError, match=message):
            convert_vq_wav2vec(checkpoint)

    def test_a_wav2vec_without_quantiser(self):
        with pytest.raises(ValueError, match="vq_type='none'"):
            convert_vq_wav2vec(FairseqCheckpoint(REFERENCE, {"arch": "wav2vec"}, {}))

    def test_a_checkpoint_without_arguments(self):
        with pytest.raises(ValueError, match="has no arguments"):
            convert_vq_wav2vec(FairseqCheckpoint(REFERENCE, {}, checkpoint_of({}).state_dict))


@pytest.mark.parametrize("name", VQ_VARIANTS)
def test_command_line(name, tmp_path, capsys):
    checkpoint = REFERENCE / "vq_wav2vec" / f"{name}.pt"
    main(["--checkpoint", str(checkpoint), "--output_dir", str(tmp_path)])
    printed = capsys.readouterr().out
    assert "left out (predicts later frames in pre-training): wav2vec_predictions.project_to_steps.weight" in printed
    assert "'equal_codes': 1.0" in printed
    model = VqWav2VecModel.from_pretrained(tmp_path).eval()
    expected = np.load(checkpoint.with_suffix(".npz"))["idx_1"]
    extractor = AutoFeatureExtractor.from_pretrained(tmp_path)
    inputs = extractor(reference_waves()[1], sampling_rate=16_000, return_tensors="pt")
    np.testing.assert_array_equal(model.encode(inputs.input_values, inputs.attention_mask).audio_codes, expected)


def test_the_parity_print_out_sees_a_wrong_weight():
    checkpoint = load_fairseq_checkpoint(REFERENCE / "vq_wav2vec" / "tiny_kmeans_readme.pt")
    model, _ = convert_vq_wav2vec(checkpoint)
    assert check_parity(model, checkpoint)["equal_codes"] == 1.0
    with torch.no_grad():
        model.feature_extractor.layers[2].conv.weight.mul_(1.5)
        model.vector_quantizer.codebook.copy_(model.vector_quantizer.codebook.flip(1))
    parity = check_parity(model, checkpoint)
    assert parity["equal_codes"] < 1.0
    assert parity["max_feature_difference"] < 1e-4  # the normalisation takes the scale out again


def test_a_saved_checkpoint_of_another_member_converts(tmp_path):
    args = vq_args(combine_groups=False, skip_connections_feat=True)
    path = save_checkpoint(tmp_path / "c.pt", args, vq_state(args, FEATURE_LAYERS, AGGREGATOR_LAYERS))
    main(["--checkpoint", str(path), "--output_dir", str(tmp_path / "out")])
    config = VqWav2VecModel.from_pretrained(tmp_path / "out").config
    assert (config.share_codebook, config.skip_connections_feat) == (False, True)
