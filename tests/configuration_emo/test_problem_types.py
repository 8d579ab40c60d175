"""The table of problem types against what the rest of the library computes by it."""

import inspect

import numpy as np
import pytest
import torch

from configuration_emo import EmoBertConfig
from configuration_emo.hub_code import flat_sources
from configuration_emo.problem_types import PROBLEM_TYPES, get_problem_type
from modeling_emo import compute_metrics_for
from modeling_emo.evaluation.model_card import TO_SCORES
from modeling_emo.loss import LOSSES, emotion_loss
from modeling_emo.metrics.scores import predictions_to_scores, scores_to_labels, scores_to_logits
from preprocess import EmoBertDataCollator, LabelEncoder
from tests.tiny import tiny_processor


NAMES = {"angry": 0, "happy": 1, "sad": 2}
LABELS = {"index": "sad", "row": ["sad"], "scores": [0.5, -1.0, 2.0]}
ENCODED = {"index": 2, "row": [0, 0, 1], "scores": [0.5, -1.0, 2.0]}


@pytest.mark.parametrize("problem", PROBLEM_TYPES.values(), ids=PROBLEM_TYPES)
def test_labels_losses_scores_and_metrics_fit_together(problem):
    config = EmoBertConfig(problem_type=problem.name, id2label={index: name for name, index in NAMES.items()})
    encoder = LabelEncoder(problem.name, NAMES)
    encoded = encoder.encode(LABELS[problem.labels])
    assert encoded == ENCODED[problem.labels]
    batch = EmoBertDataCollator(tiny_processor(), problem_type=problem.name)(
        [{"input_ids": [1, 2], "labels": encoded}] * 2
    )
    assert batch["labels"].dtype == getattr(torch, problem.label_dtype)

    shape = (2, 3) if problem.logits_per_label == 1 else (2, 3, 2)
    assert config.num_logits == 3 * problem.logits_per_label
    logits = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    assert torch.isfinite(emotion_loss(batch["labels"], logits, config))

    scores = predictions_to_scores(logits.numpy(), config)
    assert scores.shape == (2, 3)
    assert (((scores > 0) & (scores < 1)).all() and problem.has_classes) or not problem.has_classes
    np.testing.assert_allclose(predictions_to_scores(scores_to_logits(scores, config), config), scores, atol=1e-12)
    shown = eval(f"logits{TO_SCORES[problem.activation]}", {"logits": logits.double()})
    np.testing.assert_allclose(shown.numpy(), scores, atol=1e-12)
    assert (np.allclose(scores.sum(1), 1) and problem.is_exclusive) or not problem.is_exclusive

    kinds = {"most_probable": str, "probable": list, "scores": list}
    assert isinstance(scores_to_labels(scores, config)[0], kinds[problem.predicts])
    for task in (None, *problem.metrics):
        if task != "sentiment":
            assert compute_metrics_for(config, task) is not None


def test_class_weights_smoothing_and_ranges_apply_where_the_table_says_so():
    for problem in PROBLEM_TYPES.values():
        for options in ({"class_weights": [1.0, 2.0]}, {"label_smoothing": 0.1}):
            if problem.has_classes:
                EmoBertConfig(problem_type=problem.name, num_labels=2, **options)
                continue
            with pytest.raises(ValueError, match=f"not apply to problem_type='{problem.name}'"):
                EmoBertConfig(problem_type=problem.name, num_labels=2, **options)


def test_every_type_has_a_loss_and_a_headline_among_its_metrics():
    assert set(LOSSES) == set(PROBLEM_TYPES)
    headlines = {name: problem.headline for name, problem in PROBLEM_TYPES.items()}
    assert headlines == {
        "single_label_classification": "ua",
        "multi_label_classification": "macro_f1",
        "regression": "corr",
        "one_vs_rest_classification": "mean_wf1",
    }


@pytest.mark.parametrize("name", [None, "emotion"])
def test_an_unknown_type_is_named(name):
    with pytest.raises(ValueError, match=f"must be one of {', '.join(PROBLEM_TYPES)}, got {name!r}"):
        get_problem_type(name)


def test_the_table_is_saved_beside_a_model():
    assert "problem_types" in flat_sources(inspect.getfile(EmoBertConfig))
