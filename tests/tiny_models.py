"""Tiny encoders with random weights, one of each family that EmoBERT takes."""

import torch
from transformers import (
    AutoConfig,
    BertConfig,
    Data2VecAudioConfig,
    HubertConfig,
    MoonshineConfig,
    RobertaConfig,
    SEWConfig,
    SEWDConfig,
    Speech2TextConfig,
    UniSpeechConfig,
    UniSpeechSatConfig,
    Wav2Vec2BertConfig,
    Wav2Vec2Config,
    Wav2Vec2ConformerConfig,
    WavLMConfig,
    WhisperConfig,
)

from configuration_emo import EmoBertConfig, Emotion2VecConfig
from modeling_emo import EmoBertForSequenceClassification
from modeling_emo.encoders.families import family_of


TRANSFORMER = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 37}
CONVOLUTIONS = {
    "conv_dim": (16, 16),
    "conv_kernel": (10, 3),
    "conv_stride": (5, 2),
    "num_feat_extract_layers": 2,
    "num_conv_pos_embeddings": 16,
    "num_conv_pos_embedding_groups": 2,
    "mask_time_prob": 0.0,
}
EMOTION2VEC = {
    "num_extra_tokens": 3,
    "conv_dim": [16, 16],
    "conv_kernel": [10, 3],
    "conv_stride": [5, 2],
    "num_conv_pos_embeddings": 2,
    "conv_pos_kernel_size": 5,
    "num_conv_pos_embedding_groups": 4,
}
ADAPTER = {"add_adapter": True, "num_adapter_layers": 2, "output_hidden_size": 24}
SEQUENCE_TO_SEQUENCE = {"pad_token_id": 1, "bos_token_id": 1, "eos_token_id": 2, "decoder_start_token_id": 3}


def text_config(**kwargs):
    """A BERT of 2 x 32."""
    return BertConfig(**{"vocab_size": 60, **TRANSFORMER, **kwargs})


def speech_config(family="roberta", **kwargs):
    """A speech encoder of 2 x 32 of one of `SPEECH_FAMILIES`."""
    return SPEECH_FAMILIES[family](**kwargs)


SPEECH_FAMILIES = {
    "roberta": lambda **kwargs: RobertaConfig(
        **{"vocab_size": 60, "max_position_embeddings": 120, **TRANSFORMER, **kwargs}
    ),
    "wav2vec2-group-norm": lambda **kwargs: Wav2Vec2Config(**{**TRANSFORMER, **CONVOLUTIONS, **kwargs}),
    "wav2vec2-layer-norm": lambda **kwargs: Wav2Vec2Config(
        **{
            **TRANSFORMER,
            **CONVOLUTIONS,
            "feat_extract_norm": "layer",
            "do_stable_layer_norm": True,
            **kwargs,
        }
    ),
    "emotion2vec": lambda **kwargs: Emotion2VecConfig(**{**TRANSFORMER, **EMOTION2VEC, **kwargs}),
    "hubert": lambda **kwargs: HubertConfig(**{**TRANSFORMER, **CONVOLUTIONS, **kwargs}),
    "wavlm": lambda **kwargs: WavLMConfig(**{**TRANSFORMER, **CONVOLUTIONS, **kwargs}),
    "moonshine": lambda **kwargs: MoonshineConfig(
        **{
            "vocab_size": 50,
            "hidden_size": 32,
            "intermediate_size": 37,
            "encoder_num_hidden_layers": 2,
            "decoder_num_hidden_layers": 1,
            "encoder_num_attention_heads": 4,
            "decoder_num_attention_heads": 4,
            **kwargs,
        }
    ),
    "whisper": lambda **kwargs: WhisperConfig(
        **{
            "vocab_size": 50,
            "d_model": 32,
            "encoder_layers": 2,
            "decoder_layers": 1,
            "encoder_attention_heads": 4,
            "decoder_attention_heads": 4,
            "encoder_ffn_dim": 37,
            "decoder_ffn_dim": 37,
            "num_mel_bins": 8,
            "max_source_positions": 50,
            **SEQUENCE_TO_SEQUENCE,
            **kwargs,
        }
    ),
    "wav2vec2-bert-adapter": lambda **kwargs: SPEECH_FAMILIES["wav2vec2-bert"](**{**ADAPTER, **kwargs}),
    "wav2vec2-bert": lambda **kwargs: Wav2Vec2BertConfig(
        **{
            **TRANSFORMER,
            "feature_projection_input_dim": 8,
            "conv_depthwise_kernel_size": 5,
            "left_max_position_embeddings": 4,
            "right_max_position_embeddings": 2,
            "position_embeddings_type": "relative_key",
            **kwargs,
        }
    ),
    "wav2vec2-adapter": lambda **kwargs: Wav2Vec2Config(**{**TRANSFORMER, **CONVOLUTIONS, **ADAPTER, **kwargs}),
    "data2vec-audio": lambda **kwargs: Data2VecAudioConfig(
        **{**TRANSFORMER, **CONVOLUTIONS, "num_conv_pos_embeddings": 3, "conv_pos_kernel_size": 5, **kwargs}
    ),
    "unispeech": lambda **kwargs: UniSpeechConfig(**{**TRANSFORMER, **CONVOLUTIONS, **kwargs}),
    "unispeech-sat": lambda **kwargs: UniSpeechSatConfig(**{**TRANSFORMER, **CONVOLUTIONS, **kwargs}),
    "sew": lambda **kwargs: SEWConfig(**{**TRANSFORMER, **CONVOLUTIONS, "squeeze_factor": 2, **kwargs}),
    "sew-d": lambda **kwargs: SEWDConfig(**{**TRANSFORMER, **CONVOLUTIONS, "squeeze_factor": 2, **kwargs}),
    "conformer-relative": lambda **kwargs: Wav2Vec2ConformerConfig(
        **{**TRANSFORMER, **CONVOLUTIONS, "conv_depthwise_kernel_size": 7, **kwargs}
    ),
    "conformer-rotary": lambda **kwargs: SPEECH_FAMILIES["conformer-relative"](
        **{"position_embeddings_type": "rotary", **kwargs}
    ),
    "speech_to_text": lambda **kwargs: Speech2TextConfig(
        **{
            "vocab_size": 50,
            "d_model": 32,
            "encoder_layers": 2,
            "decoder_layers": 1,
            "encoder_attention_heads": 4,
            "decoder_attention_heads": 4,
            "encoder_ffn_dim": 37,
            "decoder_ffn_dim": 37,
            "input_feat_per_channel": 8,
            "conv_channels": 16,
            "max_source_positions": 60,
            **kwargs,
        }
    ),
}
# Those that other tests than that of equal answers go through: one of each way in which the library treats them.
CORE_FAMILIES = (
    "roberta",
    "wav2vec2-group-norm",
    "wav2vec2-layer-norm",
    "hubert",
    "wavlm",
    "moonshine",
    "whisper",
    "wav2vec2-bert",
    "emotion2vec",
)

