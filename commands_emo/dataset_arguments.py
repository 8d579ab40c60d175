"""A corpus by the names that Transformers' scripts have for it."""

from dataclasses import dataclass, field
from typing import Any, ClassVar


@dataclass(kw_only=True)
class DatasetArguments:
    """A corpus as `run_audio_classification.py` of Transformers names it."""

    _argument_group_name: ClassVar[str] = "dataset"

    dataset_name: str | None = field(
        default=None, metadata={"help": "A dataset of the Hub: short for --corpus hub --data_dir NAME."}
    )
    dataset_config_name: str | None = field(default=None, metadata={"help": "Its configuration."})
    train_split_name: str | None = field(default=None, metadata={"help": "Its split that becomes train."})
    eval_split_name: str | None = field(default=None, metadata={"help": "Its split that becomes validation."})
    audio_column_name: str | None = field(default=None, metadata={"help": "Column of the recordings."})
    label_column_name: str | None = field(default=None, metadata={"help": "Column of the labels."})

    def reader_options(self) -> dict[str, Any]:
        """What of this is given, as options of the corpus's reader.

        Raises:
            ValueError: one split is named and the other is not.
        """
        splits = {"train": self.train_split_name, "validation": self.eval_split_name}
        if (self.train_split_name is None) != (self.eval_split_name is None):
            raise ValueError(
                "train_split_name and eval_split_name go together: give both, or all three parts with "
                '--corpus_options \'{"splits": {"train": ..., "validation": ..., "test": ...}}\'.'
            )
        options = {
            "config": self.dataset_config_name,
            "splits": None if self.train_split_name is None else splits,
            "audio_column": self.audio_column_name,
            "label_column": self.label_column_name,
        }
        return {name: value for name, value in options.items() if value is not None}
