"""The arguments of many runs: cross-validation, and training and testing across corpora."""

from dataclasses import dataclass, field
from typing import ClassVar

from configuration_emo import as_mapping


@dataclass(kw_only=True)
class RunsArguments:
    """Folds x seeds; how each is prepared, trained and evaluated stands in the file's other sections."""

    _argument_group_name: ClassVar[str] = "runs"

    output_dir: str = field(metadata={"help": "Where runs and results are written."})
    config_file: str | None = field(
        default=None, metadata={"help": "The file with the sections prepare, train and evaluate: the first argument."}
    )
    protocol_options: dict | str | None = field(
        default=None, metadata={"help": "Options of the protocol and `allow`, as a mapping or JSON."}
    )
    seeds: list[int] = field(default_factory=lambda: [0], metadata={"help": "Training seeds; each runs every fold."})
    data_dir: str | None = field(
        default=None, metadata={"help": "Folder of the raw corpus, if not the one of the section prepare."}
    )
    train_options: dict | str | None = field(
        default=None, metadata={"help": "Values that win over the section train, as a mapping or JSON."}
    )
    evaluate_options: dict | str | None = field(
        default=None, metadata={"help": "Values that win over the section evaluate, as a mapping or JSON."}
    )
    num_workers: int | None = field(
        default=None, metadata={"help": "Runs at a time; one per core if left out, one in all where there is a GPU."}
    )
    keep_models: bool = field(default=False, metadata={"help": "Keep the weights of every run."})
    redo: bool = field(default=False, metadata={"help": "Do finished runs again whose configuration has changed."})

    def __post_init__(self):
        self.protocol_options = as_mapping(self.protocol_options)
        self.train_options = as_mapping(self.train_options)
        self.evaluate_options = as_mapping(self.evaluate_options)
        if not self.seeds or len(set(self.seeds)) < len(self.seeds):
            raise ValueError(f"seeds must be one or more different numbers, got {self.seeds}.")
        if self.num_workers is not None and self.num_workers < 1:
            raise ValueError(f"num_workers must be at least 1, got {self.num_workers}.")


@dataclass(kw_only=True)
class CrossValidationArguments(RunsArguments):
    """Folds x seeds of a protocol."""

    _argument_group_name: ClassVar[str] = "cross-validation"

    protocol: str = field(metadata={"help": "One of preprocess.PROTOCOLS."})
    folds: list[str] | None = field(default=None, metadata={"help": "Only these folds; all if left out."})
    probe: bool = field(
        default=False, metadata={"help": "Add a logistic regression on one frozen layer of the speech encoder."}
    )
    ensemble: bool = field(
        default=False, metadata={"help": "Add the mean of the probabilities of each fold's seeds, as one model."}
    )

    def __post_init__(self):
        super().__post_init__()
        if self.ensemble and len(self.seeds) < 2:
            raise ValueError(f"--ensemble is of several seeds, got {self.seeds}: give two or more.")


@dataclass(kw_only=True)
class CrossCorpusArguments(RunsArguments):
    """Corpora x corpora x seeds; `protocol_options` are those of the protocol `cross-corpus`."""

    _argument_group_name: ClassVar[str] = "cross-corpus"
