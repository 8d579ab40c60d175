"""
Converts a vq-wav2vec checkpoint of fairseq into a folder that `VqWav2VecModel.from_pretrained` loads.

    python -m modeling_emo.conversion.convert_vq_wav2vec_fairseq_to_hf --checkpoint vq-wav2vec_kmeans.pt \
        --output_dir DIR
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from transformers import Wav2Vec2FeatureExtractor

from configuration_emo.configuration_vq_wav2vec import VqWav2VecConfig

from ..modeling_vq_wav2vec import VqWav2VecModel
from .fairseq_checkpoint import (
    FairseqCheckpoint,
    KeyTable,
    describe_ignored,
    load_fairseq_checkpoint,
    load_strictly,
    parse_layers,
    rename_keys,
)
from .fairseq_reference import vq_wav2vec_codes, vq_wav2vec_features


# What fairseq takes for arguments that an older checkpoint lacks.
DEFAULT_ARGS = {
    "conv_feature_layers": "[(512, 10, 5)] + [(512, 8, 4)] + [(512, 4, 2)] * 3",
    "conv_aggregator_layers": "[(512, 3, 1)] * 9",
    "activation": "relu",
    "log_compression": False,
    "skip_connections_feat": False,
    "skip_connections_agg": False,
    "residual_scale": 0.5,
    "non_affine_group_norm": False,
    "vq_type": "none",
    "vq_vars": 320,
    "vq_groups": 2,
    "vq_dim": 0,
    "vq_depth": 1,
    "combine_groups": False,
    "aggregator": "cnn",
    "no_conv_bias": False,
    "agg_zero_pad": False,
    "gru_dim": 512,
}

KEYS = KeyTable(
    renames=[
        (r"feature_extractor\.conv_layers\.(\d+)\.0\.weight", r"feature_extractor.layers.\1.conv.weight"),
        (r"feature_extractor\.conv_layers\.(\d+)\.2\.(weight|bias)", r"feature_extractor.layers.\1.norm.\2"),
        (r"feature_aggregator\.conv_layers\.(\d+)\.1\.(weight|bias)", r"feature_aggregator.layers.\1.layer.conv.\2"),
        (r"feature_aggregator\.conv_layers\.(\d+)\.3\.(weight|bias)", r"feature_aggregator.layers.\1.layer.norm.\2"),
        (
            r"feature_aggregator\.residual_proj\.(\d+)\.weight",
            r"feature_aggregator.layers.\1.residual_projection.weight",
        ),
        (r"feature_aggregator\.1\.((?:weight|bias)_[ih]h_l0)", r"feature_aggregator.gru.\1"),
        (r"vector_quantizer\.(?:embedding|vars)", r"vector_quantizer.codebook"),
        (r"vector_quantizer\.projection\.0\.weight", r"vector_quantizer.conv.weight"),
        (r"vector_quantizer\.projection\.1\.(weight|bias)", r"vector_quantizer.norm.\1"),
        (r"vector_quantizer\.weight_proj\.(weight|bias)", r"vector_quantizer.layers.0.\1"),
        (r"vector_quantizer\.weight_proj\.(\d+)\.(?:0\.)?(weight|bias)", r"vector_quantizer.layers.\1.\2"),
    ],
    ignored=[
        (r"wav2vec_predictions\..*", "predicts later frames in pre-training"),
        (r"project_features\..*", "projects the targets of pre-training"),
    ],
)


def complete_args(args: Mapping[str, Any]) -> dict[str, Any]:
    """
    A checkpoint's arguments with fairseq's defaults for those that it lacks.

    Args:
        args (`Mapping[str, Any]`): the checkpoint's own.

    Returns:
        `dict[str, Any]`: all arguments that describe the architecture, and the rest of `args`.
    """
    return {**DEFAULT_ARGS, **{name: value for name, value in args.items() if value is not None}}


def config_from_args(args: Mapping[str, Any]) -> VqWav2VecConfig:
    """
    The configuration that a checkpoint's arguments describe.

    Args:
        args (`Mapping[str, Any]`): fairseq's arguments of the `wav2vec` model.

    Returns:
        [`VqWav2VecConfig`]

    Raises:
        ValueError: there are no arguments, the model has no quantiser, or an unknown encoder.
    """
    if not args:
        raise ValueError(
            "The checkpoint has no arguments (`args` or `cfg`), which tell activation, skip connections and layers; "
            "the tensors alone do not. Use the file that fairseq wrote."
        )
    args = complete_args(args)
    if args["vq_type"] not in ("kmeans", "gumbel"):
        raise ValueError(
            f"The checkpoint has vq_type={args['vq_type']!r}: it is a wav2vec without a quantiser, which makes no "
            "codes. Use a vq-wav2vec checkpoint."
        )
    if args.get("encoder", "cnn") != "cnn":
        raise ValueError(f"encoder must be 'cnn', got {args['encoder']!r}.")
    conv_dim, conv_kernel, conv_stride = zip(*parse_layers(args["conv_feature_layers"]), strict=True)
    agg_dim, agg_kernel, agg_stride = zip(*parse_layers(args["conv_aggregator_layers"]), strict=True)
    return VqWav2VecConfig(
        conv_dim=conv_dim,
        conv_kernel=conv_kernel,
        conv_stride=conv_stride,
        hidden_act=args["activation"],
        log_compression=args["log_compression"],
        skip_connections_feat=args["skip_connections_feat"],
        skip_connections_agg=args["skip_connections_agg"],
        residual_scale=float(args["residual_scale"]),
        group_norm_affine=not args["non_affine_group_norm"],
        quantizer_type=args["vq_type"],
        num_codevectors_per_group=args["vq_vars"],
        num_codevector_groups=args["vq_groups"],
        codevector_dim=args["vq_dim"] if args["vq_dim"] > 0 else conv_dim[-1],
        share_codebook=args["combine_groups"],
        gumbel_projection_depth=args["vq_depth"],
        aggregator_type=args["aggregator"],
        agg_dim=agg_dim,
        agg_kernel=agg_kernel,
        agg_stride=agg_stride,
        agg_bias=not args["no_conv_bias"],
        agg_zero_pad=args["agg_zero_pad"],
        gru_dim=args["gru_dim"],
    )


def convert_vq_wav2vec(checkpoint: FairseqCheckpoint) -> tuple[VqWav2VecModel, dict[str, str]]:
    """
    Builds the model of a checkpoint.

    Args:
        checkpoint ([`FairseqCheckpoint`]): a vq-wav2vec.

    Returns:
        The [`VqWav2VecModel`] in evaluation mode, and name and reason of each tensor left out.

    Raises:
        ValueError: tensors and arguments do not fit together; every missing, unexpected or misshapen one is named.
    """
    config = config_from_args(checkpoint.args)
    model = VqWav2VecModel(config).eval()
    renamed = rename_keys(checkpoint, KEYS)
    codebook = renamed.state_dict.get("vector_quantizer.codebook")
    if codebook is not None:
        renamed.state_dict["vector_quantizer.codebook"] = _codebook(codebook, config)
    load_strictly(model, renamed.state_dict, checkpoint.path)
    return model, renamed.ignored


def _codebook(tensor: torch.Tensor, config: VqWav2VecConfig) -> torch.Tensor:
    """fairseq's codewords as (codebooks, codewords, width)."""
    if config.quantizer_type == "kmeans":  # (codewords, codebooks, width)
        return tensor.transpose(0, 1).contiguous()
    return tensor.reshape(-1, config.num_codevectors_per_group, tensor.shape[-1])  # (1, codebooks * codewords, width)


