"""The model card: what a model is, what it was trained and tested on, how well it does, and what it is not for.

A card is the `README.md` beside the weights, with metadata that the Hugging Face Hub understands.
"""

from __future__ import annotations

import importlib.metadata
import math
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from huggingface_hub import EvalResult, ModelCard, ModelCardData

from configuration_emo.configuration_emobert import EmoBertConfig
from configuration_emo.text_tables import markdown_table

from ..metrics.scores import label_names
from .setting import EvaluationSetting


PIPELINE_TAG = "audio-classification"
TAGS = ("emobert", "emotion-recognition", "speech", "multimodal")
VERSIONED_PACKAGES = ("emobert", "transformers", "torch", "datasets", "numpy", "scikit-learn")

# The Hub's own names of metrics, by ours or by how ours begin; any other goes by its own name.
HUB_METRICS = {
    "mae": "mae",
    "corr": "pearsonr",
    "pearson": "pearsonr",
    "acc": "accuracy",
    "accuracy": "accuracy",
    "wa": "accuracy",
    "ua": "balanced_accuracy",
    "f1": "f1",
    "wf1": "f1",
    "ccc": "concordance_correlation",
    "mean_accuracy": "accuracy",
    "mean_ccc": "concordance_correlation",
    "mean_mae": "mae",
    "mean_pearson": "pearsonr",
    "mean_wf1": "f1",
    "macro_f1": "f1",
    "micro_f1": "f1",
    "recall": "recall",
    "precision": "precision",
}

# How the card's example turns logits into scores, by `ProblemType.activation`.
TO_SCORES = {
    "softmax": ".softmax(-1)",
    "sigmoid": ".sigmoid()",
    "softmax_of_two": ".softmax(-1)[..., 1]",
    "identity": "",
}

DEFAULT_INTENDED_USE = (
    "Research on emotion and sentiment in speech, in the language, the recording conditions and the kind of speakers "
    "of the data named below."
)
DEFAULT_LIMITS = (
    "It recognises how people rated an expression, not what a person feels.",
    "It was tested on the data named below only; other languages, accents, ages, microphones and topics may do worse.",
    "It is not meant for decisions about people (hiring, policing, insurance, health, education), nor for watching "
    "them without their consent.",
)


@dataclass(frozen=True, kw_only=True)
class ModelDescription:
    """What a card says that no file knows.

    Args:
        name (`str`): title of the card and name in the results' metadata.
        data (`str`): the training and test data in a few sentences (Markdown).
        synthetic (`str`, *optional*): what in the data no human said or wrote; shown before anything else.
        intended_use (`str`): what the model is for.
        limits (`list[str]`): what it cannot do and must not be used for.
        license (`str`, *optional*): the Hub's identifier of the weights' licence, such as `"apache-2.0"`.
        languages (`list[str]`): ISO 639-1 codes.
        base_models (`list[str]`): Hub ids of the encoders it began from.
        repo_id (`str`, *optional*): where users will load it from; by default the folder itself.
        datasets (`list[str]`): Hub ids of what it was trained on.
    """

    name: str
    data: str
    synthetic: str | None = None
    intended_use: str = DEFAULT_INTENDED_USE
    limits: Sequence[str] = DEFAULT_LIMITS
    license: str | None = None
    languages: Sequence[str] = ()
    base_models: Sequence[str] = ()
    repo_id: str | None = None
    datasets: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class TrainingRun:
    """How a model was trained, as its card tells it; seed and checkpoint stand in the [`EvaluationSetting`].

    Args:
        hyperparameters (`dict`): name and value, in the order of the table.
        duration_seconds (`float`, *optional*): wall-clock time of the training.
        hardware (`str`, *optional*): what it ran on.
        emissions_grams (`float`, *optional*): estimated CO2-equivalent of the training.
        emissions_source (`str`, *optional*): how that was estimated; required with `emissions_grams`.
        versions (`dict[str, str]`, *optional*): of the software; by default what is installed now.

    Raises:
        ValueError: emissions are given without saying where they are from.
    """

    hyperparameters: Mapping[str, Any]
    duration_seconds: float | None = None
    hardware: str | None = None
    emissions_grams: float | None = None
    emissions_source: str | None = None
    versions: Mapping[str, str] = field(default_factory=lambda: installed_versions())

    def __post_init__(self):
        if self.emissions_grams is not None and not self.emissions_source:
            raise ValueError("emissions_grams without emissions_source: say how the estimate was made.")


