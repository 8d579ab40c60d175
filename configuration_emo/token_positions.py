"""How many token ids an encoder takes."""

from __future__ import annotations

from transformers import PreTrainedConfig


# RoBERTa and its kin number positions from the padding id + 1, so that their first embeddings are never used.
OFFSET_MODEL_TYPES = frozenset(
    {
        *(
            "camembert",
            "data2vec-text",
            "esm",
            "ibert",
            "layoutlmv3",
            "lilt",
            "longformer",
            "luke",
            "markuplm",
            "mpnet",
        ),
        *("roberta", "roberta-prelayernorm", "xlm-roberta", "xlm-roberta-xl", "xmod"),
    }
)


def max_token_positions(config: PreTrainedConfig) -> int:
    """
    The most token ids that an encoder takes, special ones among them.

    Args:
        config (`PreTrainedConfig`): of the encoder.

    Returns:
        `int`: for RoBERTa 2 less than `max_position_embeddings`, else as many.

    Example:

    ```python
    >>> from transformers import RobertaConfig
    >>> from configuration_emo import max_token_positions

    >>> max_token_positions(RobertaConfig(max_position_embeddings=2050))
    2048

    ```"""
    positions = config.max_position_embeddings
    return positions - config.pad_token_id - 1 if config.model_type in OFFSET_MODEL_TYPES else positions


def stated_token_positions(config: PreTrainedConfig) -> int | None:
    """
    `max_token_positions` where the encoder has such a limit; None where it states none, as with relative positions.

    Args:
        config (`PreTrainedConfig`): of the encoder.

    Example:

    ```python
    >>> from transformers import T5Config, XLNetConfig
    >>> from configuration_emo import stated_token_positions

    >>> stated_token_positions(T5Config()), stated_token_positions(XLNetConfig())
    (None, None)

    ```"""
    positions = getattr(config, "max_position_embeddings", None)
    return max_token_positions(config) if isinstance(positions, int) and positions > 0 else None
