import numpy as np
import pytest
import torch
from transformers import (
    AutoFeatureExtractor,
    AutoModelForAudioFrameClassification,
    SeamlessM4TFeatureExtractor,
    Wav2Vec2BertConfig,
    Wav2Vec2Config,
    Wav2Vec2FeatureExtractor,
    Wav2Vec2ForCTC,
    WavLMConfig,
)

from modeling_emo import EmotionRecognitionPipeline, FrameDiarizer
from tests.tiny import tiny_processor, tone
from tests.tiny_models import emobert


RATE = 16_000
SIZES = {
    **{"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16},
    **{"conv_dim": (8, 8), "conv_kernel": (10, 8), "conv_stride": (10, 16), "num_labels": 2},
    **{"num_conv_pos_embeddings": 4, "num_conv_pos_embedding_groups": 2},
}


@pytest.fixture(scope="module", params=[Wav2Vec2Config, WavLMConfig])
def folder(request, tmp_path_factory):
    """A small random model of frames of 10 ms."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("diarizer")
    AutoModelForAudioFrameClassification.from_config(request.param(**SIZES)).save_pretrained(folder)
    Wav2Vec2FeatureExtractor(do_normalize=False).save_pretrained(folder)
    return folder


@pytest.fixture
def diarize(folder):
    model = AutoModelForAudioFrameClassification.from_pretrained(folder)
    return FrameDiarizer(model, AutoFeatureExtractor.from_pretrained(folder), min_seconds=0.0)


def speak(monkeypatch, diarize, spans, frames=300):
    """Makes the logits of the real model those of these `(speaker, start, end)` in frames."""
    logits = torch.full((1, frames, 2), -4.0)
    for speaker, begin, end in spans:
        logits[0, begin:end, speaker] = 4.0
    monkeypatch.setattr(diarize.model.classifier, "forward", lambda states: logits[:, : states.shape[1]])


def test_turns_are_where_the_sigmoid_is_above_the_threshold(diarize):
    sound = {"raw": tone(1.0), "sampling_rate": RATE}
    probabilities = diarize.probabilities(sound)
    assert probabilities.shape == (100, 2)  # (16000 - 10) / 10 + 1 = 1600, (1600 - 8) / 16 + 1 = 100.5
    diarize.threshold = float(np.median(probabilities))
    turns = diarize(sound)
    covered = np.zeros_like(probabilities, dtype=bool)
    for turn in turns:
        begin, end = (round(turn[name] / 0.01) for name in ("start", "end"))
        assert turn["start"] == pytest.approx(begin * 0.01) and turn["end"] == pytest.approx(end * 0.01)
        covered[begin:end, int(turn["speaker"][-1])] = True
    assert (covered == (probabilities > diarize.threshold)).all()
    assert [turn["start"] for turn in turns] == sorted(turn["start"] for turn in turns)


def test_overlapping_turns_are_kept_through_the_pipeline(diarize, monkeypatch):
    speak(monkeypatch, diarize, [(0, 50, 150), (1, 120, 250), (0, 260, 262)])
    diarize.min_seconds = 0.1
    recognise = EmotionRecognitionPipeline(
        model=emobert("moonshine", id2label={0: "angry", 1: "happy", 2: "sad"}), processor=tiny_processor(), device=-1
    )
    result = recognise((tone(3.0), RATE), segmentation="turns", turns=diarize)
    assert [(chunk["timestamp"], chunk["speaker"]) for chunk in result["chunks"]] == [
        (pytest.approx((0.5, 1.5)), "speaker 0"),
        (pytest.approx((1.2, 2.5)), "speaker 1"),
    ]
    pair = (diarize.model, diarize.feature_extractor)
    assert recognise((tone(3.0), RATE), turns=pair)["chunks"] == result["chunks"]


def test_a_model_of_spectrograms(monkeypatch):
    """Its frames are spread over the sound."""
    sizes = {name: value for name, value in SIZES.items() if not name.startswith(("conv_", "num_conv"))}
    config = Wav2Vec2BertConfig(feature_projection_input_dim=16, conv_depthwise_kernel_size=3, **sizes)
    model = AutoModelForAudioFrameClassification.from_config(config)
    diarize = FrameDiarizer(model, SeamlessM4TFeatureExtractor(feature_size=8, num_mel_bins=8))
    speak(monkeypatch, diarize, [(1, 25, 75)])
    sound = {"raw": tone(2.0), "sampling_rate": RATE}
    assert len(diarize.probabilities(sound)) == 99  # 198 frames of 10 ms, by pairs
    (turn,) = diarize(sound)
    assert turn == {"start": pytest.approx(50 / 99), "end": pytest.approx(150 / 99), "speaker": "speaker 1"}
    diarize.frame_seconds = 0.02
    assert (diarize(sound)[0]["start"], diarize(sound)[0]["end"]) == (0.5, 1.5)


def test_what_is_refused(diarize, monkeypatch):
    with pytest.raises(ValueError, match="threshold must be a number between 0 and 1, got 1.5"):
        FrameDiarizer(diarize.model, diarize.feature_extractor, threshold=1.5)
    with pytest.raises(ValueError, match="hears 16000 Hz, and the recogniser 8000 Hz"):
        diarize({"raw": tone(1.0), "sampling_rate": 8_000})
    speak(monkeypatch, diarize, [])
    with pytest.raises(ValueError, match="Nobody speaks by the diarizer"):
        diarize({"raw": tone(1.0), "sampling_rate": RATE})


@pytest.mark.parametrize(
    ("sound", "message"),
    [
        (tone(0.5), "got ndarray without them"),
        ({"raw": tone(0.5)}, "got dict without them"),
        ({"raw": np.stack([tone(0.5)] * 2), "sampling_rate": RATE}, r"float32 of the shape \(2, 8000\)"),
        ({"raw": np.zeros(0, np.float32), "sampling_rate": RATE}, r"shape \(0,\)"),
        ({"raw": np.full(8_000, np.nan), "sampling_rate": RATE}, "finite floats"),
        ({"raw": np.ones(8_000, np.int16), "sampling_rate": RATE}, "got int16"),
    ],
)
def test_a_sound_of_another_kind_is_refused(diarize, sound, message):
    for call in (diarize, diarize.probabilities):
        with pytest.raises(ValueError, match=message):
            call(sound)


@pytest.mark.parametrize("threshold", ["0.5", None, 1.0, float("nan")])
def test_a_threshold_is_a_number_between_0_and_1(diarize, threshold):
    with pytest.raises(ValueError, match="threshold must be a number between 0 and 1, got"):
        FrameDiarizer(diarize.model, diarize.feature_extractor, threshold=threshold)


@pytest.mark.parametrize("samples", [1, 2, 20, 79])
def test_sounds_too_short_for_a_frame(diarize, samples):
    sound = {"raw": tone(1.0)[:samples], "sampling_rate": RATE}
    with pytest.raises(ValueError, match=rf"makes no frame of {samples} samples \(.* s\): give a longer sound"):
        diarize(sound)
    # The receptive field is 10 + (8 - 1) * 10 samples.
    assert diarize.probabilities({"raw": tone(1.0)[:80], "sampling_rate": RATE}).shape[1] == 2


def test_models_of_other_kinds(diarize):
    others = [
        torch.nn.Linear(2, 2),
        Wav2Vec2ForCTC(Wav2Vec2Config(**SIZES, vocab_size=5)),
        emobert("wav2vec2-layer-norm"),
        None,
    ]
    for other in others:
        with pytest.raises(ValueError, match=f"takes a model of AutoModelForAudio.*, got {type(other).__name__} and"):
            FrameDiarizer(other, diarize.feature_extractor)


@pytest.mark.parametrize("options", [{"min_seconds": -1}, {"frame_seconds": 0}, {"min_seconds": "1"}])
def test_durations_are_numbers(diarize, options):
    with pytest.raises(ValueError, match=f"{next(iter(options))} must be a number"):
        FrameDiarizer(diarize.model, diarize.feature_extractor, **options)
