"""EmoBERT's models; importing this package registers them with Transformers' auto classes."""

from transformers import AutoConfig, AutoModel, AutoModelForAudioClassification, AutoModelForSequenceClassification

from configuration_emo import EmoBertConfig, Emotion2VecConfig, VqWav2VecConfig

from .checkpoint_emobert import last_whole_checkpoint, seal, writing_checkpoint
from .compute_metrics_emobert import compute_metrics_for
from .lora_emobert import add_lora
from .modeling_emobert import (
    EmoBertForSequenceClassification,
    EmoBertModel,
    EmoBertModelOutput,
    EmoBertPreTrainedModel,
    EmoBertSequenceClassifierOutput,
)
from .modeling_emotion2vec import Emotion2VecForAudioClassification, Emotion2VecModel
from .modeling_vq_wav2vec import VqWav2VecModel
from .pipeline_emobert import EmotionRecognitionPipeline, register_pipeline
from .standardization_emobert import fit_speech_standardization
from .trainer_emobert import EmoBertTrainer
from .training_arguments_emobert import EmoBertTrainingArguments


AutoConfig.register("emobert", EmoBertConfig, exist_ok=True)
AutoConfig.register("emotion2vec", Emotion2VecConfig, exist_ok=True)
AutoConfig.register("vq_wav2vec", VqWav2VecConfig, exist_ok=True)
AutoModel.register(EmoBertConfig, EmoBertModel, exist_ok=True)
AutoModel.register(Emotion2VecConfig, Emotion2VecModel, exist_ok=True)
AutoModel.register(VqWav2VecConfig, VqWav2VecModel, exist_ok=True)
AutoModelForAudioClassification.register(Emotion2VecConfig, Emotion2VecForAudioClassification, exist_ok=True)
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
    "Emotion2VecConfig",
    "Emotion2VecForAudioClassification",
    "Emotion2VecModel",
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
