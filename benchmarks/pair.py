"""The whole pair of encoders: packed, padded and the original's way of computing, in one run.

    python benchmarks/pair.py --output outputs/benchmarks/pair.json [--full] [--threads 1] [--batches 2] [--repeats 3]
        [--work inference training]

The original's way is its arithmetic on the same weights: batches padded to their longest row, attention weights kept,
no fused kernels. Lengths in token ids: speech log-normal, 451 in the mean (sigma 0.6, 150 to 1800), text 18 (sigma
0.6, 3 to 112). Batches of 8 rows at random, and of similar lengths. By default a quarter of the layers at full width,
which keeps every ratio (6 of 24 x 1024, 3 of 12 x 768). A training step is forward, backward and AdamW, the same for
all, with dropout 0.1. Times are CPU times, all ways in turn.
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable
from functools import partial
from itertools import product

import torch
from report import argument_parser, gemm_peak, parse_arguments, report, seconds_in_turn, undisturbed_median
from transformers import RobertaConfig

from configuration_emo import EmoBertConfig
from modeling_emo import EmoBertForSequenceClassification, emobert_logits


Batch = dict[str, torch.Tensor]

PADDING_ID = 1
SPEECH_VOCABULARY = 23_600
WAYS = ("packed", "padded", "original")
DROPOUT = 0.1


def main():
    parser = argument_parser(__doc__, repeats=3)
    parser.add_argument("--full", action="store_true", help="all layers: 465 million weights")
    parser.add_argument("--batches", type=int, default=2, help="of 8 rows, per repeat")
    parser.add_argument("--work", nargs="+", choices=("inference", "training"), default=["inference", "training"])
    parser.set_defaults(threads=1)
    arguments = parse_arguments(parser)

    model = EmoBertForSequenceClassification(pair_config(arguments.full))
    state = fairseq_state(model)
    rows = draw_lengths(8 * arguments.batches, arguments.seed)
    orders = {"random": rows, "grouped": sorted(rows)}
    peak = gemm_peak(arguments.repeats, clock=time.process_time) * arguments.threads
    results: dict = {"lengths": rows, "gemm_gflops": peak}
    table = []
    for work, (order, lengths) in product(arguments.work, orders.items()):
        batches = make_batches(lengths)
        model.train(work == "training")
        functions = ways_to_run(model, state, batches, work)
        seconds = seconds_in_turn(functions, arguments.repeats, clock=time.process_time)
        medians = {way: undisturbed_median(values) for way, values in seconds.items()}
        flops = (3 if work == "training" else 1) * sum(useful_flops(model.config, *pair) for pair in lengths)
        entry: dict = {"seconds": seconds, "medians": medians}
        entry["largest_difference"] = largest_difference(model.eval(), state, batches)
        if work == "training":
            model.train()
            entry["kept_bytes"] = {way: kept_bytes(model, state, batches[-1:], way) for way in WAYS}
        for way in WAYS:
            speed = statistics.median(
                other / own for other, own in zip(seconds["original"], seconds[way], strict=True)
            )
            share = flops / medians[way] / 1e9 / peak * arguments.threads
            entry[way] = {"ratio": speed, "useful_share_of_peak": share}
            kept = f"{entry['kept_bytes'][way] / 1e9:.2f}" if work == "training" else ""
            table.append([work, order, way, f"{medians[way]:.2f}", f"{speed:.2f}", f"{share:.2f}", kept])
        results[f"{work}_{order}"] = entry
    header = ["work", "batches", "way", "CPU s", "times the original", "useful share of peak", "kept for backward, GB"]
    report(arguments, results, header=header, rows=table)
    differences = [results[f"{work}_{order}"]["largest_difference"] for work, order in product(arguments.work, orders)]
    print(f"GEMM peak {peak:.0f} GFLOP/s; largest difference of logits between any two ways {max(differences):.1e}")


def pair_config(full: bool) -> EmoBertConfig:
    """The paper's model, or a quarter of its layers."""
    large = {"hidden_size": 1024, "num_attention_heads": 16, "intermediate_size": 4096}
    text_layers, speech_layers = (24, 12) if full else (6, 3)
    text = RobertaConfig(
        vocab_size=50_265, max_position_embeddings=514, num_hidden_layers=text_layers, layer_norm_eps=1e-5, **large
    )
    speech = RobertaConfig(
        vocab_size=SPEECH_VOCABULARY,
        max_position_embeddings=2050,
        num_hidden_layers=speech_layers,
        layer_norm_eps=1e-5,
    )
    return EmoBertConfig.from_text_speech_configs(text, speech, num_labels=4, num_co_attention_heads=2)


def draw_lengths(num_rows: int, seed: int) -> list[tuple[int, int]]:
    """Token ids of speech and of text of each row."""
    generator = torch.Generator().manual_seed(seed)

    def log_normal(mean: float, low: int, high: int) -> list[int]:
        sigma = 0.6
        drawn = torch.randn(num_rows, generator=generator) * sigma + math.log(mean) - sigma**2 / 2
        return drawn.exp().clamp(low, high).long().tolist()

    return list(zip(log_normal(451, 150, 1800), log_normal(18, 3, 112), strict=True))


def make_batches(lengths: list[tuple[int, int]]) -> list[Batch]:
    """Batches of 8 neighbouring rows, padded."""
    batches = []
    for start in range(0, len(lengths), 8):
        speech, text = zip(*lengths[start : start + 8], strict=True)
        speech_ids, speech_mask = ragged_ids(speech, SPEECH_VOCABULARY)
        ids, mask = ragged_ids(text, 50_265)
        names = ("speech_input_ids", "speech_attention_mask", "input_ids", "attention_mask")
        batches.append(dict(zip(names, (speech_ids, speech_mask, ids, mask), strict=True)))
    return batches