def save_feature_extractor(output_dir: Path, sampling_rate: int = 16_000) -> None:
    """
    Writes the feature extractor of speech tokens: waveforms as they are, padded with zeros.

    Args:
        output_dir (`Path`): the folder.
        sampling_rate (`int`): in Hz.
    """
    extractor = Wav2Vec2FeatureExtractor(sampling_rate=sampling_rate, do_normalize=False, return_attention_mask=True)
    extractor.save_pretrained(output_dir)


def check_parity(model: VqWav2VecModel, checkpoint: FairseqCheckpoint, seconds: float = 1.0) -> dict[str, float]:
    """
    Compares a converted model with fairseq's arithmetic on the checkpoint's own tensors.

    Args:
        model ([`VqWav2VecModel`]): the conversion.
        checkpoint ([`FairseqCheckpoint`]): its source.
        seconds (`float`): length of the noise that both are given.

    Returns:
        `dict[str, float]`: `max_feature_difference` and `equal_codes`, a fraction.
    """
    generator = torch.Generator().manual_seed(0)
    num_samples = max(round(seconds * model.config.sampling_rate), model.config.receptive_field)
    waveform = torch.randn(1, num_samples, generator=generator) * 0.1
    args = complete_args(checkpoint.args)
    features = vq_wav2vec_features(args, checkpoint.state_dict, waveform)
    codes = vq_wav2vec_codes(args, checkpoint.state_dict, features)
    output = model(waveform)
    return {
        "max_feature_difference": (output.extract_features.transpose(1, 2) - features).abs().max().item(),
        "equal_codes": (output.audio_codes == codes).float().mean().item(),
    }


def main(argv: list[str] | None = None) -> None:
    """Command line of the conversion."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint", type=Path, required=True, help="fairseq's .pt file")
    parser.add_argument("--output_dir", type=Path, required=True, help="folder to write")
    options = parser.parse_args(argv)

    checkpoint = load_fairseq_checkpoint(options.checkpoint)
    model, ignored = convert_vq_wav2vec(checkpoint)
    model.save_pretrained(options.output_dir)
    save_feature_extractor(options.output_dir, model.config.sampling_rate)

    for line in describe_ignored(ignored):
        print(line)
    parity = check_parity(VqWav2VecModel.from_pretrained(options.output_dir).eval(), checkpoint)
    print(f"parity with the checkpoint, on 1 s of noise: {parity}")
    print(f"saved to {options.output_dir}")


if __name__ == "__main__":
    main()