CAUSAL = {"num_key_value_heads": 2, "pad_token_id": 0}
SMALL_BERT = {"embedding_size": 16}
T5_SIZES = {"d_model": 32, "d_kv": 8, "d_ff": 37, "num_layers": 2, "num_heads": 4}
# By `model_type`: what its configuration needs beside or in the place of `TRANSFORMER`.
TEXT_FAMILIES: dict[str, dict] = {
    "albert": {**TRANSFORMER, **SMALL_BERT},
    "bart": {
        "d_model": 32,
        "encoder_layers": 2,
        "decoder_layers": 1,
        "encoder_attention_heads": 4,
        "decoder_attention_heads": 4,
        "encoder_ffn_dim": 37,
        "decoder_ffn_dim": 37,
    },
    "bert": TRANSFORMER,
    "big_bird": {**TRANSFORMER, "attention_type": "original_full"},
    "camembert": TRANSFORMER,
    "convbert": {**TRANSFORMER, **SMALL_BERT, "conv_kernel_size": 3},
    "data2vec-text": TRANSFORMER,
    "deberta": {**TRANSFORMER, "relative_attention": True, "pos_att_type": ["c2p", "p2c"]},
    "deberta-v2": {
        **TRANSFORMER,
        "relative_attention": True,
        "pos_att_type": ["c2p", "p2c"],
        "position_buckets": 8,
        "conv_kernel_size": 3,
    },
    "distilbert": {"dim": 32, "n_layers": 2, "n_heads": 4, "hidden_dim": 37},
    "electra": {**TRANSFORMER, **SMALL_BERT},
    "ernie": TRANSFORMER,
    "fnet": {
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "intermediate_size": 37,
        "use_tpu_fourier_optimizations": False,
    },
    "gpt2": {"n_embd": 32, "n_layer": 2, "n_head": 4},
    "llama": {**TRANSFORMER, **CAUSAL},
    "mistral": {**TRANSFORMER, **CAUSAL, "head_dim": 8, "sliding_window": 4},
    "mobilebert": {**TRANSFORMER, "embedding_size": 32, "intra_bottleneck_size": 32, "num_feedforward_networks": 2},
    "modernbert": {**TRANSFORMER, "pad_token_id": 0, "cls_token_id": 1, "sep_token_id": 2},
    "mpnet": TRANSFORMER,
    "mt5": T5_SIZES,
    "opt": {
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "ffn_dim": 37,
        "word_embed_proj_dim": 32,
    },
    "qwen2": {**TRANSFORMER, **CAUSAL},
    "qwen3": {**TRANSFORMER, **CAUSAL, "head_dim": 8},
    "rembert": {**TRANSFORMER, "input_embedding_size": 16},
    "roberta": TRANSFORMER,
    "roberta-prelayernorm": TRANSFORMER,
    "roformer": {**TRANSFORMER, **SMALL_BERT},
    "t5": T5_SIZES,
    "xlm-roberta": TRANSFORMER,
    "xlm-roberta-xl": TRANSFORMER,
    "xlnet": {"d_model": 32, "n_layer": 2, "n_head": 4, "d_inner": 37},
    "yoso": TRANSFORMER,
}


