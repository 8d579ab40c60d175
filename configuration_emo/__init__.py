"""Configurations of EmoBERT's models, and what models and processors share."""

from typing import TYPE_CHECKING

from .lazy_names import lazy_names


if TYPE_CHECKING:
    from .configuration_emobert import PROBLEM_TYPES, EmoBertConfig
    from .configuration_vq_wav2vec import VqWav2VecConfig
    from .hub_code import write_code
    from .speech_dictionary import SpeechDictionary
    from .token_positions import max_token_positions
else:
    __getattr__, __dir__ = lazy_names(__name__)

__all__ = [
    "PROBLEM_TYPES",
    "EmoBertConfig",
    "SpeechDictionary",
    "VqWav2VecConfig",
    "max_token_positions",
    "write_code",
]
