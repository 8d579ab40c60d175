"""
Converts an emotion2vec checkpoint into a folder that Transformers loads.

    python -m modeling_emo.conversion.convert_emotion2vec_to_hf --checkpoint model.pt --config config.yaml \\
        --tokens tokens.txt --output_dir DIR
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from transformers import AutoModel, AutoModelForAudioClassification

from configuration_emo import hub_code
from configuration_emo.configuration_emotion2vec import Emotion2VecConfig

from ..emotion2vec.modeling_emotion2vec import Emotion2VecForAudioClassification, Emotion2VecModel
from .emotion2vec_checkpoint import Emotion2VecCheckpoint, key_table, load_checkpoint
from .emotion2vec_reference import emotion2vec_outputs
from .fairseq_checkpoint import describe_ignored
from .funasr_config import FunAsrConfig, read_funasr_config, read_labels


CLASSIFIER = ("proj.weight", "proj.bias")
# Where the extractor's class is. `modeling_emo` does not import `preprocess`: its file is written as data.
EXTRACTOR_CODE = Path(hub_code.__file__).parents[1] / "preprocess" / "feature_extraction_emotion2vec.py"


def convert_emotion2vec(
    checkpoint: Emotion2VecCheckpoint, funasr: FunAsrConfig, labels: tuple[list[str], list[str]] | None = None
) -> Emotion2VecModel | Emotion2VecForAudioClassification:
    """
    Builds the model of a checkpoint.

    Args:
        checkpoint ([`Emotion2VecCheckpoint`]): the tensors.
        funasr ([`FunAsrConfig`]): the architecture.
        labels (*optional*): of [`read_labels`]; numbers take their place when not given.

    Returns:
        [`Emotion2VecForAudioClassification`] where the checkpoint has a classifier, else [`Emotion2VecModel`], in
        evaluation mode.

    Raises:
        ValueError: tensors and architecture do not fit together, every missing, unknown or misshapen one is named; or
            the labels are not as many as the classifier's outputs.
    """
    table = key_table(funasr.model, funasr.num_prenet_layers)
    model: Emotion2VecModel | Emotion2VecForAudioClassification
    if any(name in checkpoint.state_dict for name in CLASSIFIER):
        table = {name: [f"emotion2vec.{ours}" for ours in names] for name, names in table.items()}
        table |= {name: [name.replace("proj", "classifier")] for name in CLASSIFIER}
        model = Emotion2VecForAudioClassification(_with_labels(checkpoint, funasr.model, labels))
    elif labels is None:
        model = Emotion2VecModel(funasr.model)
    else:
        raise ValueError(f"{checkpoint.path} has no classifier (proj.weight): leave the labels out.")
    model.load_state_dict(_renamed(checkpoint, table, model.state_dict(), funasr.path))
    return model.eval()


def _with_labels(
    checkpoint: Emotion2VecCheckpoint, config: Emotion2VecConfig, labels: tuple[list[str], list[str]] | None
) -> Emotion2VecConfig:
    """The configuration with the labels of the classifier, of which one is right."""
    num_labels = len(checkpoint.state_dict.get("proj.bias", checkpoint.state_dict.get("proj.weight", ())))
    names, disallowed = labels if labels is not None else ([f"LABEL_{index}" for index in range(num_labels)], [])
    if len(names) != num_labels:
        raise ValueError(
            f"{checkpoint.path} has a classifier of {num_labels} outputs (proj.bias), but there are {len(names)} "
            "labels: use the tokens.txt that belongs to it."
        )
    return Emotion2VecConfig.from_dict(
        {
            **config.to_dict(),
            "id2label": dict(enumerate(names)),
            "label2id": {name: index for index, name in enumerate(names)},
            "disallowed_labels": disallowed,
            "problem_type": "single_label_classification",
        }
    )


def _renamed(
    checkpoint: Emotion2VecCheckpoint,
    table: Mapping[str, list[str]],
    own: Mapping[str, torch.Tensor],
    config_path: Path,
) -> dict[str, torch.Tensor]:
    """The checkpoint's tensors under our names, each of them accounted for."""
    given = checkpoint.state_dict
    problems = {
        "missing": [name for name in table if name not in given],
        "unknown": [name for name in given if name not in table],
        "of the wrong shape": [],
    }
    renamed: dict[str, torch.Tensor] = {}
    for name in table.keys() & given.keys():
        tensor = _two_axes(given[name]) if name.endswith("alibi_scale") else given[name]
        names = table[name]
        expected = (len(names) * own[names[0]].shape[0], *own[names[0]].shape[1:])
        if tuple(tensor.shape) != expected:
            problems["of the wrong shape"].append(f"{name} {tuple(given[name].shape)}, not {expected}")
            continue
        renamed.update({ours: part.clone() for ours, part in zip(names, tensor.chunk(len(names)), strict=True)})
    found = [f"{kind}: {', '.join(sorted(names))}" for kind, names in problems.items() if names]
    if found:
        raise ValueError(f"The tensors of {checkpoint.path} are not those of {config_path}; {'; '.join(found)}.")
    return renamed


