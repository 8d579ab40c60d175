"""What `pipeline()` loads our models with, and what it says of them under a task that is not theirs."""

from __future__ import annotations

from typing import Any, ClassVar, NoReturn

from transformers import AutoConfig, AutoModelForAudioClassification

from configuration_emo.configuration_emobert import EmoBertConfig
from configuration_emo.configuration_emotion2vec import Emotion2VecConfig


_HUB_OPTIONS = ("revision", "token", "cache_dir", "local_files_only", "trust_remote_code")


class Emotion2VecLoader:
    """Loads an emotion2vec with its classifier, and nothing else: other models of audio know nothing of emotions."""

    @classmethod
    def from_pretrained(cls, place: str, **kwargs: Any) -> Any:
        """As in Transformers.

        Args:
            place (`str`): a folder or Hub id.
            kwargs: as in Transformers.

        Raises:
            ValueError: it is another model.
        """
        config = AutoConfig.from_pretrained(place, **{name: kwargs[name] for name in _HUB_OPTIONS if name in kwargs})
        if config.model_type != Emotion2VecConfig.model_type:
            raise ValueError(f"{place} is a {config.model_type}, neither EmoBERT nor {Emotion2VecConfig.model_type}.")
        return AutoModelForAudioClassification.from_pretrained(place, **kwargs)


class NoAudioClassification:
    """Stands for EmoBERT where `AutoModelForAudioClassification` looks for it.

    `pipeline("audio-classification")` would give it sounds without their texts, and take the softmax of scores.
    """

    config_class: ClassVar[type[EmoBertConfig]] = EmoBertConfig

    @classmethod
    def from_pretrained(cls, *args: Any, **kwargs: Any) -> NoReturn:
        """Refuses.

        Raises:
            LookupError: always. Of a ValueError `pipeline()` shows a page, with this text somewhere in it.
        """
        raise LookupError(
            "This is an EmoBERT, which reads text beside sound, and is none of AutoModelForAudioClassification.\n"
            'Load it with pipeline("emotion-recognition", model=...), also for sound alone.'
        )
