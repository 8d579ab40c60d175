"""Published sizes of the corpora, to name where a user's copy or a reader differs from them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from ...data_report.report import COUNTS_DIFFER
from ...schema import CorpusReading, Problem


_MELD_SPLITS = {"split train": 9989, "split validation": 1109, "split test": 2610}
_MOSI_SPLITS = {"split train": 1284, "split validation": 229, "split test": 686}
_MOSEI_SPLITS = {"split train": 16326, "split validation": 1871, "split test": 4659}

# What is counted is one of: "all", "split <name>", "session <name>", "label <name>".
KNOWN_COUNTS: dict[tuple[str, str], dict[str, int]] = {
    # The usual subset of the full release, see for example arXiv 2008.06682 and SUPERB's emotion task.
    ("iemocap", "4-class"): {
        "all": 5531,
        **{"session Ses01": 1085, "session Ses02": 1023, "session Ses03": 1151},
        **{"session Ses04": 1031, "session Ses05": 1241},
        **{"label neutral": 1708, "label sad": 1084, "label angry": 1103, "label happy": 1636},
    },
    # The other codes of the release: 7380 turns in six classes, 10039 with every code and those without agreement.
    ("iemocap", "6-class"): {
        "all": 7380,
        **{"label happy": 595, "label sad": 1084, "label neutral": 1708},
        **{"label angry": 1103, "label excited": 1041, "label frustrated": 1849},
    },
    ("iemocap", "vad"): {"all": 10039},
    # Poria et al., ACL 2019, table of the dataset's statistics.
    **{("meld", label_set): _MELD_SPLITS for label_set in ("emotion", "sentiment")},
    # The standard folds over the 2199 opinion segments. Without the neutral ones (binary-non0) there are fewer.
    **{("mosi", label_set): _MOSI_SPLITS for label_set in ("score", "binary-has0", "7-class")},
    # The split column of MMSA's label.csv. Releases of the raw corpus differ by some hundreds.
    **{("mosei", label_set): _MOSEI_SPLITS for label_set in ("score", "binary-has0", "7-class")},
    # Burkhardt et al., Interspeech 2005, as published.
    ("emodb", "7-class"): {
        "all": 535,
        **{"label anger": 127, "label boredom": 81, "label disgust": 46, "label fear": 69},
        **{"label happiness": 71, "label sadness": 62, "label neutral": 79},
    },
}


def note_known_counts(reading: CorpusReading, corpus: str, label_set: str, data_dir: str | Path) -> CorpusReading:
    """Adds one `Problem` (`kept`: a warning) that names every published count from which this reading differs.

    Args:
        reading (`CorpusReading`): the problem is appended to it.
        corpus (`str`): the reader's name.
        label_set (`str`): the reader's option; without published counts for it nothing is added.
        data_dir (`str` or `Path`): the problem's place.

    Returns:
        `CorpusReading`: the same object.
    """
    counts = count_items(reading)
    differences = [
        f"{what}: {counts[what]} where {known} are published"
        for what, known in KNOWN_COUNTS.get((corpus, label_set), {}).items()
        if counts[what] != known
    ]
    if differences:
        reason = f"{COUNTS_DIFFER}: {'; '.join(differences)}"
        reading.problems.append(Problem(corpus, str(data_dir), reason, kept=True))
    return reading


def count_items(reading: CorpusReading) -> Counter[str]:
    """Utterances in all and by split, session and named label, keyed as `KNOWN_COUNTS` is."""
    counts: Counter[str] = Counter()
    for split, utterances in reading.splits.items():
        for utterance in utterances:
            counts.update(["all", f"split {split}", f"session {utterance.session}"])
            if isinstance(utterance.label, str):
                counts[f"label {utterance.label}"] += 1
    return counts
