"""The table of corpora against the readers, label maps, metrics and protocols that it names."""

import inspect
import re
from pathlib import Path

import numpy as np
import pytest
from datasets import Dataset, DatasetDict

from configuration_emo import EmoBertConfig
from configuration_emo.corpora import CORPORA, corpus_of_task
from configuration_emo.problem_types import PROBLEM_TYPES
from modeling_emo import compute_metrics_for
from preprocess import LABEL_MAPS, PROTOCOLS, make_folds
from preprocess.corpora.loading import corpus_reader


CORPUS_ROWS = pytest.mark.parametrize("corpus", CORPORA.values(), ids=CORPORA)


@CORPUS_ROWS
def test_the_reader_takes_the_label_sets(corpus):
    parameters = inspect.signature(corpus_reader(corpus.name)).parameters
    assert ("label_set" in parameters) == bool(corpus.label_sets)
    if corpus.files is not None:
        assert parameters["label_set"].default is None  # the first
    elif corpus.label_sets:
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
            assert kind in ("all", "speakers", "split", "session", "label")
            assert kind != "label" or label in LABEL_MAPS[label_set.label_map].names


def test_published_sizes():
    """MMSA's label.csv of CMU-MOSEI and CMU-MOSI (22,856 and 2,199 segments), and MELD's table of statistics."""
    sizes = {
        "mosei": {"split train": 16326, "split validation": 1871, "split test": 4659},
        "mosi": {"split train": 1284, "split validation": 229, "split test": 686},
        "meld": {"split train": 9989, "split validation": 1109, "split test": 2610},
    }
    assert {name: sum(counts.values()) for name, counts in sizes.items()} == {
        **{"mosei": 22856, "mosi": 2199, "meld": 13708}
    }
    for name, counts in sizes.items():
        stated = [label_set.known_counts for label_set in CORPORA[name].label_sets.values() if label_set.known_counts]
        assert stated and all(dict(one) == counts for one in stated)


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
    for name, options in corpus.protocols.items():
        speakers = [f"Ses{session:02d}{gender}" for session in range(1, 6) for gender in "FM"]
        if name in corpus.folds:
            folds = corpus.folds[name]
            speakers = [*(speaker for test in folds.tests for speaker in test), *folds.validation, "another"]
            speakers = speakers if folds.validation else speakers[:-1]
        rows = [
            # The corpus `several` has the corpus in its ids: here two, of five speakers each.
            {
                "id": f"{speaker[-1]}/{speaker}{split}",
                "session": speaker[:5],
                "speaker": speaker,
                "text": "Hello.",
                "label": "sad",
            }
            for speaker in speakers
            for split in ("train", "validation", "test")
        ]
        splits = DatasetDict(
            {
                split: Dataset.from_list([row for row in rows if row["id"].endswith(split)])
                for split in ("train", "validation", "test")
            }
        )
        allow = (*options.get("allow", ()), "text", *(["speaker"] if name == "official-split" else []))
        expected = len(corpus.folds[name].tests) if name in corpus.folds else (1, 5, 10, 12)
        assert len(make_folds(splits, name, **{**options, "allow": allow})) in np.atleast_1d(expected)


@CORPUS_ROWS
def test_published_folds_are_listed_among_the_protocols_and_place_nobody_twice(corpus):
    assert set(corpus.folds) <= set(corpus.protocols)
    for folds in corpus.folds.values():
        placed = [*(group for test in folds.tests for group in test), *folds.validation]
        assert len(placed) == len(set(placed))
        assert not folds.validation or len(folds.tests) == 1
    assert set(corpus.leaking_folds) & set(PROTOCOLS) == set()


@pytest.mark.parametrize("corpus", [row for row in CORPORA.values() if row.files], ids=lambda row: row.name)
def test_what_file_names_say(corpus):
    files = corpus.files
    found = re.search(files.pattern + "$", files.example.rpartition(".")[0], re.IGNORECASE)
    groups = set(re.compile(files.pattern).groupindex)
    assert found and {"speaker", "label"} <= groups
    assert groups >= {*files.values, *(group for required in files.parts.values() for group in required)}
    assert set(files.part_counts) <= set(files.parts)
    assert all(label_set.labels or label_set.label_map is None for label_set in corpus.label_sets.values())
    codes = {code.casefold() for label_set in corpus.label_sets.values() for code in label_set.labels or {}}
    assert found["label"].casefold() in codes
    assert all(table.label_set is None or table.label_set in corpus.label_sets for table in files.tables)


def test_scales():
    assert {name: corpus.score_range for name, corpus in CORPORA.items() if corpus.score_range} == {
        "iemocap": (1.0, 5.0),
        "mosei": (-3.0, 3.0),
        "mosi": (-3.0, 3.0),
        "msp_improv": (1.0, 5.0),
        "msp_podcast": (1.0, 7.0),
        "spoken_sentiment": (-4.0, 4.0),
    }
    with pytest.raises(ValueError, match="emodb has no scores, its labels are 7-class, all"):
        CORPORA["emodb"].scale()
    assert corpus_of_task("mosei_emotions") is CORPORA["mosei"]
    assert corpus_of_task(None) is None and corpus_of_task("emotion") is None


@CORPUS_ROWS
def test_the_docs_have_its_line(corpus):
    """With its label sets, parts and folds."""
    text = (Path(__file__).resolve().parents[2] / "docs" / "corpora.md").read_text(encoding="utf-8")
    table = text.split("## All of them")[1].split("##")[0]
    (line,) = [line for line in table.splitlines() if line.startswith(f"| `{corpus.name}` |")]
    parts = corpus.files.parts if corpus.files is not None else {}
    told = [name for name in (*corpus.label_sets, *parts, *corpus.folds) if f"`{name}`" not in line]
    assert told == []
    assert line.count("|") == 6 and line.split("|")[5].strip()
    if corpus.files is not None:
        assert f"\n| `{corpus.name}` | `" in text.split("## Corpora that are coded")[1]
