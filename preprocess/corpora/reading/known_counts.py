"""Where a user's copy of a corpus, or what was read of it, differs from its published size."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from configuration_emo.corpora import CORPORA

from ...schema import COUNTS_DIFFER, CorpusReading, Problem


def note_known_counts(
    reading: CorpusReading,
    corpus: str,
    label_set: str,
    data_dir: str | Path,
    *,
    published: Mapping[str, int] | None = None,
) -> CorpusReading:
    """Adds one `Problem` (`kept`: a warning) that names every published count from which this reading differs.

    Args:
        reading (`CorpusReading`): the problem is appended to it.
        corpus (`str`): the reader's name.
        label_set (`str`): the reader's option; without published counts for it nothing is added.
        data_dir (`str` or `Path`): the problem's place.
        published (`dict[str, int]`, *optional*): other counts than those of the label set, where a part was read.

    Returns:
        `CorpusReading`: the same object.
    """
    if published is None:
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
    """Utterances in all and by split, session and named label, and speakers, keyed as `LabelSet.known_counts` is."""
    counts: Counter[str] = Counter()
    for split, utterances in reading.splits.items():
        for utterance in utterances:
            counts.update(["all", f"split {split}", f"session {utterance.session}"])
            if isinstance(utterance.label, str):
                counts[f"label {utterance.label}"] += 1
    rows = [utterance for utterances in reading.splits.values() for utterance in utterances]
    counts["speakers"] = len({utterance.speaker for utterance in rows if utterance.speaker is not None})
    return counts
