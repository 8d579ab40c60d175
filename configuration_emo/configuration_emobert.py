"""EmoBERT's configuration: a text encoder, a speech encoder, how they are fused and what is predicted."""

import functools
import math
from collections.abc import Callable
from typing import Any

from huggingface_hub.dataclasses import strict
from huggingface_hub.errors import StrictDataclassError
from transformers import AutoConfig, PreTrainedConfig
from transformers.configuration_utils import SubConfigSpec
from transformers.utils import logging

from .configuration_emotion2vec import Emotion2VecConfig
from .configuration_vq_wav2vec import VqWav2VecConfig
from .encoder_layers import check_sequences, chosen_layers, num_layers
from .hub_code import NamesPipelines, SelfContained, is_remote_copy
from .problem_types import PROBLEM_TYPES, ProblemType, get_problem_type
from .summary_position import default_pooling, pooled_size, summary_position
from .token_positions import max_token_positions


logger = logging.get_logger(__name__)

if is_remote_copy():  # where no package registers it; the encoders of a saved model are found by `model_type`
    AutoConfig.register("emotion2vec", Emotion2VecConfig, exist_ok=True)

FUSIONS = ("co_attention", "shallow")
POOLINGS = ("cls", "last", "mean", "mean_std", "quantiles", "attention")
# What a model can be given of an utterance.
MODALITIES = ("text", "speech")
CLASSIFICATION_LOSSES = ("cross_entropy", "focal", "soft_f1")
REGRESSION_LOSSES = ("mse", "l1", "ccc")


def with_value_errors(cls: type) -> type:
    """A class decorator: fields of a wrong type raise a ValueError, as wrong values do."""
    construct: Callable[..., None] = vars(cls)["__init__"]

    @functools.wraps(construct)
    def __init__(self, *args, **kwargs):
        try:
            construct(self, *args, **kwargs)
        except StrictDataclassError as error:
            raise ValueError(f"{cls.__name__}: {' '.join(str(error).split())}") from error

    cls.__init__ = __init__  # type: ignore[misc]  # of this class, not of one below it
    return cls


