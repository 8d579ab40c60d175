"""Ridge regression against scikit-learn, and the choice of penalty and shares."""

import numpy as np
import pytest
from sklearn.linear_model import Ridge as ReferenceRidge
from sklearn.preprocessing import StandardScaler

from modeling_emo.finetuning.ridge import choose_ridge, fit_ridge


HALF = {"text": 0.5, "speech": 0.5}


def data(rows=60, text=4, speech=6, seed=0):
    generator = np.random.default_rng(seed)
    features = {
        "text": 3 + generator.normal(size=(rows, text)) * [1, 10, 0.1, 2],
        "speech": generator.normal(size=(rows, speech)) - 5,
    }
    present = {name: np.ones(rows, dtype=bool) for name in features}
    return features, present, generator


@pytest.mark.parametrize("rows", [60, 7])  # more rows than features, and fewer
@pytest.mark.parametrize("shares", [{"text": 1.0, "speech": 0.0}, {"text": 0.2, "speech": 0.8}])
def test_it_is_scikit_learns_on_scaled_features(rows, shares):
    features, present, generator = data(rows)
    targets, weights = generator.normal(size=(rows, 3)), generator.uniform(0.1, 2, rows)
    blocks = [
        StandardScaler().fit_transform(values, sample_weight=weights) * np.sqrt(shares[name] / values.shape[1])
        for name, values in features.items()
    ]
    scaled = np.concatenate(blocks, axis=1)
    for penalty, fit in zip(
        (0.1, 2.0), fit_ridge(features, present, targets, weights, shares, (0.1, 2.0)), strict=True
    ):
        expected = ReferenceRidge(alpha=penalty).fit(scaled, targets, sample_weight=weights).predict(scaled)
        np.testing.assert_allclose(fit.predict(features, present), expected, atol=1e-8)


def test_a_constant_feature_weighs_nothing():
    features, present, generator = data()
    features["text"][:, 1] = 7.0
    fit = fit_ridge(features, present, generator.normal(size=(60, 1)), np.ones(60), HALF, [1.0])[0]
    assert fit.weights["text"][1] == 0 and np.abs(fit.weights["text"][0]) > 0


def test_a_row_that_lacks_a_kind_gets_nothing_from_it():
    features, present, generator = data()
    targets = generator.normal(size=(60, 2))
    present["text"][:20] = False
    fit = fit_ridge(features, present, targets, np.ones(60), HALF, [1.0])[0]
    np.testing.assert_allclose(fit.means["text"], features["text"][20:].mean(0))
    other = {**features, "text": np.where(present["text"][:, None], features["text"], 1e6)}
    again = fit_ridge(other, present, targets, np.ones(60), HALF, [1.0])[0]
    np.testing.assert_allclose(again.weights["speech"], fit.weights["speech"])
    expected = fit.bias + (features["speech"][:20] - fit.means["speech"]) @ fit.weights["speech"]
    np.testing.assert_allclose(fit.predict(other, present)[:20], expected)


class TestChoice:
    def planted(self, of_text, of_speech, seed=0):
        """Ten speakers of twelve rows, whose targets follow from the kinds as told."""
        features, present, generator = data(120, seed=seed)
        speakers = np.repeat(np.arange(10), 12)
        targets = of_text * (features["text"][:, :1] - 3) + of_speech * (features["speech"][:, :1] + 5)
        targets = targets + 0.5 * generator.normal(size=(120, 1))
        return features, present, targets, np.ones(120), speakers

    @pytest.mark.parametrize("seed", range(5))
    def test_a_kind_that_says_nothing_is_left_out(self, seed):
        assert choose_ridge(*self.planted(0, 1, seed)).shares == {"text": 0.0, "speech": 1.0}
        assert choose_ridge(*self.planted(1, 0, seed)).shares == {"text": 1.0, "speech": 0.0}

    @pytest.mark.parametrize("seed", range(5))
    def test_two_kinds_that_each_carry_half_are_both_used(self, seed):
        choice = choose_ridge(*self.planted(1, 1, seed))
        assert min(choice.shares.values()) > 0
        assert choice.error < 0.6 * min(choice.errors.values())

    def test_predictions_are_of_fits_without_the_group(self):
        features, present, targets, weights, speakers = self.planted(0, 1)
        choice = choose_ridge({"speech": features["speech"]}, present, targets, weights, speakers, penalties=[0.5])
        rest = speakers != 3
        one, here = {"speech": features["speech"][rest]}, {"speech": rest[rest]}
        fit = fit_ridge(one, here, targets[rest], weights[rest], {"speech": 1}, [0.5])[0]
        expected = fit.predict({"speech": features["speech"][~rest]}, {"speech": ~rest[~rest]})
        np.testing.assert_allclose(choice.predictions[~rest], expected)
        assert choice.error == pytest.approx(np.square(choice.predictions - targets).mean())

    @pytest.mark.parametrize("width", [6, 200])  # fewer features than rows, and more
    def test_predictions_of_two_kinds_are_of_fits_without_the_group(self, width):
        features, present, targets, weights, speakers = self.planted(1, 1)
        noise = np.random.default_rng(7).normal(size=(120, width))
        features["speech"] = np.concatenate([features["speech"], 0.1 * noise], axis=1)
        present["text"][::7] = False
        weights = np.where(speakers < 5, 0.5, 1.5)
        choice = choose_ridge(features, present, targets, weights, speakers, penalties=[0.1, 0.5])
        assert min(choice.shares.values()) > 0
        rest = speakers != 3
        fit = fit_ridge(
            {name: values[rest] for name, values in features.items()},
            {name: mask[rest] for name, mask in present.items()},
            targets[rest],
            weights[rest],
            choice.shares,
            [choice.penalty],
        )[0]
        expected = fit.predict(
            {name: values[~rest] for name, values in features.items()},
            {name: mask[~rest] for name, mask in present.items()},
        )
        np.testing.assert_allclose(choice.predictions[~rest], expected)

    def test_the_penalty_with_the_least_error_is_taken(self):
        features, present, targets, weights, speakers = self.planted(0, 1)
        one = {"speech": features["speech"]}
        errors = {
            penalty: choose_ridge(one, present, targets, weights, speakers, [penalty]).error for penalty in (0.1, 1e3)
        }
        assert errors[0.1] < errors[1e3]
        assert choose_ridge(one, present, targets, weights, speakers, [1e3, 0.1]).penalty == 0.1

    def test_without_groups_rows_are_held_out(self):
        features, present, targets, weights, _ = self.planted(0, 1)
        choice = choose_ridge(features, present, targets, weights)
        assert choice.shares["speech"] == 1 and choice.error < 0.5
        with pytest.raises(ValueError, match="at least 2 are needed, there are 1"):
            choose_ridge({"speech": np.ones((1, 2))}, {"speech": np.ones(1, bool)}, np.ones((1, 1)), np.ones(1))