@dataclass(frozen=True, kw_only=True)
class EvaluationResult:
    """What was measured, on what, as the card tells it.

    Args:
        setting ([`EvaluationSetting`]): what was evaluated.
        n (`int`): how many utterances the metrics are over.
        metrics (`dict[str, float]`): values by name; NaN is shown as undefined.
        intervals (`dict[str, (float, float)]`): confidence intervals by metric.
        confidence (`float`, defaults to 0.95): of the intervals.
        by_modality (`dict[str, dict[str, float]]`): the same metrics of the same model given other inputs, by their
            description ("text only").
    """

    setting: EvaluationSetting
    n: int
    metrics: Mapping[str, float]
    intervals: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    confidence: float = 0.95
    by_modality: Mapping[str, Mapping[str, float]] = field(default_factory=dict)


def write_model_card(
    output_dir: str | Path,
    config: EmoBertConfig,
    description: ModelDescription,
    *,
    training: TrainingRun | None = None,
    result: EvaluationResult | None = None,
    plots: Mapping[str, str | Path] | None = None,
) -> Path:
    """Writes `README.md` into a model's folder.

    Args:
        output_dir (`str` or `Path`): the model's folder.
        config ([`EmoBertConfig`]): of the model.
        description ([`ModelDescription`]): what it is called, made from and meant for.
        training ([`TrainingRun`], *optional*): how it was trained.
        result ([`EvaluationResult`], *optional*): what was measured.
        plots (`dict[str, path]`, *optional*): pictures by caption, inside `output_dir` and linked relative to it.

    Returns:
        `Path`: of the card.

    Raises:
        ValueError: a picture is missing or lies outside the folder.
    """
    folder = Path(output_dir)
    sections = [
        f"# {description.name}",
        f"> **Synthetic data.** {description.synthetic}" if description.synthetic else "",
        _model_section(config),
        _usage_section(description.repo_id or ".", config),
        f"## Intended use\n\n{description.intended_use}",
        "## Limits\n\n" + "\n".join(f"- {limit}" for limit in description.limits),
        f"## Data\n\n{description.data}",
        "## Results\n\nNone is recorded." if result is None else _results_section(result),
        _plots_section(folder, plots or {}),
        "" if training is None else _training_section(training, None if result is None else result.setting),
    ]
    metadata = ModelCardData(
        model_name=description.name,
        library_name="transformers",
        pipeline_tag=PIPELINE_TAG,
        tags=list(TAGS),
        license=description.license,
        language=list(description.languages) or None,
        base_model=list(description.base_models) or None,
        datasets=list(description.datasets) or None,
        metrics=None if result is None else sorted({_hub_metric(name) for name in result.metrics}),
        eval_results=None if result is None else _eval_results(result) or None,
        **({} if training is None else _emissions(training)),
    )
    body = "\n\n".join(section for section in sections if section)
    folder.mkdir(parents=True, exist_ok=True)
    card = ModelCard(f"---\n{metadata.to_yaml()}\n---\n\n{body}\n")
    card.save(folder / "README.md")
    return folder / "README.md"


def installed_versions() -> dict[str, str]:
    """Versions of Python and of the packages that shape a result; those not installed are left out."""
    versions = {"python": platform.python_version()}
    for package in VERSIONED_PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions


def _model_section(config: EmoBertConfig) -> str:
    fusion = "co-attention" if config.fusion == "co_attention" else "concatenation (shallow fusion)"
    score_range = f", from {config.label_range[0]:g} to {config.label_range[1]:g}" if config.label_range else ""
    return (
        f"EmoBERT: emotion recognition from speech and its transcript. A text encoder "
        f"(`{_model_type(config.text_config)}`) and a speech encoder (`{_model_type(config.speech_config)}`) are "
        f"fused by {fusion}. It takes speech and text, or either alone, and predicts "
        f"{config.problem.described}{score_range}.\n\n"
        f"Labels, in the order of the logits: {', '.join(f'`{name}`' for name in label_names(config))}."
    )


def _model_type(encoder_config: Any) -> str:
    return getattr(encoder_config, "model_type", None) or encoder_config["model_type"]


def _usage_section(source: str, config: EmoBertConfig) -> str:
    to_scores = TO_SCORES[config.problem.activation]
    logits = "model(**inputs).logits"
    if getattr(config, "temperature", None) is not None:
        logits = f"({logits} / model.config.temperature)"
    return f"""## Use

With the `emobert` package installed; importing it registers the model, its processor and the pipeline:

```python
from transformers import pipeline
import modeling_emo, preprocess

recognise = pipeline("emotion-recognition", model="{source}")
print(recognise({{"audio": "recording.wav", "text": "what is said in it"}}))
```

or step by step:

```python
from transformers import AutoModelForSequenceClassification, AutoProcessor
import modeling_emo, preprocess

processor = AutoProcessor.from_pretrained("{source}")
model = AutoModelForSequenceClassification.from_pretrained("{source}")
inputs = processor(text=["what is said in it"], audio=["recording.wav"], return_tensors="pt")
print({logits}{to_scores})
```

Where the package is not installed, leave its import out and pass `trust_remote_code=True` to `pipeline` and
`from_pretrained`: the code lies beside the weights."""


