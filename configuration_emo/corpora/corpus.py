"""What a row of the table of corpora holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class LabelSet:
    """One of the ways to label a corpus, which its reader takes as `label_set`.

    Args:
        label_map (`str`, *optional*): of `preprocess.LABEL_MAPS`, from the corpus's own labels; None leaves those.
        known_counts (`dict[str, int]`): published sizes, by what is counted: `all`, `speakers`, `split <name>`,
            `session <name>` or `label <name>`.
        labels (`dict[str, str]`, *optional*): the label map itself, from the corpus's own labels to names; what it
            does not list is left out. Without it `preprocess.LABEL_MAPS` holds the map by hand.
    """

    label_map: str | None = None
    known_counts: Mapping[str, int] = field(default_factory=dict)
    labels: Mapping[str, str] | None = None


@dataclass(frozen=True)
class SideTable:
    """A table that stands beside the recordings of a corpus and says more of them than their names do.

    Args:
        file (`str`): its name; it may be in any folder of the corpus.
        key (`str`): the column, in lower case with underscores, that says which recordings a row is about.
        by (`str`): what that column holds: `id` of the recording, or a group of the pattern such as `speaker`.
        columns (`dict[str, str]`): its column (written like `key`) for each thing told: `text`, `label`, or the name
            of a further column of the dataset.
        label_set (`str`, *optional*): it is read for this label set only, which cannot do without it.
    """

    file: str
    key: str
    by: str
    columns: Mapping[str, str]
    label_set: str | None = None


@dataclass(frozen=True)
class VoteTable:
    """A table beside the recordings with the annotators' votes for each label.

    Args:
        file (`str`): its name; it may be in any folder of the corpus.
        key (`str`): the column, in lower case with underscores, with the recording's id.
        columns (`dict[str, str]`): the column with the votes for each label.
        only (`(str, str)`, *optional*): a column, and a regular expression for its cell in the rows that count.
    """

    file: str
    key: str
    columns: Mapping[str, str]
    only: tuple[str, str] | None = None


@dataclass(frozen=True)
class FileNames:
    """What the names of a corpus's recordings say.

    Args:
        pattern (`str`): regular expression for the end of a recording's path, without suffix, with `/` between
            folders; upper and lower case are the same. Its group `label` is the corpus's own label; further ones are,
            as far as names tell, `speaker`, `sentence`, `session`, and those of `values` and of `parts`. What it
            matches, with `_` for `/`, is the utterance's id.
        example (`str`): such a path.
        folder (`str`, *optional*): the folder of the recordings inside the corpus's, where there is such a one.
        parts (`dict[str, dict[str, str]]`): what the reader's option `part` takes, the first by default: by the part's
            name, values that groups must have.
        part_counts (`dict[str, int]`): published sizes of parts; of the first one, `LabelSet` has them.
        values (`dict[str, dict[str, str]]`): groups that become columns, with the names of their codes.
        texts (`dict[str, str]`): sentences by the group `sentence`.
        text_template (`str`, *optional*): the text, with `{sentence}` for that group.
        text_beside (`bool`): the text is in a `.txt` file of the recording's name.
        genders (`dict[str, str]`): by speaker.
        misspelt (`dict[str, str]`): file names of the release that are written wrongly, and what they mean.
        suspects (`tuple[str, ...]`): ids of recordings that are known to be silent or broken: they are decoded in any
            case.
        seconds (`(float, float)`, *optional*): all recordings of the release are longer and shorter than that.
        own_folder (`str`, *optional*): regular expression for a folder's name with the group `speaker`: a recording in
            another speaker's folder is remarked on.
        tables (`tuple[SideTable, ...]`): tables beside the recordings.
        votes (`VoteTable`, *optional*): what the reader's option `votes` reads.
        beside (`tuple[str, ...]`): names of folders that hold the same recordings in another form (videos, mp3); they
            are passed over, with one remark each.
    """

    pattern: str
    example: str
    folder: str | None = None
    parts: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    part_counts: Mapping[str, int] = field(default_factory=dict)
    values: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    texts: Mapping[str, str] = field(default_factory=dict)
    text_template: str | None = None
    text_beside: bool = False
    genders: Mapping[str, str] = field(default_factory=dict)
    misspelt: Mapping[str, str] = field(default_factory=dict)
    suspects: tuple[str, ...] = ()
    seconds: tuple[float, float] | None = None
    own_folder: str | None = None
    tables: tuple[SideTable, ...] = ()
    votes: VoteTable | None = None
    beside: tuple[str, ...] = ()

    def has_texts(self) -> bool:
        """Whether the corpus tells what is said."""
        told = any("text" in table.columns for table in self.tables)
        return bool(self.texts) or self.text_template is not None or self.text_beside or told


@dataclass(frozen=True)
class PublishedFolds:
    """Folds that were published for a corpus, by who is tested.

    Args:
        tests (tuple of `tuple[str, ...]`): the tested groups of each fold.
        validation (`tuple[str, ...]`): the groups that validate, where that was published, too (with one fold).
        column (`str`): what the groups are, `speaker` or `session`.
    """

    tests: tuple[tuple[str, ...], ...]
    validation: tuple[str, ...] = ()
    column: str = "speaker"


@dataclass(frozen=True)
class Corpus:
    """One corpus.

    Args:
        name (`str`): by which it is read.
        title (`str`): of the corpus, with its paper.
        obtained (`str`): where it comes from, and on what terms.
        label_sets (`dict[str, LabelSet]`): by the name of the reader's option.
        score_range (`(float, float)`, *optional*): smallest and largest score, where its labels are scores.
        metrics (`dict[str, str]`): set of metrics by the name of the task.
        protocols (`dict[str, dict]`): its published ones, with the options that they take for this corpus.
        files (`FileNames`, *optional*): what the names of its recordings say, where they say all: it needs no reader
            of its own then.
        folds (`dict[str, PublishedFolds]`): its own protocols, by name.
        leaking_folds (`dict[str, str]`): names of published folds that have the same speakers in training and test,
            and how many; they are refused.
    """

    name: str
    title: str
    obtained: str
    label_sets: Mapping[str, LabelSet] = field(default_factory=dict)
    score_range: tuple[float, float] | None = None
    metrics: Mapping[str, str] = field(default_factory=dict)
    protocols: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    files: FileNames | None = None
    folds: Mapping[str, PublishedFolds] = field(default_factory=dict)
    leaking_folds: Mapping[str, str] = field(default_factory=dict)

    def scale(self) -> tuple[float, float]:
        """The smallest and the largest score.

        Raises:
            ValueError: the corpus has no scores.
        """
        if self.score_range is None:
            raise ValueError(f"{self.name} has no scores, its labels are {', '.join(self.label_sets) or 'yours'}.")
        return self.score_range
