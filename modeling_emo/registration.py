"""What importing this package tells Transformers: which classes its auto classes and `pipeline()` load."""

from typing import Any

from transformers import AutoConfig, AutoModel, AutoModelForAudioClassification, AutoModelForSequenceClassification
from transformers.pipelines import PIPELINE_REGISTRY

from configuration_emo import EmoBertConfig, Emotion2VecConfig, VqWav2VecConfig

from .emotion2vec.modeling_emotion2vec import Emotion2VecForAudioClassification, Emotion2VecModel
from .inference.loaders import Emotion2VecLoader, NoAudioClassification
from .inference.pipeline import TASK, EmotionRecognitionPipeline
from .modeling_emobert import EmoBertForSequenceClassification, EmoBertModel
from .modeling_vq_wav2vec import VqWav2VecModel


# By what `pipeline()` loads a model, one after the other: each of our own would take the other's folder for its own.
LOADERS: Any = (AutoModelForSequenceClassification, Emotion2VecLoader)


def register() -> None:
    """Registers models and pipeline; done at import, and without effect when it is done again."""
    AutoConfig.register("emobert", EmoBertConfig, exist_ok=True)
    AutoConfig.register("emotion2vec", Emotion2VecConfig, exist_ok=True)
    AutoConfig.register("vq_wav2vec", VqWav2VecConfig, exist_ok=True)
    AutoModel.register(EmoBertConfig, EmoBertModel, exist_ok=True)
    AutoModel.register(Emotion2VecConfig, Emotion2VecModel, exist_ok=True)
    AutoModel.register(VqWav2VecConfig, VqWav2VecModel, exist_ok=True)
    AutoModelForAudioClassification.register(EmoBertConfig, NoAudioClassification, exist_ok=True)
    AutoModelForAudioClassification.register(Emotion2VecConfig, Emotion2VecForAudioClassification, exist_ok=True)
    AutoModelForSequenceClassification.register(EmoBertConfig, EmoBertForSequenceClassification, exist_ok=True)
    EmotionRecognitionPipeline.helpers.update(explain=_explain, plot_timeline=_plot_timeline, write_card=_write_card)
    PIPELINE_REGISTRY.task_aliases.setdefault(TASK.replace("-", "_"), TASK)
    if TASK not in PIPELINE_REGISTRY.supported_tasks:
        PIPELINE_REGISTRY.register_pipeline(
            TASK,
            pipeline_class=EmotionRecognitionPipeline,
            pt_model=LOADERS,
            type="multimodal",
        )


def _explain(*args: Any, **kwargs: Any) -> Any:
    from .explanation.explain import explain_prediction  # here, since it is slow to import and seldom needed

    return explain_prediction(*args, **kwargs)


def _write_card(*args: Any, **kwargs: Any) -> Any:
    from .evaluation.pushed_card import write_pushed_card

    return write_pushed_card(*args, **kwargs)


def _plot_timeline(*args: Any, **kwargs: Any) -> Any:
    from .plots.timeline import plot_timeline

    return plot_timeline(*args, **kwargs)
