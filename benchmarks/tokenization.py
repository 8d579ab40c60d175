"""Speech tokenisation and codebook lookup: this library against the way the original computes, in one run.

    python benchmarks/tokenization.py --output outputs/tokenization.json [--threads 2] [--clips 8] [--repeats 5]

The original's way: one clip at a time with gradients kept, distances to all codewords by broadcasting, ids from words.
Random weights of the published size (8 convolutions of 512 channels, 2 groups of 320 codewords), clips of 2 to 6 s.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from report import argument_parser, gemm_peak, parse_arguments, report, seconds_in_turn, undisturbed_median

from configuration_emo import SpeechDictionary, VqWav2VecConfig
from modeling_emo import CodesToIds, VqWav2VecModel, nearest_codeword, vq_wav2vec_codes, vq_wav2vec_features


def main():
    parser = argument_parser(__doc__, repeats=5)
    parser.add_argument("--clips", type=int, default=8)
    parser.add_argument("--frames", type=int, default=450, help="of the codebook lookup")
    arguments = parse_arguments(parser)

    model = VqWav2VecModel(VqWav2VecConfig()).eval()
    words = [(f"{index // 320}-{index % 320}", 1, False) for index in range(0, 102_400, 4)]
    dictionary = SpeechDictionary(words)
    seconds = torch.linspace(2, 6, arguments.clips)
    clips = [torch.randn(1, int(length * 16_000)) * 0.1 for length in seconds]
    results = {
        "clip_seconds": seconds.tolist(),
        "gemm_gflops": gemm_peak(arguments.repeats),
        "tokenization": measure_tokenization(model, dictionary, clips, arguments.repeats),
        "lookup": measure_lookup(model, arguments.frames, arguments.repeats),
    }
    flops = sum(encode_flops(model.config, clip.shape[1]) for clip in clips)
    tokenization = results["tokenization"]
    tokenization["gflops"] = flops / tokenization["ours_median"] / 1e9
    tokenization["share_of_gemm_peak"] = tokenization["gflops"] / results["gemm_gflops"]
    report(arguments, results, header=["work", "ours", "original", "ratio", "equal"], rows=table(results))
    share = tokenization["share_of_gemm_peak"]
    print(f"GEMM peak {results['gemm_gflops']:.0f} GFLOP/s, tokenisation {tokenization['gflops']:.0f} ({share:.2f})")


def measure_tokenization(model, dictionary, clips, repeats) -> dict:
    """Waveforms to ids, clip after clip, both ways."""
    state = fairseq_state(model)
    args = fairseq_args(model.config)
    codes_to_ids = CodesToIds(320, 2, 2048)
    codes_to_ids.load_dictionary(dictionary)

    def ours() -> list[list[int]]:
        ids = []
        for clip in clips:
            output = model.encode(clip)
            ids.append(codes_to_ids(output.audio_codes, output.codes_attention_mask)[0][0].tolist())
        return ids

    def peer() -> list[list[int]]:
        ids = []
        for clip in clips:
            codes = vq_wav2vec_codes(args, state, vq_wav2vec_features(args, state, clip))
            line = " ".join("-".join(map(str, frame)) for frame in codes[0].tolist())
            ids.append(dictionary.encode_line(f"<s> {line}"))
        return ids

    return {**compare(ours, peer, repeats), "all_ids_equal": ours() == peer()}


def measure_lookup(model, frames, repeats) -> dict:
    """Features after the projection to codes, both ways, with the memory that each takes for a moment."""
    codebook = model.vector_quantizer.codebook.detach()[0]
    features = torch.randn(2, codebook.shape[1], frames) * codebook.std()

    def ours() -> torch.Tensor:
        return torch.stack([nearest_codeword(group, codebook) for group in features], dim=-1)

    def peer() -> torch.Tensor:
        x = features.unsqueeze(0).permute(0, 3, 1, 2)
        differences = x.unsqueeze(0) - codebook.unsqueeze(1).unsqueeze(1).unsqueeze(1)
        return differences.norm(dim=-1).argmin(dim=0)[0]

    memory = {"ours_peak_bytes": peak_bytes(ours), "peer_peak_bytes": peak_bytes(peer)}
    memory["memory_ratio"] = memory["peer_peak_bytes"] / memory["ours_peak_bytes"]
    equal = torch.equal(ours(), peer())
    # It takes milliseconds: more repeats find enough undisturbed ones.
    return {**compare(ours, peer, 3 * repeats), **memory, "frames": frames, "all_codes_equal": equal}


def fairseq_state(model: VqWav2VecModel) -> dict[str, torch.Tensor]:
    """The model's tensors under fairseq's names, gradients kept as in the original's script."""
    state: dict[str, torch.Tensor] = {}
    for index, layer in enumerate(model.feature_extractor.layers):
        name = f"feature_extractor.conv_layers.{index}"
        state[f"{name}.0.weight"] = layer.conv.weight
        state[f"{name}.2.weight"], state[f"{name}.2.bias"] = layer.norm.weight, layer.norm.bias
    quantizer = model.vector_quantizer
    state["vector_quantizer.projection.0.weight"] = quantizer.conv.weight
    state["vector_quantizer.projection.1.weight"] = quantizer.norm.weight
    state["vector_quantizer.projection.1.bias"] = quantizer.norm.bias
    state["vector_quantizer.embedding"] = quantizer.codebook.transpose(0, 1)
    return state


