import pytest

from configuration_emo.configuration_vq_wav2vec import VqWav2VecConfig


def test_the_published_stack_makes_100_frames_a_second_and_needs_465_samples():
    config = VqWav2VecConfig()
    assert (config.hop_length, config.frame_rate, config.receptive_field) == (160, 100.0, 465)
    assert [config.num_frames(samples) for samples in (0, 464, 465, 624, 625, 16_000)] == [0, 0, 1, 1, 2, 98]


def test_frames_follow_the_receptive_field_of_any_stack():
    config = VqWav2VecConfig(conv_dim=[4, 4], conv_kernel=[3, 5], conv_stride=[2, 3])
    # The second layer sees 5 outputs of the first, each 2 samples apart and 3 wide.
    assert (config.hop_length, config.receptive_field) == (6, 3 + 4 * 2)
    assert [config.num_frames(samples) for samples in (10, 11, 16, 17)] == [0, 1, 1, 2]


def test_it_survives_saving(tmp_path):
    config = VqWav2VecConfig(
        quantizer_type="gumbel", gumbel_projection_depth=2, share_codebook=False, residual_scale=0.25
    )
    config.save_pretrained(tmp_path)
    assert VqWav2VecConfig.from_pretrained(tmp_path).to_dict() == config.to_dict()


def test_codebooks_are_one_or_one_for_each_group():
    assert VqWav2VecConfig(share_codebook=True).num_codebooks == 1
    assert VqWav2VecConfig(share_codebook=False).num_codebooks == 2


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"hidden_act": "swish"}, "hidden_act must be one of gelu, relu, got 'swish'"),
        ({"quantizer_type": "none"}, "quantizer_type must be one of kmeans, gumbel, got 'none'"),
        ({"aggregator_type": "lstm"}, "aggregator_type must be one of cnn, gru, got 'lstm'"),
        ({"conv_kernel": [10]}, "the same number of layers"),
        ({"conv_dim": [], "conv_kernel": [], "conv_stride": []}, "the same number of layers"),
        ({"conv_stride": [0] * 8}, "conv_stride must hold positive numbers"),
        ({"agg_stride": [2] * 12}, "skip_connections_agg needs a stride of 1"),
        ({"num_codevector_groups": 3}, r"codevector_dim \(512\) must be a multiple of num_codevector_groups \(3\)"),
        ({"num_codevector_groups": 0}, "must be at least 1"),
        ({"codevector_dim": 256}, r"codevector_dim \(256\) must be conv_dim\[-1\] \(512\)"),
    ],
)
def test_layers_that_do_not_fit_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        VqWav2VecConfig(**changes)


def test_a_gumbel_quantiser_may_have_codewords_of_another_width():
    assert VqWav2VecConfig(quantizer_type="gumbel", codevector_dim=256).codevector_dim == 256
