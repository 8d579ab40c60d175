"""The corpora that this library knows: those coded in their file names, and those with a reader of their own.

The reader of a row without `files` is `preprocess/corpora/<name>.py`. Readers, metrics and protocols look their facts
up here.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from .coded_file_names import CODED_CORPORA
from .corpus import Corpus, LabelSet, PublishedFolds


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


# The codes of the MSP corpora.
_MSP_CODES = {
    **{"A": "angry", "S": "sad", "H": "happy", "U": "surprise", "F": "fear", "D": "disgust"},
    **{"C": "contempt", "N": "neutral", "O": "other", "X": "no agreement"},
}


def _letters(codes: str) -> dict[str, str]:
    """Some of the codes of the MSP corpora, in this order."""
    return {code: _MSP_CODES[code] for code in codes}


_WITH_READERS = (
    Corpus("csv", "Tables of your own, or a dataset of the Hugging Face Hub", "yours"),
    Corpus(
        "audiofolder",
        "A folder of your own with a folder for each label, or with metadata.csv, as `datasets` has it",
        "yours",
    ),
    Corpus(
        "esd",
        "ESD, the emotional speech database, Chinese and English (Zhou et al., Speech Communication 2022)",
        "github.com/HLTSingapore/Emotional-Speech-Data, on request, for research",
        label_sets={
            "5-class": LabelSet(
                "esd-5-class",
                {
                    **{"all": 35_000, "speakers": 20, "label angry": 7000, "label happy": 7000},
                    **{"label neutral": 7000, "label sad": 7000, "label surprise": 7000},
                },
                {name: name.lower() for name in ("Angry", "Happy", "Neutral", "Sad", "Surprise")},
            )
        },
        metrics={"esd": "emotion"},
        protocols={
            "leave-one-speaker-out": {"allow": ("text",)},
            "speaker-k-fold": {"allow": ("text",)},
            "esd-5": {"allow": ("text",)},
            # Its own split is by sentence: every speaker is in all parts.
            "official-split": {"allow": ("speaker", "text")},
        },
        folds={
            # EmoBox's, arXiv 2406.07162.
            "esd-5": PublishedFolds(
                (
                    *(("0005", "0011", "0016", "0018"), ("0012", "0014", "0015", "0019")),
                    *(("0003", "0004", "0006", "0009"), ("0007", "0008", "0013", "0020")),
                    ("0001", "0002", "0010", "0017"),
                )
            )
        },
    ),
    Corpus(
        "hub",
        "A dataset of the Hugging Face Hub, or one that was saved to a folder",
        "huggingface.co/datasets, on the terms of each",
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
        "msp_improv",
        "MSP-IMPROV (Busso et al., IEEE Transactions on Affective Computing 2017)",
        "ecs.utdallas.edu/research/researchlabs/msp-lab, on request, for research",
        label_sets={
            # Sizes are remembered, but for the speakers.
            "4-class": LabelSet("msp-improv-4-class", {"speakers": 12}, _letters("AHNS")),
            "vad": LabelSet(None, {"speakers": 12}),
        },
        score_range=(1.0, 5.0),
        metrics={"msp_improv": "emotion", "msp_improv_dimensional": "dimensional"},
        protocols={
            "leave-one-session-out": {"allow": ("text",)},
            "leave-one-speaker-out": {"allow": ("text",)},
        },
    ),
    Corpus(
        "msp_podcast",
        "MSP-Podcast (Lotfian and Busso, IEEE Transactions on Affective Computing 2019)",
        "ecs.utdallas.edu/research/researchlabs/msp-lab, on request, for research",
        # Sizes differ between its versions.
        label_sets={
            "8-class": LabelSet("msp-podcast-8-class", {}, _letters("ASHUFDCN")),
            "4-class": LabelSet("msp-podcast-4-class", {}, _letters("ASHN")),
            # With other, and where the annotators do not agree.
            "10-class": LabelSet("msp-podcast-10-class", {}, _letters("ASHUFDCNOX")),
            "vad": LabelSet(),
        },
        score_range=(1.0, 7.0),
        metrics={"msp_podcast": "emotion", "msp_podcast_dimensional": "dimensional"},
        protocols={"official-split": {"allow": ("text",)}},
    ),
    Corpus("several", "Several corpora as one, with one set of labels", "see each", protocols={"cross-corpus": {}}),
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

CORPORA: Mapping[str, Corpus] = MappingProxyType(
    {corpus.name: corpus for corpus in sorted((*CODED_CORPORA, *_WITH_READERS), key=lambda corpus: corpus.name)}
)


def corpus_of_task(task: str | None) -> Corpus | None:
    """The corpus whose metrics go by this name (`mosei_emotions` is of `mosei`), None where no corpus's do."""
    return next((corpus for corpus in CORPORA.values() if task in corpus.metrics), None)