def fairseq_args(config: VqWav2VecConfig) -> dict:
    """The arguments that the reference computation reads."""
    layers = list(zip(config.conv_dim, config.conv_kernel, config.conv_stride, strict=True))
    return {
        "conv_feature_layers": str(layers),
        "activation": config.hidden_act,
        "skip_connections_feat": config.skip_connections_feat,
        "residual_scale": config.residual_scale,
        "log_compression": config.log_compression,
        "vq_type": config.quantizer_type,
        "vq_groups": config.num_codevector_groups,
    }


def encode_flops(config: VqWav2VecConfig, samples: int) -> float:
    """Multiplications and additions of the convolutions, the projection and the lookup of one clip."""
    flops, before, length = 0.0, 1, samples
    for dim, kernel, stride in zip(config.conv_dim, config.conv_kernel, config.conv_stride, strict=True):
        length = (length - kernel) // stride + 1
        flops += 2.0 * length * dim * before * kernel
        before = dim
    groups = config.num_codevector_groups
    flops += 2.0 * length * before * before / groups
    return flops + 2.0 * length * before * config.num_codevectors_per_group


def compare(ours: Callable, peer: Callable, repeats: int) -> dict:
    """Seconds of both, in turn; repeats that another process disturbed (over 1.5 times the fastest) are left out."""
    seconds = seconds_in_turn({"ours": ours, "peer": peer}, repeats)
    medians = {name: undisturbed_median(values) for name, values in seconds.items()}
    return {
        "ours_seconds": seconds["ours"],
        "peer_seconds": seconds["peer"],
        "ours_median": medians["ours"],
        "peer_median": medians["peer"],
        "ratio": medians["peer"] / medians["ours"],
    }


def peak_bytes(function: Callable) -> int:
    """The most memory that `function` holds at one time beside its inputs."""
    with torch.profiler.profile(profile_memory=True) as profiler:
        function()
    held = peak = 0
    for event in profiler.profiler.kineto_results.events():
        if event.name() == "[memory]":
            held += event.nbytes()
            peak = max(peak, held)
    return peak


def table(results: dict) -> list[list[str]]:
    """The rows of the printed table."""
    rows = []
    for name, row, equal in (
        ("tokenisation, s", results["tokenization"], "all_ids_equal"),
        ("lookup, s", results["lookup"], "all_codes_equal"),
    ):
        numbers = [f"{row['ours_median']:.4f}", f"{row['peer_median']:.4f}", f"{row['ratio']:.2f}"]
        rows.append([name, *numbers, str(row[equal])])
    lookup = results["lookup"]
    mebibytes = [f"{lookup[name] / 2**20:.2f}" for name in ("ours_peak_bytes", "peer_peak_bytes")]
    return [*rows, ["lookup memory, MiB", *mebibytes, f"{lookup['memory_ratio']:.1f}", ""]]


if __name__ == "__main__":
    main()
