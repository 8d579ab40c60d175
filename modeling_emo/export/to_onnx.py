"""A classifier as an ONNX model in a folder of its own, with configuration and processor.

```bash
python -m modeling_emo.export.to_onnx --model outputs/demo --output_dir outputs/onnx
```

writes `model.onnx` (the graph), `model.onnx.data` (the weights, of any size), `config.json` and the processor's files,
then compares the result with the PyTorch model on random batches. [`EmoBertOnnxModel`] loads the folder. `--int8`
writes `model_int8.onnx` as well, see [`quantize_onnx_int8`].
"""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from huggingface_hub import snapshot_download
from transformers import ProcessorMixin
from transformers.utils import CONFIG_NAME

from configuration_emo.configuration_emobert import MODALITIES
from configuration_emo.token_positions import max_token_positions

from ..modeling_emobert import EmoBertForSequenceClassification
from .example_inputs import SPEECH_LENGTHS, TEXT_LENGTH, example_inputs, exported_speech_name
from .onnx_int8 import quantize_onnx_int8
from .onnx_model import INT8_FILE, ONNX_FILE, EmoBertOnnxModel
from .program import export_program


# What a processor may consist of; the rest of a model's folder are weights and records of its training.
PROCESSOR_FILES = [
    *("processor_config.json", "preprocessor_config.json", "tokenizer.json", "tokenizer_config.json"),
    *("special_tokens_map.json", "added_tokens.json", "vocab.json", "vocab.txt", "merges.txt", "*.model"),
]
# The largest difference between the logits of PyTorch and of ONNX Runtime, per unit of the logits above 1.
TOLERANCE = 1e-4
# Batch size, text length and speech length as shares of `TEXT_LENGTH` and `SPEECH_LENGTHS`, to compare at.
COMPARED_SHAPES = ((1, 1.0, 1.0), (1, 0.2, 0.02), (3, 2.3, 0.4), (5, 1.5, 1.7))


def export_onnx(
    model: EmoBertForSequenceClassification,
    output_dir: str | Path,
    *,
    modalities: Sequence[str] = MODALITIES,
    processor: ProcessorMixin | None = None,
) -> Path:
    """Writes a classifier as ONNX; batch size, text length and speech length stay free.

    The graph's inputs are the arguments of `forward` by name, all of those of its modalities (see
    [`export_program`]), its output is `logits`. The weights lie in a file beside the graph, which may exceed the 2 GB
    that an ONNX file can hold.

    Args:
        model ([`EmoBertForSequenceClassification`]): the classifier.
        output_dir (`str` or `Path`): receives `model.onnx`, `model.onnx.data`, `config.json` and the processor.
        modalities (sequence of `str`, defaults to both): `("text",)` or `("speech",)` for a model that takes one only;
            the other's encoder is then not in the files.
        processor (`EmoBertProcessor`, *optional*): saved beside, for the folder to be complete.

    Returns:
        `Path`: the graph, `output_dir/model.onnx`.

    Raises:
        ImportError: onnx or onnxscript is not installed.
        ValueError: as in [`export_program`].

    Example:

    ```python
    >>> from modeling_emo import EmoBertForSequenceClassification
    >>> from modeling_emo import export_onnx
    >>> from preprocess import EmoBertProcessor

    >>> model = EmoBertForSequenceClassification.from_pretrained("outputs/demo")  # doctest: +SKIP
    >>> processor = EmoBertProcessor.from_pretrained("outputs/demo")  # doctest: +SKIP
    >>> export_onnx(model, "outputs/onnx", processor=processor)  # doctest: +SKIP
    PosixPath('outputs/onnx/model.onnx')

    ```
    """
    try:
        import onnxscript  # noqa: F401  torch.onnx imports it when it is too late to say which extra is missing
    except ImportError as error:
        raise ImportError("Exporting to ONNX needs onnx and onnxscript: pip install 'emobert[onnx]'.") from error
    program = export_program(model, modalities)
    onnx_program = torch.onnx.export(program, dynamo=True, output_names=["logits"], verbose=False)
    assert onnx_program is not None
    onnx_program.rename_axes(_axis_names(onnx_program.model.graph.inputs))
    output_dir = Path(output_dir)
    output_dir.mkdir(parents=True, exist_ok=True)
    path = output_dir / ONNX_FILE
    onnx_program.save(path, external_data=True)
    model.config.to_json_file(output_dir / CONFIG_NAME)  # without the code that `save_pretrained` adds
    if processor is not None:
        processor.save_pretrained(output_dir)
    return path


