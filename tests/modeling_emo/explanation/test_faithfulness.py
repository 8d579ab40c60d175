"""The deletion test: passed by true explanations, failed by reversed and random ones, and exact on a known model."""

import numpy as np
import pytest

from modeling_emo.explanation.explain import explain_prediction
from modeling_emo.explanation.faithfulness import deletion_faithfulness, explained_values
from tests.planted_model import planted_model, planted_processor, planted_utterances
from tests.tiny import tiny_processor, tone
from tests.tiny_models import emobert


def given(rows, *names):
    return [{name: row[name] for name in names} for row in rows]


@pytest.fixture(scope="module")
def rows():
    return planted_utterances(10, seed=3)


@pytest.mark.parametrize(
    ("modality", "name", "removal"),
    [("text", "text", "drop"), ("text", "text", "mask"), ("speech", "audio", "silence"), ("speech", "audio", "cut")],
)
def test_explanations_of_a_trained_model_are_faithful(rows, modality, name, removal):
    result = deletion_faithfulness(
        planted_model(),
        planted_processor(),
        given(rows, name),
        modality=modality,
        removal=removal,
        share=0.1,
        num_draws=4,
    )
    assert (result.modality, result.removal, result.num_utterances) == (modality, removal, 10)
    assert result.top > 2  # log-odds
    assert result.difference == pytest.approx(result.top - result.random)
    assert result.interval[0] > 1.5
    assert result.interval[0] <= result.difference <= result.interval[1]
    assert result.wins >= 0.9


def test_reversed_values_are_not(rows):
    model, processor, utterances = planted_model(), planted_processor(), given(rows, "text")
    explanations = [explain_prediction(model, processor, row) for row in utterances]
    options = {"modality": "text", "share": 0.1, "num_draws": 4, "explanations": explanations}
    reversed_values = deletion_faithfulness(
        model,
        processor,
        utterances,
        ranking=lambda explanation, utterance: [-word.attribution for word in explanation.words],
        **options,
    )
    assert reversed_values.difference < 0
    assert reversed_values.wins <= 0.5


def test_what_is_deleted_is_what_the_numbers_say(rows):
    """Against deleting by hand."""
    model, processor, row = planted_model(), planted_processor(), rows[0]
    explanation = explain_prediction(model, processor, {"text": row["text"]})
    words = row["text"].split()
    label = list(model.config.id2label.values()).index(row["label"])
    falls = [
        explanation.value
        - explained_values(model, processor, [{"text": " ".join(words[:index] + words[index + 1 :])}], label=label)[0]
        for index in range(len(words))
    ]
    many, one = (
        deletion_faithfulness(model, processor, [{"text": row["text"]}], modality="text", share=0.05, num_draws=draws)
        for draws in (400, 1)
    )
    assert many.top == pytest.approx(falls[row["word"]], abs=1e-4)
    assert many.random == pytest.approx(np.mean(falls), abs=0.4)
    assert one.random != pytest.approx(one.top)
    assert np.abs(np.array(falls) - one.random).min() < 1e-4  # a single random word


def test_a_cut_recording_is_shorter_and_a_silenced_one_is_not(rows):
    lengths = []

    class Watching:
        """The processor, noting the lengths of what it is given."""

        def __init__(self, processor):
            self.processor = processor

        def __getattr__(self, name):
            return getattr(self.processor, name)

        def __call__(self, **kwargs):
            lengths.append([len(sound) for sound in kwargs["audio"]])
            return self.processor(**kwargs)

    for removal, expected in (("silence", 16_000), ("cut", 12_800)):
        lengths.clear()
        deletion_faithfulness(
            planted_model(),
            Watching(planted_processor()),
            given(rows[:1], "audio"),
            modality="speech",
            removal=removal,
            num_draws=2,
        )
        assert lengths == [[16_000], [expected] * 3]


@pytest.mark.parametrize("sign", [1, -1])
def test_a_regression_is_tested_in_the_direction_of_its_words(sign):
    """Where all words together pull the score down, the top ones are those whose removal raises it."""
    model, processor = emobert(problem_type="regression", num_labels=1, text_pooling="mean"), tiny_processor()
    model.classifier.weight.data *= sign
    text = "how nice bad day what happy sad angry"
    explanation = explain_prediction(model, processor, {"text": text}, num_steps=100)
    values = np.array([word.attribution for word in explanation.words])
    direction = np.sign(values.sum())
    top = int(np.argmax(direction * values))
    words = text.split()
    without = explained_values(model, processor, [{"text": " ".join(words[:top] + words[top + 1 :])}], label=0)[0]
    result = deletion_faithfulness(model, processor, [{"text": text}], modality="text", share=0.1, num_steps=100)
    assert result.top == pytest.approx(direction * (explanation.value - without), abs=1e-4)


def test_the_seed_decides_the_draws(rows):
    utterances = given(rows[:4], "text")
    results = [
        deletion_faithfulness(
            planted_model(), planted_processor(), utterances, modality="text", num_draws=2, seed=seed
        ).to_dict()
        for seed in (0, 0, 1)
    ]
    assert results[0] == results[1]
    assert results[0]["top"] == results[2]["top"] and results[0]["random"] != results[2]["random"]


@pytest.mark.parametrize(
    ("utterances", "options", "message"),
    [
        ([{"text": "a day"}], {"modality": "video"}, "modality='video' must be one of text, speech"),
        ([{"text": "a day"}], {"modality": "text", "removal": "cut"}, "removal='cut' of text"),
        ([{"text": "a day"}], {"modality": "text", "share": 1.0}, "share=1.0"),
        ([{"text": "a day"}], {"modality": "text", "explanations": []}, "0 explanations of 1 utterances"),
        ([{"text": "day"}], {"modality": "text"}, "None of the 1 utterances has two units of text"),
        ([{"audio": "call.wav"}], {"modality": "speech"}, "audio of utterance 0 is str"),
        ([{"audio": tone(0.05)}], {"modality": "speech"}, "two units of speech"),
    ],
)
def test_what_cannot_be_tested_is_refused(utterances, options, message):
    with pytest.raises(ValueError, match=message):
        deletion_faithfulness(emobert("moonshine"), tiny_processor(), utterances, **options)
