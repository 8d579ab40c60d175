r"""
Converts Speech-BERT, fairseq's RoBERTa over vq-wav2vec codes, into a folder that `RobertaModel.from_pretrained` loads,
with its dictionary and the feature extractor of its waveforms beside it.

    python -m modeling_emo.conversion.convert_speech_bert_fairseq_to_hf \
        --checkpoint bert_kmeans.pt --dict dict.txt --output_dir DIR
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from transformers import RobertaModel

from configuration_emo.speech_dictionary import SpeechDictionary

from .convert_vq_wav2vec_fairseq_to_hf import save_feature_extractor
from .fairseq_checkpoint import (
    FairseqCheckpoint,
    describe_ignored,
    load_fairseq_checkpoint,
    load_strictly,
    rename_keys,
    split_fused_projections,
)
from .fairseq_reference import PADDING_ID, roberta_hidden_states
from .fairseq_roberta import add_token_types, roberta_config, roberta_keys, sentence_encoder_prefix


def convert_speech_bert(
    checkpoint: FairseqCheckpoint, dictionary: SpeechDictionary, num_attention_heads: int | None = None
) -> tuple[RobertaModel, dict[str, str]]:
    """
    Builds the encoder of a Speech-BERT checkpoint.

    Args:
        checkpoint ([`FairseqCheckpoint`]): a RoBERTa of fairseq, with `q_proj`, `k_proj`, `v_proj` or fused `in_proj`
            keys.
        dictionary ([`SpeechDictionary`]): its vocabulary.
        num_attention_heads (`int`, *optional*): only for a checkpoint whose arguments do not name them.

    Returns:
        The `RobertaModel` (without pooler) in evaluation mode, and name and reason of each tensor left out.

    Raises:
        ValueError: the dictionary does not fit the embedding, or tensors and arguments do not fit together.
    """
    checkpoint.state_dict = split_fused_projections(checkpoint.state_dict)
    config = roberta_config(
        checkpoint.state_dict,
        checkpoint.args,
        num_attention_heads=num_attention_heads or checkpoint.args.get("encoder_attention_heads"),
    )
    dictionary.check_embedding(config.vocab_size)
    model = RobertaModel(config, add_pooling_layer=False).eval()
    renamed = rename_keys(checkpoint, roberta_keys())
    add_token_types(renamed.state_dict)
    load_strictly(model, renamed.state_dict, checkpoint.path)
    return model, renamed.ignored


def check_parity(model: RobertaModel, checkpoint: FairseqCheckpoint) -> float:
    """
    Compares a converted encoder with fairseq's arithmetic on the checkpoint's own tensors.

    Args:
        model (`RobertaModel`): the conversion.
        checkpoint ([`FairseqCheckpoint`]): its source.

    Returns:
        `float`: the largest difference between last hidden states, over two random sequences, one of them padded.
    """
    config = model.config
    length = min(64, config.max_position_embeddings - PADDING_ID - 1)
    input_ids = torch.randint(2, config.vocab_size, (2, length), generator=torch.Generator().manual_seed(0))
    input_ids[1, length // 2 :] = PADDING_ID
    valid = input_ids.ne(PADDING_ID)
    prefix = sentence_encoder_prefix(checkpoint.state_dict)
    activation = checkpoint.args.get("activation_fn", "gelu")
    expected = roberta_hidden_states(
        checkpoint.state_dict, prefix, input_ids, config.num_attention_heads, activation=activation
    )
    with torch.no_grad():
        hidden_states = model(input_ids, attention_mask=valid.long()).last_hidden_state
    return (hidden_states - expected)[valid].abs().max().item()


def main(argv: list[str] | None = None) -> None:
    """Command line of the conversion."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint", type=Path, required=True, help="fairseq's .pt file")
    parser.add_argument("--dict", type=Path, required=True, help="the dict.txt that the checkpoint was trained with")
    parser.add_argument("--output_dir", type=Path, required=True, help="folder to write")
    parser.add_argument("--num_attention_heads", type=int, help="only where the checkpoint's arguments lack them")
    options = parser.parse_args(argv)

    dictionary = SpeechDictionary.from_file(options.dict)
    checkpoint = load_fairseq_checkpoint(options.checkpoint)
    model, ignored = convert_speech_bert(checkpoint, dictionary, options.num_attention_heads)
    model.save_pretrained(options.output_dir)
    dictionary.save(options.output_dir)
    save_feature_extractor(options.output_dir)

    for line in describe_ignored(ignored):
        print(line)
    reloaded = RobertaModel.from_pretrained(options.output_dir, add_pooling_layer=False).eval()
    print(f"parity with the checkpoint: hidden states differ by {check_parity(reloaded, checkpoint):.2e} at most")
    print(f"saved to {options.output_dir}, with a dictionary of {len(dictionary)} ids")


if __name__ == "__main__":
    main()
