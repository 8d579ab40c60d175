"""Where a user's copy of a corpus, or what was read of it, differs from its published size."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from configuration_emo.corpora import CORPORA

from ...schema import COUNTS_DIFFER, CorpusReading, Problem


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
    published = CORPORA[corpus].label_sets[label_set].known_counts
    counts = count_utterances(reading)
    differences = [
        f"{what}: {counts[what]} where {known} are published"
        for what, known in published.items()
        if counts[what] != known
    ]
    if differences:
        reason = f"{COUNTS_DIFFER}: {'; '.join(differences)}"
        reading.problems.append(Problem(corpus, str(data_dir), reason, kept=True))
    return reading


def count_utterances(reading: CorpusReading) -> Counter[str]:
    """Utterances in all and by split, session and named label, keyed as `LabelSet.known_counts` is."""
    counts: Counter[str] = Counter()
    for split, utterances in reading.splits.items():
        for utterance in utterances:
            counts.update(["all", f"split {split}", f"session {utterance.session}"])
            if isinstance(utterance.label, str):
                counts[f"label {utterance.label}"] += 1
    return counts
