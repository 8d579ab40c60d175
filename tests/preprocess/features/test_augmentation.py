"""Augmentation: what each kind of change does to a sound, and that it follows from seed, epoch and row alone."""

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from preprocess import EmoBertDataCollator, SpectrogramAugmentation, WaveformAugmentation, make_augmentation
from preprocess.features.augmentation import row_generator
from tests.tiny import tiny_feature_extractor, tiny_processor, tone


def augmented(waveform, seed=0, **options):
    return WaveformAugmentation(**{"probability": 1.0, **options})(waveform, np.random.default_rng(seed))


def level_db(values):
    return 10 * np.log10(np.mean(np.square(values, dtype=np.float64)))


class TestWaveform:
    @pytest.mark.parametrize("snr", [0.0, 10.0, 25.0])
    def test_noise_has_the_ratio(self, snr):
        sound = tone(0.5)
        noise = augmented(sound, noise_snr_db=(snr, snr)) - sound
        assert level_db(sound) - level_db(noise) == pytest.approx(snr, abs=1e-3)
        assert abs(np.corrcoef(noise[:-1], noise[1:])[0, 1]) < 0.05  # white
        assert augmented(np.zeros(100, np.float32), noise_snr_db=(0, 0)).any() == np.False_

    def test_ratios_are_drawn_from_the_range(self):
        sound = tone(0.2)
        found = [
            level_db(sound) - level_db(augmented(sound, seed, noise_snr_db=(5, 15)) - sound) for seed in range(200)
        ]
        assert 5 - 1e-3 <= min(found) < 6 and 14 < max(found) <= 15 + 1e-3
        assert np.mean(found) == pytest.approx(10, abs=4 * 10 / np.sqrt(12 * 200))

    @pytest.mark.parametrize("speed", [0.9, 1.0, 1.1, 1.37])
    def test_speed_changes_length_and_pitch(self, speed):
        time = np.arange(16_000) / 16_000
        sound = np.sin(2 * np.pi * 200 * time).astype(np.float32)
        changed = augmented(sound, speed=(speed, speed))
        assert len(changed) == round(16_000 / speed) and changed.dtype == np.float32
        expected = np.sin(2 * np.pi * 200 * speed * np.arange(len(changed)) / 16_000)
        assert np.abs(changed - expected)[200:-200].max() < 1e-3

    def test_gain(self):
        sound = tone(0.2)
        assert augmented(sound, gain_db=(-6, -6)) == pytest.approx(sound * 10 ** (-6 / 20), rel=1e-5)

    def test_time_masks_are_silent_stretches_within_their_limits(self):
        sound, widths = np.ones(1600, dtype=np.float32), []
        for seed in range(300):
            changed = augmented(sound, seed, time_mask_seconds=0.01, num_time_masks=1)
            silent = np.flatnonzero(changed == 0)
            widths.append(len(silent))
            assert len(silent) == 0 or silent[-1] - silent[0] + 1 == len(silent)
        assert max(widths) <= 160 and max(widths) > 150 and min(widths) < 10
        assert np.mean(widths) == pytest.approx(80, abs=4 * 160 / np.sqrt(12 * 300))
        shares = [(augmented(sound, seed, time_mask_seconds=9, num_time_masks=1) == 0).mean() for seed in range(100)]
        assert 0.19 < max(shares) <= 0.2

    def test_everything_is_off_until_it_is_given(self):
        sound = tone(0.1)
        assert np.array_equal(augmented(sound), sound)
        on = {"noise_snr_db": (5, 5), "gain_db": (3, 6), "speed": (0.9, 1.1), "num_time_masks": 2}
        assert np.array_equal(augmented(sound, probability=0.0, time_mask_seconds=0.05, **on), sound)

    def test_probability_is_that_of_each_kind(self):
        sound = np.ones(50, dtype=np.float32)
        options = {"speed": (2, 2), "gain_db": (6, 6), "probability": 0.3}
        results = [augmented(sound, seed, **options) for seed in range(1000)]
        faster = np.array([len(result) == 25 for result in results])
        louder = np.array([np.median(result) > 1.5 for result in results])
        deviation = 4 * np.sqrt(0.3 * 0.7 / 1000)
        assert faster.mean() == pytest.approx(0.3, abs=deviation)
        assert louder.mean() == pytest.approx(0.3, abs=deviation)
        assert (faster & louder).mean() == pytest.approx(0.09, abs=4 * np.sqrt(0.09 * 0.91 / 1000))

    def test_the_input_is_left_as_it_is(self):
        sound = tone(0.1)
        before = sound.copy()
        augmented(sound, noise_snr_db=(0, 0), time_mask_seconds=0.05, num_time_masks=3)
        assert np.array_equal(sound, before)


