"""Tiny encoders with random weights, one of each family that EmoBERT takes."""

import torch
from transformers import (
    BertConfig,
    HubertConfig,
    MoonshineConfig,
    RobertaConfig,
    Wav2Vec2BertConfig,
    Wav2Vec2Config,
    WavLMConfig,
    WhisperConfig,
)

from configuration_emo import EmoBertConfig
from modeling_emo import EmoBertForSequenceClassification


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
}


def emobert_config(family="roberta", **kwargs):
    """A configuration over the tiny encoders, three classes unless told otherwise."""
    return EmoBertConfig.from_text_speech_configs(text_config(), speech_config(family), **{"num_labels": 3, **kwargs})


def emobert(family="roberta", seed=0, **kwargs):
    """A classifier in evaluation mode, its weights far enough from zero for differences to show."""
    torch.manual_seed(seed)
    model = EmoBertForSequenceClassification(emobert_config(family, initializer_range=0.3, **kwargs))
    return model.eval()


def speech_lengths(family):
    """Valid lengths of five clips, the last of them without speech, and the padded length."""
    longest = {"roberta": 40, "whisper": 100, "wav2vec2-bert": 60}.get(family, 4000)
    return [longest, longest * 3 // 5, longest // 3, longest, 0], longest


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
    if family == "roberta":
        speech = torch.randint(5, 60, (5, longest), generator=generator)
        batch["speech_input_ids"] = torch.where(mask.bool(), speech, 1)
    elif family == "whisper":
        batch["input_features"] = torch.randn(5, 8, longest, generator=generator)
    elif family == "wav2vec2-bert":
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
