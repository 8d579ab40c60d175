"""Configurations of EmoBERT's models."""

from .configuration_emobert import EmoBertConfig
from .configuration_emotion2vec import Emotion2VecConfig
from .configuration_vq_wav2vec import VqWav2VecConfig


__all__ = ["EmoBertConfig", "Emotion2VecConfig", "VqWav2VecConfig"]