def text_family_config(family, **kwargs):
    """A text encoder of 2 x 32 of one of `TEXT_FAMILIES`, with 60 token ids."""
    return AutoConfig.for_model(family, **{"vocab_size": 60, **TEXT_FAMILIES[family], **kwargs})


def emobert_config(family="roberta", **kwargs):
    """A configuration over the tiny encoders, three classes unless told otherwise."""
    return EmoBertConfig.from_text_speech_configs(text_config(), speech_config(family), **{"num_labels": 3, **kwargs})


def emobert(family="roberta", seed=0, **kwargs):
    """A classifier in evaluation mode, its weights far enough from zero for differences to show."""
    torch.manual_seed(seed)
    model = EmoBertForSequenceClassification(emobert_config(family, initializer_range=0.3, **kwargs))
    return model.eval()


def without_dropout(model):
    """In training mode, with nothing left to chance."""
    for module in model.modules():
        for name, value in list(vars(module).items()):
            if "drop" in name and isinstance(value, float):
                setattr(module, name, 0.0)
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    for config in (model.config.text_config, model.config.speech_config):
        config.attention_probs_dropout_prob = config.attention_dropout = config.layerdrop = 0.0
        config.mask_time_prob = 0.0
    return model.train()


def speech_lengths(family):
    """Valid lengths of five clips, the last of them without speech, and the padded length."""
    longest = {"speech_input_ids": 40, "input_ids": 40, "input_features": 60}.get(input_name(family), 4000)
    longest = 100 if family == "whisper" else longest
    return [longest, longest * 3 // 5, longest // 3, longest, 0], longest


def input_name(family):
    """What the speech encoder of a family takes, as Transformers names it."""
    return family_of(speech_config(family)).input_name


def ragged_batch(family="roberta", seed=0):
    """Five utterances: ragged in both modalities, row 3 without text, row 4 without speech."""
    generator = torch.Generator().manual_seed(seed)
    lengths, longest = speech_lengths(family)
    text_lengths = [9, 4, 7, 0, 2]
    batch = {
        "input_ids": torch.randint(5, 60, (5, 9), generator=generator),
        "attention_mask": (torch.arange(9) < torch.tensor(text_lengths)[:, None]).long(),
        "speech_attention_mask": (torch.arange(longest) < torch.tensor(lengths)[:, None]).long(),
    }
    batch["input_ids"] *= batch["attention_mask"]
    mask = batch["speech_attention_mask"]
    if input_name(family) == "input_ids":
        speech = torch.randint(5, 60, (5, longest), generator=generator)
        batch["speech_input_ids"] = torch.where(mask.bool(), speech, 1)
    elif family == "whisper":
        batch["input_features"] = torch.randn(5, 8, longest, generator=generator)
    elif input_name(family) == "input_features":
        batch["input_features"] = torch.randn(5, longest, 8, generator=generator) * mask[..., None]
    else:
        batch["input_values"] = torch.randn(5, longest, generator=generator) * mask
    return batch


def single_row(batch, row):
    """One utterance of a batch as it would come alone: without padding, absent modalities left out."""
    alone = {}
    text_length = int(batch["attention_mask"][row].sum())
    if text_length:
        alone["input_ids"] = batch["input_ids"][row : row + 1, :text_length]
    speech_length = int(batch["speech_attention_mask"][row].sum())
    for name in ("speech_input_ids", "input_values", "input_features"):
        if name not in batch or not speech_length:
            continue
        clip = batch[name][row : row + 1]
        if clip.dim() == 3 and clip.shape[1] == 8:  # Whisper's features keep their fixed length
            alone["speech_attention_mask"] = batch["speech_attention_mask"][row : row + 1]
        else:
            clip = clip[:, :speech_length]
        alone[name] = clip
    return alone
