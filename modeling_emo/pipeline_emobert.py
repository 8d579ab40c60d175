"""`pipeline("emotion-recognition")`: recordings and transcripts in, labels with scores out."""

from __future__ import annotations

import os
from typing import Any

from transformers import Pipeline
from transformers.pipelines import PIPELINE_REGISTRY

from .modeling_emobert import EmoBertForSequenceClassification
from .scores_emobert import label_names, predictions_to_scores


TASK = "emotion-recognition"


class EmotionRecognitionPipeline(Pipeline):
    """Emotion of an utterance from its sound, its transcript or both.

    Inputs are a dict with `audio`, `text` or both, or a list of such dicts; a bare path is audio. Audio is anything
    that the model's processor takes: a path, bytes, `(array, rate)`, a mono waveform at the model's rate.

    Args:
        top_k (`int`, *optional*): how many labels, best first; all of them by default. For regression all scores are
            returned in the order of the labels.

    Returns, per input:
        `list[dict]`: `label` and `score`; probabilities, or for regression the predicted score in the corpus's units.

    Raises:
        ValueError: an input has neither audio nor text, or its audio cannot be read.

    Example:

    ```python
    >>> from transformers import pipeline
    >>> import modeling_emo, preprocess  # registers the pipeline and the processor

    >>> recognise = pipeline("emotion-recognition", model="outputs/demo")  # doctest: +SKIP
    >>> recognise({"audio": "call.wav", "text": "Thank you so much!"})  # doctest: +SKIP
    [{'label': 'sentiment', 'score': 2.31}]
    ```
    """

    _load_processor = True
    _load_image_processor = False
    _load_feature_extractor = False
    _load_tokenizer = False

    def _sanitize_parameters(self, top_k: int | None = None, **kwargs):
        if kwargs:
            raise ValueError(f"Unknown option {', '.join(sorted(kwargs))} of the pipeline; it knows top_k.")
        if top_k is not None and top_k < 1:
            raise ValueError(f"top_k must be at least 1, got {top_k}.")
        return {}, {}, {} if top_k is None else {"top_k": top_k}

    def preprocess(self, inputs: Any) -> dict[str, Any]:
        if not isinstance(inputs, dict):
            inputs = {"audio": inputs}
        unknown = sorted(set(inputs) - {"audio", "text"})
        if unknown:
            raise ValueError(f"Unknown input {', '.join(unknown)}: pass a dict with 'audio', 'text' or both.")
        audio, text = inputs.get("audio"), inputs.get("text")
        return self.processor(
            text=None if text is None else [text],
            audio=None if audio is None else [audio],
            sampling_rate=self.processor.feature_extractor.sampling_rate,
            return_tensors="pt",
        )

    def _forward(self, model_inputs):
        return {"logits": self.model(**model_inputs).logits}

    def postprocess(self, model_outputs, top_k: int | None = None) -> list[dict[str, Any]]:
        config = self.model.config
        scores = predictions_to_scores(model_outputs["logits"].float().numpy(), config)[0]
        results = [
            {"label": name, "score": float(score)} for name, score in zip(label_names(config), scores, strict=True)
        ]
        if config.problem_type == "regression":
            return results
        return sorted(results, key=lambda result: -result["score"])[:top_k]

    def save_pretrained(self, save_directory: str | os.PathLike, **kwargs):
        """Saves model, configuration and processor, so that `pipeline(...)` finds all of them."""
        if type(self) is EmotionRecognitionPipeline:
            self.model.save_pretrained(save_directory, **kwargs)  # with the code of this class
        else:
            super().save_pretrained(save_directory, **kwargs)
        self.processor.save_pretrained(save_directory, **kwargs)


def remote_pipelines() -> dict[str, dict[str, Any]]:
    """What `config.json` says of this pipeline, for `pipeline()` where EmoBERT is not installed."""
    module = __name__.rpartition(".")[2]
    return {
        TASK: {
            "impl": f"{module}.{EmotionRecognitionPipeline.__name__}",
            "pt": ["AutoModelForSequenceClassification"],
            "type": "multimodal",
        }
    }


def register_pipeline() -> None:
    """Makes `pipeline("emotion-recognition")` known to Transformers; done once at import."""
    if TASK not in PIPELINE_REGISTRY.supported_tasks:
        PIPELINE_REGISTRY.register_pipeline(
            TASK,
            pipeline_class=EmotionRecognitionPipeline,
            pt_model=EmoBertForSequenceClassification,
            type="multimodal",
        )
