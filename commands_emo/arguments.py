"""Typed arguments of the commands, read from flags and from one section of a YAML or JSON file.

    emobert train examples/configs/demo.yaml --num_train_epochs 3

takes the section `train` of the file (or the whole file if it has no such section); flags win over the file.
"""

import os
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar

from configuration_emo import as_mapping, as_numbers, check_whole

from .dataset_arguments import DatasetArguments


INIT_HEADS = {"random": None, "linear_probe": "ridge", "logistic_regression": "logistic"}
RECIPES = ("auto", "given")


@dataclass
class EncoderArguments:
    """Which pretrained encoders are used."""

    _argument_group_name: ClassVar[str] = "encoders"

    text_model: str = field(metadata={"help": "Folder or Hub id of the text encoder with its tokenizer."})
    speech_model: str = field(
        metadata={
            "help": "Folder or Hub id of the speech encoder with its feature extractor.",
            "aliases": ["--model_name_or_path"],
        }
    )


@dataclass
class PreparationArguments(DatasetArguments):
    """From a corpus to a prepared dataset."""

    _argument_group_name: ClassVar[str] = "preparation"

    output_dir: str = field(metadata={"help": "Where the prepared dataset is written."})
    corpus: str = field(default="", metadata={"help": "Name of a corpus reader, such as csv (docs/corpora.md)."})
    data_dir: str | None = field(default=None, metadata={"help": "Folder or file of the corpus."})
    corpus_options: dict | str | None = field(
        default=None, metadata={"help": "Options of the corpus reader, as a mapping or JSON."}
    )
    label_map: dict | str | None = field(
        default=None, metadata={"help": "A mapping or JSON, a named map, or pairs such as exc=happy,hap=happy."}
    )
    problem_type: str = field(
        default="single_label_classification", metadata={"help": "One of EmoBertConfig's problem types."}
    )
    labels: list[str] | None = field(
        default=None, metadata={"help": "Names of the labels in order; collected from the corpus if left out."}
    )
    label_range: list[float] | None = field(default=None, metadata={"help": "Smallest and largest score."})
    protocol: str = field(default="official split", metadata={"help": "What the splits are, for the record."})
    validation_fraction: float = field(
        default=0.0, metadata={"help": "Share of the training groups that become the split validation."}
    )
    test_fraction: float = field(default=0.0, metadata={"help": "Share of them that become the split test."})
    validation_by: str = field(
        default="speaker",
        metadata={"help": "What these groups are: speaker, session, or row, where a voice may be on both sides."},
    )
    split_seed: int = field(default=0, metadata={"help": "Decides which groups."})
    max_audio_seconds: float | None = field(
        default=None, metadata={"help": "Longer audio is cut.", "aliases": ["--max_length_seconds"]}
    )
    max_text_length: int | None = field(default=None, metadata={"help": "Longer texts are cut, in token ids."})
    max_speech_ids: int | None = field(default=None, metadata={"help": "Longer speech is cut, in token ids."})
    num_proc: int | None = field(default=None, metadata={"help": "Processes that prepare."})
    speech_tokenizer: str | None = field(
        default=None, metadata={"help": "Folder or Hub id of a vq-wav2vec: speech becomes token ids, for Speech-BERT."}
    )
    tokens_dir: str | None = field(
        default=None,
        metadata={"help": "Where these ids are kept; a killed run goes on there. <output_dir>_tokens if left out."},
    )
    long_audio: str = field(
        default="truncate",
        metadata={"help": "More ids than the speech encoder takes: truncate, or split into several rows."},
    )
    num_processes: int | None = field(
        default=None, metadata={"help": "Processes that `accelerate launch` should have started; checked if given."}
    )

    def __post_init__(self):
        if self.dataset_name is not None:
            if self.corpus not in ("", "hub") or self.data_dir not in (None, self.dataset_name):
                raise ValueError(
                    f"dataset_name={self.dataset_name!r} is a dataset of the Hub, corpus={self.corpus!r} and "
                    f"data_dir={self.data_dir!r} are another: give one of them."
                )
            self.corpus, self.data_dir = "hub", self.dataset_name
        if not self.corpus:
            raise ValueError("Nothing says what is prepared. Give --corpus, such as csv, or --dataset_name.")
        self.corpus_options = {**as_mapping(self.corpus_options), **self.reader_options(), **self._parts()}
        if self.speech_tokenizer is None:
            if self.tokens_dir is not None or self.long_audio != "truncate":
                raise ValueError("tokens_dir and long_audio are for speech tokens: give a speech_tokenizer as well.")
            return
        if self.max_audio_seconds is not None:
            raise ValueError(
                f"max_audio_seconds ({self.max_audio_seconds:g}) cuts waveforms, but with a speech_tokenizer speech "
                "is token ids, about 100 a second: give max_speech_ids, or nothing for as many as the encoder takes."
            )
        if self.tokens_dir is None:
            self.tokens_dir = f"{self.output_dir.rstrip('/')}_tokens"

    def _parts(self) -> dict[str, Any]:
        """What is taken out of the training part, as options of `read_corpus`."""
        fractions = {"validation_from_train": self.validation_fraction, "test_from_train": self.test_fraction}
        common = {"by": self.validation_by, "seed": self.split_seed}
        return {name: {**common, "fraction": fraction} for name, fraction in fractions.items() if fraction}

    def record(self) -> dict[str, Any]:
        """What preparation.json should say of where the data came from."""
        record = {"corpus": self.corpus, "corpus_options": self.corpus_options, "protocol": self.protocol}
        if self.corpus == "hub":
            record["dataset"] = self.data_dir
        if self.speech_tokenizer is not None:
            record |= {"speech_tokenizer": self.speech_tokenizer, "long_audio": self.long_audio}
        return record


