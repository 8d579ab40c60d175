"""The arguments of `emobert score`."""

from dataclasses import dataclass, field
from typing import ClassVar

from configuration_emo import check_whole


@dataclass
class ScoreArguments:
    """Predictions of any system, and what was right."""

    _argument_group_name: ClassVar[str] = "scoring"

    predictions: str = field(metadata={"help": "A .csv file with id, and prediction or a score for each label."})
    labels: str = field(metadata={"help": "A .csv file with id, and label or a column for each score."})
    task: str = field(metadata={"help": "Such as iemocap-4-class or mosi-score; emotion for labels of your own."})
    output_dir: str = field(metadata={"help": "Where metrics, predictions and plots are written."})
    split: str = field(default="test", metadata={"help": "Which split this is, for the record."})
    protocol: str = field(
        default="the utterances of the table of labels",
        metadata={"help": "How these were chosen, for the record."},
    )
    allow_missing: bool = field(
        default=False, metadata={"help": "Score the utterances of both tables, and tell how many the others are."}
    )
    groups: list[str] = field(
        default_factory=list,
        metadata={"help": "Kinds of groups to compare as well, columns of the labels: speaker, sex, length, snr."},
    )
    num_resamples: int = field(default=1000, metadata={"help": "Bootstrap resamples of the confidence intervals."})

    def __post_init__(self):
        check_whole("num_resamples", self.num_resamples)
