"""Models that are saved with the code that loads them where EmoBERT is not installed."""

import json
from pathlib import Path

from transformers import PreTrainedConfig

from configuration_emo.hub_code import SelfContained
from configuration_emo.loaded_parts import NoSuchModel, reason_of


class OtherShapes(ValueError, RuntimeError):
    """Weights have other shapes than asked for; a RuntimeError too, as Transformers has it."""


def with_address(card: str, repo_id: str) -> str:
    """A card whose examples load the model from a repository, where they loaded it from the card's folder.

    Args:
        card (`str`): the text of `README.md`.
        repo_id (`str`): the repository.

    Example:
        >>> with_address('pipeline("emotion-recognition", model=".")', "me/emotions")
        'pipeline("emotion-recognition", model="me/emotions")'
    """
    for call in ('model="{}"', 'from_pretrained("{}")'):
        card = card.replace(call.format("."), call.format(repo_id))
    return card


class SelfContainedModel(SelfContained):
    """[`SelfContained`] for models, whose configuration says which class loads them.

    The code that is written is that of the model; the configuration writes its own.
    """

    config: PreTrainedConfig
    _card: bytes | None = None

    @property
    def _auto_map_owner(self) -> PreTrainedConfig:
        return self.config

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path, *args, **kwargs):
        """As in Transformers.

        Args:
            pretrained_model_name_or_path (`str` or `os.PathLike`): a folder or Hub id.
            args, kwargs: as in Transformers.

        Raises:
            ValueError: there is neither such a folder nor such a model on the Hub, the folder holds another kind of
                model (not looked at on the Hub), or its weights have other shapes than asked for, as with another
                number of labels; and what to do.
        """
        if pretrained_model_name_or_path is None:  # weights and configuration are given in its place
            return super().from_pretrained(None, *args, **kwargs)  # type: ignore[misc]
        cls._check_kind(Path(pretrained_model_name_or_path) / "config.json")
        try:
            return super().from_pretrained(pretrained_model_name_or_path, *args, **kwargs)  # type: ignore[misc]
        except OSError as error:
            raise NoSuchModel(reason_of("model", pretrained_model_name_or_path, error)) from error
        except RuntimeError as error:
            if "ignore_mismatched_sizes" not in str(error):
                raise
            raise OtherShapes(
                f"{pretrained_model_name_or_path} holds weights of other shapes than asked for, as for another number "
                "of labels.\nFor a new classifier pass ignore_mismatched_sizes=True, with id2label={0: ...} and "
                "problem_type of the new labels."
            ) from error

    @classmethod
    def _check_kind(cls, config: Path) -> None:
        """Refuses the folder of another kind of model, of which Transformers would take what it finds."""
        if not config.is_file():
            return
        try:
            kind = json.loads(config.read_bytes()).get("model_type")
        except (ValueError, AttributeError):  # Transformers says what is wrong with it
            return
        own = getattr(cls, "config_class", None)
        if own is not None and kind not in (None, own.model_type):
            raise NoSuchModel(
                f"{config.parent} holds a model of the kind {kind!r}, and not {own.model_type!r}.\nGive the folder "
                "that training or a conversion wrote; encoders are what a new model is built over."
            )

    def save_pretrained(self, save_directory, *args, **kwargs):
        """As in Transformers, with the code that a machine without EmoBERT needs. A card in the folder is kept.

        Args:
            save_directory (`str` or `os.PathLike`): the folder.
            args, kwargs: as in Transformers.
        """
        card = Path(save_directory) / "README.md"
        self._card = card.read_bytes() if card.is_file() else None
        super().save_pretrained(save_directory, *args, **kwargs)

    def _upload_modified_files(self, working_dir, repo_id, *args, **kwargs):
        # Transformers has just put the repository's card, or an empty one, in the place of the folder's.
        if self._card is not None:
            card = self._card.decode(errors="surrogateescape")
            (Path(working_dir) / "README.md").write_bytes(with_address(card, repo_id).encode(errors="surrogateescape"))
        return super()._upload_modified_files(working_dir, repo_id, *args, **kwargs)
