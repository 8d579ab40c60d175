"""The table of corpora against the readers, label maps, metrics and protocols that it names."""

import importlib
import inspect

import pytest
from datasets import Dataset, DatasetDict

from configuration_emo import EmoBertConfig
from configuration_emo.corpora import CORPORA, corpus_of_task
from configuration_emo.problem_types import PROBLEM_TYPES
from modeling_emo import compute_metrics_for
from preprocess import LABEL_MAPS, make_folds


CORPUS_ROWS = pytest.mark.parametrize("corpus", CORPORA.values(), ids=CORPORA)


@CORPUS_ROWS
def test_the_reader_takes_the_label_sets(corpus):
    parameters = inspect.signature(importlib.import_module(f"preprocess.corpora.{corpus.name}").read).parameters
    assert ("label_set" in parameters) == bool(corpus.label_sets)
    if corpus.label_sets:
        assert parameters["label_set"].default == next(iter(corpus.label_sets))


@CORPUS_ROWS
def test_label_maps_exist_and_counts_add_up(corpus):
    for label_set in corpus.label_sets.values():
        assert label_set.label_map is None or label_set.label_map in LABEL_MAPS
        counts = label_set.known_counts
        for kind in ("session", "label"):
            of_kind = {name: count for name, count in counts.items() if name.startswith(f"{kind} ")}
            assert not of_kind or sum(of_kind.values()) == counts["all"]
        for name in counts:
            kind, _, label = name.partition(" ")
            assert kind in ("all", "split", "session", "label")
            assert kind != "label" or label in LABEL_MAPS[label_set.label_map].names


@CORPUS_ROWS
def test_every_task_can_be_computed_for_some_model(corpus):
    for task, metrics in corpus.metrics.items():
        assert corpus_of_task(task) is corpus
        problems = [problem for problem in PROBLEM_TYPES.values() if metrics in problem.metrics]
        config = EmoBertConfig(problem_type=problems[0].name, num_labels=1 if metrics == "sentiment" else 2)
        assert callable(compute_metrics_for(config, task))


@CORPUS_ROWS
def test_protocols_run_with_their_options(corpus):
    """On speakers, sessions and texts that overlap as the corpus's do."""
    rows = [
        {"id": f"{session}{speaker}{split}", "session": session, "speaker": f"{session}{speaker}", "text": "Hello."}
        for session in ("Ses01", "Ses02", "Ses03", "Ses04", "Ses05")
        for speaker in "FM"
        for split in ("train", "validation", "test")
    ]
    splits = DatasetDict(
        {
            split: Dataset.from_list([row for row in rows if row["id"].endswith(split)])
            for split in ("train", "validation", "test")
        }
    )
    for name, options in corpus.protocols.items():
        if name == "official-split":
            options = {**options, "allow": (*options["allow"], "speaker", "text")}
        assert len(make_folds(splits, name, **options)) in (1, 5, 10)


def test_scales():
    assert {name: corpus.score_range for name, corpus in CORPORA.items() if corpus.score_range} == {
        "iemocap": (1.0, 5.0),
        "mosei": (-3.0, 3.0),
        "mosi": (-3.0, 3.0),
        "spoken_sentiment": (-4.0, 4.0),
    }
    with pytest.raises(ValueError, match="emodb has no scores, its labels are 7-class, all"):
        CORPORA["emodb"].scale()
    assert corpus_of_task("mosei_emotions") is CORPORA["mosei"]
    assert corpus_of_task(None) is None and corpus_of_task("emotion") is None
