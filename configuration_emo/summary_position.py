"""Where a text encoder gathers its text in one position, and the pooling that follows from it."""

from __future__ import annotations

from typing import Literal

from transformers import PreTrainedConfig


# Of each channel, over the positions of a sequence: what `"quantiles"` pools.
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
# Trained with a token of their own, `[CLS]` or `<s>`, at the first position, where every other one can be seen.
SUMMARY_FIRST = frozenset(
    {
        "albert",
        "bert",
        "big_bird",
        "camembert",
        "convbert",
        "data2vec-text",
        "deberta",
        "deberta-v2",
        "distilbert",
        "electra",
        "ernie",
        "esm",
        "eurobert",
        "flaubert",
        "fnet",
        "funnel",
        "ibert",
        "jina_embeddings_v3",
        "layoutlm",
        "longformer",
        "luke",
        "megatron-bert",
        "mobilebert",
        "modernbert",
        "mpnet",
        "mra",
        "nezha",
        "nomic_bert",
        "nystromformer",
        "qdqbert",
        "rembert",
        "roberta",
        "roberta-prelayernorm",
        "roformer",
        "splinter",
        "squeezebert",
        "xlm",
        "xlm-roberta",
        "xlm-roberta-xl",
        "xmod",
        "yoso",
    }
)
# Beside those that Transformers lists as language models: the end of the text, or a token there, has seen all of it.
SUMMARY_LAST = frozenset({"clip_text_model", "xlnet"})


def summary_position(config: PreTrainedConfig) -> Literal["first", "last"] | None:
    """Where an encoder gathers the whole sequence.

    Args:
        config (`PreTrainedConfig`): of a text or speech encoder.

    Returns:
        `"first"` for BERT's kin, `"last"` for causal language models, whose first position sees nothing but itself,
        None for all others, such as encoders of waveforms, T5 and BART.

    Example:

    ```python
    >>> from transformers import BertConfig, GPT2Config, T5Config

    >>> [summary_position(config) for config in (BertConfig(), GPT2Config(), T5Config())]
    ['first', 'last', None]

    ```
    """
    # Imported here, where it is needed: it takes torch along.
    from transformers import MODEL_FOR_CAUSAL_LM_MAPPING

    if config.model_type in SUMMARY_FIRST:
        return "first"
    is_causal = type(config) in MODEL_FOR_CAUSAL_LM_MAPPING and not config.is_encoder_decoder
    return "last" if is_causal or config.model_type in SUMMARY_LAST else None


def default_pooling(config: PreTrainedConfig) -> str:
    """The pooling that suits an encoder: `"cls"`, `"last"` or `"mean_std"`, by its [`summary_position`]."""
    return {"first": "cls", "last": "last", None: "mean_std"}[summary_position(config)]


def pooled_size(hidden_size: int, pooling: str) -> int:
    """Width of a vector pooled from a sequence of width `hidden_size`."""
    return {"mean_std": 2, "quantiles": len(QUANTILES)}.get(pooling, 1) * hidden_size
