"""The arguments of `emobert search`: which options are tried, how often, and by which metric."""

from dataclasses import dataclass, field
from typing import ClassVar

from configuration_emo import as_mapping


@dataclass
class SearchArguments:
    """Options of training to choose between; all others stand in the file's section `train`."""

    _argument_group_name: ClassVar[str] = "search"

    output_dir: str = field(metadata={"help": "Gets search.db, trials.md and best.yaml."})
    space: dict | str | None = field(
        default=None,
        metadata={
            "help": 'By option a list of values, or {"low": 1e-5, "high": 1e-3, "log": true}; a mapping or JSON.'
        },
    )
    config_file: str | None = field(default=None, metadata={"help": "The file with the section train: the first."})
    num_trials: int = field(default=20, metadata={"help": "How many in all, those of earlier runs among them."})
    metric: str | None = field(
        default=None, metadata={"help": "Of validation; the headline of the kind of problem if left out, such as ua."}
    )
    direction: str = field(default="maximize", metadata={"help": "maximize or minimize."})
    sampler_seed: int = field(default=0, metadata={"help": "Decides what is tried."})

    def __post_init__(self):
        self.space = as_mapping(self.space)
        if not self.space:
            raise ValueError("space: there is nothing to search, name options with their values.")
        if self.num_trials < 1:
            raise ValueError(f"num_trials must be at least 1, got {self.num_trials}.")
        if self.direction not in ("maximize", "minimize"):
            raise ValueError(f"direction must be maximize or minimize, got {self.direction!r}.")
        for name, values in self.space.items():
            is_range = isinstance(values, dict) and {"low", "high"} <= set(values) <= {"low", "high", "log", "step"}
            if not (is_range or (isinstance(values, list) and values)):
                raise ValueError(f'space, {name}: give a list of values or {{"low": ..., "high": ...}}.')