def _two_axes(scale: torch.Tensor) -> torch.Tensor:
    """Scales `(layers, 1, heads, 1, 1)`, or without the first axis in older files, as `(layers, heads)`."""
    shape = (1, *scale.shape) if scale.dim() == 4 else tuple(scale.shape)
    fits = len(shape) == 5 and shape[1] == shape[3] == shape[4] == 1
    return scale.reshape(shape[0], shape[2]) if fits else scale


def save_feature_extractor(output_dir: Path, config: Emotion2VecConfig, *, do_normalize: bool) -> None:
    """
    Writes `preprocessor_config.json` for `preprocess.Emotion2VecFeatureExtractor`, and the code of that class.

    Args:
        output_dir (`Path`): the folder.
        config ([`Emotion2VecConfig`]): of the model.
        do_normalize (`bool`): whether waveforms are normalised.
    """
    name = "Emotion2VecFeatureExtractor"
    fields = {
        "auto_map": {"AutoFeatureExtractor": f"{EXTRACTOR_CODE.stem}.{name}"},
        "do_normalize": do_normalize,
        "feature_extractor_type": name,
        "feature_size": 1,
        "padding_side": "right",
        "padding_value": 0.0,
        "return_attention_mask": True,
        "sampling_rate": config.sampling_rate,
    }
    (output_dir / "preprocessor_config.json").write_text(json.dumps(fields, indent=2) + "\n", encoding="utf-8")
    for module, source in hub_code.flat_sources(str(EXTRACTOR_CODE)).items():
        (output_dir / f"{module}.py").write_text(source, encoding="utf-8")


def model_outputs(
    model: Emotion2VecModel | Emotion2VecForAudioClassification, waveform: torch.Tensor, *, do_normalize: bool
) -> dict[str, torch.Tensor]:
    """
    What a converted model makes of a clip, in the form of [`emotion2vec_outputs`].

    Args:
        model: the conversion.
        waveform (`torch.Tensor` of shape `(samples,)`): full scale 1.
        do_normalize (`bool`): whether to normalise it.
    """
    if do_normalize:
        waveform = (waveform - waveform.mean()) / (waveform.var(correction=0) + 1e-5).sqrt()
    with torch.no_grad():
        output = model(waveform[None])
    outputs = {"frames": output.last_hidden_state[0], "utterance": output.pooler_output[0]}
    if output.extra_tokens is not None:
        outputs["tokens"] = output.extra_tokens[0]
    if "logits" in output:
        outputs["logits"] = output.logits[0]
    return outputs


def check_parity(model, checkpoint: Emotion2VecCheckpoint, funasr: FunAsrConfig) -> dict[str, float]:
    """
    Compares a converted model with the original's arithmetic on the checkpoint's own tensors, on a second of noise.

    Args:
        model: the conversion.
        checkpoint ([`Emotion2VecCheckpoint`]): its source.
        funasr ([`FunAsrConfig`]): its architecture.

    Returns:
        `dict[str, float]`: the largest difference of each output.
    """
    samples = max(model.config.sampling_rate, model.config.receptive_field)
    waveform = torch.randn(samples, generator=torch.Generator().manual_seed(0)) * 0.1
    ours = model_outputs(model, waveform, do_normalize=funasr.do_normalize)
    return _differences(ours, emotion2vec_outputs(funasr, checkpoint.state_dict, waveform))


