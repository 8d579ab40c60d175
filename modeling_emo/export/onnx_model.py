"""An exported classifier run by ONNX Runtime behind the same call as the PyTorch one."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from configuration_emo.configuration_emobert import EmoBertConfig

from ..encoders.speech import SPEECH_INPUTS
from ..modeling_outputs import EmoBertSequenceClassifierOutput


ONNX_FILE = "model.onnx"
INT8_FILE = "model_int8.onnx"
# The mask of each input, by modality.
MASKS = {"text": "attention_mask", "speech": "speech_attention_mask"}
VALUES = {"text": ("input_ids",), "speech": SPEECH_INPUTS}
NUMPY_TYPES = {"tensor(int64)": np.int64, "tensor(float)": np.float32, "tensor(float16)": np.float16}


class EmoBertOnnxModel:
    """A classifier that [`export_onnx`] wrote, in the place of [`EmoBertForSequenceClassification`] for inference.

    Takes the same inputs by name, also without their masks, and with one modality absent, and returns an output whose
    `logits` `(batch, num_labels[, 2])` are a tensor on the CPU. Works in [`EmotionRecognitionPipeline`].

    Args:
        session (`onnxruntime.InferenceSession`): the loaded graph.
        config ([`EmoBertConfig`]): of the exported classifier.

    Example:

    ```python
    >>> from modeling_emo import EmotionRecognitionPipeline
    >>> from modeling_emo import EmoBertOnnxModel
    >>> from preprocess import EmoBertProcessor

    >>> model = EmoBertOnnxModel.from_pretrained("outputs/onnx")  # doctest: +SKIP
    >>> processor = EmoBertProcessor.from_pretrained("outputs/onnx")  # doctest: +SKIP
    >>> recognise = EmotionRecognitionPipeline(model=model, processor=processor)  # doctest: +SKIP
    >>> recognise({"audio": "call.wav", "text": "Thank you so much!"})  # doctest: +SKIP
    [{'label': 'sentiment', 'score': 2.31}]

    ```
    """

    device = torch.device("cpu")
    dtype = torch.float32
    input_modalities = ("audio", "text")

    def __init__(self, session: Any, config: EmoBertConfig):
        self.session = session
        self.config = config
        # The graph's inputs by name; a free axis is a string in their shape.
        self.inputs = {value.name: value for value in session.get_inputs()}

    @classmethod
    def from_pretrained(
        cls,
        folder: str | os.PathLike,
        *,
        file_name: str = ONNX_FILE,
        providers: Sequence[str] = ("CPUExecutionProvider",),
        num_threads: int | None = None,
    ) -> EmoBertOnnxModel:
        """Loads a folder that [`export_onnx`] wrote.

        Args:
            folder (`str` or `Path`): the folder.
            file_name (`str`): the graph in it, such as `model_int8.onnx`.
            providers (sequence of `str`): where ONNX Runtime computes, best first.
            num_threads (`int`, *optional*): threads of one operation; as many as there are cores by default.

        Raises:
            ImportError: onnxruntime is not installed.
            ValueError: the folder has no such file.
        """
        try:
            import onnxruntime
        except ImportError as error:
            raise ImportError("Running an ONNX model needs onnxruntime: pip install 'emobert[onnx]'.") from error
        path = Path(folder) / file_name
        if path.parent.resolve() != Path(folder).resolve() or not path.is_file():
            raise ValueError(
                f"There is no {file_name} in {folder}: write it with `python -m modeling_emo.export.to_onnx "
                f"--model <model> --output_dir {folder}`{' --int8' if file_name == INT8_FILE else ''}."
            )
        options = onnxruntime.SessionOptions()
        if num_threads is not None:
            options.intra_op_num_threads = num_threads
        session = onnxruntime.InferenceSession(str(path), options, providers=list(providers))
        return cls(session, EmoBertConfig.from_pretrained(folder))

    @property
    def modalities(self) -> tuple[str, ...]:
        """What the graph takes: `"text"`, `"speech"` or both."""
        return tuple(modality for modality, mask in MASKS.items() if mask in self.inputs)

    def __call__(self, **inputs: torch.Tensor | NDArray | None) -> EmoBertSequenceClassifierOutput:
        """Predicts.

        Args:
            inputs (`torch.Tensor` or `array`): as in the classifier's `forward`, without labels.

        Raises:
            ValueError: there is neither text nor speech, or an input that the graph does not take.
        """
        given = {name: torch.as_tensor(value).numpy(force=True) for name, value in inputs.items() if value is not None}
        self._check(given)
        batch_size = len(next(iter(given.values())))
        for modality in self.modalities:
            given.update(self._complete(modality, given, batch_size))
        typed = {name: value.astype(NUMPY_TYPES[self.inputs[name].type], copy=False) for name, value in given.items()}
        (logits,) = self.session.run(["logits"], typed)
        return EmoBertSequenceClassifierOutput(logits=torch.from_numpy(logits))

    def to(self, device: torch.device | str) -> EmoBertOnnxModel:
        """For callers that place a model; inputs and outputs of this one are on the CPU.

        Raises:
            ValueError: another device is asked for.
        """
        if torch.device(device).type != "cpu":
            raise ValueError(
                f"An ONNX model cannot be moved to {device}: choose where it computes with "
                "`EmoBertOnnxModel.from_pretrained(folder, providers=['CUDAExecutionProvider'])`."
            )
        return self

    def can_generate(self) -> bool:
        """Asked by Transformers' pipelines; a classifier does not generate."""
        return False

    def _check(self, given: Mapping[str, NDArray]) -> None:
        unknown = sorted(set(given) - set(self.inputs))
        if unknown:
            raise ValueError(
                f"This ONNX model takes {', '.join(self.inputs)}, got {', '.join(unknown)}: leave them out, or export "
                "the model with the modalities that you have. Speech token ids come from the PyTorch model's "
                "`emobert.speech_tokenizer`, which is not part of an export."
            )
        if not any(name in given for modality in self.modalities for name in VALUES[modality]):
            raise ValueError(f"There is neither text nor speech among {', '.join(given) or 'the inputs'}.")

    def _complete(self, modality: str, given: Mapping[str, NDArray], batch_size: int) -> dict[str, NDArray]:
        """What the graph needs of a modality beyond what is given: a mask, or a placeholder that its mask hides."""
        mask = MASKS[modality]
        name = next(name for name in VALUES[modality] if name in self.inputs)
        if name not in given:
            return {key: np.zeros((batch_size, *self._smallest_shape(key))) for key in (name, mask)}
        if mask in given:
            return {}
        fixed_length = self.inputs[mask].shape[1]
        length = fixed_length if isinstance(fixed_length, int) else given[name].shape[1]
        return {mask: np.ones((batch_size, length))}

    def _smallest_shape(self, name: str) -> list[int]:
        """The shape of an input without its batch, 1 where the graph leaves it free."""
        return [axis if isinstance(axis, int) else 1 for axis in self.inputs[name].shape[1:]]