def ragged_ids(lengths: tuple[int, ...], vocabulary: int) -> tuple[torch.Tensor, torch.Tensor]:
    mask = (torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]).long()
    ids = torch.randint(4, vocabulary, mask.shape)
    return torch.where(mask.bool(), ids, PADDING_ID), mask


def fairseq_state(model: EmoBertForSequenceClassification) -> dict[str, torch.Tensor]:
    """The model's own weights under the original's names."""
    names = (
        ("emobert.text_encoder.", "model_text2vec.model.encoder.sentence_encoder."),
        ("emobert.speech_encoder.", "roberta_vqwav2vec.model.encoder.sentence_encoder."),
        ("emobert.text_to_speech.", "decoder.sentence_encoder.layers_ta."),
        ("emobert.speech_to_text.", "decoder.sentence_encoder.layers_at."),
        ("embeddings.word_embeddings", "embed_tokens"),
        ("embeddings.position_embeddings", "embed_positions"),
        ("embeddings.LayerNorm", "emb_layer_norm"),
        ("encoder.layer.", "layers."),
        ("layers_ta.layers.", "layers_ta."),
        ("layers_at.layers.", "layers_at."),
        ("attention.self.query", "self_attn.q_proj"),
        ("attention.self.key", "self_attn.k_proj"),
        ("attention.self.value", "self_attn.v_proj"),
        ("attention.output.dense", "self_attn.out_proj"),
        ("attention.output.LayerNorm", "self_attn_layer_norm"),
        ("intermediate.dense", "fc1"),
        ("output.dense", "fc2"),
        ("output.LayerNorm", "final_layer_norm"),
        (".attention.", ".self_cross_attn."),
        ("classifier.", "classification_heads.emotion.out_proj."),
    )
    state = {}
    for name, weight in model.named_parameters():
        for ours, theirs in names:
            name = name.replace(ours, theirs)
        state[name] = weight
    # The original has no types of tokens: that of all of them is part of each position.
    for encoder, prefix in ((model.emobert.text_encoder, names[0][1]), (model.emobert.speech_encoder, names[1][1])):
        encoder.embeddings.token_type_embeddings.weight.data.zero_()
        encoder.embeddings.token_type_embeddings.requires_grad_(False)
        state.pop(f"{prefix}embeddings.token_type_embeddings.weight")
    return state


def logits(model: EmoBertForSequenceClassification, state: dict, batch: Batch, way: str) -> torch.Tensor:
    """`(rows, labels)` of one batch, computed in one of the ways."""
    if way != "original":
        model.config.packing = way == "packed"
        return model(**batch).logits
    config = model.config
    heads = {"text": config.text_config.num_attention_heads, "speech": config.speech_config.num_attention_heads}
    heads["fusion"] = config.num_co_attention_heads
    return emobert_logits(
        state,
        batch["input_ids"],
        batch["speech_input_ids"],
        co_attention=True,
        num_heads=heads,
        dropout=DROPOUT if model.training else 0.0,
    )


def losses(model, state, batches: list[Batch], way: str) -> torch.Tensor:
    """The loss of some batches, with labels that do not matter."""
    results = (logits(model, state, batch, way) for batch in batches)
    return sum(torch.nn.functional.cross_entropy(result, torch.arange(len(result)) % 4) for result in results)


def ways_to_run(model, state, batches: list[Batch], work: str) -> dict[str, Callable]:
    """By way, a function that runs all batches."""
    if work == "inference":

        def infer(way: str) -> None:
            with torch.inference_mode():
                for batch in batches:
                    logits(model, state, batch, way)

        return {way: partial(infer, way) for way in WAYS}
    trained = [weight for weight in model.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=1e-8, fused=True)

    def train(way: str) -> None:
        for batch in batches:
            losses(model, state, [batch], way).backward()
            optimizer.step()
            optimizer.zero_grad()

    return {way: partial(train, way) for way in WAYS}


@torch.inference_mode()
def largest_difference(model, state, batches: list[Batch]) -> float:
    """Between the logits of any two ways."""
    largest = 0.0
    for batch in batches:
        results = torch.stack([logits(model, state, batch, way) for way in WAYS])
        largest = max(largest, (results.amax(0) - results.amin(0)).max().item())
    return largest


def kept_bytes(model, state, batches: list[Batch], way: str) -> int:
    """What a forward keeps for its backward beside the weights, each piece of memory once."""
    weights = {weight.untyped_storage().data_ptr() for weight in model.parameters()}
    kept: dict[int, int] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor.detach()  # a tensor that keeps what computed it would never be freed

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        losses(model, state, batches, way)
    return sum(kept.values())


def useful_flops(config: EmoBertConfig, speech_length: int, text_length: int) -> float:
    """Multiplications and additions of one row's forward through the encoders' layers, without padding."""
    flops = 0.0
    for encoder, length in ((config.text_config, text_length), (config.speech_config, speech_length)):
        width, inner = encoder.hidden_size, encoder.intermediate_size
        linear = 2.0 * length * (4 * width * width + 2 * width * inner)
        flops += encoder.num_hidden_layers * (linear + 4.0 * length * length * width)
    return flops


if __name__ == "__main__":
    main()