@with_value_errors
@strict
class EmoBertConfig(NamesPipelines, SelfContained, PreTrainedConfig):
    r"""
    Configuration of [`EmoBertModel`] and [`EmoBertForSequenceClassification`].

    The defaults are the system of arXiv 2008.06682: two RoBERTa-like encoders, of text and of vq-wav2vec speech
    tokens, fused by one layer of co-attention.

    Args:
        text_config (`PreTrainedConfig` or `dict`, *optional*):
            Any Transformers text encoder. Defaults to RoBERTa-base.
        speech_config (`PreTrainedConfig` or `dict`, *optional*):
            Any encoder of speech token ids, waveforms or log-mel features. Defaults to a RoBERTa-base of 2048
            positions (Speech-BERT).
        speech_tokenizer_config (`VqWav2VecConfig` or `dict`, *optional*):
            When given, the model takes waveforms and turns them into speech token ids itself.
        fusion (`str`, defaults to `"co_attention"`):
            `"co_attention"` or `"shallow"` (concatenation of the two pooled vectors).
        num_co_attention_layers (`int`, defaults to 1):
            Layers per direction; each asks the raw other sequence again.
        num_co_attention_heads (`int`, defaults to 4):
            Must divide the pooled size of both modalities.
        co_attention_dropout (`float`, defaults to 0.1):
            Dropout on the attention weights and on the output of a co-attention layer.
        co_attention_feed_forward (`bool`, defaults to `False`):
            Adds LayerNorm, feed-forward and LayerNorm after each co-attention layer; the paper has none of them.
        text_pooling, speech_pooling (`str`, defaults to `"auto"`):
            How a sequence becomes one vector: `"cls"` (the first position), `"last"` (the last valid position),
            `"mean"`, `"mean_std"` (both statistics, twice the width), `"quantiles"` (5, 25, 50, 75 and 95 % of each
            channel over time, five times the width) or `"attention"` (learned weights). `"auto"` is `"cls"` for
            encoders that were trained with a first token of their own (BERT, RoBERTa and their kin), as in the paper,
            `"last"` for causal language models, whose first position sees only itself, and `"mean_std"` for others.
            It is resolved at once: what is saved, and what the attribute says, is the pooling in use.
        use_weighted_layer_sum (`bool`, defaults to `False`):
            The speech sequence is a learned mix of all hidden states of the speech encoder instead of the last one.
        speech_layer (`int` or `list[int]`, *optional*):
            The speech sequence is this hidden state of the speech encoder (0 is the input of its first layer), or
            several side by side. Middle layers carry emotion best (arXiv 2308.08713). The layers above are not built
            but for one, which is frozen.
        text_layer (`int` or `list[int]`, *optional*):
            The same of the text encoder. Of a frozen one several layers side by side carry more than the last.
        context_separator_id (`int`, *optional*):
            The tokenizer's separator, for texts behind what was said before (`context_turns`): the mean state of the
            context lies beside each state of the text, and only the text is pooled. None pools both together. Needs
            the fusion `"shallow"`, and another pooling of text than `"cls"`.
        standardize_speech (`bool`, defaults to `False`):
            Each channel of the speech encoder's hidden states is standardised with its mean and deviation over the
            training data (see [`fit_speech_standardization`]) before layers are mixed and speech is fused. For frozen
            encoders and middle layers, whose channels differ widely in offset and scale.
        speech_own_length (`bool`, defaults to `False`):
            Let Whisper hear each clip at its own length, not the silence up to 30 s. Other encoders always do.
        classifier_dropout (`float`, defaults to 0.1):
            Dropout before the last linear layer.
        modality_dropout (`float`, defaults to 0.0):
            In training, the probability that one modality of an utterance, text or speech with even odds, is hidden
            and replaced by its learned stand-in. Never both.
        unimodal_loss_weight (`float`, defaults to 0.0):
            In training, the loss of predicting from text alone and from speech alone, each times this weight, is added
            to that of both, so that the stronger modality does not keep the other from learning. Encoders run once.
        problem_type (`str`, defaults to `"single_label_classification"`):
            One of `PROBLEM_TYPES`; `"regression"` when only one label is configured.
        classification_loss (`str`, defaults to `"cross_entropy"`):
            Single-label: `"cross_entropy"`, `"focal"` (each term times `(1 - p) ** focal_gamma`, arXiv 1708.02002) or
            `"soft_f1"` (one minus the macro F1 of a batch's probabilities, which counts classes alike).
        focal_gamma (`float`, defaults to 2.0):
            How much less the focal loss counts what is predicted well; 0 is the cross-entropy.
        regression_loss (`str`, defaults to `"mse"`):
            `"mse"`, `"l1"` or `"ccc"` (one minus the concordance correlation coefficient).
        class_weights (`list[float]`, *optional*):
            One weight per label. Single-label: weight of each class in the cross-entropy. Multi-label and one-vs-rest:
            weight of the positive ("present") term of each label.
        label_smoothing (`float`, defaults to 0.0):
            Share of the target that is spread evenly: over all classes (single-label), over presence and absence
            (multi-label, one-vs-rest). Not for regression.
        label_range (`list[float]`, *optional*):
            Smallest and largest score of a regression label, such as `[-3, 3]` for CMU-MOSI.
        temperature (`float`, *optional*):
            What logits of classes are divided by when they are turned into probabilities, see `fit_temperature`.
        trained_inputs (`list[str]`, *optional*):
            What training showed of utterances: some of both, text, speech. `EmoBertTrainer` writes it.
        speaker_statistics (`dict`, *optional*):
            How logits differ within and between speakers, see `fit_speaker_statistics` and `adapt_to_speakers`.
        initializer_range (`float`, defaults to 0.02):
            Standard deviation of new weights.
        packing (`bool`, defaults to `True`):
            Whether encoders that can leave the padding of a batch out of their computation do so. Results are the same
            either way, to 1e-5 of the largest; without it the padding is computed and masked.

    Raises:
        ValueError: a value is not one of those listed, the heads do not divide the pooled sizes, or two options
            exclude each other.

    Example:

    ```python
    >>> from transformers import BertConfig, RobertaConfig
    >>> from configuration_emo import EmoBertConfig

    >>> config = EmoBertConfig.from_text_speech_configs(BertConfig(), RobertaConfig(), fusion="shallow", num_labels=4)
    >>> config.text_config.model_type, config.num_labels
    ('bert', 4)

    ```
    """

    model_type = "emobert"
    _auto_map_classes = {"AutoConfig": "EmoBertConfig"}
    sub_configs_defaults = {
        "text_config": SubConfigSpec(AutoConfig, model_type="roberta"),
        "speech_config": SubConfigSpec(
            AutoConfig, model_type="roberta", init_kwargs={"max_position_embeddings": 2050, "layer_norm_eps": 1e-5}
        ),
        "speech_tokenizer_config": SubConfigSpec(VqWav2VecConfig, optional=True),
    }
    # Trainer gathers every output that is not listed here; only the logits are predictions.
    keys_to_ignore_at_inference = [
        *("pooler_output", "text_only_pooler_output", "speech_only_pooler_output", "has_text", "has_speech"),
        *("text_last_hidden_state", "speech_last_hidden_state", "text_to_speech", "speech_to_text", "co_attentions"),
        *("hidden_states", "attentions", "speech_hidden_states", "speech_attentions"),
    ]

    # Given as a configuration, a dict or None; a configuration (or None for the tokenizer) after construction.
    text_config: Any = None
    speech_config: Any = None
    speech_tokenizer_config: Any = None
    fusion: str = "co_attention"
    num_co_attention_layers: int = 1
    num_co_attention_heads: int = 4
    co_attention_dropout: float | int = 0.1
    co_attention_feed_forward: bool = False
    text_pooling: str = "auto"
    speech_pooling: str = "auto"
    use_weighted_layer_sum: bool = False
    speech_layer: int | list[int] | None = None
    text_layer: int | list[int] | None = None
    context_separator_id: int | None = None
    standardize_speech: bool = False
    speech_own_length: bool = False
    classifier_dropout: float | int = 0.1
    modality_dropout: float | int = 0.0
    unimodal_loss_weight: float | int = 0.0
    problem_type: str | None = None  # type: ignore[assignment]  # one more than Transformers has
    classification_loss: str = "cross_entropy"
    focal_gamma: float | int = 2.0
    regression_loss: str = "mse"
    class_weights: list[float | int] | None = None
    label_smoothing: float | int = 0.0
    label_range: list[float | int] | None = None
    temperature: float | int | None = None
    trained_inputs: list[str] | None = None
    speaker_statistics: dict[str, Any] | None = None
    initializer_range: float = 0.02
    packing: bool = True

    def __post_init__(self, **kwargs):
        self._keep_pipelines(kwargs)
        self._check_types({**vars(self), **kwargs})
        super().__post_init__(**kwargs)
        if self.problem_type is None:
            self.problem_type = "regression" if self.num_labels == 1 else "single_label_classification"
        self._resolve_pooling()
        # Here and not in `validate_*` methods, whose errors `strict` wraps into a class that is no ValueError.
        self._check_choices()
        self._check_fusion()
        check_sequences(self)
        self._check_labels()

    @classmethod
    def from_dict(cls, config_dict: dict[str, Any], **kwargs: Any) -> Any:
        """As in Transformers. Warns where `num_labels` is changed on loading and the problem type no longer fits.

        Args:
            config_dict (`dict`): the fields. Files leave out what is the default of the paper's encoders, the pooling
                `"cls"`, and did so before there was another default.
            kwargs: fields to change.
        """
        if "transformers_version" in config_dict:
            config_dict = {"text_pooling": "cls", "speech_pooling": "cls", **config_dict}
        loaded = super().from_dict(config_dict, **kwargs)
        config = loaded[0] if isinstance(loaded, tuple) else loaded
        if "num_labels" in kwargs and "problem_type" not in kwargs:
            one_score = not config.problem.has_classes
            if config.num_labels != cls._num_labels(config_dict) and one_score != (config.num_labels == 1):
                logger.warning(
                    f"`num_labels` was changed to {config.num_labels} on loading, and problem_type="
                    f"{config.problem_type!r} is left from before: pass `problem_type` too."
                )
        return loaded

    @staticmethod
    def _num_labels(config_dict: dict[str, Any]) -> int:
        labels = config_dict.get("id2label")
        return config_dict.get("num_labels", 2) if labels is None else len(labels)

    @classmethod
    def from_text_speech_configs(
        cls, text_config: PreTrainedConfig, speech_config: PreTrainedConfig, **kwargs: Any
    ) -> "EmoBertConfig":
        """The configuration of a model that fuses these two encoders; `kwargs` are fields of this class."""
        return cls(text_config=text_config, speech_config=speech_config, **kwargs)

    @property
    def hidden_size(self) -> int:
        """Width of the text encoder."""
        return self.text_config.hidden_size

    @property
    def text_pooled_size(self) -> int:
        """Width of the pooled text vector."""
        return pooled_size(self.text_hidden_size, self.text_pooling)

    @property
    def speech_pooled_size(self) -> int:
        """Width of the pooled speech vector."""
        return pooled_size(self.speech_hidden_size, self.speech_pooling)

    @property
    def speech_hidden_size(self) -> int:
        """Width of the speech sequence: of the encoder's layers, or of the adapter behind them."""
        if getattr(self.speech_config, "add_adapter", False):
            return self.speech_config.output_hidden_size
        return self.speech_config.hidden_size * len(self.speech_layers)

    @property
    def text_hidden_size(self) -> int:
        """Width of the text sequence: of the encoder's layers that are used, twice that with a context apart."""
        return self.text_config.hidden_size * len(self.text_layers) * (1 if self.context_separator_id is None else 2)

    @property
    def speech_layers(self) -> list[int]:
        """The hidden states that `speech_layer` names, as a list."""
        return chosen_layers(self.speech_layer)

    @property
    def text_layers(self) -> list[int]:
        """The hidden states that `text_layer` names, as a list."""
        return chosen_layers(self.text_layer)

    @property
    def num_speech_layers(self) -> int:
        """Transformer layers of the speech encoder."""
        return num_layers(self.speech_config, "speech")

    @property
    def problem(self) -> ProblemType:
        """What follows from `problem_type`."""
        return get_problem_type(self.problem_type)

    @property
    def num_logits(self) -> int:
        """Outputs of the last linear layer: two per label for `one_vs_rest_classification`, else one."""
        return (self.num_labels or 0) * self.problem.logits_per_label

    @property
    def max_speech_seconds(self) -> float | None:
        """The longest sound, in seconds, of which the speech encoder takes all token ids that the speech tokenizer
        makes; None without a speech tokenizer."""
        if self.speech_tokenizer_config is None:
            return None
        return (max_token_positions(self.speech_config) - 2) / self.speech_tokenizer_config.frame_rate

    def _resolve_pooling(self):
        """The poolings that the encoders call for, and a warning where `"cls"` is asked for in vain."""
        for name, encoder in (("text_pooling", self.text_config), ("speech_pooling", self.speech_config)):
            if getattr(encoder, "hidden_size", None) is None:
                side = name.partition("_")[0]
                raise ValueError(
                    f"`{side}_config` of {getattr(encoder, 'model_type', encoder)!r} does not say how wide its states "
                    f"are (`hidden_size`): it is no {side} encoder."
                )
            if getattr(self, name) == "auto":
                setattr(self, name, default_pooling(encoder))
            elif getattr(self, name) == "cls" and summary_position(encoder) != "first":
                logger.warning(
                    f"{name}='cls' takes the first position of {encoder.model_type!r}, which does not stand for the "
                    f"whole sequence: {default_pooling(encoder)!r} or 'attention' usually serve it better."
                )

    @staticmethod
    def _check_types(given: dict[str, Any]) -> None:
        """What Transformers' own checks take for granted."""
        for name in ("text_config", "speech_config", "speech_tokenizer_config"):
            if not isinstance(given.get(name), PreTrainedConfig | dict | None):
                raise ValueError(f"`{name}` must be a configuration or a dict of its fields, got {given[name]!r}.")
        num_labels, id2label = given.get("num_labels"), given.get("id2label")
        if num_labels is not None and (type(num_labels) is not int or num_labels < 1):
            raise ValueError(f"`num_labels` must be a whole number, at least 1, got {num_labels!r}.")
        if not isinstance(id2label, dict | None):
            raise ValueError(f"`id2label` must be a dict such as {{0: 'anger'}}, got {id2label!r}.")
        names = list((id2label or {}).values())
        if len(set(names)) < len(names):
            raise ValueError(f"`id2label` gives one name to several labels: {names}.")

    def _check_choices(self):
        """Each option is one of its listed values."""
        for name, choices in (
            ("fusion", FUSIONS),
            ("text_pooling", POOLINGS),
            ("speech_pooling", POOLINGS),
            ("problem_type", PROBLEM_TYPES),
            ("classification_loss", CLASSIFICATION_LOSSES),
            ("regression_loss", REGRESSION_LOSSES),
        ):
            if getattr(self, name) not in choices:
                raise ValueError(f"`{name}` must be one of {', '.join(choices)}, got {getattr(self, name)!r}.")
        for name in ("unimodal_loss_weight", "initializer_range", "focal_gamma"):
            if not 0 <= getattr(self, name) < math.inf:
                raise ValueError(f"`{name}` must be finite and not negative, got {getattr(self, name)}.")
        if self.temperature is not None and not (0 < self.temperature < math.inf and self.problem.has_classes):
            raise ValueError(f"`temperature` is a positive number, and for classes only, got {self.temperature}.")
        for name in ("co_attention_dropout", "classifier_dropout", "modality_dropout", "label_smoothing"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"`{name}` is a probability or share between 0 and 1, got {getattr(self, name)}.")

    def _check_fusion(self):
        """The co-attention fits the widths of both encoders."""
        if self.fusion != "co_attention":
            return
        if self.num_co_attention_layers < 1:
            raise ValueError(
                f"`num_co_attention_layers` must be at least 1, got {self.num_co_attention_layers}; "
                "use fusion='shallow' for a model without co-attention."
            )
        for side, width in (("text", self.text_pooled_size), ("speech", self.speech_pooled_size)):
            if self.num_co_attention_heads < 1 or width % self.num_co_attention_heads:
                raise ValueError(
                    f"`num_co_attention_heads`={self.num_co_attention_heads} does not divide the pooled {side} size "
                    f"{width}; choose a divisor of {self.text_pooled_size} and {self.speech_pooled_size}."
                )

    def _check_labels(self):
        """Class weights, smoothing and label range fit the labels."""
        for name, applies in (
            ("label_smoothing", self.problem.has_classes),
            ("class_weights", self.problem.has_classes and self.classification_loss != "soft_f1"),
            ("classification_loss", self.problem.is_exclusive),
        ):
            if getattr(self, name) not in (None, 0, "cross_entropy") and not applies:
                loss = f"problem_type={self.problem_type!r}, classification_loss={self.classification_loss!r}"
                raise ValueError(f"`{name}` does not apply to {loss}: leave it out.")
        if self.class_weights is not None:
            if len(self.class_weights) != self.num_labels:
                numbers = f"{self.num_labels} labels, {len(self.class_weights)} weights"
                raise ValueError(f"`class_weights` needs one weight per label: {numbers}.")
            if not all(0 <= weight < math.inf for weight in self.class_weights) or not any(self.class_weights):
                raise ValueError(f"`class_weights` must be finite, >= 0 and not all 0, got {self.class_weights}.")
        if self.label_range is not None and (
            len(self.label_range) != 2 or not -math.inf < self.label_range[0] < self.label_range[1] < math.inf
        ):
            raise ValueError(f"`label_range` is [smallest, largest], both finite, got {self.label_range}.")
        if self.label_range is not None and self.label_range[0] <= -100 <= self.label_range[1]:
            raise ValueError(
                f"`label_range` {self.label_range} holds -100, which marks labels that do not count: give the "
                "scores another scale, such as a hundredth."
            )


__all__ = ["EmoBertConfig"]
