"""The paper's pair of encoders over random weights, its batches, and the ways to compute it; for the benchmarks."""

from __future__ import annotations

import math

import torch
from transformers import BertConfig, RobertaConfig, Wav2Vec2Config

from configuration_emo import EmoBertConfig
from modeling_emo import EmoBertForSequenceClassification, emobert_logits


Batch = dict[str, torch.Tensor]

PADDING_ID = 1
SPEECH_VOCABULARY = 23_600
WAYS = ("packed", "padded", "original")
DROPOUT = 0.1


def pair_config(size: str) -> EmoBertConfig:
    """The paper's model, `"full"`; a `"quarter"` of its layers at full width; or a `"tiny"` one to try a program."""
    large = {"hidden_size": 1024, "num_attention_heads": 16, "intermediate_size": 4096}
    base: dict[str, int] = {}
    if size == "tiny":
        large = base = {"hidden_size": 32, "num_attention_heads": 2, "intermediate_size": 64}
    text_layers, speech_layers = {"full": (24, 12), "quarter": (6, 3), "tiny": (2, 1)}[size]
    text = RobertaConfig(
        vocab_size=50_265, max_position_embeddings=514, num_hidden_layers=text_layers, layer_norm_eps=1e-5, **large
    )
    speech = RobertaConfig(
        vocab_size=SPEECH_VOCABULARY,
        max_position_embeddings=2050,
        num_hidden_layers=speech_layers,
        layer_norm_eps=1e-5,
        **base,
    )
    return EmoBertConfig.from_text_speech_configs(text, speech, num_labels=4, num_co_attention_heads=2)


def waveform_config(size: str) -> EmoBertConfig:
    """A speech encoder of waveforms (wav2vec2 base) and a text encoder of MiniLM's size; `"tiny"` as above."""
    text = {"hidden_size": 384, "num_hidden_layers": 6, "num_attention_heads": 12, "intermediate_size": 1536}
    speech: dict[str, int] = {}
    if size == "tiny":
        text = speech = {
            "hidden_size": 32,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "intermediate_size": 64,
        }
    return EmoBertConfig.from_text_speech_configs(
        BertConfig(**text), Wav2Vec2Config(**speech), num_labels=4, num_co_attention_heads=2
    )


def draw_lengths(num_rows: int, seed: int) -> list[tuple[int, int]]:
    """Token ids of speech and of text of each row."""
    generator = torch.Generator().manual_seed(seed)

    def log_normal(mean: float, low: int, high: int) -> list[int]:
        sigma = 0.6
        drawn = torch.randn(num_rows, generator=generator) * sigma + math.log(mean) - sigma**2 / 2
        return drawn.exp().clamp(low, high).long().tolist()

    return list(zip(log_normal(451, 150, 1800), log_normal(18, 3, 112), strict=True))


def make_batches(lengths: list[tuple[int, int]], rows: int = 8) -> list[Batch]:
    """Batches of so many neighbouring rows, padded."""
    batches = []
    for start in range(0, len(lengths), rows):
        speech, text = zip(*lengths[start : start + rows], strict=True)
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


def useful_flops(config: EmoBertConfig, speech_length: int, text_length: int) -> float:
    """Multiplications and additions of one row's forward through the encoders' layers, without padding."""
    flops = 0.0
    for encoder, length in ((config.text_config, text_length), (config.speech_config, speech_length)):
        width, inner = encoder.hidden_size, encoder.intermediate_size
        linear = 2.0 * length * (4 * width * width + 2 * width * inner)
        flops += encoder.num_hidden_layers * (linear + 4.0 * length * length * width)
    return flops
