r"""
Converts a fine-tuned checkpoint of the original system into a folder that
`EmoBertForSequenceClassification.from_pretrained` loads; with vq-wav2vec and dictionary it takes waveforms end to end.

    python -m modeling_emo.conversion.convert_emobert_fairseq_to_hf --checkpoint checkpoint_best.pt \
        --fusion co_attention --output_dir DIR [--vq_wav2vec vq-wav2vec_kmeans.pt --dict dict.txt] \
        [--text_tokenizer FacebookAI/roberta-large]
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import AutoTokenizer, PreTrainedTokenizerBase, RobertaConfig

from configuration_emo.configuration_emobert import FUSIONS, EmoBertConfig
from configuration_emo.problem_types import PROBLEM_TYPES, get_problem_type
from configuration_emo.speech_dictionary import SpeechDictionary

from ..modeling_emobert import EmoBertForSequenceClassification
from ..modeling_vq_wav2vec import VqWav2VecModel
from ..speech_tokenizer_module import SpeechTokenizerModule
from .convert_vq_wav2vec_fairseq_to_hf import convert_vq_wav2vec, save_feature_extractor
from .fairseq_checkpoint import (
    FairseqCheckpoint,
    KeyTable,
    describe_ignored,
    load_fairseq_checkpoint,
    load_strictly,
    rename_keys,
    split_fused_projections,
)
from .fairseq_reference import EMOBERT_ENCODERS, PADDING_ID, emobert_logits
from .fairseq_roberta import add_token_types, roberta_config, roberta_keys


TARGETS = {"text": "emobert.text_encoder.", "speech": "emobert.speech_encoder."}
CO_ATTENTION = r"decoder\.sentence_encoder\.layers_%s\.(\d+)\.self_cross_attn\.([qkv]|out)_proj\.(weight|bias)"
# The original's earlier commits build these normalisations, and do not use them either.
UNUSED_NORMS = r"decoder\.sentence_encoder\.layers_%s\.\d+\.(?:self_attn|final)_layer_norm\.(?:weight|bias)"
# Modules of ours that the original has not: they stay at zero until a training with missing modalities fills them.
OWN_MODULES = ("emobert.text_stand_in.", "emobert.speech_stand_in.")
SPEECH_TOKENIZER = "emobert.speech_tokenizer."

# The flag of each target in a checkpoint's arguments, and what it makes of the head.
TASKS: dict[str, dict[str, Any]] = {
    "binary_target_iemocap": {
        "problem_type": "one_vs_rest_classification",
        "labels": ["neutral", "sad", "angry", "happy"],
    },
    "regression_target_mos": {"problem_type": "regression", "regression_loss": "l1", "label_range": [-3.0, 3.0]},
    "softmax_target_meld": {
        "problem_type": "single_label_classification",
        "labels": ["neutral", "sadness", "anger", "joy", "surprise", "fear", "disgust"],
    },
    "regression_target": {"problem_type": "regression", "regression_loss": "mse"},
}


@dataclass
class ConversionOptions:
    """
    What a checkpoint does not tell.

    Args:
        fusion (`str`): `"shallow"` or `"co_attention"`.
        problem_type (`str`, *optional*): of the head; from the checkpoint's arguments when None.
        text_num_attention_heads, speech_num_attention_heads (`int`, *optional*): of the encoders; hidden size / 64
            when None, as in every published RoBERTa.
    """

    fusion: str
    problem_type: str | None = None
    text_num_attention_heads: int | None = None
    speech_num_attention_heads: int | None = None


def task_from_args(args: Mapping[str, Any], num_outputs: int, problem_type: str | None = None) -> dict[str, Any]:
    """
    The head's fields of an [`EmoBertConfig`].

    Args:
        args (`Mapping[str, Any]`): the checkpoint's arguments, of which one target flag should be set.
        num_outputs (`int`): rows of the head.
        problem_type (`str`, *optional*): instead of the flag.

    Returns:
        `dict[str, Any]`: `problem_type`, `num_labels` and what else belongs to them. Without a flag 8 outputs are the
        original's 4 IEMOCAP emotions and 1 is its sentiment score, as in its documented commands.

    Raises:
        ValueError: the outputs do not fit the target.
    """
    flags = [flag for flag in TASKS if args.get(flag)]
    if not flags:
        flags = {8: ["binary_target_iemocap"], 1: ["regression_target_mos"]}.get(num_outputs, [])
    task: dict[str, Any] = dict(TASKS[flags[0]]) if flags else {"problem_type": "single_label_classification"}
    if problem_type is not None and problem_type != task["problem_type"]:
        task = {"problem_type": problem_type}
    num_labels, rest = divmod(num_outputs, get_problem_type(task["problem_type"]).logits_per_label)
    if rest:
        raise ValueError(f"One-vs-rest classification has 2 outputs for each emotion, the head has {num_outputs}.")
    labels = task.pop("labels", None)
    if labels is not None and len(labels) == num_labels:
        task["id2label"] = dict(enumerate(labels))
        task["label2id"] = {label: index for index, label in enumerate(labels)}
    else:
        task["num_labels"] = num_labels
    return task


def convert_emobert(
    checkpoint: FairseqCheckpoint,
    options: ConversionOptions,
    *,
    vq_wav2vec: VqWav2VecModel | None = None,
    dictionary: SpeechDictionary | None = None,
) -> tuple[EmoBertForSequenceClassification, dict[str, str]]:
    """
    Builds the model of a checkpoint.

    Args:
        checkpoint ([`FairseqCheckpoint`]): of the original system, with both encoders.
        options ([`ConversionOptions`]): the fusion, and what the checkpoint does not tell.
        vq_wav2vec ([`VqWav2VecModel`], *optional*): takes waveforms end to end; needs `dictionary`.
        dictionary ([`SpeechDictionary`], *optional*): of the speech encoder; checked against its embedding.

    Returns:
        The [`EmoBertForSequenceClassification`] in evaluation mode, and name and reason of each tensor left out.

    Raises:
        ValueError: an encoder or the co-attention is missing, tensors and options do not fit together, or the
            dictionary does not fit the embedding.
    """
    if vq_wav2vec is not None and dictionary is None:
        raise ValueError("A speech tokenizer needs the dictionary of the speech encoder as well: give --dict.")
    checkpoint.state_dict = split_fused_projections(checkpoint.state_dict)
    config: Any = _config(checkpoint, options)
    if dictionary is not None:
        dictionary.check_embedding(config.speech_config.vocab_size)
    if vq_wav2vec is not None:
        config.speech_tokenizer_config = vq_wav2vec.config
    model = EmoBertForSequenceClassification(config).eval()
    renamed = rename_keys(checkpoint, _keys(checkpoint, options.fusion))
    for target in TARGETS.values():
        add_token_types(renamed.state_dict, target)
    load_strictly(model, renamed.state_dict, checkpoint.path, optional=(*OWN_MODULES, SPEECH_TOKENIZER))
    for name, parameter in model.named_parameters():
        if name.startswith(OWN_MODULES):
            torch.nn.init.zeros_(parameter)
    if vq_wav2vec is not None and dictionary is not None:
        tokenizer = SpeechTokenizerModule.from_vq_wav2vec(vq_wav2vec, dictionary, config.speech_config)
        model.emobert.speech_tokenizer.load_state_dict(tokenizer.state_dict())
    return model, renamed.ignored


def _config(checkpoint: FairseqCheckpoint, options: ConversionOptions) -> EmoBertConfig:
    """The configuration, from the tensors' shapes, the arguments and the options."""
    state, args = checkpoint.state_dict, checkpoint.args
    encoders: dict[str, RobertaConfig] = {}
    for name, heads in (
        ("text", options.text_num_attention_heads),
        ("speech", options.speech_num_attention_heads),
    ):
        # The arguments are those of the fusion; the encoders were trained with RoBERTa's own.
        encoders[name] = roberta_config(state, {}, prefix=_prefix(state, name), num_attention_heads=heads)
    num_layers = len({key for key in state if re.fullmatch(CO_ATTENTION % "ta", key) and ".q_proj.weight" in key})
    co_attention: dict[str, Any] = {}
    if options.fusion == "co_attention":
        if not num_layers:
            raise ValueError(
                f"{checkpoint.path} has no co-attention (`layers_ta`, `layers_at`): it was trained without "
                "--stack-up. Convert it with --fusion shallow."
            )
        if "encoder_attention_heads" not in args:
            raise ValueError(f"{checkpoint.path} does not say how many heads its co-attention has.")
        co_attention = {
            "num_co_attention_layers": num_layers,
            "num_co_attention_heads": args["encoder_attention_heads"],
            "co_attention_dropout": args.get("dropout", 0.1),
        }
    num_outputs = state[_head(checkpoint)].shape[0]
    return EmoBertConfig.from_text_speech_configs(
        encoders["text"],
        encoders["speech"],
        fusion=options.fusion,
        classifier_dropout=args.get("pooler_dropout", 0.1),
        **co_attention,
        **task_from_args(args, num_outputs, options.problem_type),
    )


