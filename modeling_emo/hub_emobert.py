"""Models that are saved with the code that loads them where EmoBERT is not installed."""

from transformers import PreTrainedConfig

from configuration_emo.hub_code import SelfContained


class SelfContainedModel(SelfContained):
    """[`~configuration_emo.hub_code.SelfContained`] for models, whose configuration says which class loads them.

    The code that is written is that of the model; the configuration writes its own.
    """

    config: PreTrainedConfig

    @property
    def _auto_map_owner(self) -> PreTrainedConfig:
        return self.config