def largest_difference(
    model: EmoBertForSequenceClassification,
    exported: Callable[..., Any],
    modalities: Sequence[str] = MODALITIES,
) -> float:
    """How far the logits of an exported model are from the classifier's, over random ragged batches of several shapes.

    Args:
        model ([`EmoBertForSequenceClassification`]): the classifier, in evaluation mode.
        exported (callable): takes the same inputs, as [`EmoBertOnnxModel`] does.
        modalities (sequence of `str`): the inputs to give; with both, some rows lack one of them.

    Returns:
        `float`: the largest difference; of logits larger than 1 in proportion to them.
    """
    longest_text = max_token_positions(model.config.text_config)
    speech_length = SPEECH_LENGTHS[exported_speech_name(model)]
    differences = []
    for seed, (batch_size, text_share, speech_share) in enumerate(COMPARED_SHAPES):
        inputs = example_inputs(
            model,
            modalities,
            batch_size=batch_size,
            text_length=min(longest_text, max(1, round(text_share * TEXT_LENGTH))),
            speech_length=max(1, round(speech_share * speech_length)),
            ragged=True,
            seed=seed,
        )
        with torch.no_grad():
            expected = model(**inputs).logits
        difference = (exported(**inputs).logits.to(expected.device) - expected).abs() / expected.abs().clamp(min=1)
        differences.append(difference.max().item())
    return max(differences)


def _axis_names(inputs) -> dict[Any, str]:
    """From the names that tracing gave the free axes to `batch`, `text_length` and `speech_length`."""
    names: dict[Any, str] = {}
    for value in inputs:
        length = "text_length" if value.name in ("input_ids", "attention_mask") else "speech_length"
        for axis, name in zip(value.shape, ("batch", length), strict=False):
            if not isinstance(axis, int):
                names[axis] = name
    return names


def _copy_processor(model: str, output_dir: Path) -> None:
    """The processor's files from the model's folder or Hub repository, as they are."""
    source = Path(model) if Path(model).is_dir() else Path(snapshot_download(model, allow_patterns=PROCESSOR_FILES))
    for pattern in PROCESSOR_FILES:
        for path in source.glob(pattern):
            if path.resolve().parent != output_dir.resolve():
                shutil.copyfile(path, output_dir / path.name)


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Export a trained EmoBERT classifier to ONNX and check the result.")
    parser.add_argument("--model", required=True, help="folder or Hub id of the classifier")
    parser.add_argument("--output_dir", required=True, help="receives the ONNX model, configuration and processor")
    parser.add_argument("--modalities", nargs="+", default=list(MODALITIES), choices=MODALITIES, help="inputs to keep")
    parser.add_argument("--int8", action="store_true", help=f"also write {INT8_FILE}, with 8-bit encoder weights")
    arguments = parser.parse_args(argv)

    model = EmoBertForSequenceClassification.from_pretrained(arguments.model).eval()
    path = export_onnx(model, arguments.output_dir, modalities=arguments.modalities)
    _copy_processor(arguments.model, path.parent)
    difference = largest_difference(model, EmoBertOnnxModel.from_pretrained(path.parent), arguments.modalities)
    print(f"{path}: largest difference to PyTorch {difference:.1e} (allowed: {TOLERANCE:.0e})")
    if not difference <= TOLERANCE:
        raise ValueError(f"{path} does not compute what {arguments.model} does: do not use it.")
    if arguments.int8:
        int8_path = quantize_onnx_int8(path)
        int8_model = EmoBertOnnxModel.from_pretrained(path.parent, file_name=INT8_FILE)
        difference = largest_difference(model, int8_model, arguments.modalities)
        print(f"{int8_path}: largest difference to PyTorch {difference:.1e} (rounded weights: measure your metric)")


if __name__ == "__main__":
    main()