def _prefix(state: Mapping[str, torch.Tensor], name: str) -> str:
    """What precedes `decoder.` or `encoder.` of one of the encoders; fairseq's hub interface adds `model.`."""
    module = f"{EMOBERT_ENCODERS[name]}."
    return f"{module}model." if any(key.startswith(f"{module}model.") for key in state) else module


def _head(checkpoint: FairseqCheckpoint) -> str:
    """The key of the head's weight."""
    keys = [
        key for key in checkpoint.state_dict if re.fullmatch(r"classification_heads\.[^.]+\.out_proj\.weight", key)
    ]
    if len(keys) != 1:
        raise ValueError(f"{checkpoint.path} has {len(keys)} classification heads where there should be one.")
    return keys[0]


def _keys(checkpoint: FairseqCheckpoint, fusion: str) -> KeyTable:
    """Names of all tensors of the original's model."""
    head = re.escape(_head(checkpoint).removesuffix("weight"))
    table = KeyTable([(head + "(weight|bias)", r"classifier.\1")], [])
    for name, target in TARGETS.items():
        encoder = roberta_keys(_prefix(checkpoint.state_dict, name), target)
        table.renames.extend(encoder.renames)
        table.ignored.extend(encoder.ignored)
        marker = re.escape(EMOBERT_ENCODERS[name]) + r"\._float_tensor"
        table.ignored.append((marker, "marks the device in fairseq's hub interface"))
    for direction, module in (("ta", "text_to_speech"), ("at", "speech_to_text")):
        old = CO_ATTENTION % direction
        if fusion == "co_attention":
            table.renames.append((old, rf"emobert.{module}.layers.\1.attention.\2_proj.\3"))
        else:
            table.ignored.append((old, "co-attention, which shallow fusion does not use"))
        table.ignored.append((UNUSED_NORMS % direction, "normalisation that the original builds without using it"))
    return table


