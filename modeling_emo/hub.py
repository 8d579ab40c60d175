"""Models that are saved with the code that loads them where EmoBERT is not installed."""

from pathlib import Path

from transformers import PreTrainedConfig

from configuration_emo.hub_code import SelfContained


class SelfContainedModel(SelfContained):
    """[`SelfContained`] for models, whose configuration says which class loads them.

    The code that is written is that of the model; the configuration writes its own.
    """

    config: PreTrainedConfig
    _card: bytes | None = None

    @property
    def _auto_map_owner(self) -> PreTrainedConfig:
        return self.config

    def save_pretrained(self, save_directory, *args, **kwargs):
        """As in Transformers, with the code that a machine without EmoBERT needs. A card in the folder is kept.

        Args:
            save_directory (`str` or `os.PathLike`): the folder.
            args, kwargs: as in Transformers.
        """
        card = Path(save_directory) / "README.md"
        self._card = card.read_bytes() if card.is_file() else None
        super().save_pretrained(save_directory, *args, **kwargs)

    def _upload_modified_files(self, working_dir, *args, **kwargs):
        if self._card is not None:  # Transformers has just put the repository's card, or an empty one, in its place
            (Path(working_dir) / "README.md").write_bytes(self._card)
        return super()._upload_modified_files(working_dir, *args, **kwargs)