@dataclass
class ModelArguments(EncoderArguments):
    """The model that is built over the encoders; see EmoBertConfig."""

    _argument_group_name: ClassVar[str] = "model"

    fusion: str = field(default="co_attention", metadata={"help": "co_attention or shallow."})
    num_co_attention_layers: int = field(default=1, metadata={"help": "Layers per direction."})
    num_co_attention_heads: int = field(default=4, metadata={"help": "Heads of each layer."})
    co_attention_dropout: float = field(default=0.1, metadata={"help": "Dropout inside the fusion."})
    co_attention_feed_forward: bool = field(default=False, metadata={"help": "Add LayerNorm and feed-forward."})
    text_pooling: str = field(
        default="auto", metadata={"help": "auto, cls, last, mean, mean_std, quantiles or attention."}
    )
    speech_pooling: str = field(
        default="auto", metadata={"help": "auto, cls, last, mean, mean_std, quantiles or attention."}
    )
    use_weighted_layer_sum: bool = field(default=False, metadata={"help": "Mix all layers of the speech encoder."})
    speech_layer: list[int] | None = field(
        default=None, metadata={"help": "Use this layer of the speech encoder, or several side by side."}
    )
    text_layer: list[int] | None = field(default=None, metadata={"help": "The same of the text encoder."})
    context_apart: bool = field(default=False, metadata={"help": "Pool the turns before a text apart from it."})
    standardize_speech: bool = field(
        default=False, metadata={"help": "Standardise the encoded speech with the training data's statistics."}
    )
    speech_own_length: bool = field(
        default=False, metadata={"help": "Let Whisper hear each recording at its own length, not 30 s."}
    )
    classifier_dropout: float = field(default=0.1, metadata={"help": "Dropout before the last layer."})
    modality_dropout: float = field(default=0.0, metadata={"help": "How often a modality is hidden in training."})
    unimodal_loss_weight: float = field(
        default=0.0, metadata={"help": "Weight of the losses of text alone and of speech alone, added in training."}
    )
    classification_loss: str = field(default="cross_entropy", metadata={"help": "cross_entropy, focal or soft_f1."})
    focal_gamma: float = field(default=2.0, metadata={"help": "How much less the focal loss counts easy rows."})
    regression_loss: str = field(default="mse", metadata={"help": "mse, l1 or ccc."})
    class_weights: list[str] | None = field(
        default=None, metadata={"help": "One weight per label, or balanced: from how often the training data has it."}
    )
    label_smoothing: float = field(default=0.0, metadata={"help": "Share of the target that is spread evenly."})
    init_head: str = field(
        default="random",
        metadata={"help": "random, or of the pooled training data linear_probe (ridge) or logistic_regression."},
    )

    recipe: str = field(
        default="auto",
        metadata={"help": "auto fills in a sound recipe where no option says how to train; given does not."},
    )
    freeze_feature_encoder: bool = field(
        default=False, metadata={"help": "Do not train the convolutions of the speech encoder (wav2vec2 and kin)."}
    )
    attn_implementation: str | None = field(
        default=None, metadata={"help": "How both encoders attend: eager, sdpa, flash_attention_2, ..."}
    )

    def __post_init__(self):
        if self.recipe not in RECIPES:
            raise ValueError(f"recipe must be one of {', '.join(RECIPES)}, got {self.recipe!r}.")
        if self.init_head not in INIT_HEADS:
            raise ValueError(f"init_head must be one of {', '.join(INIT_HEADS)}, got {self.init_head!r}.")
        for name in ("text_layer", "speech_layer"):
            layers: Any = getattr(self, name)
            if isinstance(layers, list) and len(layers) == 1:
                setattr(self, name, layers[0])
        # As flags and YAML have it: [1.0, 2.0], ["1.0", "2.0"], ["balanced"] or "balanced".
        weights: Any = self.class_weights
        if weights in ("balanced", ["balanced"]):
            weights = "balanced"
        elif weights is not None:
            weights = as_numbers("class_weights", weights)
        self.class_weights = weights

    def config_kwargs(self) -> dict[str, Any]:
        """The fields that belong to EmoBertConfig; `class_weights` may still be "balanced"."""
        others = {"init_head", "recipe", "freeze_feature_encoder", "attn_implementation", "context_apart"} | {
            *(encoder.name for encoder in fields(EncoderArguments))
        }
        return {option.name: getattr(self, option.name) for option in fields(self) if option.name not in others}


