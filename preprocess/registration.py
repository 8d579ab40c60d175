"""What importing this package tells Transformers: which processor its auto class loads."""

from transformers import AutoProcessor

from configuration_emo.configuration_emobert import EmoBertConfig

from .processing_emobert import EmoBertProcessor


def register() -> None:
    """Registers the processor; done at import, and without effect when it is done again."""
    AutoProcessor.register(EmoBertConfig, EmoBertProcessor, exist_ok=True)