def _results_section(result: EvaluationResult) -> str:
    rows = [
        [f"`{name}`", _number(value), _interval(result.intervals.get(name))] for name, value in result.metrics.items()
    ]
    header = ["metric", "value", f"{result.confidence:.0%} interval"]
    if not result.intervals:
        header, rows = header[:2], [row[:2] for row in rows]
    setting = result.setting
    text = (
        f"## Results\n\n{setting.corpus}, {setting.split} split, n = {result.n:,}. "
        f"Protocol: {setting.protocol_and_fold}.\n\n" + markdown_table(header, rows)
    )
    if result.intervals:
        text += "\n\nIntervals are percentile bootstrap intervals over the test items; they do not cover other seeds."
    if result.by_modality:
        columns = list(dict.fromkeys(name for metrics in result.by_modality.values() for name in metrics))
        rows = [
            [condition, *(_number(metrics.get(name)) for name in columns)]
            for condition, metrics in result.by_modality.items()
        ]
        text += "\n\nThe same model, given other inputs:\n\n"
        text += markdown_table(["input", *(f"`{name}`" for name in columns)], rows)
    return text


def _plots_section(folder: Path, plots: Mapping[str, str | Path]) -> str:
    if not plots:
        return ""
    images = [f"![{caption}]({quote(_inside(folder, path))})" for caption, path in plots.items()]
    return "## Plots\n\n" + "\n\n".join(images)


def _inside(folder: Path, path: str | Path) -> str:
    """The picture's place relative to the folder; given so, or from the working directory."""
    root = folder.resolve()
    for picture in ((root / path).resolve(), Path(path).resolve()):
        if picture.is_file() and picture.is_relative_to(root):
            return picture.relative_to(root).as_posix()
    raise ValueError(f"The picture {path} must be a file inside the model's folder {folder}.")


def _training_section(training: TrainingRun, setting: EvaluationSetting | None) -> str:
    facts: dict[str, Any] = {}
    if setting is not None:
        facts = {"checkpoint": setting.checkpoint_selection, "seed": setting.seed}
    if training.duration_seconds is not None:
        facts["duration"] = _duration(training.duration_seconds)
    facts["hardware"] = training.hardware
    if training.emissions_grams is not None:
        facts["CO2 equivalent"] = f"{training.emissions_grams:.3g} g ({training.emissions_source})"
    facts["versions"] = ", ".join(f"{name} {version}" for name, version in training.versions.items())
    rows = [[name, str(value)] for name, value in facts.items() if value is not None]
    options = [[f"`{name}`", f"`{value}`"] for name, value in training.hyperparameters.items()]
    of_run, of_options = markdown_table(["", ""], rows), markdown_table(["option", "value"], options)
    return f"## Training\n\n{of_run}\n\nHyper-parameters:\n\n{of_options}"


def _eval_results(result: EvaluationResult) -> list[EvalResult]:
    """The model-index: what is defined, by our names, under the Hub's kinds of metric."""
    return [
        EvalResult(
            task_type=PIPELINE_TAG,
            task_name="Emotion recognition",
            dataset_type=result.setting.corpus,
            dataset_name=result.setting.corpus,
            dataset_split=result.setting.split,
            metric_type=_hub_metric(name),
            metric_name=name,
            metric_value=float(value),
        )
        for name, value in result.metrics.items()
        if math.isfinite(value)
    ]


def _hub_metric(name: str) -> str:
    beginning = next((key for key in HUB_METRICS if name == key or name.startswith(f"{key}_")), None)
    return name if beginning is None else HUB_METRICS[beginning]


def _emissions(training: TrainingRun) -> dict[str, Any]:
    if training.emissions_grams is None:
        return {}
    emissions = {"emissions": training.emissions_grams, "source": training.emissions_source}
    if training.hardware:
        emissions["hardware_used"] = training.hardware
    return {"co2_eq_emissions": emissions}


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:.4f}" if math.isfinite(value) else "undefined"


def _interval(bounds: tuple[float, float] | None) -> str:
    if bounds is None:
        return ""
    return f"{_number(bounds[0])} to {_number(bounds[1])}" if all(map(math.isfinite, bounds)) else "undefined"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    parts = ((hours, "h"), (minutes, "min"), (rest, "s"))
    return " ".join(f"{number} {unit}" for number, unit in parts if number) or "under 1 s"