@dataclass(kw_only=True)
class FoldArguments:
    """Which fold of a protocol is meant; the prepared dataset's own splits if left out."""

    _argument_group_name: ClassVar[str] = "fold"

    protocol: str | None = field(
        default=None, metadata={"help": "Protocol whose fold is taken, for example leave-one-speaker-out."}
    )
    fold: str | None = field(default=None, metadata={"help": "Name of the fold, for example speaker=03."})
    protocol_options: dict | str | None = field(
        default=None, metadata={"help": "Options of the protocol and `allow`, as a mapping or JSON."}
    )

    def __post_init__(self):
        self.protocol_options = as_mapping(self.protocol_options)
        if self.protocol is None and (self.fold is not None or self.protocol_options):
            raise ValueError(f"fold={self.fold!r} and protocol_options={self.protocol_options} need a protocol.")


@dataclass
class DataArguments(FoldArguments):
    """The prepared dataset and how it is used."""

    _argument_group_name: ClassVar[str] = "data"

    data_dir: str = field(metadata={"help": "Folder that `emobert prepare` wrote."})
    modalities: list[str] = field(
        default_factory=lambda: ["text", "speech"], metadata={"help": "text, speech, or both."}
    )
    max_train_samples: int | None = field(default=None, metadata={"help": "Train on the first so many rows only."})
    max_eval_samples: int | None = field(
        default=None, metadata={"help": "Validate while training on the first so many rows only."}
    )
    cache_encoder_states: bool = field(
        default=False, metadata={"help": "Run frozen encoders once, keep their states in data_dir, train on those."}
    )
    augmentation: dict | str | None = field(
        default=None,
        metadata={"help": "Random changes to training speech, see preprocess.make_augmentation; a mapping or JSON."},
    )

    def __post_init__(self):
        super().__post_init__()
        self.augmentation = as_mapping(self.augmentation)


