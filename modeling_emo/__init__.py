"""EmoBERT's models; importing this package registers them with Transformers' auto classes."""

from transformers import AutoConfig, AutoModel, AutoModelForSequenceClassification

from configuration_emo import EmoBertConfig, VqWav2VecConfig

from .finetuning.lora import add_lora
from .finetuning.standardization import fit_speech_standardization
from .inference.pipeline import EmotionRecognitionPipeline, register_pipeline
from .metrics.compute_metrics import compute_metrics_for
from .modeling_emobert import (
    EmoBertForSequenceClassification,
    EmoBertModel,
    EmoBertModelOutput,
    EmoBertPreTrainedModel,
    EmoBertSequenceClassifierOutput,
)
from .modeling_vq_wav2vec import VqWav2VecModel
from .resuming.checkpoint import last_whole_checkpoint, seal, writing_checkpoint
from .training.arguments import EmoBertTrainingArguments
from .training.trainer import EmoBertTrainer


AutoConfig.register("emobert", EmoBertConfig, exist_ok=True)
AutoConfig.register("vq_wav2vec", VqWav2VecConfig, exist_ok=True)
AutoModel.register(EmoBertConfig, EmoBertModel, exist_ok=True)
AutoModel.register(VqWav2VecConfig, VqWav2VecModel, exist_ok=True)
AutoModelForSequenceClassification.register(EmoBertConfig, EmoBertForSequenceClassification, exist_ok=True)
register_pipeline()

__all__ = [
    "EmoBertConfig",
    "EmoBertForSequenceClassification",
    "EmoBertModel",
    "EmoBertModelOutput",
    "EmoBertPreTrainedModel",
    "EmoBertSequenceClassifierOutput",
    "EmoBertTrainer",
    "EmoBertTrainingArguments",
    "EmotionRecognitionPipeline",
    "VqWav2VecConfig",
    "VqWav2VecModel",
    "add_lora",
    "compute_metrics_for",
    "fit_speech_standardization",
    "last_whole_checkpoint",
    "seal",
    "writing_checkpoint",
]
