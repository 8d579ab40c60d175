"""EmoBERT's models; importing this package registers them with Transformers' auto classes."""

from configuration_emo import EmoBertConfig, VqWav2VecConfig

from .finetuning.lora import add_lora
from .finetuning.standardization import fit_speech_standardization
from .inference.pipeline import EmotionRecognitionPipeline
from .metrics.compute_metrics import compute_metrics_for
from .modeling_emobert import (
    EmoBertForSequenceClassification,
    EmoBertModel,
    EmoBertModelOutput,
    EmoBertPreTrainedModel,
    EmoBertSequenceClassifierOutput,
)
from .modeling_vq_wav2vec import VqWav2VecModel
from .registration import register
from .resuming.checkpoint import last_whole_checkpoint, seal, writing_checkpoint
from .training.arguments import EmoBertTrainingArguments
from .training.trainer import EmoBertTrainer


register()

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