@dataclass
class LoraArguments:
    """Low-rank adapters in place of training the encoders themselves; see modeling_emo.add_lora."""

    _argument_group_name: ClassVar[str] = "low-rank adapters"

    lora: bool = field(default=False, metadata={"help": "Train low-rank adapters on the encoders, merged at the end."})
    lora_r: int = field(default=8, metadata={"help": "Rank of the adapters."})
    lora_alpha: int = field(default=16, metadata={"help": "The adapters' outputs are scaled by lora_alpha / lora_r."})
    lora_dropout: float = field(default=0.05, metadata={"help": "Dropout on the adapters' inputs."})
    lora_encoders: list[str] | None = field(
        default=None, metadata={"help": "text, speech or both; those that are not frozen if left out."}
    )

    def encoders(self, frozen: dict[str, bool]) -> list[str]:
        """The encoders that get adapters.

        Raises:
            ValueError: one of them is frozen, or all are.
        """
        encoders = self.lora_encoders or [name for name in frozen if not frozen[name]]
        conflicts = [name for name in encoders if frozen.get(name)] if encoders else list(frozen)
        if conflicts:
            options = ", ".join(f"freeze_{name}_encoder" for name in conflicts)
            raise ValueError(f"--lora trains adapters on an encoder that {options} freezes: leave one of them out.")
        return encoders


@dataclass
class EvaluationArguments(FoldArguments):
    """A trained model on a split of a prepared dataset."""

    _argument_group_name: ClassVar[str] = "evaluation"

    model: str = field(
        metadata={"help": "Folder or Hub id of the trained model.", "aliases": ["--model_name_or_path"]}
    )
    data_dir: str = field(
        metadata={"help": "Folder that `emobert prepare` wrote; of the raw corpus where --corpus names one."}
    )
    output_dir: str = field(metadata={"help": "Where metrics, predictions and plots are written."})
    ensemble: list[str] | None = field(
        default=None, metadata={"help": "Further models of the same labels: the probabilities of all are averaged."}
    )
    split: str | None = field(
        default=None, metadata={"help": "Split to evaluate on: test if left out, or with --corpus all of them."}
    )
    corpus: str | None = field(
        default=None, metadata={"help": "Read this corpus anew, as the model needs it, see preprocess.CORPORA."}
    )
    corpus_options: dict | str | None = field(
        default=None, metadata={"help": "Options of the corpus reader, as a mapping or JSON."}
    )
    label_map: dict | str | None = field(
        default=None, metadata={"help": "From the corpus's labels to the model's, where their names differ."}
    )
    modalities: list[str] = field(
        default_factory=lambda: ["both", "text", "speech"],
        metadata={"help": "Which inputs the model sees, one evaluation each: both, text, speech."},
    )
    task: str | None = field(default=None, metadata={"help": "Set of metrics; follows from the model if left out."})
    batch_size: int = field(default=32, metadata={"help": "Rows per batch."})
    max_eval_samples: int | None = field(default=None, metadata={"help": "Evaluate the first so many rows only."})
    model_card: bool = field(default=False, metadata={"help": "Write the model's card, README.md, to output_dir."})
    model_name: str = field(default="EmoBERT", metadata={"help": "Title of the card."})
    model_license: str | None = field(
        default=None, metadata={"help": "The Hub's name of the weights' licence, such as apache-2.0, for the card."}
    )
    languages: list[str] | None = field(
        default=None, metadata={"help": "Languages of the data, such as en, for the card."}
    )
    data_description: str = field(default="", metadata={"help": "What the model was trained on, for the card."})
    synthetic_data: str | None = field(
        default=None, metadata={"help": "What in the data no human said or wrote, for the card."}
    )
    num_resamples: int = field(default=1000, metadata={"help": "Bootstrap resamples of the confidence intervals."})
    cache_encoder_states: bool = field(
        default=False, metadata={"help": "Use what encoders that training froze make of the data, kept in data_dir."}
    )
    groups: list[str] = field(
        default_factory=list, metadata={"help": "Kinds of groups to compare as well: speaker, sex, length, snr."}
    )
    calibrate: bool = field(
        default=False, metadata={"help": "Fit a temperature on --split validation and save it with the model."}
    )
    calibrate_speakers: bool = field(
        default=False,
        metadata={"help": "Fit how speakers differ on --split validation, for adapt_to_speakers; saved likewise."},
    )
    adapt_to_speakers: str | None = field(
        default=None,
        metadata={
            "help": "Also evaluate the first input adapted to each speaker by all its rows, without labels: unknown, "
            "or equal where each shows all labels equally often."
        },
    )

    def __post_init__(self):
        super().__post_init__()
        check_whole("num_resamples", self.num_resamples)
        self.corpus_options = as_mapping(self.corpus_options)
        if self.corpus is None and (self.corpus_options or self.label_map is not None):
            raise ValueError("corpus_options and label_map are for a corpus that is read here: give --corpus as well.")
        calibrates = self.calibrate or self.calibrate_speakers
        if self.ensemble and (calibrates or self.model_card or self.adapt_to_speakers):
            raise ValueError("An ensemble is no model of its own: no calibration, adapt_to_speakers or model_card.")
        if self.cache_encoder_states and (self.ensemble or self.corpus is not None):
            raise ValueError("cache_encoder_states is for one model on the data that it was trained with.")
        if self.corpus is not None and (self.protocol is not None or calibrates):
            raise ValueError("--corpus tests a model on all of a corpus: leave protocol and calibrate out.")
        self.split = self.split or ("test" if self.corpus is None else "all")