class TestSpectrogram:
    def test_masks_are_the_mean_of_the_sound(self):
        features = np.random.default_rng(0).normal(size=(60, 8)).astype(np.float32)
        times, bands = [], []
        for seed in range(200):
            augment = SpectrogramAugmentation(
                time_mask_frames=6, num_time_masks=1, frequency_mask_bins=3, num_frequency_masks=1, probability=1.0
            )
            changed = augment(features, 50, np.random.default_rng(seed))
            masked = changed != features
            assert not masked[50:].any()
            np.testing.assert_allclose(changed[masked], features[:50].mean(), rtol=1e-6)
            whole_rows, whole_columns = masked[:50].all(1), masked[:50].all(0)
            assert np.array_equal(masked[:50], whole_rows[:, None] | whole_columns)
            times.append(whole_rows.sum())
            bands.append(whole_columns.sum())
            for found in (np.flatnonzero(whole_rows), np.flatnonzero(whole_columns)):
                assert len(found) == 0 or found[-1] - found[0] + 1 == len(found)
        assert (min(times), max(times), min(bands), max(bands)) == (0, 6, 0, 3)

    def test_a_band_is_masked_in_both_stacked_frames(self):
        features = np.random.default_rng(0).normal(size=(10, 16)).astype(np.float32)
        augment = SpectrogramAugmentation(
            frequency_mask_bins=4, num_frequency_masks=1, probability=1.0, stacked_frames=2
        )
        widths = set()
        for seed in range(50):
            masked = augment(features, 10, np.random.default_rng(seed)) != features
            assert np.array_equal(masked[:, :8], masked[:, 8:])
            widths.add(int(masked[0].sum()))
        assert widths == {0, 2, 4, 6, 8}


KINDS = {
    "noise": {"noise_snr_db": [5, 20]},
    "speed": {"speed": [0.8, 1.25]},
    "gain": {"gain_db": [-6, 6]},
    "masks": {"time_mask_seconds": 0.01, "num_time_masks": 2},
}


def of_ones(seed, *kinds):
    """A constant sound, changed."""
    options = {name: value for kind in kinds for name, value in KINDS[kind].items()}
    augment = WaveformAugmentation(sampling_rate=16_000, **options)
    return augment(np.ones(1600, dtype=np.float32), np.random.default_rng(seed))


@pytest.mark.parametrize(
    ("kind", "other", "same"),
    [
        *(("speed", other, lambda both, alone: len(both) == len(alone)) for other in ("noise", "gain", "masks")),
        *(("masks", other, lambda both, alone: np.array_equal(both == 0, alone == 0)) for other in ("noise", "gain")),
        *((kind, "masks", lambda both, alone: np.all((both == 0) | (both == alone))) for kind in ("noise", "gain")),
    ],
)
def test_a_change_is_the_same_whatever_else_is_on(kind, other, same):
    changed = 0
    for seed in range(20):
        alone = of_ones(seed, kind)
        assert same(of_ones(seed, kind, other), alone)
        changed += not np.array_equal(alone, np.ones(1600))
    assert 5 <= changed <= 15


def test_bands_are_the_same_whatever_is_masked_in_time():
    features = np.random.default_rng(0).normal(size=(30, 12)).astype(np.float32)
    bands = {"frequency_mask_bins": 4, "num_frequency_masks": 1, "probability": 1.0}
    for seed in range(20):
        alone = SpectrogramAugmentation(**bands)(features, 30, np.random.default_rng(seed))
        both = SpectrogramAugmentation(**bands, time_mask_frames=5, num_time_masks=2)
        changed = both(features, 30, np.random.default_rng(seed))
        assert np.array_equal((changed != features).all(0), (alone != features).all(0))


def rows(count=6, column="input_values", seconds=0.02):
    sounds = [tone(seconds + 0.005 * index) for index in range(count)]
    return [
        {"id": f"row{index}", column: sound, "speech_length": len(sound), "labels": index}
        for index, sound in enumerate(sounds)
    ]


OPTIONS = {
    "noise_snr_db": [5, 20],
    "speed": [0.8, 1.25],
    "gain_db": [-6, 6],
    "time_mask_seconds": 0.004,
    "num_time_masks": 1,
    "probability": 0.7,
}


def collator(seed=0, kind="waveform"):
    processor = tiny_processor(kind)
    augmentation = make_augmentation(OPTIONS, processor.feature_extractor)
    return EmoBertDataCollator(processor, augmentation=augmentation, seed=seed)


def by_row(batches):
    """Each row's valid samples, by its label."""
    return {
        int(label): values[mask.bool()]
        for batch in batches
        for values, mask, label in zip(
            batch["input_values"], batch["speech_attention_mask"], batch["labels"], strict=True
        )
    }


