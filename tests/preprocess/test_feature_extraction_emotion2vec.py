"""What emotion2vec is given: its own normalisation, for each clip by itself."""

import json

import numpy as np
import pytest
from transformers import AutoFeatureExtractor, Wav2Vec2FeatureExtractor

from preprocess import EmoBertProcessor, Emotion2VecFeatureExtractor
from tests.emotion2vec_fixtures import reference_clips, tiny_config
from tests.tiny import tiny_tokenizer


QUIET = 5  # -76 dBFS


def normalised(clip):
    """In float64, written out."""
    clip = clip.astype(np.float64)
    return (clip - np.mean(clip)) / np.sqrt(np.mean((clip - np.mean(clip)) ** 2) + 1e-5)


@pytest.fixture
def extractor():
    return Emotion2VecFeatureExtractor()


@pytest.mark.parametrize("clip", range(7))
def test_mean_and_variance_of_a_clip(extractor, clip):
    waveform = reference_clips()[clip]
    output = extractor(waveform, sampling_rate=16_000, return_tensors="np")
    assert output["input_values"].dtype == np.float32
    np.testing.assert_allclose(output["input_values"][0], normalised(waveform), rtol=0, atol=2e-6)


def test_a_quiet_clip_stays_quiet(extractor):
    """Transformers' own extractor makes it as loud as any other."""
    waveform = reference_clips()[QUIET]
    ours = extractor(waveform, sampling_rate=16_000, return_tensors="np")["input_values"]
    theirs = Wav2Vec2FeatureExtractor()(waveform, sampling_rate=16_000, return_tensors="np")["input_values"]
    assert waveform.std() < 1e-3
    np.testing.assert_allclose(ours.std(), waveform.std() / np.sqrt(waveform.var() + 1e-5), rtol=1e-4)
    assert ours.std() < 0.2 and theirs.std() > 0.4


def test_silence_is_silence(extractor):
    assert extractor(np.zeros(500), sampling_rate=16_000, return_tensors="np")["input_values"].tolist() == [
        [0.0] * 500
    ]


@pytest.mark.parametrize("padding", [{"padding": True}, {"padding": "max_length", "max_length": 20_000}])
def test_a_row_of_a_batch_is_the_clip_alone(extractor, padding):
    clips = reference_clips()
    batch = extractor(clips, sampling_rate=16_000, return_tensors="np", **padding)
    assert batch["attention_mask"].sum(1).tolist() == [len(clip) for clip in clips]
    for row, clip in enumerate(clips):
        alone = extractor(clip, sampling_rate=16_000, return_tensors="np")["input_values"][0]
        np.testing.assert_allclose(batch["input_values"][row, : len(clip)], alone, rtol=0, atol=1e-6)
        assert not batch["input_values"][row, len(clip) :].any()


def test_padding_that_is_not_zero(extractor):
    quiet = Emotion2VecFeatureExtractor(padding_value=-1.0)
    batch = quiet(reference_clips()[3:5], sampling_rate=16_000, padding=True, return_tensors="np")
    np.testing.assert_allclose(batch["input_values"][1, :400], normalised(reference_clips()[4]), rtol=0, atol=2e-6)
    assert (batch["input_values"][1, 400:] == -1).all()


def test_without_normalisation(extractor):
    clips = reference_clips()[:2]
    batch = Emotion2VecFeatureExtractor(do_normalize=False)(clips, sampling_rate=16_000, padding=True)
    np.testing.assert_array_equal(batch["input_values"][1][: len(clips[1])], clips[1])


def test_other_forms_of_waveforms(extractor):
    clip = reference_clips()[4]
    expected = extractor(clip, sampling_rate=16_000, return_tensors="np")["input_values"]
    for given in (clip.astype(np.float64), clip.tolist(), [clip], clip[None]):
        actual = extractor(given, sampling_rate=16_000, return_tensors="np")["input_values"]
        assert actual.dtype == np.float32
        np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-6)


def test_whole_numbers_are_refused(extractor):
    samples = (reference_clips()[4] * 32768).astype(np.int16)
    for given in (samples, [samples, samples], samples[None]):
        with pytest.raises(ValueError, match="floats at full scale 1, got int16. Divide 16-bit samples by 32768"):
            extractor(given, sampling_rate=16_000)


def test_another_rate_is_refused(extractor):
    with pytest.raises(ValueError, match="8000"):
        extractor(reference_clips()[4], sampling_rate=8_000)


def test_it_is_saved_with_its_code(extractor, tmp_path):
    Emotion2VecFeatureExtractor(do_normalize=False).save_pretrained(tmp_path)
    saved = json.loads((tmp_path / "preprocessor_config.json").read_text())
    assert saved["auto_map"] == {"AutoFeatureExtractor": "feature_extraction_emotion2vec.Emotion2VecFeatureExtractor"}
    assert {path.name for path in tmp_path.glob("*.py")} == {"feature_extraction_emotion2vec.py", "hub_code.py"}
    loaded = AutoFeatureExtractor.from_pretrained(tmp_path)
    assert type(loaded) is Emotion2VecFeatureExtractor
    assert (loaded.do_normalize, loaded.return_attention_mask, loaded.sampling_rate) == (False, True, 16_000)
    loaded.save_pretrained(tmp_path / "again")
    assert json.loads((tmp_path / "again" / "preprocessor_config.json").read_text()) == saved


def test_a_folder_without_a_file_of_the_extractor_has_the_usual_one(tmp_path):
    tiny_config().save_pretrained(tmp_path)
    (tmp_path / "preprocessor_config.json").write_text("{}")
    assert type(AutoFeatureExtractor.from_pretrained(tmp_path)) is Emotion2VecFeatureExtractor


def test_in_the_processor(extractor):
    """Rows of a batch of both modalities, normalised as the extractor does."""
    processor = EmoBertProcessor(extractor, tiny_tokenizer())
    clips = [reference_clips()[QUIET], reference_clips()[0]]
    batch = processor(text=["how nice", None], audio=clips, sampling_rate=16_000, return_tensors="np")
    assert batch["speech_attention_mask"].sum(1).tolist() == [len(clip) for clip in clips]
    for row, clip in enumerate(clips):
        actual = batch["input_values"][row, : len(clip)]
        np.testing.assert_allclose(actual, normalised(clip), rtol=0, atol=2e-6)
