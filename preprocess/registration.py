"""What importing this package tells Transformers: which processors and feature extractor its auto classes load."""

from transformers import AutoFeatureExtractor, AutoProcessor

from configuration_emo.configuration_emobert import EmoBertConfig
from configuration_emo.configuration_emotion2vec import Emotion2VecConfig

from .feature_extraction_emotion2vec import Emotion2VecFeatureExtractor
from .processing_emobert import EmoBertProcessor
from .processing_emotion2vec import Emotion2VecProcessor


def register() -> None:
    """Registers them; done at import, and without effect when it is done again."""
    AutoFeatureExtractor.register(Emotion2VecConfig, Emotion2VecFeatureExtractor, exist_ok=True)
    AutoProcessor.register(EmoBertConfig, EmoBertProcessor, exist_ok=True)
    AutoProcessor.register(Emotion2VecConfig, Emotion2VecProcessor, exist_ok=True)
