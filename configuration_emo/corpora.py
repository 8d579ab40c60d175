"""The corpora that this library knows: what each is, its labels, scores, metrics, published sizes and protocols.

A corpus is a row here and a reader, `preprocess/corpora/<name>.py`; reader, metrics and protocols look its facts up.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any


@dataclass(frozen=True)
class LabelSet:
    """One of the ways to label a corpus, which its reader takes as `label_set`.

    Args:
        label_map (`str`, *optional*): of `preprocess.LABEL_MAPS`, from the corpus's own labels; None leaves those.
        known_counts (`dict[str, int]`): published sizes, by what is counted: `all`, `split <name>`,
            `session <name>` or `label <name>`.
    """

    label_map: str | None = None
    known_counts: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Corpus:
    """One corpus.

    Args:
        name (`str`): of its reader.
        title (`str`): of the corpus, with its paper.
        obtained (`str`): where it comes from, and on what terms.
        label_sets (`dict[str, LabelSet]`): by the name of the reader's option.
        score_range (`(float, float)`, *optional*): smallest and largest score, where its labels are scores.
        metrics (`dict[str, str]`): set of metrics by the name of the task.
        protocols (`dict[str, dict]`): its published ones, with the options that they take for this corpus.
    """

    name: str
    title: str
    obtained: str
    label_sets: Mapping[str, LabelSet] = field(default_factory=dict)
    score_range: tuple[float, float] | None = None
    metrics: Mapping[str, str] = field(default_factory=dict)
    protocols: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def scale(self) -> tuple[float, float]:
        """The smallest and the largest score.

        Raises:
            ValueError: the corpus has no scores.
        """
        if self.score_range is None:
            raise ValueError(f"{self.name} has no scores, its labels are {', '.join(self.label_sets) or 'yours'}.")
        return self.score_range


# Poria et al., ACL 2019, table of the dataset's statistics.
_MELD_SPLITS = {"split train": 9989, "split validation": 1109, "split test": 2610}
# The standard folds over the 2199 opinion segments. Without the neutral ones (binary-non0) there are fewer.
_MOSI_SPLITS = {"split train": 1284, "split validation": 229, "split test": 686}
# The split column of MMSA's label.csv. Releases of the raw corpus differ by some hundreds.
_MOSEI_SPLITS = {"split train": 16326, "split validation": 1871, "split test": 4659}


def _sentiment(splits: Mapping[str, int]) -> dict[str, LabelSet]:
    """The label sets of a score of sentiment."""
    return {
        "score": LabelSet(None, splits),
        "binary-has0": LabelSet("score-binary-has0", splits),
        "binary-non0": LabelSet("score-binary-non0"),
        "7-class": LabelSet("score-7-class", splits),
    }


CORPORA: Mapping[str, Corpus] = MappingProxyType(
    {
        corpus.name: corpus
        for corpus in (
            Corpus("csv", "Tables of your own, or a dataset of the Hugging Face Hub", "yours"),
            Corpus(
                "emodb",
                "EmoDB, the Berlin database of emotional speech (Burkhardt et al., Interspeech 2005)",
                "emodb.bilderbar.info, free",
                label_sets={
                    # As published with the corpus.
                    "7-class": LabelSet(
                        "emodb-7-class",
                        {
                            "all": 535,
                            **{"label anger": 127, "label boredom": 81, "label disgust": 46, "label fear": 69},
                            **{"label happiness": 71, "label sadness": 62, "label neutral": 79},
                        },
                    ),
                    "all": LabelSet(),
                },
                metrics={"emodb": "emotion"},
                # All actors speak the same ten sentences.
                protocols={"leave-one-speaker-out": {"allow": ("text",)}},
            ),
            Corpus(
                "iemocap",
                "IEMOCAP (Busso et al., Language Resources and Evaluation 2008)",
                "sail.usc.edu/iemocap, on request, for research",
                label_sets={
                    # The usual subset of the full release, see for example arXiv 2008.06682 and SUPERB's emotion task.
                    "4-class": LabelSet(
                        "iemocap-4-class",
                        {
                            "all": 5531,
                            **{"session Ses01": 1085, "session Ses02": 1023, "session Ses03": 1151},
                            **{"session Ses04": 1031, "session Ses05": 1241},
                            **{"label neutral": 1708, "label sad": 1084, "label angry": 1103, "label happy": 1636},
                        },
                    ),
                    # The other codes of the release: 7380 turns in six classes, 10039 with every code and those
                    # without agreement.
                    "6-class": LabelSet(
                        "iemocap-6-class",
                        {
                            "all": 7380,
                            **{"label happy": 595, "label sad": 1084, "label neutral": 1708},
                            **{"label angry": 1103, "label excited": 1041, "label frustrated": 1849},
                        },
                    ),
                    "all": LabelSet(),
                    "vad": LabelSet(None, {"all": 10039}),
                },
                score_range=(1.0, 5.0),
                metrics={
                    "iemocap": "emotion",
                    "iemocap_dimensional": "dimensional",
                    "iemocap_one_vs_rest": "one_vs_rest",
                },
                protocols={
                    "leave-one-session-out": {"allow": ("text",)},
                    # arXiv 2008.06682.
                    "paper-session-split": {
                        "train_sessions": ("Ses01", "Ses02", "Ses03"),
                        "validation_sessions": ("Ses04",),
                        "test_sessions": ("Ses05",),
                        "allow": ("text",),
                    },
                },
            ),
            Corpus("manifest", "The data files of the original system (arXiv 2008.06682)", "yours"),
            Corpus(
                "meld",
                "MELD (Poria et al., ACL 2019)",
                "github.com/declare-lab/MELD",
                label_sets={
                    "emotion": LabelSet("meld-7-class", _MELD_SPLITS),
                    "sentiment": LabelSet("meld-sentiment", _MELD_SPLITS),
                },
                metrics={"meld": "emotion"},
                # The six leads speak in all of its splits.
                protocols={"official-split": {"allow": ("speaker", "text")}},
            ),
            Corpus(
                "mosei",
                "CMU-MOSEI (Zadeh et al., ACL 2018)",
                "github.com/CMU-MultiComp-Lab/CMU-MultimodalSDK, for research",
                label_sets={**_sentiment(_MOSEI_SPLITS), "emotions": LabelSet()},
                score_range=(-3.0, 3.0),
                metrics={"mosei": "sentiment", "mosei_emotions": "multi_label"},
                protocols={"official-split": {"allow": ("text",)}},
            ),
            Corpus(
                "mosi",
                "CMU-MOSI (Zadeh et al., IEEE Intelligent Systems 2016)",
                "github.com/CMU-MultiComp-Lab/CMU-MultimodalSDK, for research",
                label_sets=_sentiment(_MOSI_SPLITS),
                score_range=(-3.0, 3.0),
                metrics={"mosi": "sentiment"},
                protocols={"official-split": {"allow": ("text",)}},
            ),
            Corpus(
                "spoken_sentiment",
                "Rated tweets (Hutto and Gilbert, ICWSM 2014), read aloud by synthetic voices",
                "made from vaderSentiment 3.3.2, MIT licence",
                score_range=(-4.0, 4.0),
                metrics={"spoken_sentiment": "sentiment"},
                # Every voice is in every split.
                protocols={"official-split": {"allow": ("speaker",)}},
            ),
        )
    }
)


def corpus_of_task(task: str | None) -> Corpus | None:
    """The corpus whose metrics go by this name (`mosei_emotions` is of `mosei`), None where no corpus's do."""
    return next((corpus for corpus in CORPORA.values() if task in corpus.metrics), None)