class TestCollator:
    def test_a_row_does_not_depend_on_its_neighbours(self):
        data, collate = rows(), collator()
        together, alone = by_row([collate(data)]), by_row(collate([row]) for row in reversed(data))
        for index, row in enumerate(data):
            assert torch.equal(together[index], alone[index])
            generator = row_generator(0, 0, row["id"])
            expected = collate.augmentation(row["input_values"], generator)
            assert np.array_equal(together[index].numpy(), expected)
        assert any(len(together[index]) != row["speech_length"] for index, row in enumerate(data))

    def test_epochs_seeds_and_rows_differ_and_an_epoch_can_be_repeated(self):
        row = rows(1)[0]
        data = [{**row, "id": f"row{index}"} for index in range(8)]

        def epoch(number, seed=0):
            collate = collator(seed)
            collate.set_epoch(number)
            return by_row(collate([{**row, "labels": index}]) for index, row in enumerate(data))

        def same(first, second):
            return sum(len(first[i]) == len(second[i]) and torch.equal(first[i], second[i]) for i in range(8))

        assert same(epoch(3), epoch(3)) == 8
        assert same(epoch(3), epoch(4)) <= 1 and same(epoch(3), epoch(3, seed=1)) <= 1
        assert len({tuple(values.tolist()) for values in epoch(3).values()}) >= 7

    @pytest.mark.parametrize("persistent", [False, True])
    def test_data_workers_draw_the_same_in_every_epoch(self, persistent):
        data, with_workers, without = rows(), collator(), collator()
        loader = DataLoader(data, batch_size=2, num_workers=2, persistent_workers=persistent, collate_fn=with_workers)
        seen = []
        for epoch in range(3):
            with_workers.set_epoch(epoch)
            without.set_epoch(epoch)
            seen.append(by_row(loader))
            expected = by_row(without(data[start : start + 3]) for start in (0, 3))
            assert all(torch.equal(seen[-1][index], expected[index]) for index in range(6))
        assert any(not torch.equal(seen[0][index], seen[1][index]) for index in range(6))

    def test_a_normalising_extractor_normalises_what_was_changed(self):
        batch = collator(kind="normalized")([rows()[3]])
        values = batch["input_values"][0][batch["speech_attention_mask"][0].bool()]
        assert values.mean().item() == pytest.approx(0, abs=1e-5)
        assert values.std(correction=0).item() == pytest.approx(1, abs=1e-4)

    @pytest.mark.parametrize("kind", ["mel", "whisper"])
    def test_log_mel_features(self, kind):
        processor = tiny_processor(kind)
        options = {"time_mask_frames": 4, "num_time_masks": 2, "frequency_mask_bins": 2, "num_frequency_masks": 1}
        augmentation = make_augmentation({**options, "probability": 1.0}, processor.feature_extractor)
        assert augmentation.stacked_frames == (2 if kind == "mel" else 1)
        values, length = processor.extract_features(tone(0.5))
        row = {"id": "a", "input_features": values, "speech_length": length}
        plain = EmoBertDataCollator(processor)([row])
        changed = EmoBertDataCollator(processor, augmentation=augmentation)([row])
        assert torch.equal(plain["speech_attention_mask"], changed["speech_attention_mask"])
        differs = plain["input_features"] != changed["input_features"]
        assert differs.any()
        frames = differs.any(1 if kind == "whisper" else 2)
        assert not (frames & (changed["speech_attention_mask"] == 0)).any()

    def test_rows_without_speech_stay_so(self):
        data = [{"id": "a", "input_ids": [2, 3], "input_values": [], "labels": 0}, rows(1)[0]]
        batch = collator()(data)
        assert batch["speech_attention_mask"][0].sum() == 0

    @pytest.mark.parametrize("column", ["speech_input_ids", "encoded_speech"])
    def test_what_is_no_sound_is_refused(self, column):
        values = np.arange(4) if column == "speech_input_ids" else np.ones((4, 2), dtype=np.float32)
        with pytest.raises(ValueError, match=f"the rows have '{column}': leave augmentation out"):
            collator()([{"id": "a", column: values}])

    def test_rows_need_an_id(self):
        with pytest.raises(ValueError, match="needs the column `id`"):
            collator()([{**rows(1)[0], "id": None}])


@pytest.mark.parametrize(
    ("options", "kind", "message"),
    [
        ({"nois": 1}, "waveform", "Unknown augmentation nois .*valid are noise_snr_db, speed"),
        ({"speed": [0.9, 1.1]}, "whisper", "Unknown augmentation speed for the input_features .*time_mask_frames"),
        ({"sampling_rate": 8000}, "waveform", "Unknown augmentation sampling_rate"),
        ({"speed": [1.1, 0.9]}, "waveform", "speed must be \\[low, high\\]"),
        ({"speed": [0, 1]}, "waveform", "speed must be above 0"),
        ({"gain_db": 3}, "waveform", "gain_db must be \\[low, high\\], got 3"),
        ({"probability": 1.5}, "waveform", "probability must be at most 1"),
        ({"num_time_masks": -1}, "mel", "num_time_masks must not be negative"),
    ],
)
def test_options_that_do_not_fit(options, kind, message):
    with pytest.raises(ValueError, match=message):
        make_augmentation(options, tiny_feature_extractor(kind))