def compare_with_reference(model, funasr: FunAsrConfig, reference: Path, waves: Path) -> dict[str, float]:
    """
    Compares a converted model with numbers that the original computed.

    Args:
        model: the conversion.
        funasr ([`FunAsrConfig`]): its architecture.
        reference (`Path`): `.npz` with some of `frames_i`, `tokens_i`, `utterance_i` and `logits_i` for clips `i`.
        waves (`Path`): `.npz` with the clips, arrays `(samples,)` whose names end with `_i`; 16-bit samples are
            divided by 32768.

    Returns:
        `dict[str, float]`: the largest difference of each output over all clips.

    Raises:
        ValueError: the files have no clip in common.
    """
    expected = np.load(reference)
    largest: dict[str, float] = {}
    for name, samples in np.load(waves).items():
        clip = name.rpartition("_")[2]
        theirs = {
            kind: torch.from_numpy(expected[f"{kind}_{clip}"])
            for kind in ("frames", "tokens", "utterance", "logits")
            if f"{kind}_{clip}" in expected
        }
        if not theirs:
            continue
        scale = 32768.0 if np.issubdtype(samples.dtype, np.integer) else 1.0
        waveform = torch.from_numpy(samples.astype(np.float32) / scale)
        ours = model_outputs(model, waveform, do_normalize=funasr.do_normalize)
        for kind, difference in _differences(ours, theirs).items():
            largest[kind] = max(largest.get(kind, 0.0), difference)
    if not largest:
        raise ValueError(f"{reference} and {waves} have no clip in common: names must end with the same number.")
    return largest


def _differences(ours: Mapping[str, torch.Tensor], theirs: Mapping[str, torch.Tensor]) -> dict[str, float]:
    """The largest difference of what both have; disallowed labels, whose logits we do not give, left out."""
    differences = {}
    for name in (name for name in ours if name in theirs):
        difference = (ours[name] - theirs[name]).abs()
        differences[name] = difference[ours[name].isfinite()].max().item()
    return differences


def main(argv: list[str] | None = None) -> None:
    """Command line of the conversion."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint", type=Path, required=True, help="model.pt, emotion2vec_base.pt or .safetensors")
    parser.add_argument("--config", type=Path, required=True, help="FunASR's config.yaml")
    parser.add_argument("--tokens", type=Path, help="labels, one a line; default: tokens.txt beside the checkpoint")
    parser.add_argument("--original_labels", action="store_true", help="keep labels as they are, such as 生气/angry")
    parser.add_argument("--output_dir", type=Path, required=True, help="folder to write")
    parser.add_argument("--reference", type=Path, help="numbers of the original to compare with, .npz")
    parser.add_argument("--waves", type=Path, help="the clips that they are of, .npz")
    options = parser.parse_args(argv)
    if (options.reference is None) != (options.waves is None):
        parser.error("--reference and --waves belong together")

    checkpoint, funasr = load_checkpoint(options.checkpoint), read_funasr_config(options.config)
    tokens = options.tokens
    if tokens is None and "proj.weight" in checkpoint.state_dict:
        beside = options.checkpoint.with_name("tokens.txt")
        tokens = beside if beside.is_file() else None
        print(f"labels: {beside if tokens else 'numbers, for there is no tokens.txt: give --tokens'}")
    labels = None if tokens is None else read_labels(tokens, original=options.original_labels)
    model = convert_emotion2vec(checkpoint, funasr, labels)
    model.save_pretrained(options.output_dir)
    save_feature_extractor(options.output_dir, model.config, do_normalize=funasr.do_normalize)

    for line in [*describe_ignored(checkpoint.ignored), *funasr.notes]:
        print(line)
    auto_class = AutoModelForAudioClassification if hasattr(model, "classifier") else AutoModel
    model = auto_class.from_pretrained(options.output_dir).eval()
    print(f"parity with the checkpoint's own tensors, on 1 s of noise: {check_parity(model, checkpoint, funasr)}")
    if options.reference is not None:
        differences = compare_with_reference(model, funasr, options.reference, options.waves)
        print(f"parity with {options.reference}: {differences}")
    print(f"saved to {options.output_dir}")


if __name__ == "__main__":
    main()
