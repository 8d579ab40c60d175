"""The tasks of the table of corpora by name: which labels a corpus is scored on, whoever predicted them."""

from __future__ import annotations

import difflib
from dataclasses import dataclass

from configuration_emo.corpora import CORPORA
from configuration_emo.problem_types import PROBLEM_TYPES

from .label_maps import LABEL_MAPS, LabelMap, ScoreMap


# As the readers of the corpora give them.
DIMENSIONS = ("valence", "activation", "dominance")
MOSEI_EMOTIONS = ("happy", "sad", "anger", "surprise", "disgust", "fear")


@dataclass(frozen=True)
class ScoredTask:
    """What is predicted, and how it is scored.

    Args:
        name (`str`): of the task.
        corpus (`str`, *optional*): of the table of corpora.
        problem_type (`str`): one of `PROBLEM_TYPES`.
        names (`tuple[str, ...]`, *optional*): the labels in their order; None where the labels' table says them.
        label_map (`LabelMap` or `ScoreMap`, *optional*): from the corpus's own labels to these.
        label_range (`(float, float)`, *optional*): of scores.
        metrics (`str`, *optional*): the set of metrics, where it does not follow from `problem_type`.
    """

    name: str
    corpus: str | None
    problem_type: str
    names: tuple[str, ...] | None = None
    label_map: LabelMap | ScoreMap | None = None
    label_range: tuple[float, float] | None = None
    metrics: str | None = None


def scored_task_names() -> list[str]:
    """Every name that [`scored_task`] takes, but for the spellings of corpora with `-` in the place of `_`."""
    return list(_tasks())


def scored_task(name: str) -> ScoredTask:
    """A task by its name: corpus and label set (`iemocap-4-class`, `mosi-score`), a label map (`meld-7-class`), a name
    of metrics (`mosei_emotions`), or a kind of problem (`emotion`, `sentiment`, `dimensional`, `multi_label`,
    `one_vs_rest`), whose labels are those of the tables.

    Args:
        name (`str`): of the task; `-` and `_` are the same.

    Raises:
        ValueError: there is no such task.

    Example:
        >>> task = scored_task("iemocap-4-class")
        >>> task.problem_type, task.names
        ('single_label_classification', ('neutral', 'sad', 'angry', 'happy'))
        >>> scored_task("mosi-score").label_range
        (-3.0, 3.0)
    """
    tasks = {written.replace("_", "-"): task for written, task in _tasks().items()}
    found = tasks.get(name.replace("_", "-"))
    if found is None:
        close = difflib.get_close_matches(name, _tasks(), 3, 0.8)
        said = f": did you mean {' or '.join(close)}?" if close else f"; there are {', '.join(_tasks())}."
        raise ValueError(f"There is no task {name!r}{said}")
    return found


def _tasks() -> dict[str, ScoredTask]:
    kinds = {metrics: problem for problem in PROBLEM_TYPES.values() for metrics in reversed(problem.metrics)}
    kinds["emotion"] = PROBLEM_TYPES["single_label_classification"]
    tasks = {kind: ScoredTask(kind, None, problem.name, metrics=kind) for kind, problem in kinds.items()}
    for corpus in CORPORA.values():
        sets = {name: _of_label_set(corpus.name, name) for name in corpus.label_sets}
        for metrics, kind in corpus.metrics.items():
            problem_type = kinds[kind].name
            fitting = next((task for task in sets.values() if task.problem_type == problem_type), None)
            tasks[metrics] = ScoredTask(
                metrics,
                corpus.name,
                problem_type,
                None if fitting is None else fitting.names,
                None if fitting is None else fitting.label_map,
                corpus.score_range if kind in ("sentiment", "dimensional") else None,
                metrics,
            )
        for task in sets.values():
            tasks[task.name] = task
            map_name = corpus.label_sets[task.name.removeprefix(f"{corpus.name}-")].label_map
            if map_name is not None and not isinstance(task.label_map, ScoreMap):
                tasks.setdefault(map_name, task)
    return tasks


def _of_label_set(corpus_name: str, name: str) -> ScoredTask:
    corpus = CORPORA[corpus_name]
    task = f"{corpus_name}-{name}"
    if name == "vad":
        return ScoredTask(task, corpus_name, "regression", DIMENSIONS, None, corpus.score_range, "dimensional")
    if name == "score":
        return ScoredTask(task, corpus_name, "regression", None, None, corpus.score_range, "sentiment")
    if corpus_name == "mosei" and name == "emotions":
        return ScoredTask(task, corpus_name, "multi_label_classification", MOSEI_EMOTIONS, metrics="multi_label")
    map_name = corpus.label_sets[name].label_map
    label_map = None if map_name is None else LABEL_MAPS.get(map_name)
    names = None if label_map is None else label_map.names
    return ScoredTask(task, corpus_name, "single_label_classification", names, label_map, metrics="emotion")