@dataclass
class ServeArguments:
    """The page and the interface for programs."""

    _argument_group_name: ClassVar[str] = "server"

    model: str = field(
        default_factory=lambda: os.environ.get("EMOBERT_MODEL", "outputs/demo"),
        metadata={"help": "Folder or Hub id of the trained model; the variable EMOBERT_MODEL if left out."},
    )
    asr: str | None = field(
        default_factory=lambda: os.environ.get("EMOBERT_ASR"),
        metadata={"help": "Folder or Hub id of a speech recogniser for sound without transcript; EMOBERT_ASR."},
    )
    chunk_length_s: float = field(
        default=10.0, metadata={"help": "Longer recordings get a timeline of windows of so many seconds."}
    )
    max_audio_seconds: float = field(default=600.0, metadata={"help": "Longer recordings are refused."})
    max_file_mb: float = field(default=50.0, metadata={"help": "Larger files are refused, in millions of bytes."})
    max_uploads_mb: float = field(
        default=2000.0,
        metadata={"help": "Of more in all, in millions of bytes, the oldest uploads and pictures are deleted."},
    )
    max_text_length: int = field(default=5000, metadata={"help": "Longer texts are refused, in characters."})
    max_batch_size: int = field(default=16, metadata={"help": "Most requests of programs predicted at a time."})
    forward_batch_size: int | None = field(
        default=None, metadata={"help": "How many of these the model sees in one pass; 4 on a CPU, all on a GPU."}
    )
    max_queue_size: int = field(default=200, metadata={"help": "Further requests are refused until some are done."})
    max_streams: int = field(default=32, metadata={"help": "Live connections at a time; more are refused."})
    max_stream_seconds: float = field(default=3600.0, metadata={"help": "A live connection is ended after that."})
    allowed_hosts: str = field(
        default="",
        metadata={"help": "Hosts with commas between them, from which POST /predict fetches an `address`; none."},
    )
    keep_files_seconds: int = field(default=3600, metadata={"help": "Uploads and pictures are deleted after that."})
    server_name: str | None = field(
        default=None, metadata={"help": "Address to listen on; GRADIO_SERVER_NAME or 127.0.0.1 if left out."}
    )
    server_port: int | None = field(
        default=None, metadata={"help": "Port; GRADIO_SERVER_PORT or the first free one from 7860 on if left out."}
    )

    def __post_init__(self):
        for name in (
            *("chunk_length_s", "max_audio_seconds", "max_file_mb", "max_text_length"),
            *("max_uploads_mb", "max_batch_size", "max_queue_size", "keep_files_seconds"),
            *("max_streams", "max_stream_seconds"),
        ):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be positive, got {getattr(self, name)}.")