def load_text_tokenizer(name_or_path: str, vocab_size: int) -> PreTrainedTokenizerBase:
    """
    The tokenizer of the text encoder, which no checkpoint holds.

    Args:
        name_or_path (`str`): folder or Hub id, `FacebookAI/roberta-large` for the original's.
        vocab_size (`int`): rows of the text encoder's token embedding.

    Returns:
        `PreTrainedTokenizerBase`

    Raises:
        ValueError: it has another number of tokens; both are named.
    """
    tokenizer = AutoTokenizer.from_pretrained(name_or_path)
    if len(tokenizer) != vocab_size:
        raise ValueError(
            f"The tokenizer {name_or_path} has {len(tokenizer)} tokens, but the text encoder's embedding has "
            f"{vocab_size} rows. Use the tokenizer that belongs to it."
        )
    return tokenizer


def check_parity(model: EmoBertForSequenceClassification, checkpoint: FairseqCheckpoint) -> float:
    """
    Compares a converted model with fairseq's arithmetic on the checkpoint's own tensors.

    Args:
        model ([`EmoBertForSequenceClassification`]): the conversion.
        checkpoint ([`FairseqCheckpoint`]): its source.

    Returns:
        `float`: the largest difference between logits, over two random pairs, one of them padded.
    """
    config: Any = model.config
    generator = torch.Generator().manual_seed(0)
    inputs = {}
    for name, encoder in (("text", config.text_config), ("speech", config.speech_config)):
        length = min(32, encoder.max_position_embeddings - PADDING_ID - 1)
        inputs[name] = torch.randint(2, encoder.vocab_size, (2, length), generator=generator)
        inputs[name][1, length // 2 :] = PADDING_ID
    heads = {
        "text": config.text_config.num_attention_heads,
        "speech": config.speech_config.num_attention_heads,
        "fusion": config.num_co_attention_heads,
    }
    with torch.no_grad():
        expected = emobert_logits(
            checkpoint.state_dict,
            inputs["text"],
            inputs["speech"],
            co_attention=config.fusion == "co_attention",
            num_heads=heads,
        )
        logits = model(
            input_ids=inputs["text"],
            attention_mask=inputs["text"].ne(PADDING_ID).long(),
            speech_input_ids=inputs["speech"],
            speech_attention_mask=inputs["speech"].ne(PADDING_ID).long(),
        ).logits
    return (logits.flatten(1) - expected).abs().max().item()


def main(argv: list[str] | None = None) -> None:
    """Command line of the conversion."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint", type=Path, required=True, help="the fine-tuned .pt file")
    parser.add_argument("--fusion", choices=FUSIONS, required=True)
    parser.add_argument("--output_dir", type=Path, required=True, help="folder to write")
    parser.add_argument("--vq_wav2vec", type=Path, help="fairseq's vq-wav2vec .pt file, to take waveforms end to end")
    parser.add_argument("--dict", type=Path, help="Speech-BERT's dict.txt")
    parser.add_argument("--text_tokenizer", help="folder or Hub id of the text encoder's, to be kept with the model")
    parser.add_argument("--problem_type", choices=PROBLEM_TYPES, help="only where the arguments of training lack it")
    parser.add_argument("--text_num_attention_heads", type=int, help="default: hidden size / 64")
    parser.add_argument("--speech_num_attention_heads", type=int, help="default: hidden size / 64")
    arguments = parser.parse_args(argv)
    if arguments.vq_wav2vec is not None and arguments.dict is None:
        parser.error("--vq_wav2vec needs --dict as well")

    checkpoint = load_fairseq_checkpoint(arguments.checkpoint)
    dictionary = None if arguments.dict is None else SpeechDictionary.from_file(arguments.dict)
    vq_wav2vec: VqWav2VecModel | None = None
    ignored: dict[str, str] = {}
    if arguments.vq_wav2vec is not None:
        vq_wav2vec, ignored = convert_vq_wav2vec(load_fairseq_checkpoint(arguments.vq_wav2vec))
    options = ConversionOptions(
        arguments.fusion,
        arguments.problem_type,
        arguments.text_num_attention_heads,
        arguments.speech_num_attention_heads,
    )
    model, left_out = convert_emobert(checkpoint, options, vq_wav2vec=vq_wav2vec, dictionary=dictionary)
    config: Any = model.config
    if arguments.text_tokenizer is not None:
        load_text_tokenizer(arguments.text_tokenizer, config.text_config.vocab_size).save_pretrained(
            arguments.output_dir
        )
    model.save_pretrained(arguments.output_dir)
    if dictionary is not None:
        dictionary.save(arguments.output_dir)
    save_feature_extractor(arguments.output_dir)

    for line in describe_ignored({**ignored, **left_out}):
        print(line)
    reloaded = EmoBertForSequenceClassification.from_pretrained(arguments.output_dir).eval()
    print(f"parity with the checkpoint: logits differ by {check_parity(reloaded, checkpoint):.2e} at most")
    print(f"saved to {arguments.output_dir}: {model.config.problem_type}, labels {model.config.id2label}")


if __name__ == "__main__":
    main()
