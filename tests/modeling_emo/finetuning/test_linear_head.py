"""The last layer in closed form."""

import numpy as np
import pytest
import torch

from modeling_emo import fit_linear_head, fit_speaker_statistics
from modeling_emo.finetuning.ridge import choose_ridge, fit_ridge
from tests.tiny_models import emobert


def batches(labels, seed=0, rows=24):
    """Rows whose speech leans on the label, in batches of different lengths."""
    generator = torch.Generator().manual_seed(seed)
    found = []
    for start in range(0, rows, 8):
        length = 5 + start
        some = labels[start : start + 8]
        speech = torch.randn(8, length, 32, generator=generator)
        speech[:, :, 0] += some[:, None].float()
        text = torch.randn(8, 4, 32, generator=generator)
        found.append({"encoded_text": text, "encoded_speech": speech, "labels": some})
    return found


LABELS = torch.arange(24) % 3
SPEAKERS = [f"{row // 6}" for row in range(24)]
OPTIONS = {"fusion": "shallow", "text_pooling": "mean", "speech_pooling": "mean"}


@torch.no_grad()
def test_scores_are_those_of_the_regression():
    model, rows = emobert("wavlm", **OPTIONS), batches(LABELS)
    text = torch.cat([batch["encoded_text"].mean(1) for batch in rows]).double().numpy()
    speech = torch.cat([batch["encoded_speech"].mean(1) for batch in rows]).double().numpy()
    features, present = {"text": text, "speech": speech}, dict.fromkeys(("text", "speech"), np.ones(24, bool))
    targets = np.eye(3)[LABELS]
    choice = choose_ridge(features, present, targets, np.ones(24), SPEAKERS)
    ridge = fit_ridge(features, present, targets, np.ones(24), choice.shares, [choice.penalty])[0]

    head = fit_linear_head(model, rows, SPEAKERS)
    assert (head.penalty, head.shares) == (choice.penalty, choice.shares)
    assert head.error == pytest.approx(choice.error)
    logits = torch.cat([model(**batch).logits for batch in rows])
    expected = head.sharpness * ridge.predict(features, present)
    torch.testing.assert_close(logits.double(), torch.from_numpy(expected), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("pooling", ["mean", "mean_std", "quantiles"])
@torch.no_grad()
def test_a_missing_modality_says_nothing(pooling):
    model, rows = emobert("wavlm", **{**OPTIONS, "speech_pooling": pooling, "text_pooling": pooling}), batches(LABELS)
    fit_linear_head(model, rows, SPEAKERS)
    batch = rows[0]
    text_only = model(encoded_text=batch["encoded_text"]).logits
    speech_only = model(encoded_speech=batch["encoded_speech"]).logits
    both = model(encoded_text=batch["encoded_text"], encoded_speech=batch["encoded_speech"]).logits
    # Each adds its part to what is predicted without any.
    prior = model.classifier.bias + model.classifier.weight @ torch.cat(
        [
            getattr(model.emobert, f"{side}_pooling")(*getattr(model.emobert, f"{side}_stand_in").sequence(1))[0]
            for side in ("text", "speech")
        ]
    )
    torch.testing.assert_close(text_only + speech_only - prior, both, atol=1e-4, rtol=1e-4)
    classes = torch.bincount(LABELS) / 24
    torch.testing.assert_close(prior - prior.mean(), torch.zeros(3), atol=1e-3, rtol=0)
    assert classes.unique().numel() == 1  # all alike: the prior prefers none


@torch.no_grad()
def test_a_text_that_says_nothing_changes_nothing():
    model, rows = emobert("wavlm", **OPTIONS), batches(LABELS)
    head = fit_linear_head(model, rows, SPEAKERS)
    assert head.shares == {"text": 0.0, "speech": 1.0}
    for batch in rows:
        alone = model(encoded_speech=batch["encoded_speech"]).logits
        torch.testing.assert_close(model(**batch).logits, alone, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("pooling", ["mean", "quantiles"])
@torch.no_grad()
def test_fusion_of_two_halves_is_better_than_each(pooling):
    """Four classes: the voice tells the lower bit, the text the upper one. Tested on speakers that it never heard."""

    def planted(seed, offset):
        labels = torch.arange(48) % 4
        generator = torch.Generator().manual_seed(seed)
        speech, text = (torch.randn(48, length, 32, generator=generator) for length in (9, 5))
        speech += torch.randn(32, generator=generator) * offset  # how this speaker sounds
        speech[:, :, 0] += (5 * (labels % 2))[:, None]
        text[:, :, 1] += (5 * (labels // 2))[:, None]
        return {"encoded_text": text, "encoded_speech": speech, "labels": labels}

    options = {**OPTIONS, "speech_pooling": pooling, "num_labels": 4}
    train, tested = [planted(seed, 0.3) for seed in range(6)], [planted(seed, 0.3) for seed in range(6, 9)]
    speakers = [seed for seed in range(6) for _ in range(48)]

    def accuracy(*names):
        model = emobert("wavlm", **options)
        kept = [{name: batch[name] for name in (*names, "labels")} for batch in train]
        head = fit_linear_head(model, kept, speakers)
        right = [
            model(**{name: batch[name] for name in names}).logits.argmax(-1) == batch["labels"] for batch in tested
        ]
        return torch.cat(right).float().mean().item(), head.shares

    both, shares = accuracy("encoded_text", "encoded_speech")
    assert both > 0.8 and min(shares.values()) > 0
    assert accuracy("encoded_text")[0] < 0.6 and accuracy("encoded_speech")[0] < 0.6


@torch.no_grad()
def test_class_weights_and_missing_labels_count():
    model, rows = emobert("wavlm", **OPTIONS, class_weights=[1.0, 2.0, 5.0]), batches(LABELS)
    rows[0]["labels"] = torch.tensor([0, 1, 2, -100, -100, 2, 0, 1])
    head = fit_linear_head(model, rows, SPEAKERS)
    kept = torch.cat([batch["labels"] for batch in rows]) != -100
    labels = torch.cat([batch["labels"] for batch in rows])[kept]
    speech = torch.cat([batch["encoded_speech"].mean(1) for batch in rows])[kept].double().numpy()
    weights = np.array([1.0, 2.0, 5.0])[labels]
    weights /= weights.mean()
    speakers = np.array(SPEAKERS)[kept.numpy()]
    choice = choose_ridge(
        {"speech": speech}, {"speech": np.ones(len(labels), bool)}, np.eye(3)[labels], weights, speakers
    )
    assert head.errors["speech"] == pytest.approx(choice.error)


@torch.no_grad()
def test_scores_of_a_regression_are_not_sharpened():
    model = emobert("wavlm", **OPTIONS, num_labels=1, problem_type="regression")
    rows = batches(LABELS)
    for batch in rows:
        batch["labels"] = batch["labels"].float() * 2 - 1
    head = fit_linear_head(model, rows, SPEAKERS)
    assert head.sharpness == 1
    predicted = torch.cat([model(**batch).logits for batch in rows]).flatten()
    assert torch.corrcoef(torch.stack([predicted, LABELS.float()]))[0, 1] > 0.9
    assert predicted.mean().item() == pytest.approx(1, abs=1e-4)  # of -1, 1 and 3


def test_what_it_is_not_for_is_refused():
    rows = batches(LABELS)
    with pytest.raises(ValueError, match="set fusion='shallow', not 'co_attention'"):
        fit_linear_head(emobert("wavlm"), rows)
    with pytest.raises(ValueError, match="not for 'multi_label_classification'"):
        fit_linear_head(emobert("wavlm", **OPTIONS, problem_type="multi_label_classification"), rows)
    with pytest.raises(ValueError, match="There are 3 groups for 24 rows"):
        fit_linear_head(emobert("wavlm", **OPTIONS), rows, ["a", "b", "c"])
    with pytest.raises(ValueError, match="no rows of training data"):
        fit_linear_head(emobert("wavlm", **OPTIONS), [])


@torch.no_grad()
def test_held_out_speakers_tell_how_speakers_differ():
    model, rows = emobert("wavlm", **OPTIONS), batches(LABELS)
    head = fit_linear_head(model, rows, SPEAKERS)
    assert head.speaker_statistics == "fitted"
    text, speech = (torch.cat([batch[f"encoded_{side}"].mean(1) for batch in rows]) for side in ("text", "speech"))
    features = {"text": text.double().numpy(), "speech": speech.double().numpy()}
    present = dict.fromkeys(features, np.ones(24, bool))
    choice = choose_ridge(features, present, np.eye(3)[LABELS], np.ones(24), SPEAKERS)
    expected = fit_speaker_statistics(head.sharpness * choice.predictions, LABELS, SPEAKERS, model.config)
    for name, values in expected.to_dict().items():
        np.testing.assert_allclose(model.config.speaker_statistics[name], values, atol=1e-4)


@pytest.mark.parametrize(
    ("speakers", "told"), [(None, "speakers are not known"), (["a", "b"] * 12, "there are 2 speakers, 24 utterances")]
)
@torch.no_grad()
def test_too_few_speakers_are_told_of(speakers, told):
    model = emobert("wavlm", **OPTIONS, temperature=2.0, speaker_statistics={"of": "the layer before"})
    head = fit_linear_head(model, batches(LABELS), speakers)
    assert told in head.speaker_statistics
    assert model.config.speaker_statistics is None and model.config.temperature is None
