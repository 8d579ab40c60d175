"""Memory of a training step of full-size EmoBERT (RoBERTa-large + Speech-BERT): formula and measurement.

    python benchmarks/training_memory.py --output outputs/benchmarks/training_memory.json

Weights, gradients and AdamW's two moments are counted exactly. Activations of a transformer layer follow Korthikanti
et al. (arXiv 2205.05198, section 4), in the bytes of the precision at hand: 16 values and 2 mask bytes per position
and hidden unit, and, where attention weights are kept, 2 values and 1 mask byte per head and pair of positions. Each
setting is measured in a process of its own, with random weights, as the growth of its peak resident memory.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from statistics import median

import torch
from report import argument_parser, parse_arguments, report
from transformers import RobertaConfig

from configuration_emo import EmoBertConfig
from modeling_emo import EmoBertForSequenceClassification, parameter_groups


SPEECH_VOCABULARY = 23_600
GIGABYTE = 1e9


@dataclass(frozen=True)
class Setting:
    """One batch shape; lengths in token ids."""

    batch_size: int
    text_length: int
    speech_length: int
    gradient_checkpointing: bool = False


SETTINGS = [
    Setting(1, 18, 451),
    Setting(1, 112, 1800),
    Setting(1, 112, 1800, gradient_checkpointing=True),
    Setting(4, 64, 451),
    Setting(4, 64, 451, gradient_checkpointing=True),
]


def full_size_config() -> EmoBertConfig:
    """The paper's model: 24 x 1024 text encoder, 12 x 768 speech encoder, one layer of co-attention."""
    large = {"hidden_size": 1024, "num_hidden_layers": 24, "num_attention_heads": 16, "intermediate_size": 4096}
    text = RobertaConfig(vocab_size=50_265, max_position_embeddings=514, **large)
    speech = RobertaConfig(vocab_size=SPEECH_VOCABULARY, max_position_embeddings=2050)
    return EmoBertConfig.from_text_speech_configs(text, speech, num_labels=4, num_co_attention_heads=2)


def state_bytes(num_parameters: int, *, value_bytes: int = 4) -> int:
    """Weights, gradients and AdamW's moments; in mixed precision the weights stay in float32 and all count 4 bytes."""
    return 4 * value_bytes * num_parameters


def activation_bytes(setting: Setting, config: EmoBertConfig, *, value_bytes: int, keeps_attention: bool) -> int:
    """What the forward of both encoders keeps for the backward.

    Args:
        setting ([`Setting`]): the batch.
        config ([`EmoBertConfig`]): the encoders.
        value_bytes (`int`): 4 for float32, 2 for bf16 and fp16.
        keeps_attention (`bool`): whether attention weights are kept; flash attention does not keep them.
    """
    total = 0
    for encoder, length in ((config.text_config, setting.text_length), (config.speech_config, setting.speech_length)):
        positions = setting.batch_size * length * encoder.hidden_size
        layer = positions * (16 * value_bytes + 2)
        if keeps_attention:
            layer += setting.batch_size * encoder.num_attention_heads * length**2 * (2 * value_bytes + 1)
        # With checkpointing the inputs of all layers are kept, and one layer's activations at a time.
        kept = encoder.num_hidden_layers * positions * value_bytes + layer
        total = max(total, kept) if setting.gradient_checkpointing else total + encoder.num_hidden_layers * layer
    return total


def peak_bytes() -> int:
    """The process's largest resident memory so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def measure(setting: Setting, num_steps: int) -> dict:
    """Trains a few steps and returns bytes and seconds."""
    before = peak_bytes()
    config = full_size_config()
    model = EmoBertForSequenceClassification(config).train()
    num_parameters = sum(parameter.numel() for parameter in model.parameters())
    if setting.gradient_checkpointing:
        model.gradient_checkpointing_enable()
    optimizer = torch.optim.AdamW(parameter_groups(model, learning_rate=1e-5, weight_decay=0.1), fused=True)
    batch = {
        "input_ids": torch.randint(4, 50_000, (setting.batch_size, setting.text_length)),
        "speech_input_ids": torch.randint(4, SPEECH_VOCABULARY, (setting.batch_size, setting.speech_length)),
        "labels": torch.zeros(setting.batch_size, dtype=torch.long),
    }
    losses, seconds = [], []
    for _ in range(num_steps):
        start = time.perf_counter()
        loss = model(**batch).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
        seconds.append(time.perf_counter() - start)
    states = state_bytes(num_parameters)
    activations = activation_bytes(setting, config, value_bytes=4, keeps_attention=True)
    return {
        **asdict(setting),
        "parameters": num_parameters,
        "formula_states": states,
        "formula_activations": activations,
        "formula": states + activations,
        "measured": peak_bytes() - before,
        "losses": losses,
        "seconds": seconds,
    }


def measure_alone(setting: Setting, arguments: argparse.Namespace) -> dict:
    """`measure` in a new process, whose peak is its own."""
    options = (f"--{name}={getattr(arguments, name)}" for name in ("seed", "threads", "repeats"))
    command = [sys.executable, __file__, *options, "--one", json.dumps(asdict(setting))]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1])


def main():
    parser = argument_parser(__doc__, repeats=2)
    parser.add_argument("--one", help=argparse.SUPPRESS)
    arguments = parse_arguments(parser)
    if arguments.one is not None:
        print(json.dumps(measure(Setting(**json.loads(arguments.one)), arguments.repeats)))
        return
    results, rows = [], []
    for setting in SETTINGS:
        result = measure_alone(setting, arguments)
        results.append(result)
        shape = [setting.batch_size, setting.text_length, setting.speech_length]
        bytes_ = [f"{result[name] / GIGABYTE:.2f}" for name in ("formula", "measured")]
        ratio, seconds = f"{result['measured'] / result['formula']:.2f}", f"{median(result['seconds']):.1f}"
        rows.append([*shape, "yes" if setting.gradient_checkpointing else "no", *bytes_, ratio, seconds])
    header = [
        "batch",
        "text",
        "speech",
        "checkpointing",
        "formula, GB",
        "measured, GB",
        "measured / formula",
        "step, s",
    ]
    report(arguments, results, header=header, rows=rows)


if __name__ == "__main__":
    main()
